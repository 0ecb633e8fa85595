// SPDX-License-Identifier: GPL-2.0-only
//! Judging one package set: every check is a file here, and gives findings.
//!
//! `commands` calls [`audit`] and shows what comes back. A check must never rely on another one having
//! passed: the set may be anything.

mod architecture;
mod checksums;
#[cfg(test)]
mod compared;
mod complete;
mod config;
mod fields;
#[cfg(test)]
mod hostile;
mod links;
mod modes;
mod module;
mod offered;
mod overlap;
mod readable;
mod source;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use offered::{wanted, Offered};

use super::finding::Finding;
use super::release::Release;
use super::set::Set;
use crate::formats::annotations::Annotations;
use crate::formats::config::Config;

/// What the set is supposed to be, as far as it is known.
#[derive(Debug, Default)]
pub struct Expected {
    /// The kernel release that was built.
    pub release: Option<Release>,
    /// Debian's name of the architecture.
    pub architecture: Option<String>,
    /// The fragment of each flavour.
    pub fragments: BTreeMap<String, Config>,
    /// What the annotations say of each flavour.
    pub annotations: BTreeMap<String, Annotated>,
    /// Whether the tools were built too.
    pub tools: bool,
    /// What the suite has to offer, where it was asked.
    pub offered: Option<Offered>,
}

impl Expected {
    /// Notes symbols that follow the build's compiler.
    pub fn follow_compiler<'a>(&mut self, symbols: impl Iterator<Item = &'a String>) {
        let symbols: Vec<&String> = symbols.collect();
        for annotated in self.annotations.values_mut() {
            annotated.from_compiler.extend(symbols.iter().map(|s| (*s).clone()));
        }
    }
}

/// Ubuntu's record of a configuration.
#[derive(Debug)]
pub struct Annotated {
    pub annotations: Annotations,
    pub architecture: String,
    /// Symbols that follow the build's compiler and not the annotations.
    pub from_compiler: BTreeSet<String>,
}

/// Everything that is wrong with the set, the worst first.
pub fn audit(set: &Set, expected: &Expected) -> Vec<Finding> {
    let mut found = readable::check(set);
    found.extend(complete::check(set, expected));
    found.extend(source::check(set));
    found.extend(architecture::check(set, expected));
    found.extend(fields::check(set));
    found.extend(config::check(set, expected));
    found.extend(module::check(set));
    found.extend(offered::check(set, expected));
    found.extend(checksums::check(set));
    found.extend(links::check(set));
    found.extend(overlap::check(set));
    found.extend(modes::check(set));
    found.sort_by(|a, b| (a.severity, &a.package, &a.path).cmp(&(b.severity, &b.package, &b.path)));
    found
}

/// The releases that the set has packages of.
pub fn releases(set: &Set) -> Vec<Release> {
    Release::all(set.packages.iter().map(|p| p.name.as_str())).into_iter().collect()
}
