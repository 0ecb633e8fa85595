// SPDX-License-Identifier: GPL-2.0-only
//! What stands in front of the compiler of a build: distcc ([`farm`](super::farm)), ccache
//! ([`ccache`](super::ccache)), both or neither. What comes out is the same; only the time is not.

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};

use super::ccache::{self, Ccache};
use super::chroot::Chroot;
use super::farm::probe;
use super::farm::spread::{self, Share, Spread};
use super::farm::worker::Worker;
use super::mode::Mode;
use crate::arch::Arch;
use crate::effects::Effects;
use crate::formats::ccache::Rate;

/// What was asked for.
#[derive(Debug, Clone, Default)]
pub struct Launcher {
    pub farm: Vec<Worker>,
    /// Whose compilations are remembered, where they are.
    pub ccache: Option<Fork>,
}

/// What a fork is told from others by.
#[derive(Debug, Clone)]
pub struct Fork {
    pub repository: Utf8PathBuf,
    /// The address of the vendor's repository.
    pub vendor: String,
}

/// The same, open for one build.
pub struct Open {
    /// The compiler, as one word of a command line or several.
    compiler: Option<String>,
    spread: Option<Spread>,
    ccache: Option<Ccache>,
}

impl Launcher {
    /// What the chroot has to have.
    pub fn packages(&self) -> Vec<String> {
        let farm: &[&str] = if self.farm.is_empty() { &[] } else { spread::PACKAGES };
        let cache: &[&str] = if self.ccache.is_some() { ccache::PACKAGES } else { &[] };
        farm.iter().chain(cache).map(|p| (*p).to_owned()).collect()
    }

    /// Does it need directories of this machine to be seen in the chroot?
    pub fn needs_binds(&self) -> bool {
        self.ccache.is_some() || !self.farm.is_empty()
    }

    /// How many compilers at once, where the person has not said it.
    pub fn jobs(&self) -> Option<usize> {
        (!self.farm.is_empty()).then(|| spread::jobs(&self.farm))
    }

    /// Makes sure that each worker is there and compiles for `host`, before anything is made for the build.
    ///
    /// # Errors
    /// One is not reached, or has no such compiler.
    pub fn reachable(&self, fx: &Effects, host: &Arch) -> Result<()> {
        if self.farm.is_empty() || fx.dry() {
            return Ok(()); // a dry run needs no worker
        }
        let step = fx.ui.step("ask the workers of the farm");
        for worker in &self.farm {
            probe::of_worker(worker, &probe::program(host))?;
        }
        step.done(&self.farm.len().to_string());
        Ok(())
    }

    /// Checks the workers' compilers against the chroot's, and opens the ways in `scratch`.
    ///
    /// # Errors
    /// A worker is not there or has another compiler.
    pub fn open(
        &self,
        fx: &Effects,
        chroot: Option<&Chroot>,
        mode: Mode,
        host: &Arch,
        scratch: &Utf8Path,
    ) -> Result<Open> {
        let mut spread = None;
        if !self.farm.is_empty() {
            let step = fx.ui.step("ask the farm for its compilers");
            let program = probe::program(host);
            let chroot = chroot.context("a build that is spread is in a chroot")?;
            let ours = probe::of_chroot(fx, chroot, &program)?;
            probe::all(&self.farm, &program, &ours)?;
            step.done(&ours.to_string());
            spread = Some(Spread::open(&self.farm, &scratch.join("farm"))?);
        }
        let ccache = self.ccache.as_ref().map(|fork| Ccache::open(fx, &fork.repository, &fork.vendor)).transpose()?;
        // On a worker `gcc` may be anything.
        let full = spread.is_some() || mode == Mode::Cross;
        let compiler = if full { probe::program(host) } else { "gcc".to_owned() };
        let before = match (&ccache, &spread) {
            (None, None) => None,
            (None, Some(_)) => Some("distcc"),
            // ccache calls distcc by itself, where it has nothing.
            (Some(_), _) => Some("ccache"),
        };
        Ok(Open { compiler: before.map(|b| format!("{b} {compiler}")), spread, ccache })
    }
}

impl Open {
    /// Lines for a makefile that have to come before `debian/rules`.
    pub fn makefile(&self) -> String {
        let mut lines = String::new();
        if let Some(compiler) = &self.compiler {
            lines.push_str(&format!("export LOCAL_ENV_CC := {compiler}\n"));
        }
        lines.push_str(&self.spread.as_ref().map(Spread::makefile).unwrap_or_default());
        lines.push_str(&self.ccache.as_ref().map(Ccache::makefile).unwrap_or_default());
        if self.spread.is_some() && self.ccache.is_some() {
            lines.push_str("export CCACHE_PREFIX := distcc\n");
        }
        lines
    }

    /// Directories of this machine that are seen inside, and where.
    pub fn mounts(&self) -> Vec<(Utf8PathBuf, &'static str)> {
        self.spread.as_ref().map(Spread::bind).into_iter().chain(self.ccache.as_ref().map(Ccache::bind)).collect()
    }

    /// Commands for the chroot's root, before and after the build.
    pub fn commands(&self) -> (Option<&'static str>, Option<&'static str>) {
        self.ccache.as_ref().map_or((None, None), |_| (Some(ccache::BEFORE), Some(ccache::AFTER)))
    }

    /// Says what became of it, and returns what ran where. `log`: the build's.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn report(&self, fx: &Effects, log: &Utf8Path) -> Result<(Vec<Share>, Option<Rate>)> {
        let shares = self.spread.as_ref().map(Spread::shares).unwrap_or_default();
        if !shares.is_empty() {
            spread::report(fx, &shares);
        }
        let rate = if self.ccache.is_some() { Rate::of_log(&fs_err::read_to_string(log)?) } else { None };
        if let Some(rate) = &rate {
            fx.ui.note(&format!("     ccache had {rate}"));
        }
        Ok((shares, rate))
    }
}
