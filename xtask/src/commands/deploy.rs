// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask deploy HOST [SET]`: a package set is installed on a machine, and booted once.

use std::time::Duration;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::audit;
use crate::build::metadata;
use crate::deploy::{Deployment, Facts, Needs, Target, Wanted};
use crate::effects::{Did, Effects};
use crate::packages::built;
use crate::packages::identity::Identity;
use crate::packages::set::{Package, Set};
use crate::workspace::Workspace;

/// Install a package set on a machine, over ssh
///
/// The new kernel is booted once. Until it is confirmed, each other boot starts the kernel that runs now. With
/// --reboot it is booted now, and confirmed when it has come up.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask deploy lab3                      # the set built last; the next boot starts it
  cargo xtask deploy lab3 --keep               # after that boot: confirm it
  cargo xtask deploy root@lab3 --reboot        # both in one
  cargo xtask deploy lab3 --undo --reboot      # back to the kernel of before; the packages are removed")]
pub struct Args {
    /// The machine, as ssh knows it
    pub host: String,
    /// A directory of packages, as `build` makes them [default: the set built last]
    #[arg(conflicts_with_all = ["keep", "undo"])]
    pub set: Option<Utf8PathBuf>,
    /// Reboot it now, and see which kernel comes up
    #[arg(long, conflicts_with = "keep")]
    pub reboot: bool,
    /// Confirm the kernel that was deployed last and runs now
    #[arg(long, conflicts_with = "undo")]
    pub keep: bool,
    /// Give up the last deployment: remove its packages, and boot the kernel of before
    #[arg(long, visible_alias = "rollback")]
    pub undo: bool,
    /// How long to wait for it after a reboot, in seconds
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    pub wait: u64,
}

/// # Errors
/// See the README, "When it breaks".
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let target = Target::new(fx, &args.host)?;
    if args.keep {
        return target.alone(|| keep(fx, &target, &args.host));
    }
    if args.undo {
        return target.alone(|| undo(fx, &target, &args));
    }
    let workspace = Workspace::here()?;
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
    let set = audit::passes(fx, &workspace, &dir, of)?;
    let identity = Identity::of(&set)?;
    target.alone(|| try_out(fx, &target, &args, &dir, &set, &identity))
}

/// Installs the set and boots it once.
fn try_out(fx: &Effects, target: &Target, args: &Args, dir: &Utf8Path, set: &Set, identity: &Identity) -> Result<()> {
    let (host, new) = (&args.host, identity.release.uname());
    let before = target.look()?;
    let packages = installed(host, &before, dir, set)?;
    let wanted = Wanted { release: &new, architecture: &identity.architecture, needs: needs(&packages)? };
    let ready = before.ready(host, &wanted)?;
    if ready.fallback == new {
        fx.ui.warn(&format!("{host} runs a {new} already: it is replaced, and there is no other to fall back to"));
    }
    if target.install(&ready, &packages, &new)? == Did::Planned {
        if args.reboot {
            target.reboot(&before, Duration::ZERO)?;
        }
        return Ok(());
    }
    if !args.reboot {
        fx.ui.note(&format!("{host}: the next boot is {new}, the one after that {}.", ready.fallback));
        fx.ui.note(&format!("When it runs, `cargo xtask deploy {host} --keep` confirms it; --undo gives it up."));
        return Ok(());
    }
    let Some(up) = target.reboot(&before, Duration::from_secs(args.wait))? else { return Ok(()) };
    if up.running != new {
        fail!(Check, "{host} has come back with {}: {new} did not come up", up.running;
            "its console or `journalctl --list-boots` may say why; `cargo xtask deploy {host} --undo` removes {new}");
    }
    fx.ui.note("On it, `cargo xtask isolate --cpus LIST --check` says what still disturbs its CPUs.");
    keep(fx, target, host)
}

