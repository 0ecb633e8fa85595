// SPDX-License-Identifier: GPL-2.0-only
//! Objects that stay between the builds of one flavour, architecture and mode, for `--incremental`.
//!
//! They are mounted where a clean build makes its own, so that paths in them are the same. They count only
//! where `made-by` says that they do: everything that objects follow from beside the sources is as it was, and
//! the last build with them came to an end by itself. A compiler that is killed leaves half an object, which
//! make takes for a whole one.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use crate::effects::{Effects, Hold, Lock};
use crate::machine;

/// The kept objects, held by this build alone.
pub struct Objects<'a> {
    fx: &'a Effects,
    dir: Utf8PathBuf,
    made_by: String,
    _lock: Lock,
}

impl<'a> Objects<'a> {
    /// The objects of a repository for `key` (flavour, architecture and mode). Those that were not `made_by` the
    /// same compiler and variables are removed first, and so are those of a build that was killed.
    ///
    /// # Errors
    /// Another build is using them; the directory cannot be made.
    pub fn ready(fx: &'a Effects, repository: &Utf8Path, key: &str, made_by: String) -> Result<Self> {
        let dir = fx.kept_dir("objects", repository, key)?;
        let Some(lock) = fx.lock(&dir, Hold::Alone)? else {
            fail!(Repository, "another build is using the objects kept for this flavour, architecture and mode"; "wait for it to end, or build without --incremental");
        };
        let this = Self { fx, dir, made_by, _lock: lock };
        let sound = fs::read_to_string(this.record()).is_ok_and(|made_by| made_by == this.made_by);
        if !sound || !this.is_ours()? {
            fx.remove(this.record())?;
            fx.remove(this.mounted())?;
        }
        fx.create_dir(this.mounted())?;
        // The build's user is a stranger here and has to make one directory, which nobody else can then rename.
        let mode = if this.tree().exists() { 0o755 } else { 0o1777 };
        fs::set_permissions(this.mounted(), PermissionsExt::from_mode(mode))?;
        Ok(this)
    }

    /// From now on they change: until the build has come to an end by itself, they count no more.
    ///
    /// # Errors
    /// The record cannot be removed.
    pub fn begin(&self) -> Result<()> {
        self.fx.remove(self.record())?;
        Ok(())
    }

    /// What the chroot gets to see.
    pub fn mounted(&self) -> Utf8PathBuf {
        self.dir.join("mounted")
    }

    /// Are there any, so that not all has to be compiled?
    pub fn any(&self) -> bool {
        self.tree().exists()
    }

    /// The build has come to an end by itself, well or not: what is there now is whole.
    ///
    /// # Errors
    /// They are somebody else's, and so what was built of them cannot be trusted; the record cannot be written.
    pub fn whole(&self) -> Result<()> {
        fs::set_permissions(self.mounted(), PermissionsExt::from_mode(0o755))?;
        if !self.is_ours()? {
            fail!(Machine, "{} was made by another user while this was building", self.tree(); "build again, in a cache that others cannot reach: KERNEL_FORK_CACHE");
        }
        self.fx.write(self.record(), &self.made_by)?;
        Ok(())
    }

    /// Did a user of our chroots make them? While the directory stood open anybody could have.
    fn is_ours(&self) -> Result<bool> {
        let Ok(meta) = fs::symlink_metadata(self.tree()) else { return Ok(true) };
        Ok(meta.is_dir() && machine::is_subordinate(self.fx, meta.uid()).context("whose objects are kept?")?)
    }

    fn tree(&self) -> Utf8PathBuf {
        self.mounted().join("tree")
    }

    fn record(&self) -> Utf8PathBuf {
        self.dir.join("made-by")
    }
}
