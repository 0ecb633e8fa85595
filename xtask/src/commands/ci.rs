// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask ci`: all checks of this repository, as the lab's CI and a contributor run them.

use std::time::Instant;

use anyhow::Result;
use camino::Utf8Path;
use xshell::cmd;

use crate::arch;
use crate::effects::{Effects, Run};
use crate::error::Kind;
use crate::machine;
use crate::ui::seconds;
use crate::workspace::Workspace;

/// Run all checks: format, lints, unit tests, and scenarios with real git, mmdebstrap, sbuild and qemu
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Also the long scenarios: real Linux
    #[arg(long)]
    pub full: bool,
    /// Do not ask before changing this machine
    #[arg(long, env = "CI", value_parser = clap::builder::FalseyValueParser::new())]
    pub yes: bool,
}

/// Packages that the tests need beside those that building needs.
const FOR_TESTS: &[&str] = &["python3-kconfiglib", "binutils-aarch64-linux-gnu", "qemu-system-arm"];

/// # Errors
/// A check fails.
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let start = Instant::now();
    let workspace = Workspace::here()?;
    let root = workspace.root.as_path();
    let host = arch::find(&workspace.settings.architecture)?;
    let mut extra = FOR_TESTS.to_vec();
    if args.full {
        extra.push("linux-source");
    }
    machine::prepare(fx, host, &extra, args.yes)?;

    check(fx, root, "format", &["fmt", "--all", "--check"], "cargo fmt")?;
    check(
        fx,
        root,
        "lints",
        &["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"],
        "cargo clippy",
    )?;
    let mut tests = vec!["test", "--workspace", "--no-fail-fast"];
    if args.full {
        tests.extend(["--", "--include-ignored"]);
    }
    check(fx, root, "tests", &tests, "`cargo test NAME` runs one")?;
    if fx.dry() {
        return Ok(());
    }
    if !args.full {
        fx.ui.note("Left out: the long scenarios (tests marked `ignored` above); `cargo xtask ci --full` runs them.");
    }
    fx.ui.note(&format!("All checks passed in {}.", seconds(start.elapsed())));
    Ok(())
}

fn check(fx: &Effects, root: &Utf8Path, name: &str, args: &[&str], hint: &str) -> Result<()> {
    fx.ui.note(&format!("== {name}"));
    let manifest = root.join("Cargo.toml");
    let (first, rest) = args.split_first().unwrap_or((&"", &[]));
    let cargo = cmd!(fx.sh, "cargo {first} --manifest-path {manifest} {rest...}");
    fx.change(root, Run::from(cargo).on_terminal().or(Kind::Check, hint))?;
    Ok(())
}
