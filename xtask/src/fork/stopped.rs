// SPDX-License-Identifier: GPL-2.0-only
//! A rebase that stopped at a conflict, kept until the person has resolved it.
//!
//! What they see is git's own state after `git cherry-pick` has stopped: HEAD is at the commits that went
//! well, CHERRY_PICK_HEAD names the one that did not, conflicts are marked in the files and the index.
//! What git does not know (which branch is to move, what comes next) is in `kernel-fork/rebase.json`.

use anyhow::{Context, Result};
use camino::Utf8Path;
use git2::{FileMode, Oid, Repository};
use serde::{Deserialize, Serialize};

use super::replay::{Carry, Replayed, Stop};
use super::tree::Updates;
use crate::effects::{state_dir, Effects, Run};

/// All that is needed to go on. Commit ids are text, as in every file for people to read.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Stopped {
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
    pub rest: Vec<String>,
    pub kept: Vec<(String, String)>,
    pub dropped: Vec<String>,
    /// Has the person been told?
    pub told: bool,
}

impl Stopped {
    /// The one of this work tree.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn read(repo: &Repository) -> Result<Option<Self>> {
        let file = state_dir(repo)?.join("rebase.json");
        let Ok(text) = std::fs::read_to_string(&file) else { return Ok(None) };
        let stopped =
            serde_json::from_str(&text).with_context(|| format!("{file} is of another version of this program"))?;
        Ok(Some(stopped))
    }

    /// Writes it down.
    ///
    /// # Errors
    /// The git directory cannot be written.
    pub fn write(&self, fx: &Effects, repo: &Repository) -> Result<()> {
        let dir = state_dir(repo)?;
        fx.create_dir(&dir)?;
        fx.write(dir.join("rebase.json"), serde_json::to_string_pretty(self)? + "\n")?;
        Ok(())
    }

    /// Takes it away.
    ///
    /// # Errors
    /// The git directory cannot be written.
    pub fn remove(fx: &Effects, repo: &Repository) -> Result<()> {
        fx.remove(state_dir(repo)?.join("rebase.json"))?;
        Ok(())
    }

    /// What the replay had come to, and what it is now.
    pub fn at(self, replayed: &Replayed, stop: &Stop) -> Self {
        let text = |ids: &[Oid]| ids.iter().map(Oid::to_string).collect::<Vec<_>>();
        let mut kept = self.kept;
        kept.extend(replayed.kept.iter().map(|(old, new)| (old.to_string(), new.to_string())));
        let mut dropped = self.dropped;
        dropped.extend(text(&replayed.dropped));
        Self {
            commit: stop.commit.to_string(),
            onto: replayed.tip.to_string(),
            conflicts: stop.conflicts.clone(),
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
}

/// Reads commit ids.
///
/// # Errors
/// One is none.
pub fn ids(text: &[String]) -> Result<Vec<Oid>> {
    Ok(text.iter().map(|id| Oid::from_str(id)).collect::<Result<_, _>>()?)
}

/// Leaves the work tree, which has `onto` checked out, as git does when a cherry-pick stops. What the merge
/// by meaning has solved is solved there too.
///
/// # Errors
/// git fails otherwise than by a conflict.
pub fn pick(fx: &Effects, root: &Utf8Path, commit: Oid, updates: &Updates) -> Result<()> {
    let pick = fx.git(root).args(["cherry-pick", "--allow-empty", &commit.to_string()]);
    fx.change(root, Run::from(pick).any_status())?;
    let (mut index, mut files) = (String::new(), String::new());
    for (path, update) in updates {
        match update {
            Some((FileMode::Commit, _)) => {}
            Some((mode, id)) => {
                index.push_str(&format!("0 {}\t{path}\0{:o} {id}\t{path}\0", Oid::ZERO_SHA1, i32::from(*mode)));
                files.push_str(&format!("{path}\0"));
            }
            None => index.push_str(&format!("0 {}\t{path}\0", Oid::ZERO_SHA1)),
        }
    }
    fx.change(root, Run::from(fx.git(root).args(["update-index", "-z", "--index-info"])).stdin(index))?;
    fx.change(root, Run::from(fx.git(root).args(["checkout-index", "--force", "-z", "--stdin"])).stdin(files))?;
    Ok(())
}

/// Clears what an interrupted [`pick`] left in the files of its commit.
///
/// # Errors
/// git fails.
pub fn unpick(fx: &Effects, root: &Utf8Path, repo: &Repository, commit: Oid) -> Result<()> {
    fx.change(root, fx.git(root).args(["cherry-pick", "--quit"]))?;
    fx.change(root, fx.git(root).args(["reset", "--quiet"]))?;
    let commit = repo.find_commit(commit)?;
    let head = repo.head()?.peel_to_tree()?;
    let mut files = String::new();
    for change in super::tree::changes(repo, commit.parent(0)?.tree_id(), commit.tree_id())? {
        if head.get_path(change.path.as_ref()).is_ok() {
            files.push_str(&format!("{}\0", change.path));
        } else {
            fx.remove(root.join(&change.path))?;
        }
    }
    fx.change(root, Run::from(fx.git(root).args(["checkout-index", "--force", "-z", "--stdin"])).stdin(files))?;
    Ok(())
}
