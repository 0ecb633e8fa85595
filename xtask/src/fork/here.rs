// SPDX-License-Identifier: GPL-2.0-only
//! The commit, branch and fork that are checked out, for commands that judge or move them.
//!
//! Commands read HEAD through this module alone (a test looks): while a rebase is stopped, HEAD is a part of a branch,
//! and whatever is said of it is wrong for the branch. What works in that state reads [`Stopped`](super::stopped)
//! instead: `rebase --continue` and its like, and `status`.

use anyhow::{Context, Result};
use camino::Utf8Path;
use git2::{Commit, Oid, Repository};

use super::branch;
use super::half_done::HalfDone;
use super::history::History;
use super::idle::{idle, no_rebase};

/// The commit that is checked out.
///
/// # Errors
/// A rebase has stopped; there is no commit yet.
pub fn commit(repo: &Repository) -> Result<Commit<'_>> {
    no_rebase(repo)?;
    repo.head().and_then(|head| head.peel_to_commit()).context("this repository has no commit yet")
}

/// The tree of that commit.
///
/// # Errors
/// As [`commit`].
pub fn tree(repo: &Repository) -> Result<Oid> {
    Ok(commit(repo)?.tree_id())
}

/// The fork that is checked out, on a branch or not.
///
/// # Errors
/// A rebase has stopped; it is no fork's, or cannot be read.
pub fn history(repo: &Repository) -> Result<History> {
    History::read(repo, commit(repo)?.id())
}

/// The fork branch that is checked out, with `refs/heads/`, as something that may move.
///
/// # Errors
/// A rebase, an operation of git's or a move of the work tree is under way; no branch is checked out; it is no fork's.
pub fn fork_branch(repo: &Repository, root: &Utf8Path) -> Result<(String, History)> {
    idle(repo)?;
    if let Some(half) = HalfDone::of(repo, root)? {
        return Err(half.refusal(repo)?);
    }
    Ok((branch::current(repo)?, history(repo)?))
}

#[cfg(test)]
mod tests {
    /// Files that read HEAD themselves, and why they may.
    const READ_HEAD: &[&str] = &[
        "fork/here.rs",
        "effects/repository.rs", // whether objects of it are missing, in whatever state
        "fork/branch.rs",        // the name of the branch, for here.rs
        "fork/stopped.rs",       // the rebase that is stopped
        "commands/resume.rs",    // likewise
        "fork/rebase.rs",        // after the branch has moved
        "fork/driver.rs",        // git merges by it, in whatever state
        "commands/status.rs",    // shows every state
        "commands/follow.rs",    // a commit that CI has checked out, after idle()
        "commands/fork.rs",      // what a killed run was to check out
    ];

    #[test]
    fn no_other_file_reads_head() {
        let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
        let mut left = vec![root.to_owned()];
        while let Some(path) = left.pop() {
            if path.is_dir() {
                left.extend(fs_err::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                continue;
            }
            let text = fs_err::read_to_string(&path).unwrap_or_default();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            assert!(!code.contains(".head()") || READ_HEAD.contains(&name), "{name} reads HEAD: see fork/here.rs");
        }
    }
}
