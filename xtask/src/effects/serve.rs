// SPDX-License-Identifier: GPL-2.0-only
//! Connections: a process of its own for each of them, and a program that is fed and heard through pipes.
//!
//! What a sandbox runs must never get hold of a socket. A socket stays in the network that it was made in, and whoever
//! has it can connect it anew, to any port of the machine.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::process::WaitOptions;

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
    /// Listens at the first of the addresses that this machine has, and starts a program for each connection, which is
    /// its standard input, `most` at once. Each is ended after `time`. Comes back when the user interrupts, and then as
    /// an error; in a dry run at once.
    ///
    /// # Errors
    /// The port is taken; the program cannot be started.
    pub fn serve<'a>(
        &self,
        at: &[SocketAddr],
        most: usize,
        time: Duration,
        program: impl Fn() -> Run<'a>,
    ) -> Result<()> {
        if self.dry {
            self.plan(&program().line());
            return Ok(());
        }
        let port = at.first().map_or(0, SocketAddr::port);
        let listener = TcpListener::bind(at).map_err(|e| {
            let hint = format!("is something else on port {port}? --port takes another");
            anyhow::Error::from(e)
                .context(Failure::new(Kind::Machine, format!("cannot listen on port {port}")).hint(hint))
        })?;
        listener.set_nonblocking(true)?;
        let mut children = Children(Vec::new());
        while !signals::interrupted() {
            children.look(time);
            if children.0.len() >= most {
                std::thread::sleep(Duration::from_millis(2));
                continue;
            }
            let timeout = Timespec { tv_sec: 0, tv_nsec: i64::try_from(LOOK.as_nanos())? };
            // A signal ends the wait, too.
            let _ = poll(&mut [PollFd::new(&listener, PollFlags::IN)], Some(&timeout));
            // Whoever connects may be gone already.
            let Ok((connection, _)) = listener.accept() else { continue };
            connection.set_nonblocking(false)?;
            let mut run = program();
            self.ui.command(&run.line());
            run.command.process_group(0).stdin(Stdio::from(OwnedFd::from(connection))).stdout(Stdio::null());
            let child = run.command.spawn().with_context(|| format!("cannot start `{}`", run.name))?;
            children.0.push((child, Instant::now()));
        }
        fail!(Interrupted, "interrupted while serving")
    }

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
        let mut child = Children(vec![(child, Instant::now())]);
        let (stdin, stdout) = (child.0[0].0.stdin.take(), child.0[0].0.stdout.take());
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
        let status = child.0[0].0.wait()?;
        if !status.success() {
            return Err(Failure::new(run.kind, format!("`{}` failed with {status}", run.name)).into());
        }
        Ok(())
    }
}

fn pass(child: &mut Children, from: &mpsc::Receiver<Vec<u8>>, to: &mut impl Write, bounds: Bounds) -> Result<()> {
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
        if child.0[0].1.elapsed() > bounds.time {
            return Err(Failure::new(Kind::Check, "the time is over").into());
        }
    }
}

/// Processes, each with its start; they end with this.
struct Children(Vec<(Child, Instant)>);

impl Children {
    /// Ends those that have had their time, and forgets those that have ended. What one of them has left behind has
    /// become a child of this process, and is waited for too.
    fn look(&mut self, time: Duration) {
        for (child, _) in self.0.iter_mut().filter(|(_, start)| start.elapsed() > time) {
            let _ = child.kill();
        }
        while let Ok(Some((ended, _))) = rustix::process::wait(WaitOptions::NOHANG) {
            let ended = u32::try_from(ended.as_raw_nonzero().get()).unwrap_or_default();
            self.0.retain(|(child, _)| child.id() != ended);
        }
    }

    fn end(&mut self) {
        for (child, _) in &mut self.0 {
            // It may have ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        self.end();
    }
}
