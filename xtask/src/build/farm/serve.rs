// SPDX-License-Identifier: GPL-2.0-only
//! A worker: distccd without root, in a read-only chroot of the suite, where the only program that it may
//! start is the compiler for one architecture.

use anyhow::Result;

use super::probe::{self, Compiler};
use crate::arch::{self, Arch};
use crate::build::archive::Archive;
use crate::build::chroot::Recipe;
use crate::effects::{Effects, Run};
use crate::error::Kind;
use crate::sandbox::{Sandbox, Unpacked};

/// How to serve.
pub struct Worker<'a> {
    pub host: &'static Arch,
    pub port: u16,
    pub jobs: usize,
    /// Networks that may ask, such as `192.168.1.0/24`; none is this machine alone.
    pub allow: &'a [String],
}

/// The chroot that a worker for `host` runs in.
///
/// # Errors
/// This machine's architecture is not known.
pub fn recipe<'a>(archive: &'a Archive, host: &'static Arch) -> Result<Recipe<'a>> {
    let own = arch::build()?;
    // Package names have the triplet with dashes.
    let compiler = if own == host { "gcc".to_owned() } else { format!("gcc-{}", host.triplet.replace('_', "-")) };
    let depends = format!("distcc, {compiler}");
    Ok(Recipe { depends, ..Recipe::bare(archive, vec![own]) })
}

impl Worker<'_> {
    /// Serves from `chroot` until it is interrupted. `ready` is told the compiler first.
    ///
    /// # Errors
    /// The port is taken; distccd ends.
    pub fn run(&self, fx: &Effects, chroot: &Unpacked, ready: impl FnOnce(&Compiler)) -> Result<()> {
        let program = probe::program(self.host);
        ready(&probe::of_unpacked(fx, chroot, &program)?);
        // distccd does not run as root, and starts what has a name in this directory and nothing else.
        let link = format!("/usr/lib/distcc/{program}");
        let sandbox = Sandbox::chroot(chroot)?.network().user(1000);
        let sandbox = sandbox.own_dir("/usr/lib/distcc").link("../../bin/distcc", &link);
        let (port, jobs) = (self.port.to_string(), self.jobs.to_string());
        let mut who: Vec<&str> = self.allow.iter().flat_map(|net| ["--allow", net]).collect();
        if who.is_empty() {
            who.extend(["--listen", "127.0.0.1"]);
        }
        who.extend(["--allow", "127.0.0.1"]);
        let fixed = ["--no-detach", "--daemon", "--log-stderr", "--log-level", "warning", "--job-lifetime", "600"];
        let distccd = ["distccd", "--port", &port, "--jobs", &jobs].into_iter().chain(fixed).chain(who);
        let serve = sandbox.run(&fx.sh, distccd);
        let hint = format!("is something else on port {port}? --port takes another");
        fx.change("/", Run::from(serve).lasting().or(Kind::Machine, hint).watch(|line| fx.ui.note(line)))?;
        Ok(())
    }
}
