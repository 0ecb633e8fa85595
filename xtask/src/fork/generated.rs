// SPDX-License-Identifier: GPL-2.0-only
//! The generated commit's message, and how the commit is told from the lab's: by its content, never by its message
//! alone.
//!
//! The message records every file that the generator made. A commit is generated if nothing but these files, as they
//! are recorded, is changed in it: whichever version of the generator made them, and wherever `git rebase` has put the
//! commit since. Anything else in it is the user's. Only `history.rs` asks.

use std::collections::BTreeMap;

use anyhow::Result;
use git2::{Commit, Oid, Repository};

use super::history::Root;
use super::stale::INPUTS;
use super::tree::{changes, file_mode, Change, Entry};
use super::unmarked;
use crate::effects::{Session, Signed};
use crate::formats::tag::Tag;

/// The trailer of a generated commit, and those of its files.
const GENERATED: &str = "Fork-Generated";
const FILE: &str = "Fork-File";
/// How its message begins.
const SUBJECT: &str = "Generated: ";

/// The message of a generated commit with these changes, made from inputs of this digest.
pub fn message(version: &str, tag: &Tag, inputs: &str, changes: &[Change]) -> String {
    let line = |change: &Change| {
        let (mode, id) = recorded(change);
        format!("{FILE}: {mode:06o} {id} {}\n", change.path.text().unwrap_or_default())
    };
    let files: String = changes.iter().map(line).collect();
    format!(
        "{SUBJECT}{version}\n\nMade from the flavours' fragments and metadata for {}.\n\
         Never edited by hand: `cargo xtask flavour regen` makes it anew.\n\n{GENERATED}: flavour\n{INPUTS}: {inputs}\n{files}",
        tag.name()
    )
}

/// As the record has it: a file that the generator took away has no mode and no object.
fn recorded(change: &Change) -> Entry {
    change.new.unwrap_or((0, Oid::zero()))
}

/// Whose a commit is.
pub enum Part {
    Lab,
    Generated,
    Mixed(Mixed),
    /// It has generated files, and no record of which: only generating them again tells (`unmarked.rs`).
    Unmarked,
}

/// A generated commit that was changed since.
pub struct Mixed {
    pub id: Oid,
    /// What is not the generator's.
    foreign: Vec<Change>,
    /// Generated files that are not as they were made.
    pub edited: Vec<String>,
}

/// Does the message say that the commit was generated?
pub fn claims(commit: &Commit) -> bool {
    let message = String::from_utf8_lossy(commit.message_bytes());
    !record(&message).is_empty() || is_unrecorded(&message)
}

/// Looks at what is in a commit with one parent.
///
/// # Errors
/// An object is missing; a path is not UTF-8.
pub fn part(repo: &Repository, root: &Root, commit: &Commit) -> Result<Part> {
    let message = String::from_utf8_lossy(commit.message_bytes());
    let record = record(&message);
    if record.is_empty() {
        return Ok(match is_unrecorded(&message) {
            true if untouched(commit, root)? => Part::Generated,
            true => Part::Unmarked,
            false if unmarked::may_be(repo, commit)? => Part::Unmarked,
            false => Part::Lab,
        });
    }
    let known = |path: &str| record.get(path).map(|(mode, id)| (*mode != 0).then_some((*mode, *id)));
    Ok(divided(commit.id(), changes(repo, commit.parent(0)?.tree_id(), commit.tree_id())?, known))
}

/// Divides the changes in a commit by what the generator has made of each path: `None` for those that it does not
/// make, `Some(None)` for those that it takes away.
pub fn divided(id: Oid, changes: Vec<Change>, made_of: impl Fn(&str) -> Option<Option<Entry>>) -> Part {
    let (mut made, mut foreign, mut edited) = (0, Vec::new(), Vec::new());
    for change in changes {
        match change.path.text().and_then(&made_of) {
            Some(entry) if change.new == entry => made += 1,
            Some(_) => edited.push(change.path.to_string()),
            None => foreign.push(change),
        }
    }
    match (foreign.is_empty(), edited.is_empty()) {
        (true, true) => Part::Generated,
        (false, true) if made == 0 => Part::Lab,
        _ => Part::Mixed(Mixed { id, foreign, edited }),
    }
}

