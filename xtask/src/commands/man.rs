// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask man DIR`: a man page for each command.

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use clap::{Command, CommandFactory};

use super::Cli;
use crate::effects::{Did, Effects};
use crate::ui::count;

/// Write a man page for each command
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  cargo xtask man ~/.local/share/man/man1 && man cargo-xtask-build")]
pub struct Args {
    /// The directory that they go to
    #[arg(value_name = "DIR")]
    pub dir: Utf8PathBuf,
}

/// # Errors
/// The directory cannot be written.
pub fn run(fx: &Effects, args: &Args) -> Result<()> {
    let dir = Utf8PathBuf::try_from(std::path::absolute(&args.dir)?)?;
    if fx.create_dir(&dir)? == Did::Planned {
        fx.ui.planned(&format!("# a page for each command in {dir}"));
        return Ok(());
    }
    let pages = pages(fx, &dir, Cli::command().version(None::<&str>), "cargo-xtask")?;
    fx.ui.note(&format!("{} in {dir}", count(pages, "man page")));
    Ok(())
}

/// Writes the page of a command and of those below it; how many.
fn pages(fx: &Effects, dir: &Utf8Path, command: Command, name: &str) -> Result<usize> {
    let mut count = 1;
    for below in command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help") {
        count += pages(fx, dir, below.clone(), &format!("{name}-{}", below.get_name()))?;
    }
    let mut text = Vec::new();
    let owned: &'static str = Box::leak(name.to_owned().into_boxed_str());
    let said = name.replacen("cargo-xtask", "cargo xtask", 1).replace("xtask-", "xtask ");
    clap_mangen::Man::new(command.name(owned).bin_name(said))
        .date("")
        .render(&mut text)
        .context("a page cannot be made")?;
    fx.write(dir.join(format!("{name}.1")), text)?;
    Ok(count)
}
