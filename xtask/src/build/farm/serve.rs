// SPDX-License-Identifier: GPL-2.0-only
//! A worker: distccd without root, in a read-only chroot of the suite, where the only program that it may
//! start is the compiler for one architecture.

use anyhow::Result;
use camino::Utf8Path;
use xshell::cmd;

use super::probe::{self, Compiler};
use crate::arch::{self, Arch};
use crate::build::archive::Archive;
use crate::build::chroot::Recipe;
use crate::effects::{Effects, Run};
use crate::error::Kind;
use crate::sandbox::{self, Let};

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
    /// Serves from the unpacked chroot `root` until it is interrupted. `ready` is told the compiler first.
    ///
    /// # Errors
    /// The port is taken; distccd ends.
    pub fn run(&self, fx: &Effects, root: &Utf8Path, ready: impl FnOnce(&Compiler)) -> Result<()> {
        let program = probe::program(self.host);
        ready(&probe::of_root(fx, root, &program)?);
        let mut sandbox = sandbox::arguments(root, &[Let::Network]);
        // distccd does not run as root, and starts what has a name in this directory and nothing else.
        let link = format!("/usr/lib/distcc/{program}");
        sandbox.extend(
            ["--unshare-user", "--uid", "1000", "--gid", "1000", "--tmpfs", "/usr/lib/distcc"].map(str::to_owned),
        );
        sandbox.extend(["--symlink", "../../bin/distcc", &link].map(str::to_owned));
        let (port, jobs) = (self.port.to_string(), self.jobs.to_string());
        let mut who: Vec<&str> = self.allow.iter().flat_map(|net| ["--allow", net]).collect();
        if who.is_empty() {
            who.extend(["--listen", "127.0.0.1"]);
        }
        who.extend(["--allow", "127.0.0.1"]);
        let serve = cmd!(
            fx.sh,
            "bwrap {sandbox...} --new-session -- distccd --no-detach --daemon --log-stderr --log-level warning
             --port {port} --jobs {jobs} --job-lifetime 600 {who...}"
        );
        let hint = format!("is something else on port {port}? --port takes another");
        fx.change("/", Run::from(serve).or(Kind::Machine, hint).watch(|line| fx.ui.note(line)))?;
        Ok(())
    }
}
