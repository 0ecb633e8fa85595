// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask annotations …`: what Ubuntu's own tool for annotations does, with the same output for the
//! same question, and errors that name file, line and column.

mod check;
pub mod diff;
mod export;
pub mod file;
mod fmt;
mod import;
mod query;
mod update;

use anyhow::Result;
use clap::Subcommand;

use crate::effects::Effects;

/// Read, check and change Ubuntu's kernel annotations
///
/// Without `--file`, the tree's own: `config/annotations` in the folder that `debian/debian.env` names.
/// A check that fails is exit code 1, as with Ubuntu's tool; a flavour that the file does not name is an
/// error here.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask annotations export --arch arm64 --flavour tickless >.config
  cargo xtask annotations query --arch arm64 --flavour generic --config HZ
  cargo xtask annotations check --arch arm64 --flavour tickless .config")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Check(check::Args),
    Diff(diff::Args),
    Export(export::Args),
    Fmt(fmt::Args),
    Import(import::Args),
    Query(query::Args),
    Update(update::Args),
}

/// # Errors
/// See the README, "When it breaks".
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    match args.what {
        What::Check(args) => check::run(fx, args),
        What::Diff(args) => diff::run(fx, args),
        What::Export(args) => export::run(fx, args),
        What::Fmt(args) => fmt::run(fx, args),
        What::Import(args) => import::run(fx, args),
        What::Query(args) => query::run(fx, args),
        What::Update(args) => update::run(fx, args),
    }
}
