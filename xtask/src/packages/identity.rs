// SPDX-License-Identifier: GPL-2.0-only
//! What a set is, as its packages themselves say: paths, dependencies and the place in a repository follow from it.
//!
//! The record beside a set (`metadata.json`) is anybody's. It is believed where the packages say the same, and in
//! what they do not say.

use std::collections::BTreeSet;

use anyhow::Result;

use super::audit::releases;
use super::release::Release;
use super::set::{Package, Set};
use super::solve::is_name;
use crate::arch;
use crate::build::metadata::Metadata;
use crate::build::source::SUITE;
use crate::formats::version::Version;
use crate::settings;

/// One kernel of one version, for one architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub release: Release,
    pub version: String,
    /// Debian's name.
    pub architecture: String,
    /// The suite that it was built in; none where the packages are not of `build`, or of an earlier version of it.
    pub suite: Option<String>,
}

impl Identity {
    /// Reads it from the packages.
    ///
    /// # Errors
    /// They are of several kernels, or of none; a name or a version is none.
    pub fn of(set: &Set) -> Result<Self> {
        let all = |field: fn(&Package) -> &str| set.packages.iter().map(field).collect::<BTreeSet<_>>();
        if let Some(name) = all(|p| &p.name).into_iter().find(|name| !is_name(name)) {
            fail!(Check, "`{name}` is not a package name"; "cargo xtask audit");
        }
        let releases = releases(set);
        let unames: Vec<String> = releases.iter().map(Release::uname).collect();
        let release = one("kernel release", unames.iter().map(String::as_str))?;
        let release = releases.into_iter().find(|r| r.uname() == release);
        let version = one("version", all(|p| &p.version))?;
        Version::parse(&version)?;
        let architecture = one("architecture", all(|p| &p.architecture).into_iter().filter(|a| *a != "all"))?;
        arch::find(&architecture)?;
        let suites: BTreeSet<String> = set.packages.iter().filter_map(|p| p.fields.get(SUITE)).collect();
        let suite = match suites.len() {
            0 => None,
            _ => Some(one("suite", suites.iter().map(String::as_str))?),
        };
        suite.as_deref().map_or(Ok(()), settings::word)?;
        match release {
            Some(release) => Ok(Self { release, version, architecture, suite }),
            None => fail!(Check, "there is no package of a kernel release"; "cargo xtask audit"),
        }
    }

    /// Flavour and version, for people.
    pub fn name(&self) -> String {
        format!("{} {}", self.release.flavour, self.version)
    }

    /// Each field of a record that says something else: its name, what it says, and what the packages say.
    pub fn differences(&self, record: &Metadata) -> Vec<(&'static str, String, String)> {
        let pairs = [
            ("version", &record.version, &self.version),
            ("flavour", &record.flavour, &self.release.flavour),
            ("architecture", &record.architecture, &self.architecture),
            ("suite", &record.suite, self.suite.as_ref().unwrap_or(&record.suite)),
        ];
        let differ = pairs.into_iter().filter(|(_, record, packages)| record != packages);
        differ.map(|(field, record, packages)| (field, record.clone(), packages.clone())).collect()
    }
}

fn one<'a>(what: &str, values: impl IntoIterator<Item = &'a str>) -> Result<String> {
    match *values.into_iter().collect::<Vec<_>>() {
        [] => fail!(Check, "the packages are of no {what}"; "cargo xtask audit"),
        [value] => Ok(value.to_owned()),
        ref several => {
            fail!(Check, "the packages are of more than one {what}: {}", several.join(", "); "take the packages of one build")
        }
    }
}
