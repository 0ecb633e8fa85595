// SPDX-License-Identifier: GPL-2.0-only
//! A service: a process of its own for each connection, of which a few at a time may work.
//!
//! Whoever connects and says nothing costs nobody else anything: reading a request takes no turn, turns go round among
//! the peers, and each peer has a bounded number of processes and of connections that wait for one.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::process::WaitOptions;

use super::command::Run;
use super::{signals, Effects};
use crate::error::{Failure, Kind};

/// How often an interruption is looked for.
const LOOK: Duration = Duration::from_millis(100);
/// Processes of one peer for each turn that there is: while some work, others read.
const EACH: usize = 2;
/// Connections of one peer that wait for a process; more are closed.
const WAITING: usize = 64;
/// All connections that are open.
const ALL: usize = 512;

impl Effects {
    /// Listens at the first of the addresses that this machine has, and starts a program for each connection, which is
    /// its standard input. Its standard output is for [`turn`]: `most` programs work at once, each is ended after
    /// `time`. Comes back when the user interrupts, and then as an error; in a dry run at once.
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
        let mut clients = Clients { started: Vec::new(), waiting: Vec::new(), most };
        while !signals::interrupted() {
            clients.look(time);
            clients.give_turns();
            while let Some((connection, peer)) = clients.next() {
                let mut run = program();
                self.ui.command(&run.line());
                let (gate, theirs) = UnixStream::pair()?;
                gate.set_nonblocking(true)?;
                connection.set_nonblocking(false)?;
                run.command.process_group(0).stdin(OwnedFd::from(connection)).stdout(OwnedFd::from(theirs));
                let child = run.command.spawn().with_context(|| format!("cannot start `{}`", run.name))?;
                clients.started.push(Client { child, gate, peer, state: State::Asks, since: Instant::now() });
            }
            clients.wait(&listener);
            clients.accept(&listener);
        }
        fail!(Interrupted, "interrupted while serving")
    }
}

/// Waits for a turn to work, in a program that [`Effects::serve`] has started.
///
/// # Errors
/// Standard output is not from there; the service has ended.
pub fn turn() -> Result<()> {
    let mut gate = UnixStream::from(std::io::stdout().as_fd().try_clone_to_owned()?);
    let granted = gate.write_all(b"?").and_then(|()| gate.read_exact(&mut [0]));
    granted.context("the service that started this has ended")
}

/// What a client's process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It reads a request, within bounds of its own.
    Asks,
    /// It waits for its turn.
    Waits,
    Works,
    /// It has ended, and is not reaped yet.
    Over,
}

struct Client {
    child: Child,
    gate: UnixStream,
    peer: IpAddr,
    state: State,
    /// When the state began.
    since: Instant,
}

impl Client {
    fn is_now(&mut self, state: State) {
        (self.state, self.since) = (state, Instant::now());
    }
}

/// All of them; their processes end with this.
struct Clients {
    started: Vec<Client>,
    waiting: Vec<(TcpStream, IpAddr)>,
    most: usize,
}

impl Clients {
    /// Sees what each does, ends those that have had their time, and forgets those that have ended. What one of them has
    /// left behind has become a child of this process, and is waited for too.
    fn look(&mut self, time: Duration) {
        for client in self.started.iter_mut().filter(|c| c.state != State::Over) {
            match client.gate.read(&mut [0]) {
                Ok(1..) if client.state == State::Asks => client.is_now(State::Waits),
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                _ => client.is_now(State::Over),
            }
            if client.state == State::Works && client.since.elapsed() > time {
                let _ = client.child.kill();
            }
        }
        while let Ok(Some((ended, _))) = rustix::process::wait(WaitOptions::NOHANG) {
            let ended = u32::try_from(ended.as_raw_nonzero().get()).unwrap_or_default();
            self.started.retain(|client| client.child.id() != ended);
        }
    }

    fn count(&self, of: impl Fn(&Client) -> bool) -> usize {
        self.started.iter().filter(|client| of(client)).count()
    }

    /// Lets as many work as may: first those of a peer for which the fewest work, and of these who has waited longest.
    fn give_turns(&mut self) {
        while self.count(|c| c.state == State::Works) < self.most {
            let working = |peer| self.count(|c| c.state == State::Works && c.peer == peer);
            let waiting = self.started.iter().enumerate().filter(|(_, c)| c.state == State::Waits);
            let Some((next, _)) = waiting.min_by_key(|(_, c)| (working(c.peer), c.since)) else { return };
            let client = &mut self.started[next];
            let told = client.gate.write_all(b"!").is_ok();
            client.is_now(if told { State::Works } else { State::Over });
        }
    }

    /// A connection that waits, of a peer that may have one more process.
    fn next(&mut self) -> Option<(TcpStream, IpAddr)> {
        let of = |peer: IpAddr| self.count(|c| c.peer == peer && c.state != State::Over);
        let next = self.waiting.iter().position(|(_, peer)| of(*peer) < EACH * self.most)?;
        Some(self.waiting.remove(next))
    }

    /// Waits until something may have changed. A signal ends the wait, too.
    fn wait(&self, listener: &TcpListener) {
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(LOOK.subsec_nanos()) };
        let room = self.started.len() + self.waiting.len() < ALL;
        let mut fds: Vec<PollFd> = room.then(|| PollFd::new(listener, PollFlags::IN)).into_iter().collect();
        let going_on = self.started.iter().filter(|c| c.state != State::Over);
        fds.extend(going_on.map(|client| PollFd::new(&client.gate, PollFlags::IN)));
        let _ = poll(&mut fds, Some(&timeout));
    }

    fn accept(&mut self, listener: &TcpListener) {
        while self.started.len() + self.waiting.len() < ALL {
            // Whoever connects may be gone already.
            let Ok((connection, address)) = listener.accept() else { return };
            let peer = peer(address);
            if self.waiting.iter().filter(|(_, other)| *other == peer).count() < WAITING {
                self.waiting.push((connection, peer));
            }
        }
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        for client in &mut self.started {
            // It may have ended.
            let _ = client.child.kill();
            let _ = client.child.wait();
        }
    }
}

/// Who it is that connects. Of IPv6 the network, in which a machine may take any address.
fn peer(address: SocketAddr) -> IpAddr {
    match address.ip().to_canonical() {
        IpAddr::V6(own) => Ipv6Addr::from_bits(own.to_bits() >> 64 << 64).into(),
        own => own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_a_machine() {
        let of = |text: &str| peer(text.parse().unwrap()).to_string();
        assert_eq!(of("[::ffff:192.0.2.7]:9"), "192.0.2.7");
        assert_eq!(of("[2001:db8:1:2:3:4:5:6]:9"), "2001:db8:1:2::");
    }
}
