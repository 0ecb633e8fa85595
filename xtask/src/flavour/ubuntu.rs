// SPDX-License-Identifier: GPL-2.0-only
//! The generated commit for a tree with Ubuntu's packaging: annotations, `rules.d/<arch>.mk`, changelog.

use std::collections::btree_map::{BTreeMap, Entry};

use anyhow::{Context, Result};
use git2::{Oid, Repository};

use super::base;
use super::kconfig::Kconfig;
use super::packaging::{required, text, FORMATS};
use super::resolve;
use super::stub;
use super::target::{self, Inputs, Made, Target};
use crate::effects::Effects;
use crate::error::{Failure, Kind};
use crate::formats::abi::Suffix;
use crate::formats::annotations::Annotations;
use crate::formats::config::Config;
use crate::formats::version::Version;
use crate::formats::{changelog, rules_mk, FormatError};
use crate::settings::{Settings, TINY};
use crate::ui::count;
use crate::workspace::vars_path;

pub(super) fn generate(
    fx: &Effects,
    repo: &Repository,
    inputs: &Inputs,
    settings: &Settings,
    targets: &[Target],
    dir: &str,
) -> Result<Made> {
    let tree = inputs.tree;
    let mut files = BTreeMap::new();

    let path = format!("{dir}/changelog");
    let (version, changelog) = changelog(fx, repo, inputs, settings, &path)?;
    files.insert(path, changelog);
    let path = format!("{dir}/config/annotations");
    let vendor = read(repo, tree, &path)?;
    let based = bases(fx, repo, tree, dir, &vendor, targets)?;
    let made = annotations(fx, repo, inputs, &based, &vendor)?;
    files.insert(path, made.to_text());

    for (target, base) in &based {
        let path = format!("{dir}/rules.d/{}.mk", target.arch.debian);
        let rules = match files.remove(&path) {
            Some(rules) => rules,
            None => required(repo, tree, &path)?,
        };
        files.insert(path.clone(), rules_mk::add_flavour(&rules, &target.flavour, base).context(path)?);
        if dir != "debian.master" {
            let vars = vars_path(&target.flavour);
            files.insert(vars.replacen("debian.master", dir, 1), required(repo, tree, &vars)?);
        }
    }

    for path in stub::PLACES.iter().map(|place| place.replace("DIR", dir)) {
        let Some(template) = text(repo, tree, &path)? else { continue };
        if let Some(without) = stub::without_foreign_modules(&template).with_context(|| path.clone())? {
            files.insert(path, without);
        }
    }

    let files = files.into_iter().map(|(path, text)| (path, text.into_bytes(), false)).collect();
    Ok(Made { files, gone: Vec::new(), version, maintainer: settings.maintainer.clone(), inputs: String::new() })
}

/// The fork's version and the changelog that has it on top: the vendor's with the suffix, or that of the lab's own
/// newest entry, where that is newer. The tag is compared with its own tree alone, since the lab may write entries.
fn changelog(
    fx: &Effects,
    repo: &Repository,
    inputs: &Inputs,
    settings: &Settings,
    path: &str,
) -> Result<(Version, String)> {
    let old = required(repo, inputs.tree, path)?;
    let top = changelog::top(&old).with_context(|| path.to_owned())?.header;
    let vendor = match text(repo, inputs.vendor, path)? {
        None => top.clone(), // the lab's own packaging
        Some(text) => {
            let vendor = changelog::top(&text).with_context(|| path.to_owned())?.header;
            if vendor.version != inputs.tag.version() {
                fail!(Input, "the tree of {} has a changelog of {}", inputs.tag.name(), vendor.version.as_str();
                    "the tag is not of the release that it names; take another");
            }
            vendor
        }
    };
    let suffixed = vendor.version.with_suffix(&Suffix::parse(&settings.suffix)?);
    if top.version < suffixed {
        let new = target::changelog(&old, settings, inputs, &top.source, &vendor.distribution, &suffixed)?;
        return Ok((suffixed, new));
    }
    top.version.abi().with_context(|| {
        let hint =
            format!("write it as {}+NAME: letters, digits, `+`, `.` and `~` after the `+`", vendor.version.as_str());
        Failure::new(Kind::Input, format!("the newest entry of {path} cannot be the fork's version")).hint(hint)
    })?;
    if top.version != suffixed {
        fx.ui.note(&format!(
            "The version is that of the newest entry of {path}, {}: with `suffix` it would be older, {}.",
            top.version.as_str(),
            suffixed.as_str()
        ));
    }
    Ok((top.version, old))
}

