// SPDX-License-Identifier: GPL-2.0-only
//! A UNIX socket for each worker, and behind it a connection to that worker alone: the only thing that a
//! build without network reaches. What passes is counted, which is the report of what ran where.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};

use super::worker::Worker;
use crate::formats::distcc;

/// A machine in the same network answers long before; one that is gone must not hold up a compilation.
const CONNECT: Duration = Duration::from_secs(3);

/// What became of the connections to one worker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Compiled there.
    pub jobs: u64,
    /// Not compiled there: the worker was not reached, refused, or was gone before it had answered.
    pub lost: u64,
}

#[derive(Default)]
struct Counter {
    jobs: AtomicU64,
    lost: AtomicU64,
}

/// The sockets; they are there as long as this is.
pub struct Bridge {
    doors: Vec<Door>,
    closing: Arc<AtomicBool>,
}

struct Door {
    socket: Utf8PathBuf,
    counter: Arc<Counter>,
    thread: Option<JoinHandle<()>>,
}

impl Bridge {
    /// Opens `N.sock` in `dir` for each of the workers, counted from 0.
    ///
    /// # Errors
    /// The sockets cannot be made.
    pub fn open(dir: &Utf8Path, workers: &[Worker]) -> Result<Self> {
        let mut this = Self { doors: Vec::new(), closing: Arc::default() };
        for (n, worker) in workers.iter().enumerate() {
            let socket = dir.join(format!("{n}.sock"));
            let listener = UnixListener::bind(&socket).with_context(|| format!("cannot make {socket}"))?;
            // The users of a rootless chroot are strangers here.
            fs_err::set_permissions(&socket, PermissionsExt::from_mode(0o666))?;
            let counter = Arc::new(Counter::default());
            let (count, closing, worker) = (Arc::clone(&counter), Arc::clone(&this.closing), worker.clone());
            let thread = std::thread::spawn(move || {
                for build in listener.incoming() {
                    if closing.load(Ordering::Relaxed) {
                        return;
                    }
                    let Ok(build) = build else { continue };
                    let (count, worker) = (Arc::clone(&count), worker.clone());
                    // Where no thread can be had the connection closes, and distcc compiles by itself.
                    let _ = std::thread::Builder::new().spawn(move || {
                        let answered = carry(&build, &worker).is_ok_and(|answered| answered);
                        let which = if answered { &count.jobs } else { &count.lost };
                        which.fetch_add(1, Ordering::Relaxed);
                        let _ = build.shutdown(Shutdown::Both);
                    });
                }
            });
            this.doors.push(Door { socket, counter, thread: Some(thread) });
        }
        Ok(this)
    }

    /// What has passed up to now, worker by worker.
    pub fn counts(&self) -> Vec<Count> {
        let count = |c: &Counter| Count { jobs: c.jobs.load(Ordering::Relaxed), lost: c.lost.load(Ordering::Relaxed) };
        self.doors.iter().map(|d| count(&d.counter)).collect()
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        for door in &mut self.doors {
            // Whoever waits for a connection gets one, and sees that it is the last.
            if UnixStream::connect(&door.socket).is_ok() {
                let _ = door.thread.take().map(JoinHandle::join);
            }
        }
    }
}

/// A connection to a worker that notices within half a minute when it is no longer there.
///
/// # Errors
/// It is not reached.
pub fn connect(worker: &Worker) -> Result<TcpStream> {
    let mut last = None;
    for address in (worker.host.as_str(), worker.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                rustix::net::sockopt::set_socket_keepalive(&stream, true)?;
                rustix::net::sockopt::set_tcp_keepidle(&stream, Duration::from_secs(10))?;
                rustix::net::sockopt::set_tcp_keepintvl(&stream, Duration::from_secs(5))?;
                rustix::net::sockopt::set_tcp_keepcnt(&stream, 3)?;
                return Ok(stream);
            }
            Err(e) => last = Some(e),
        }
    }
    Err(last.map_or_else(|| anyhow::anyhow!("the name has no address"), Into::into))
}

/// Passes both ways until either side ends. Did the worker compile it? distcc does so itself where not.
fn carry(build: &UnixStream, worker: &Worker) -> Result<bool> {
    let remote = connect(worker)?;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _ = pass(build, &remote);
            let _ = remote.shutdown(Shutdown::Write);
        });
        let answer = pass(&remote, build);
        // The other direction waits for a build that has nothing more to say.
        let _ = build.shutdown(Shutdown::Both);
        Ok(distcc::compiled(&answer?))
    })
}

/// Copies until the end; the first bytes that passed.
fn pass(mut from: impl Read, mut to: impl Write) -> std::io::Result<Vec<u8>> {
    let mut buffer = vec![0; 1 << 16];
    let mut first = Vec::new();
    loop {
        let n = match from.read(&mut buffer) {
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            n => n?,
        };
        if n == 0 {
            return Ok(first);
        }
        if first.len() < distcc::BEGINNING {
            first.extend_from_slice(&buffer[..n.min(distcc::BEGINNING - first.len())]);
        }
        to.write_all(&buffer[..n])?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn send(dir: &Utf8Path, n: usize) -> String {
        let mut stream = UnixStream::connect(dir.join(format!("{n}.sock"))).unwrap();
        let _ = stream.write_all(b"question");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    }

    #[test]
    fn what_passes_is_counted_and_a_worker_that_is_gone_closes_the_door() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = listener.local_addr().unwrap().port();
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let worker = |port| Worker { host: "127.0.0.1".into(), port, slots: 1 };
        let bridge = Bridge::open(dir, &[worker(here), worker(gone)]).unwrap();
        let server = std::thread::spawn(move || {
            // The second time nothing is answered.
            for answer in [&b"DONE00000001STAT00000000 and so on"[..], b""] {
                let (mut stream, _) = listener.accept().unwrap();
                stream.read_exact(&mut [0; 8]).unwrap();
                stream.write_all(answer).unwrap();
            }
        });
        assert_eq!(send(dir, 0), "DONE00000001STAT00000000 and so on");
        assert_eq!(send(dir, 0), "");
        assert_eq!(send(dir, 1), "");
        server.join().unwrap();
        let want = [Count { jobs: 1, lost: 1 }, Count { jobs: 0, lost: 1 }];
        // The last count is made after the connection has closed.
        while bridge.counts() != want {
            std::thread::yield_now();
        }
    }
}
