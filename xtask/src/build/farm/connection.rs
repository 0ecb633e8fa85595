// SPDX-License-Identifier: GPL-2.0-only
//! One connection to a worker, in a process of its own: who asks, whether the command line may be run
//! ([`compile`]), and then `distccd --inetd` in a sandbox that ends with the job.
//!
//! distccd gets the request as it was understood here, through a pipe, and never the bytes that came. It sees a chroot,
//! read-only; no network, no other job's processes or files, and not this machine.

use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{getrlimit, setrlimit, Resource, Rlimit};

use super::network::Network;
use super::probe;
use crate::arch::Arch;
use crate::effects::{Bounds, Effects, Run};
use crate::error::{sentence, Kind};
use crate::formats::compile;
use crate::formats::distcc::{self, Request};
use crate::sandbox::{Sandbox, Unpacked};

/// No compilation takes longer.
pub const LIFETIME: Duration = Duration::from_secs(600);
/// A client that is silent for so long is gone.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of an object, and of what an answer has beside it.
const ANSWER: usize = 512 << 20;
/// What a compiler may use: seconds, bytes of each file, bytes of memory; and no core dumps.
const LIMITS: &[(Resource, u64)] = &[
    (Resource::Cpu, LIFETIME.as_secs()),
    (Resource::Fsize, ANSWER as u64),
    (Resource::As, 4 << 30),
    (Resource::Core, 0),
];

/// Serves the connection that is standard input. `allow`: who may ask, beside this machine.
///
/// # Errors
/// It is not a connection; whoever asks may not; the request is not one; distccd fails.
pub fn serve(fx: &Effects, chroot: &Unpacked, host: &Arch, allow: &[Network]) -> Result<()> {
    // Whoever started this is gone: then so is the job.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    let stream = TcpStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let Ok(peer) = stream.peer_addr() else {
        fail!(Input, "standard input is not a connection"; "`cargo xtask farm serve` takes connections and calls this");
    };
    let peer = peer.ip().to_canonical();
    if !peer.is_loopback() && !allow.iter().any(|network| network.has(peer)) {
        fail!(Input, "{peer} may not ask"; "`farm serve --allow {peer}` lets it");
    }
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    limit()?;
    let program = probe::program(host);
    let request = Request::read(&mut BufReader::new(&stream)).with_context(|| format!("{peer}"))?;
    if let Err(e) = compile::check(&request.command, &program) {
        let why = anyhow::Error::from(e);
        // As an answer: the client then compiles by itself, and goes on asking.
        (&stream).write_all(&distcc::refusal(&format!("refused by the worker: {}\n", sentence(&why))))?;
        return Err(why.context(format!("{peer}: refused")));
    }
    let run = Run::from(sandbox(chroot, &program)?.run(&fx.sh, DISTCCD)).at("/".into()).never_as_root();
    let bounds = Bounds { time: LIFETIME, output: ANSWER };
    fx.relay(run.or(Kind::Machine, "distccd says why"), &request.bytes(), &mut &stream, bounds)
}

const DISTCCD: [&str; 5] = ["distccd", "--inetd", "--log-stderr", "--log-level", "warning"];

/// distccd starts what has a name in `/usr/lib/distcc` and nothing else.
fn sandbox(chroot: &Unpacked, program: &str) -> Result<Sandbox> {
    let link = format!("/usr/lib/distcc/{program}");
    let sandbox = Sandbox::chroot(chroot)?.user(1000).own_dir("/usr/lib/distcc");
    Ok(sandbox.link("../../bin/distcc", &link).at("/tmp"))
}

/// For this process and all that it starts.
fn limit() -> Result<()> {
    for (resource, most) in LIMITS {
        let now = getrlimit(*resource);
        let most = now.maximum.map_or(*most, |m| m.min(*most));
        setrlimit(*resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    Ok(())
}
