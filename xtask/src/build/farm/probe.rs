// SPDX-License-Identifier: GPL-2.0-only
//! Which compiler a worker has, in its own words, and which one a chroot has: objects of two that differ do
//! not belong into one kernel. distcc itself compares nothing, and an x86 compiler of the right version
//! would pass for a cross compiler.

use std::io::{Read, Write};
use std::time::Duration;

use anyhow::{Context, Result};

use super::bridge;
use super::worker::Worker;
use crate::arch::Arch;
use crate::build::chroot::Chroot;
use crate::effects::{Effects, Run};
use crate::error::{sentence, Kind};
use crate::formats::distcc;
use crate::sandbox::{Sandbox, Unpacked};

/// A compiler takes a fraction of a second over one line, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(30);

/// What `gcc -v` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiler {
    /// As `-dumpmachine` has it.
    pub target: String,
    /// Version and package, such as `12.2.0 (Debian 12.2.0-14)`.
    pub version: String,
}

impl std::fmt::Display for Compiler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "gcc {} for {}", self.version, self.target)
    }
}

impl Compiler {
    fn said(text: &str) -> Option<Self> {
        let field = |name: &str| text.lines().find_map(|l| l.strip_prefix(name)).map(|v| v.trim().to_owned());
        Some(Self { target: field("Target: ")?, version: field("gcc version ")? })
    }
}

/// The name that the compiler for `host` goes by on every machine, of that architecture or another.
pub fn program(host: &Arch) -> String {
    format!("{}-gcc", host.triplet)
}

/// Asks a worker, by having it compile one line.
///
/// # Errors
/// It is not reached ([`Kind::Network`]), does not answer, or has no such compiler ([`Kind::Machine`]).
pub fn of_worker(worker: &Worker, program: &str) -> Result<Compiler> {
    let mut stream = match bridge::connect(worker) {
        Ok(stream) => stream,
        Err(e) => {
            fail!(Network, "worker {worker} is not reached: {}", sentence(&e); "`cargo xtask farm serve` starts one there")
        }
    };
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = distcc::request(&[program, "-v", "-c", "probe.c", "-o", "probe.o"], "int probe;\n");
    let mut bytes = Vec::new();
    let talked =
        stream.write_all(&request).and_then(|()| (&mut stream).take(distcc::LONGEST as u64).read_to_end(&mut bytes));
    // A worker that refuses closes, with or without an error on this side.
    if bytes.is_empty() {
        let why = talked.err().map_or(String::new(), |e| format!(" ({e})"));
        fail!(Machine, "worker {worker} gives no answer{why}";
            "it must have {program}, and allow this machine to ask: `cargo xtask farm serve --allow NETWORK` there");
    }
    let answer = distcc::answer(&bytes).with_context(|| format!("worker {worker}"))?;
    match Compiler::said(&answer.stderr) {
        Some(compiler) if answer.status == 0 && !answer.object.is_empty() => Ok(compiler),
        _ => {
            let last = answer.stderr.lines().last().unwrap_or_default().to_owned();
            fail!(Machine, "worker {worker} cannot compile with {program}: {}", last.escape_debug();
                "`cargo xtask farm serve --arch ARCH` there brings the compiler")
        }
    }
}

/// Asks the compiler of a chroot.
///
/// # Errors
/// The chroot cannot be unpacked; it has no such compiler.
pub fn of_chroot(fx: &Effects, chroot: &Chroot, program: &str) -> Result<Compiler> {
    of_unpacked(fx, &chroot.unpack(fx)?, program)
}

/// As [`of_chroot`], where it is unpacked.
///
/// # Errors
/// There is no such compiler.
pub fn of_unpacked(fx: &Effects, chroot: &Unpacked, program: &str) -> Result<Compiler> {
    let mut said = String::new();
    let ask = Sandbox::chroot(chroot)?.run(&fx.sh, [program, "-v"]);
    let watch = |line: &str| said.push_str(&format!("{line}\n"));
    fx.read(Run::from(ask).or(Kind::Machine, "the chroot's compiler is asked in bubblewrap").watch(watch))?;
    Compiler::said(&said).with_context(|| format!("{program} does not say what it is"))
}

/// Asks every worker, and compares each with `ours`.
///
/// # Errors
/// As [`of_worker`]; another compiler ([`Kind::Check`]).
pub fn all(workers: &[Worker], program: &str, ours: &Compiler) -> Result<()> {
    for worker in workers {
        let theirs = of_worker(worker, program)?;
        if theirs != *ours {
            fail!(Check, "worker {worker} has {theirs}, and the build {ours}";
                "`cargo xtask farm serve --suite SUITE` there takes the compiler of the build's own suite; \
                 `chroot update` brings both up to date");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// A worker that answers one question with these bytes.
    fn worker(answer: Vec<u8>) -> (Worker, std::thread::JoinHandle<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = vec![0; 4096];
            let n = stream.read(&mut asked).unwrap();
            stream.write_all(&answer).unwrap();
            asked.truncate(n);
            asked
        });
        (Worker { host: "127.0.0.1".into(), port, slots: 1 }, thread)
    }

    fn answer(status: u32, said: &str) -> Vec<u8> {
        let object = if status == 0 { "object" } else { "" };
        format!("DONE00000001STAT{status:08x}SERR{:08x}{said}SOUT00000000DOTO{:08x}{object}", said.len(), object.len())
            .into_bytes()
    }

    #[test]
    fn a_worker_says_which_compiler_it_has() {
        let said = "Using built-in specs.\nTarget: aarch64-linux-gnu\ngcc version 12.2.0 (Debian 12.2.0-14) \n";
        let (at, thread) = worker(answer(0, said));
        let ours = Compiler { target: "aarch64-linux-gnu".into(), version: "12.2.0 (Debian 12.2.0-14)".into() };
        all(&[at], "aarch64-linux-gnu-gcc", &ours).unwrap();
        assert!(String::from_utf8(thread.join().unwrap()).unwrap().contains("aarch64-linux-gnu-gcc"));
    }

    #[test]
    fn the_target_counts_as_much_as_the_version() {
        let (at, _) = worker(answer(0, "Target: x86_64-linux-gnu\ngcc version 12.2.0 (Debian 12.2.0-14)\n"));
        let ours = Compiler { target: "aarch64-linux-gnu".into(), version: "12.2.0 (Debian 12.2.0-14)".into() };
        let error = all(&[at], "aarch64-linux-gnu-gcc", &ours).unwrap_err();
        assert!(error.to_string().contains("x86_64-linux-gnu"), "{error}");
        assert_eq!(crate::error::exit_code(&error), 1);
    }

    #[test]
    fn what_is_no_worker_is_named() {
        let table = [
            (answer(0x6e00, "failed to exec\n"), "cannot compile with gcc: failed to exec", 4),
            (Vec::new(), "gives no answer", 4),
            (b"220 mail.example ESMTP\r\n".to_vec(), "no answer of distcc's", 3),
        ];
        for (bytes, says, code) in table {
            let (at, _) = worker(bytes);
            let error = of_worker(&at, "gcc").unwrap_err();
            assert!(format!("{error:#}").contains(says), "{error:#}");
            assert_eq!(crate::error::exit_code(&error), code, "{error:#}");
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let error = of_worker(&Worker { host: "127.0.0.1".into(), port, slots: 1 }, "gcc").unwrap_err();
        assert_eq!(crate::error::exit_code(&error), 5, "{error:#}");
    }
}
