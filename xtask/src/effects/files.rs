// SPDX-License-Identifier: GPL-2.0-only
//! Files and directories: whole or not at all.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use rustix::fs::{OFlags, RenameFlags};
use rustix::io::Errno;
use xshell::cmd;

use super::command::{quote, Did, Run};
use super::kept::KEPT;
use super::open::{open_given, open_lock};
use super::Effects;
use crate::error::{Failure, Kind};

/// The directory of the cache, from the environment.
pub(super) fn cache_dir() -> Result<Utf8PathBuf> {
    cache_of(|name| std::env::var(name).ok())
}

/// The directory of the cache, where `var` reads the environment.
fn cache_of(var: impl Fn(&str) -> Option<String>) -> Result<Utf8PathBuf> {
    let named = [("KERNEL_FORK_CACHE", ""), ("XDG_CACHE_HOME", "kernel-fork"), ("HOME", ".cache/kernel-fork")];
    for (name, below) in named {
        let Some(dir) = var(name).filter(|dir| !dir.is_empty()) else { continue };
        let dir = Utf8PathBuf::from(dir);
        // A relative one would be another directory for each command, and below a work tree a part of the fork.
        if dir.is_absolute() {
            return Ok(if below.is_empty() { dir } else { dir.join(below) });
        }
        // The base directory specification has relative ones ignored.
        if name != "XDG_CACHE_HOME" {
            fail!(Input, "{name} is the relative path `{dir}`: the cache would be another one in each directory";
                "`export {name}=/DIR` names it from the root");
        }
    }
    fail!(Machine, "neither KERNEL_FORK_CACHE nor XDG_CACHE_HOME nor HOME is set";
        "`export HOME=DIR`, or `export KERNEL_FORK_CACHE=DIR`")
}

