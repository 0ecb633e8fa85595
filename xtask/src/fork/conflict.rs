// SPDX-License-Identifier: GPL-2.0-only
//! What a person finds where a commit does not apply: the files with git's conflict marks in them, and what
//! git's index says of them.
//!
//! Git itself merges (renames found, drivers called) in an index and a directory aside, so the work tree gets
//! the outcome in one update that can be finished after a kill, and never loses what the person changed.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use camino::Utf8Path;
use fs_err as fs;
use git2::{FileMode, Oid, Repository};

use super::tree::Updates;
use crate::effects::{Effects, Run, TreePath};
use crate::error::Kind;

/// What the work tree and the index are to hold.
pub struct Marked {
    /// The tree whose files have the marks.
    pub tree: Oid,
    /// Lines for `git update-index --index-info`: the versions of each file in conflict.
    pub unmerged: Vec<String>,
}

/// Merges `commit` into the commit `onto`; both have to be stored. `updates` are what the merge by meaning
/// has solved.
///
/// # Errors
/// git cannot merge.
pub fn mark(fx: &Effects, repo: &Repository, onto: Oid, commit: Oid, updates: &Updates) -> Result<Marked> {
    let git_dir = Utf8Path::from_path(repo.path()).context("the repository's path is not UTF-8")?;
    let scratch = fx.scratch("conflict")?;
    let (aside, index) = (scratch.join("tree"), scratch.join("index"));
    fs::create_dir(&aside)?;
    let git = |args: &[&str]| {
        // Line ends and filters are for the person's work tree.
        let plain = ["-c", "core.autocrlf=false", "-c", "core.eol=lf", "-c", "core.symlinks=true"];
        let git = fx.git(&aside).args(plain).args(args);
        git.env("GIT_DIR", git_dir).env("GIT_WORK_TREE", &aside).env("GIT_INDEX_FILE", &index)
    };
    let found = repo.find_commit(commit)?;
    let (base, ours, theirs) = (found.parent_id(0)?.to_string(), onto.to_string(), commit.to_string());
    fx.read(git(&["read-tree", &ours]))?;
    let label = format!("{commit:.12} ({})", super::message::summary(fx, repo, commit));
    let merge = git(&["merge-recursive", &base, "--", &ours, &theirs])
        .env(format!("GITHEAD_{ours}"), "HEAD")
        .env(format!("GITHEAD_{theirs}"), label);
    let status = fx.read(Run::from(merge).any_status())?.status;
    if !matches!(status.code(), Some(0 | 1)) {
        fail!(Repository, "git cannot merge {commit:.12}: {status}"; "`cargo xtask --verbose rebase TAG` shows the command");
    }

    let solved: BTreeMap<&TreePath, Option<(FileMode, Oid)>> = updates.iter().map(|(p, u)| (p, *u)).collect();
    let listed = fx.read(git(&["ls-files", "--unmerged", "-z"]))?.stdout;
    let odd = listed.split(|byte| *byte == 0).find(|line| std::str::from_utf8(line).is_err());
    if let Some(path) = odd.and_then(|line| line.splitn(2, |byte| *byte == b'\t').nth(1)) {
        fail!(Repository, "{commit:.12} does not apply: `{}`, whose name is not UTF-8", TreePath::from(path);
            "rename the file in that commit with `git rebase --interactive`, or take the change to it out");
    }
    let listed = String::from_utf8(listed).unwrap_or_default();
    let unmerged: Vec<String> = listed
        .split_terminator('\0')
        .filter(|line| line.split_once('\t').is_some_and(|(_, path)| !solved.contains_key(&TreePath::from(path))))
        .map(str::to_owned)
        .collect();

    // The index as it would be were the files with their marks added.
    let mut lines = Vec::new();
    let mut seen: Option<&str> = None;
    for line in &unmerged {
        let Some((entry, path)) = line.split_once('\t') else { continue };
        if seen.replace(path) == Some(path) {
            continue;
        }
        lines.extend(none(path.as_bytes()));
        if entry.starts_with("160000 ") {
            // A submodule stays at ours: its directory is not to go, and there is nothing to mark in it.
            let ours = unmerged.iter().find(|l| l.ends_with(&format!(" 2\t{path}"))).unwrap_or(line);
            lines.extend(format!("{} 0\t{path}\0", &ours[..47]).bytes());
            continue;
        }
        let file = aside.join(path);
        if let Ok(kind) = file.symlink_metadata() {
            let (mode, bytes) = match kind.file_type() {
                t if t.is_symlink() => ("120000", fs::read_link(&file)?.into_os_string().into_encoded_bytes()),
                t if t.is_file() => (entry.split(' ').next().unwrap_or("100644"), fs::read(&file)?),
                _ => continue,
            };
            let write = Run::from(git(&["hash-object", "-w", "--no-filters", "--stdin"])).stdin(bytes);
            lines.extend(format!("{mode} {} 0\t{path}\0", fx.read(write)?.text()).bytes());
        }
    }
    for (path, update) in &solved {
        lines.extend(none(path.bytes()));
        if let Some((mode, id)) = update {
            lines.extend(entry(i32::from(*mode), *id, path));
        }
    }
    fx.read(Run::from(git(&["update-index", "-z", "--index-info"])).stdin(lines))?;
    let written = Run::from(git(&["write-tree"])).or(Kind::Repository, "`git fsck` says what is missing");
    Ok(Marked { tree: Oid::from_str(&fx.read(written)?.text())?, unmerged })
}

/// The line that takes a path out of the index, at whatever stages it is there.
pub fn none(path: &[u8]) -> Vec<u8> {
    [format!("0 {}\t", Oid::zero()).as_bytes(), path, b"\0"].concat()
}

/// The line that puts a path into the index.
pub fn entry(mode: i32, id: Oid, path: &TreePath) -> Vec<u8> {
    [format!("{mode:o} {id} 0\t").as_bytes(), path.bytes(), b"\0"].concat()
}
