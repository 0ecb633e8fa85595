// SPDX-License-Identifier: GPL-2.0-only
//! Check: every file is a package that can be unpacked without harm.

use super::super::finding::Finding;
use super::super::set::Set;
use crate::formats::deb::DebError;

pub(super) fn check(set: &Set) -> Vec<Finding> {
    let mut found = Vec::new();
    for (file, error) in &set.broken {
        let (why, mend) = match error {
            DebError::Traversal(_) | DebError::LinkOut { .. } | DebError::Entry { .. } => (
                "dpkg runs as root: such an entry can replace any file of the machine",
                "do not install it; find out who made it",
            ),
            DebError::Bomb { .. } | DebError::HugeControl { .. } | DebError::TooMany(_) | DebError::Compression(_) => (
                "unpacking it could fill the disk or the memory of the machine",
                "do not install it; find out who made it",
            ),
            _ => ("dpkg could not unpack it, or only a part of it", "copy it again, or build it again"),
        };
        let finding = Finding::error(error.name(), file, error.to_string(), why, mend);
        found.push(match error.path() {
            Some(path) => finding.at(path),
            None => finding,
        });
    }
    found
}
