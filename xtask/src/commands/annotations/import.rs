// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask annotations import`: a whole `.config` becomes what the annotations say of a flavour.

use anyhow::Result;
use camino::Utf8PathBuf;

use super::file::{config, Form, Which};
use crate::effects::{Did, Effects};

/// Take in a whole .config for a flavour: what it does not mention is absent
///
/// Symbols that tell which compiler happened to be there (GCC_VERSION and its kind) are left as they are.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: Which,
    /// Debian's name of the architecture
    #[arg(long, short)]
    arch: String,
    /// The flavour, without its architecture
    #[arg(long, short = 'l')]
    flavour: String,
    #[command(flatten)]
    form: Form,
    /// The .config
    #[arg(value_name = "CONFIG")]
    config: Utf8PathBuf,
}

/// # Errors
/// A file cannot be read; the annotations do not name the flavour; they cannot hold a value.
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let mut opened = args.which.open()?;
    opened.names(&args.arch, Some(&args.flavour))?;
    let config = config(&args.config)?;
    let stale = opened.annotations.import(&config, &args.arch, &args.flavour)?;
    let text = opened.form(&args.form);
    if opened.save(fx, &text)? == Did::Done {
        super::update::warn(fx, &stale);
    }
    Ok(())
}
