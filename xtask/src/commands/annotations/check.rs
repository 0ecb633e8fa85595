// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask annotations check`: is a `.config` what the annotations say?

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::file::{config, Of};
use crate::effects::Effects;

/// Is a .config what the annotations say? Exit code 1 and the symbols if not
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    of: Of,
    /// The .config
    #[arg(value_name = "CONFIG")]
    config: Utf8PathBuf,
}

/// Prints what Ubuntu's tool prints (do_check, kconfig/run.py of 5.4.0-200.220), to the last bracket.
///
/// # Errors
/// The file cannot be read; it does not name the flavour; the `.config` is otherwise.
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let opened = args.of.open()?;
    let config = config(&args.config)?;
    fx.ui.data(&format!("check-config: loading annotations from {}", opened.name));
    let mismatches = opened.annotations.check(&config, &args.of.arch, &args.of.flavour)?;
    for mismatch in &mismatches {
        let policy = opened.annotations.policy(&mismatch.symbol);
        let policy = policy.map_or_else(|| "undefined".to_owned(), |dict| format!("policy<{dict}>"));
        let [expected, actual] = [&mismatch.expected, &mismatch.actual].map(|v| v.as_deref().unwrap_or("-"));
        fx.ui.data(&format!("check-config: CONFIG_{} changed from {expected} to {actual}: {policy})", mismatch.symbol));
    }
    let count = mismatches.len();
    if count == 0 {
        fx.ui.data("check-config: all good");
        return Ok(());
    }
    let how =
        if Utf8Path::new(".git").exists() { "have been changed, review them with `git diff`" } else { "have changed" };
    fx.ui.data(&format!("check-config: {count} config options {how}"));
    fail!(Check, "{} is not what {} says of {}-{}: {count} symbols", args.config, opened.name, args.of.arch, args.of.flavour;
        "`cargo xtask annotations import` would take it in; of a flavour of the settings, change the fragment instead");
}
