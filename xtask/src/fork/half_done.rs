// SPDX-License-Identifier: GPL-2.0-only
//! A move of the work tree that did not come to its end (a full disk, a kill): how it is shown, and the one command
//! that finishes it. `switch.rs` makes such moves and finishes them; nothing here changes anything.

use anyhow::Result;
use camino::Utf8Path;
use git2::{Oid, Repository};

use super::backup::short;
use super::driver;
use super::tree::changes;
use super::work_tree::{content, whole};
use crate::effects::{under_way, Move};
use crate::error::{self, Failure};
use crate::ui::count;

/// What finishes any move, whatever command began it.
const FINISH: &str = "rebase --continue";
/// How many paths a message names.
const NAMED: usize = 3;

/// A move that has begun.
pub struct HalfDone {
    /// The command that began it.
    what: String,
    /// The branch that HEAD is to be on.
    branch: Option<String>,
    new: String,
    /// Files of the work tree that are not yet as they are to be.
    paths: Vec<String>,
    /// The process that is at work on it.
    owner: Option<u32>,
}

impl HalfDone {
    /// The one of this work tree.
    ///
    /// # Errors
    /// An object or a file cannot be read.
    pub fn of(repo: &Repository, root: &Utf8Path) -> Result<Option<Self>> {
        let Some(found) = under_way(repo)? else { return Ok(None) };
        let (old, new) = trees(repo, &found.step)?;
        let mut paths = Vec::new();
        for change in changes(repo, old, new)? {
            if content(&change.path.on(root))? != whole(repo, change.new)? {
                paths.push(change.path.to_string());
            }
        }
        let Move { branch, new, .. } = found.step;
        Ok(Some(Self { what: found.what, branch, new, paths, owner: found.owner }))
    }

    /// Where it was going, and how far it came.
    pub fn sentences(&self) -> [String; 2] {
        let to = match &self.branch {
            Some(branch) => format!("`{}` ({:.12})", short(branch), self.new),
            None => format!("{:.12}", self.new),
        };
        let named: Vec<String> = self.paths.iter().take(NAMED).map(|path| format!("`{path}`")).collect();
        let more = match self.paths.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let paths = match self.paths.len() {
            0 => "all files are updated".to_owned(),
            n => format!("{} not updated: {}{more}", count(n, "file"), named.join(", ")),
        };
        let ended = match self.owner {
            Some(pid) => format!("process {pid} is at work on it"),
            None => "it ended before that was done".to_owned(),
        };
        [format!("`{}` moves the work tree to {to}; {ended}", self.what), paths]
    }

    /// The error of a command that waits for it to be finished.
    ///
    /// # Errors
    /// The repository's path is not UTF-8.
    pub fn refusal(&self, repo: &Repository) -> Result<anyhow::Error> {
        let [where_to, _] = self.sentences();
        let hint =
            self.command(repo)?.map_or("wait for it to end".to_owned(), |command| format!("`{command}` finishes it"));
        Ok(Failure::new(error::Kind::Repository, where_to).hint(hint).into())
    }

    /// The command that finishes it; none while a process is at work.
    ///
    /// # Errors
    /// The repository's path is not UTF-8.
    pub fn command(&self, repo: &Repository) -> Result<Option<String>> {
        let paths = self.paths.iter().map(String::as_str);
        Ok(if self.owner.is_none() { Some(format!("{} {FINISH}", driver::tool(repo, paths)?)) } else { None })
    }
}

/// The trees of a move: what was checked out, and what is to be.
///
/// # Errors
/// An object is not there.
pub(super) fn trees(repo: &Repository, step: &Move) -> Result<(Oid, Oid)> {
    let tree = |id: &str| -> Result<Oid> { Ok(repo.find_commit(Oid::from_str(id)?)?.tree_id()) };
    let files = step.files.as_ref().map_or_else(|| tree(&step.new), |id| Ok(Oid::from_str(id)?))?;
    Ok((tree(&step.old)?, files))
}

/// The error of a move that has begun, with the command that finishes it.
pub(super) fn failed(repo: &Repository, error: anyhow::Error) -> anyhow::Error {
    let (Ok(Some(found)), Some(kind)) = (under_way(repo), error::kind(&error)) else { return error };
    let place = found.step.branch.as_deref().map_or_else(|| format!("{:.12}", found.step.new), |b| short(b).to_owned());
    let hint = match error::hint(&error) {
        Some(first) => format!("{first}; then `cargo xtask {FINISH}` finishes it"),
        None => format!("`cargo xtask {FINISH}` finishes it, once that cause is gone"),
    };
    let failure = Failure::new(kind, format!("the work tree is on its way to {place} and not whole yet"));
    error.context(failure.hint(hint))
}
