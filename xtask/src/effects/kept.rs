// SPDX-License-Identifier: GPL-2.0-only
//! Directories that stay between runs and that the users of a rootless chroot have to reach, and the locks
//! that keep two runs from changing one of them at a time.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{flock, FlockOperation};

use super::Effects;

/// Held until it is dropped, or until the process and all that it has started have ended, however they end.
#[derive(Debug)]
pub struct Lock(File);

/// The file in a kept directory that it is locked by.
const LOCK: &str = "lock";
/// The file in a kept directory that names the repository which it is for.
const OF: &str = "of";

/// How a directory is to be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// To change it: nobody else may look at it.
    Alone,
    /// To read it, as others may.
    Shared,
}

impl Effects {
    /// The cache, or where it is below a private home (which is what adduser makes) a directory of this
    /// user's in `/var/tmp`: whoever is in a rootless chroot is a stranger to the home.
    ///
    /// # Errors
    /// That directory is another user's.
    pub fn shared_cache(&self) -> Result<Utf8PathBuf> {
        if self.cache_is_open() {
            return Ok(self.cache.clone());
        }
        let user = rustix::process::geteuid();
        let dir = Utf8PathBuf::from(format!("/var/tmp/kernel-fork-{}", user.as_raw()));
        // Anybody may make names there: only what is really ours counts.
        if let Ok(meta) = fs::symlink_metadata(&dir) {
            if !meta.is_dir() || meta.uid() != user.as_raw() || meta.mode() & 0o022 != 0 {
                fail!(Machine, "{dir} is not a directory of yours alone"; "remove it, or let KERNEL_FORK_CACHE name a directory that others can reach");
            }
        }
        Ok(dir)
    }

    /// Can anybody go through to the cache?
    pub(super) fn cache_is_open(&self) -> bool {
        let open = |dir: &Utf8Path| fs::metadata(dir).is_ok_and(|m| m.permissions().mode() & 0o001 != 0);
        self.cache.ancestors().filter(|d| d.is_dir()).all(open)
    }

    /// A directory at or below [`Effects::shared_cache`] that others can look into, whatever the umask says.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create_open_dir(&self, dir: &Utf8Path) -> Result<()> {
        self.create_dir(dir)?;
        let base = self.shared_cache()?;
        for dir in dir.ancestors().take_while(|d| d.starts_with(&base)).filter(|d| d.is_dir()) {
            let mode = fs::metadata(dir)?.permissions().mode();
            if mode & 0o055 != 0o055 && !self.planned(dir) {
                fs::set_permissions(dir, PermissionsExt::from_mode(mode | 0o055))?;
            }
        }
        Ok(())
    }

    /// The directory of `kind` that stays for `key` of the repository at `of`, made and open for others to look
    /// into. Those of repositories that are gone go. In a dry run it may not be there.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn kept_dir(&self, kind: &str, of: &Utf8Path, key: &str) -> Result<Utf8PathBuf> {
        let all = self.shared_cache()?.join(kind);
        for entry in all.read_dir_utf8().into_iter().flatten().flatten() {
            let repository = fs::read_to_string(entry.path().join(OF)).unwrap_or_default();
            let gone = repository.starts_with('/') && !Utf8Path::new(&repository).exists();
            if gone && !self.dry && self.lock(entry.path(), Hold::Alone)?.is_some() {
                self.remove(entry.path())?;
            }
        }
        let name = git2::Oid::hash_object(git2::ObjectType::Blob, format!("{of} {key}").as_bytes())?.to_string();
        let dir = all.join(&name[..12]);
        self.create_open_dir(&dir)?;
        if dir.is_dir() {
            self.write(dir.join(OF), of.as_str())?;
        }
        Ok(dir)
    }

    /// Locks a directory by way of a file in it. `None`: somebody else holds it. Never asked for in a dry run.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn lock(&self, dir: &Utf8Path, hold: Hold) -> Result<Option<Lock>> {
        let path = &dir.join(LOCK);
        // Over NFS a lock is only had on what is open for writing.
        let file =
            File::options().create(true).append(true).open(path).with_context(|| format!("cannot lock {path}"))?;
        let lock = Lock(file);
        // Whoever we start holds it too: if this process is killed, what it has started may go on for a while.
        rustix::io::fcntl_setfd(&lock.0, rustix::io::FdFlags::empty())?;
        Ok(lock.hold(hold)?.then_some(lock))
    }
}

impl Lock {
    /// Holds it another way. Others may get in between; `false`: one has, and nothing is held.
    ///
    /// # Errors
    /// The file system has no locks.
    pub fn hold(&self, hold: Hold) -> Result<bool> {
        let operation = match hold {
            Hold::Alone => FlockOperation::NonBlockingLockExclusive,
            Hold::Shared => FlockOperation::NonBlockingLockShared,
        };
        match flock(&self.0, operation) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
            Err(e) => Err(e).context("this file system has no locks"),
        }
    }
}
