// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask chroot`: the chroots that builds run in.

mod create;
mod list;
mod prune;
mod remove;
mod shell;
mod update;

use anyhow::Result;
use clap::Subcommand;

use crate::build::chroot::{self, Chroot};
use crate::effects::Effects;

/// Make, list, update, enter and remove the chroots that builds run in
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask chroot list
  cargo xtask chroot create bookworm arm64
  cargo xtask chroot shell NAME gcc --version         # in a copy that is gone afterwards")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Create(create::Args),
    /// List the chroots
    List,
    Update(update::Args),
    Shell(shell::Args),
    Prune(prune::Args),
    /// Remove chroots by name; without a name, list what could go
    Remove {
        /// As `chroot list` shows them
        names: Vec<String>,
    },
}

/// # Errors
/// See the README, "When it breaks".
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    match args.what {
        What::Create(args) => create::run(fx, args),
        What::List => list::run(fx),
        What::Update(args) => update::run(fx, &args),
        What::Shell(args) => shell::run(fx, &args),
        What::Prune(args) => prune::run(fx, &args),
        What::Remove { names } if names.is_empty() => list::run(fx),
        What::Remove { names } => remove::run(fx, &names),
    }
}

/// The chroots of those names.
fn named(fx: &Effects, names: &[String]) -> Result<Vec<Chroot>> {
    let mut all = chroot::all(fx)?;
    let mut found = Vec::new();
    for name in names {
        let Some(at) = all.iter().position(|c| c.name() == name) else {
            fail!(Input, "there is no chroot `{name}`"; "`cargo xtask chroot list` names them");
        };
        found.push(all.swap_remove(at));
    }
    Ok(found)
}
