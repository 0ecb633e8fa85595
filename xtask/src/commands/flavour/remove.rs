// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask flavour remove`: a flavour's files and its line go.

use anyhow::Result;

use crate::commands::annotations::file::read;
use crate::effects::{repository, Did, Effects};
use crate::flavour::existing;
use crate::fork::here;
use crate::settings;
use crate::workspace::{fragment_path, vars_path, Workspace, SETTINGS};

/// Remove a flavour: its metadata, its fragment, its line in the settings
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A flavour of the settings
    name: String,
}

/// # Errors
/// There is no such flavour, or no other; its files have changes that are not committed.
pub fn run(fx: &Effects, workspace: &Workspace, args: Args) -> Result<()> {
    let name = args.name.as_str();
    workspace.settings.flavour(name)?;
    if workspace.settings.flavours.len() == 1 {
        fail!(Input, "`{name}` is the only flavour"; "`cargo xtask flavour new` adds another first");
    }
    let repo = repository(&workspace.root)?;
    let tree = here::tree(&repo)?;
    let (vars, fragment) = (vars_path(name), fragment_path(name));
    let status = fx.git(&workspace.root).args(["status", "--porcelain", "--ignored", "--", &vars, &fragment]);
    if !fx.read(status)?.stdout.is_empty() {
        fail!(Repository, "{vars} or {fragment} is not committed as it is, and would be lost"; "commit it first");
    }
    let file = workspace.root.join(SETTINGS);
    let settings = settings::without_flavour(&read(&file)?, name)?;
    // First: without this line the flavour is gone.
    let did = fx.write(&file, settings)?;
    fx.remove(workspace.root.join(&vars))?;
    fx.remove(workspace.root.join(&fragment))?;
    if did == Did::Done {
        fx.ui.note(&format!("Flavour {name} is gone. Next:"));
        fx.ui.note(&format!("  git commit --message '{name}: no longer a flavour' -- {SETTINGS} {vars} {fragment}"));
        fx.ui.note(&format!("  {}", existing::next(&repo, tree)?));
    }
    Ok(())
}
