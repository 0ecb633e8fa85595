// SPDX-License-Identifier: GPL-2.0-only
//! A rebase that stopped at a conflict, kept until the person has resolved it.
//!
//! What they see is git's own state after `git cherry-pick` has stopped: HEAD is at the commits that went
//! well, CHERRY_PICK_HEAD names the one that did not, conflicts are marked in the files and the index.
//! What git does not know (which branch is to move, what comes next) is in `kernel-fork/rebase.json`.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use git2::{Oid, Repository};
use serde::{Deserialize, Serialize};

use super::conflict::{entry, none, Marked};
use super::message;
use super::replay::{Carry, Replayed, Stop};
use super::switch::{switch, Switch};
use super::tree::changes;
use super::work_tree;
use crate::effects::{state_dir, Effects, Journal, Run, Session, TreePath};

/// All that is needed to go on. Commit ids are text, as in every file for people to read.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Stopped {
    /// What is under way, as people say it: `rebase to TAG`.
    pub what: String,
    /// The branch that is to move, where it was, and the new branch that is to be made in its place.
    pub branch: String,
    pub old: String,
    pub to_branch: Option<String>,
    /// The new snapshot and the settings that go with it.
    pub root: String,
    pub settings: Vec<(String, String)>,
    /// The commit that did not apply, and the one that it is to stand on.
    pub commit: String,
    pub onto: String,
    pub conflicts: Vec<String>,
    /// Its message, once it is resolved.
    pub message: String,
    /// What the work tree and the index hold for it.
    pub tree: String,
    pub unmerged: Vec<String>,
    pub rest: Vec<String>,
    pub kept: Vec<(String, String)>,
    pub dropped: Vec<String>,
    /// Has the person been told?
    pub told: bool,
    /// Where the branch goes, once all is resolved: a kill may come before this file is gone.
    pub made: Option<String>,
}

impl Stopped {
    /// The one of this work tree.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn read(repo: &Repository) -> Result<Option<Self>> {
        let file = Self::file(repo)?;
        let Ok(text) = fs_err::read_to_string(&file) else { return Ok(None) };
        let stopped =
            serde_json::from_str(&text).with_context(|| format!("{file} is of another version of this program"))?;
        Ok(Some(stopped))
    }

    /// Writes it down.
    ///
    /// # Errors
    /// The git directory cannot be written.
    pub fn write(&self, fx: &Effects, repo: &Repository) -> Result<()> {
        fx.create_dir(state_dir(repo)?)?;
        fx.write(Self::file(repo)?, serde_json::to_string_pretty(self)? + "\n")?;
        Ok(())
    }

    /// Takes it away.
    ///
    /// # Errors
    /// The git directory cannot be written.
    pub fn remove(fx: &Effects, repo: &Repository) -> Result<()> {
        fx.remove(Self::file(repo)?)?;
        Ok(())
    }

    fn file(repo: &Repository) -> Result<Utf8PathBuf> {
        Ok(state_dir(repo)?.join("rebase.json"))
    }

    /// Has the branch moved, and only this file stayed?
    pub fn is_over(&self, repo: &Repository) -> bool {
        let at = repo.refname_to_id(self.to_branch.as_deref().unwrap_or(&self.branch)).ok();
        self.made.is_some() && self.made == at.map(|id| id.to_string())
    }

    /// What the replay had come to, and what it is now.
    pub fn at(self, replayed: &Replayed, stop: &Stop, marked: Marked) -> Self {
        let text = |ids: &[Oid]| ids.iter().map(Oid::to_string).collect::<Vec<_>>();
        let mut kept = self.kept;
        kept.extend(replayed.kept.iter().map(|(old, new)| (old.to_string(), new.to_string())));
        let mut dropped = self.dropped;
        dropped.extend(text(&replayed.dropped));
        Self {
            commit: stop.commit.to_string(),
            onto: replayed.tip.to_string(),
            conflicts: stop.conflicts.clone(),
            message: stop.message.clone(),
            tree: marked.tree.to_string(),
            unmerged: marked.unmerged,
            rest: text(&stop.rest),
            kept,
            dropped,
            told: false,
            ..self
        }
    }

    /// The settings that the replay carries along. The tag in the first commit's message is done by now.
    pub fn carry(&self) -> Carry {
        let known = |key: &str| ["tag", "url"].into_iter().find(|k| *k == key);
        let settings = self.settings.iter().filter_map(|(key, value)| Some((known(key)?, value.clone()))).collect();
        Carry { settings, tag: None }
    }

    /// Leaves work tree, index and HEAD as git does when a cherry-pick stops. Each step may be done twice: a
    /// killed run's next one begins where that one was.
    ///
    /// # Errors
    /// Changes of the person's are in the way.
    pub fn show(&self, fx: &Effects, root: &Utf8Path, session: &Session, journal: &Journal) -> Result<()> {
        let repo = session.repo;
        let here = repo.head()?.peel_to_commit()?.id();
        let (onto, tree) = (Oid::from_str(&self.onto)?, Oid::from_str(&self.tree)?);
        let index = fx.read(Run::from(fx.git(root).args(["write-tree"])).any_status())?;
        // No tree can be written of an index with conflicts: then that was the step after this one.
        let there = !index.status.success() || index.text() == self.tree;
        if here != onto || !there || !repo.head_detached()? {
            let to = Switch { branch: None, old: here, new: onto, files: Some(tree), why: "rebase: stopped" };
            switch(fx, root, session, journal, &to, &[])?;
        }
        self.show_left_out(fx, root)?;
        let mut lines = Vec::new();
        let mut seen: Option<&str> = None;
        for line in &self.unmerged {
            let path = line.split_once('\t').map_or("", |(_, path)| path);
            if seen.replace(path) != Some(path) {
                lines.extend(none(path.as_bytes()));
            }
            lines.extend([line.as_bytes(), b"\0"].concat());
        }
        fx.change(root, Run::from(fx.git(root).args(["update-index", "-z", "--index-info"])).stdin(lines))?;
        let commit = repo.find_commit(Oid::from_str(&self.commit)?)?;
        fx.write(merge_msg(repo)?, message::for_git(fx, root, &commit, &self.message)?)?;
        fx.set_picked(root, Some(&self.commit))?;
        Self { told: true, ..self.clone() }.write(fx, repo)
    }
}

