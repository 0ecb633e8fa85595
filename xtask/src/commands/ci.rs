// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask ci`: all checks of this repository, as the lab's CI and a contributor run them.

use std::time::Instant;

use anyhow::Result;
use camino::Utf8Path;
use xshell::cmd;

use crate::arch;
use crate::effects::{Did, Effects, Run};
use crate::error::Kind;
use crate::machine::tools::Tools;
use crate::machine::{self, Use, Wanted};
use crate::ui::{count, seconds};
use crate::workspace::Workspace;

/// Run all checks of this repository
///
/// Format, lints, unit tests, scenarios with real git, mmdebstrap, sbuild and qemu, the licences and sources
/// of dependencies, the pipelines in ci/. What is left out is said at the end.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask ci                       # everything but advisories and the long scenarios
  cargo xtask ci format lints unit     # a minute, and nothing of the machine is needed
  cargo xtask ci advisories            # known vulnerabilities of dependencies, from the network")]
pub struct Args {
    /// Only these [default: all but advisories]
    pub checks: Vec<Check>,
    /// Also the long scenarios: real Linux
    #[arg(long)]
    pub full: bool,
    /// Do not ask before changing this machine
    #[arg(long, env = "CI", value_parser = clap::builder::FalseyValueParser::new())]
    pub yes: bool,
}

/// The oldest Rust that this repository supports.
const OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");

/// One check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Check {
    Format,
    Lints,
    Unit,
    Scenarios,
    Dependencies,
    Pipelines,
    Advisories,
}

impl Check {
    /// The cheap ones first.
    const USUAL: &'static [Check] =
        &[Check::Format, Check::Lints, Check::Unit, Check::Pipelines, Check::Dependencies, Check::Scenarios];

    /// What the machine is wanted for.
    fn uses(self) -> &'static [Use] {
        match self {
            Check::Format | Check::Lints | Check::Unit => &[],
            Check::Pipelines | Check::Dependencies | Check::Advisories => &[Use::Checks],
            Check::Scenarios => Use::ALL,
        }
    }
}

/// # Errors
/// A check fails.
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let start = Instant::now();
    let workspace = Workspace::here()?;
    let host = arch::find(&workspace.settings.architecture)?;
    let checks = if args.checks.is_empty() { Check::USUAL } else { &args.checks };
    let uses: Vec<Use> = checks.iter().flat_map(|c| c.uses()).copied().collect();
    let packages: &[&str] = if args.full { &["linux-source"] } else { &[] };
    if !uses.is_empty() || !packages.is_empty() {
        machine::prepare(fx, &Wanted { uses: &uses, host, packages }, args.yes)?;
    }
    let mut did = Did::Done;
    for check in checks {
        did = one(fx, &workspace.root, *check, args.full)?;
    }
    if did == Did::Planned {
        return Ok(());
    }
    if !checks.contains(&Check::Advisories) {
        fx.ui.note("Left out: advisories, which need a network (`cargo xtask ci advisories`).");
    }
    if checks.contains(&Check::Scenarios) && !args.full {
        fx.ui.note("Left out: the long scenarios (tests marked `ignored` above); `cargo xtask ci --full` runs them.");
    }
    fx.ui.note(&format!("{} passed in {}.", count(checks.len(), "check"), seconds(start.elapsed())));
    Ok(())
}

fn one(fx: &Effects, root: &Utf8Path, check: Check, full: bool) -> Result<Did> {
    let test = "`cargo test NAME` runs one";
    match check {
        Check::Format => cargo(fx, root, "format", &["fmt", "--all", "--check"], "cargo fmt"),
        Check::Lints => lints(fx, root),
        Check::Unit => {
            cargo(fx, root, "unit tests", &["test", "--workspace", "--lib", "--bins", "--no-fail-fast"], test)
        }
        Check::Scenarios => {
            let mut tests = vec!["test", "--workspace", "--test", "*", "--no-fail-fast"];
            tests.extend(full.then_some(["--", "--include-ignored"]).into_iter().flatten());
            cargo(fx, root, "scenarios", &tests, test)
        }
        Check::Dependencies => deny(fx, root, "dependencies", &["licenses", "sources", "bans"]),
        Check::Advisories => deny(fx, root, "advisories", &["advisories"]),
        Check::Pipelines => pipelines(fx, root),
    }
}

