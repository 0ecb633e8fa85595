// SPDX-License-Identifier: GPL-2.0-only
//! The fork's settings: `[workspace.metadata.fork]` of the top `Cargo.toml`, checked before anything runs.
//!
//! Text in, values out; reading the file is `workspace.rs`. Changing one setting keeps the rest of the file
//! as it was written.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use indexmap::IndexMap;
use serde::Deserialize;

use crate::error::{Failure, Kind};
use crate::formats::abi::Suffix;
use crate::formats::date::Snapshot;
use crate::formats::vars;

/// Everything a fork is set up by.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// The vendor's git repository.
    pub url: String,
    /// The suite that the kernel is built in unless `--suite` says otherwise.
    pub series: String,
    /// The vendor tag that the fork stands on.
    pub tag: String,
    /// What is appended to the vendor's version, such as `+lab`.
    pub suffix: String,
    /// Who signs generated changelog entries: `Name <address>`.
    pub maintainer: String,
    /// The host architecture (Debian's sense and name) when a command names none.
    pub architecture: String,
    /// Whose packaging a tree that has some is built with.
    #[serde(default)]
    pub packaging: PackagingOf,
    /// In the order of the file: the first one that is built on one of the vendor's is meant where none is named.
    pub flavours: IndexMap<String, Flavour>,
    pub suites: BTreeMap<String, Suite>,
    pub distributions: BTreeMap<String, Distribution>,
}

/// One flavour; its metadata is in `vars.<flavour>`, its symbols in `kernel/configs/<flavour>.config`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Flavour {
    /// What the fragment is applied to: a flavour of the vendor's, or `tiny`.
    pub base: String,
    /// A file of the repository: the output of `lsmod` on the machine that the kernel is for. A build then keeps
    /// only the modules that it names.
    #[serde(default)]
    pub modules: Option<String>,
    #[serde(default)]
    pub abi: AbiOf,
}

/// Whose packaging a tree that has some is built with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PackagingOf {
    /// The vendor's.
    #[default]
    Vendor,
    /// This repository's own, which takes its place.
    Bundled,
}

/// Whose ABI number packages carry, which is a part of their names and of `uname -r`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AbiOf {
    /// The vendor's: a build replaces the one before.
    #[default]
    Vendor,
    /// One of each commit: builds can be installed side by side.
    Unique,
}

/// One suite of a distribution.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Suite {
    pub distribution: String,
    /// Build dependencies that go by another name in this suite; an empty name drops one.
    #[serde(default)]
    pub substitute: BTreeMap<String, String>,
    /// The pockets of this suite, where they are not those of its distribution.
    #[serde(default)]
    pub pockets: Option<Vec<String>>,
    /// Keys that sign this suite, trusted beside those of its distribution.
    #[serde(default)]
    pub fingerprints: Vec<String>,
}

/// Where packages come from and who signs them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Distribution {
    /// The archive's address. Left out: that of this machine's own apt, if it runs this distribution.
    pub archive: Option<String>,
    /// Where all architectures but amd64 and i386 live, if that is elsewhere.
    pub ports: Option<String>,
    /// The security archive, if that is elsewhere.
    pub security: Option<String>,
    /// The snapshot service's address for all of it; `DATE` stands for the moment.
    pub snapshot: Option<String>,
    /// The same for the security archive, if that is elsewhere.
    pub security_snapshot: Option<String>,
    pub components: Vec<String>,
    /// Suite suffixes beside the suite itself.
    pub pockets: Vec<String>,
    /// The keyring file that the archive's signatures are checked with.
    pub keyring: String,
    /// Fingerprints of the keys in it that are trusted; others in the file are not.
    pub fingerprints: Vec<String>,
}

impl Distribution {
    /// The distribution as a suite has it: the suite's own pockets and keys.
    fn of(&self, suite: &Suite) -> Self {
        let mut own = self.clone();
        own.pockets = suite.pockets.clone().unwrap_or(own.pockets);
        own.fingerprints.extend(suite.fingerprints.iter().cloned());
        own
    }

