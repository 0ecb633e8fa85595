// SPDX-License-Identifier: GPL-2.0-only
//! Building with another compiler than the series' own: what Kconfig asks of the compiler has other answers
//! then, and Ubuntu's check of the built configuration cannot be switched off. The answers are set in the
//! build's copy of the annotations, and recorded; the fork itself never sees them.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use camino::Utf8Path;
use fs_err as fs;
use git2::{Oid, Repository};

use super::chroot::Chroot;
use crate::arch::Arch;
use crate::effects::Effects;
use crate::flavour::kconfig::{self, Kconfig, Programs};
use crate::formats::annotations::Annotations;
use crate::formats::config::{Config, Value};
use crate::formats::FormatError;
use crate::ui::count;

/// What is being built, as far as its configuration goes.
pub struct Configured<'a> {
    pub repo: &'a Repository,
    pub tree: Oid,
    pub dir: &'a str,
    pub flavour: &'a str,
    pub host: &'static Arch,
    /// The compiler that the packaging pins, where the chroot has it.
    pub compiler: Option<&'a str>,
    /// Symbols that must stay as they are.
    pub fragment: &'a Config,
}

/// What the build's copy has instead of the tree's own.
#[derive(Default)]
pub struct Adapted {
    /// Symbols, each with the value that the compiler gives it.
    pub symbols: BTreeMap<String, String>,
    /// Files by path.
    pub files: BTreeMap<String, String>,
}

/// Resolves the flavour's configuration with the compiler of `chroot`, and sets what differs in the annotations
/// of the tree written out at `copy`.
///
/// # Errors
/// Kconfig fails; a symbol that the fragment asks for cannot be had with this compiler.
pub fn adapt(fx: &Effects, chroot: &Chroot, own: &'static Arch, of: &Configured, copy: &Utf8Path) -> Result<Adapted> {
    let step = fx.ui.step("resolve the configuration with the compiler of the chroot");
    let path = format!("{}/config/annotations", of.dir);
    let read = |path: &str| fs::read_to_string(copy.join(path)).map_err(|e| FormatError::new(path, e.to_string()));
    let mut annotations = Annotations::parse(&read(&path)?, &path, &read).with_context(|| path.clone())?;
    let arch = of.host.debian;
    let expected = annotations.export(arch, of.flavour)?;

    let resolved = resolve(fx, chroot, own, of, &expected.to_text())?;

    let mut changed = BTreeMap::new();
    for mismatch in annotations.check(&resolved, arch, of.flavour)? {
        let value = resolved.get(&mismatch.symbol);
        if of.fragment.get(&mismatch.symbol).is_some() {
            fail!(Build, "the compiler of {} makes CONFIG_{} {}, which the fragment of `{}` does not allow", chroot.record.suite,
                mismatch.symbol, value.map_or("absent", Value::as_str), of.flavour; "build in the series' own suite");
        }
        annotations.set(&mismatch.symbol, &format!("{arch}-{}", of.flavour), value)?;
        changed.insert(mismatch.symbol, value.map_or("-", Value::as_str).to_owned());
    }
    step.done(&format!("{} other than with the series' own", count(changed.len(), "symbol")));
    Ok(Adapted { symbols: changed, files: BTreeMap::from([(path, annotations.to_text())]) })
}

/// What Kconfig makes of `config` with the compiler of `chroot`. The answer is kept: it changes with what Kconfig
/// reads, and a line in a driver is none of that.
fn resolve(fx: &Effects, chroot: &Chroot, own: &'static Arch, of: &Configured, config: &str) -> Result<Config> {
    let inputs = kconfig::inputs(of.repo, of.tree, of.host)?;
    let key = format!("2 {} {}{} {inputs} {config}", chroot.content(), of.host.debian, of.compiler.unwrap_or_default());
    let key = Oid::hash_object(git2::ObjectType::Blob, key.as_bytes())?.to_string();
    let kept = fx.cache().join("configurations").join(&key[..16]);
    if let Ok(text) = fs::read_to_string(&kept) {
        return Ok(Config::parse_lenient(&text));
    }
    let programs = Programs::Chroot { chroot: chroot.unpack(fx)?, own };
    let resolved =
        Kconfig::new(fx, of.repo, of.tree, of.host, None)?.with(programs).compiler(of.compiler).olddefconfig(config)?;
    fx.create_dir(fx.cache().join("configurations"))?;
    fx.write(kept, resolved.to_text())?;
    Ok(resolved)
}
