// SPDX-License-Identifier: GPL-2.0-only
//! Two package sets side by side: what differs, and whether it is more than signatures, build ids, times
//! and banners.
//!
//! `commands` shows it. It must never call two packages equal whose difference it does not understand.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::content::Content;
use super::set::{Package, Set};
use crate::formats::deb::{Entry, Kind};

/// What came out for a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every byte that is installed, and every field.
    Identical,
    /// All but signatures, build ids, times and banners.
    EqualInCode,
    Different,
}

/// One package, in both sets or in one of them. Field names are part of the interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    pub package: String,
    /// In the first set, or the one that has it; empty where the file cannot be read.
    pub version: String,
    pub architecture: String,
    pub verdict: Verdict,
    pub differences: Vec<Difference>,
    /// Its file in each of the sets.
    #[serde(skip)]
    pub files: [Option<String>; 2],
}

/// One thing that differs. Field names are part of the interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The path in the package, or the control field's name.
    pub place: String,
    pub what: String,
    /// Only a signature, a build id, a time or a banner.
    pub expected: bool,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Identical => "identical",
            Verdict::EqualInCode => "equal in code",
            Verdict::Different => "different",
        })
    }
}

/// Compares the sets, package by package in the order of names. In neither may a package be twice.
pub fn compare(a: &Set, b: &Set) -> Vec<Comparison> {
    let mut found: Vec<Comparison> = pairs(a, b).into_iter().map(|(x, y)| one(x, y)).collect();
    for (set, which) in [(a, "first"), (b, "second")] {
        for (file, error) in &set.broken {
            let what = format!("it cannot be read in the {which} set: {error}");
            let differences = vec![Difference { place: String::new(), what, expected: false }];
            let (package, verdict) = (file.clone(), Verdict::Different);
            let (version, architecture, files) = Default::default();
            found.push(Comparison { package, version, architecture, verdict, differences, files });
        }
    }
    found
}

/// A package of the first set and one of the second; at least one of them is there.
type Pair<'a> = (Option<&'a Package>, Option<&'a Package>);

/// The packages of both sets by name, version and architecture. What is left over is paired by its name alone, where
/// each set has one such package: builds of two versions are compared as well.
fn pairs<'a>(a: &'a Set, b: &'a Set) -> Vec<Pair<'a>> {
    fn left<'a>(of: &'a Set, other: &Set) -> Vec<&'a Package> {
        of.packages.iter().filter(|p| !other.packages.iter().any(|o| o.id() == p.id())).collect()
    }
    let (left_a, left_b) = (left(a, b), left(b, a));
    let alone = |name: &str| [&left_a, &left_b].iter().all(|left| left.iter().filter(|p| p.name == name).count() == 1);
    let mut pairs: Vec<Pair> = a
        .packages
        .iter()
        .map(|x| {
            let same = b.packages.iter().find(|y| y.id() == x.id());
            let named = || left_b.iter().copied().find(|y| y.name == x.name && alone(&x.name));
            (Some(x), same.or_else(named))
        })
        .collect();
    pairs.extend(left_b.iter().filter(|y| !alone(&y.name)).map(|y| (None, Some(*y))));
    pairs.sort_by_key(|(x, y)| x.or(*y).map(Package::id));
    pairs
}

fn one(x: Option<&Package>, y: Option<&Package>) -> Comparison {
    let differences = match (x, y) {
        (Some(x), Some(y)) => packages(x, y),
        (there, _) => {
            let what = if there.is_some() { "only in the first set" } else { "only in the second set" };
            vec![Difference { place: String::new(), what: what.to_owned(), expected: false }]
        }
    };
    let verdict = match differences.iter().map(|d| d.expected).min() {
        None => Verdict::Identical,
        Some(true) => Verdict::EqualInCode,
        Some(false) => Verdict::Different,
    };
    let (package, version, architecture) = x.or(y).map_or(("", "", ""), Package::id);
    let (package, version, architecture) = (package.to_owned(), version.to_owned(), architecture.to_owned());
    let files = [x, y].map(|p| p.map(|p| p.file.clone()));
    Comparison { package, version, architecture, verdict, differences, files }
}