    /// The same as it was at a moment: one address for every architecture.
    ///
    /// # Errors
    /// The settings name no snapshot service for it.
    pub fn at(&self, name: &str, date: &Snapshot) -> Result<Self> {
        let pin = |address: &Option<String>| address.as_ref().map(|a| a.replace("DATE", date.as_str()));
        let Some(archive) = pin(&self.snapshot).filter(|a| a.contains(date.as_str())) else {
            fail!(Input, "the settings name no snapshot service of {name}";
                "`snapshot = \"http://…/DATE/\"` in [workspace.metadata.fork.distributions.{name}]");
        };
        Ok(Self { archive: Some(archive), ports: None, security: pin(&self.security_snapshot), ..self.clone() })
    }
}

/// `base` of a flavour that starts from nothing.
pub const TINY: &str = "tiny";

impl Settings {
    /// Reads the settings out of the text of a `Cargo.toml`.
    ///
    /// # Errors
    /// No such table, an unknown or missing key, a value that breaks a rule: each named.
    pub fn parse(text: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct File {
            workspace: Workspace,
        }
        #[derive(Deserialize)]
        struct Workspace {
            metadata: Metadata,
        }
        #[derive(Deserialize)]
        struct Metadata {
            fork: Settings,
        }
        let file: File = toml::from_str(text).map_err(|error| unusable(text, &error))?;
        let settings = file.workspace.metadata.fork;
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<()> {
        Suffix::parse(&self.suffix).map_err(|e| {
            let text = format!("setting `suffix` is `{}`: {}", self.suffix, e.message);
            Failure::new(Kind::Input, text).hint("for example `+lab`")
        })?;
        self.suite(&self.series).context("setting `series`")?;
        crate::arch::find(&self.architecture)?;
        let well_formed = |m: &str| {
            m.split_once(" <").is_some_and(|(n, a)| !n.trim().is_empty() && a.ends_with('>') && a.contains('@'))
        };
        if !well_formed(&self.maintainer) || self.maintainer.chars().any(char::is_control) {
            fail!(Input, "setting `maintainer` is `{}`", self.maintainer; "it reads `Name <address@host>`");
        }
        if self.url.starts_with('-')
            || self.url.contains("::")
            || self.url.chars().any(|c| c.is_control() || c.is_whitespace())
        {
            fail!(Input, "setting `url` is `{}`, which is no address for git", self.url);
        }
        for name in self.flavours.keys().chain(self.suites.keys()) {
            word(name)?;
        }
        for (name, flavour) in &self.flavours {
            vars::check_flavour(name).context("the settings have a flavour that cannot be built")?;
            let Some(path) = &flavour.modules else { continue };
            let bad = |part: &str| part.is_empty() || part == "." || part == ".." || part.chars().any(char::is_control);
            if path.split('/').any(bad) {
                fail!(Input, "setting `modules` of flavour `{name}` is `{path}`, which is no file of the repository";
                    "for example `kernel/configs/{name}.modules`, with the output of `lsmod`");
            }
        }
        for (name, distribution) in &self.distributions {
            pockets(&distribution.pockets, &format!("distribution `{name}`"))?;
        }
        for (name, suite) in &self.suites {
            pockets(suite.pockets.as_deref().unwrap_or_default(), &format!("suite `{name}`"))?;
            if !self.distributions.contains_key(&suite.distribution) {
                fail!(Input, "suite `{name}` is of distribution `{}`, which the settings do not describe", suite.distribution;
                    "add `[workspace.metadata.fork.distributions.{}]`", suite.distribution);
            }
        }
        Ok(())
    }

    /// The flavour of that name.
    ///
    /// # Errors
    /// There is none.
    pub fn flavour(&self, name: &str) -> Result<&Flavour> {
        match self.flavours.get(name) {
            Some(f) => Ok(f),
            None => fail!(Input, "unknown flavour `{name}`"; "the settings have {}", list(self.flavours.keys())),
        }
    }

    /// The suite of that name, and its distribution with what is different in this suite.
    ///
    /// # Errors
    /// There is none.
    pub fn suite(&self, name: &str) -> Result<(&Suite, Distribution)> {
        match self.suites.get(name) {
            Some(s) => Ok((s, self.distributions.get(&s.distribution).context("checked on reading")?.of(s))),
            None => fail!(Input, "unknown suite `{name}`";
                "the settings have {}; `[workspace.metadata.fork.suites.{name}]` would add it", list(self.suites.keys())),
        }
    }
}

/// Why the settings cannot be used, in the words of whoever edits them.
fn unusable(text: &str, error: &toml::de::Error) -> Failure {
    let failure = |why: String| Failure::new(Kind::Input, format!("the fork's settings cannot be used: {why}"));
    if text.lines().any(|line| line.starts_with("<<<<<<< ")) {
        return failure("they have conflict marks of git".to_owned()).hint("edit the file, then `git add Cargo.toml`");
    }
    if !text.lines().any(|line| line.trim() == "[workspace.metadata.fork]") {
        return failure("there is no table `[workspace.metadata.fork]`".to_owned())
            .hint("is the name of the table right? `git log -p Cargo.toml` has one that worked");
    }
    let at = text.get(..error.span().map_or(0, |span| span.start)).unwrap_or_default();
    let line = at.matches('\n').count() + 1;
    let shown = text.lines().nth(line - 1).unwrap_or_default();
    let said = error.message();
    if let Some(key) = said.strip_prefix("missing field ") {
        let example =
            if key == "`suffix`" { "`suffix = \"+lab\"`" } else { "`git log -p Cargo.toml` has one that worked" };
        return failure(format!("setting {key} is missing in the table at line {line}, `{shown}`")).hint(example);
    }
    let why = failure(format!("line {line}, `{shown}`: {}", said.replace("struct Flavour", "a table")));
    if said.contains("struct Flavour") {
        return why.hint("a flavour is a table, as in `NAME = { base = \"generic\" }`");
    }
    why.hint("the table is `[workspace.metadata.fork]`; `git log -p Cargo.toml` has one that worked")
}

/// The text of a `Cargo.toml` with string settings changed and everything else as it was.
///
/// # Errors
/// The text has no such table.
pub fn with(text: &str, changes: &[(&str, &str)]) -> Result<String> {
    let mut document: toml_edit::DocumentMut = text.parse().context("Cargo.toml cannot be read")?;
    for (key, value) in changes {
        let item = document
            .get_mut("workspace")
            .and_then(|w| w.get_mut("metadata"))
            .and_then(|m| m.get_mut("fork"))
            .and_then(|f| f.get_mut(key))
            .with_context(|| format!("Cargo.toml has no setting `{key}`"))?;
        let decor = item.as_value().map(|v| v.decor().clone());
        let mut new = toml_edit::Value::from(*value);
        if let Some(decor) = decor {
            *new.decor_mut() = decor;
        }
        *item = toml_edit::Item::Value(new);
    }
    Ok(document.to_string())
}

/// The text of a `Cargo.toml` with one flavour more.
///
/// # Errors
/// The text has no table of flavours.
pub fn with_flavour(text: &str, name: &str, base: &str, modules: Option<&str>) -> Result<String> {
    let mut document: toml_edit::DocumentMut = text.parse().context("Cargo.toml cannot be read")?;
    let flavours = ["workspace", "metadata", "fork", "flavours"];
    let table = flavours
        .iter()
        .try_fold(document.as_item_mut(), |item, key| item.get_mut(key))
        .context("Cargo.toml has no flavours")?;
    let mut flavour = toml_edit::InlineTable::new();
    flavour.insert("base", base.into());
    if let Some(listing) = modules {
        flavour.insert("modules", listing.into());
    }
    table[name] = toml_edit::value(flavour);
    Ok(document.to_string())
}

/// The text of a `Cargo.toml` without that flavour, and everything else as it was.
///
/// # Errors
/// The text has no table of flavours.
pub fn without_flavour(text: &str, name: &str) -> Result<String> {
    let mut document: toml_edit::DocumentMut = text.parse().context("Cargo.toml cannot be read")?;
    ["workspace", "metadata", "fork", "flavours"]
        .iter()
        .try_fold(document.as_item_mut(), |item, key| item.get_mut(key))
        .and_then(toml_edit::Item::as_table_like_mut)
        .context("Cargo.toml has no table of flavours")?
        .remove(name);
    Ok(document.to_string())
}

/// Names of flavours and suites end up in package names, paths and make variables.
///
/// # Errors
/// It is no such name.
pub fn word(name: &str) -> Result<()> {
    let good = name.len() <= 40
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.');
    if !good {
        fail!(Input, "`{name}` is no name for a flavour or suite"; "lower-case letters, digits and `-`, a letter first");
    }
    Ok(())
}

/// Pockets are appended to a suite's name, and stand in an apt source with it.
fn pockets(pockets: &[String], of: &str) -> Result<()> {
    let good = |p: &&String| p.starts_with('-') && word(&p[1..]).is_ok();
    if let Some(bad) = pockets.iter().find(|p| !good(p)) {
        fail!(Input, "`{bad}` in `pockets` of {of} is no pocket"; "for example `-updates`");
    }
    Ok(())
}

fn list<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const REAL: &str = include_str!("../../Cargo.toml");

