// SPDX-License-Identifier: GPL-2.0-only
//! Check: no package asks for more of a machine than a kernel needs. A kernel is neither essential nor in the place of
//! another package, and is not called whenever some other package changes a directory.

use super::super::finding::Finding;
use super::super::set::{Package, Set};

/// Fields with which dpkg and apt no longer let a package be removed.
const FOR_EVER: &[&str] = &["Essential", "Protected", "Important", "Build-Essential"];
/// Fields that act on packages of other sources.
const ON_OTHERS: &[&str] = &["Conflicts", "Breaks", "Replaces", "Provides"];
/// Names that Ubuntu's kernels of focal to noble have in these fields, beside those that [`ours`] knows by their form.
const KNOWN: &[&str] = &[
    "aufs-dev",
    "bpftool",
    "dvb-dev",
    "flash-kernel",
    "hv-kvp-daemon-init",
    "kvm-api-4",
    "libc6-dev",
    "libc6.1-dev",
    "s390-tools",
];

pub(super) fn check(set: &Set) -> Vec<Finding> {
    let mut found = Vec::new();
    for package in &set.packages {
        let name = package.name.as_str();
        for field in FOR_EVER.iter().filter(|f| package.fields.get(f).is_some_and(|v| v.eq_ignore_ascii_case("yes"))) {
            let why = "a machine that has it can no longer be rid of it, and apt installs it everywhere";
            found.push(Finding::error(
                "fields",
                name,
                format!("{field}: yes"),
                why,
                "take the field out of debian/control",
            ));
        }
        for field in ON_OTHERS {
            let relations = package.relations(field);
            for other in relations.iter().map(|a| a.name.as_str()).filter(|other| !ours(other)) {
                let why = "apt may remove that package, or take this one in its place";
                let what = format!("{field}: {other}, which is not of a kernel");
                found.push(Finding::error("fields", name, what, why, "see what it is for in debian/control").warning());
            }
        }
        found.extend(triggers(package));
    }
    found
}

fn ours(name: &str) -> bool {
    let form = name.starts_with("linux-") || ["-module", "-modules", "-dkms"].iter().any(|end| name.ends_with(end));
    form || KNOWN.contains(&name)
}

/// Scripts that run when any package changes a directory.
fn triggers(package: &Package) -> Vec<Finding> {
    let Some(file) = package.scripts.get("triggers") else { return Vec::new() };
    let text = String::from_utf8_lossy(&file.bytes);
    let paths = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (verb, name) = (words.next()?, words.next()?);
        (verb.starts_with("interest") && name.starts_with('/')).then(|| name.to_owned())
    });
    let why = "its script runs whenever another package changes something there";
    let finding = |path| {
        Finding::error("fields", &package.name, format!("a trigger on {path}"), why, "see what it is for in debian/")
            .warning()
    };
    paths.map(finding).collect()
}
