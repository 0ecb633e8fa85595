// SPDX-License-Identifier: GPL-2.0-only
//! A build right on the machine, without a chroot: for a machine that runs the series itself, with its own
//! compiler and its own packages. It sees the machine read-only, and neither its homes nor its network.

use std::fs;

use anyhow::{Context, Result};
use xshell::cmd;

use super::progress::Progress;
use super::sbuild::{Job, PLACE};
use super::source::{NAME, RULES};
use crate::effects::{Did, Effects, Run};
use crate::error::Kind;
use crate::sandbox;

/// As [`sbuild::run`](super::sbuild::run).
///
/// # Errors
/// The machine lacks build dependencies ([`Kind::Machine`]); the build fails ([`Kind::Build`]).
pub fn run(fx: &Effects, job: &Job, progress: &mut Progress) -> Result<Did> {
    let Job { scratch, out, log, .. } = job;
    let (place, tmp) = (scratch.join("place"), scratch.join("tmp"));
    for dir in [&place, &tmp] {
        fs::create_dir(dir)?;
    }
    fs::rename(scratch.join(NAME), place.join(NAME))?;
    let control = place.join(NAME).join("debian/control");
    let mut said = String::new();
    let check = Run::from(cmd!(fx.sh, "dpkg-checkbuilddeps {control}").env("LC_ALL", "C")).any_status();
    if !fx.read(check.watch(|line| said.push_str(line)))?.status.success() {
        let missing = said.rsplit_once("dependencies: ").map_or(said.as_str(), |(_, names)| names);
        fail!(Machine, "this machine lacks build dependencies: {missing}"; "install them, or build without --host, in a chroot");
    }
    let mut sandbox = sandbox::machine()?;
    for (from, to) in job.mounts {
        sandbox.extend(["--ro-bind", from.as_str(), to].map(str::to_owned));
    }
    // Objects go to /tmp, and are too many for memory.
    sandbox.extend(["--bind", tmp.as_str(), "/tmp", "--bind", place.as_str(), PLACE].map(str::to_owned));
    sandbox.extend(["--chdir", &format!("{PLACE}/{NAME}"), "--new-session"].map(str::to_owned));
    sandbox.extend(["--setenv", "DEB_BUILD_OPTIONS", &format!("parallel={}", job.jobs)].map(str::to_owned));
    let rules = format!("-Rmake -f {RULES} {}", job.variables.join(" "));
    let build = cmd!(fx.sh, "bwrap {sandbox...} -- dpkg-buildpackage --build=binary -us -uc {rules}");
    let run =
        Run::from(build).or(Kind::Build, "the first `error:` or `Error` in the log is most often the one that counts");
    let did = fx.change(out, run.log(log).watch(|line| progress.line(line)))?;
    for entry in place.read_dir_utf8()? {
        let entry = entry?;
        if entry.file_type()?.is_file() && did == Did::Done {
            fs::copy(entry.path(), out.join(entry.file_name())).with_context(|| format!("cannot write in {out}"))?;
        }
    }
    Ok(did)
}
