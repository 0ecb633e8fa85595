// SPDX-License-Identifier: GPL-2.0-only
//! Replaying the lab's commits in memory, by libgit2: no work tree, no index file, any git version.

use anyhow::Result;
use git2::{MergeOptions, Oid};

use crate::effects::Session;

/// Puts `commits` (oldest first) on top of `onto` and returns the new tip. A commit that stands there
/// already keeps its id. Author, dates and message are kept.
///
/// # Errors
/// A commit does not apply: named, with the files in conflict.
pub fn replay(session: &Session, onto: Oid, commits: &[Oid]) -> Result<Oid> {
    let repo = session.repo;
    let mut tip = onto;
    for id in commits {
        let commit = repo.find_commit(*id)?;
        let parent = commit.parent(0)?;
        if parent.id() == tip {
            tip = *id;
            continue;
        }
        let ours = repo.find_commit(tip)?.tree()?;
        let mut index = repo.merge_trees(&parent.tree()?, &ours, &commit.tree()?, Some(&MergeOptions::new()))?;
        if index.has_conflicts() {
            let mut files: Vec<String> = index
                .conflicts()?
                .flatten()
                .filter_map(|c| c.our.or(c.their).or(c.ancestor))
                .map(|e| String::from_utf8_lossy(&e.path).into_owned())
                .collect();
            files.dedup();
            fail!(Repository, "{:.12} ({}) does not apply: {}", id, commit.summary().ok().flatten().unwrap_or_default(), files.join(", "));
        }
        let tree = index.write_tree_to(repo)?;
        session.note_trees(tree, ours.id())?;
        let message = String::from_utf8_lossy(commit.message_bytes()).into_owned();
        tip = session.commit(&commit.author(), &commit.committer(), &message, tree, &[tip])?;
    }
    Ok(tip)
}