impl Effects {
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
        let file = open_lock(path, OFlags::empty()).with_context(|| format!("cannot write {path}"))?;
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
        if is_so(path, bytes) {
            return Ok(Did::Done);
        }
        if self.planned(path) {
            self.plan(&format!("# write {} ({} bytes)", quote(path), bytes.len()));
            return Ok(Did::Planned);
        }
        let dir = path.parent().context("a file has a directory")?;
        let mut file = tempfile::NamedTempFile::new_in(dir).with_context(|| format!("cannot write in {dir}"))?;
        file.write_all(bytes).with_context(|| format!("cannot write {path}"))?;
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
            self.plan(&format!("mkdir -p {}", quote(path)));
            return Ok(Did::Planned);
        }
        self.make_dir(path)?;
        Ok(Did::Done)
    }

    /// Makes a directory and its parents now. Those of the cache get one mode, whatever the umask; others are the
    /// user's, and get what `mkdir -p` gives them.
    pub(super) fn make_dir(&self, path: &Utf8Path) -> Result<()> {
        if !self.is_kept(path) {
            return fs::create_dir_all(path).with_context(|| format!("cannot make {path}"));
        }
        let missing: Vec<&Utf8Path> = path.ancestors().take_while(|d| !d.as_str().is_empty() && !d.is_dir()).collect();
        for dir in missing.into_iter().rev() {
            match fs::create_dir(dir) {
                Ok(()) => fs::set_permissions(dir, PermissionsExt::from_mode(KEPT))?,
                // Another process was faster.
                Err(e) if e.kind() == ErrorKind::AlreadyExists && dir.is_dir() => {}
                Err(e) => {
                    let failure = Failure::new(Kind::Machine, format!("cannot make {dir}"));
                    return Err(e).context(failure.hint("KERNEL_FORK_CACHE names another place for the cache"));
                }
            }
        }
        Ok(())
    }

    /// Moves `from` to `to`, replacing a file; on one file system ([`Effects::scratch_for`]), so at once or not at
    /// all. The directories that `to` needs are made.
    ///
    /// # Errors
    /// As `rename(2)`.
    pub fn rename(&self, from: impl AsRef<Utf8Path>, to: impl AsRef<Utf8Path>) -> Result<Did> {
        let (from, to) = (from.as_ref(), to.as_ref());
        self.create_dir(parent(to))?;
        if self.planned(to) {
            self.plan(&format!("mv -T {} {}", quote(from), quote(to)));
            return Ok(Did::Planned);
        }
        fs::rename(from, to).with_context(|| format!("cannot move {from} to {to}"))?;
        Ok(Did::Done)
    }

    /// Puts the directory `from` in the place of the directory `to`, at once (but see [`one_after_the_other`]). What was
    /// there is gone with the scratch that `from` is, or is in.
    ///
    /// # Errors
    /// As `rename(2)`.
    pub fn replace_dir(&self, from: impl AsRef<Utf8Path>, to: impl AsRef<Utf8Path>) -> Result<Did> {
        let (from, to) = (from.as_ref(), to.as_ref());
        self.create_dir(parent(to))?;
        if self.planned(to) {
            self.plan(&format!("mv -T --exchange {} {}", quote(from), quote(to)));
            return Ok(Did::Planned);
        }
        // A scratch is its owner's alone; what is published is for everybody.
        fs::set_permissions(from, PermissionsExt::from_mode(0o755))?;
        replace(from, to).with_context(|| format!("cannot put {from} in the place of {to}"))?;
        Ok(Did::Done)
    }

    /// Moves the files of the scratch directory `from` into the directory `to`; what else is there stays as it is. A
    /// file appears whole, also in the place of another, and so does a directory of which nothing is there. A link in
    /// `from` stands for what is there.
    ///
    /// # Errors
    /// `to` is not there or cannot be written.
    pub fn fill_dir(&self, from: impl AsRef<Utf8Path>, to: impl AsRef<Utf8Path>) -> Result<Did> {
        let (from, to) = (from.as_ref(), to.as_ref());
        if self.planned(to) {
            self.ui.planned(&format!("cp -r {}/. {}/", quote(from), quote(to)));
            return Ok(Did::Planned);
        }
        fill(from, to)?;
        Ok(Did::Done)
    }

    /// What the users of a rootless chroot have made is not this user's, who may only act as one of them.
    pub(super) fn remove_dir(&self, path: &Utf8Path) -> std::io::Result<()> {
        match remove_tree(path) {
            Err(e) if e.kind() == ErrorKind::PermissionDenied => {
                // The outermost ones are this user's again, and stay for the second try.
                let _ = self.read(Run::from(cmd!(self.sh, "mmdebstrap --unshare-helper rm -rf {path}")).any_status());
                remove_tree(path)
            }
            gone => gone,
        }
    }

    /// Removes a file or a whole directory; gone already is fine.
    ///
    /// # Errors
    /// As `rm -r`.
    pub fn remove(&self, path: impl AsRef<Utf8Path>) -> Result<Did> {
        let path = path.as_ref();
        if self.planned(path) {
            self.plan(&format!("rm -rf {}", quote(path)));
            return Ok(Did::Planned);
        }
        let gone = if path.is_dir() && !path.is_symlink() { self.remove_dir(path) } else { fs::remove_file(path) };
        match gone {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(e).with_context(|| format!("cannot remove {path}")),
            _ => Ok(Did::Done),
        }
    }

    /// Removes a directory if it is empty; it stays where it holds anything.
    ///
    /// # Errors
    /// As `rmdir --ignore-fail-on-non-empty`.
    pub fn remove_empty_dir(&self, path: &Utf8Path) -> Result<()> {
        if self.planned(path) {
            return Ok(());
        }
        match fs::remove_dir(path) {
            Err(e) if ![ErrorKind::NotFound, ErrorKind::DirectoryNotEmpty].contains(&e.kind()) => {
                Err(e).with_context(|| format!("cannot remove {path}"))
            }
            _ => Ok(()),
        }
    }
}

