// SPDX-License-Identifier: GPL-2.0-only
//! The parts of Ubuntu's packaging that a build has, and what that makes of its build dependencies: a dependency that
//! no part uses is not asked for, and one that the suite has under another name is asked for by that.
//!
//! What a suite has is asked only where an answer counts, and only of a suite that is not the packaging's own.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use git2::{Oid, Repository};

use super::hooks::Rules;
use super::mode::Mode;
use super::source::{asked, stub_path};
use crate::arch::Arch;
use crate::flavour::packaging::{required, Packaging};
use crate::flavour::ubuntu;
use crate::formats::config::Config;
use crate::settings::Suite;

/// Packages that other suites have under another name.
const RENAMED: &[(&str, &str)] = &[("dh-systemd", "debhelper")];

/// Build dependencies that only these parts of Ubuntu's packaging need; the parts are off (see
/// [`variables`](super::source::variables)), and some of them a cross chroot could not install.
const ONLY_FOR_PARTS_LEFT_OUT: &[&str] = &["curl", "default-jdk-headless", "dkms", "java-common", "makedumpfile"];
/// Those that only the tools need.
const ONLY_FOR_TOOLS: &[&str] = &[
    "autoconf",
    "automake",
    "libaudit-dev",
    "libcap-dev",
    "libdw-dev",
    "libiberty-dev",
    "liblzma-dev",
    "libnewt-dev",
    "libnuma-dev",
    "libpci-dev",
    "libtool",
    "libtraceevent-dev",
    "libtracefs-dev",
    "libudev-dev",
    "libunwind8-dev",
    "uuid-dev",
];
/// How the names of those begin that only Rust needs, clang for its bindings among them.
const ONLY_FOR_RUST: &[&str] = &["bindgen", "clang", "libclang", "lld", "llvm", "rust"];
/// What lists the sources of a build, out of its debug information.
const DWARFDUMP: &str = "dwarfdump";

/// Where the program that stands in for it is in the build's copy: a directory in front of all others.
pub const STAND_IN: &str = "debian/fork-bin/dwarfdump";
/// Its text.
pub const STAND_IN_TEXT: &str = include_str!("dwarfdump.sh");

/// The parts of a build.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Build dependencies that are replaced (by what) or left out (by nothing).
    pub mapping: BTreeMap<String, String>,
    /// Build dependencies that are in no control file.
    pub more: Vec<String>,
    /// The compiler that the packaging pins, where the suite has it: `gcc-13`.
    pub compiler: Option<String>,
    /// The compiler that the packaging pins, where the suite has not.
    pub lacking: Option<String>,
    /// Must the sources be listed without debug information?
    pub lists_sources: bool,
}

/// The build that is wanted.
pub struct Build<'a> {
    /// `None` where nothing is compiled.
    pub flavour: Option<&'a str>,
    pub mode: Mode,
    pub host: &'static Arch,
    pub tools: bool,
    pub suite: &'a Suite,
    /// Is the suite another one than the packaging is made for?
    pub foreign: bool,
}

/// The parts of a build of `tree`, and the rules where they are Ubuntu's. `offered` tells which of some package names
/// the suite has.
///
/// # Errors
/// The packaging cannot be read, or lacks what a build adds to; the suite cannot be asked.
pub fn read(
    repo: &Repository,
    tree: Oid,
    packaging: &Packaging,
    of: &Build,
    offered: impl FnOnce(&BTreeSet<String>) -> Result<BTreeSet<String>>,
) -> Result<(Parts, Option<Rules>)> {
    let Packaging::Ubuntu { dir } = packaging else {
        return Ok((Parts { mapping: of.suite.substitute.clone(), ..Parts::default() }, None));
    };
    let rules = Rules::of(repo, tree, dir, of.host.debian)?;
    rules.check(of.tools)?;
    let config = of.flavour.map(|flavour| config(repo, tree, dir, flavour, of.host)).transpose()?;
    let stub = required(repo, tree, &stub_path(packaging))?;
    Ok((Parts::of(of, &rules, &stub, config.as_ref(), offered)?, Some(rules)))
}

