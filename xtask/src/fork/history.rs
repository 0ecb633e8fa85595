// SPDX-License-Identifier: GPL-2.0-only
//! Reading a fork branch: which commit is the vendor's snapshot, which are the lab's, which are generated.

use anyhow::{Context, Result};
use git2::{Commit, Oid, Repository};

use super::generated::{self, Mixed, Part};
use super::unmarked;
use crate::effects::{Effects, Session};
use crate::error::{Failure, Kind};
use crate::formats::tag::Tag;

/// The trailer of R that makes it one.
const TAG: &str = "Fork-Tag";
/// The trailer of the commits that bring this repository's files: the commit that they come from.
pub const WORKFLOW_FROM: &str = "Fork-Workflow";
/// A fork branch is no longer than this: the vendor's own history is not searched for one.
const LONGEST: usize = 20_000;

/// A fork branch.
pub struct History {
    pub root: Root,
    /// Without the root, oldest first.
    commits: Vec<(Oid, Part)>,
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

/// What becomes of edits in generated files, which no regeneration keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edits {
    Refused,
    Dropped,
}

impl History {
    /// The commits with something of the lab's in them: this repository's files first, then patches.
    pub fn own(&self) -> impl Iterator<Item = Oid> + '_ {
        self.commits.iter().filter(|(_, part)| !matches!(part, Part::Generated)).map(|(id, _)| *id)
    }

    /// The last of the generated commits, which may have changes of the user's in it.
    pub fn generated(&self) -> Option<Oid> {
        self.commits.iter().rev().find(|(_, part)| !matches!(part, Part::Lab)).map(|(id, _)| *id)
    }

    /// Is the tip the generated commit, as it was generated?
    pub fn is_generated(&self) -> bool {
        self.commits.last().is_some_and(|(_, part)| matches!(part, Part::Generated))
    }

    /// The first commit with generated files of which its message has no record: how much of it is the user's is not
    /// known before [`History::lab`].
    pub fn unmarked(&self) -> Option<Oid> {
        self.commits.iter().find(|(_, part)| matches!(part, Part::Unmarked)).map(|(id, _)| *id)
    }

    /// Generated commits that were changed since.
    pub fn mixed(&self) -> impl Iterator<Item = &Mixed> {
        self.commits.iter().filter_map(|(_, part)| if let Part::Mixed(mixed) = part { Some(mixed) } else { None })
    }

    /// The lab's commits, to be replayed. What the user put into a generated commit is one of them.
    ///
    /// # Errors
    /// Generated files were edited, and that is refused.
    pub fn lab(&mut self, fx: &Effects, session: &Session, edits: Edits) -> Result<Vec<Oid>> {
        for (id, part) in self.commits.iter_mut().filter(|(_, part)| matches!(part, Part::Unmarked)) {
            *part = unmarked::part(fx, session, &self.root, *id)?;
        }
        let edited: Vec<String> = self.mixed().flat_map(|m| &m.edited).cloned().collect();
        if let Some(first) = self.mixed().find(|m| !m.edited.is_empty() && edits == Edits::Refused) {
            fail!(Repository, "generated files were edited in `{:.12}`: {}", first.id, named(&edited);
                "change the fragment or the settings instead; `cargo xtask flavour regen --drop-edits` keeps all else that the commit has");
        }
        let mut lab = Vec::new();
        for (id, part) in &self.commits {
            match part {
                Part::Lab => lab.push(*id),
                Part::Mixed(mixed) if mixed.foreign().next().is_some() => lab.push(mixed.lab(session)?),
                Part::Mixed(_) | Part::Generated | Part::Unmarked => {}
            }
        }
        Ok(lab)
    }

    /// The generated commit, as it was generated.
    ///
    /// # Errors
    /// There is none, or it has other changes in it.
    pub fn whole(&self) -> Result<Oid> {
        if let Some(id) = self.unmarked() {
            fail!(Repository, "`{id:.12}` has generated files, and its message has no record of them";
                "`cargo xtask flavour regen` makes the generated commit again; what else it has becomes a commit of yours");
        }
        let Some(generated) = self.generated() else {
            fail!(Repository, "this branch has no generated commit, so no flavour can be built from it"; "cargo xtask flavour regen");
        };
        if let Some(mixed) = self.mixed().next() {
            let paths: Vec<String> = mixed.foreign().chain(mixed.edited.iter().cloned()).collect();
            fail!(Repository, "the generated commit `{:.12}` has other changes in it: {}", mixed.id, named(&paths);
                "`cargo xtask flavour regen` makes a commit of yours of them");
        }
        Ok(generated)
    }

    /// When something of it was changed last, in seconds since 1970. The generated commit has the tag's time.
    ///
    /// # Errors
    /// A commit is not there.
    pub fn changed(&self, repo: &Repository) -> Result<i64> {
        let mut last = self.root.time;
        for id in self.own() {
            last = last.max(repo.find_commit(id)?.time().seconds());
        }
        Ok(last)
    }

    /// Reads the branch that ends in `tip`.
    ///
    /// # Errors
    /// It is no fork branch: it has merges, is cut off, or its root has no trailers of ours.
    pub fn read(repo: &Repository, tip: Oid) -> Result<Self> {
        if let Some(found) = Self::find(repo, tip)? {
            return Ok(found);
        }
        if let Some(at) = Line::read(repo, tip)?.cut {
            return Err(cut_off(at));
        }
        fail!(Repository, "this branch does not begin with a vendor snapshot"; "`cargo xtask fork TAG` makes a fork branch")
    }

    /// As [`History::read`]; `None` where nothing says that the branch was ever a fork's.
    ///
    /// # Errors
    /// It is one, and has merges, is cut off, or its root was rewritten.
    pub fn find(repo: &Repository, tip: Oid) -> Result<Option<Self>> {
        let line = Line::read(repo, tip)?;
        let ours = |c: &Commit| generated::claims(c) || trailer(c, WORKFLOW_FROM).is_some();
        if let Some(at) = line.cut {
            let fork = line.commits.iter().chain([&line.root]).any(ours);
            return if fork { Err(cut_off(at)) } else { Ok(None) };
        }
        if trailer(&line.root, TAG).is_none() {
            return Ok(None);
        }
        let root = Root::read(&line.root)?;
        if let Some(merge) = line.merge {
            let way = if merge == tip {
                "`git reset --hard HEAD^1` goes back to this branch and `git reset --hard HEAD^2` to the other; `git pull` makes a merge where one of them was regenerated, `git pull --rebase` makes none"
                    .to_owned()
            } else {
                format!("`git rebase {:.12}` makes it one", root.id)
            };
            fail!(Repository, "`{merge:.12}` is a merge, and a fork branch is a line of commits"; "{way}");
        }
        let mut commits = Vec::new();
        for commit in line.commits.iter().rev() {
            commits.push((commit.id(), generated::part(repo, &root, commit)?));
        }
        Ok(Some(Self { root, commits, tip }))
    }
}

