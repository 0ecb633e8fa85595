// SPDX-License-Identifier: GPL-2.0-only
//! Replaying the lab's commits in memory: no work tree, no index file, any git version.
//!
//! `rebase` puts them on another snapshot, `flavour regen` on the same one. Author, committer, dates and
//! message are kept, so that two members who replay the same commits get the same ids.

use anyhow::Result;
use git2::Oid;

use super::message::summary;
use super::tree::{self, Updates};
use crate::effects::{Effects, Session, Signed};
use crate::settings;
use crate::workspace::SETTINGS;

/// What a replay changes on its way: settings, and the tag in the first commit's message.
#[derive(Default)]
pub struct Carry {
    /// Settings of `Cargo.toml` and their new values. Every commit gets them, on both sides of its merge:
    /// whatever a commit changes beside them cannot be in conflict with them.
    pub settings: Vec<(&'static str, String)>,
    /// The tag's name, old and new.
    pub tag: Option<(String, String)>,
}

/// What became of the commits, as far as it went.
pub struct Replayed {
    pub tip: Oid,
    /// Each commit that is there, before and after.
    pub kept: Vec<(Oid, Oid)>,
    /// Commits that changed nothing any more: the vendor has taken them in.
    pub dropped: Vec<Oid>,
    pub stop: Option<Stop>,
}

/// A commit that needs a person.
pub struct Stop {
    pub commit: Oid,
    /// Those that come after it.
    pub rest: Vec<Oid>,
    pub conflicts: Vec<String>,
    /// Its message on the new snapshot.
    pub message: String,
    /// What the merge made of the commit's other files.
    pub updates: Updates,
}

impl Replayed {
    /// The new tip, where all went well.
    ///
    /// # Errors
    /// A commit did not apply: named, with the files in conflict.
    pub fn whole(&self, fx: &Effects, session: &Session) -> Result<Oid> {
        let Some(stop) = &self.stop else { return Ok(self.tip) };
        let summary = summary(fx, session.repo, stop.commit);
        fail!(Repository, "{:.12} ({summary}) does not apply: {}", stop.commit, stop.conflicts.join(", ");
            "generated files are never edited: change the fragment or the settings, and take the edit out with `git rebase`")
    }
}

/// Puts `commits` (oldest first) on top of `onto`. A commit that stands there already keeps its id.
///
/// # Errors
/// Those of git; a commit that does not apply is none.
pub fn replay(session: &Session, onto: Oid, commits: &[Oid], carry: &Carry) -> Result<Replayed> {
    let repo = session.repo;
    let mut done = Replayed { tip: onto, kept: Vec::new(), dropped: Vec::new(), stop: None };
    for (at, id) in commits.iter().enumerate() {
        let commit = repo.find_commit(*id)?;
        let parent = commit.parent(0)?;
        let wanted = carry.tree(session, commit.tree_id())?;
        if parent.id() == done.tip && wanted == commit.tree_id() {
            done.tip = *id;
            done.kept.push((*id, *id));
            continue;
        }
        let (base, ours) = (carry.tree(session, parent.tree_id())?, repo.find_commit(done.tip)?.tree_id());
        let merged = tree::merge(session, base, ours, wanted)?;
        let (signed, message) = (Signed::of(&commit)?, carry.message(commit.message_bytes()));
        if !merged.conflicts.is_empty() {
            let (rest, message) = (commits[at + 1..].to_vec(), session.text(&signed, &message)?);
            done.stop = Some(Stop { commit: *id, rest, conflicts: merged.conflicts, message, updates: merged.updates });
            break;
        }
        if merged.tree == ours && parent.tree_id() != commit.tree_id() {
            done.dropped.push(*id);
            continue;
        }
        done.tip = session.again(&signed, &message, merged.tree, &[done.tip])?;
        done.kept.push((*id, done.tip));
    }
    Ok(done)
}

impl Carry {
    /// The tree with the settings; one without our `Cargo.toml` stays as it is.
    fn tree(&self, session: &Session, tree: Oid) -> Result<Oid> {
        let found = session.repo.find_tree(tree)?;
        let Ok(entry) = found.get_path(SETTINGS.as_ref()) else { return Ok(tree) };
        let Ok(blob) = session.repo.find_blob(entry.id()) else { return Ok(tree) };
        let changes: Vec<(&str, &str)> = self.settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
        // The vendor's own Cargo.toml, or one that a commit broke: not ours to mend.
        let with = std::str::from_utf8(blob.content()).ok().and_then(|text| settings::with(text, &changes).ok());
        match with.filter(|text| !changes.is_empty() && text.as_bytes() != blob.content()) {
            Some(text) => {
                let file = Some((git2::FileMode::Blob, session.blob(text.as_bytes())?));
                session.tree_with(&found, &[(SETTINGS.to_owned(), file)])
            }
            None => Ok(tree),
        }
    }

    /// The workflow's own commit names the tag, in whatever encoding its other words are.
    fn message(&self, message: &[u8]) -> Vec<u8> {
        let renamed = self.tag.as_ref().filter(|_| message.starts_with(WORKFLOW.as_bytes())).and_then(|(old, new)| {
            let at = message.windows(old.len()).position(|words| words == old.as_bytes())?;
            Some([&message[..at], new.as_bytes(), &message[at + old.len()..]].concat())
        });
        renamed.unwrap_or_else(|| message.to_owned())
    }
}

/// How the message of the first lab commit begins.
pub const WORKFLOW: &str = "Workflow for the fork of ";
