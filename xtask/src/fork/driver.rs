// SPDX-License-Identifier: GPL-2.0-only
//! The merge driver for plain git: merging by meaning in a `git rebase`, `merge` or `cherry-pick` by hand.
//!
//! Its program is a copy of this one in the git directory, since the work tree may hold the vendor's files
//! alone while it is needed. It is set up in the repository's own configuration and attributes.

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use git2::Repository;
use xshell::cmd;

use super::merge::{by_meaning, Texts};
use super::tree;
use crate::effects::{Effects, Run};
use crate::workspace::SETTINGS;

/// The driver's name in configuration and attributes.
const NAME: &str = "kernel-fork";
/// How git calls it, by a shell: from wherever the repository is by then.
const CALL: &str =
    "\"$(git rev-parse --path-format=absolute --git-common-dir)\"/kernel-fork-driver merge-driver %O %A %B %P";
const FILES: [&str; 4] = ["changelog", "config/annotations*", "control*", "control.d/*.stub"];

/// Where the driver is: this program as it was when it was last set up.
///
/// # Errors
/// The path is not UTF-8.
pub fn program(repo: &Repository) -> Result<Utf8PathBuf> {
    let common = Utf8Path::from_path(repo.commondir()).context("the repository's path is not UTF-8")?;
    Ok(common.canonicalize_utf8().with_context(|| format!("cannot find {common}"))?.join("kernel-fork-driver"))
}

/// How this tool is called while these paths of the work tree are not what they shall be: it may be one of them, and
/// cannot be built then.
///
/// # Errors
/// The path is not UTF-8.
pub fn tool<'a>(repo: &Repository, mut paths: impl Iterator<Item = &'a str>) -> Result<String> {
    let own = |path: &str| [SETTINGS, "Cargo.lock"].contains(&path) || path.starts_with("xtask/");
    Ok(if paths.any(own) { program(repo)?.into_string() } else { "cargo xtask".to_owned() })
}

/// Sets the driver up.
///
/// # Errors
/// The git directory cannot be written.
pub fn set(fx: &Effects, repo: &Repository) -> Result<()> {
    let program = program(repo)?;
    let common = program.parent().context("a git directory has a path")?.to_owned();
    let own = Utf8PathBuf::try_from(std::env::current_exe()?)?;
    // A link where that is possible: cargo makes a new file, and never writes into the old one.
    let new = common.join("kernel-fork-driver.new");
    let link = fx.change(&new, Run::from(cmd!(fx.sh, "cp --force --link {own} {new}")).any_status())?;
    if link == crate::effects::Did::Done && !new.is_file() {
        fx.change(&new, cmd!(fx.sh, "cp --force {own} {new}"))?;
    }
    fx.rename(&new, &program)?;
    for (key, value) in [("name", "merge by meaning"), ("driver", CALL)] {
        fx.change(&common, fx.git(&common).args(["config", &format!("merge.{NAME}.{key}"), value]))?;
    }
    let file = common.join("info/attributes");
    let mut text = fs_err::read_to_string(&file).unwrap_or_default();
    let missing: Vec<String> = FILES
        .iter()
        .flat_map(|name| ["debian", "debian.*"].map(|top| format!("/{top}/{name} merge={NAME}\n")))
        .collect();
    for line in missing {
        if !text.contains(&line) {
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            text.push_str(&line);
        }
    }
    fx.create_dir(common.join("info"))?;
    fx.write(file, text)?;
    Ok(())
}

/// What git calls the driver with: three files, of which `ours` takes the result, and the path in the tree.
///
/// # Errors
/// A conflict: then `ours` has the marks.
pub fn merge(fx: &Effects, base: &Utf8Path, ours: &Utf8Path, theirs: &Utf8Path, path: &str) -> Result<()> {
    let read = |file: &Utf8Path| fs_err::read(file).with_context(|| format!("cannot read {file}"));
    let (before, now, after) = (read(base)?, read(ours)?, read(theirs)?);
    let merged = merged(path, &Texts { base: &before, ours: &now, theirs: &after });
    if let Ok(Some(merged)) = &merged {
        fx.write(ours, merged)?;
        return Ok(());
    }
    // Also where nothing could be tried (the conflict of a rebase is merged aside, in no repository): a file
    // without marks looks as if it were merged.
    let marks = cmd!(fx.sh, "git merge-file -L ours -L base -L theirs {ours} {base} {theirs}");
    if fx.output(ours, Run::from(marks).any_status())?.is_some_and(|said| said.status.success()) {
        return Ok(());
    }
    merged?;
    fail!(Check, "{path} cannot be merged by what it means: both sides changed the same")
}

fn merged(path: &str, texts: &Texts) -> Result<Option<Vec<u8>>> {
    // libgit2 is not ready for anything before a repository is open.
    let repo = Repository::discover(".").context("this is no git repository")?;
    if let Some(merged) = tree::lines(texts)? {
        return Ok(Some(merged));
    }
    let head = repo.head()?.peel_to_tree()?.id();
    Ok(by_meaning(&repo, path, texts, [head; 3]))
}