/// A branch as far down as its first parents are here.
struct Line<'a> {
    /// Newest first, without the last.
    commits: Vec<Commit<'a>>,
    root: Commit<'a>,
    /// The newest merge.
    merge: Option<Oid>,
    /// Where a shallow clone ends.
    cut: Option<Oid>,
}

impl<'a> Line<'a> {
    fn read(repo: &'a Repository, tip: Oid) -> Result<Self> {
        let mut line = Self { commits: Vec::new(), root: repo.find_commit(tip)?, merge: None, cut: None };
        let ends = fs_err::read_to_string(repo.commondir().join("shallow")).unwrap_or_default();
        while line.commits.len() < LONGEST {
            let id = line.root.id();
            if ends.lines().any(|end| end == id.to_string()) {
                line.cut = Some(id);
                break;
            }
            match line.root.parent_count() {
                0 => break,
                1 => {}
                _ => line.merge = line.merge.or(Some(id)),
            }
            let parent = line.root.parent(0)?;
            line.commits.push(std::mem::replace(&mut line.root, parent));
        }
        Ok(line)
    }
}

fn cut_off(at: Oid) -> anyhow::Error {
    let message = format!("this clone is shallow: the branch's history ends at `{at:.12}`, above the vendor snapshot");
    Failure::new(Kind::Repository, message).hint("git fetch --unshallow").into()
}

/// Paths in a sentence.
fn named(paths: &[String]) -> String {
    let shown: Vec<String> = paths.iter().take(5).map(|path| format!("`{path}`")).collect();
    let more = paths.len().saturating_sub(shown.len());
    shown.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
}

impl Root {
    /// Reads a commit without a parent.
    ///
    /// # Errors
    /// It is no snapshot of ours, or was rewritten.
    pub fn read(commit: &Commit) -> Result<Self> {
        let Some(tag) = trailer(commit, TAG) else {
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
    let message = String::from_utf8_lossy(commit.message_bytes());
    let last = message.trim_end().rsplit("\n\n").next()?;
    let line = last.lines().rev().find_map(|l| l.strip_prefix(key)?.strip_prefix(": "));
    line.map(|v| v.trim().to_owned())
}
