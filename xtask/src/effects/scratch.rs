// SPDX-License-Identifier: GPL-2.0-only
//! Scratch directories: each is of one process, and none stays behind.
//!
//! `.kernel-fork.PURPOSE.PID.RANDOM` has a lock file beside it, held by who works in it. The kernel lets go of it
//! when that process ends, however it does, and the next run removes what it can lock. A process id alone would
//! not tell: directories are shared with other containers and, over NFS, with other machines. There a directory
//! cannot be locked either, only a file that is open for writing.

use std::cell::RefCell;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::rc::Rc;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use rustix::fs::OFlags;
use tempfile::NamedTempFile;

use super::disk::nearest;
use super::lock::{hold, Hold, Machine};
use super::open::{open_lock, read_plain, text_plain};
use super::Effects;

/// How the name of each scratch begins: nothing of the person's is ever swept away.
const MARK: &str = ".kernel-fork.";
/// What the name of its lock file has behind that.
const LOCK: &str = ".lock";

/// A directory of this process's own; removed when dropped, and by the next run if this one was killed.
pub struct Scratch {
    path: Utf8PathBuf,
    lock: NamedTempFile,
    all: Rc<RefCell<Vec<Utf8PathBuf>>>,
}

impl Scratch {
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    pub fn join(&self, name: impl AsRef<Utf8Path>) -> Utf8PathBuf {
        self.path.join(name)
    }

    /// Writes a file of it that a sandbox may have put a link in the place of: the link goes, what it led to stays.
    ///
    /// # Errors
    /// A directory is in the place.
    pub fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> Result<()> {
        let path = self.join(name);
        let cannot = || format!("cannot write {path}");
        let mut file = tempfile::NamedTempFile::new_in(&self.path).with_context(cannot)?;
        file.write_all(bytes.as_ref()).with_context(cannot)?;
        file.persist(&path).with_context(cannot)?;
        Ok(())
    }

    /// Reads a file of it that a sandbox may have written, as [`read_plain`].
    ///
    /// # Errors
    /// As there.
    pub fn take(&self, name: &str) -> Result<Vec<u8>> {
        read_plain(&self.join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.all.borrow_mut().retain(|p| p != &self.path);
        // What a chroot's users have left is removed by the next run, which finds it by the lock file.
        let _ = super::files::remove_tree(&self.path);
        self.lock.disable_cleanup(self.path.symlink_metadata().is_ok());
    }
}

impl Effects {
    /// A new scratch directory among the cache's.
    ///
    /// # Errors
    /// The cache cannot be written.
    pub fn scratch(&self, purpose: &str) -> Result<Scratch> {
        // The cache may not be there yet, and a dry run does not make it.
        if self.dry {
            return self.scratch_in(&Utf8PathBuf::try_from(std::env::temp_dir())?, purpose);
        }
        let parent = self.cache.join("tmp");
        self.make_dir(&parent)?;
        self.scratch_in(&parent, purpose)
    }

    /// A new scratch directory for what will be moved to `to`: on the same file system, and nothing is made for it
    /// outside of it. [`Effects::rename`] and [`Effects::replace_dir`] make the directories that `to` needs.
    ///
    /// # Errors
    /// That place cannot be written.
    pub fn scratch_for(&self, purpose: &str, to: &Utf8Path) -> Result<Scratch> {
        let parent = to.parent().unwrap_or(to);
        if self.is_kept(parent) && !self.dry {
            self.make_dir(parent)?;
        }
        let parent = nearest(parent);
        let made = self.scratch_in(&parent, purpose);
        // A dry run moves nothing, so it needs no room there.
        made.or_else(|e| if self.dry { self.scratch(purpose) } else { Err(e) })
    }

