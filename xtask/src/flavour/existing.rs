// SPDX-License-Identifier: GPL-2.0-only
//! What a committed tree has of flavours: the vendor's, the generated ones, and what a new one starts from.
//!
//! The `flavour` commands ask. It must never run anything of the tree.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use git2::{Oid, Repository};

use super::base::{self, GENERIC};
use super::packaging::{required, text, Packaging};
use super::ubuntu;
use crate::arch::Arch;
use crate::formats::annotations::Annotations;
use crate::formats::config::Config;
use crate::formats::vars::Vars;
use crate::settings::{Settings, TINY};

/// Boot loaders by architecture, as in Ubuntu's `vars.generic`; one of them is recommended by an image.
const BOOTLOADERS: &[&str] = &[
    "grub-pc [amd64]",
    "grub-efi-amd64 [amd64]",
    "grub-efi-arm64 [arm64]",
    "flash-kernel [arm64]",
    "flash-kernel [armhf]",
    "grub-efi-arm [armhf]",
    "grub-ieee1275 [ppc64el]",
];

/// The annotations of a tree that has Ubuntu's packaging, and their folder.
fn annotations(repo: &Repository, tree: Oid) -> Result<Option<(Annotations, String)>> {
    match Packaging::of(repo, tree)? {
        Packaging::Bundled => Ok(None),
        Packaging::Ubuntu { dir } => Ok(Some((ubuntu::read(repo, tree, &format!("{dir}/config/annotations"))?, dir))),
    }
}

/// Is it a flavour of the vendor's, on any architecture?
///
/// # Errors
/// The tree's packaging cannot be read.
pub fn is_vendors(repo: &Repository, tree: Oid, name: &str) -> Result<bool> {
    let Some((annotations, dir)) = annotations(repo, tree)? else { return Ok(name == GENERIC) };
    let named = annotations.flavours().iter().any(|f| f.split_once('-').is_some_and(|(_, flavour)| flavour == name));
    Ok(named || text(repo, tree, &format!("{dir}/control.d/vars.{name}"))?.is_some())
}

/// The flavours that the annotations name, each with its architectures. None for a tree without annotations.
///
/// # Errors
/// The tree's packaging cannot be read.
pub fn named(repo: &Repository, tree: Oid) -> Result<BTreeMap<String, Vec<String>>> {
    let mut named: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if let Some((annotations, _)) = annotations(repo, tree)? {
        for (arch, flavour) in annotations.flavours().iter().filter_map(|f| f.split_once('-')) {
            named.entry(flavour.to_owned()).or_default().push(arch.to_owned());
        }
    }
    Ok(named)
}

/// Makes sure that a flavour for `arch` can be built on `base`.
///
/// # Errors
/// It is none of the vendor's for that architecture.
pub fn base(repo: &Repository, tree: Oid, settings: &Settings, arch: &str, base: &str) -> Result<()> {
    if base == TINY {
        return Ok(());
    }
    if settings.flavours.contains_key(base) {
        fail!(Input, "`{base}` is a flavour of this fork's own, and no base";
            "take its base, and its fragment with `--from-config {}`", crate::workspace::fragment_path(base));
    }
    based_on(repo, tree, arch, base).map(drop)
}

/// The vendor's flavour that `base` is for `arch`.
///
/// # Errors
/// There is none.
pub fn based_on(repo: &Repository, tree: Oid, arch: &str, base: &str) -> Result<String> {
    match annotations(repo, tree)? {
        Some((annotations, dir)) => base::of(repo, tree, &dir, &annotations, arch, base),
        None if base == GENERIC || base == TINY => Ok(base.to_owned()),
        None => fail!(Input, "there is no flavour `{base}` for {arch} to start from"; "take {GENERIC} or {TINY}"),
    }
}