    #[test]
    fn the_repository_s_own_settings_are_good() {
        let settings = Settings::parse(REAL).unwrap();
        assert_eq!(settings.flavour("tickless").unwrap().base, "generic");
        assert_eq!(settings.flavour("slim").unwrap().base, TINY);
    }

    #[test]
    fn bad_settings_are_named() {
        let cases = [
            ("suffix = \"+lab\"", "suffix = \"-lab\"", "suffix"),
            ("suffix = \"+lab\"", "sufix = \"+lab\"", "sufix"),
            ("architecture = \"arm64\"", "architecture = \"arm65\"", "arm65"),
            ("tickless = {", "\"tick less\" = {", "tick less"),
            ("tickless = {", "tickless = { modules = \"../lsmod\",", "../lsmod"),
            ("tickless = {", "tickless = { modules = \"/etc/passwd\",", "/etc/passwd"),
            ("tickless = {", "tickless = { abi = \"mine\",", "mine"),
            ("series =", "packaging = \"mine\"\nseries =", "mine"),
            ("pockets = [\"-updates\"]", "pockets = [\"updates\"]", "updates"),
            ("\"-updates\", \"-security\"]", "\"-updates contrib\"]", "-updates contrib"),
            ("distribution = \"debian\"", "distribution = \"suse\"", "suse"),
        ];
        for (from, to, named) in cases {
            assert!(REAL.contains(from), "{from}");
            let error = Settings::parse(&REAL.replace(from, to)).unwrap_err();
            assert!(crate::error::sentence(&error).contains(named), "{to}: {error:#}");
            assert_eq!(crate::error::exit_code(&error), 3);
        }
    }

