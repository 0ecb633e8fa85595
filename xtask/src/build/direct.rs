// SPDX-License-Identifier: GPL-2.0-only
//! A build right on the machine, without a chroot: for a machine that runs the series itself, with its own
//! compiler and its own packages. It runs in the sandbox, where it sees what is installed and nothing else of the
//! machine.

use anyhow::{Context, Result};
use fs_err as fs;
use xshell::cmd;

use super::progress::Progress;
use super::sbuild::{Job, PLACE};
use super::source::{NAME, RULES};
use crate::effects::{Did, Effects, Run};
use crate::error::Kind;
use crate::sandbox::Sandbox;

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
    // dpkg looks up which packages are installed, and what their libraries are called.
    let mut sandbox = Sandbox::machine()?.see("/var/lib/dpkg".into(), "/var/lib/dpkg").env("LC_ALL", "C.UTF-8");
    for (from, to) in job.mounts {
        sandbox = sandbox.see(from, to);
    }
    // Objects go to /tmp, and are too many for memory.
    let at = format!("{PLACE}/{NAME}");
    let sandbox = sandbox.change(&tmp, "/tmp").own_dir("/var/tmp").change(&place, PLACE).at(&at);
    let sandbox = sandbox.env("DEB_BUILD_OPTIONS", &format!("parallel={}", job.jobs));
    let rules = format!("-Rmake -f {RULES} {}", job.variables.join(" "));
    let build = sandbox.run(&fx.sh, ["dpkg-buildpackage", "--build=binary", "-us", "-uc", &rules]);
    let run =
        Run::from(build).or(Kind::Build, "the first `error:` or `Error` in the log is most often the one that counts");
    let did = fx.change(out, run.log(log).watch(|line| progress.line(line)))?;
    for entry in place.read_dir_utf8().with_context(|| format!("cannot read {place}"))? {
        let entry = entry?;
        if entry.file_type()?.is_file() && did == Did::Done {
            fs::copy(entry.path(), out.join(entry.file_name())).with_context(|| format!("cannot write in {out}"))?;
        }
    }
    Ok(did)
}
