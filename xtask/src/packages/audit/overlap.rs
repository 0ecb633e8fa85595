// SPDX-License-Identifier: GPL-2.0-only
//! Check: no file is in two packages that can be installed together.

use std::collections::HashMap;

use super::super::finding::Finding;
use super::super::set::{Package, Set};
use crate::formats::deb::Kind;

pub(super) fn check(set: &Set) -> Vec<Finding> {
    let mut owners: HashMap<&str, &Package> = HashMap::new();
    let mut found = Vec::new();
    for (package, entry, _) in set.files().filter(|(_, e, _)| e.kind != Kind::Directory) {
        let Some(other) = owners.insert(&entry.path, package).filter(|o| o.name != package.name) else { continue };
        if !(apart(package, other) || apart(other, package)) {
            let what = format!("it is in {} too", other.name);
            let why = "dpkg refuses to install the second of them";
            found.push(
                Finding::error("overlap", &package.name, what, why, "build it again without that file").at(&entry.path),
            );
        }
    }
    found
}

fn apart(a: &Package, b: &Package) -> bool {
    ["Conflicts", "Replaces"].iter().any(|field| a.relations(field).iter().any(|r| r.name == b.name))
}
