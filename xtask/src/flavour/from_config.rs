// SPDX-License-Identifier: GPL-2.0-only
//! A fragment out of a whole `.config`: what one has to ask for to get from the base to there.
//!
//! `flavour new` calls it. It must never leave in a symbol that is probed from the toolchain.

use anyhow::Result;
use git2::{Oid, Repository};

use super::existing;
use super::kconfig::Kconfig;
use super::packaging;
use crate::arch::Arch;
use crate::effects::Effects;
use crate::formats::config::{Config, Value, ValueKind};
use crate::settings::TINY;
use crate::ui::count;

/// How Kconfig begins every `.config` that it writes.
const WRITTEN: &str = "# Automatically generated file; DO NOT EDIT.";

/// A fragment is taken as it is; of a whole `.config`, both it and the base are resolved by this tree's
/// Kconfig under one compiler, and the difference is taken.
///
/// # Errors
/// A fragment that Kconfig would not read as it looks; a whole `.config` without a kernel tree.
pub fn fragment(
    fx: &Effects,
    repo: &Repository,
    tree: Oid,
    arch: &'static Arch,
    base: &str,
    text: &str,
) -> Result<Config> {
    if !text.lines().take(5).any(|line| line.trim() == WRITTEN) {
        return Ok(Config::parse(text)?);
    }
    if packaging::text(repo, tree, "Kconfig")?.is_none() {
        fail!(Input, "a whole .config is compared with its base, and that takes a kernel tree";
            "fork first, with `cargo xtask fork TAG`, or give a fragment");
    }
    let step = fx.ui.step(&format!("compare with {base}"));
    let recorded = existing::recorded(repo, tree, arch.debian, base)?;
    let kconfig = Kconfig::new(fx, repo, tree, arch, recorded.as_ref())?;
    let start = match (base, recorded) {
        (TINY, _) => kconfig.target("tinyconfig")?,
        (_, Some(recorded)) => recorded.to_text(),
        (_, None) => kconfig.target("defconfig")?,
    };
    let (from, to) = (kconfig.olddefconfig(&start)?, kconfig.olddefconfig(text)?);
    let mut fragment = Config::default();
    for (symbol, here, there) in from.diff(&to) {
        if kconfig.probed.contains(&symbol) {
            continue;
        }
        match (here, there) {
            (_, Some(value)) if value.kind() != ValueKind::Other => fragment.set(&symbol, value)?,
            // What is on in the base and not there at all in the other has to be switched off.
            (Some(value), None) if matches!(value.kind(), ValueKind::Yes | ValueKind::Module) => {
                fragment.set(&symbol, Value::no())?;
            }
            _ => {}
        }
    }
    step.done(&format!("{} other than its base's", count(fragment.len(), "symbol")));
    Ok(fragment)
}
