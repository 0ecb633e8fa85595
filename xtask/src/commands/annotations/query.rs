// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask annotations query`: what the file says, as JSON.

use anyhow::Result;

use super::file::{symbol, Which};
use crate::effects::Effects;

/// Print what the file says, as JSON: all of it, a flavour's values, or one symbol
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: Which,
    /// Debian's name of the architecture
    #[arg(long, short)]
    arch: Option<String>,
    /// Without it, generic, or the architecture's own values where there is none
    #[arg(long, short = 'l', requires = "arch")]
    flavour: Option<String>,
    /// This symbol alone, with or without CONFIG_
    #[arg(long, short, value_name = "SYMBOL")]
    config: Option<String>,
}

/// # Errors
/// The file cannot be read; it does not name the flavour.
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let opened = args.which.open()?;
    let annotations = &opened.annotations;
    let name = args.config.as_deref().map(symbol);
    let json = match (args.arch.as_deref(), name) {
        (Some(arch), _) => {
            let flavour = args.flavour.as_deref();
            opened.names(arch, flavour)?;
            annotations.query_flavour(arch, flavour, name)?
        }
        (None, Some(name)) => annotations.query_symbol(name),
        (None, None) => annotations.query(),
    };
    fx.ui.data(&json);
    Ok(())
}
