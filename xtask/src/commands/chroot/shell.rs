// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask chroot shell NAME [COMMAND…]`: a look inside.

use anyhow::Result;
use xshell::cmd;

use crate::effects::{Effects, Run};
use crate::error::Kind;
use crate::machine;
use crate::sandbox::{self, Let};

/// Run a shell, or a command, in a copy of a chroot that is gone afterwards
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which one, as `chroot list` names it
    name: String,
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
    let root = fx.scratch("shell", None)?;
    let step = fx.ui.step("unpack the chroot");
    chroot.unpack(fx, root.path())?;
    step.done("");
    let mut sandbox = sandbox::arguments(root.path(), &[Let::Network, Let::Write, Let::Root]);
    sandbox.extend(
        ["--ro-bind-try", "/etc/resolv.conf", "/etc/resolv.conf", "--setenv", "HOME", "/root"].map(str::to_owned),
    );
    sandbox.extend(["--setenv", "TERM", "linux"].map(str::to_owned));
    let shell = ["bash".to_owned()];
    let command = if args.command.is_empty() { &shell[..] } else { &args.command[..] };
    let run = cmd!(fx.sh, "bwrap {sandbox...} -- {command...}");
    // What the command says is its own affair, and data for whoever called.
    fx.change("/", Run::from(run).on_terminal().or(Kind::Check, "the command in the chroot said so"))?;
    Ok(())
}
