// SPDX-License-Identifier: GPL-2.0-only
//! Running the virtual machines that kernels are booted in; what they are is in `arch.rs`.
//!
//! `commands` calls it. A machine gets an image and an initrd and nothing else: no disk, no network.

use std::cell::Cell;
use std::time::{Duration, Instant};

use anyhow::Result;
use camino::Utf8Path;

use super::console;
use crate::arch::{self, Arch};
use crate::effects::{Effects, Ended, Run};
use crate::error::Kind;

/// No boot and measurement takes longer, on the slowest machine; what talks on for longer is in a loop.
const LONGEST: Duration = Duration::from_secs(30 * 60);
/// CPUs of a machine: one to be isolated, one for everything else.
pub const CPUS: usize = 2;

/// The machine for an architecture.
#[derive(Debug, Clone, Copy)]
pub struct Machine {
    arch: &'static Arch,
    kind: &'static arch::Machine,
}

/// What is booted.
pub struct Job<'a> {
    pub image: &'a Utf8Path,
    pub initrd: &'a Utf8Path,
    /// Behind what the machine itself needs.
    pub parameters: &'a [String],
    /// How long it may say nothing.
    pub watchdog: Duration,
}

/// The machine for an architecture.
///
/// # Errors
/// There is none.
pub fn machine(arch: &'static Arch) -> Result<Machine> {
    match &arch.machine {
        Some(kind) => Ok(Machine { arch, kind }),
        None => fail!(Input, "there is no virtual machine here for {}", arch.debian; "boot it on the machine itself"),
    }
}

impl Machine {
    /// Is it the processor of this machine that runs it?
    pub fn helped(self) -> bool {
        let kvm = || fs_err::File::options().read(true).write(true).open("/dev/kvm");
        arch::build().is_ok_and(|a| a == self.arch) && kvm().is_ok()
    }

    /// The program with everything it needs.
    pub fn command<'a>(self, fx: &'a Effects, job: &Job) -> xshell::Cmd<'a> {
        let helped = self.helped();
        let accelerator = if helped { "kvm" } else { "tcg,thread=multi" };
        // A kernel that panics starts again at once, which here means: ends.
        let parameters = format!("console={} panic=-1 {}", self.kind.console, job.parameters.join(" "));
        let cpus = CPUS.to_string();
        fx.sh
            .cmd(format!("qemu-system-{}", self.arch.qemu))
            .args(if helped { self.kind.helped } else { self.kind.emulated })
            .args(["-accel", accelerator, "-smp", &cpus, "-m", "1024", "-nic", "none", "-no-reboot"])
            .args(["-display", "none", "-monitor", "none", "-serial", "stdio"])
            .args(["-kernel", job.image.as_str(), "-initrd", job.initrd.as_str(), "-append", &parameters])
    }

    /// Boots it and listens until it has said everything. Returns the lines of its console.
    ///
    /// # Errors
    /// QEMU cannot be started. What becomes of the kernel is no error here.
    pub fn run(self, fx: &Effects, job: &Job) -> Result<(Vec<String>, Ended)> {
        let mut lines = Vec::new();
        let start = Instant::now();
        let endless = Cell::new(false);
        let enough = |line: &str| {
            let line = line.trim();
            if line.is_empty() {
                return false;
            }
            fx.ui.progress(
                line.strip_prefix("@fork ").map_or(line, |word| word.split(['|', '<']).next().unwrap_or_default()),
            );
            lines.push(line.to_owned());
            endless.set(start.elapsed() > LONGEST);
            endless.get() || console::is_end(line)
        };
        let hint = format!("qemu-system-{} is in the package {}", self.arch.qemu, self.kind.package);
        let run = Run::from(self.command(fx, job)).ends_with_us().or(Kind::Machine, hint.as_str());
        let answer = fx.read(run.any_status().until(enough).until_silence(job.watchdog))?;
        if answer.ended == Ended::Itself && !answer.status.success() {
            fail!(Machine, "QEMU failed with {}: {}", answer.status, lines.last().map_or("", String::as_str); "{hint}");
        }
        let ended = answer.ended;
        Ok((lines, if endless.get() { Ended::Silent } else { ended }))
    }
}
