// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask chroot shell NAME [COMMAND…]`: a look inside.

use std::io::IsTerminal;

use anyhow::Result;

use crate::effects::{Effects, Run};
use crate::error::Kind;
use crate::machine;
use crate::sandbox::Sandbox;

/// A shell on a terminal of its own, since the sandbox does not control the user's: job control works, and nothing
/// can be typed into the shell outside.
const ON_OWN_TERMINAL: &[&str] = &["script", "--quiet", "--return", "--command", "bash", "/dev/null"];

/// Run a shell, or a command, in a copy of a chroot that is gone afterwards
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which one, as `chroot list` names it
    name: String,
    /// With this machine's network, and so with every service that listens on it
    #[arg(long)]
    network: bool,
    /// The command [default: a shell]
    #[arg(trailing_var_arg = true)]
    command: Vec<String>,
}

/// # Errors
/// There is no such chroot; the command ends with another status than 0.
pub fn run(fx: &Effects, args: &Args) -> Result<()> {
    let chroot = super::named(fx, std::slice::from_ref(&args.name))?.remove(0);
    machine::require_chroot(fx, chroot.own()?)?;
    chroot.check(fx)?;
    let step = fx.ui.step("unpack the chroot");
    let root = chroot.unpack(fx)?;
    step.done("");
    let mut sandbox = Sandbox::writable_chroot(&root).user(0).on_terminal().env("HOME", "/root");
    if args.network {
        sandbox = sandbox.network();
    }
    let command: Vec<&str> = match args.command.as_slice() {
        [] if std::io::stdin().is_terminal() => ON_OWN_TERMINAL.to_vec(),
        [] => vec!["bash"],
        command => command.iter().map(String::as_str).collect(),
    };
    let run = sandbox.run(&fx.sh, command);
    // What the command says is its own affair, and data for whoever called.
    fx.change("/", Run::from(run).on_terminal().or(Kind::Check, "the command in the chroot said so"))?;
    Ok(())
}
