// SPDX-License-Identifier: GPL-2.0-only
//! The names in Ubuntu's rules that a build counts on.
//!
//! The makefile around the rules (`fork.mk`, [`apart`](super::apart)) adds to their targets. Where a series has another
//! name for one, it is a row here; a tree that has none of the names is refused before anything is made.

use anyhow::Result;
use git2::{Oid, Repository};

use crate::flavour::packaging::{required, text};
use crate::formats::rules_mk;

/// Where the rules are.
const RULES: &str = "debian/rules";
const INCLUDED: &str = "debian/rules.d";

/// A target of the rules, and its names by series.
struct Hook {
    names: &'static [&'static str],
    what: &'static str,
    tools: bool,
}

/// What installs the files of a flavour: focal's rules, and those since jammy.
const INSTALL: Hook =
    Hook { names: &["install-%", "$(stampdir)/stamp-install-%"], what: "installs a flavour", tools: false };

const HOOKS: &[Hook] = &[
    INSTALL,
    Hook { names: &["clean"], what: "makes debian/control", tools: false },
    Hook { names: &["binary-%"], what: "packs a flavour", tools: false },
    Hook { names: &["binary-arch"], what: "packs all of an architecture", tools: false },
    Hook { names: &["binary-headers"], what: "packs the common headers", tools: false },
    Hook { names: &["binary-indep"], what: "packs what is for all architectures", tools: false },
    Hook { names: &["install-tools"], what: "installs the tools' common files", tools: true },
];

/// The text of Ubuntu's rules in a tree.
pub struct Rules {
    text: String,
}

impl Rules {
    /// Rules with this text.
    pub fn from_text(text: &str) -> Self {
        Self { text: text.to_owned() }
    }

    /// Reads them, and what the packaging in `dir` adds for an architecture.
    ///
    /// # Errors
    /// There are none; they are not UTF-8.
    pub fn of(repo: &Repository, tree: Oid, dir: &str, arch: &str) -> Result<Self> {
        let mut all = required(repo, tree, RULES)?;
        let entry = repo.find_tree(tree)?.get_path(INCLUDED.as_ref()).ok();
        if let Some(dir) = entry.and_then(|e| repo.find_tree(e.id()).ok()) {
            for name in dir.iter().filter_map(|e| e.name().filter(|n| n.ends_with(".mk")).map(str::to_owned)) {
                all.push('\n');
                all.push_str(&text(repo, tree, &format!("{INCLUDED}/{name}"))?.unwrap_or_default());
            }
        }
        for name in [arch, "hooks"] {
            all.push('\n');
            all.push_str(&text(repo, tree, &format!("{dir}/rules.d/{name}.mk"))?.unwrap_or_default());
        }
        Ok(Self { text: all })
    }

    /// Fails where a target is missing that a build adds to.
    ///
    /// # Errors
    /// As said.
    pub fn check(&self, tools: bool) -> Result<()> {
        for hook in HOOKS.iter().filter(|hook| tools || !hook.tools) {
            self.name(hook)?;
        }
        Ok(())
    }

    /// The target that installs a flavour's files.
    ///
    /// # Errors
    /// There is none.
    pub fn install(&self, flavour: &str) -> Result<String> {
        Ok(self.name(&INSTALL)?.replace('%', flavour))
    }

    /// The compiler that they pin, such as `gcc-13`.
    pub fn compiler(&self) -> Option<String> {
        let gcc = rules_mk::variable(&self.text, "gcc")?;
        let version = gcc.strip_prefix("gcc-")?;
        (!version.is_empty() && version.bytes().all(|b| b.is_ascii_digit())).then_some(gcc)
    }

    /// Do they run a program of that name?
    pub fn run(&self, program: &str) -> bool {
        let is_part = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        self.text.lines().filter(|l| l.starts_with('\t')).any(|l| l.split(|c| !is_part(c)).any(|word| word == program))
    }

