// SPDX-License-Identifier: GPL-2.0-only
//! Backup refs: where a branch was before a rebase, and where before it was taken back.
//!
//! `refs/fork/backup/BRANCH/N`, the newest with the greatest N; `refs/fork/undone/BRANCH/N` likewise. They
//! keep their commits from git's clean-up, and are not pushed unless asked for.

use anyhow::Result;
use git2::{Oid, Repository};

/// One of them.
pub struct Backup {
    pub number: u32,
    pub name: String,
    pub commit: Oid,
}

/// The two kinds.
pub const BACKUP: &str = "refs/fork/backup";
pub const UNDONE: &str = "refs/fork/undone";

/// Those of the branch `refs/heads/…`, the newest first.
///
/// # Errors
/// The refs cannot be read.
pub fn list(repo: &Repository, kind: &str, branch: &str) -> Result<Vec<Backup>> {
    let mut found = Vec::new();
    let prefix = format!("{kind}/{}/", short(branch));
    for reference in repo.references_glob(&format!("{prefix}*"))? {
        let reference = reference?;
        let (Some(name), Some(commit)) = (reference.name(), reference.target()) else { continue };
        if let Some(number) = name.strip_prefix(&prefix).and_then(|n| n.parse().ok()) {
            found.push(Backup { number, name: name.to_owned(), commit });
        }
    }
    found.sort_by_key(|b| std::cmp::Reverse(b.number));
    Ok(found)
}

/// The name of the next one.
///
/// # Errors
/// The refs cannot be read.
pub fn next(repo: &Repository, kind: &str, branch: &str) -> Result<String> {
    let last = list(repo, kind, branch)?.first().map_or(0, |b| b.number);
    Ok(format!("{kind}/{}/{}", short(branch), last + 1))
}

/// The branch's name as people say it.
pub fn short(branch: &str) -> &str {
    branch.strip_prefix("refs/heads/").unwrap_or(branch)
}