impl Stopped {
    /// Writes files in conflict that a sparse checkout leaves out, as git's own merge does: else nobody sees the marks.
    fn show_left_out(&self, fx: &Effects, root: &Utf8Path) -> Result<()> {
        let listed = fx.read(fx.git(root).args(["ls-files", "-t", "-z"]))?.stdout;
        let listed = String::from_utf8_lossy(&listed);
        let paths: BTreeSet<&str> = self.unmerged.iter().filter_map(|line| Some(line.split_once('\t')?.1)).collect();
        let left_out = listed.split_terminator('\0').filter_map(|line| line.strip_prefix("S "));
        let files: String = left_out.filter(|path| paths.contains(path)).map(|path| format!("{path}\0")).collect();
        if files.is_empty() {
            return Ok(());
        }
        let index = fx.git(root).args(["update-index", "-z", "--no-skip-worktree", "--stdin"]);
        fx.change(root, Run::from(index).stdin(files.clone()))?;
        fx.change(root, Run::from(fx.git(root).args(["checkout-index", "-u", "-z", "--stdin"])).stdin(files))?;
        Ok(())
    }

    /// Takes what the stopped commit left out of index and work tree: its files are HEAD's again, whatever the
    /// person has made of them. Other files are not looked at. May be done twice.
    ///
    /// # Errors
    /// git fails.
    pub fn clear(&self, fx: &Effects, root: &Utf8Path, repo: &Repository) -> Result<()> {
        let head = repo.head()?.peel_to_tree()?;
        let onto = repo.find_commit(Oid::from_str(&self.onto)?)?.tree_id();
        let changed = changes(repo, onto, Oid::from_str(&self.tree)?)?;
        let unmerged = self.unmerged.iter().filter_map(|line| line.split_once('\t'));
        let mut paths: Vec<TreePath> =
            changed.into_iter().map(|c| c.path).chain(unmerged.map(|(_, p)| TreePath::from(p))).collect();
        paths.sort_unstable();
        paths.dedup();
        let there = |path: &TreePath| head.get_path(path.as_ref()).ok();
        let restored: Vec<&TreePath> = paths.iter().filter(|path| there(path).is_some()).collect();
        if let Some(found) = work_tree::in_the_way(root, &restored, &paths.iter().collect())? {
            fail!(Repository, "`{found}` is in the place of a file that git would restore"; "move it elsewhere and run this again");
        }
        let (mut index, mut files) = (Vec::new(), Vec::new());
        for path in &paths {
            index.extend(none(path.bytes()));
            if let Some(found) = there(path) {
                index.extend(entry(found.filemode(), found.id(), path));
                files.extend([path.bytes(), b"\0"].concat());
            }
        }
        fx.change(root, Run::from(fx.git(root).args(["update-index", "-z", "--index-info"])).stdin(index))?;
        for path in paths.iter().filter(|path| there(path).is_none()) {
            work_tree::remove(fx, root, path)?;
        }
        fx.change(
            root,
            Run::from(fx.git(root).args(["checkout-index", "--force", "-u", "-z", "--stdin"])).stdin(files),
        )?;
        forget(fx, root, repo)
    }
}

/// git no longer waits for the commit to be made.
///
/// # Errors
/// The git directory cannot be written.
pub fn forget(fx: &Effects, root: &Utf8Path, repo: &Repository) -> Result<()> {
    fx.remove(merge_msg(repo)?)?;
    if repo.find_reference("CHERRY_PICK_HEAD").is_ok() {
        fx.set_picked(root, None)?;
    }
    Ok(())
}

/// Where git looks for the message of the commit that it waits for.
///
/// # Errors
/// The path is not UTF-8.
pub fn merge_msg(repo: &Repository) -> Result<Utf8PathBuf> {
    Ok(Utf8Path::from_path(repo.path()).context("the repository's path is not UTF-8")?.join("MERGE_MSG"))
}

/// Reads commit ids.
///
/// # Errors
/// One is none.
pub fn ids(text: &[String]) -> Result<Vec<Oid>> {
    Ok(text.iter().map(|id| Oid::from_str(id)).collect::<Result<_, _>>()?)
}