/// Each target with the vendor's flavour that it starts from; where that is not the one it names, the user is told.
fn bases<'a>(
    fx: &Effects,
    repo: &Repository,
    tree: Oid,
    dir: &str,
    vendor: &Annotations,
    targets: &'a [Target],
) -> Result<Vec<(&'a Target, String)>> {
    let mut found = Vec::new();
    for target in targets {
        let (flavour, arch) = (&target.flavour, target.arch.debian);
        let base = base::of(repo, tree, dir, vendor, arch, &target.base)
            .with_context(|| format!("base of flavour `{flavour}`"))?;
        if target.base != TINY && target.base != base {
            fx.ui.note(&format!(
                "The vendor has no flavour {} for {arch}: {flavour} starts from its {base}.",
                target.base
            ));
        }
        found.push((target, base));
    }
    Ok(found)
}

/// The annotations that stand at `path` in a tree, with what they include.
///
/// # Errors
/// There are none, or of an older format.
pub fn read(repo: &Repository, tree: Oid, path: &str) -> Result<Annotations> {
    let include = |path: &str| -> Result<String, FormatError> {
        text(repo, tree, path).ok().flatten().ok_or_else(|| FormatError::new(path, "the tree has no such file"))
    };
    Annotations::parse(&required(repo, tree, path)?, path, &include).map_err(|e| {
        anyhow::Error::from(e).context(Failure::new(Kind::Input, format!("{path} cannot be read")).hint(FORMATS))
    })
}

/// The vendor's annotations with each target's overrides: the *difference* between base and base with
/// fragment, both resolved here and now, so that the compiler that did it drops out.
fn annotations(
    fx: &Effects,
    repo: &Repository,
    inputs: &Inputs,
    targets: &[(&Target, String)],
    vendor: &Annotations,
) -> Result<Annotations> {
    let mut annotations = vendor.clone();
    let mut bases: BTreeMap<(&str, &str), Base> = BTreeMap::new();
    for (target, of) in targets {
        let arch = target.arch.debian;
        let name = format!("{arch}-{}", target.flavour);
        let step = fx.ui.step(&format!("resolve the configuration of {} for {arch}", target.flavour));
        let base = match bases.entry((arch, of)) {
            Entry::Occupied(there) => there.into_mut(),
            Entry::Vacant(place) => {
                let recorded =
                    vendor.export(arch, of).with_context(|| format!("base of flavour {}", target.flavour))?;
                let kconfig = Kconfig::new(fx, repo, inputs.tree, target.arch, Some(&recorded))?;
                let resolved = kconfig.olddefconfig(&recorded.to_text())?;
                place.insert(Base { recorded, kconfig, resolved })
            }
        };
        let start = if target.base == TINY { base.kconfig.target("tinyconfig")? } else { base.recorded.to_text() };
        let with = resolve::resolve(&base.kconfig, &target.flavour, &start, &target.fragment)?;

        annotations.add_flavour(&name, &format!("{arch}-{of}"))?;
        let mut differ = 0;
        for (symbol, _, value) in base.resolved.diff(&with) {
            if !base.kconfig.probed.contains(&symbol) {
                annotations.set(&symbol, &name, value.as_ref())?;
                differ += 1;
            }
        }
        step.done(&format!("{} other than in {of}", count(differ, "symbol")));
    }
    Ok(annotations)
}

/// What flavours on one architecture with the same base share.
struct Base<'a> {
    recorded: Config,
    kconfig: Kconfig<'a>,
    resolved: Config,
}
