// SPDX-License-Identifier: GPL-2.0-only
//! What this machine must have before kernels can be built on it: programs, emulation of the host
//! architecture, id ranges for rootless chroots.
//!
//! Each item can be looked at and mended; mending is the only thing in the tool that needs root, and it is
//! said and asked for first.

mod binfmt;
mod packages;
mod subid;

pub use subid::is_subordinate;

use anyhow::{Context, Result};

use crate::arch::{self, Arch};
use crate::effects::{Effects, Run};

/// Something that is missing, and how to get it.
pub struct Need {
    /// What is missing, and what it is for.
    pub what: String,
    /// The commands that mend it, each run as root.
    pub mend: Vec<Mend>,
}

/// One command, as words, with what goes to its standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mend {
    pub words: Vec<String>,
    pub stdin: Option<Vec<u8>>,
}

impl Mend {
    fn new(words: &[&str]) -> Self {
        Self { words: words.iter().map(|w| (*w).to_owned()).collect(), stdin: None }
    }

    fn run<'a>(&self, fx: &Effects) -> Run<'a> {
        let run = Run::from(fx.sh.cmd(&self.words[0]).args(&self.words[1..]).env("DEBIAN_FRONTEND", "noninteractive"));
        let run = if let Some(bytes) = &self.stdin { run.stdin(bytes.clone()) } else { run };
        run.as_root()
    }
}

/// What building for `host` lacks on this machine, with `extra` packages beside the usual ones; `run`: its programs
/// have to run here.
///
/// # Errors
/// dpkg cannot be asked.
fn needs(fx: &Effects, host: &'static Arch, extra: &[&str], run: bool) -> Result<Vec<Need>> {
    let mut needs = Vec::new();
    needs.extend(packages::missing(fx, host, extra)?);
    if run && !runs(host)? {
        needs.extend(binfmt::missing(host));
    }
    needs.extend(subid::missing(fx)?);
    Ok(needs)
}

/// The suite that this machine runs.
///
/// # Errors
/// It does not say.
pub fn codename() -> Result<String> {
    let text = std::fs::read_to_string("/etc/os-release").context("this machine has no /etc/os-release")?;
    let name = text.lines().find_map(|l| l.strip_prefix("VERSION_CODENAME=")).unwrap_or("").trim_matches('"');
    Ok(name.to_owned())
}

/// Can this machine run programs of that architecture?
///
/// # Errors
/// This machine's own is not known.
pub fn runs(host: &'static Arch) -> Result<bool> {
    Ok(arch::build()? == host || binfmt::missing(host).is_none())
}

/// Fails where building for `host` lacks something on this machine, or one of the `extra` packages, before
/// anything is begun.
///
/// # Errors
/// It does ([`Kind::Machine`](crate::error::Kind::Machine)); each thing is named.
pub fn require(fx: &Effects, host: &'static Arch, extra: &[&str]) -> Result<()> {
    refuse(fx, host, needs(fx, host, extra, true)?)
}

/// As [`require`], for a cross build: no program of `host` has to run.
///
/// # Errors
/// As there.
pub fn require_to_cross(fx: &Effects, host: &'static Arch) -> Result<()> {
    refuse(fx, host, needs(fx, host, &[], false)?)
}

fn refuse(fx: &Effects, host: &Arch, needs: Vec<Need>) -> Result<()> {
    let lacking: Vec<String> = needs.into_iter().map(|n| n.what).collect();
    if lacking.is_empty() || fx.dry() {
        return Ok(());
    }
    fail!(Machine, "this machine is not ready to build for {}: {}", host.debian, lacking.join("; ");
        "`cargo xtask quickstart` shows the commands that mend it, and asks before it runs them");
}

/// Mends what [`needs`] finds, after showing it and asking (or with `yes`).
///
/// # Errors
/// The person says no; a command fails; something is still missing afterwards.
pub fn prepare(fx: &Effects, host: &'static Arch, extra: &[&str], yes: bool) -> Result<()> {
    // Installing the packages can register the emulation, and only then is it known what is left.
    for _ in 0..3 {
        let needs = needs(fx, host, extra, true)?;
        if needs.is_empty() {
            return Ok(());
        }
        fx.ui.note("This machine lacks:");
        let mut lines = Vec::new();
        for need in &needs {
            fx.ui.note(&format!("  {}", need.what));
            lines.extend(need.mend.iter().map(|m| m.run(fx).line()));
        }
        fx.ui.note("These commands, run as root, mend it:");
        lines.iter().for_each(|l| fx.ui.note(&format!("  {l}")));
        if !yes && !fx.dry() && !fx.ui.ask("Run them now?") {
            fail!(Machine, "this machine is not ready"; "run the commands above, have your administrator run them, or give --yes");
        }
        for mend in needs.iter().flat_map(|n| &n.mend) {
            let step = fx.ui.step(&mend.words.join(" ").chars().take(60).collect::<String>());
            fx.change("/", mend.run(fx).watch(|l| fx.ui.progress(l)))?;
            step.done("");
        }
        if fx.dry() {
            return Ok(());
        }
    }
    let left: Vec<String> = needs(fx, host, extra, true)?.into_iter().map(|n| n.what).collect();
    if left.is_empty() {
        return Ok(());
    }
    fail!(Machine, "still missing after the commands have run: {}", left.join("; "));
}