    /// A scratch that the users of a rootless chroot can reach. They are strangers to whoever has a home of
    /// mode 0700, which is what adduser makes: then it is in `/var/tmp`. From here on they can also read what this
    /// process and its programs make, whatever umask the user has: too many of them write there for each to see to it.
    ///
    /// # Errors
    /// As [`Effects::scratch`].
    pub fn shared_scratch(&self, purpose: &str) -> Result<Scratch> {
        let scratch = if self.cache_is_open() || self.dry {
            self.scratch(purpose)?
        } else {
            self.scratch_in(Utf8Path::new("/var/tmp"), purpose)?
        };
        fs::set_permissions(scratch.path(), PermissionsExt::from_mode(0o755))?;
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
        Ok(scratch)
    }

    fn scratch_in(&self, parent: &Utf8Path, purpose: &str) -> Result<Scratch> {
        let parent = parent.canonicalize_utf8().with_context(|| format!("cannot find {parent}"))?;
        self.sweep(&parent);
        let prefix = format!("{MARK}{purpose}.{}.", std::process::id());
        let lock = locked(&parent, &prefix).with_context(|| format!("cannot make a directory in {parent}"))?;
        let path = Utf8Path::from_path(lock.path()).context("a scratch path is not UTF-8")?;
        let path = Utf8PathBuf::from(path.as_str().trim_end_matches(LOCK));
        std::fs::DirBuilder::new().mode(0o700).create(&path).with_context(|| format!("cannot make {path}"))?;
        self.scratches.borrow_mut().push(path.clone());
        Ok(Scratch { path, lock, all: Rc::clone(&self.scratches) })
    }

    /// Removes the scratches of processes that were killed. What cannot be removed now (another user's) is no
    /// reason not to work.
    pub fn sweep(&self, parent: &Utf8Path) {
        let here = Machine::here();
        for entry in parent.read_dir_utf8().into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(of) = name.strip_suffix(LOCK).filter(|n| n.starts_with(MARK)) else { continue };
            if !entry.file_type().is_ok_and(|t| t.is_file()) {
                continue;
            }
            // Another machine's lock may not be seen from here.
            if text_plain(entry.path()).is_none_or(|text| here.is_other(&text)) {
                continue;
            }
            let Ok(file) = open_lock(entry.path(), OFlags::empty()) else { continue };
            let dir = parent.join(of);
            // Held until both are gone: another one may be sweeping too.
            if hold(&file, Hold::Alone).unwrap_or(false) && (self.remove_dir(&dir).is_ok() || !dir.exists()) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// A lock file of a name that nobody has, and its lock. A file system without locks is one that nobody sweeps.
fn locked(parent: &Utf8Path, prefix: &str) -> Result<NamedTempFile> {
    loop {
        let mut lock = tempfile::Builder::new().prefix(prefix).suffix(LOCK).tempfile_in(parent)?;
        // Between the two a sweep may have taken it for a dead one's.
        let swept = hold(&lock, Hold::Alone).is_ok_and(|held| !held);
        if !swept && lock.as_file().metadata()?.nlink() > 0 {
            lock.write_all(Machine::here().text().as_bytes())?;
            return Ok(lock);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_a_sandbox_has_put_in_the_place_of_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().to_owned();
        let scratch = Scratch { path, lock: NamedTempFile::new().unwrap(), all: Rc::default() };
        let (mine, link) = (scratch.join("mine"), scratch.join("link"));
        fs::write(&mine, "mine").unwrap();
        symlink(&mine, &link).unwrap();
        assert!(scratch.take("link").is_err());
        scratch.put("link", "new").unwrap();
        assert_eq!(
            (fs::read_to_string(&mine).unwrap().as_str(), scratch.take("link").unwrap()),
            ("mine", b"new".to_vec())
        );

        symlink("/dev/zero", scratch.join("zero")).unwrap();
        let pipe = scratch.join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, pipe.as_std_path(), rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
            .unwrap();
        fs::create_dir(scratch.join("directory")).unwrap();
        fs::File::create(scratch.join("large")).unwrap().set_len(super::super::open::LARGEST + 1).unwrap();
        for name in ["zero", "pipe", "directory", "large", "nothing"] {
            assert!(scratch.take(name).is_err(), "{name}");
        }
    }
}
