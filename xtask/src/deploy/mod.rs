// SPDX-License-Identifier: GPL-2.0-only
//! Another machine, over ssh: what it is, and what is done to it.
//!
//! `commands/deploy` calls in here. What runs there is one constant script (`target.sh`) on the standard
//! input of `sh`; its arguments are words of a small alphabet, so nothing of them means anything to a shell.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use xshell::cmd;

use crate::effects::{Did, Effects, Run};
use crate::error::Kind;
use crate::ui::count;

const SCRIPT: &str = include_str!("target.sh");
/// What every connection is made with: no question, no wait for ever.
const OPTIONS: &[&str] = &["-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=15"];

/// File systems that GRUB only reads: `save_env` needs blocks that hold nothing but the file's bytes.
const READ_ONLY: &[&str] = &["btrfs", "zfs", "f2fs", "squash4", "iso9660"];

/// A machine that ssh knows by this name.
pub struct Target<'a> {
    fx: &'a Effects,
    host: String,
}

/// What it says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Facts {
    pub architecture: String,
    /// `uname -r`.
    pub running: String,
    pub boot_id: String,
    /// Of `/`, `/boot` and `/var/tmp`: where it is mounted, and its free bytes.
    pub free: Vec<(String, String, u64)>,
    /// Is there a grub whose next boot can be chosen?
    pub grub: bool,
    /// Layers between GRUB and the file system of its environment block (`lvm`, `mdraid1x`, `cryptodisk`, or a link),
    /// and that file system, as `grub-probe` names them.
    pub grub_layers: Vec<String>,
    pub grub_fs: Option<String>,
    /// Can root's work be done there without a question?
    pub root: bool,
    /// The kernel before the last deployment.
    pub previous: Option<String>,
}

impl<'a> Target<'a> {
    /// Checks the name, and nothing else.
    ///
    /// # Errors
    /// It could be taken for an option or more than one word.
    pub fn new(fx: &'a Effects, host: &str) -> Result<Self> {
        let good = |c: char| c.is_ascii_alphanumeric() || "._-@".contains(c);
        if host.is_empty() || host.starts_with('-') || !host.chars().all(good) {
            fail!(Input, "`{host}` is no name of a machine"; "as ssh takes it: HOST, USER@HOST, or a Host of ~/.ssh/config");
        }
        Ok(Self { fx, host: host.to_owned() })
    }

    /// Asks it what it is.
    ///
    /// # Errors
    /// It does not answer ([`Kind::Network`]).
    pub fn look(&self) -> Result<Facts> {
        let hint = format!(
            "`ssh {} true` has to work without a question: your key in its authorized_keys, its host key accepted once",
            self.host
        );
        Ok(Facts::parse(&self.fx.read(self.step(&["look"])?.or(Kind::Network, hint))?.text()))
    }

    /// Copies these packages there and installs them. `new` is booted the next time, `running` from then on.
    ///
    /// # Errors
    /// A step fails; what was copied is gone again.
    pub fn install(&self, packages: &[Utf8PathBuf], new: &str, running: &str) -> Result<Did> {
        let (fx, host) = (self.fx, &self.host);
        // The random part of a scratch of ours makes the name one that nobody there has.
        let scratch = fx.scratch("deploy")?;
        let name = scratch.path().file_name().context("a scratch has a name")?.trim_start_matches('.').to_owned();
        let dir = format!("/var/tmp/{name}");
        self.change(&["room", &dir], "there must be room in its /var/tmp")?;
        let step = fx.ui.step(&format!("copy {} to {host}", count(packages.len(), "package")));
        let there = format!("{host}:{dir}/");
        let copied = fx.change("/", Run::from(cmd!(fx.sh, "scp -q {OPTIONS...} -- {packages...} {there}")));
        let did = copied.and_then(|_| {
            step.done("");
            let step = fx.ui.step(&format!("install {new} on {host}"));
            let hint = "nothing has been rebooted; its default is the kernel that runs";
            let did = self.change(&["install", &dir, new, running], hint)?;
            step.done("");
            Ok(did)
        });
        // Also after a failure; then that is what counts.
        let dropped = fx.cleanup(|| self.change(&["drop", &dir], ""));
        did.and_then(|did| dropped.map(|_| did))
    }

    /// Makes this release the one that is booted from now on.
    ///
    /// # Errors
    /// Its grub has none of that name.
    pub fn keep(&self, release: &str) -> Result<Did> {
        self.change(&["keep", release], "its packages may have been removed there")
    }

