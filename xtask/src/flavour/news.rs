// SPDX-License-Identifier: GPL-2.0-only
//! What a release of the vendor's brought that touches a flavour: symbols that are new, gone, or another value than
//! before, each with its type and prompt.
//!
//! A rebase ends with it. It must never run anything of the tree: values are those of the committed configurations.

use anyhow::Result;
use git2::{Oid, Repository};

use super::existing;
use super::packaging::text;
use super::symbols::{Symbol, Symbols};
use super::target;
use crate::arch::Arch;
use crate::effects::Effects;
use crate::formats::config::{Config, Value};

/// One symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    pub symbol: String,
    /// Kconfig's word for its type.
    pub kind: &'static str,
    pub prompt: String,
    /// The value before; `None` for absent.
    pub before: Option<Value>,
    /// The value that the flavour takes now.
    pub now: Option<Value>,
    pub what: What,
}

/// What happened to a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The tree did not have it before.
    New,
    /// The tree no longer has it.
    Gone,
    /// It is another type or has another prompt.
    Changed,
    /// Only the value is another.
    Value,
}

impl What {
    pub fn word(self) -> &'static str {
        match self {
            What::New => "new",
            What::Gone => "gone",
            What::Changed => "changed",
            What::Value => "value",
        }
    }
}

/// The symbols of a flavour that are otherwise in the tree `now` than in `before`, both with generated files.
///
/// # Errors
/// One of them has no configuration of the flavour.
pub fn between(repo: &Repository, before: Oid, now: Oid, arch: &Arch, flavour: &str) -> Result<Vec<News>> {
    let configs =
        [existing::config(repo, before, arch.debian, flavour)?, existing::config(repo, now, arch.debian, flavour)?];
    let symbols = [symbols(repo, before, arch), symbols(repo, now, arch)];
    Ok(compare([&configs[0], &configs[1]], [&symbols[0], &symbols[1]]))
}

/// The symbols of a tree.
pub fn symbols(repo: &Repository, tree: Oid, arch: &Arch) -> Symbols {
    Symbols::read(arch.srcarch, &mut |path| text(repo, tree, path).ok().flatten())
}

impl News {
    /// What the cells of [`News::row`] are.
    pub const HEADING: [&'static str; 6] = ["SYMBOL", "", "TYPE", "WAS", "IS", "PROMPT"];

    /// One row of a table.
    pub fn row(&self) -> [String; 6] {
        let shown = |value: &Option<Value>| value.as_ref().map_or("-", Value::as_str).to_owned();
        let [what, kind] = [self.what.word(), self.kind].map(str::to_owned);
        [self.symbol.clone(), what, kind, shown(&self.before), shown(&self.now), self.prompt.clone()]
    }
}

/// For each flavour and architecture that the commit `now` has (`tickless on arm64`), the symbols that are otherwise
/// than in `before`. It is for reports: what cannot be read is left out.
pub fn all(repo: &Repository, before: Oid, now: Oid) -> Vec<(String, Vec<News>)> {
    let tree = |commit: Oid| repo.find_commit(commit).map(|commit| commit.tree_id());
    let (Ok(a), Ok(b)) = (tree(before), tree(now)) else { return Vec::new() };
    let of = |(flavour, arch): (String, &'static Arch)| {
        Some((format!("{flavour} on {}", arch.debian), between(repo, a, b, arch, &flavour).ok()?))
    };
    target::names(repo, now).unwrap_or_default().into_iter().filter_map(of).collect()
}

/// Prints them.
pub fn report(fx: &Effects, repo: &Repository, before: Oid, now: Oid) {
    for (name, found) in all(repo, before, now) {
        if found.is_empty() {
            fx.ui.note(&format!("Nothing new in the configuration of {name}."));
            continue;
        }
        fx.ui.note(&format!("New in the configuration of {name}:"));
        let mut rows = vec![News::HEADING.map(str::to_owned).to_vec()];
        rows.extend(found.iter().map(|news| news.row().to_vec()));
        fx.ui.table(&rows);
    }
}

fn compare([old, new]: [&Config; 2], [before, now]: [&Symbols; 2]) -> Vec<News> {
    let mut names: Vec<&str> = old.iter().chain(new.iter()).map(|(symbol, _)| symbol).collect();
    names.sort_unstable();
    names.dedup();
    let face = |symbol: &Symbol| (symbol.kind, symbol.prompt.clone());
    let mut found = Vec::new();
    for name in names {
        let (was, is) = (old.get(name), new.get(name));
        let what = match (before.get(name), now.get(name)) {
            (None, Some(_)) => What::New,
            (Some(_), None) => What::Gone,
            (Some(a), Some(b)) if face(a) != face(b) => What::Changed,
            _ if was != is => What::Value,
            _ => continue,
        };
        let symbol = now.get(name).or_else(|| before.get(name));
        found.push(News {
            symbol: name.to_owned(),
            kind: symbol.map_or("-", |symbol| symbol.kind.word()),
            prompt: symbol.and_then(|symbol| symbol.prompt.clone()).unwrap_or_default(),
            before: was.cloned(),
            now: is.cloned(),
            what,
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_release_brought() {
        let read = |text: &str| Symbols::read("arm64", &mut |path| (path == "Kconfig").then(|| text.to_owned()));
        let common = "config SAME\n\tbool \"same\"\nconfig HZ\n\tint\n";
        let before = read(&format!("{common}config OLD\n\tbool \"old\"\nconfig P\n\tbool \"one\"\n"));
        let now = read(&format!(
            "{common}config NEW\n\ttristate \"new\"\nconfig P\n\tbool \"two\"\nconfig UNUSED\n\tbool \"x\"\n"
        ));
        let old = Config::parse_lenient("CONFIG_SAME=y\nCONFIG_HZ=250\nCONFIG_OLD=y\nCONFIG_P=y\n");
        let new = Config::parse_lenient("CONFIG_SAME=y\nCONFIG_HZ=100\nCONFIG_NEW=m\nCONFIG_P=y\n");
        let lines: Vec<String> = compare([&old, &new], [&before, &now])
            .iter()
            .map(|n| {
                format!(
                    "{} {} {} {:?} {:?}",
                    n.what.word(),
                    n.symbol,
                    n.kind,
                    n.prompt,
                    n.now.as_ref().map(Value::as_str)
                )
            })
            .collect();
        let want = [
            "value HZ int \"\" Some(\"100\")",
            "new NEW tristate \"new\" Some(\"m\")",
            "gone OLD bool \"old\" None",
            "changed P bool \"two\" Some(\"y\")",
        ];
        assert_eq!(lines, want);
    }
}
