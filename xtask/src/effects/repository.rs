// SPDX-License-Identifier: GPL-2.0-only
//! Opening a repository: every command does it here, so what libgit2 cannot work with is refused here, with its own
//! cause, before anything is read.
//!
//! git is the reference. A repository that git works with and this program does not gets the git command that changes
//! it.

use std::collections::HashSet;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use git2::{Config, ErrorCode, Index, ObjectType, Odb, Oid, Repository};

use super::quote;
use crate::error::{Failure, Kind};

/// The remote that `graft-history` adds, from which git fetches blobs that were left out: only the vendor's history, which no command reads, lacks objects of it.
pub const HISTORY_REMOTE: &str = "fork-history";

/// Opens the repository whose work tree is `path` itself, never that of a directory above it. All that its branch
/// consists of is there.
///
/// # Errors
/// There is none; it has no work tree, or another one; its format is not readable; it is a partial clone.
pub fn repository(path: &Utf8Path) -> Result<Repository> {
    let repo = open(path)?;
    has_work_tree(path, &repo)?;
    is_whole(path, &repo)?;
    Ok(repo)
}

/// Opens a repository for its objects alone: a bare one of our own.
///
/// # Errors
/// There is none; its format is not readable.
pub fn bare(path: &Utf8Path) -> Result<Repository> {
    open(path)
}

fn open(path: &Utf8Path) -> Result<Repository> {
    let repo = opened(path)?;
    // libgit2 reads the index wherever it looks for attributes, and fails where that is split or sparse. The index is
    // git's own alone.
    repo.set_index(&mut Index::new()?)?;
    Ok(repo)
}

fn opened(path: &Utf8Path) -> Result<Repository> {
    Repository::open(path).or_else(|error| match error.code() {
        ErrorCode::NotFound => {
            fail!(Input, "`{path}` has no .git: a downloaded archive is not enough"; "`git clone` makes a repository")
        }
        // The owner of the other work tree was looked at.
        ErrorCode::Owner if elsewhere(path).is_some() => Err(not_here(path)),
        // git refuses it too, since its hooks and settings are that user's.
        ErrorCode::Owner => {
            fail!(Repository, "the repository `{path}` belongs to another user"; "`git config --global --add safe.directory {}` trusts it", quote(path))
        }
        _ => {
            let hint = format(path, error.message());
            let failure = Failure::new(Kind::Repository, format!("the repository `{path}` cannot be opened"));
            Err(error).context(failure.hint(hint))
        }
    })
}

/// The way out for a repository of a format that libgit2 refuses with these words.
fn format(path: &Utf8Path, refused: &str) -> String {
    let at = quote(path);
    let extension = refused.split("extensions.").nth(1).map(|name| name.trim_end_matches('\'')).unwrap_or_default();
    match extension {
        "refstorage" => format!(
            "this program reads refs that are files: `git clone --ref-format=files {at} DIR` makes such a clone; git 2.48 or newer changes this one, `git -C {at} refs migrate --ref-format=files`"
        ),
        "partialclone" => format!(
            "`git -C {at} config remote.origin.promisor true && git -C {at} config --unset extensions.partialClone` says the same as git does today"
        ),
        "" if refused.contains("object format") => {
            "a fork's commit ids are SHA-1: start from a clone of a repository that was made with `git init --object-format=sha1`"
                .to_owned()
        }
        "" => format!("`git -C {at} status` has to work"),
        other => format!("this program cannot work with the setting `extensions.{other}` of that repository"),
    }
}

/// Makes sure that `path` is the work tree, as git has it.
fn has_work_tree(path: &Utf8Path, repo: &Repository) -> Result<()> {
    let Some(work_tree) = repo.workdir() else {
        if path.join(".git").exists() {
            fail!(Repository, "the setting `core.bare` of the repository `{path}` says that it has no work tree";
                "`git -C {} config core.bare false`", quote(path));
        }
        fail!(Input, "`{path}` is a bare repository: it has no work tree";
            "`git clone {} DIR` makes one with a work tree", quote(path));
    };
    match (work_tree.canonicalize(), path.canonicalize()) {
        (Ok(work_tree), Ok(path)) if work_tree == path => Ok(()),
        _ => Err(not_here(path)),
    }
}