    /// Reboots it and waits until it answers from another boot. `None` in a dry run.
    ///
    /// # Errors
    /// It does not come back within `patience`.
    pub fn reboot(&self, before: &Facts, patience: Duration) -> Result<Option<Facts>> {
        let fx = self.fx;
        // ssh fails when the machine goes down under it; what counts is another boot.
        if fx.change("/", self.step(&["reboot"])?.any_status())? == Did::Planned {
            return Ok(None);
        }
        let step = fx.ui.step(&format!("wait for {}", self.host));
        let start = Instant::now();
        loop {
            std::thread::sleep(Duration::from_secs(2));
            let said = fx.read(self.step(&["look"])?.any_status())?;
            let facts = Facts::parse(&said.text());
            if said.status.success() && facts.boot_id != before.boot_id {
                step.done("");
                return Ok(Some(facts));
            }
            if start.elapsed() > patience {
                fail!(Network, "{} has not come back from a reboot within {} s", self.host, patience.as_secs();
                    "look at its console; switched off and on again it boots the kernel from before");
            }
        }
    }

    fn change(&self, words: &[&str], hint: &str) -> Result<Did> {
        let run = self.step(words)?.watch(|l| self.fx.ui.progress(l));
        self.fx.change("/", if hint.is_empty() { run } else { run.or(Kind::Machine, hint) })
    }

    /// A step of the script.
    fn step<'r>(&self, words: &[&str]) -> Result<Run<'r>> {
        let good = |c: char| c.is_ascii_alphanumeric() || "._-+/".contains(c);
        if let Some(bad) = words.iter().find(|w| w.is_empty() || !w.chars().all(good)) {
            fail!(Input, "`{bad}` is no name of a kernel release");
        }
        let host = &self.host;
        let run = Run::from(cmd!(self.fx.sh, "ssh {OPTIONS...} -- {host} sh -s -- {words...}"));
        let line = format!("{} <xtask/src/deploy/target.sh", run.line());
        Ok(run.stdin(SCRIPT).shown(line))
    }
}

impl Facts {
    fn parse(text: &str) -> Self {
        let mut facts = Facts::default();
        for line in text.lines() {
            let (key, value) = line.split_once(' ').unwrap_or((line, ""));
            match key {
                "architecture" => value.clone_into(&mut facts.architecture),
                "running" => value.clone_into(&mut facts.running),
                "boot-id" => value.clone_into(&mut facts.boot_id),
                "grub" => facts.grub = true,
                "root" => facts.root = true,
                "grub-abstraction" => facts.grub_layers.push(value.to_owned()),
                "grub-fs" => facts.grub_fs = Some(value.to_owned()),
                "previous" => facts.previous = Some(value.to_owned()),
                "free" => {
                    let words: Vec<&str> = value.split(' ').collect();
                    if let [place, bytes, mount] = words.as_slice() {
                        facts.free.push(((*place).to_owned(), (*mount).to_owned(), bytes.parse().unwrap_or(0)));
                    }
                }
                _ => {}
            }
        }
        facts
    }

    /// What keeps GRUB from writing its environment block, so that an entry chosen once would be booted for good.
    pub fn grub_cannot_write(&self) -> Option<&str> {
        let fs = self.grub_fs.as_deref().filter(|fs| READ_ONLY.contains(fs));
        self.grub_layers.first().map(String::as_str).or(fs)
    }

    /// The places without room for what is to come there, in bytes, each with what it has.
    pub fn short(&self, needs: &[(&str, u64)]) -> Vec<(String, u64, u64)> {
        let mount = |place: &str| self.free.iter().find(|(p, _, _)| p == place);
        let mut by_mount: Vec<(String, u64, u64)> = Vec::new();
        for (place, bytes) in needs {
            let Some((_, mount, free)) = mount(place) else { continue };
            match by_mount.iter_mut().find(|(m, _, _)| m == mount) {
                Some((_, wanted, _)) => *wanted += bytes,
                None => by_mount.push((mount.clone(), *bytes, *free)),
            }
        }
        by_mount.retain(|(_, wanted, free)| wanted > free);
        by_mount
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "architecture arm64\nrunning 5.4.0-1-generic\nboot-id x\nfree / 5000 /\nfree /boot 90 /boot\n\
                        free /var/tmp 5000 /\ngrub /boot/grub\nsomething else\n";

    #[test]
    fn where_grub_cannot_write() {
        let facts = |more: &str| Facts::parse(&format!("{SAID}{more}"));
        assert_eq!(facts("grub-fs ext2\n").grub_cannot_write(), None);
        assert_eq!(facts("grub-fs btrfs\n").grub_cannot_write(), Some("btrfs"));
        assert_eq!(facts("grub-abstraction lvm\ngrub-fs ext2\n").grub_cannot_write(), Some("lvm"));
    }

    #[test]
    fn places_on_one_disk_share_its_room() {
        let facts = Facts::parse(SAID);
        assert_eq!((facts.architecture.as_str(), facts.grub, facts.root), ("arm64", true, false));
        assert!(facts.short(&[("/", 3000), ("/boot", 90), ("/var/tmp", 2000)]).is_empty());
        assert_eq!(
            facts.short(&[("/", 3000), ("/boot", 91), ("/var/tmp", 2001)]),
            [("/".to_owned(), 5001, 5000), ("/boot".to_owned(), 91, 90)]
        );
    }
}