impl Mixed {
    /// The paths of what is not the generator's.
    pub fn foreign(&self) -> impl Iterator<Item = String> + '_ {
        self.foreign.iter().map(|change| change.path.to_string())
    }

    /// What is not the generator's as a commit of its own, on the same parent, signed by whoever put it in.
    ///
    /// # Errors
    /// Those of git.
    pub fn lab(&self, session: &Session) -> Result<Oid> {
        let commit = session.repo.find_commit(self.id)?;
        let parent = commit.parent(0)?;
        let changes: Vec<_> = self
            .foreign
            .iter()
            .map(|change| (change.path.clone(), change.new.map(|(mode, id)| (file_mode(mode), id))))
            .collect();
        let tree = session.tree_with(&parent.tree()?, &changes)?;
        let signed = Signed::of(&commit)?;
        let signed = Signed { author: signed.committer, ..signed };
        session.again(&signed, &self.message(commit.message_bytes()), tree, &[parent.id()])
    }

    /// The user's own words where they gave some, without our trailers.
    fn message(&self, message: &[u8]) -> Vec<u8> {
        if !message.starts_with(SUBJECT.as_bytes()) {
            let ours = |line: &&[u8]| [GENERATED, INPUTS, FILE].iter().any(|key| line.starts_with(key.as_bytes()));
            let kept: Vec<&[u8]> = message.split(|b| *b == b'\n').filter(|line| !ours(line)).collect();
            return [kept.join(&b'\n').trim_ascii_end(), b"\n"].concat();
        }
        let first = self.foreign().next().unwrap_or_default();
        let more = match self.foreign.len() {
            0 | 1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        format!("{first}{more}: changed in the generated commit\n\nTaken out of {:.12}.\n", self.id).into_bytes()
    }
}

/// Mode, object and path of each file that the message records, wherever in it `git commit --squash` has put them.
fn record(message: &str) -> BTreeMap<&str, Entry> {
    message.lines().filter_map(file).collect()
}

fn file(line: &str) -> Option<(&str, Entry)> {
    let mut words = line.strip_prefix(FILE)?.strip_prefix(": ")?.splitn(3, ' ');
    let mode = i32::from_str_radix(words.next()?, 8).ok()?;
    let id = Oid::from_str(words.next()?).ok()?;
    Some((words.next()?, (mode, id)))
}

/// The message of a version of this tool that recorded no files.
fn is_unrecorded(message: &str) -> bool {
    message.starts_with(SUBJECT) && message.lines().any(|line| line.starts_with(GENERATED))
}

/// Is a commit without a record as the generator made it? Whatever changes a commit signs it at another time.
fn untouched(commit: &Commit, root: &Root) -> Result<bool> {
    let signed = Signed::of(commit)?;
    Ok(signed.author == signed.committer && commit.time().seconds() == root.time && commit.time().offset_minutes() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let id = Oid::from_str("0123456789012345678901234567890123456789").unwrap();
        let change = |path: &str, new| Change { path: path.into(), old: None, new };
        let made = [
            change("debian/rules", Some((0o100_755, id))),
            change("debian/a b", Some((0o100_644, id))),
            change("localversion-rt", None),
        ];
        let text = message("1.2-3", &Tag::parse("v6.1").unwrap(), "0123", &made);
        let files: BTreeMap<&str, Entry> = made.iter().map(|c| (c.path.text().unwrap(), recorded(c))).collect();
        assert_eq!(record(&text), files);
        // `git commit --squash` puts words behind it.
        assert_eq!(record(&format!("{text}\nsquash! Generated: 1.2-3\n\nmore\n")), files);
        let odd = "Fork-File: 100644\nFork-File: x y z\nFork-File: 100644 0123 debian/x\n Fork-File: 100644 0 a\n";
        assert!(record(odd).keys().all(|path| *path == "debian/x"));
        assert!(!is_unrecorded(odd) && !is_unrecorded("drivers: x\n\nFork-Generated: flavour\n"));
        assert!(is_unrecorded("Generated: 1.2-3\n\nFork-Generated: flavour\n"));
    }
}
