// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask annotations export`: a flavour's `.config`.

use anyhow::Result;

use super::file::{symbol, Of};
use crate::effects::Effects;
use crate::formats::config::Config;

/// Print a flavour's .config
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    of: Of,
    /// This symbol alone, with or without CONFIG_
    #[arg(long, short, value_name = "SYMBOL")]
    config: Option<String>,
}

/// # Errors
/// The file cannot be read; it does not name the flavour.
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let opened = args.of.open()?;
    let mut config = opened.annotations.export(&args.of.arch, &args.of.flavour)?;
    if let Some(name) = args.config.as_deref().map(symbol) {
        let mut one = Config::default();
        if let Some(value) = config.get(name) {
            one.set(name, value.clone())?;
        }
        config = one;
    }
    if !config.is_empty() {
        fx.ui.data(config.to_text().trim_end());
    }
    Ok(())
}
