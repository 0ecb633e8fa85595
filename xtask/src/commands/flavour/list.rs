// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask flavour list`.

use anyhow::Result;

use crate::effects::Effects;
use crate::workspace::{fragment_path, Workspace};

/// # Errors
/// None of its own.
pub fn run(fx: &Effects, workspace: &Workspace) -> Result<()> {
    let mut rows = vec![["FLAVOUR", "BASE", "FRAGMENT"].map(str::to_owned).to_vec()];
    for (name, flavour) in &workspace.settings.flavours {
        rows.push(vec![name.clone(), flavour.base.clone(), fragment_path(name)]);
    }
    fx.ui.table(&rows);
    Ok(())
}
