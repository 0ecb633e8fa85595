// SPDX-License-Identifier: GPL-2.0-only
//! The generated commit for a tree without packaging: the bundled packaging, with the flavours in it.

use std::collections::btree_map::{BTreeMap, Entry};

use anyhow::{Context, Result};
use git2::{ObjectType, Oid, Repository};

use super::kconfig::Kconfig;
use super::packaging::{below_debian, SOURCE};
use super::resolve;
use super::target::{self, Inputs, Made, Target};
use crate::effects::{Effects, TreePath};
use crate::formats::abi::Suffix;
use crate::formats::config::Config;
use crate::formats::tag::{Tag, TagKind};
use crate::formats::version::Version;
use crate::settings::{PackagingOf, Settings, TINY};

pub(super) fn generate(
    fx: &Effects,
    repo: &Repository,
    inputs: &Inputs,
    settings: &Settings,
    targets: &[Target],
) -> Result<Made> {
    let version = version(inputs.tag)?.with_suffix(&Suffix::parse(&settings.suffix)?);
    let mut files = BTreeMap::new();
    let packaging = repo
        .find_tree(inputs.tree)?
        .get_path(SOURCE.as_ref())
        .with_context(|| format!("{SOURCE} is not in the tree"))?;
    collect(repo, packaging.id(), "", &mut files)?;

    for target in targets {
        let path = format!("debian.master/rules.d/{}.mk", target.arch.debian);
        let Some((rules, _)) = files.get_mut(&path) else {
            fail!(Input, "the bundled packaging does not know {}", target.arch.debian; "add xtask/packaging/{path}");
        };
        rules.extend_from_slice(format!("flavours += {}\n", target.flavour).as_bytes());
    }
    for (path, config) in configs(fx, repo, inputs.tree, targets)? {
        files.insert(path, (config.to_text().into_bytes(), false));
    }
    let changelog = target::changelog("", settings, inputs, "linux", &settings.series, &version)?;
    files.insert("debian.master/changelog".to_owned(), (changelog.into_bytes(), false));
    let replaced = replaced(repo, inputs.tree, settings)?;
    fx.ui.note(&match replaced.is_empty() {
        true => format!("The tree of {} has no packaging: it gets the bundled one.", inputs.tag.name()),
        false => "The bundled packaging replaces the vendor's debian/, as the settings say.".to_owned(),
    });
    let local = local_versions(repo, inputs.tree)?;
    let gone = replaced.into_iter().filter(|path| !files.contains_key(path)).chain(local).collect();
    let files = files.into_iter().map(|(path, (bytes, executable))| (path, bytes, executable)).collect();
    Ok(Made { files, gone, version, maintainer: settings.maintainer.clone(), inputs: String::new() })
}

/// What the settings replace is replaced as a whole: two packagings in one folder would be neither.
pub(super) fn replaced(repo: &Repository, tree: Oid, settings: &Settings) -> Result<Vec<String>> {
    match settings.packaging {
        PackagingOf::Bundled => below_debian(repo, tree),
        PackagingOf::Vendor => Ok(Vec::new()),
    }
}

/// Files of which what they hold (`-rt25`, `-next-20240101`) would end `uname -r`, which ends in the flavour here.
pub(super) fn local_versions(repo: &Repository, tree: Oid) -> Result<Vec<String>> {
    let tree = repo.find_tree(tree)?;
    Ok(tree.iter().filter_map(|e| e.name().filter(|n| n.starts_with("localversion")).map(str::to_owned)).collect())
}

/// The configuration of every target, without what Kconfig asks of the compiler: that is the build's.
fn configs(fx: &Effects, repo: &Repository, tree: Oid, targets: &[Target]) -> Result<Vec<(String, Config)>> {
    let mut configs = Vec::new();
    let mut kconfigs: BTreeMap<&str, Kconfig> = BTreeMap::new();
    for target in targets {
        let arch = target.arch.debian;
        let step = fx.ui.step(&format!("resolve the configuration of {} for {arch}", target.flavour));
        let kconfig = match kconfigs.entry(arch) {
            Entry::Occupied(there) => there.into_mut(),
            Entry::Vacant(place) => place.insert(Kconfig::new(fx, repo, tree, target.arch, None)?),
        };
        let base = if target.base == TINY { kconfig.target("tinyconfig")? } else { kconfig.target("defconfig")? };
        let resolved = resolve::resolve(kconfig, &target.flavour, &base, &target.fragment)?;
        let mut config = Config::default();
        for (symbol, value) in resolved.iter().filter(|(symbol, _)| !kconfig.probed.contains(*symbol)) {
            config.set(symbol, value.clone())?;
        }
        configs.push((format!("debian.master/config/{arch}/config.flavour.{}", target.flavour), config));
        step.done("");
    }
    Ok(configs)
}

/// The bundled packaging's version for a tag: ABI number and upload number are put behind the vendor's
/// version as Ubuntu has them, `6.1.192-2` becoming `6.1.192-2.1`. Ubuntu's own has both.
fn version(tag: &Tag) -> Result<Version> {
    let vendor = tag.version();
    if matches!(tag.kind(), TagKind::Ubuntu { .. }) {
        return Ok(vendor);
    }
    let upstream = vendor.upstream();
    let abi = match tag.kind() {
        TagKind::Debian => {
            vendor.revision().and_then(|r| r.split(|c: char| !c.is_ascii_digit()).next()).filter(|r| !r.is_empty())
        }
        _ => None,
    };
    Ok(Version::parse(&format!("{upstream}-{}.1", abi.unwrap_or("1")))?)
}

fn collect(repo: &Repository, tree: Oid, at: &str, files: &mut BTreeMap<String, (Vec<u8>, bool)>) -> Result<()> {
    for entry in repo.find_tree(tree)?.iter() {
        let Some(name) = entry.name() else {
            let path = TreePath::of(format!("{SOURCE}/{at}").as_bytes(), entry.name_bytes());
            fail!(Repository, "the name of the packaging's file `{path}` is not UTF-8"; "rename it and commit that");
        };
        let path = format!("{at}{name}");
        match entry.kind() {
            Some(ObjectType::Tree) => collect(repo, entry.id(), &format!("{path}/"), files)?,
            _ => {
                let bytes = repo.find_blob(entry.id())?.content().to_vec();
                files.insert(path, (bytes, entry.filemode() == 0o100_755));
            }
        }
    }
    Ok(())
}