/// A flavour's configuration as it is committed: the vendor's, or a generated one.
///
/// # Errors
/// There is none.
pub fn config(repo: &Repository, tree: Oid, arch: &str, flavour: &str) -> Result<Config> {
    if let Some((annotations, _)) = annotations(repo, tree)? {
        if !annotations.flavours().contains(&format!("{arch}-{flavour}")) {
            fail!(Input, "the annotations have no flavour `{flavour}` for {arch}"; "they have {}", annotations.flavours().join(", "));
        }
        return Ok(annotations.export(arch, flavour)?);
    }
    let path = format!("debian.master/config/{arch}/config.flavour.{flavour}");
    match text(repo, tree, &path)? {
        Some(text) => Ok(Config::parse_lenient(&text)),
        None => {
            let dir = repo.find_tree(tree)?.get_path(format!("debian.master/config/{arch}").as_ref());
            let dir = dir.and_then(|entry| repo.find_tree(entry.id()));
            let names = dir.iter().flatten().filter_map(|entry| String::from_utf8(entry.name_bytes().to_vec()).ok());
            let names = names.filter_map(|name| Some(name.strip_prefix("config.flavour.")?.to_owned()));
            let names: Vec<String> = names.collect();
            if names.is_empty() {
                fail!(Input, "there is no generated configuration of `{flavour}` for {arch}"; "commit its files, then `cargo xtask flavour regen`");
            }
            fail!(Input, "there is no generated configuration of `{flavour}` for {arch}"; "this tree has those of {}", names.join(", "))
        }
    }
}

/// The text of a new flavour's `vars` file: that of its base, where the vendor has one.
///
/// # Errors
/// The result would give broken packages.
pub fn metadata(repo: &Repository, tree: Oid, name: &str, base: &str, arches: &[&Arch]) -> Result<String> {
    let arches: Vec<&str> = arches.iter().map(|a| a.debian).collect();
    let loaders = |l: &&&str| arches.iter().any(|a| l.ends_with(&format!("[{a}]")));
    let loaders: Vec<&str> = BOOTLOADERS.iter().filter(loaders).copied().collect();
    let dir = Packaging::of(repo, tree)?;
    // A tiny kernel has not what the generic one provides.
    let of_base = match base {
        TINY => None,
        base => {
            let of = arches.first().map(|arch| based_on(repo, tree, arch, base)).transpose()?;
            text(repo, tree, &format!("{}/control.d/vars.{}", dir.dir(), of.as_deref().unwrap_or(base)))?
        }
    };
    let mut vars = Vars::parse("# SPDX-License-Identifier: GPL-2.0-only\n")?;
    let of_base = of_base.as_deref().map(Vars::parse).transpose().with_context(|| format!("vars.{base}"))?;
    let of_base = |key: &str| of_base.as_ref().and_then(|v| v.get(key)).map(str::to_owned);
    vars.set("arch", &arches.join(" "))?;
    vars.set("supported", &of_base("supported").unwrap_or_else(|| "Generic".to_owned()))?;
    vars.set("target", &format!("The {name} flavour, on top of {base}."))?;
    vars.set("desc", &of_base("desc").unwrap_or_else(|| "=HUMAN= SMP".to_owned()))?;
    vars.set("bootloader", &of_base("bootloader").unwrap_or_else(|| loaders.join(" | ")))?;
    vars.set("provides", &of_base("provides").unwrap_or_default())?;
    vars.check()?;
    Ok(vars.to_text())
}

/// The command that makes a committed change to the flavours count.
///
/// # Errors
/// The tree cannot be read.
pub fn next(repo: &Repository, tree: Oid) -> Result<&'static str> {
    let is_kernel = text(repo, tree, "Kconfig")?.is_some();
    Ok(if is_kernel { "cargo xtask flavour regen" } else { "cargo xtask fork TAG" })
}

/// The configuration that a fragment is applied to, and what the vendor recorded of the toolchain.
///
/// # Errors
/// The tree has no such base.
pub fn recorded(repo: &Repository, tree: Oid, arch: &str, base: &str) -> Result<Option<Config>> {
    required(repo, tree, "Kconfig")?;
    let Some((annotations, dir)) = annotations(repo, tree)? else { return Ok(None) };
    let of = base::of(repo, tree, &dir, &annotations, arch, base)?;
    Ok(Some(annotations.export(arch, &of)?))
}
