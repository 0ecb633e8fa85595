// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask annotations update`: the symbols that a file mentions, and no others.

use anyhow::Result;
use camino::Utf8PathBuf;

use super::file::{config, Form, Which};
use crate::effects::{Did, Effects};

/// Take in the symbols that a file mentions, and leave the others as they are
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: Which,
    /// Debian's name of the architecture
    #[arg(long, short)]
    arch: String,
    /// Without it, the architecture's own values are set
    #[arg(long, short = 'l')]
    flavour: Option<String>,
    #[command(flatten)]
    form: Form,
    /// A fragment, or a .config
    #[arg(value_name = "CONFIG")]
    config: Utf8PathBuf,
}

/// # Errors
/// A file cannot be read; the annotations do not name the flavour; they cannot hold a value.
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let mut opened = args.which.open()?;
    opened.names(&args.arch, args.flavour.as_deref())?;
    let config = config(&args.config)?;
    let stale = opened.annotations.update(&config, &args.arch, args.flavour.as_deref())?;
    let text = opened.form(&args.form);
    if opened.save(fx, &text)? == Did::Done {
        warn(fx, &stale);
    }
    Ok(())
}

/// Says whose notes are about values that are no longer there.
pub fn warn(fx: &Effects, stale: &[String]) {
    for symbol in stale {
        fx.ui.warn(&format!("CONFIG_{symbol} has another value now and a note that was written for the old one"));
    }
}