impl Parts {
    fn of(
        of: &Build,
        rules: &Rules,
        stub: &str,
        config: Option<&Config>,
        offered: impl FnOnce(&BTreeSet<String>) -> Result<BTreeSet<String>>,
    ) -> Result<Self> {
        let substitute = &of.suite.substitute;
        let on = |symbol: &str| config.and_then(|c| c.get(symbol)).is_some_and(|v| v.as_str() == "y");
        let names: BTreeSet<String> = asked(stub, of.host, of.mode)?.iter().map(|a| a.name.clone()).collect();
        let (rust, other): (Vec<String>, Vec<String>) =
            names.into_iter().partition(|name| ONLY_FOR_RUST.iter().any(|start| name.starts_with(start)));
        let renamed: Vec<_> = RENAMED
            .iter()
            .filter(|(old, _)| other.iter().any(|o| o == old) && !substitute.contains_key(*old))
            .collect();
        let pinned = config.and_then(|_| rules.compiler());
        let compilers: Vec<String> = pinned.iter().flat_map(|gcc| compilers(gcc, of.mode, of.host)).collect();

        let with_rust = on("RUST");
        let mut question: BTreeSet<String> = compilers.iter().cloned().collect();
        question.extend(renamed.iter().map(|(old, _)| (*old).to_owned()));
        question.extend(rust.iter().filter(|_| with_rust).cloned());
        let there = if of.foreign && !question.is_empty() { offered(&question)? } else { question };

        let mut parts = Self { mapping: substitute.clone(), ..Self::default() };
        let mut drop = |names: &mut dyn Iterator<Item = &str>| {
            parts.mapping.extend(names.map(|name| (name.to_owned(), String::new())));
        };
        drop(&mut ONLY_FOR_PARTS_LEFT_OUT.iter().copied());
        drop(&mut ONLY_FOR_TOOLS.iter().copied().filter(|_| !of.tools));
        if !with_rust || !rust.iter().all(|name| there.contains(name)) {
            drop(&mut rust.iter().map(String::as_str));
        }
        parts.lists_sources = config.is_some() && !on("DEBUG_INFO") && rules.run(DWARFDUMP);
        if !on("DEBUG_INFO") {
            drop(&mut std::iter::once(DWARFDUMP));
        }
        let gone = renamed.into_iter().filter(|(old, _)| !there.contains(*old));
        parts.mapping.extend(gone.map(|(old, new)| ((*old).to_owned(), (*new).to_owned())));
        match pinned {
            Some(gcc) if compilers.iter().all(|name| there.contains(name)) => {
                // Under qemu-user the cross compiler is put in front of the native one, not installed.
                parts.more.extend(compilers.into_iter().filter(|name| of.mode == Mode::Cross || *name == gcc));
                parts.compiler = Some(gcc);
            }
            lacking => parts.lacking = lacking,
        }
        Ok(parts)
    }

    /// Make variables for `debian/rules`.
    pub fn variables(&self) -> Vec<String> {
        self.lacking.iter().map(|_| "gcc=gcc".to_owned()).collect()
    }
}

/// The packages of a compiler that a mode needs, the compiler itself first.
fn compilers(gcc: &str, mode: Mode, host: &Arch) -> Vec<String> {
    let cross = format!("{gcc}-{}", host.triplet.replace('_', "-"));
    match mode {
        Mode::Native => vec![gcc.to_owned()],
        Mode::Cross | Mode::Emulated => vec![gcc.to_owned(), cross],
    }
}

/// The configuration that a tree gives a flavour.
///
/// # Errors
/// It has none; it cannot be read.
pub fn configured(repo: &Repository, tree: Oid, packaging: &Packaging, flavour: &str, host: &Arch) -> Result<Config> {
    if let Packaging::Ubuntu { dir } = packaging {
        return config(repo, tree, dir, flavour, host);
    }
    let path = format!("{}/config/{}/config.flavour.{flavour}", packaging.dir(), host.debian);
    Ok(Config::parse_lenient(required(repo, tree, &path)?))
}

