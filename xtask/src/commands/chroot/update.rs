// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask chroot update [NAME…]`: the same chroots with the packages that their suites have now.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::build::archive::Archive;
use crate::build::chroot::{self, Recipe};
use crate::effects::Effects;
use crate::machine;
use crate::workspace::Workspace;

/// Make chroots anew, with the packages that their suites have now
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which ones, as `chroot list` names them [default: all]
    names: Vec<String>,
}

/// # Errors
/// See the README, "When it breaks". A chroot that cannot be made anew stays as it is.
pub fn run(fx: &Effects, args: &Args) -> Result<()> {
    let settings = Workspace::here()?.settings;
    let chroots = if args.names.is_empty() { chroot::all(fx)? } else { super::named(fx, &args.names)? };
    let mut made = BTreeSet::new();
    for old in chroots {
        if let Some(date) = &old.record.snapshot {
            fx.ui.note(&format!("  {} stays: it is that of {date}", old.name()));
            continue;
        }
        let archive = Archive::recorded(&settings, &old.record)?;
        let recipe = Recipe::recorded(&archive, &old)?;
        machine::require_chroot(fx, recipe.archs[0])?;
        // The way that chroots are made may have changed, and with it the name.
        let name = recipe.name()?;
        if made.insert(name.clone()) {
            recipe.make_anew(fx)?;
        }
        if name != old.name() {
            old.remove(fx)?;
        }
    }
    Ok(())
}
