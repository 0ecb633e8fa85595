// SPDX-License-Identifier: GPL-2.0-only
//! `farm connection`: what `farm serve` and systemd start for each connection.

use anyhow::Result;
use camino::Utf8PathBuf;

use crate::arch;
use crate::build::farm::connection;
use crate::build::farm::network::Network;
use crate::effects::Effects;
use crate::sandbox::Unpacked;

/// Serve the connection on standard input (called by `farm serve` and systemd)
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Architecture to compile for
    #[arg(long)]
    arch: String,
    /// The unpacked chroot
    #[arg(long)]
    chroot: Utf8PathBuf,
    /// A network that may ask
    #[arg(long, value_name = "NETWORK")]
    allow: Vec<Network>,
}

/// # Errors
/// As [`connection::serve`].
pub fn run(fx: &Effects, args: &Args) -> Result<()> {
    connection::serve(fx, &Unpacked::at(&args.chroot)?, arch::find(&args.arch)?, &args.allow)
}