/// Leaves the choice to GRUB again, and says what that is.
fn keep(fx: &Effects, target: &Target, host: &str) -> Result<()> {
    let facts = target.look()?;
    let Some(Deployment { new, previous, boot_id, .. }) = facts.last(host)? else {
        fail!(Input, "nothing was deployed to {host} by this command");
    };
    if facts.boot_id == *boot_id {
        fail!(Check, "{host} has not been rebooted since {new} was installed"; "`cargo xtask deploy {host} --reboot` does both");
    }
    if facts.running != *new {
        fail!(Check, "{host} runs {}, and not {new}, which was deployed to it", facts.running;
            "`cargo xtask deploy {host} --undo` removes {new}; `cargo xtask deploy {host} --reboot` tries it again");
    }
    if facts.held() && target.release()? == Did::Planned {
        return Ok(());
    }
    let after = target.look()?;
    match after.boots() {
        Some(boots) if boots == new => fx.ui.note(&format!(
            "{host} runs {new} and will boot it from now on; `cargo xtask deploy {host} --undo --reboot` goes back to {previous}."
        )),
        boots => fx.ui.warn(&format!(
            "{host} runs {new}, and its next boot is {}: that is what GRUB there chooses by itself. To boot {new} whatever \
             else is installed, add GRUB_DEFAULT='{}' to its /etc/default/grub and call update-grub",
            boots.unwrap_or("not known"),
            after.entry(host, new)?
        )),
    }
    Ok(())
}

fn undo(fx: &Effects, target: &Target, args: &Args) -> Result<()> {
    let host = &args.host;
    let facts = target.look()?;
    let Some(Deployment { new, .. }) = facts.last(host)? else {
        if facts.held() {
            target.release()?;
            fx.ui.note(&format!("{host}: what an earlier deployment had set for GRUB is removed."));
            return Ok(());
        }
        fail!(Input, "nothing was deployed to {host} by this command");
    };
    let Some(previous) = facts.back_from(new) else {
        fail!(Input, "{host} has no kernel but {new}, so there is none to go back to";
            "deploy another set: `cargo xtask deploy {host} SET`");
    };
    if facts.running == *new {
        target.hold(&facts.entry(host, previous)?)?;
        if !args.reboot {
            fx.ui.note(&format!(
                "{host} runs {new} and boots {previous} from now on; then --undo removes the packages of {new}."
            ));
            return Ok(());
        }
        let Some(up) = target.reboot(&facts, Duration::from_secs(args.wait))? else { return Ok(()) };
        if up.running != previous {
            fail!(Check, "{host} has come back with {} in place of {previous}", up.running);
        }
    }
    if target.give_up()? == Did::Planned {
        return Ok(());
    }
    let after = target.look()?;
    fx.ui.note(&format!(
        "{host} runs {}; {new} and all that was set for it is removed. Its next boot is {}.",
        after.running,
        after.boots().unwrap_or("what GRUB there chooses")
    ));
    Ok(())
}

/// The packages of a set that a machine needs: what it boots from, and the headers where it builds modules of its own.
fn installed<'s>(host: &str, machine: &Facts, dir: &Utf8Path, set: &'s Set) -> Result<Vec<(Utf8PathBuf, &'s Package)>> {
    let of = |prefix: &str| {
        set.packages.iter().filter(|p| p.name.starts_with(prefix) && !p.name.ends_with("-dbgsym")).collect::<Vec<_>>()
    };
    let (images, headers) = (of("linux-image-"), of("linux-headers-"));
    if images.is_empty() {
        fail!(Input, "there is no kernel image in {dir}");
    }
    if machine.has_dkms() && headers.is_empty() {
        fail!(Input, "{host} builds modules by DKMS, and there are no headers in {dir}"; "`cargo xtask build` makes them");
    }
    let headers = if machine.has_dkms() { headers } else { Vec::new() };
    let all = images.into_iter().chain(of("linux-modules-")).chain(headers);
    Ok(all.map(|p| (dir.join(&p.file), p)).collect())
}

/// The room that packages take there.
fn needs(packages: &[(Utf8PathBuf, &Package)]) -> Result<Needs> {
    let (mut packed, mut boot, mut root) = (0, 0, 0);
    for (file, package) in packages {
        packed += fs_err::metadata(file)?.len();
        for (entry, _) in package.files.values() {
            *if entry.path.starts_with("boot/") { &mut boot } else { &mut root } += entry.size;
        }
    }
    Ok(vec![("/", root), ("/boot", boot), ("/var/tmp", packed)])
}
