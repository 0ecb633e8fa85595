// SPDX-License-Identifier: GPL-2.0-only
//! Writing a tree out of git objects into a directory, just as it is in the objects.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use crate::effects::Effects;

/// Writes `treeish` of the repository into the new directory `to`, which lies in a scratch.
///
/// # Errors
/// No room on the disk; objects are missing.
pub fn write_out(fx: &Effects, repository: &Utf8Path, treeish: &str, to: &Utf8Path) -> Result<()> {
    let index = Utf8PathBuf::from(format!("{to}.index"));
    // The person's settings for line ends and filters are for their work tree, not for a build.
    let git = || {
        let plain = ["-c", "core.autocrlf=false", "-c", "core.eol=lf", "-c", "core.attributesFile=/dev/null"];
        fx.git(repository).args(plain).env("GIT_INDEX_FILE", &index)
    };
    fx.read(git().args(["read-tree", treeish]))?;
    fx.read(git().args(["checkout-index", "--all", "--force", &format!("--prefix={to}/")]))?;
    Ok(fs_err::remove_file(&index)?)
}
