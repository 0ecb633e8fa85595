// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask flavour diff`: two flavours' configurations, side by side.

use anyhow::Result;

use crate::arch;
use crate::commands::annotations::diff::side_by_side;
use crate::deploy::{Running, Target};
use crate::effects::{repository, Effects};
use crate::flavour::{existing, news};
use crate::fork::here;
use crate::formats::config::Config;
use crate::workspace::Workspace;

/// Show the symbols in which two flavours differ, the vendor's among them, as they are committed
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A flavour, of the settings or the vendor's
    a: String,
    /// Another one
    #[arg(required_unless_present = "with_host")]
    b: Option<String>,
    /// In its place the kernel that this machine runs, asked over ssh
    #[arg(long, value_name = "HOST", conflicts_with = "b")]
    with_host: Option<String>,
    /// Debian's name [default: that of the machine with --with-host, else the settings']
    #[arg(long)]
    arch: Option<String>,
}

/// # Errors
/// There is no such flavour for the architecture.
pub fn run(fx: &Effects, workspace: &Workspace, args: Args) -> Result<()> {
    let running = args.with_host.as_deref().map(|host| Running::of(&Target::new(fx, host)?)).transpose()?;
    let default = running.as_ref().map_or(&workspace.settings.architecture, |r| &r.architecture);
    let arch = arch::find(args.arch.as_ref().unwrap_or(default))?;
    if let Some(running) = running.as_ref().filter(|r| r.architecture != arch.debian) {
        fail!(Input, "the kernel {} is of {}, not of {}", running.release, running.architecture, arch.debian);
    }
    let repo = repository(&workspace.root)?;
    let tree = here::tree(&repo)?;
    let config = |flavour: &str| existing::config(&repo, tree, arch.debian, flavour);
    let a = config(&args.a)?;
    let (name, b) = match (&running, &args.b) {
        (Some(running), _) => (&running.release, Config::parse(&running.config)?),
        (None, Some(b)) => (b, config(b)?),
        (None, None) => return Ok(()), // clap asks for one of them
    };
    side_by_side(fx, (&args.a, &a), (name, &b), Some(&news::symbols(&repo, tree, arch)));
    Ok(())
}