/// Removes a directory that a sandbox has had to write in: no mode keeps it. What is not this user's stays.
pub(super) fn remove_tree(path: &Utf8Path) -> std::io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() == ErrorKind::PermissionDenied => {
            open_up(path);
            fs::remove_dir_all(path)
        }
        gone => gone,
    }
}

/// Lets this user into the directory `path` and all below, as far as they are this user's.
fn open_up(path: &Utf8Path) {
    let Ok(meta) = path.symlink_metadata() else { return };
    if !meta.is_dir() {
        return;
    }
    let mode = meta.permissions().mode();
    if mode & 0o700 != 0o700 {
        // Nobody else is at work in it, so it is no link by now.
        let _ = fs::set_permissions(path, PermissionsExt::from_mode(mode | 0o700));
    }
    path.read_dir_utf8().into_iter().flatten().flatten().for_each(|entry| open_up(entry.path()));
}

/// The directory that `path` is in.
fn parent(path: &Utf8Path) -> &Utf8Path {
    path.parent().filter(|p| !p.as_str().is_empty()).unwrap_or(Utf8Path::new("."))
}

/// Has a file this content? What is in its place may be anything.
fn is_so(path: &Utf8Path, bytes: &[u8]) -> bool {
    let (mut old, most) = (Vec::new(), bytes.len() as u64 + 1);
    open_given(path).and_then(|file| file.take(most).read_to_end(&mut old)).is_ok() && old == bytes
}

/// Where nothing is in the way a plain rename will do, which every file system has.
fn replace(from: &Utf8Path, to: &Utf8Path) -> Result<()> {
    let (cwd, old, new) = (rustix::fs::CWD, from.as_std_path(), to.as_std_path());
    match rustix::fs::renameat(cwd, old, cwd, new) {
        Err(Errno::NOTEMPTY | Errno::EXIST) => {}
        done => return Ok(done?),
    }
    match rustix::fs::renameat_with(cwd, old, cwd, new, RenameFlags::EXCHANGE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => one_after_the_other(from, to),
        done => Ok(done?),
    }
}

/// For a file system that cannot exchange two names (NFS, CIFS, 9p): what is at `to` is put aside, and back again if
/// `from` cannot take its place. For that moment nothing is at `to`. Whoever is killed just then leaves what was there
/// in `….before.RANDOM` beside it; that is no scratch, since no sweep may take the last copy.
fn one_after_the_other(from: &Utf8Path, to: &Utf8Path) -> Result<()> {
    let (parent, name) = to.parent().zip(to.file_name()).context("a directory has a name and one above it")?;
    let aside = tempfile::Builder::new()
        .prefix(&format!("{name}.before."))
        .tempdir_in(parent)
        .with_context(|| format!("cannot write in {parent}"))?;
    let before = aside.path().join(name);
    fs::rename(to, &before)?;
    let Err(error) = fs::rename(from, to) else { return Ok(()) };
    if fs::rename(&before, to).is_err() {
        return Err(error).context(format!("what was there is in {}", aside.keep().display()));
    }
    Err(error.into())
}

