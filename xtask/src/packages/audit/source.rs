// SPDX-License-Identifier: GPL-2.0-only
//! Check: one source version, one version of the packages, one architecture, no package twice.

use std::collections::{BTreeMap, BTreeSet};

use super::super::finding::Finding;
use super::super::set::Set;

pub(super) fn check(set: &Set) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut sources: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for package in &set.packages {
        let (name, version) = package.source();
        sources.entry(format!("{name} {version}")).or_default().push(&package.name);
    }
    if sources.len() > 1 {
        let list: Vec<String> =
            sources.iter().map(|(source, names)| format!("{source} ({})", names.join(", "))).collect();
        let why = "modules and image of two builds do not fit together, whatever their names say";
        let what = format!("the packages are of {} sources: {}", sources.len(), list.join("; "));
        found.push(Finding::error("source", "", what, why, "take the packages of one build"));
    }
    let archs: BTreeSet<&str> = set.packages.iter().map(|p| p.architecture.as_str()).filter(|a| *a != "all").collect();
    if archs.len() > 1 {
        let what = format!("the packages are for {}", archs.into_iter().collect::<Vec<_>>().join(" and "));
        found.push(Finding::error("source", "", what, "a machine has one of them", "take the packages of one build"));
    }
    // Fields of their own: a package may be of another version than its source.
    let versions: BTreeSet<&str> = set.packages.iter().map(|p| p.version.as_str()).collect();
    if sources.len() == 1 && versions.len() > 1 {
        let what = format!(
            "the packages are of {} versions: {}",
            versions.len(),
            versions.into_iter().collect::<Vec<_>>().join(", ")
        );
        let why = "each depends on the version of the others";
        found.push(Finding::error("source", "", what, why, "take the packages of one build"));
    }
    for pair in set.packages.windows(2).filter(|pair| pair[0].name == pair[1].name) {
        let what = format!("it is in both {} and {}", pair[0].file, pair[1].file);
        let why = "which of them is installed depends on their order";
        found.push(Finding::error("source", &pair[0].name, what, why, "take one of the files away"));
    }
    found
}
