// SPDX-License-Identifier: GPL-2.0-only
//! `merge-driver`: what git calls, in any work tree, for the files that are merged by what they mean.

use anyhow::Result;
use camino::Utf8PathBuf;

use crate::effects::Effects;
use crate::fork::driver;

/// Merge one file by what it means (called by git)
#[derive(Debug, clap::Args)]
pub struct Args {
    base: Utf8PathBuf,
    ours: Utf8PathBuf,
    theirs: Utf8PathBuf,
    path: String,
}

/// # Errors
/// A conflict.
pub fn run(fx: &Effects, args: &Args) -> Result<()> {
    driver::merge(fx, &args.base, &args.ours, &args.theirs, &args.path)
}
