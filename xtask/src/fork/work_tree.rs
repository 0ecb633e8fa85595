// SPDX-License-Identifier: GPL-2.0-only
//! What git does not know and an update of the work tree would remove or write over. git itself protects it in its own
//! merges alone, and only what no `.gitignore` hides: a vendor's may hide every new file (Debian's ends in `/*`). Never
//! removes a directory's content.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::{Context, Result};
use camino::Utf8Path;
use git2::{Oid, Repository};

use super::tree::{changes, Change, Entry};
use crate::effects::{Effects, TreePath};

const SUBMODULE: i32 = 0o160_000;

/// Makes sure that an update of the work tree from one tree to another meets nothing that git does not know, ignored
/// or not. Whoever updates it asks before anything moves.
///
/// # Errors
/// Something is in the way: named.
pub fn free(repo: &Repository, root: &Utf8Path, old: Oid, new: Oid) -> Result<()> {
    let all = changes(repo, old, new)?;
    let known: BTreeSet<&TreePath> = all.iter().filter(|c| c.old.is_some()).map(|c| &c.path).collect();
    for change in all.iter().filter(|change| change.new.is_some()) {
        if let Some(found) = met(root, change, &known)? {
            fail!(Repository, "`{found}` is in the place of `{}`, and git does not know it: it would be lost", change.path;
                "move it elsewhere and run this again; nothing has changed");
        }
    }
    Ok(())
}

/// What stands in the place of a file that is to be written.
fn met(root: &Utf8Path, change: &Change, known: &BTreeSet<&TreePath>) -> Result<Option<TreePath>> {
    let unknown = |path: &TreePath| {
        let meta = path.on(root).symlink_metadata();
        meta.is_ok_and(|meta| !meta.is_dir()) && !known.contains(path)
    };
    if let Some(file) = change.path.above().find(unknown) {
        return Ok(Some(file));
    }
    if change.old.is_none() && unknown(&change.path) {
        return Ok(Some(change.path.clone()));
    }
    // git takes a directory that is there for a submodule's, with all that is in it.
    if change.new.is_some_and(|(mode, _)| mode == SUBMODULE) {
        return Ok(None);
    }
    // Behind a link that goes, nothing is this work tree's.
    if change.path.above().any(|dir| dir.on(root).is_symlink()) {
        return Ok(None);
    }
    own(root, &change.path, known)
}

/// The first file or directory of the user's own that stands in the place of one of these files: below a
/// directory of that name, or behind a link on the way to it. `known` are files that the same update writes.
///
/// # Errors
/// A directory cannot be read.
pub fn in_the_way(root: &Utf8Path, files: &[&TreePath], known: &BTreeSet<&TreePath>) -> Result<Option<TreePath>> {
    for file in files {
        if let Some(link) = file.above().find(|dir| dir.on(root).is_symlink()) {
            return Ok(Some(link));
        }
        if let Some(found) = own(root, file, known)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The first thing below the directory `path` that is no known file; a repository counts as one thing.
fn own(root: &Utf8Path, path: &TreePath, known: &BTreeSet<&TreePath>) -> Result<Option<TreePath>> {
    let at = path.on(root);
    if at.is_symlink() || !at.is_dir() {
        return Ok(None);
    }
    for entry in fs_err::read_dir(&at)? {
        let name = entry?.file_name();
        let below = TreePath::of(&[path.bytes(), b"/"].concat(), name.as_bytes());
        let directory = fs_err::symlink_metadata(below.on(root))?.is_dir();
        if name == ".git" || (!directory && !known.contains(&below)) {
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
/// The file cannot be removed; its name is not UTF-8.
pub fn remove(fx: &Effects, root: &Utf8Path, file: &TreePath) -> Result<()> {
    if file.above().any(|dir| dir.on(root).is_symlink()) {
        return Ok(());
    }
    let Ok(meta) = file.on(root).symlink_metadata() else { return Ok(()) };
    let Some(text) = file.text() else {
        fail!(Repository, "`{file}` has to be removed, and its name is not UTF-8"; "remove it (`ls --escape` shows the name) and run this again");
    };
    let path = root.join(text);
    if meta.is_dir() {
        fx.remove_empty_dir(&path)?;
    } else {
        fx.remove(&path)?;
    }
    for dir in Utf8Path::new(text).ancestors().skip(1).filter(|dir| !dir.as_str().is_empty()) {
        fx.remove_empty_dir(&root.join(dir))?;
    }
    Ok(())
}

/// A file's content with git's own line ends, or where a link leads; `None` where there is none.
pub(super) fn content(path: &Path) -> Result<Option<Vec<u8>>> {
    let bytes = match path.symlink_metadata() {
        Err(_) => return Ok(None),
        Ok(meta) if meta.is_symlink() => fs_err::read_link(path)?.into_os_string().into_encoded_bytes(),
        Ok(meta) if meta.is_dir() => return Ok(None),
        Ok(_) => fs_err::read(path).with_context(|| format!("cannot read {}", path.display()))?,
    };
    Ok(Some(unix(bytes)))
}

/// The content that an entry of a tree is to have; `None` where there is none.
pub(super) fn whole(repo: &Repository, entry: Option<Entry>) -> Result<Option<Vec<u8>>> {
    match entry {
        // A submodule's directory is not ours to look into.
        None | Some((SUBMODULE, _)) => Ok(None),
        Some((_, id)) => Ok(Some(unix(repo.find_blob(id)?.content().to_vec()))),
    }
}

/// `core.autocrlf` may have changed line ends on the way out.
fn unix(bytes: Vec<u8>) -> Vec<u8> {
    if !bytes.contains(&b'\r') {
        return bytes;
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().peekable();
    while let Some(byte) = rest.next() {
        if *byte != b'\r' || rest.peek().is_some_and(|next| **next != b'\n') {
            out.push(*byte);
        }
    }
    out
}
