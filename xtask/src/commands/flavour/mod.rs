// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask flavour …`: the flavours of the settings, one file for each thing that is done with them.

mod diff;
mod edit;
mod list;
mod new;
pub mod regen;
mod remove;
mod show;

use anyhow::Result;
use clap::Subcommand;

use crate::effects::Effects;
use crate::workspace::Workspace;

/// Flavours: list, add, edit, show, compare and remove them; make their generated commit, check that it is right
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask flavour new fast --base generic --set HZ_1000=y
  cargo xtask flavour new lab3 --from-host lab3       # like the kernel that lab3 runs, with the modules that it loads
  cargo xtask flavour edit fast                       # in the kernel's own menus
  cargo xtask flavour regen                           # after a change was committed
  cargo xtask flavour diff generic fast
  cargo xtask flavour diff fast --with-host lab3      # where the kernel that lab3 runs is another")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the flavours of the settings, and the vendor's with their architectures
    List,
    New(new::Args),
    Show(show::Args),
    Edit(edit::Args),
    Diff(diff::Args),
    Remove(remove::Args),
    Regen(regen::Args),
    /// Is the generated commit what `regen` would make? Exit code 1 and the files if not
    Check,
}

/// # Errors
/// See the README, "When it breaks".
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let workspace = Workspace::here()?;
    match args.what {
        What::List => list::run(fx, &workspace),
        What::New(args) => new::run(fx, &workspace, args),
        What::Show(args) => show::run(fx, &workspace, args),
        What::Edit(args) => edit::run(fx, &workspace, args),
        What::Diff(args) => diff::run(fx, &workspace, args),
        What::Remove(args) => remove::run(fx, &workspace, args),
        What::Regen(args) => regen::run(fx, &workspace, &args),
        What::Check => regen::check(fx, &workspace),
    }
}
