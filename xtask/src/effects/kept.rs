// SPDX-License-Identifier: GPL-2.0-only
//! Directories that stay between runs and that the users of a rootless chroot have to reach, and the locks
//! that keep two runs from changing one of them at a time.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use fs_err::{self as fs, File};
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::lock::{self, Hold};
use super::open::{open_lock, text_plain};
use super::Effects;
use crate::error::{Failure, Kind};

/// Held until it is dropped, or until the process and all that it has started have ended, however they end.
#[derive(Debug)]
pub struct Lock(File);

/// The file in a kept directory that it is locked by.
const LOCK: &str = "lock";
/// The file in a kept directory that names the repository which it is for.
const OF: &str = "of";
/// The mode of each directory in the cache: chroots' users look into it, and nobody else writes it.
pub(super) const KEPT: u32 = 0o755;

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
        of_ours_alone(&dir, self.planned(&dir))?;
        Ok(dir)
    }

    /// Is it in the cache, or in what takes its place?
    pub(super) fn is_kept(&self, path: &Utf8Path) -> bool {
        path.starts_with(&self.cache) || self.shared_cache().is_ok_and(|shared| path.starts_with(shared))
    }

    /// Can anybody go through to the cache?
    pub(super) fn cache_is_open(&self) -> bool {
        let open = |dir: &Utf8Path| fs::metadata(dir).is_ok_and(|m| m.permissions().mode() & 0o001 != 0);
        self.cache.ancestors().filter(|d| d.is_dir()).all(open)
    }

    /// A directory at or below [`Effects::shared_cache`] that others can look into and not write, whatever the umask
    /// says or an earlier version has made of it.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create_open_dir(&self, dir: &Utf8Path) -> Result<()> {
        self.create_dir(dir)?;
        let base = self.shared_cache()?;
        for dir in dir.ancestors().take_while(|d| d.starts_with(&base)).filter(|d| d.is_dir()) {
            if fs::metadata(dir)?.mode() & 0o077 != 0o055 && !self.planned(dir) {
                fs::set_permissions(dir, PermissionsExt::from_mode(KEPT))?;
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
            let repository = text_plain(&entry.path().join(OF)).unwrap_or_default();
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
        let file = open_lock(path, OFlags::CREATE).with_context(|| format!("cannot lock {path}"))?;
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
        lock::hold(&self.0, hold).map_err(|e| lock::no_locks(path_of(&self.0), e))
    }
}

fn path_of(file: &File) -> &Utf8Path {
    Utf8Path::from_path(file.path()).unwrap_or(Utf8Path::new(LOCK))
}

/// Makes sure that a directory which anybody could have made is this user's alone, if it is there. One that the
/// group can write was made by an earlier version under a umask of 0002: it loses that, since in a sticky directory
/// nobody else can have put it there.
///
/// # Errors
/// It is something else, another user's, or everybody's.
fn of_ours_alone(dir: &Utf8Path, planned: bool) -> Result<()> {
    use rustix::fs::Mode;
    let refused = || {
        let failure = Failure::new(Kind::Machine, format!("`{dir}` is not a directory of yours alone"));
        failure.hint("remove it, or let KERNEL_FORK_CACHE name a directory that others can reach")
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = match rustix::fs::open(dir.as_std_path(), flags, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(()),
        Err(e) => return Err(anyhow::Error::from(e).context(refused())),
        Ok(opened) => opened,
    };
    let meta = rustix::fs::fstat(&opened)?;
    let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    match meta.st_mode & 0o022 {
        0 if meta.st_uid == user => Ok(()),
        0o020 if (meta.st_uid, meta.st_gid) == (user, group) => {
            if !planned {
                rustix::fs::fchmod(&opened, Mode::from_raw_mode(KEPT))?;
            }
            Ok(())
        }
        _ => Err(refused().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_ours_alone() {
        let lab = tempfile::tempdir().unwrap();
        let at = |name: &str| Utf8Path::from_path(lab.path()).unwrap().join(name);
        let mode = |name: &str| fs::symlink_metadata(at(name)).unwrap().mode() & 0o777;
        let make = |name: &str, mode| {
            fs::create_dir(at(name)).unwrap();
            fs::set_permissions(at(name), PermissionsExt::from_mode(mode)).unwrap();
        };
        of_ours_alone(&at("none"), false).unwrap();
        for (name, before, after) in [("closed", 0o700, 0o700), ("open", 0o755, 0o755), ("group", 0o775, 0o755)] {
            make(name, before);
            of_ours_alone(&at(name), true).unwrap();
            assert_eq!(mode(name), before, "{name}");
            of_ours_alone(&at(name), false).unwrap();
            assert_eq!(mode(name), after, "{name}");
        }
        make("everybody", 0o777);
        make("target", 0o775);
        fs_err::os::unix::fs::symlink(at("target"), at("link")).unwrap();
        fs::write(at("file"), "").unwrap();
        for name in ["everybody", "link", "file"] {
            let error = of_ours_alone(&at(name), false).unwrap_err();
            assert_eq!((crate::error::exit_code(&error), crate::error::hint(&error).is_some()), (4, true), "{name}");
        }
        assert_eq!((mode("everybody"), mode("target")), (0o777, 0o775));
        let theirs = of_ours_alone(Utf8Path::new("/proc/1"), false);
        assert!(rustix::process::geteuid().is_root() || theirs.is_err());
    }
}