fn packages(a: &Package, b: &Package) -> Vec<Difference> {
    let mut found = fields(a, b);
    let names: BTreeSet<&String> = a.scripts.keys().chain(b.scripts.keys()).collect();
    // The checksums follow from the files.
    for name in names.into_iter().filter(|n| *n != "md5sums") {
        let what = match (a.scripts.get(name), b.scripts.get(name)) {
            (Some(x), Some(y)) if x.bytes != y.bytes => "the control area's file differs".to_owned(),
            (Some(x), Some(y)) if x.mode != y.mode => format!("mode {:o} and {:o}", x.mode, y.mode),
            (Some(_), Some(_)) => continue,
            (there, _) => only(there.is_some()),
        };
        found.push(Difference { place: name.clone(), what, expected: false });
    }
    let paths: BTreeSet<&String> = a.files.keys().chain(b.files.keys()).collect();
    for path in paths {
        let mut say = |what: String, expected| found.push(Difference { place: path.clone(), what, expected });
        match (a.files.get(path), b.files.get(path)) {
            (Some(x), Some(y)) => files(x, y, &mut say),
            (there, _) => say(only(there.is_some()), false),
        }
    }
    found
}

fn fields(a: &Package, b: &Package) -> Vec<Difference> {
    let names: BTreeSet<&str> = a.fields.names().chain(b.fields.names()).collect();
    let mut found = Vec::new();
    for name in names {
        let (x, y) = (a.fields.get(name), b.fields.get(name));
        if x != y {
            let show = |v: Option<String>| v.map_or("absent".to_owned(), |v| format!("`{}`", line(&v)));
            let what = format!("{} and {}", show(x), show(y));
            // The size follows from the files.
            found.push(Difference { place: name.to_owned(), what, expected: name == "Installed-Size" });
        }
    }
    found
}

fn files((a, x): &(Entry, Content), (b, y): &(Entry, Content), say: &mut dyn FnMut(String, bool)) {
    if a.kind != b.kind {
        return say(format!("{} and {}", kind(&a.kind), kind(&b.kind)), false);
    }
    if a.mode != b.mode && !matches!(a.kind, Kind::Symlink(_)) {
        say(format!("mode {:o} and {:o}", a.mode, b.mode), false);
    }
    if (a.uid, a.gid) != (b.uid, b.gid) {
        say(format!("owner {}:{} and {}:{}", a.uid, a.gid, b.uid, b.gid), false);
    }
    if a.mtime != b.mtime {
        say("time".to_owned(), true);
    }
    let (Some(x), Some(y)) = (&x.sums, &y.sums) else { return };
    if x.whole == y.whole {
        // Nothing to say.
    } else if x.neutral == y.neutral {
        say("signature, build id, time or banner".to_owned(), true);
    } else if x.code.is_some() && x.code == y.code {
        say("content, and the code is the same".to_owned(), false);
    } else if x.code.is_some() {
        say("code".to_owned(), false);
    } else {
        say(format!("content ({} and {} bytes)", a.size, b.size), false);
    }
}

fn kind(kind: &Kind) -> String {
    match kind {
        Kind::File => "a file".into(),
        Kind::Directory => "a directory".into(),
        Kind::Symlink(target) => format!("a link to {}", line(target)),
        Kind::Hardlink(target) => format!("a hard link to {}", line(target)),
        Kind::Device => "a device".into(),
        Kind::Fifo => "a pipe".into(),
    }
}

fn only(first: bool) -> String {
    format!("only in the {}", if first { "first" } else { "second" })
}

/// As much of the package's own text as fits on a line.
fn line(text: &str) -> String {
    text.chars().take(200).collect()
}
