// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask annotations diff`: two flavours of one file, side by side.

use anyhow::Result;

use super::file::{Opened, Which};
use crate::effects::Effects;
use crate::flavour::symbols::Symbols;
use crate::formats::config::{Config, Value};

/// Show the symbols in which two flavours of the file differ
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: Which,
    /// The architecture of flavours that are named without one
    #[arg(long, short)]
    arch: Option<String>,
    /// ARCH-FLAVOUR, or FLAVOUR with `--arch`
    a: String,
    /// The other one
    b: String,
}

/// # Errors
/// The file cannot be read; it does not name a flavour.
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let opened = args.which.open()?;
    let arch = args.arch.as_deref();
    let (a, b) = (export(&opened, arch, &args.a)?, export(&opened, arch, &args.b)?);
    side_by_side(fx, (&args.a, &a), (&args.b, &b), None);
    Ok(())
}

fn export(opened: &Opened, arch: Option<&str>, name: &str) -> Result<Config> {
    let (arch, flavour) = match arch {
        Some(arch) if !opened.annotations.flavours().iter().any(|known| known == name) => (arch, name),
        _ => name.split_once('-').unwrap_or((name, "generic")),
    };
    opened.names(arch, Some(flavour))?;
    Ok(opened.annotations.export(arch, flavour)?)
}

/// A row for each symbol that differs, `-` for one that a configuration does not mention, with the symbol's prompt
/// where the tree's `symbols` are known.
pub fn side_by_side(
    fx: &Effects,
    (a_name, a): (&str, &Config),
    (b_name, b): (&str, &Config),
    symbols: Option<&Symbols>,
) {
    let differences = a.diff(b);
    if differences.is_empty() {
        fx.ui.note(&format!("{a_name} and {b_name} have the same values."));
        return;
    }
    let shown = |value: &Option<Value>| value.as_ref().map_or("-", Value::as_str).to_owned();
    let mut rows = vec![vec!["SYMBOL".to_owned(), a_name.to_owned(), b_name.to_owned()]];
    rows[0].extend(symbols.map(|_| "PROMPT".to_owned()));
    rows.extend(differences.iter().map(|(symbol, here, there)| {
        let mut row = vec![symbol.clone(), shown(here), shown(there)];
        row.extend(symbols.map(|symbols| symbols.prompt(symbol).to_owned()));
        row
    }));
    fx.ui.table(&rows);
}
