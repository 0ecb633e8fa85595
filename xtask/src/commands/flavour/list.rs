// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask flavour list`.

use anyhow::Result;

use crate::effects::{repository, Effects};
use crate::flavour::existing;
use crate::fork::here;
use crate::workspace::{fragment_path, Workspace};

/// # Errors
/// The tree's packaging cannot be read.
pub fn run(fx: &Effects, workspace: &Workspace) -> Result<()> {
    let mut rows = vec![["FLAVOUR", "BASE", "FRAGMENT"].map(str::to_owned).to_vec()];
    for (name, flavour) in &workspace.settings.flavours {
        rows.push(vec![name.clone(), flavour.base.clone(), fragment_path(name)]);
    }
    let repo = repository(&workspace.root)?;
    for (name, arches) in existing::named(&repo, here::tree(&repo)?)? {
        if !workspace.settings.flavours.contains_key(&name) {
            rows.push(vec![name, "-".to_owned(), format!("none: the vendor's, for {}", arches.join(", "))]);
        }
    }
    fx.ui.table(&rows);
    Ok(())
}
