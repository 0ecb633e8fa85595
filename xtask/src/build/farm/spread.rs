// SPDX-License-Identifier: GPL-2.0-only
//! What a build needs to be spread: a directory that is bound into it, lines for its makefile, and the report
//! of what ran where.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::bridge::Bridge;
use super::worker::Worker;
use crate::effects::Effects;
use crate::ui::count;

/// What the chroot has to have, besides the compiler.
pub const PACKAGES: &[&str] = &["distcc", "socat"];
/// Where the directory is seen inside.
pub const INSIDE: &str = "/farm";

/// Stands where distcc calls ssh: its first argument is the worker.
const CONNECT: &str = "#!/bin/sh\nexec socat - \"UNIX-CONNECT:/farm/$1.sock\"\n";

/// A build's way to its workers, open as long as this is.
pub struct Spread {
    workers: Vec<Worker>,
    dir: Utf8PathBuf,
    bridge: Bridge,
}

/// How many jobs ran where.
#[derive(Debug, PartialEq, Eq)]
pub struct Share {
    /// A worker, or `here`.
    pub at: String,
    pub jobs: u64,
    /// Jobs that it was given and did not bring back; they ran elsewhere.
    pub lost: u64,
}

/// Jobs that the build is to run at once: as many as fit into the workers.
pub fn jobs(workers: &[Worker]) -> usize {
    workers.iter().map(|w| w.slots).sum()
}

impl Spread {
    /// Opens the way, in the new directory `dir` (of a scratch that the users of a chroot can reach).
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn open(workers: &[Worker], dir: &Utf8Path) -> Result<Self> {
        let allow =
            |path: &Utf8Path, mode| fs_err::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode));
        fs_err::create_dir(dir)?;
        let (connect, log) = (dir.join("connect"), dir.join("log"));
        fs_err::write(&connect, CONNECT)?;
        allow(&connect, 0o755)?;
        fs_err::write(&log, "")?;
        allow(&log, 0o666)?;
        Ok(Self { workers: workers.to_vec(), dir: dir.to_owned(), bridge: Bridge::open(dir, workers)? })
    }

    /// What is seen inside, and where.
    pub fn bind(&self) -> (Utf8PathBuf, &'static str) {
        (self.dir.clone(), INSIDE)
    }

    /// Lines for a makefile that has to come before `debian/rules`: the environment of distcc.
    pub fn makefile(&self) -> String {
        format!(
            "export DISTCC_SSH := {INSIDE}/connect\nexport DISTCC_LOG := {INSIDE}/log\nexport DISTCC_DIR := /tmp/distcc\n\
             # A machine that has fallen silent without closing the connection.\n\
             export DISTCC_IO_TIMEOUT := 120\n\
             # How long one waits for a free slot, in milliseconds; a second is longer than most files take.\n\
             export DISTCC_PAUSE_TIME_MSEC := 20\n\
             export LOCAL_ENV_DISTCC_HOSTS := {}\n$(shell mkdir -p /tmp/distcc)\n",
            hosts(&self.workers)
        )
    }

    /// What has run where up to now.
    pub fn shares(&self) -> Vec<Share> {
        let log = fs_err::read_to_string(self.dir.join("log")).unwrap_or_default();
        let mut shares: Vec<Share> = self
            .workers
            .iter()
            .zip(self.bridge.counts())
            .map(|(worker, count)| Share { at: worker.to_string(), jobs: count.jobs, lost: count.lost })
            .collect();
        shares.push(Share { at: "here".to_owned(), jobs: compiled_here(&log), lost: 0 });
        shares
    }
}

/// Says what ran where.
pub fn report(fx: &Effects, shares: &[Share]) {
    let all: u64 = shares.iter().map(|s| s.jobs).sum();
    let mut rows = vec![["COMPILED AT", "JOBS", "SHARE"].map(str::to_owned).to_vec()];
    for share in shares {
        let percent = (share.jobs * 100 + all / 2).checked_div(all).unwrap_or(0);
        rows.push(vec![share.at.clone(), share.jobs.to_string(), format!("{percent} %")]);
    }
    fx.ui.table(&rows);
    for share in shares.iter().filter(|s| s.lost > 0) {
        fx.ui.warn(&format!(
            "worker {} did not bring back {}; compiled elsewhere",
            share.at,
            count(share.lost as usize, "job")
        ));
    }
}

/// The workers as distcc reads them: over ssh, by number.
fn hosts(workers: &[Worker]) -> String {
    let words: Vec<String> = workers.iter().enumerate().map(|(n, w)| format!("@{n}/{}", w.slots)).collect();
    words.join(" ")
}

/// Compilations that distcc kept, or got back; it also runs what is no compilation.
fn compiled_here(log: &str) -> u64 {
    // Questions to the compiler, without a file, are `(null)` to it.
    let here = |l: &&str| {
        l.contains("] compile ") && !l.contains("] compile (null)") && l.ends_with(" on localhost completed ok")
    };
    log.lines().filter(here).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_tells_what_was_compiled_here() {
        let log = "distcc[1] compile from 4.c to 4.o\ndistcc[1] cpp t/4.c on localhost completed ok\n\
                   distcc[1] compile t/4.c on @0/2 completed ok\ndistcc[2] compile t/5.c on localhost completed ok\n\
                   distcc[3] compile (null) on localhost completed ok\n";
        assert_eq!(compiled_here(log), 1);
    }

    #[test]
    fn workers_are_numbered_for_distcc() {
        let workers: Vec<Worker> = ["a/8", "b:99/1"].iter().map(|w| w.parse().unwrap()).collect();
        assert_eq!((hosts(&workers).as_str(), jobs(&workers)), ("@0/8 @1/1", 9));
    }
}
