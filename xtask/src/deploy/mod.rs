// SPDX-License-Identifier: GPL-2.0-only
//! Another machine, over ssh: what it is, and what is done to it.
//!
//! `commands/deploy` calls in here. What runs there is one constant script (`target.sh`) on the standard
//! input of `sh`; its arguments are words of a small alphabet, so nothing of them means anything to a shell.

mod answer;
mod facts;
mod running;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use xshell::cmd;

pub use facts::{Deployment, Facts, Needs, Ready, Wanted};
pub use running::Running;

use crate::effects::{Did, Effects, Run};
use crate::error::Kind;
use crate::packages::set::Package;
use crate::ui::count;

const SCRIPT: &str = include_str!("target.sh");
/// What every connection is made with: no question, no wait for ever.
const OPTIONS: &[&str] = &["-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=15"];

/// A machine that ssh knows by this name.
pub struct Target<'a> {
    fx: &'a Effects,
    host: String,
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
        Facts::parse(&self.host, &self.fx.read(self.step(&["look"])?.or(Kind::Network, hint))?.text())
    }

    /// Does this while no other deployment is at work there: what it finds out stays true until it ends.
    ///
    /// # Errors
    /// Another one is at work; else as `f`.
    pub fn alone<T>(&self, f: impl FnOnce() -> Result<T>) -> Result<T> {
        let word = |text: String| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
        let user = word(std::env::var("USER").unwrap_or_default());
        let node = word(rustix::system::uname().nodename().to_string_lossy().into_owned());
        let who = format!("{user}@{node}-{}", std::process::id());
        // A machine that does not answer is not one that is at work.
        self.look()?;
        self.change(
            &["lock", &who],
            "wait for it; one that was killed is over after an hour, or with the machine's next boot",
        )?;
        let outcome = f();
        let unlocked = self.fx.cleanup(|| self.change(&["unlock", &who], ""));
        outcome.and_then(|value| unlocked.map(|_| value))
    }

    /// Copies these packages there and installs them. `new` is booted the next time, the other one from then
    /// on: each way that this can end, a lost connection among them, leaves a machine that boots.
    ///
    /// # Errors
    /// A step fails; what was copied is removed, and the default stays held at the other kernel.
    pub fn install(&self, ready: &Ready, packages: &[(Utf8PathBuf, &Package)], new: &str) -> Result<Did> {
        let (fx, host) = (self.fx, &self.host);
        // The random part of a scratch of ours makes the name one that nobody there has.
        let scratch = fx.scratch("deploy")?;
        let name = scratch.path().file_name().context("a scratch has a name")?.trim_start_matches('.').to_owned();
        let dir = format!("/var/tmp/{name}");
        self.change(&["room", &dir], "there must be room in its /var/tmp")?;
        let step = fx.ui.step(&format!("copy {} to {host}", count(packages.len(), "package")));
        let (there, files) = (format!("{host}:{dir}/"), packages.iter().map(|(file, _)| file));
        let copied = fx.change("/", Run::from(cmd!(fx.sh, "scp -q {OPTIONS...} -- {files...} {there}")));
        let did = copied.and_then(|_| {
            step.done("");
            let step = fx.ui.step(&format!("hold {} as the default of {host}", ready.fallback));
            let mut words = vec!["record", new, &ready.fallback];
            words.extend(packages.iter().map(|(_, p)| p.name.as_str()));
            self.change(&words, "")?;
            self.hold(&ready.hold)?;
            step.done("");
            let step = fx.ui.step(&format!("install {new} on {host}"));
            let undo =
                format!("nothing has been rebooted; `cargo xtask deploy {host} --undo` removes what was installed");
            let did = self.change(&["install", &dir], &undo)?;
            match did {
                Did::Planned => self.change(&["once", "ENTRY"], "")?,
                Did::Done => self.choose(ready, new)?,
            };
            step.done("");
            Ok(did)
        });
        // Also after a failure; then that is what counts.
        let dropped = fx.cleanup(|| self.change(&["drop", &dir], ""));
        did.and_then(|did| dropped.map(|_| did))
    }

    /// Makes this way the default, and sees that it is.
    ///
    /// # Errors
    /// Something else decides what GRUB boots there; then the default is as it was.
    pub fn hold(&self, way: &str) -> Result<Did> {
        let held = self.change(&["hold", &way.replace('>', ",")], "");
        match &held {
            Ok(Did::Planned) => return held,
            Ok(Did::Done) if self.look()?.is_default(way) => return held,
            _ => {}
        }
        let released = self.fx.cleanup(|| self.release());
        held.and(released)?;
        fail!(Machine, "{} does not take its default kernel from /etc/default/grub.d, so it cannot be held", self.host;
            "something there sets GRUB_DEFAULT later, or the default itself: `grep -r default /etc/default/grub.d /etc/grub.d`")
    }

    /// Makes `new` the kernel of the next boot alone, where it is complete.
    fn choose(&self, ready: &Ready, new: &str) -> Result<Did> {
        let host = &self.host;
        if !ready.dkms.is_empty() {
            let has = self.fx.read(self.step(&["dkms", new])?.or(Kind::Machine, ""))?.text();
            let missing: Vec<&str> =
                ready.dkms.iter().map(String::as_str).filter(|m| has.lines().all(|l| l != *m)).collect();
            if !missing.is_empty() {
                fail!(Check, "{host} runs with {} by DKMS, and {new} has not got it", missing.join(", ");
                    "`ssh {host} dkms autoinstall -k {new}` says why; nothing has been rebooted, and --undo removes {new}");
            }
        }
        let there = self.look()?;
        let way = there.entry(host, new)?;
        // The way to the other kernel may have changed, now that there is one more.
        let fallback = there.entry(host, &ready.fallback)?;
        if !there.is_default(&fallback) {
            self.hold(&fallback)?;
        }
        self.change(&["once", &way.replace('>', ",")], "")
    }

    /// Leaves it to GRUB again which kernel is booted.
    ///
    /// # Errors
    /// The menu cannot be made.
    pub fn release(&self) -> Result<Did> {
        self.change(&["release"], "")
    }

    /// Removes all that the last deployment brought: its packages, what holds the default, and its record, which is the
    /// last of them, so that this can be called again after whatever ends it.
    ///
    /// # Errors
    /// Something else there needs the packages, or the menu cannot be made.
    pub fn give_up(&self) -> Result<Did> {
        self.change(&["purge"], "what needs them there has to be removed first: `apt-get purge` there names it")?;
        self.release()?;
        self.change(&["forget"], "")
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
            let facts = Facts::parse(&self.host, &said.text());
            if let Some(facts) = facts.ok().filter(|f| said.status.success() && f.boot_id != before.boot_id) {
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
        let good = |c: char| c.is_ascii_alphanumeric() || "._-+/,:@".contains(c);
        if let Some(bad) = words.iter().find(|w| w.is_empty() || !w.chars().all(good)) {
            fail!(Input, "`{bad}` is a name that is not given to a shell"; "kernel releases and GRUB's ids are made of letters, digits and `.-+_:/@`");
        }
        let host = &self.host;
        let run = Run::from(cmd!(self.fx.sh, "ssh {OPTIONS...} -- {host} sh -s -- {words...}"));
        let line = format!("{} <xtask/src/deploy/target.sh", run.line());
        Ok(run.stdin(SCRIPT).shown(line))
    }
}
