// SPDX-License-Identifier: GPL-2.0-only
//! The tree that is built: written from git objects, never from the work tree as it lies.

use anyhow::Result;
use camino::Utf8Path;
use git2::Oid;

use crate::effects::Effects;
use crate::fork::checkout;
use crate::workspace::NOT_BUILT;

/// Writes the tree of `commit` into the new directory `to`, which lies in a scratch, without the folders
/// that a kernel build must not see.
///
/// # Errors
/// No room on the disk; objects are missing.
pub fn export(fx: &Effects, repository: &Utf8Path, commit: Oid, to: &Utf8Path) -> Result<()> {
    checkout::write_out(fx, repository, &commit.to_string(), to)?;
    for folder in NOT_BUILT {
        let path = to.join(folder);
        if path.is_dir() && !path.is_symlink() {
            std::fs::remove_dir_all(path)?;
        }
    }
    Ok(())
}
