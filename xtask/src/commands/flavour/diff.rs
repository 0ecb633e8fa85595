// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask flavour diff`: two flavours' configurations, side by side.

use anyhow::Result;

use crate::arch;
use crate::commands::annotations::diff::side_by_side;
use crate::effects::{repository, Effects};
use crate::flavour::{existing, news};
use crate::fork::here;
use crate::workspace::Workspace;

/// Show the symbols in which two flavours differ, the vendor's among them, as they are committed
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A flavour, of the settings or the vendor's
    a: String,
    /// Another one
    b: String,
    /// Debian's name; without it, the settings' architecture
    #[arg(long)]
    arch: Option<String>,
}

/// # Errors
/// There is no such flavour for the architecture.
pub fn run(fx: &Effects, workspace: &Workspace, args: Args) -> Result<()> {
    let arch = arch::find(args.arch.as_deref().unwrap_or(&workspace.settings.architecture))?;
    let repo = repository(&workspace.root)?;
    let tree = here::tree(&repo)?;
    let config = |flavour: &str| existing::config(&repo, tree, arch.debian, flavour);
    let (a, b) = (config(&args.a)?, config(&args.b)?);
    side_by_side(fx, (&args.a, &a), (&args.b, &b), Some(&news::symbols(&repo, tree, arch)));
    Ok(())
}
