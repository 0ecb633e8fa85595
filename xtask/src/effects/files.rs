// SPDX-License-Identifier: GPL-2.0-only
//! Files and directories: whole or not at all, and scratch directories that never stay behind.

use std::cell::RefCell;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::rc::Rc;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use xshell::cmd;

use super::command::{quote, Did, Run};
use super::Effects;

/// How the name of each scratch begins: nothing of the person's is ever swept away.
const MARK: &str = ".kernel-fork.";

/// A directory of this process's own; removed when dropped, and by the next run if this one was killed.
pub struct Scratch {
    dir: tempfile::TempDir,
    path: Utf8PathBuf,
    all: Rc<RefCell<Vec<Utf8PathBuf>>>,
}

impl Scratch {
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    pub fn join(&self, name: impl AsRef<Utf8Path>) -> Utf8PathBuf {
        self.path.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.all.borrow_mut().retain(|p| p != &self.path);
        let _ = &self.dir;
    }
}

pub(super) fn cache_dir() -> Result<Utf8PathBuf> {
    let var = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty()).map(Utf8PathBuf::from);
    var("KERNEL_FORK_CACHE")
        .or_else(|| var("XDG_CACHE_HOME").map(|d| d.join("kernel-fork")))
        .or_else(|| var("HOME").map(|d| d.join(".cache/kernel-fork")))
        .context("neither KERNEL_FORK_CACHE nor XDG_CACHE_HOME nor HOME is set")
}

impl Effects {
    /// A new scratch directory in `parent` (made if need be), or among the cache's where it is `None`.
    ///
    /// # Errors
    /// `parent` cannot be written.
    pub fn scratch(&self, purpose: &str, parent: Option<&Utf8Path>) -> Result<Scratch> {
        let parent = match parent {
            Some(p) => p.to_owned(),
            // The cache may not be there yet, and a dry run does not make it.
            None if self.dry => Utf8PathBuf::try_from(std::env::temp_dir())?,
            None => self.cache.join("tmp"),
        };
        fs::create_dir_all(&parent).with_context(|| format!("cannot make {parent}"))?;
        self.sweep(&parent);
        let prefix = format!("{MARK}{purpose}.{}.", std::process::id());
        let dir = tempfile::Builder::new()
            .prefix(&prefix)
            .tempdir_in(&parent)
            .with_context(|| format!("cannot make a directory in {parent}"))?;
        let path = Utf8Path::from_path(dir.path()).context("a scratch path is not UTF-8")?.to_owned();
        let path = path.canonicalize_utf8()?;
        self.scratches.borrow_mut().push(path.clone());
        Ok(Scratch { dir, path, all: Rc::clone(&self.scratches) })
    }

    /// A scratch that the users of a rootless chroot can reach. They are strangers to whoever has a home of
    /// mode 0700, which is what adduser makes: then it is in `/var/tmp`.
    ///
    /// # Errors
    /// As [`Effects::scratch`].
    pub fn shared_scratch(&self, purpose: &str) -> Result<Scratch> {
        let reachable = self.cache_is_open();
        let scratch = self.scratch(purpose, Some(Utf8Path::new("/var/tmp")).filter(|_| !reachable && !self.dry))?;
        fs::set_permissions(scratch.path(), PermissionsExt::from_mode(0o755))?;
        Ok(scratch)
    }

    /// Writes a file, by a temporary one beside it and a rename. Does nothing where it is so already.
    ///
    /// # Errors
    /// The directory is not there or cannot be written.
    pub fn write(&self, path: impl AsRef<Utf8Path>, bytes: impl AsRef<[u8]>) -> Result<Did> {
        self.write_with(path.as_ref(), bytes.as_ref(), 0o644)
    }