/// The work tree that `core.worktree` names, where it is not `path`.
fn elsewhere(path: &Utf8Path) -> Option<Utf8PathBuf> {
    let git_dir = path.join(".git");
    let named = Config::open(git_dir.join("config").as_std_path()).ok()?.get_string("core.worktree").ok()?;
    let named = git_dir.join(named);
    (named.canonicalize_utf8().ok() != path.canonicalize_utf8().ok()).then_some(named)
}

fn not_here(path: &Utf8Path) -> anyhow::Error {
    let other = elsewhere(path).map_or_else(String::new, |other| format!(": `{other}`"));
    let message = format!("the setting `core.worktree` of the repository `{path}` names another work tree{other}");
    Failure::new(Kind::Repository, message)
        .hint(format!("`git -C {} config --unset core.worktree`", quote(path.join(".git"))))
        .into()
}

/// Makes sure that a partial clone lacks nothing of the branch that is checked out: libgit2 fetches no object when
/// it is needed, as git does.
fn is_whole(path: &Utf8Path, repo: &Repository) -> Result<()> {
    let Some(remote) = promisor(repo)? else { return Ok(()) };
    let Ok(head) = repo.head().and_then(|head| head.peel_to_commit()) else { return Ok(()) };
    let Some(missing) = missing(repo, head)? else { return Ok(()) };
    let (at, remote) = (quote(path), quote(remote));
    fail!(Repository, "the repository `{path}` is a partial clone: `{remote}` has left out what the branch needs ({missing:.12} is the first object that is not here)";
        "`git -C {at} fetch --refetch --no-filter {remote} && git -C {at} config --unset remote.{remote}.partialclonefilter` fetches all (git 2.36 or newer); or clone again without `--filter`")
}

/// The remote that has left objects out, other than the vendor's history.
fn promisor(repo: &Repository) -> Result<Option<String>> {
    let config = repo.config()?;
    let mut found: Vec<String> = Vec::new();
    config.entries(Some(r"^remote\..*\.promisor$"))?.for_each(|entry| {
        let name = entry.name().and_then(|key| key.strip_prefix("remote.")?.strip_suffix(".promisor"));
        found.extend(name.filter(|name| *name != HISTORY_REMOTE).map(str::to_owned));
    })?;
    let main = found.iter().position(|name| name == "origin").unwrap_or(0);
    Ok((!found.is_empty()).then(|| found.swap_remove(main)))
}

/// The first object that a line of commits lacks, from its tip down to the first merge, root, or end of a shallow
/// clone.
fn missing(repo: &Repository, tip: git2::Commit) -> Result<Option<Oid>> {
    let (odb, mut seen, mut at) = (repo.odb()?, HashSet::new(), tip);
    loop {
        if let Some(missing) = missing_below(repo, &odb, at.tree_id(), &mut seen)? {
            return Ok(Some(missing));
        }
        match at.parent(0) {
            Ok(parent) if at.parent_count() == 1 => at = parent,
            _ => return Ok(None),
        }
    }
}

fn missing_below(repo: &Repository, odb: &Odb, tree: Oid, seen: &mut HashSet<Oid>) -> Result<Option<Oid>> {
    if !seen.insert(tree) {
        return Ok(None);
    }
    if !odb.exists(tree) {
        return Ok(Some(tree));
    }
    for entry in &repo.find_tree(tree)? {
        let missing = match entry.kind() {
            Some(ObjectType::Tree) => missing_below(repo, odb, entry.id(), seen)?,
            Some(ObjectType::Blob) if seen.insert(entry.id()) && !odb.exists(entry.id()) => Some(entry.id()),
            // A submodule's commit is in another repository.
            _ => None,
        };
        if missing.is_some() {
            return Ok(missing);
        }
    }
    Ok(None)
}
