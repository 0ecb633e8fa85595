// SPDX-License-Identifier: GPL-2.0-only
//! Check: files are what the package's own `md5sums` says. They tell a damaged file from a good one later on;
//! against somebody who means harm they are worth nothing.

use super::super::finding::Finding;
use super::super::set::{Package, Set};
use crate::formats::deb::Kind;

const CHECK: &str = "checksum";
/// Findings of one package that are listed.
const LISTED: usize = 5;

pub(super) fn check(set: &Set) -> Vec<Finding> {
    set.packages.iter().flat_map(sums).collect()
}

fn sums(package: &Package) -> Vec<Finding> {
    let Some(list) = package.scripts.get("md5sums") else { return Vec::new() };
    let mut found = Vec::new();
    for line in String::from_utf8_lossy(&list.bytes).lines() {
        let Some((sum, path)) = line.split_once("  ") else { continue };
        let what = match package.files.get(path) {
            None => "md5sums has it, and the package has not",
            Some((entry, content)) if entry.kind == Kind::File && content.md5.is_some_and(|m| hex(m) != sum) => {
                "it is not what md5sums says"
            }
            _ => continue,
        };
        let shown: String = path.chars().take(200).collect();
        let why = "the file was changed after the package was made, or the list belongs to another package";
        found.push(Finding::error(CHECK, &package.name, what.to_owned(), why, "build it again").at(&shown));
    }
    let more = found.len().saturating_sub(LISTED);
    found.truncate(LISTED);
    if more > 0 {
        let why = "this is another package than the one that was made";
        let what = format!("{more} more files are not what md5sums says");
        found.push(Finding::error(CHECK, &package.name, what, why, "build it again"));
    }
    found
}

fn hex(sum: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(sum))
}
