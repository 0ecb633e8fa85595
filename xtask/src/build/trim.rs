// SPDX-License-Identifier: GPL-2.0-only
//! Leaving out of a build the modules that its machine does not load (`modules` of a flavour's settings): the
//! kernel's own `localmodconfig`, in the build's copy. The fork itself never sees it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use camino::Utf8Path;
use fs_err as fs;
use git2::{Oid, Repository};

use super::compiler::Configured;
use crate::effects::Effects;
use crate::flavour::kconfig::Kconfig;
use crate::flavour::packaging::required;
use crate::formats::annotations::Annotations;
use crate::formats::config::{Config, Value, ValueKind};
use crate::formats::FormatError;

/// Keeps the modules that the file `listing` of the tree names, and those that the fragment asks for: `files`, which
/// the build has instead of the tree's own, gets the configuration. The tree is written out at `tree`.
///
/// # Errors
/// The listing is none; Kconfig fails.
pub fn trim(
    fx: &Effects,
    of: &Configured,
    listing: &str,
    tree: &Utf8Path,
    files: &mut BTreeMap<String, String>,
) -> Result<()> {
    let step = fx.ui.step(&format!("keep the modules of {listing}"));
    let modules = modules(of.repo, of.tree, listing)?;
    let mut there = There::read(of, tree, files)?;
    let config = there.config(of)?;
    // Whatever compiler is here, what is probed stays as the build has it.
    let kconfig = Kconfig::with_makefiles(fx, of.repo, of.tree, of.host, Some(&config))?;
    let before = kconfig.olddefconfig(&config.to_text())?;
    let (kept, unknown) = kconfig.localmodconfig(&config.to_text(), &modules)?;
    let after = kconfig.olddefconfig(&format!("{kept}\n{}", of.fragment.to_text()))?;
    for (symbol, _, value) in before.diff(&after) {
        if !kconfig.probed.contains(&symbol) {
            there.set(of, &symbol, value)?;
        }
    }
    let (path, text) = there.into_file();
    files.insert(path, text);
    let count = |config: &Config| config.iter().filter(|(_, value)| value.kind() == ValueKind::Module).count();
    step.done(&format!("{} of {} symbols that are modules", count(&after), count(&before)));
    if !unknown.is_empty() {
        fx.ui.note(&format!("     not modules of this kernel: {}", unknown.join(" ")));
    }
    Ok(())
}

/// The listing of modules at the path `listing` of a tree.
///
/// # Errors
/// It is not there, or not what `lsmod` prints.
pub fn modules(repo: &Repository, tree: Oid, listing: &str) -> Result<String> {
    let text = required(repo, tree, listing)?;
    check(&text).with_context(|| listing.to_owned())?;
    Ok(text)
}

/// Refuses what `lsmod` does not print: every line begins with a module's name.
fn check(listing: &str) -> Result<(), FormatError> {
    let named = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    for (number, line) in (1..).zip(listing.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        if !line.split_whitespace().next().is_some_and(named) {
            return Err(FormatError::at(number, 1, line, "no line of lsmod's"));
        }
    }
    if !listing.lines().any(|line| !line.trim().is_empty() && !line.starts_with("Module ")) {
        return Err(FormatError::new("", "it names no module; is it the output of `lsmod`?"));
    }
    Ok(())
}

/// Where the build has its configuration.
enum There {
    Annotations(String, Box<Annotations>),
    File(String, Config),
}

impl There {
    /// As it is in `files`, else in the tree written out at `tree`.
    fn read(of: &Configured, tree: &Utf8Path, files: &BTreeMap<String, String>) -> Result<Self> {
        let read = |path: &str| match files.get(path) {
            Some(text) => Ok(text.clone()),
            None => fs::read_to_string(tree.join(path)).map_err(|e| FormatError::new(path, e.to_string())),
        };
        let path = format!("{}/config/annotations", of.dir);
        if tree.join(&path).is_file() {
            let annotations = Annotations::parse(read(&path)?, &path, &read).with_context(|| path.clone())?;
            return Ok(There::Annotations(path, Box::new(annotations)));
        }
        let path = format!("{}/config/{}/config.flavour.{}", of.dir, of.host.debian, of.flavour);
        let config = Config::parse_lenient(read(&path)?);
        Ok(There::File(path, config))
    }

    fn config(&self, of: &Configured) -> Result<Config> {
        Ok(match self {
            There::Annotations(_, annotations) => annotations.export(of.host.debian, of.flavour)?,
            There::File(_, config) => config.clone(),
        })
    }

    fn set(&mut self, of: &Configured, symbol: &str, value: Option<Value>) -> Result<()> {
        match self {
            There::Annotations(_, annotations) => {
                annotations.set(symbol, &format!("{}-{}", of.host.debian, of.flavour), value.as_ref())?;
            }
            There::File(_, config) => match value {
                Some(value) => config.set(symbol, value)?,
                None => config.remove(symbol),
            },
        }
        Ok(())
    }

    fn into_file(self) -> (String, String) {
        match self {
            There::Annotations(path, annotations) => (path, annotations.to_text()),
            There::File(path, config) => (path, config.to_text()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn listings() {
        assert_eq!(
            check("Module                  Size  Used by\ntun 61440 2\nnls_iso8859_1 16384 1 - Live 0x0\n"),
            Ok(())
        );
        let table = [
            ("", "it names no module"),
            ("Module Size Used by\n", "it names no module"),
            ("tun 1\n<html>\n", "line 2, column 1: no line of lsmod's: `<html>`"),
        ];
        for (text, want) in table {
            assert!(check(text).unwrap_err().to_string().starts_with(want), "{text}");
        }
    }
}