    #[test]
    fn a_suite_has_pockets_and_keys_of_its_own() {
        let settings = Settings::parse(REAL).unwrap();
        let (_, bookworm) = settings.suite("bookworm").unwrap();
        let (_, bullseye) = settings.suite("bullseye").unwrap();
        assert_eq!(bookworm.pockets, ["-updates", "-security"]);
        assert_eq!(bullseye.pockets, ["-updates"]);
        let key = "A4285295FC7B1A81600062A9605C66F00D6C9793".to_owned();
        assert!(bullseye.fingerprints.contains(&key) && !bookworm.fingerprints.contains(&key));
        assert!(bookworm.fingerprints.iter().all(|f| bullseye.fingerprints.contains(f)));
    }

    #[test]
    fn flavours_keep_their_order() {
        let settings = Settings::parse(&with_flavour(REAL, "a-last", "generic", None).unwrap()).unwrap();
        assert_eq!(settings.flavours.keys().collect::<Vec<_>>(), ["tickless", "slim", "a-last"]);
    }

    #[test]
    fn one_setting_changes_and_comments_stay() {
        let tag = Settings::parse(REAL).unwrap().tag;
        let new = with(REAL, &[("tag", "Ubuntu-5.4.0-216.236")]).unwrap();
        assert_eq!(new.replace("Ubuntu-5.4.0-216.236", &tag), REAL);
    }

    #[test]
    fn a_flavour_comes_and_goes_and_the_rest_stays() {
        let new = with_flavour(REAL, "fast", "generic", None).unwrap();
        assert!(new.contains("slim = { base = \"tiny\" }\nfast = { base = \"generic\" }\n\n#"), "{new}");
        assert_eq!(Settings::parse(&new).unwrap().flavour("fast").unwrap().base, "generic");
        assert_eq!(without_flavour(&new, "fast").unwrap(), REAL);
    }
}
