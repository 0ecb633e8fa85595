// SPDX-License-Identifier: GPL-2.0-only
//! The files of the generated commit, from a tree that has none of them yet.
//!
//! Everything comes out of the tree (the settings too) and the tag: no clock, no user, no file of this
//! machine. The caller lays the result over the tree.

use anyhow::{Context, Result};
use git2::{Oid, Repository};

use super::packaging::{required, Packaging};
use super::{bundled, ubuntu};
use crate::arch::{self, Arch};
use crate::effects::Effects;
use crate::error::{Failure, Kind};
use crate::formats::changelog::{self, Header, NewEntry};
use crate::formats::config::Config;
use crate::formats::tag::Tag;
use crate::formats::vars::Vars;
use crate::formats::version::Version;
use crate::settings::Settings;
use crate::workspace::{fragment_path, vars_path};

/// What the generated files follow from.
pub struct Inputs<'a> {
    pub tag: &'a Tag,
    /// Seconds since 1970.
    pub time: i64,
    /// The vendor's tree with the lab's commits on it.
    pub tree: Oid,
}

/// The generated files and the version that they make.
pub struct Made {
    pub files: Vec<(String, Vec<u8>, bool)>,
    pub version: Version,
    /// Who signs: the setting as it stands in the tree.
    pub maintainer: String,
}

/// One flavour on one architecture.
pub struct Target {
    pub flavour: String,
    pub base: String,
    pub arch: &'static Arch,
    pub fragment: Config,
}

/// Makes the files.
///
/// # Errors
/// A flavour's files are missing or wrong; the tree is not the tag's; Kconfig refuses a symbol.
pub fn generate(fx: &Effects, repo: &Repository, inputs: &Inputs) -> Result<Made> {
    let tree = inputs.tree;
    let settings = Settings::parse(&required(repo, tree, "Cargo.toml")?)?;
    let targets = targets(repo, tree, &settings)?;
    match Packaging::of(repo, tree)? {
        Packaging::Bundled => bundled::generate(fx, repo, inputs, &settings, &targets),
        Packaging::Ubuntu { dir } => ubuntu::generate(fx, repo, inputs, &settings, &targets, &dir),
    }
}

/// Every flavour of the settings with every architecture of its `vars` file.
fn targets(repo: &Repository, tree: Oid, settings: &Settings) -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    for (flavour, setting) in &settings.flavours {
        let missing = || Failure::new(Kind::Input, format!("flavour `{flavour}` is in the settings and not in the tree"));
        let path = vars_path(flavour);
        let vars = Vars::parse(&required(repo, tree, &path).with_context(missing)?).with_context(|| path.clone())?;
        let path = fragment_path(flavour);
        let fragment = Config::parse(&required(repo, tree, &path).with_context(missing)?).with_context(|| path.clone())?;
        for name in vars.architectures() {
            let arch = arch::find(name).with_context(|| vars_path(flavour))?;
            targets.push(Target { flavour: flavour.clone(), base: setting.base.clone(), arch, fragment: fragment.clone() });
        }
    }
    Ok(targets)
}

/// A changelog with the fork's entry on top.
pub(super) fn entry(old: &str, settings: &Settings, inputs: &Inputs, source: &str, distribution: &str, version: &Version) -> Result<String> {
    let names: Vec<&str> = settings.flavours.keys().map(String::as_str).collect();
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
