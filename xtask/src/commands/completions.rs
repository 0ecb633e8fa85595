// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask completions bash`.

use anyhow::Result;
use clap::CommandFactory;

use super::Cli;
use crate::effects::Effects;

/// The completion function's name for the program.
const NAME: &str = "xtask";

/// `cargo` completes by a function already; this one is asked first, and hands on what is not ours.
const FOR_CARGO: &str = include_str!("completions.bash");

/// Print what makes the shell complete `cargo xtask`
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  source <(cargo xtask completions bash)
  cargo xtask completions bash > ~/.local/share/bash-completion/completions/cargo-xtask")]
pub struct Args {
    /// The shell
    pub shell: Shell,
}

/// The shells there are completions for.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Shell {
    Bash,
}

/// # Errors
/// None that one would see.
pub fn run(fx: &Effects, args: &Args) -> Result<()> {
    let Shell::Bash = args.shell;
    let mut text = Vec::new();
    let mut cli = Cli::command().name(NAME).bin_name(NAME);
    clap_complete::generate(clap_complete::shells::Bash, &mut cli, NAME, &mut text);
    fx.ui.data(&format!("{}\n{}", String::from_utf8_lossy(&text), FOR_CARGO.trim_end()));
    Ok(())
}
