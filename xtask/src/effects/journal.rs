// SPDX-License-Identifier: GPL-2.0-only
//! The journal of an operation in several steps, so that the next run knows what a killed one left.
//!
//! It lies in the repository's own git directory: who is at work (told by a lock that the system lets go when
//! the process ends, however it ends), and the move between two commits that is under way. Whatever is found
//! there without an owner was left by a kill, and so were the git lock files that are younger than it. A journal of
//! another machine is left alone: its lock may be one that is not seen from here.

use std::cell::RefCell;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use git2::Repository;
use serde::{Deserialize, Serialize};

use super::lock::{self, Hold, LockFile, Machine};
use super::open::{open_plain, text_plain};
use super::Effects;

/// How long a git program that outlived its parent may take to end.
const PATIENCE: Duration = Duration::from_secs(120);

/// A move of what is checked out from one commit to another, which is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// The branch that HEAD is to be on; without one HEAD is to be at `new` itself.
    pub branch: Option<String>,
    /// Commit ids.
    pub old: String,
    pub new: String,
    /// The tree that is to be checked out, where it is not that of `new`.
    #[serde(default)]
    pub files: Option<String>,
    /// The last of the refs that move first, and where to: once it is there, they have. Without one, that is
    /// `branch` at `new`.
    #[serde(default)]
    pub last: Option<(String, String)>,
}

impl Move {
    /// Have the refs moved? Then what is checked out has to follow; before that, nothing has happened.
    pub fn is_begun(&self, repo: &Repository) -> bool {
        let (name, wanted) = match &self.last {
            Some((name, wanted)) => (name.as_str(), wanted),
            None => (self.branch.as_deref().unwrap_or("HEAD"), &self.new),
        };
        repo.refname_to_id(name).is_ok_and(|id| id.to_string() == *wanted)
    }
}

/// A move that has begun and not ended, as seen from outside.
pub struct UnderWay {
    /// The command.
    pub what: String,
    pub step: Move,
    /// The process that is at work on it; without one it was killed, or failed.
    pub owner: Option<u32>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Record {
    pid: u32,
    /// Where the process runs; an earlier version did not record it.
    #[serde(default)]
    machine: Option<Machine>,
    what: String,
    #[serde(rename = "move")]
    step: Option<Move>,
}

/// The journal, while this process is at work on the repository. Goes when dropped, unless a move is under
/// way: then the next run finishes it.
pub struct Journal<'a> {
    fx: &'a Effects,
    file: Utf8PathBuf,
    /// Our command.
    what: String,
    record: RefCell<Record>,
    /// In the git directory, held as long as the process lives.
    _lock: Option<(LockFile, fs::File)>,
}

/// Where this tool keeps what belongs to one work tree.
pub fn state_dir(repo: &Repository) -> Result<Utf8PathBuf> {
    Ok(Utf8Path::from_path(repo.path()).context("the repository's path is not UTF-8")?.join("kernel-fork"))
}

/// Looks for a move that is under way in this work tree, without taking part.
///
/// # Errors
/// The repository's path is not UTF-8.
pub fn under_way(repo: &Repository) -> Result<Option<UnderWay>> {
    let Some(text) = text_plain(&state_dir(repo)?.join("journal.json")) else { return Ok(None) };
    let Ok(Record { pid, machine, what, step: Some(step) }) = serde_json::from_str(&text) else { return Ok(None) };
    if !step.is_begun(repo) {
        return Ok(None);
    }
    let common = Utf8Path::from_path(repo.commondir()).context("the repository's path is not UTF-8")?;
    let elsewhere = machine.is_some_and(|machine| !Machine::here().same(&machine));
    let lock = open_plain(&common.join("kernel-fork.lock")).map(|file| file.0);
    let held = lock.is_ok_and(|file| matches!(lock::hold(&file, Hold::Shared), Ok(false)));
    Ok(Some(UnderWay { what, step, owner: (held || elsewhere).then_some(pid) }))
}