    /// Gives a file that is there the time of now.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_again(&self, path: impl AsRef<Utf8Path>) -> Result<Did> {
        let path = path.as_ref();
        if self.planned(path) {
            return Ok(Did::Planned);
        }
        let file = fs::File::options().write(true).open(path).with_context(|| format!("cannot write {path}"))?;
        file.set_modified(std::time::SystemTime::now())?;
        Ok(Did::Done)
    }

    /// As [`Effects::write`], a file that can be run.
    ///
    /// # Errors
    /// As there.
    pub fn write_program(&self, path: impl AsRef<Utf8Path>, bytes: impl AsRef<[u8]>) -> Result<Did> {
        self.write_with(path.as_ref(), bytes.as_ref(), 0o755)
    }

    fn write_with(&self, path: &Utf8Path, bytes: &[u8], mode: u32) -> Result<Did> {
        if fs::read(path).is_ok_and(|old| old == bytes) {
            return Ok(Did::Done);
        }
        if self.planned(path) {
            self.ui.planned(&format!("# write {} ({} bytes)", quote(path), bytes.len()));
            return Ok(Did::Planned);
        }
        let dir = path.parent().context("a file has a directory")?;
        let mut file = tempfile::NamedTempFile::new_in(dir).with_context(|| format!("cannot write in {dir}"))?;
        file.write_all(bytes)?;
        // tempfile's 0600 is for secrets; these files are for everybody.
        let mode = fs::metadata(path).map_or_else(|_| PermissionsExt::from_mode(mode), |m| m.permissions());
        file.as_file().set_permissions(mode)?;
        file.persist(path).with_context(|| format!("cannot write {path}"))?;
        Ok(Did::Done)
    }

    /// Makes a directory and its parents.
    ///
    /// # Errors
    /// As `mkdir -p`.
    pub fn create_dir(&self, path: impl AsRef<Utf8Path>) -> Result<Did> {
        let path = path.as_ref();
        if path.is_dir() {
            return Ok(Did::Done);
        }
        if self.planned(path) {
            self.ui.planned(&format!("mkdir -p {}", quote(path)));
            return Ok(Did::Planned);
        }
        fs::create_dir_all(path).with_context(|| format!("cannot make {path}"))?;
        Ok(Did::Done)
    }

    /// Moves `from` to `to`, replacing a file; on one file system, so at once or not at all.
    ///
    /// # Errors
    /// As `rename(2)`.
    pub fn rename(&self, from: impl AsRef<Utf8Path>, to: impl AsRef<Utf8Path>) -> Result<Did> {
        let (from, to) = (from.as_ref(), to.as_ref());
        if self.planned(to) {
            self.ui.planned(&format!("mv -T {} {}", quote(from), quote(to)));
            return Ok(Did::Planned);
        }
        fs::rename(from, to).with_context(|| format!("cannot move {from} to {to}"))?;
        Ok(Did::Done)
    }

    /// Puts the directory `from` in the place of the directory `to`; what was there ends up in `from`.
    ///
    /// # Errors
    /// As `rename(2)`.
    pub fn replace_dir(&self, from: impl AsRef<Utf8Path>, to: impl AsRef<Utf8Path>) -> Result<Did> {
        let (from, to) = (from.as_ref(), to.as_ref());
        if self.planned(to) {
            self.ui.planned(&format!("mv -T --exchange {} {}", quote(from), quote(to)));
            return Ok(Did::Planned);
        }
        if !to.exists() {
            fs::create_dir_all(to).with_context(|| format!("cannot make {to}"))?;
        }
        // A scratch is its owner's alone; what is published is for everybody.
        fs::set_permissions(from, PermissionsExt::from_mode(0o755))?;
        let cwd = rustix::fs::CWD;
        rustix::fs::renameat_with(cwd, from.as_std_path(), cwd, to.as_std_path(), rustix::fs::RenameFlags::EXCHANGE)
            .with_context(|| format!("cannot put {from} in the place of {to}"))?;
        Ok(Did::Done)
    }

    /// What the users of a rootless chroot have made is not this user's, who may only act as one of them.
    fn remove_dir(&self, path: &Utf8Path) -> std::io::Result<()> {
        match fs::remove_dir_all(path) {
            Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => {
                // The outermost ones are this user's again, and stay for the second try.
                let _ = self.read(Run::from(cmd!(self.sh, "mmdebstrap --unshare-helper rm -rf {path}")).any_status());
                fs::remove_dir_all(path)
            }
            gone => gone,
        }
    }

    /// Removes the scratches of processes that were killed: `.kernel-fork.PURPOSE.PID.RANDOM`.
    fn sweep(&self, parent: &Utf8Path) {
        for entry in parent.read_dir_utf8().into_iter().flatten().flatten() {
            let name = entry.file_name();
            let mut parts = name.strip_prefix(MARK).unwrap_or("").splitn(3, '.').skip(1);
            let (Some(pid), Some(_)) = (parts.next().and_then(|p| p.parse::<i32>().ok()), parts.next()) else {
                continue;
            };
            let alive = rustix::process::Pid::from_raw(pid)
                .is_none_or(|p| !matches!(rustix::process::test_kill_process(p), Err(rustix::io::Errno::SRCH)));
            if !alive {
                // What cannot be removed now (another user's) is no reason not to work.
                let _ = self.remove_dir(entry.path());
            }
        }
    }

    /// Removes a file or a whole directory; gone already is fine.
    ///
    /// # Errors
    /// As `rm -r`.
    pub fn remove(&self, path: impl AsRef<Utf8Path>) -> Result<Did> {
        let path = path.as_ref();
        if self.planned(path) {
            self.ui.planned(&format!("rm -rf {}", quote(path)));
            return Ok(Did::Planned);
        }
        let gone = if path.is_dir() && !path.is_symlink() { self.remove_dir(path) } else { fs::remove_file(path) };
        match gone {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(e).with_context(|| format!("cannot remove {path}"))
            }
            _ => Ok(Did::Done),
        }
    }
}

/// Free bytes for this user on the file system of `path` or of its nearest parent that is there.
pub fn free_bytes(path: &Utf8Path) -> Result<u64> {
    let there = path.ancestors().find(|p| p.exists()).unwrap_or(Utf8Path::new("/"));
    let stat =
        rustix::fs::statvfs(there.as_std_path()).with_context(|| format!("cannot look at the disk of {there}"))?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}
