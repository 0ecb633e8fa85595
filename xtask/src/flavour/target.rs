// SPDX-License-Identifier: GPL-2.0-only
//! What is generated, out of what: the values that both kinds of packaging start from.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use git2::{Oid, Repository};

use super::packaging::required;
use super::tiny;
use crate::arch::{self, Arch};
use crate::error::{Failure, Kind};
use crate::formats::changelog::{self, Header, NewEntry};
use crate::formats::config::Config;
use crate::formats::tag::Tag;
use crate::formats::vars::Vars;
use crate::formats::version::Version;
use crate::settings::{Flavour, Settings, TINY};
use crate::workspace::{fragment_path, vars_path, SETTINGS};

/// What the generated files follow from.
pub struct Inputs<'a> {
    pub tag: &'a Tag,
    /// Seconds since 1970.
    pub time: i64,
    /// The vendor's tree, as the tag has it.
    pub vendor: Oid,
    /// The vendor's tree with the lab's commits on it.
    pub tree: Oid,
}

/// The generated files and the version that they make.
pub struct Made {
    pub files: Vec<(String, Vec<u8>, bool)>,
    /// Files of the tree that the generated commit has not.
    pub gone: Vec<String>,
    pub version: Version,
    /// Who signs: the setting as it stands in the tree.
    pub maintainer: String,
    /// Digest of what they were made from.
    pub inputs: String,
}

/// One flavour on one architecture.
pub struct Target {
    pub flavour: String,
    pub base: String,
    pub arch: &'static Arch,
    pub fragment: Config,
}

/// Every flavour of the settings with every architecture of its `vars` file.
pub(super) fn all(repo: &Repository, tree: Oid, settings: &Settings) -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    for (flavour, setting) in by_name(settings) {
        let missing =
            || Failure::new(Kind::Input, format!("flavour `{flavour}` is in the settings and not in the tree"));
        let path = vars_path(flavour);
        let vars = Vars::parse(&required(repo, tree, &path).with_context(missing)?).with_context(|| path.clone())?;
        let path = fragment_path(flavour);
        let fragment =
            Config::parse(&required(repo, tree, &path).with_context(missing)?).with_context(|| path.clone())?;
        for name in vars.architectures() {
            let arch = arch::find(name).with_context(|| vars_path(flavour))?;
            let fragment = match setting.base.as_str() {
                TINY => tiny::with_needs(repo, tree, name, fragment.clone())?,
                _ => fragment.clone(),
            };
            targets.push(Target { flavour: flavour.clone(), base: setting.base.clone(), arch, fragment });
        }
    }
    Ok(targets)
}

/// The flavours in an order that only their names decide: moving one in the settings makes no other G.
fn by_name(settings: &Settings) -> BTreeMap<&String, &Flavour> {
    settings.flavours.iter().collect()
}

/// Every flavour of a commit's settings with every architecture of its `vars` file, by name.
///
/// # Errors
/// The settings or a flavour's files cannot be read.
pub fn names(repo: &Repository, commit: Oid) -> Result<Vec<(String, &'static Arch)>> {
    let tree = repo.find_commit(commit)?.tree_id();
    let settings = Settings::parse(&required(repo, tree, SETTINGS)?)?;
    Ok(all(repo, tree, &settings)?.into_iter().map(|target| (target.flavour, target.arch)).collect())
}

/// A changelog with the fork's entry on top.
pub(super) fn changelog(
    old: &str,
    settings: &Settings,
    inputs: &Inputs,
    source: &str,
    distribution: &str,
    version: &Version,
) -> Result<String> {
    let names: Vec<&str> = by_name(settings).into_keys().map(String::as_str).collect();
    let changes = vec![format!("Flavours {} on {}.", names.join(", "), inputs.tag.name())];
    let header = Header {
        source: source.to_owned(),
        version: version.clone(),
        distribution: distribution.to_owned(),
        urgency: "medium".to_owned(),
    };
    let new = NewEntry { header, changes, maintainer: settings.maintainer.clone(), unix_time: inputs.time };
    Ok(changelog::prepend(old, &new)?)
}
