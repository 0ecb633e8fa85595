// SPDX-License-Identifier: GPL-2.0-only
//! What this machine must have before it can do its work: each need once, with what wants it, how it is
//! seen and how it is mended. `doctor` shows all of them; `build`, `quickstart` and `ci` ask for theirs.
//!
//! Mending is the only thing in the tool that needs root, and it is said and asked for first.

mod binfmt;
pub mod disk;
mod git;
mod kvm;
mod packages;
mod qemu;
pub mod reach;
mod release;
mod subid;
pub mod tools;
pub mod trust;
mod userns;

pub use subid::{is_subordinate, mapped};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::arch::{self, Arch};
use crate::effects::{Did, Effects, Run};
use crate::error::{Failure, Kind};

/// What a machine may be wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Use {
    /// Packages in a chroot of the same architecture
    Native,
    /// Packages by a cross compiler
    Cross,
    /// Packages in a chroot of another architecture
    Emulated,
    /// A virtual machine that boots the packages
    Boot,
    /// A package archive
    Publish,
    /// Installing packages on another machine
    Deploy,
    /// This repository's own checks
    Checks,
}

impl Use {
    /// All of them.
    pub const ALL: &'static [Use] =
        &[Use::Native, Use::Cross, Use::Emulated, Use::Boot, Use::Publish, Use::Deploy, Use::Checks];
    const BUILDS: &'static [Use] = &[Use::Native, Use::Cross, Use::Emulated];
    /// Those that run programs of another architecture.
    const FOREIGN: &'static [Use] = &[Use::Cross, Use::Emulated];

    /// A chroot of this architecture.
    ///
    /// # Errors
    /// This machine's architecture is not known.
    pub fn of_chroot(host: &Arch) -> Result<Self> {
        Ok(if arch::build()? == host { Use::Native } else { Use::Emulated })
    }

    /// As the command line says it.
    pub fn name(self) -> &'static str {
        match self {
            Use::Native => "native",
            Use::Cross => "cross",
            Use::Emulated => "emulated",
            Use::Boot => "boot",
            Use::Publish => "publish",
            Use::Deploy => "deploy",
            Use::Checks => "checks",
        }
    }
}

/// How it stands with a need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Ok,
    /// It works without, with a disadvantage that is said.
    Advice,
    Missing,
}

/// One need, looked at. Field names are part of the interface (`doctor --json`).
#[derive(Debug, Clone, Serialize)]
pub struct Need {
    /// A stable name.
    pub name: &'static str,
    pub state: State,
    /// What is there; or what is missing, and what that breaks.
    pub what: String,
    /// More of it: the versions of packages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What wants it.
    pub uses: Vec<Use>,
    /// The commands that mend it, each run as root.
    pub mend: Vec<Mend>,
    /// What only the person can do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Need {
    fn new(name: &'static str, uses: &[Use], state: State, what: impl Into<String>) -> Self {
        Self { name, state, what: what.into(), uses: uses.to_vec(), detail: None, mend: Vec::new(), hint: None }
    }

    fn ok(name: &'static str, uses: &[Use], what: impl Into<String>) -> Self {
        Self::new(name, uses, State::Ok, what)
    }

    fn missing(name: &'static str, uses: &[Use], what: impl Into<String>) -> Self {
        Self::new(name, uses, State::Missing, what)
    }

    fn mend(mut self, mend: Vec<Mend>) -> Self {
        self.mend = mend;
        self
    }

    fn detail(mut self, detail: String) -> Self {
        self.detail = Some(detail);
        self
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// One command, as words, with what goes to its standard input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mend {
    pub words: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdin: Option<String>,
}

impl Mend {
    fn new(words: &[&str]) -> Self {
        Self { words: words.iter().map(|w| (*w).to_owned()).collect(), stdin: None }
    }

    fn stdin(mut self, text: impl Into<String>) -> Self {
        self.stdin = Some(text.into());
        self
    }

    fn run<'a>(&self, fx: &Effects) -> Run<'a> {
        let mut cmd = fx.sh.cmd(&self.words[0]).args(&self.words[1..]);
        if self.words[0] == "apt-get" {
            cmd = cmd.env("DEBIAN_FRONTEND", "noninteractive");
        }
        let run = Run::from(cmd);
        let run = if let Some(text) = &self.stdin { run.stdin(text.clone()) } else { run };
        run.as_root()
    }

    /// The line that does it in a shell.
    pub fn line(&self, fx: &Effects) -> String {
        self.run(fx).line()
    }
}

/// What this machine is wanted for, for packages of which architecture, with which packages of its own
/// beside the usual ones.
pub struct Wanted<'a> {
    pub uses: &'a [Use],
    pub host: &'static Arch,
    pub packages: &'a [&'a str],
}

impl Wanted<'_> {
    /// Is anything that wants this asked for?
    fn has(&self, uses: &[Use]) -> bool {
        self.uses.iter().any(|u| uses.contains(u))
    }
}

