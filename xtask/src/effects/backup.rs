// SPDX-License-Identifier: GPL-2.0-only
//! Backup refs: where a branch was before it moved, and where before a rebase was taken back.
//!
//! `refs/fork/backup/BRANCH/N`, the newest with the greatest N, is what `rebase --undo` goes back to;
//! `refs/fork/undone/BRANCH/N` likewise. `refs/fork/backup/BRANCH/N-CAUSE` is made by the session for every other
//! move of a branch. They keep their commits from git's clean-up, and are not pushed unless asked for.

use anyhow::Result;
use git2::{Oid, Repository};

use super::RefMove;

/// One of them.
pub struct Backup {
    pub number: u32,
    pub name: String,
    pub commit: Oid,
}

/// The two kinds.
pub const BACKUP: &str = "refs/fork/backup";
pub const UNDONE: &str = "refs/fork/undone";

/// Those of the branch `refs/heads/…` that a rebase made, the newest first.
///
/// # Errors
/// The refs cannot be read.
pub fn list(repo: &Repository, kind: &str, branch: &str) -> Result<Vec<Backup>> {
    let mut found = all(repo, kind, branch)?;
    found.retain(|b| b.name.ends_with(&format!("/{}", b.number)));
    Ok(found)
}

/// Those of the branch `refs/heads/…`, whatever made them, the newest first.
///
/// # Errors
/// The refs cannot be read.
pub fn all(repo: &Repository, kind: &str, branch: &str) -> Result<Vec<Backup>> {
    let mut found = Vec::new();
    let prefix = format!("{kind}/{}/", short(branch));
    for reference in repo.references_glob(&format!("{prefix}*"))? {
        let reference = reference?;
        let (Some(name), Some(commit)) = (reference.name(), reference.target()) else { continue };
        let number = name.strip_prefix(&prefix).map(|n| n.split_once('-').map_or(n, |(number, _)| number));
        if let Some(number) = number.and_then(|n| n.parse().ok()) {
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
    let last = all(repo, kind, branch)?.first().map_or(0, |b| b.number);
    Ok(format!("{kind}/{}/{}", short(branch), last + 1))
}

/// The backups that `moves` need and do not make themselves: name and commit.
///
/// # Errors
/// The refs cannot be read.
pub(super) fn missing(repo: &Repository, moves: &[RefMove]) -> Result<Vec<(String, Oid)>> {
    let mut missing = Vec::new();
    for m in moves.iter().filter(|m| m.name.starts_with("refs/heads/") && m.old != m.new) {
        let Some(old) = m.old else { continue };
        let mut kept = all(repo, BACKUP, m.name)?;
        kept.extend(all(repo, UNDONE, m.name)?);
        kept.retain(|b| b.commit == old && !moves.iter().any(|m| m.name == b.name));
        let made = moves.iter().any(|m| m.name.starts_with("refs/fork/") && m.new == Some(old));
        if kept.is_empty() && !made {
            missing.push((format!("{}-{}", next(repo, BACKUP, m.name)?, slug(m.why)), old));
        }
    }
    Ok(missing)
}

/// The cause of a move as a part of a ref's name.
fn slug(why: &str) -> String {
    let words = why.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_lowercase()
}

/// The branch's name as people say it.
pub fn short(branch: &str) -> &str {
    branch.strip_prefix("refs/heads/").unwrap_or(branch)
}
