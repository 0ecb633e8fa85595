// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask farm`: the machines that compile for `build --farm`.

mod check;
mod connection;
mod serve;

use anyhow::Result;
use clap::Subcommand;

use crate::effects::Effects;

/// Start and check machines that compile for `build --farm`
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask farm serve --allow 192.168.1.0/24       # on each machine that helps
  cargo xtask farm check big1/16,big2/16              # do they fit?
  cargo xtask build --farm big1/16,big2/16")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Serve(serve::Args),
    Check(check::Args),
    #[command(hide = true)]
    Connection(connection::Args),
}

/// # Errors
/// See the README, "When it breaks".
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    match args.what {
        What::Serve(args) => serve::run(fx, args),
        What::Check(args) => check::run(fx, &args),
        What::Connection(args) => connection::run(fx, &args),
    }
}
