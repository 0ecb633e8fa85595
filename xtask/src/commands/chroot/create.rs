// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask chroot create SUITE [ARCH]`.

use anyhow::Result;

use crate::arch;
use crate::build::archive::Archive;
use crate::build::chroot::Recipe;
use crate::effects::Effects;
use crate::formats::date::Snapshot;
use crate::machine;
use crate::workspace::Workspace;

/// Make a bare chroot of a suite; `build` makes its own, with the build dependencies in it
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The suite, such as focal or bookworm
    suite: String,
    /// Architecture of the chroot [default: this machine's]
    arch: Option<String>,
    /// Add a foreign architecture, as a cross chroot has
    #[arg(long, value_name = "ARCH")]
    foreign: Option<String>,
    /// With the packages of that day, from the distribution's snapshot service
    #[arg(long, value_name = "YYYY-MM-DD")]
    snapshot: Option<Snapshot>,
}

/// # Errors
/// See the README, "When it breaks".
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let own = args.arch.map_or_else(arch::build, |a| arch::find(&a))?;
    machine::require_chroot(fx, own)?;
    let foreign = args.foreign.map(|a| arch::find(&a)).transpose()?;
    let archs: Vec<_> = [Some(own), foreign].into_iter().flatten().collect();
    let archive = Archive::of(fx, &Workspace::here()?.settings, &args.suite, &archs, args.snapshot.as_ref())?;
    if let Some(chroot) = Recipe::bare(&archive, archs).make(fx)? {
        fx.ui.data(chroot.tar.as_str());
    }
    Ok(())
}
