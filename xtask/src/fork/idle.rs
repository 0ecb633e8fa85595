// SPDX-License-Identifier: GPL-2.0-only
//! Is anything under way in the repository that a move of its branch would run into? Asked by every command
//! that moves one, through `branch::current` and `branch::clean`, and by `build`.

use anyhow::Result;
use git2::{Repository, RepositoryState};

use super::stopped::Stopped;

/// Makes sure that neither a rebase of ours nor an operation of git's is under way.
///
/// # Errors
/// One is ([`Kind::Repository`](crate::error::Kind)); it is named with what ends it.
pub fn idle(repo: &Repository) -> Result<()> {
    no_rebase(repo)?;
    let Some((operation, end)) = operation(repo) else { return Ok(()) };
    fail!(Repository, "a `git {operation}` is under way in this repository"; "finish it, or give it up with `git {operation} {end}`");
}

/// Makes sure that no rebase of ours has stopped: until it is finished, HEAD is a part of a branch.
///
/// # Errors
/// One has.
pub fn no_rebase(repo: &Repository) -> Result<()> {
    if let Some(stopped) = Stopped::read(repo)?.filter(|s| !s.is_over(repo)) {
        fail!(Repository, "the {} has stopped and waits to be finished", stopped.what;
            "`cargo xtask rebase --status` shows it; `--continue`, `--skip` and `--abort` end it");
    }
    Ok(())
}

/// git's command that is under way, and its option that gives it up.
fn operation(repo: &Repository) -> Option<(&'static str, &'static str)> {
    match repo.state() {
        // Between two picks there is no CHERRY_PICK_HEAD, and libgit2 looks at nothing else.
        RepositoryState::Clean => sequence(repo).map(|command| (command, "--abort")),
        RepositoryState::Merge => Some(("merge", "--abort")),
        RepositoryState::Revert | RepositoryState::RevertSequence => Some(("revert", "--abort")),
        RepositoryState::CherryPick | RepositoryState::CherryPickSequence => Some(("cherry-pick", "--abort")),
        RepositoryState::Bisect => Some(("bisect", "reset")),
        RepositoryState::Rebase | RepositoryState::RebaseInteractive | RepositoryState::RebaseMerge => {
            Some(("rebase", "--abort"))
        }
        RepositoryState::ApplyMailbox | RepositoryState::ApplyMailboxOrRebase => Some(("am", "--abort")),
    }
}

/// The command whose remaining commits are listed in git's `sequencer/todo`.
pub fn sequence(repo: &Repository) -> Option<&'static str> {
    let todo = fs_err::read(repo.path().join("sequencer/todo")).ok()?;
    Some(if todo.starts_with(b"revert") { "revert" } else { "cherry-pick" })
}