/// Clippy and the compiler's own warnings. They differ between releases of Rust: each adds some and takes others back,
/// so code without warnings under one has some under the next. They are errors under the oldest supported release,
/// where they never change, and shown under any other.
fn lints(fx: &Effects, root: &Utf8Path) -> Result<Did> {
    let rustc = fx.read(cmd!(fx.sh, "rustc --version"))?.text();
    let mut args = vec!["clippy", "--workspace", "--all-targets", "--quiet"];
    let errors = is_oldest(&rustc);
    if errors {
        args.extend(["--", "-D", "warnings"]);
    }
    let did = cargo(fx, root, "lints", &args, "cargo clippy")?;
    if !errors && did == Did::Done {
        fx.ui.note(&format!("Warnings are errors under Rust {OLDEST} alone; this is {rustc}."));
    }
    Ok(did)
}

/// Is this `rustc --version` of the oldest supported release?
fn is_oldest(rustc: &str) -> bool {
    let version = rustc.split(' ').nth(1).and_then(|version| version.strip_prefix(OLDEST));
    version.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// What is taken from others, by `ci/deny.toml`.
fn deny(fx: &Effects, root: &Utf8Path, name: &str, which: &[&str]) -> Result<Did> {
    fx.ui.note(&format!("== {name}"));
    let Some(tools) = Tools::of(fx, &root.join("ci/tools.txt"))? else { return Ok(Did::Planned) };
    let (program, manifest, config) = (tools.program("cargo-deny"), root.join("Cargo.toml"), root.join("ci/deny.toml"));
    let deny =
        cmd!(fx.sh, "{program} --manifest-path {manifest} --config {config} check --hide-inclusion-graph {which...}");
    let hint = "ci/deny.toml says what is allowed; `cargo tree --invert CRATE` who wants it";
    fx.change(root, Run::from(deny).on_terminal().or(Kind::Check, hint))
}

/// The pipelines are what GitLab and GitHub understand, by the schemas that both publish.
fn pipelines(fx: &Effects, root: &Utf8Path) -> Result<Did> {
    fx.ui.note("== pipelines");
    let Some(tools) = Tools::of(fx, &root.join("ci/tools.txt"))? else { return Ok(Did::Planned) };
    let mut did = Did::Done;
    for (file, schema) in [
        ("ci/gitlab-ci.yml", &["vendor.gitlab-ci", "--data-transform", "gitlab-ci"][..]),
        (".github/workflows/checks.yml", &["vendor.github-workflows"]),
    ] {
        let file = root.join(file);
        let check = cmd!(fx.sh, "python3 -m check_jsonschema --builtin-schema {schema...} {file}")
            .env("PYTHONPATH", tools.modules());
        did =
            fx.change(root, Run::from(check).on_terminal().or(Kind::Check, "the place in the file is named above"))?;
    }
    Ok(did)
}

fn cargo(fx: &Effects, root: &Utf8Path, name: &str, args: &[&str], hint: &str) -> Result<Did> {
    fx.ui.note(&format!("== {name}"));
    let manifest = root.join("Cargo.toml");
    let (first, rest) = args.split_first().unwrap_or((&"", &[]));
    let cargo = cmd!(fx.sh, "cargo {first} --manifest-path {manifest} {rest...}");
    fx.change(root, Run::from(cargo).on_terminal().or(Kind::Check, hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_release_is_told_from_others() {
        for (rustc, oldest) in [
            (format!("rustc {OLDEST}.1 (4eb161250 2025-03-15)"), true),
            (format!("rustc {OLDEST}.0 (a1b2c3d4e 2025-02-17) (built from a source tarball)"), true),
            (format!("rustc {OLDEST}0.0 (a1b2c3d4e 2035-02-17)"), false),
            ("rustc 1.96.0-nightly (a1b2c3d4e 2026-05-01)".to_owned(), false),
            ("rustc".to_owned(), false),
        ] {
            assert_eq!(is_oldest(&rustc), oldest, "{rustc}");
        }
    }
}
