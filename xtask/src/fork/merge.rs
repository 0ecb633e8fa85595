// SPDX-License-Identifier: GPL-2.0-only
//! Which files are merged by what they mean, where merging their lines has failed.
//!
//! Only chooses; the merging is `formats/`'s. The replay asks here, and so does the merge driver for plain
//! git. A text that cannot be read as its format is no error: it is a conflict like any other.

use git2::{Oid, Repository};

use crate::formats::annotations::Annotations;
use crate::formats::{changelog_merge, control, FormatError};

/// Three versions of a file.
pub struct Texts<'a> {
    pub base: &'a [u8],
    pub ours: &'a [u8],
    pub theirs: &'a [u8],
}

/// The merged file; `None` for a true conflict, or a file that means nothing to us. `trees` are where the
/// three versions come from: annotations may include other files.
pub fn by_meaning(repo: &Repository, path: &str, texts: &Texts, trees: [Oid; 3]) -> Option<Vec<u8>> {
    let text = |bytes| std::str::from_utf8(bytes).ok();
    let (base, ours, theirs) = (text(texts.base)?, text(texts.ours)?, text(texts.theirs)?);
    let (folder, name) = path.rsplit_once('/')?;
    if !folder.split('/').next().is_some_and(|top| top == "debian" || top.starts_with("debian.")) {
        return None;
    }
    let merged = if name == "changelog" {
        changelog_merge::merge(base, ours, theirs)?
    } else if folder.ends_with("/config") && name.starts_with("annotations") {
        let read = |text: &str, tree: Oid| Annotations::parse(text, path, &|path| include(repo, tree, path)).ok();
        read(ours, trees[1])?.merged(&read(base, trees[0])?, &read(theirs, trees[2])?)?.to_text()
    } else if name.starts_with("control") || name.contains(".stub") {
        control::merge(base, ours, theirs)?
    } else {
        return None;
    };
    Some(merged.into_bytes())
}

fn include(repo: &Repository, tree: Oid, path: &str) -> Result<String, FormatError> {
    let read = || {
        let entry = repo.find_tree(tree).ok()?.get_path(path.as_ref()).ok()?;
        String::from_utf8(repo.find_blob(entry.id()).ok()?.content().to_vec()).ok()
    };
    read().ok_or_else(|| FormatError::new(path, "the tree has no such file"))
}
