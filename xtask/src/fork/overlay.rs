// SPDX-License-Identifier: GPL-2.0-only
//! Laying files over a vendor tree, as git trees: `git add` would heed the vendor's `.gitignore`, which
//! hides `.cargo`, `.ci` and much else.

use anyhow::Result;
use git2::{FileMode, Oid, Tree};

use crate::effects::Session;
use crate::workspace::{files_of, Workspace, OURS};

/// Files to write over a tree: path, content, executable.
pub type Files = Vec<(String, Vec<u8>, bool)>;

/// `base` with `files` written over it.
///
/// # Errors
/// A path leads through a file.
pub fn lay(session: &Session, base: Oid, files: &Files) -> Result<Oid> {
    let mut changes = Vec::new();
    for (path, bytes, executable) in files {
        let mode = if *executable { FileMode::BlobExecutable } else { FileMode::Blob };
        changes.push((path.clone(), Some((mode, session.blob(bytes)?))));
    }
    session.tree_with(&session.repo.find_tree(base)?, &changes)
}

/// `base` without the files `gone`.
///
/// # Errors
/// Those of git.
pub fn without(session: &Session, base: Oid, gone: &[String]) -> Result<Oid> {
    let changes: Vec<_> = gone.iter().map(|path| (path.clone(), None)).collect();
    session.tree_with(&session.repo.find_tree(base)?, &changes)
}

/// The vendor's tree `vendor` with this repository's own files, as they stand in the commit `head`.
///
/// # Errors
/// The vendor has one of these paths already.
pub fn ours_over(session: &Session, workspace: &Workspace, head: &Tree, vendor: Oid) -> Result<Oid> {
    let flavours = workspace.settings.flavours.iter();
    let paths = OURS.iter().map(|p| (*p).to_owned()).chain(flavours.flat_map(|(name, f)| files_of(name, f)));
    let vendor = session.repo.find_tree(vendor)?;
    let mut changes = Vec::new();
    for path in paths {
        let Ok(entry) = head.get_path(path.as_ref()) else { continue };
        if vendor.get_path(path.as_ref()).is_ok_and(|theirs| theirs.id() != entry.id()) {
            fail!(Repository, "the vendor's tree has a `{path}` of its own"; "rename ours: the two cannot both stand there");
        }
        let mode = match entry.filemode() {
            0o040_000 => FileMode::Tree,
            0o100_755 => FileMode::BlobExecutable,
            0o120_000 => FileMode::Link,
            _ => FileMode::Blob,
        };
        changes.push((path, Some((mode, entry.id()))));
    }
    session.tree_with(&vendor, &changes)
}