/// As [`Effects::fill_dir`].
fn fill(from: &Utf8Path, to: &Utf8Path) -> Result<()> {
    for entry in from.read_dir_utf8().with_context(|| format!("cannot read {from}"))? {
        let (entry, cannot) = (entry?, |path: &Utf8Path| format!("cannot make {path}"));
        let (path, there) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        let is_dir = kind.is_dir();
        if is_dir && there.is_dir() {
            fill(path, &there)?;
        } else if !kind.is_symlink() {
            match fs::rename(path, &there) {
                // Below a link to another disk.
                Err(e) if e.kind() == std::io::ErrorKind::CrossesDevices && is_dir => {
                    fs::create_dir(&there).with_context(|| cannot(&there))?;
                    fs::set_permissions(&there, fs::metadata(path)?.permissions())?;
                    fill(path, &there)?;
                }
                Err(e) if e.kind() == std::io::ErrorKind::CrossesDevices => {
                    let copy = tempfile::NamedTempFile::new_in(to).with_context(|| cannot(&there))?;
                    fs::copy(path, copy.path()).with_context(|| cannot(&there))?;
                    copy.persist(&there).with_context(|| cannot(&there))?;
                }
                moved => moved.with_context(|| cannot(&there))?,
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_is_never_below_the_current_directory() {
        let of = |set: &[(&str, &str)]| {
            cache_of(|name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
        };
        let (home, relative) = (("HOME", "/h"), ("XDG_CACHE_HOME", "x"));
        assert_eq!(of(&[("KERNEL_FORK_CACHE", "/c"), home]).unwrap(), "/c");
        assert_eq!(of(&[("KERNEL_FORK_CACHE", ""), relative, home]).unwrap(), "/h/.cache/kernel-fork");
        assert_eq!(of(&[("XDG_CACHE_HOME", "/x"), home]).unwrap(), "/x/kernel-fork");
        for (set, code) in [(("KERNEL_FORK_CACHE", "c/d"), 3), (("HOME", "h"), 3), (relative, 4)] {
            let error = of(&[set]).unwrap_err();
            assert_eq!(
                (crate::error::exit_code(&error), crate::error::hint(&error).is_some()),
                (code, true),
                "{set:?}"
            );
        }
    }

    #[test]
    fn a_directory_is_filled_and_what_else_is_there_stays() {
        // Two file systems, where the machine has two.
        for other in ["/tmp", "/dev/shm"] {
            let (lab, aside) = (tempfile::tempdir().unwrap(), tempfile::tempdir_in(other).unwrap());
            let at = |name: &str| Utf8Path::from_path(lab.path()).unwrap().join(name);
            for file in ["from/a/both", "from/a/new", "from/new/deep/file", "from/link/file", "to/a/both", "to/mine"] {
                fs::create_dir_all(at(file).parent().unwrap()).unwrap();
                fs::write(at(file), file).unwrap();
            }
            std::os::unix::fs::symlink(aside.path(), at("to/link")).unwrap();
            fs::write(at("to/a/kept"), "to/a/kept").unwrap();
            std::os::unix::fs::symlink(at("to/a/kept"), at("from/a/kept")).unwrap();
            fill(&at("from"), &at("to")).unwrap();
            for (file, text) in [
                ("a/both", "from/a/both"),
                ("a/kept", "to/a/kept"),
                ("a/new", "from/a/new"),
                ("new/deep/file", "from/new/deep/file"),
                ("link/file", "from/link/file"),
                ("mine", "to/mine"),
            ] {
                assert_eq!(fs::read_to_string(at("to").join(file)).unwrap(), text, "{other}");
            }
            assert!(at("to/link").is_symlink() && aside.path().join("file").is_file());
        }
    }

    #[test]
    fn a_directory_takes_the_place_of_none_of_an_empty_and_of_a_full_one() {
        for (way, full) in [
            (replace as fn(&Utf8Path, &Utf8Path) -> Result<()>, None),
            (replace, Some(false)),
            (replace, Some(true)),
            (one_after_the_other, Some(true)),
        ] {
            let lab = tempfile::tempdir().unwrap();
            let at = |name: &str| Utf8Path::from_path(lab.path()).unwrap().join(name);
            fs::create_dir_all(at("scratch/fresh")).unwrap();
            fs::write(at("scratch/fresh/new"), "").unwrap();
            if let Some(full) = full {
                fs::create_dir(at("to")).unwrap();
                full.then(|| fs::write(at("to/old"), "").unwrap());
            }
            // What cannot come in its place leaves it as it was.
            if full == Some(true) {
                assert!(way(&at("nothing"), &at("to")).is_err());
                assert!(at("to/old").exists());
            }
            way(&at("scratch/fresh"), &at("to")).unwrap();
            assert!(at("to/new").exists() && !at("to/old").exists(), "{full:?}");
            fs::remove_dir_all(at("scratch")).unwrap();
            assert_eq!(fs::read_dir(lab.path()).unwrap().count(), 1, "{full:?}");
        }
    }
}
