// SPDX-License-Identifier: GPL-2.0-only
//! Files of the work tree that an update removes or writes by path. git protects what it does not know only in
//! its own merges; where a path is removed or forced, this module does. Never removes a directory's content.

use std::collections::BTreeSet;

use anyhow::Result;
use camino::Utf8Path;

use crate::effects::Effects;

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
    for entry in at.read_dir_utf8()? {
        let name = entry?.file_name().to_owned();
        let below = format!("{path}/{name}");
        let directory = root.join(&below).symlink_metadata()?.is_dir();
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
