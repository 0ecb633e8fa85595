// SPDX-License-Identifier: GPL-2.0-only
//! Check: what the packages depend on can be had in the suite, and in a version that is new enough.
//!
//! What is built against a newer system asks for a newer C library than the machine has: dpkg refuses it there,
//! long after everybody thought it was done.

use std::collections::{BTreeMap, BTreeSet};

use super::super::finding::Finding;
use super::super::set::Set;
use super::complete::is_ours;
use super::{releases, Expected};
use crate::formats::control::Alternative;
use crate::formats::version::Version;

/// What a suite has to offer.
#[derive(Debug, Default)]
pub struct Offered {
    pub suite: String,
    /// The newest version of each package that the set depends on.
    pub versions: BTreeMap<String, Version>,
    /// Names that other packages provide.
    pub provided: BTreeSet<String>,
}

pub(super) fn check(set: &Set, expected: &Expected) -> Vec<Finding> {
    let Some(offered) = &expected.offered else { return Vec::new() };
    let mut found = Vec::new();
    let abis: Vec<String> = releases(set).into_iter().map(|r| r.abi).collect();
    for (package, field, alternatives) in wanted(set) {
        // What the set has, or has to have, is no matter of the suite; versions within it are the solver's.
        let ours = |a: &Alternative| set.has(&a.name) || is_ours(&a.name, &abis);
        if alternatives.iter().any(|a| ours(a) || offered.satisfies(a)) {
            continue;
        }
        let asked = alternatives.iter().map(Alternative::to_string).collect::<Vec<_>>().join(" | ");
        let suite = &offered.suite;
        let there = alternatives.iter().find_map(|a| Some((a, offered.versions.get(&a.name)?)));
        found.push(match there {
            Some((a, version)) => Finding::error(
                "too-new",
                &package,
                format!("{field}: {asked}, and {suite} has {} {}", a.name, version.as_str()),
                "dpkg would refuse it on a machine of the suite",
                format!("build it in the suite's own chroot (`cargo xtask build --suite {suite}`): what asks for {} (>= {}) would do", a.name, version.as_str()),
            ),
            None => Finding::error(
                "not-in-suite",
                &package,
                format!("{field}: {asked}, and {suite} has no such package"),
                "dpkg would refuse it on a machine of the suite",
                "build it in the suite's own chroot, or enable the component that has it",
            ),
        });
    }
    found
}

/// Package, field and alternatives of everything that has to be there.
pub fn wanted(set: &Set) -> Vec<(String, &'static str, Vec<Alternative>)> {
    let mut wanted = Vec::new();
    for package in &set.packages {
        for field in ["Pre-Depends", "Depends"] {
            let entries = package.relations(field).entries.into_iter();
            wanted.extend(entries.map(|e| (package.name.clone(), field, e.alternatives)));
        }
    }
    wanted
}

impl Offered {
    fn satisfies(&self, wanted: &Alternative) -> bool {
        match (self.versions.get(&wanted.name), &wanted.constraint) {
            (Some(_), None) => true,
            (Some(version), Some(constraint)) => constraint.accepts(version).unwrap_or(false),
            // A provided name has no version unless its provider says so: that is the solver's to find out.
            (None, _) => self.provided.contains(&wanted.name),
        }
    }
}