/// Looks at every need of what is wanted that can be seen without a network.
///
/// # Errors
/// A program that every Debian has cannot be asked.
pub fn look(fx: &Effects, wanted: &Wanted) -> Result<Vec<Need>> {
    let mut needs = vec![release::look()?];
    needs.extend(packages::look(fx, wanted)?);
    let host = wanted.host;
    let foreign = arch::build()? != host;
    if wanted.has(Use::BUILDS) {
        needs.extend(git::look(fx)?);
        needs.push(subid::look(fx)?);
        needs.push(userns::look(fx)?);
        needs.push(disk::look(fx)?);
    }
    if foreign && wanted.has(&[Use::Cross, Use::Emulated, Use::Boot]) {
        needs.push(binfmt::look(host));
        needs.extend(qemu::look(fx, host)?);
    }
    if wanted.has(&[Use::Boot]) {
        needs.push(kvm::look(host, foreign));
    }
    needs.retain(|n| n.uses.is_empty() || wanted.has(&n.uses));
    Ok(needs)
}

/// The suite that this machine runs.
///
/// # Errors
/// It does not say.
pub fn codename() -> Result<String> {
    Ok(field(&os_release()?, "VERSION_CODENAME"))
}

fn os_release() -> Result<String> {
    fs_err::read_to_string("/etc/os-release").context("this machine has no /etc/os-release")
}

/// A field of `os-release`, without quotes; empty where it is missing.
fn field(text: &str, name: &str) -> String {
    let value = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default();
    value.trim_matches('"').to_owned()
}

/// The program of qemu-user for an architecture, as this machine's release calls it.
///
/// # Errors
/// There is no `/etc/os-release`.
pub fn emulator(host: &Arch) -> Result<String> {
    Ok(format!("qemu-{}{}", host.qemu, release::here()?.emulator_suffix))
}

/// Can this machine run programs of that architecture?
///
/// # Errors
/// This machine's own is not known.
pub fn runs(host: &'static Arch) -> Result<bool> {
    Ok(arch::build()? == host || binfmt::look(host).state == State::Ok)
}

/// What is missing of what is wanted.
///
/// # Errors
/// As [`look`].
pub fn missing(fx: &Effects, wanted: &Wanted) -> Result<Vec<Need>> {
    let mut needs = look(fx, wanted)?;
    needs.retain(|n| n.state == State::Missing);
    Ok(needs)
}

/// Fails where one of these uses, for packages of `host`, lacks something, before anything is begun; and sees to it
/// that programs of `host` run as fast as they can.
///
/// # Errors
/// It does ([`Kind::Machine`]); each thing is named.
pub fn require(fx: &Effects, host: &'static Arch, uses: &[Use]) -> Result<()> {
    let lacking = missing(fx, &Wanted { uses, host, packages: &[] })?;
    if lacking.is_empty() {
        binfmt::imitate(host);
        return Ok(());
    }
    let list = sentence(&lacking);
    let text = format!("this machine is not ready for packages of {}: {list}", host.debian);
    let hint = "`cargo xtask doctor --fix` shows the commands that mend it, and asks before it runs them";
    fx.lacking(Failure::new(Kind::Machine, text).hint(hint))
}

/// As [`require`], for a chroot of `own` architecture.
///
/// # Errors
/// As there.
pub fn require_chroot(fx: &Effects, own: &'static Arch) -> Result<()> {
    require(fx, own, &[Use::of_chroot(own)?])
}

/// Mends what is missing of what is wanted, after showing it and asking once (or with `yes`). In a dry run
/// the commands are said.
///
/// # Errors
/// The person says no; a command fails; something is still missing afterwards.
pub fn prepare(fx: &Effects, wanted: &Wanted, yes: bool) -> Result<()> {
    let mut agreed = yes;
    // Installing the packages can register the emulation, and only then is it known what is left.
    for _ in 0..3 {
        let needs = missing(fx, wanted)?;
        if needs.iter().all(|n| n.mend.is_empty()) {
            break;
        }
        fx.ui.note("This machine lacks:");
        needs.iter().for_each(|n| fx.ui.note(&format!("  {}", n.what)));
        fx.ui.note("These commands, run as root, mend it:");
        let mends = mends(&needs);
        mends.iter().for_each(|m| fx.ui.note(&format!("  {}", m.line(fx))));
        if !agreed && !fx.agreed("Run them now?") {
            fail!(Machine, "this machine is not ready"; "run the commands above, have your administrator run them, or give --yes");
        }
        agreed = true;
        let mut did = Did::Done;
        for mend in &mends {
            let name: String = mend.words.join(" ").chars().take(60).collect();
            let step = fx.ui.step(&name);
            did = fx.change("/", mend.run(fx).watch(|l| fx.ui.progress(l)))?;
            step.done("");
        }
        if did == Did::Planned {
            return Ok(());
        }
    }
    let left = missing(fx, wanted)?;
    if left.is_empty() {
        return Ok(());
    }
    let hint: Vec<&str> = left.iter().filter_map(|n| n.hint.as_deref()).collect();
    let failure = Failure::new(Kind::Machine, format!("this machine still lacks: {}", sentence(&left)));
    fx.lacking(if hint.is_empty() { failure } else { failure.hint(hint.join("; ")) })
}

/// The commands that mend all of these, each once.
pub fn mends(needs: &[Need]) -> Vec<Mend> {
    packages::together(needs.iter().flat_map(|n| n.mend.iter().cloned()))
}

fn sentence(needs: &[Need]) -> String {
    needs.iter().map(|n| n.what.as_str()).collect::<Vec<_>>().join("; ")
}
