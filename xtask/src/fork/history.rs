// SPDX-License-Identifier: GPL-2.0-only
//! Reading a fork branch: which commit is the vendor's snapshot, which are the lab's, which are generated.

use anyhow::{Context, Result};
use git2::{Commit, Oid, Repository};

use crate::formats::tag::Tag;

/// The trailer of a generated commit.
pub const GENERATED: &str = "Fork-Generated";

/// A fork branch, oldest first.
pub struct History {
    pub root: Root,
    /// The lab's commits: this repository's files first, then patches.
    pub lab: Vec<Oid>,
    /// Generated commits; the last one is what counts.
    pub generated: Vec<Oid>,
    pub tip: Oid,
}

/// R, and what its trailers record.
pub struct Root {
    pub id: Oid,
    pub tag: Tag,
    /// The vendor's commit that the tag pointed at.
    pub commit: Oid,
    pub tree: Oid,
    /// The commit's time, which is the tag's.
    pub time: i64,
}

impl History {
    /// When something of it was changed last, in seconds since 1970. The generated commit has the tag's time.
    ///
    /// # Errors
    /// A commit is not there.
    pub fn changed(&self, repo: &Repository) -> Result<i64> {
        let mut last = self.root.time;
        for id in &self.lab {
            last = last.max(repo.find_commit(*id)?.time().seconds());
        }
        Ok(last)
    }

    /// Reads the branch that ends in `tip`.
    ///
    /// # Errors
    /// It is no fork branch: it has merges, or its root has no trailers of ours.
    pub fn read(repo: &Repository, tip: Oid) -> Result<Self> {
        let (mut lab, mut generated) = (Vec::new(), Vec::new());
        let mut commit = repo.find_commit(tip)?;
        loop {
            match commit.parent_count() {
                0 => break,
                1 if trailer(&commit, GENERATED).is_some() => generated.push(commit.id()),
                1 => lab.push(commit.id()),
                _ => fail!(Repository, "{:.12} is a merge, and a fork branch is a line of commits", commit.id();
                    "`git rebase` makes it one"),
            }
            commit = commit.parent(0)?;
        }
        let root = Root::read(&commit)?;
        lab.reverse();
        generated.reverse();
        Ok(Self { root, lab, generated, tip })
    }
}

impl Root {
    /// Reads a commit without a parent.
    ///
    /// # Errors
    /// It is no snapshot of ours, or was rewritten.
    pub fn read(commit: &Commit) -> Result<Self> {
        let Some(tag) = trailer(commit, "Fork-Tag") else {
            fail!(Repository, "this branch does not begin with a vendor snapshot"; "`cargo xtask fork TAG` makes a fork branch");
        };
        let tag = Tag::parse(&tag)?;
        let tree = trailer(commit, "Fork-Tree").context("the vendor snapshot records no tree")?;
        if tree != commit.tree_id().to_string() {
            fail!(Repository, "the vendor snapshot {:.12} does not have the tree it records: it was rewritten", commit.id();
                "`cargo xtask fork {}` makes a new one", tag.name());
        }
        let vendor = trailer(commit, "Fork-Commit").and_then(|id| Oid::from_str(&id).ok());
        let vendor = vendor.context("the vendor snapshot does not say which commit it was made from")?;
        Ok(Self { id: commit.id(), tag, commit: vendor, tree: commit.tree_id(), time: commit.time().seconds() })
    }
}

/// The value of a trailer in the last paragraph of a commit message.
pub fn trailer(commit: &Commit, key: &str) -> Option<String> {
    let message = commit.message()?;
    let last = message.trim_end().rsplit("\n\n").next()?;
    let line = last.lines().rev().find_map(|l| l.strip_prefix(key)?.strip_prefix(": "));
    line.map(|v| v.trim().to_owned())
}