/// The configuration that the annotations of a tree give a flavour.
fn config(repo: &Repository, tree: Oid, dir: &str, flavour: &str, host: &Arch) -> Result<Config> {
    let path = format!("{dir}/config/annotations");
    ubuntu::read(repo, tree, &path)?.export(host.debian, flavour).context(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::find;

    const NOBLE: &str =
        "Source: x\nBuild-Depends:\n bc,\n bindgen-0.65 [amd64 arm64],\n clang-18 [arm64],\n curl <!stage1>,\n \
        dwarfdump <!stage1>,\n libcap-dev,\n rust-src [arm64],\n rustc [arm64],\n rustfmt [arm64],\n\nPackage: y\n";
    const RULES: &str = "export gcc?=gcc-13\nx: y\n\tfind . -exec dwarfdump -i {} \\;\n";

    fn parts(config: Option<&str>, mode: Mode, foreign: bool, has: &[&str]) -> (Parts, Vec<String>) {
        let rules = Rules::from_text(RULES);
        let config = config.map(|text| Config::parse(text).unwrap());
        let suite =
            Suite { distribution: "debian".into(), substitute: BTreeMap::new(), pockets: None, fingerprints: vec![] };
        let host = find("arm64").unwrap();
        let of = Build { flavour: Some("x"), mode, host, tools: false, suite: &suite, foreign };
        let mut asked = Vec::new();
        let parts = Parts::of(&of, &rules, NOBLE, config.as_ref(), |names| {
            asked = names.iter().cloned().collect();
            Ok(names.iter().filter(|n| has.contains(&n.as_str())).cloned().collect())
        });
        (parts.unwrap(), asked)
    }

    fn dropped(parts: &Parts) -> Vec<&str> {
        parts.mapping.iter().filter(|(_, by)| by.is_empty()).map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn rust_is_asked_for_where_the_configuration_uses_it() {
        let (without, asked) = parts(Some("CONFIG_A=y\n"), Mode::Cross, true, &[]);
        for name in ["bindgen-0.65", "clang-18", "rust-src", "rustc", "rustfmt", "dwarfdump"] {
            assert!(dropped(&without).contains(&name), "{name}");
        }
        assert!(!asked.iter().any(|name| name.starts_with("rust")), "{asked:?}");
        let all = ["bindgen-0.65", "clang-18", "rust-src", "rustc", "rustfmt"];
        let rust = Some("CONFIG_RUST=y\nCONFIG_DEBUG_INFO=y\n");
        let (with, _) = parts(rust, Mode::Cross, true, &all);
        assert!(!all.iter().chain(&["dwarfdump"]).any(|name| dropped(&with).contains(name)));
        // A part of it is of no use.
        assert!(dropped(&parts(rust, Mode::Cross, true, &all[1..]).0).contains(&"rustc"));
        assert!(!dropped(&parts(rust, Mode::Cross, false, &[]).0).contains(&"rustc"));
    }

    #[test]
    fn the_pinned_compiler_is_taken_where_the_suite_has_it() {
        let has = ["gcc-13", "gcc-13-aarch64-linux-gnu"];
        let (cross, asked) = parts(Some("CONFIG_A=y\n"), Mode::Cross, true, &has);
        assert_eq!(asked, has);
        // Some are `Multi-Arch: foreign`, to which `:native` never applies: both forms are asked for.
        assert_eq!(cross.more, has);
        let (depends, _) = crate::build::apart::run_natively(&cross.more.join(", ")).unwrap();
        assert!(depends.ends_with(", gcc-13-aarch64-linux-gnu:native | gcc-13-aarch64-linux-gnu"), "{depends}");
        assert_eq!((cross.compiler.as_deref(), cross.variables()), (Some("gcc-13"), Vec::new()));
        let (emulated, _) = parts(Some("CONFIG_A=y\n"), Mode::Emulated, true, &has);
        assert_eq!((emulated.more, emulated.compiler.as_deref()), (vec!["gcc-13".to_owned()], Some("gcc-13")));
        let (lacking, _) = parts(Some("CONFIG_A=y\n"), Mode::Cross, true, &has[..1]);
        assert_eq!((lacking.compiler.as_deref(), lacking.lacking.as_deref()), (None, Some("gcc-13")));
        assert_eq!((lacking.more.len(), lacking.variables()), (0, vec!["gcc=gcc".to_owned()]));
        // The packaging's own suite has it, and nobody is asked.
        let (own, asked) = parts(Some("CONFIG_A=y\n"), Mode::Native, false, &[]);
        assert_eq!((own.compiler.as_deref(), asked.len()), (Some("gcc-13"), 0));
        // Where nothing is compiled there is no compiler.
        assert_eq!(parts(None, Mode::Native, true, &[]).0.compiler, None);
    }

    #[test]
    fn sources_are_listed_without_debug_information() {
        assert!(parts(Some("CONFIG_A=y\n"), Mode::Cross, false, &[]).0.lists_sources);
        assert!(!parts(Some("CONFIG_DEBUG_INFO=y\n"), Mode::Cross, false, &[]).0.lists_sources);
        let dir = tempfile::tempdir().unwrap();
        let dir = camino::Utf8Path::from_path(dir.path()).unwrap();
        fs_err::create_dir_all(dir.join("drivers/net/a")).unwrap();
        for (path, text) in [
            ("dwarfdump", STAND_IN_TEXT),
            ("drivers/net/a/x.ko", ""),
            ("drivers/net/a/x.mod", "drivers/net/a/one.o\ndrivers/net/two.o\n\n"),
            ("drivers/net/a/one.o", ""),
            ("drivers/net/two.o", ""),
            (
                "drivers/net/a/.one.o.cmd",
                "cmd_x := gcc\n\nsource_drivers/net/a/one.o := /b/linux/drivers/net/a/one.c\n",
            ),
            ("drivers/net/.two.o.cmd", "source_drivers/net/two.o := /b/linux/drivers/net/two.c\n"),
        ] {
            fs_err::write(dir.join(path), text).unwrap();
        }
        let script = dir.join("dwarfdump");
        let said =
            std::process::Command::new("sh").arg(script).args(["-i", dir.join("drivers/net/a/x.ko").as_str()]).output();
        let said = String::from_utf8(said.unwrap().stdout).unwrap();
        assert_eq!(said, "DW_AT_decl_file /b/linux/drivers/net/a/one.c\nDW_AT_decl_file /b/linux/drivers/net/two.c\n");
    }
}
