// SPDX-License-Identifier: GPL-2.0-only
//! A worker: a port, and for each connection a process ([`connection`](super::connection)) that checks the request and
//! has distccd serve it in a sandbox of its own.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::connection::LIFETIME;
use super::network::Network;
use super::probe::{self, Compiler};
use crate::arch::{self, Arch};
use crate::build::archive::Archive;
use crate::build::chroot::Recipe;
use crate::effects::{Effects, Run};
use crate::sandbox::Unpacked;

/// How to serve.
pub struct Worker<'a> {
    pub host: &'static Arch,
    pub port: u16,
    pub jobs: usize,
    /// Networks that may ask; none is this machine alone.
    pub allow: &'a [Network],
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
    /// The port is taken; the chroot has no such compiler.
    pub fn run(&self, fx: &Effects, chroot: &Unpacked, ready: impl FnOnce(&Compiler)) -> Result<()> {
        ready(&probe::of_unpacked(fx, chroot, &probe::program(self.host))?);
        let program = Utf8PathBuf::try_from(std::env::current_exe()?)?;
        let command = self.connection(&program, chroot.dir());
        let at: &[SocketAddr] = match self.allow {
            [] => &[(Ipv4Addr::LOCALHOST, self.port).into()],
            // The second where there is no IPv6.
            _ => &[(Ipv6Addr::UNSPECIFIED, self.port).into(), (Ipv4Addr::UNSPECIFIED, self.port).into()],
        };
        fx.serve(at, self.jobs, LIFETIME, || Run::from(fx.sh.cmd(&command[0]).args(&command[1..])))
    }

    /// The command that serves one connection, with `program` and the chroot at `dir`.
    pub fn connection(&self, program: &Utf8Path, dir: &Utf8Path) -> Vec<String> {
        let host = self.host.debian;
        let fixed = [program.as_str(), "farm", "connection", "--arch", host, "--chroot", dir.as_str()];
        let allow = self.allow.iter().flat_map(|network| ["--allow".to_owned(), network.to_string()]);
        fixed.map(str::to_owned).into_iter().chain(allow).collect()
    }
}
