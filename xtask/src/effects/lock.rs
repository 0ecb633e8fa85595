// SPDX-License-Identifier: GPL-2.0-only
//! Locks on files, and whose they are: used by the journal, scratch directories and kept directories.
//!
//! The kernel lets go of a lock when its process ends, however it does. That is proof enough on one machine. A
//! file system that is shared with other machines may keep its locks to each of them (NFS with `nolock`), so a
//! lock file also records its [`Machine`], and only that machine may take it for one that was left behind.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use fs_err::{self as fs, File};
use rustix::fs::{FlockOperation, OFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::open::open_lock;
use crate::error::{Failure, Kind};

/// How a file is to be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// To change what it stands for: nobody else may look at it.
    Alone,
    /// To read it, as others may.
    Shared,
}

/// Locks an open file. `false`: another process holds it.
///
/// # Errors
/// The file system has no locks, which is not the same.
pub(super) fn hold(file: &impl AsFd, hold: Hold) -> io::Result<bool> {
    let operation = match hold {
        Hold::Alone => FlockOperation::NonBlockingLockExclusive,
        Hold::Shared => FlockOperation::NonBlockingLockShared,
    };
    match rustix::fs::flock(file, operation) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

/// A failed [`hold`] of `path`, with the way out.
pub(super) fn no_locks(path: &Utf8Path, error: io::Error) -> anyhow::Error {
    let failure = Failure::new(Kind::Machine, format!("cannot lock `{path}`"));
    let hint = "on NFS the server's lock service has to run; else use a clone and a KERNEL_FORK_CACHE on a local disk";
    anyhow::Error::from(error).context(failure.hint(hint))
}

/// A machine, as long as it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Machine {
    pub host: String,
    boot: String,
}

impl Machine {
    /// This one.
    pub fn here() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let host = [name, read("/etc/machine-id")].join(" ").trim_end().to_owned();
        Self { host, boot: read("/proc/sys/kernel/random/boot_id") }
    }

    /// Is a process of that machine ended for sure, if this one has got its lock? Containers have names of their
    /// own and the boot id in common; a machine that was started again has another boot id.
    pub fn same(&self, other: &Self) -> bool {
        self.host == other.host || self.boot == other.boot
    }

    /// The text of a lock file.
    pub fn text(&self) -> String {
        format!("{}\n{}\n", self.boot, self.host)
    }

    /// Does the text of a lock file name another machine? An empty one is from an earlier version.
    pub fn is_other(&self, text: &str) -> bool {
        let Some((boot, host)) = text.trim_end().split_once('\n') else { return false };
        !self.same(&Self { host: host.to_owned(), boot: boot.to_owned() })
    }
}

/// A lock file that is there as long as it is held.
#[derive(Debug)]
pub(super) struct LockFile {
    path: Utf8PathBuf,
    _file: File,
}

impl LockFile {
    /// Takes it. `None`: another process holds it.
    ///
    /// # Errors
    /// It cannot be written; the file system has no locks.
    pub fn take(path: Utf8PathBuf) -> Result<Option<Self>> {
        loop {
            // Over NFS a lock is only had on what is open for writing, so never on a directory.
            let file = open_lock(&path, OFlags::CREATE).with_context(|| format!("cannot lock {path}"))?;
            if !hold(&file, Hold::Alone).map_err(|e| no_locks(&path, e))? {
                return Ok(None);
            }
            // Its last owner may have removed it between the two.
            let (mine, there) = (file.metadata()?, fs::symlink_metadata(&path));
            if there.is_ok_and(|there| (there.dev(), there.ino()) == (mine.dev(), mine.ino())) {
                return Ok(Some(Self { path, _file: file }));
            }
        }
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // One that stays is free.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::Mode;

    #[test]
    fn a_file_system_without_locks_is_not_another_process() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join("lock");
        let first = LockFile::take(path.clone()).unwrap().unwrap();
        assert!(LockFile::take(path.clone()).unwrap().is_none());
        drop(first);
        assert!(!path.exists());
        assert!(LockFile::take(path.clone()).unwrap().is_some());
        // As NFS answers for a directory: EBADF.
        let open = rustix::fs::open(dir.path(), OFlags::PATH, Mode::empty()).unwrap();
        let error = hold(&open, Hold::Alone).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::BADF.raw_os_error()));
        for error in [error, Errno::NOLCK.into()] {
            let error = no_locks(&path, error);
            assert_eq!(crate::error::exit_code(&error), 4);
            assert!(crate::error::sentence(&error).contains(path.as_str()));
        }
    }

    #[test]
    fn whose_a_lock_is() {
        let machine = |host: &str, boot: &str| Machine { host: host.to_owned(), boot: boot.to_owned() };
        let here = machine("alpha 1", "boot 1");
        for (there, other) in [
            (here.clone(), false),
            (machine("alpha 1", "boot 2"), false),   // started again
            (machine("container", "boot 1"), false), // the same kernel
            (machine("beta 2", "boot 3"), true),
        ] {
            assert_eq!(here.is_other(&there.text()), other, "{there:?}");
        }
        assert!(!here.is_other(""));
        assert!(!Machine::here().is_other(&Machine::here().text()));
    }
}
