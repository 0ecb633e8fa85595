// SPDX-License-Identifier: GPL-2.0-only
//! From what a person did in the kernel's own menus to the least that a fragment has to ask for.
//!
//! `flavour edit` calls it. It must never write the tree, nor put a symbol that is probed from the toolchain, or
//! that follows from another one, into the fragment.

use anyhow::Result;
use camino::Utf8Path;
use git2::{Oid, Repository};

use super::existing;
use super::kconfig::Kconfig;
use super::resolve;
use crate::arch::Arch;
use crate::effects::Effects;
use crate::formats::config::{Config, Difference, Value};
use crate::settings::TINY;

/// With more changes than these, each is written as it is: trying every one takes a second or so.
const MOST_TRIED: usize = 60;

/// What is edited.
pub struct Edited<'a> {
    pub repo: &'a Repository,
    pub tree: Oid,
    pub arch: &'static Arch,
    pub flavour: &'a str,
    pub base: &'a str,
    pub fragment: &'a Config,
}

/// What changed in the flavour's configuration, and the changes to its fragment that give it.
pub struct Changes {
    pub config: Vec<Difference>,
    pub fragment: Vec<(String, Option<Value>)>,
}

/// Shows the menus (`menuconfig`, `nconfig`) of the flavour's configuration; `None` in a dry run.
///
/// # Errors
/// Kconfig refuses the fragment as it is; the menus cannot be shown.
pub fn menus(fx: &Effects, of: &Edited, target: &str, path: &Utf8Path) -> Result<Option<Changes>> {
    let step = fx.ui.step(&format!("resolve the configuration of {} for {}", of.flavour, of.arch.debian));
    let recorded = existing::recorded(of.repo, of.tree, of.arch.debian, of.base)?;
    let kconfig = Kconfig::new(fx, of.repo, of.tree, of.arch, recorded.as_ref())?;
    let start = match (of.base, recorded) {
        (TINY, _) => kconfig.target("tinyconfig")?,
        (_, Some(recorded)) => recorded.to_text(),
        (_, None) => kconfig.target("defconfig")?,
    };
    let before = resolve::resolve(&kconfig, of.flavour, &start, of.fragment)?;
    step.done("");
    let Some(after) = kconfig.edited(&before.to_text(), target, path)? else { return Ok(None) };
    let step = fx.ui.step("find what the fragment has to ask for");
    let not_probed = |difference: &Difference| !kconfig.probed.contains(&difference.0);
    let config: Vec<Difference> = before.diff(&after).into_iter().filter(not_probed).collect();
    let fragment = least(of, &kconfig, &start, &after, &config)?;
    step.done(&format!("{} of {} symbols that changed", fragment.len(), config.len()));
    Ok(Some(Changes { config, fragment }))
}

/// The changes to the fragment without which the configuration would be another.
fn least(
    of: &Edited,
    kconfig: &Kconfig,
    start: &str,
    after: &Config,
    changed: &[Difference],
) -> Result<Vec<(String, Option<Value>)>> {
    let symbols = kconfig.symbols();
    let resolved = |fragment: &Config| kconfig.olddefconfig(&format!("{start}\n{}", fragment.to_text()));
    let same = |other: &Config| other.diff(after).iter().all(|(symbol, ..)| kconfig.probed.contains(symbol));
    let mut fragment = of.fragment.clone();
    let mut touched = Vec::new();
    for (symbol, _, value) in changed {
        // Without a prompt it follows from others.
        let asked = fragment.get(symbol).is_some();
        if asked || symbols.get(symbol).is_some_and(|symbol| symbol.prompt.is_some()) {
            fragment.set(symbol, value.clone().unwrap_or_else(Value::no))?;
            touched.push(symbol.clone());
        }
    }
    if !same(&resolved(&fragment)?) {
        fail!(Input, "what was set in the menus cannot be said in a fragment on top of {}", of.base;
            "set less at a time, and look at what `cargo xtask flavour show {}` says then", of.flavour);
    }
    if touched.len() <= MOST_TRIED {
        for symbol in &touched {
            let mut without = fragment.clone();
            without.remove(symbol);
            if same(&resolved(&without)?) {
                fragment = without;
            }
        }
    }
    let changes = touched.iter().map(|symbol| (symbol.clone(), fragment.get(symbol).cloned()));
    Ok(changes.filter(|(symbol, value)| of.fragment.get(symbol) != value.as_ref()).collect())
}
