// SPDX-License-Identifier: GPL-2.0-only
//! Where builds have put their packages: `../NAME-packages/VERSION/FLAVOUR-ARCH-MODE/`.

use std::time::SystemTime;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use crate::build::metadata;
use crate::workspace::Workspace;

/// The directories that have a record of a build, and when it was written; the newest first.
///
/// # Errors
/// The repository is the root directory.
pub fn sets(workspace: &Workspace) -> Result<Vec<(Utf8PathBuf, SystemTime)>> {
    let below = |dir: &Utf8Path| -> Vec<Utf8PathBuf> {
        dir.read_dir_utf8().into_iter().flatten().flatten().map(|e| e.into_path()).collect()
    };
    let written = |dir: &Utf8PathBuf| fs_err::metadata(dir.join(metadata::FILE)).and_then(|m| m.modified()).ok();
    let versions = below(&workspace.sibling("packages")?);
    let mut sets: Vec<_> =
        versions.iter().flat_map(|v| below(v)).filter_map(|dir| written(&dir).map(|when| (dir, when))).collect();
    sets.sort_by_key(|(_, when)| std::cmp::Reverse(*when));
    Ok(sets)
}

/// The one that was built last.
///
/// # Errors
/// There is none.
pub fn newest(workspace: &Workspace) -> Result<Utf8PathBuf> {
    match sets(workspace)?.into_iter().next() {
        Some((dir, _)) => Ok(dir),
        None => {
            fail!(Input, "there is no package set in {}", workspace.sibling("packages")?; "cargo xtask build, or name a directory")
        }
    }
}
