// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask deploy HOST [SET]`: a package set is installed on a machine, and booted once.

use std::time::Duration;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::audit;
use crate::build::metadata;
use crate::deploy::{Facts, Target};
use crate::effects::{Did, Effects};
use crate::packages::built;
use crate::packages::identity::Identity;
use crate::packages::set::Set;
use crate::ui::bytes;
use crate::workspace::Workspace;

/// What of a set a machine boots from; headers and the like stay here.
const BOOTED: &[&str] = &["linux-image-", "linux-modules-"];
/// Its initial RAM disk is made there, twice for a moment.
const INITRD: u64 = 200_000_000;

/// Install a package set on a machine, over ssh
///
/// The kernel is booted once: should it not come up, the machine's next boot is the kernel of before. With
/// --reboot it is booted now, and stays when it has come up.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask deploy lab3                      # the set built last; boots it the next time
  cargo xtask deploy root@lab3 --reboot
  cargo xtask deploy lab3 --rollback --reboot  # back to the kernel of before")]
pub struct Args {
    /// The machine, as ssh knows it
    pub host: String,
    /// A directory of packages, as `build` makes them [default: the set built last]
    #[arg(conflicts_with = "rollback")]
    pub set: Option<Utf8PathBuf>,
    /// Reboot it now, and see which kernel comes up
    #[arg(long)]
    pub reboot: bool,
    /// Make the kernel of before the last deployment the one that is booted
    #[arg(long)]
    pub rollback: bool,
    /// How long to wait for it after a reboot, in seconds
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    pub wait: u64,
}

/// # Errors
/// See the README, "When it breaks".
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let workspace = Workspace::here()?;
    let target = Target::new(fx, &args.host)?;
    if args.rollback {
        return rollback(fx, &target, &args);
    }
    let dir = match &args.set {
        Some(dir) => dir.clone(),
        None => built::newest(&workspace)?,
    };
    if !dir.is_dir() {
        fail!(Input, "there is no directory `{dir}`"; "name a directory of packages that `cargo xtask build` made");
    }
    let Some(of) = metadata::read(&dir) else {
        fail!(Input, "`{dir}` has no record of a finished build"; "`cargo xtask build` makes a directory that has");
    };
    let set = audit::passes(fx, &workspace, &dir, of.clone())?;
    let new = Identity::of(&set)?.release.uname();
    let (packages, needs) = what(&dir, &set)?;

    let facts = target.look()?;
    fits(&args.host, &facts, &of.architecture, &needs)?;
    if facts.running == new {
        fx.ui.note(&format!(
            "     {} runs a {new} already: it is replaced, and there is no other to fall back to",
            args.host
        ));
    }
    if target.install(&packages, &new, &facts.running)? == Did::Planned {
        if args.reboot {
            target.reboot(&facts, Duration::ZERO)?;
        }
        return Ok(());
    }
    if !args.reboot {
        fx.ui.note(&format!("{}: the next boot is {new}, the one after that {} again.", args.host, facts.running));
        fx.ui.note(&format!("`cargo xtask deploy {} --reboot` boots it now and keeps it if it comes up.", args.host));
        return Ok(());
    }
    let Some(up) = target.reboot(&facts, Duration::from_secs(args.wait))? else { return Ok(()) };
    if up.running != new {
        fail!(Check, "{} has come back with {}: {new} did not come up", args.host, up.running;
            "its console or `journalctl --list-boots` may say why; nothing has to be rolled back");
    }
    target.keep(&new)?;
    fx.ui.note("On it, `cargo xtask isolate --cpus LIST --check` says what still disturbs its CPUs.");
    fx.ui.note(&format!(
        "{} runs {new} and will boot it from now on; --rollback goes back to {}.",
        args.host, facts.running
    ));
    Ok(())
}

fn rollback(fx: &Effects, target: &Target, args: &Args) -> Result<()> {
    let facts = target.look()?;
    let Some(previous) = facts.previous.clone() else {
        fail!(Input, "nothing was deployed to {} by this command", args.host);
    };
    if target.keep(&previous)? == Did::Planned || !args.reboot {
        fx.ui.note(&format!("{} boots {previous} from now on; it runs {}.", args.host, facts.running));
        return Ok(());
    }
    let Some(up) = target.reboot(&facts, Duration::from_secs(args.wait))? else { return Ok(()) };
    if up.running != previous {
        fail!(Check, "{} has come back with {} in place of {previous}", args.host, up.running);
    }
    fx.ui.note(&format!("{} runs {previous}.", args.host));
    Ok(())
}

/// Places on the machine, and bytes.
type Needs = Vec<(&'static str, u64)>;

/// The packages to install, and the room that they take there: place and bytes.
fn what(dir: &Utf8Path, set: &Set) -> Result<(Vec<Utf8PathBuf>, Needs)> {
    let (mut files, mut packed, mut boot, mut root) = (Vec::new(), 0, INITRD, 0);
    for package in &set.packages {
        if !BOOTED.iter().any(|b| package.name.starts_with(b)) || package.name.ends_with("-dbgsym") {
            continue;
        }
        let file = dir.join(&package.file);
        packed += fs_err::metadata(&file)?.len();
        for (entry, _) in package.files.values() {
            *if entry.path.starts_with("boot/") { &mut boot } else { &mut root } += entry.size;
        }
        files.push(file);
    }
    if files.is_empty() {
        fail!(Input, "there is no kernel image in {dir}");
    }
    Ok((files, vec![("/", root), ("/boot", boot), ("/var/tmp", packed)]))
}

fn fits(host: &str, facts: &Facts, architecture: &str, needs: &[(&str, u64)]) -> Result<()> {
    if facts.architecture != architecture {
        fail!(Input, "{host} is {} and the packages are {architecture}", facts.architecture);
    }
    if !facts.root {
        fail!(Machine, "{host} does not let you do root's work without a question"; "log in as root, or allow `sudo -n` there");
    }
    if !facts.grub {
        fail!(Machine, "{host} has no grub, so no kernel can be booted just once"; "install the packages by hand");
    }
    if let Some(layer) = facts.grub_cannot_write() {
        fail!(Machine, "GRUB on {host} cannot write its environment block ({layer}), so no kernel can be booted just once";
            "a /boot on a plain partition with ext4 can be written; else install the packages by hand, at its console");
    }
    let short: Vec<String> = facts
        .short(needs)
        .iter()
        .map(|(place, wanted, free)| format!("{place} needs {} and has {} free", bytes(*wanted), bytes(*free)))
        .collect();
    if !short.is_empty() {
        fail!(Machine, "there is no room on {host}: {}", short.join("; "); "remove kernels there that are not used: `apt-get autoremove --purge`");
    }
    Ok(())
}