impl Effects {
    /// Begins to work on `repo`; `what` is the command. Lock files that a killed run left are taken away.
    ///
    /// # Errors
    /// Another process is at work there.
    pub fn journal(&self, repo: &Repository, what: &str) -> Result<Journal<'_>> {
        let dir = state_dir(repo)?;
        let file = dir.join("journal.json");
        let here = Machine::here();
        let mut record =
            Record { pid: std::process::id(), machine: Some(here.clone()), what: what.to_owned(), step: None };
        let what = what.to_owned();
        if self.planned(&dir) {
            return Ok(Journal { fx: self, file, what, record: RefCell::new(record), _lock: None });
        }
        // One for all work trees: they share refs, objects and configuration.
        let common = Utf8Path::from_path(repo.commondir()).context("the repository's path is not UTF-8")?;
        let mut lock = LockFile::take(common.join("kernel-fork.lock"))?;
        // An earlier version, in another work tree, has its lock on the directory, where NFS has none.
        let directory = fs::File::open(common)?;
        if matches!(lock::hold(&directory, Hold::Alone), Ok(false)) {
            lock = None;
        }
        let left = text_plain(&file);
        let left: Option<Record> = left.as_deref().and_then(|text| serde_json::from_str(text).ok());
        if lock.is_none() {
            let (pid, what) =
                left.map_or_else(|| ("?".to_owned(), "a command".to_owned()), |r| (r.pid.to_string(), r.what));
            fail!(Repository, "process {pid} is at work on this repository ({what})"; "wait for it to end");
        }
        if let Some((what, there)) = left.as_ref().and_then(|l| Some((&l.what, l.machine.as_ref()?))) {
            if !here.same(there) {
                let host = there.host.split(' ').next().unwrap_or_default();
                fail!(Repository, "`{what}` has not ended on the machine `{host}`";
                    "if it does not run there any more, run it there again, or remove {file}");
            }
        }
        if let Some(left) = left {
            if left.step.is_some() {
                (record.what, record.step) = (left.what, left.step);
            }
            self.sweep_locks(repo, &file)?;
        }
        let journal =
            Journal { fx: self, file, what, record: RefCell::new(record), _lock: lock.map(|lock| (lock, directory)) };
        journal.write()?;
        Ok(journal)
    }

    /// Removes git's lock files that are younger than the journal of the killed run. A git program that it
    /// started may still be running: it is waited for.
    fn sweep_locks(&self, repo: &Repository, journal: &Utf8Path) -> Result<()> {
        let began = fs::metadata(journal)?.modified()?;
        let work_tree = repo.workdir().unwrap_or(repo.path()).to_owned();
        let start = Instant::now();
        let mut said = false;
        while git_works_in(&work_tree) {
            if !std::mem::replace(&mut said, true) {
                self.ui.note("An earlier run was killed, and git is still at work: waiting for it to end.");
            }
            if start.elapsed() > PATIENCE {
                fail!(Repository, "a git program is still at work in {}", work_tree.display(); "wait for it to end, or end it");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let (own, common) = (repo.path(), repo.commondir());
        let mut locks = ["index.lock", "HEAD.lock", "CHERRY_PICK_HEAD.lock"].map(|name| own.join(name)).to_vec();
        locks.extend(["config.lock", "packed-refs.lock", "shallow.lock"].map(|name| common.join(name)));
        let mut dirs = vec![common.join("refs")];
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => dirs.push(entry.path()),
                    _ if entry.file_name().to_string_lossy().ends_with(".lock") => locks.push(entry.path()),
                    _ => {}
                }
            }
        }
        // The clock of the file system may be coarse.
        let began = began.checked_sub(Duration::from_secs(1)).unwrap_or(SystemTime::UNIX_EPOCH);
        for lock in locks {
            if fs::metadata(&lock).and_then(|m| m.modified()).is_ok_and(|time| time >= began) {
                fs::remove_file(&lock).with_context(|| format!("cannot remove {}", lock.display()))?;
            }
        }
        Ok(())
    }
}

impl Journal<'_> {
    /// The move that is under way, and whose: after [`Effects::journal`], one that a killed run left.
    pub fn left(&self) -> Option<(String, Move)> {
        let record = self.record.borrow();
        Some((record.what.clone(), record.step.clone()?))
    }

    /// From here on, until [`Journal::moved`], the next run finishes the move if this one cannot.
    ///
    /// # Errors
    /// The git directory cannot be written.
    pub fn moving(&self, step: Move) -> Result<()> {
        self.record.borrow_mut().step = Some(step);
        self.write()
    }

    /// The move is complete, or was not begun.
    ///
    /// # Errors
    /// The git directory cannot be written.
    pub fn moved(&self) -> Result<()> {
        let mut record = self.record.borrow_mut();
        (record.what, record.step) = (self.what.clone(), None);
        drop(record);
        self.write()
    }

    fn write(&self) -> Result<()> {
        if !self.fx.planned(&self.file) {
            self.fx.create_dir(self.file.parent().context("the journal has a directory")?)?;
            self.fx.write(&self.file, serde_json::to_string_pretty(&*self.record.borrow())? + "\n")?;
        }
        Ok(())
    }
}

impl Drop for Journal<'_> {
    fn drop(&mut self) {
        if self.record.borrow().step.is_none() && !self.fx.planned(&self.file) {
            // What cannot be removed names no owner and no move: harmless.
            let _ = fs::remove_file(&self.file);
            let _ = self.file.parent().map(fs::remove_dir);
        }
    }
}

/// Does a git program run in this work tree?
fn git_works_in(work_tree: &std::path::Path) -> bool {
    let Ok(work_tree) = work_tree.canonicalize() else { return false };
    fs::read_dir("/proc").into_iter().flatten().flatten().any(|process| {
        let comm = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
        let zombie = || {
            fs::read_to_string(process.path().join("stat"))
                .is_ok_and(|s| s.rsplit(')').next().is_some_and(|r| r.starts_with(" Z")))
        };
        comm.starts_with("git")
            && fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(&work_tree))
            && !zombie()
    })
}
