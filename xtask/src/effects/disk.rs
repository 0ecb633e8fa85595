// SPDX-License-Identifier: GPL-2.0-only
//! Room on the disks that this process writes to.

use std::os::unix::fs::MetadataExt;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use super::Effects;
use crate::error::{Failure, Kind};
use crate::ui::bytes;

/// Where git could not write a file on a disk with less room than this, the disk is full: git takes the part of the
/// file away again, so there is room for all but that file.
pub(super) const LITTLE: u64 = 64 << 20;

impl Effects {
    /// Names the disk that is full, where a program said that one is: of those that this process writes to, the one
    /// with the least room.
    pub(super) fn no_room(&self, error: anyhow::Error, at: Option<&Utf8Path>) -> anyhow::Error {
        let scratches = self.scratches.borrow();
        let places = scratches.iter().map(Utf8PathBuf::as_path).chain([self.cache.as_path()]).chain(at);
        let least = places.filter_map(|p| Some((free_bytes(p).ok()?, p))).min();
        let Some((free, place)) = least.filter(|(free, _)| *free < LITTLE) else {
            // Another one, or a quota: the program's own lines say where it was writing.
            let hint = "free room on the disk of the path in these lines";
            return error.context(Failure::new(Kind::Machine, "a disk is full").hint(hint));
        };
        let message = format!("the disk of `{place}` is full ({} free)", bytes(free));
        let hint = if same_disk(place, &self.cache) {
            format!(
                "free room there; KERNEL_FORK_CACHE names a directory on another disk for what is kept (now `{}`)",
                self.cache
            )
        } else {
            "free room there".to_owned()
        };
        error.context(Failure::new(Kind::Machine, message).hint(hint))
    }
}

/// `path`, or the nearest directory above it that is there.
pub(super) fn nearest(path: &Utf8Path) -> Utf8PathBuf {
    let top = if path.is_absolute() { "/" } else { "." };
    path.ancestors().find(|p| p.is_dir()).unwrap_or(Utf8Path::new(top)).to_owned()
}

/// Free bytes for this user on the file system of `path` or of its nearest parent that is there.
pub fn free_bytes(path: &Utf8Path) -> Result<u64> {
    let there = nearest(path);
    let stat =
        rustix::fs::statvfs(there.as_std_path()).with_context(|| format!("cannot look at the disk of {there}"))?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Are the two on one file system?
fn same_disk(a: &Utf8Path, b: &Utf8Path) -> bool {
    let disk = |path: &Utf8Path| fs::metadata(nearest(path)).map(|meta| meta.dev()).ok();
    disk(a).is_some_and(|dev| disk(b) == Some(dev))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_directories_of_one_disk() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir_in("/dev/shm").unwrap());
        let path = |dir: &tempfile::TempDir| Utf8Path::from_path(dir.path()).unwrap().to_owned();
        assert!(same_disk(&path(&one), &path(&one).join("not/yet/there")));
        assert_eq!(
            same_disk(&path(&one), &path(&other)),
            one.path().metadata().unwrap().dev() == other.path().metadata().unwrap().dev()
        );
    }
}
