// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask quickstart`: from a fresh machine to a real kernel that has come up, in one command.

use std::time::Instant;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::{boot, build, fork};
use crate::arch;
use crate::effects::{repository, Effects};
use crate::fork::local::{self, Local};
use crate::fork::{branch, here};
use crate::machine::{self, Use, Wanted};
use crate::ui::seconds;
use crate::workspace::Workspace;

/// The flavour that compiles in minutes.
const FLAVOUR: &str = "slim";

/// From a fresh machine to a real kernel that has come up
///
/// Prepares the machine (asking before anything is done as root), takes the Linux source of the machine's
/// own archive, makes a fork of it, cross-builds the `slim` tickless flavour for arm64, audits the packages,
/// boots them in a virtual machine, and shows that the tick is gone.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask quickstart                              # asks before it changes the machine
  cargo xtask quickstart --mini                       # a miniature tree: a minute or two")]
pub struct Args {
    /// Do not ask before changing this machine
    #[arg(long)]
    pub yes: bool,
    /// A miniature tree in place of Linux: the same path in a minute, as far as packages
    #[arg(long)]
    pub mini: bool,
    /// Where the fork goes [default: beside this repository]
    #[arg(value_name = "DIR")]
    pub dir: Option<Utf8PathBuf>,
}

/// # Errors
/// See the README, "When it breaks".
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let start = Instant::now();
    let here = Workspace::here()?;
    let host = arch::find(&here.settings.architecture)?;
    let extra: &[&str] = if args.mini { &["python3-kconfiglib"] } else { &["linux-source"] };
    let same = arch::build()? == host;
    let mut uses = if same { vec![Use::Native] } else { vec![Use::Cross, Use::Emulated] };
    if !args.mini {
        uses.push(Use::Boot);
    }
    machine::prepare(fx, &Wanted { uses: &uses, host, packages: extra }, args.yes)?;
    let series = machine::codename()?;
    here.settings.suite(&series)?;

    let kind = if args.mini { "mini" } else { "quickstart" };
    let dir = match &args.dir {
        Some(dir) => dir.clone(),
        None => here.sibling(kind)?,
    };
    if !dir.exists() {
        let local = if args.mini { local::miniature(fx, &here.root, "HEAD")? } else { local::linux_source(fx)? };
        match local {
            Some(local) => make_fork(fx, &here, &local, &dir, &series)?,
            None => fx.ui.planned(&format!("cargo xtask fork TAG --into {dir}")),
        }
        if !dir.exists() {
            fx.ui.planned(&format!("cd {dir} && cargo xtask build {} --flavour {FLAVOUR}", host.debian));
            return Ok(());
        }
    }
    let workspace = Workspace::find(&dir)?;
    let repo = repository(&workspace.root)?;
    let history = here::history(&repo)?;
    fx.ui.note(&format!("  {dir} is a fork of {}", history.root.tag.name()));

    let request =
        build::Args { cross: !same, native: same, flavour: Some(FLAVOUR.to_owned()), ..build::Args::default() };
    let out = build::build(fx, &workspace, &request)?;
    if boot::passed_before(&out) {
        fx.ui.note(&format!("These packages have come up before: {out}/boot.html"));
    } else if !args.mini && out.is_dir() {
        boot::boot(fx, &workspace, &out, &boot::Args::default())?;
    } else if !args.mini {
        fx.ui.planned(&format!("cd {dir} && cargo xtask boot"));
    }
    fx.ui.note(&format!("\nDone in {}. What one does next:", seconds(start.elapsed())));
    next(fx, &here, &dir);
    Ok(())
}

fn make_fork(fx: &Effects, here: &Workspace, local: &Local, dir: &Utf8Path, series: &str) -> Result<()> {
    let request = fork::Args {
        tag: local.tag.name().to_owned(),
        url: Some(local.url()),
        branch: None,
        into: Some(dir.to_owned()),
        series: Some(series.to_owned()),
    };
    // Nobody has to introduce themselves to try the tool; what they commit later, git asks about as ever.
    if branch::identity(fx, &here.root).is_err() {
        fx.ui.note("  git does not know your name yet: the commits of this fork are signed `quickstart`");
        fx.sh.set_var("GIT_COMMITTER_NAME", "quickstart");
        fx.sh.set_var("GIT_COMMITTER_EMAIL", "quickstart@localhost");
    }
    fork::fork_from(fx, here, &request)
}

/// Short lines: a path alone may fill a terminal's width.
fn next(fx: &Effects, here: &Workspace, dir: &Utf8Path) {
    fx.ui.note("The same packages, made like native ones:");
    fx.ui.note(&format!("  cd {dir}"));
    fx.ui.note(&format!("  cargo xtask build --emulated --flavour {FLAVOUR}"));
    fx.ui.note("The lab's own kernel, from the vendor:");
    fx.ui.note(&format!("  cargo xtask fork {}", here.settings.tag));
}
