// SPDX-License-Identifier: GPL-2.0-only
//! ccache in a build: a directory that is kept between builds of one repository and bound into the chroot.
//!
//! Every build has the same path inside, so paths need no rewriting (`base_dir`), which would end up in the
//! objects. The compiler counts by its content, since each chroot gives it another date.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use xshell::cmd;

use crate::effects::{Effects, Run};
use crate::error::Kind;
use crate::machine;

/// What the chroot has to have.
pub const PACKAGES: &[&str] = &["ccache"];
/// Where the directory is seen inside.
const INSIDE: &str = "/ccache";

/// The user that builds may have another number in each chroot.
pub const BEFORE: &str =
    "chown -R --reference=/build/fork /ccache && CCACHE_DIR=/ccache ccache --print-stats | sed 's/^/ccache before: /'";
pub const AFTER: &str = "CCACHE_DIR=/ccache ccache --print-stats | sed 's/^/ccache after: /'";

/// The directory, ready to be bound.
pub struct Ccache {
    dir: Utf8PathBuf,
}

impl Ccache {
    /// The directory of the repository at `of`, for forks of this vendor; made if need be. Whatever a build runs can
    /// put objects into it, which later builds take for the compiler's: so no other repository has it, and no fork of
    /// another vendor. It belongs to the chroot's users alone.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(fx: &Effects, of: &Utf8Path, vendor: &str) -> Result<Self> {
        let dir = fx.kept_dir("ccaches", of, vendor)?.join("ccache");
        // Root of the chroot is the first of this user's subordinate ids, and here user 1.
        let maps = machine::mapped(fx)?;
        let make = cmd!(fx.sh, "unshare {maps...} install --directory --owner=1 --group=1 --mode=0700 {dir}");
        fx.change(
            &dir,
            Run::from(make).or(Kind::Machine, "the cache is made with unshare of util-linux 2.38 or newer"),
        )?;
        Ok(Self { dir })
    }

    /// What is seen inside, and where.
    pub fn bind(&self) -> (Utf8PathBuf, &'static str) {
        (self.dir.clone(), INSIDE)
    }

    /// Lines for a makefile that have to come before `debian/rules`: ccache's environment.
    pub fn makefile(&self) -> String {
        format!(
            "export CCACHE_DIR := {INSIDE}\nexport CCACHE_COMPILERCHECK := content\nexport CCACHE_MAXSIZE := 5G\n\
             # The tree has just been unpacked: that its headers are new means nothing.\n\
             export CCACHE_SLOPPINESS := include_file_mtime,include_file_ctime\n"
        )
    }
}
