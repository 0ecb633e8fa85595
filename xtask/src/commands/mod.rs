// SPDX-License-Identifier: GPL-2.0-only
//! One file per subcommand: its arguments, its steps in order, its report.

mod adopt;
mod annotations;
pub mod audit;
pub mod boot;
pub mod build;
mod chroot;
mod ci;
mod compare;
mod completions;
mod deploy;
mod doctor;
mod farm;
mod flavour;
mod follow;
mod fork;
mod graft_history;
mod isolate;
mod man;
mod merge_driver;
mod publish;
mod quickstart;
mod rebase;
mod replaced;
mod resume;
mod status;
mod tags;
mod upgrade;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::effects::Effects;
use crate::error::{Failure, Kind};
use crate::formats::tag::Tag;

/// A kernel fork that carries its own workflow.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, max_term_width = 100)]
pub struct Cli {
    /// Say what would be done, as shell lines, and change nothing
    #[arg(long, global = true)]
    pub dry_run: bool,
    /// Show every command that is run
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// Without one: where you stand, and the likely next command.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    Adopt(adopt::Args),
    Audit(audit::Args),
    Annotations(annotations::Args),
    Boot(boot::Args),
    Build(build::Args),
    Chroot(chroot::Args),
    Ci(ci::Args),
    Compare(compare::Args),
    Completions(completions::Args),
    Deploy(deploy::Args),
    Doctor(doctor::Args),
    Farm(farm::Args),
    Flavour(flavour::Args),
    Follow(follow::Args),
    Fork(fork::Args),
    GraftHistory(graft_history::Args),
    Isolate(isolate::Args),
    Man(man::Args),
    #[command(hide = true)]
    MergeDriver(merge_driver::Args),
    Publish(publish::Args),
    Quickstart(quickstart::Args),
    Rebase(rebase::Args),
    Tags(tags::Args),
    Upgrade(upgrade::Args),
}

impl Cli {
    /// Runs the subcommand, or says where one stands.
    ///
    /// # Errors
    /// Whatever goes wrong in it.
    pub fn run(self, fx: &Effects) -> Result<()> {
        refuse_empty(std::env::args().skip(1))?;
        self.command.map_or_else(|| status::run(fx), |command| command.run(fx))
    }
}

/// The vendor tag that the user names.
///
/// # Errors
/// It is none; a name that was meant is a hint.
fn vendor_tag(text: &str) -> Result<Tag> {
    Tag::parse(text).map_err(|error| {
        let meant = ["Ubuntu-", "v", "debian/"].map(|kind| format!("{kind}{text}"));
        let meant = meant.iter().find(|name| Tag::parse(name).is_ok());
        let hint = meant.map(|name| format!("did you mean `{name}`?"));
        let hint = hint.unwrap_or("`cargo xtask tags` lists the releases of the fork's series".to_owned());
        Failure::new(Kind::Input, error.to_string()).hint(hint).into()
    })
}

/// Makes sure that no option has an empty value, which is an unset variable in a script: it means neither the
/// default nor anything else. What is behind `--` is for another program.
///
/// # Errors
/// One is empty.
fn refuse_empty(args: impl Iterator<Item = String>) -> Result<()> {
    let mut before = String::new();
    for arg in args.take_while(|arg| arg != "--") {
        let of = if arg.is_empty() { before.as_str() } else { arg.strip_suffix('=').unwrap_or_default() };
        if of.starts_with("--") {
            fail!(Input, "`{of}` is empty"; "give a value, or leave the option out");
        }
        before = arg;
    }
    Ok(())
}

impl Command {
    /// Runs the subcommand.
    ///
    /// # Errors
    /// Whatever goes wrong in it.
    pub fn run(self, fx: &Effects) -> Result<()> {
        match self {
            Command::Adopt(args) => adopt::run(fx, args),
            Command::Audit(args) => audit::run(fx, args),
            Command::Annotations(args) => annotations::run(fx, args),
            Command::Boot(args) => boot::run(fx, args),
            Command::Build(args) => build::run(fx, args),
            Command::Chroot(args) => chroot::run(fx, args),
            Command::Ci(args) => ci::run(fx, args),
            Command::Compare(args) => compare::run(fx, args),
            Command::Completions(args) => completions::run(fx, &args),
            Command::Deploy(args) => deploy::run(fx, args),
            Command::Doctor(args) => doctor::run(fx, args),
            Command::Farm(args) => farm::run(fx, args),
            Command::Flavour(args) => flavour::run(fx, args),
            Command::Follow(args) => follow::run(fx, args),
            Command::Fork(args) => fork::run(fx, args),
            Command::GraftHistory(args) => graft_history::run(fx, args),
            Command::Isolate(args) => isolate::run(fx, args),
            Command::Man(args) => man::run(fx, &args),
            Command::MergeDriver(args) => merge_driver::run(fx, &args),
            Command::Publish(args) => publish::run(fx, args),
            Command::Quickstart(args) => quickstart::run(fx, args),
            Command::Rebase(args) => rebase::run(fx, args),
            Command::Tags(args) => tags::run(fx, args),
            Command::Upgrade(args) => upgrade::run(fx, args),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::refuse_empty;

    #[test]
    fn empty_values() {
        let empty = |args: &[&str]| refuse_empty(args.iter().map(|a| (*a).to_owned())).is_err();
        for bad in [&["build", "--out", ""][..], &["build", "--out="], &["fork", "v6.1", "--into", ""]] {
            assert!(empty(bad), "{bad:?}");
        }
        for good in [&["fork", ""][..], &["build", "--out", "x"], &["chroot", "shell", "x", "--", "--a", ""]] {
            assert!(!empty(good), "{good:?}");
        }
    }
}