    fn name(&self, hook: &Hook) -> Result<&'static str> {
        match hook.names.iter().find(|name| self.has(name)) {
            Some(name) => Ok(name),
            None => {
                fail!(Input, "{RULES} and {INCLUDED} have no target that {}: neither {}", hook.what, hook.names.join(" nor ");
                "the rules are of a series that this version does not know; a newer version may")
            }
        }
    }

    fn has(&self, target: &str) -> bool {
        self.text.lines().any(|line| line.strip_prefix(target).is_some_and(|rest| rest.trim_start().starts_with(':')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The targets of each series' rules, by name alone, and how a flavour `slim` is installed.
    const SERIES: &[(&str, &str, &str)] = &[
        (
            "focal 5.4",
            "binary-% binary-arch binary-arch-headers binary-debs binary-headers binary-indep binary-perarch build-% \
             checks-% clean install-% install-arch-headers install-headers install-indep install-perarch install-tools \
             prepare-% $(stampdir)/stamp-build-% $(stampdir)/stamp-prepare-% $(stampdir)/stamp-prepare-tree-%",
            "install-slim",
        ),
        (
            "jammy 5.15",
            "binary-% binary-arch binary-arch-headers binary-debs binary-headers binary-indep binary-perarch build-% \
             checks-% clean install-arch-headers install-indep install-perarch install-tools prepare-% \
             $(stampdir)/stamp-build-% $(stampdir)/stamp-install-% $(stampdir)/stamp-install-headers \
             $(stampdir)/stamp-prepare-% $(stampdir)/stamp-prepare-tree-%",
            "$(stampdir)/stamp-install-slim",
        ),
        (
            "noble 6.8",
            "binary-% binary-arch binary-arch-headers binary-debs binary-headers binary-indep binary-perarch build-% \
             checks-% clean install-arch-headers install-indep install-perarch install-tools module-signature-check-% \
             prepare-% $(stampdir)/stamp-build-% $(stampdir)/stamp-install-% $(stampdir)/stamp-install-headers",
            "$(stampdir)/stamp-install-slim",
        ),
    ];

    fn rules(targets: &str) -> Rules {
        Rules::from_text(
            &targets.split_whitespace().map(|t| format!("{t}: x\n\t@echo Debug: $@\n")).collect::<String>(),
        )
    }

    #[test]
    fn every_series_has_the_targets_that_a_build_adds_to() {
        for (series, targets, installs) in SERIES {
            let rules = rules(targets);
            rules.check(true).unwrap_or_else(|e| panic!("{series}: {e}"));
            assert_eq!(rules.install("slim").unwrap(), *installs, "{series}");
        }
    }

    #[test]
    fn a_target_that_is_missing_is_named() {
        let (_, noble, _) = SERIES[2];
        let without = |name: &str| rules(&noble.replace(name, "x"));
        let error = without("$(stampdir)/stamp-install-%").check(false).unwrap_err();
        assert!(error.to_string().contains("neither install-% nor $(stampdir)/stamp-install-%"), "{error}");
        assert!(without(" binary-headers").check(false).is_err());
        let no_tools = without("install-tools");
        assert!(no_tools.check(false).is_ok() && no_tools.check(true).is_err());
        assert!(Rules::from_text("install-perarch: x\n# install-%:\n").install("slim").is_err());
    }

    #[test]
    fn a_pinned_compiler_is_found() {
        let table = [
            ("export gcc?=gcc-13\n", Some("gcc-13")),
            ("export gcc?=gcc-13\ngcc = gcc-14\n", Some("gcc-14")),
            ("export gcc?=gcc\n", None),
            ("gcc = $(x)\n", None),
            ("HOSTCC ?= gcc-9\n", None),
        ];
        for (text, want) in table {
            assert_eq!(Rules::from_text(text).compiler().as_deref(), want, "{text}");
        }
    }

    #[test]
    fn a_program_is_run_in_a_recipe() {
        let rules = Rules::from_text("# dwarfdump\nx: dwarfdump\n\tfind x -exec dwarfdump -i {} \\; |\n\tmake_x -y\n");
        assert!(rules.run("dwarfdump") && rules.run("find") && !rules.run("make"));
        assert!(!Rules::from_text("x: dwarfdump\n").run("dwarfdump"));
    }
}
