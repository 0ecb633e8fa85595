// SPDX-License-Identifier: GPL-2.0-only
//! Check: links lead to something of the set.
//!
//! A link that climbs out of the package is refused when it is read; this is about absolute ones.

use std::collections::HashSet;

use super::super::finding::Finding;
use super::super::set::Set;
use crate::formats::deb::{resolve, Kind};

pub(super) fn check(set: &Set) -> Vec<Finding> {
    let paths: HashSet<&str> = set.files().map(|(_, entry, _)| entry.path.as_str()).collect();
    let mut found = Vec::new();
    for (package, entry, _) in set.files() {
        let Kind::Symlink(target) = &entry.kind else { continue };
        let Some(leads) = resolve(&entry.path, target) else { continue };
        // The kernel's own trees have links that lead nowhere: what counts is whose place it is.
        let place = leads.match_indices('/').nth(2).map(|(at, _)| &leads[..at]);
        if !paths.contains(leads.as_str()) && !place.is_some_and(|p| paths.contains(p)) {
            let what = format!("it leads to /{leads}, which no package of the set holds");
            let why = "what is written or read through it belongs to somebody else";
            found.push(
                Finding::error(
                    "link-out",
                    &package.name,
                    what,
                    why,
                    "take the link out, or add the package it leads to",
                )
                .at(&entry.path),
            );
        }
    }
    found
}
