// SPDX-License-Identifier: GPL-2.0-only
//! Which packaging a tree has: the vendor's, in the folder that `debian/debian.env` names, or none, and
//! then the bundled one is laid over it.

use anyhow::Result;
use git2::{ObjectType, Oid, Repository};

/// A tree's packaging.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packaging {
    /// Ubuntu's, with its folder: `debian.master`, `debian.aws`, …
    Ubuntu { dir: String },
    /// This repository's own, from `xtask/packaging/`.
    Bundled,
}

impl Packaging {
    /// Looks at a tree.
    ///
    /// # Errors
    /// `debian/debian.env` names no folder that one could use.
    pub fn of(repo: &Repository, tree: Oid) -> Result<Self> {
        let Some(env) = text(repo, tree, "debian/debian.env")? else { return Ok(Packaging::Bundled) };
        let dir = folder(&env)?;
        // Ours has the same layout, and configurations in place of annotations.
        if text(repo, tree, &format!("{dir}/config/annotations"))?.is_none() {
            return Ok(Packaging::Bundled);
        }
        Ok(Packaging::Ubuntu { dir })
    }

    /// Is it the vendor's?
    pub fn is_ubuntu(&self) -> bool {
        *self != Packaging::Bundled
    }

    /// The folder with rules, changelog and flavours.
    pub fn dir(&self) -> &str {
        match self {
            Packaging::Ubuntu { dir } => dir,
            Packaging::Bundled => "debian.master",
        }
    }
}

/// The packaging folder that the text of `debian/debian.env` names.
///
/// # Errors
/// It names no folder that one could use.
pub fn folder(env: &str) -> Result<String> {
    let dir = env.lines().find_map(|l| l.trim().strip_prefix("DEBIAN=")).unwrap_or("").trim().to_owned();
    let good = dir.strip_prefix("debian.").is_some_and(|d| {
        !d.is_empty() && d.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c)) && !d.contains("..")
    });
    if !good {
        fail!(Input, "debian/debian.env names the packaging folder `{dir}`, which is none");
    }
    Ok(dir)
}

/// The text of a file in a tree, if it is there.
///
/// # Errors
/// It is not UTF-8.
pub fn text(repo: &Repository, tree: Oid, path: &str) -> Result<Option<String>> {
    let Ok(entry) = repo.find_tree(tree)?.get_path(path.as_ref()) else { return Ok(None) };
    if entry.kind() != Some(ObjectType::Blob) {
        return Ok(None);
    }
    match String::from_utf8(repo.find_blob(entry.id())?.content().to_vec()) {
        Ok(text) => Ok(Some(text)),
        Err(_) => fail!(Input, "{path} in the tree is not UTF-8"),
    }
}

/// As [`text`], for a file that has to be there.
///
/// # Errors
/// It is not there.
pub fn required(repo: &Repository, tree: Oid, path: &str) -> Result<String> {
    match text(repo, tree, path)? {
        Some(text) => Ok(text),
        None => fail!(Input, "the tree has no {path}"),
    }
}
