// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask chroot prune`: what no build has used for a while.

use anyhow::Result;

use crate::build::chroot;
use crate::effects::Effects;
use crate::ui::{bytes, count};

/// Remove the chroots that no build has used for a while
#[derive(Debug, clap::Args)]
pub struct Args {
    /// For how many days
    #[arg(long, default_value_t = 30, value_name = "N")]
    days: u64,
}

/// # Errors
/// A chroot without its record; one cannot be removed.
pub fn run(fx: &Effects, args: &Args) -> Result<()> {
    let (mut gone, mut freed) = (0, 0);
    for chroot in chroot::all(fx)?.into_iter().filter(|c| c.unused_days() >= args.days) {
        freed += fs_err::metadata(&chroot.tar).map_or(0, |m| m.len());
        gone += 1;
        fx.ui.note(&format!("  {}, last used {}", chroot.name(), chroot.last_used()));
        chroot.remove(fx)?;
    }
    fx.ui.note(&format!("{}, {}", count(gone, "chroot"), bytes(freed)));
    Ok(())
}
