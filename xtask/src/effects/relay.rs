// SPDX-License-Identifier: GPL-2.0-only
//! A program that is fed and heard through pipes.
//!
//! What a sandbox runs must never get hold of a socket. A socket stays in the network that it was made in, and whoever
//! has it can connect it anew, to any port of the machine.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::command::Run;
use super::{signals, Effects};
use crate::error::{Failure, Kind};

/// How often an interruption is looked for.
const LOOK: Duration = Duration::from_millis(100);

/// How much a connection may cost.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Before it is ended.
    pub time: Duration,
    /// Bytes of output.
    pub output: usize,
}

impl Effects {
    /// Runs a program with `input` for it to read, and passes on what it prints as it comes.
    ///
    /// # Errors
    /// It exceeds its bounds or fails; `output` cannot be written.
    pub fn relay<'a>(
        &self,
        run: impl Into<Run<'a>>,
        input: &[u8],
        output: &mut impl Write,
        bounds: Bounds,
    ) -> Result<()> {
        let mut run = run.into();
        self.ui.command(&run.line());
        run.command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let child = run.command.spawn().with_context(|| format!("cannot start `{}`", run.name))?;
        let mut child = Running(child, Instant::now());
        let (stdin, stdout) = (child.0.stdin.take(), child.0.stdout.take());
        let (mut stdin, mut stdout) = stdin.zip(stdout).context("the program has pipes")?;
        std::thread::scope(|scope| {
            let (send, receive) = mpsc::sync_channel(4);
            let feeder = scope.spawn(move || {
                // A program that does not read all of its input is no fault of the feeder.
                let _ = stdin.write_all(input);
                stdin
            });
            scope.spawn(move || {
                let mut buffer = vec![0; 1 << 16];
                while let Ok(n @ 1..) = stdout.read(&mut buffer) {
                    if send.send(buffer[..n].to_vec()).is_err() {
                        return;
                    }
                }
            });
            // Ended before the threads are waited for, whichever way this goes.
            let passed = pass(&mut child, &receive, output, bounds).inspect_err(|_| child.end());
            // Until now: where its input ends, distccd takes the client for gone.
            drop(feeder.join());
            passed
        })?;
        let status = child.0.wait()?;
        if !status.success() {
            return Err(Failure::new(run.kind, format!("`{}` failed with {status}", run.name)).into());
        }
        Ok(())
    }
}

fn pass(child: &mut Running, from: &mpsc::Receiver<Vec<u8>>, to: &mut impl Write, bounds: Bounds) -> Result<()> {
    let mut left = bounds.output;
    loop {
        match from.recv_timeout(LOOK) {
            Ok(bytes) => {
                let Some(rest) = left.checked_sub(bytes.len()) else {
                    return Err(Failure::new(Kind::Check, "the output is too large").into());
                };
                left = rest;
                to.write_all(&bytes)?;
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(()),
            Err(mpsc::RecvTimeoutError::Timeout) if signals::interrupted() => fail!(Interrupted, "interrupted"),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
        if child.1.elapsed() > bounds.time {
            return Err(Failure::new(Kind::Check, "the time is over").into());
        }
    }
}

/// A process that ends with this.
struct Running(Child, Instant);

impl Running {
    fn end(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}
