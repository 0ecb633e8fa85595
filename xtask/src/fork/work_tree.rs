// SPDX-License-Identifier: GPL-2.0-only
//! What git does not know and an update of the work tree would remove or write over. git itself protects it in its own
//! merges alone, and only what no `.gitignore` hides: a vendor's may hide every new file (Debian's ends in `/*`). Never
//! removes a directory's content.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use camino::Utf8Path;
use git2::{Oid, Repository};

use super::tree::{changes, Change};
use crate::effects::Effects;

const SUBMODULE: i32 = 0o160_000;

/// Makes sure that an update of the work tree from one tree to another meets nothing that git does not know, ignored
/// or not. Whoever updates it asks before anything moves.
///
/// # Errors
/// Something is in the way: named.
pub fn free(repo: &Repository, root: &Utf8Path, old: Oid, new: Oid) -> Result<()> {
    let all = changes(repo, old, new)?;
    let known: BTreeSet<&str> = all.iter().filter(|c| c.old.is_some()).map(|c| c.path.as_str()).collect();
    for change in all.iter().filter(|change| change.new.is_some()) {
        if let Some(found) = met(root, change, &known)? {
            fail!(Repository, "`{found}` is in the place of `{}`, and git does not know it: it would be lost", change.path;
                "move it elsewhere and run this again; nothing has changed");
        }
    }
    Ok(())
}

/// What stands in the place of a file that is to be written.
fn met(root: &Utf8Path, change: &Change, known: &BTreeSet<&str>) -> Result<Option<String>> {
    let unknown = |path: &&str| {
        let meta = root.join(path).symlink_metadata();
        meta.is_ok_and(|meta| !meta.is_dir()) && !known.contains(path)
    };
    if let Some(file) = above(&change.path).find(unknown) {
        return Ok(Some(file.to_owned()));
    }
    if change.old.is_none() && unknown(&change.path.as_str()) {
        return Ok(Some(change.path.clone()));
    }
    // A submodule that changes keeps its directory.
    let submodule = |entry: Option<(i32, Oid)>| entry.is_some_and(|(mode, _)| mode == SUBMODULE);
    if submodule(change.old) && submodule(change.new) {
        return Ok(None);
    }
    // Behind a link that goes, nothing is this work tree's.
    if above(&change.path).any(|dir| root.join(dir).is_symlink()) {
        return Ok(None);
    }
    own(root, &change.path, known)
}

/// The first file or directory of the user's own that stands in the place of one of these files: below a
/// directory of that name, or behind a link on the way to it. `known` are files that the same update writes.
///
/// # Errors
/// A directory cannot be read.
pub fn in_the_way(root: &Utf8Path, files: &[&str], known: &BTreeSet<&str>) -> Result<Option<String>> {
    for file in files {
        if let Some(link) = above(file).find(|dir| root.join(dir).is_symlink()) {
            return Ok(Some(link.to_owned()));
        }
        if let Some(found) = own(root, file, known)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The first thing below the directory `path` that is no known file; a repository counts as one thing.
fn own(root: &Utf8Path, path: &str, known: &BTreeSet<&str>) -> Result<Option<String>> {
    let at = root.join(path);
    if at.is_symlink() || !at.is_dir() {
        return Ok(None);
    }
    for entry in at.read_dir_utf8().with_context(|| format!("cannot read {at}"))? {
        let name = entry?.file_name().to_owned();
        let below = format!("{path}/{name}");
        let directory = fs_err::symlink_metadata(root.join(&below))?.is_dir();
        if name == ".git" || (!directory && !known.contains(below.as_str())) {
            return Ok(Some(below));
        }
        if let Some(found) = directory.then(|| own(root, &below, known)).transpose()?.flatten() {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Removes one file that git knew, and the directories above it that are empty then, as git does. A directory in
/// its place (a submodule's) goes only where it is empty.
///
/// # Errors
/// The file cannot be removed.
pub fn remove(fx: &Effects, root: &Utf8Path, file: &str) -> Result<()> {
    if above(file).any(|dir| root.join(dir).is_symlink()) {
        return Ok(());
    }
    let path = root.join(file);
    match path.symlink_metadata() {
        Ok(meta) if meta.is_dir() => fx.remove_empty_dir(&path)?,
        Ok(_) => drop(fx.remove(&path)?),
        Err(_) => return Ok(()),
    }
    for dir in above(file).collect::<Vec<_>>().into_iter().rev() {
        fx.remove_empty_dir(&root.join(dir))?;
    }
    Ok(())
}

/// The directories on the way to a file, the outermost first.
fn above(file: &str) -> impl Iterator<Item = &str> {
    file.match_indices('/').map(|(at, _)| &file[..at])
}
