// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask farm`, and builds that are spread: real distccd workers, on ports of this machine.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Child;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use xtask::formats::distcc::{self, Answer};

use crate::lab::{codename, Lab};

/// A worker that is ended with the test.
struct Worker {
    child: Child,
    port: u16,
}

impl Worker {
    fn start(lab: &Lab, port: u16) -> Self {
        let log = lab.path(&format!("worker-{port}"));
        let (port_text, suite) = (port.to_string(), codename());
        let args = ["farm", "serve", "--arch", "arm64", "--suite", &suite, "--port", &port_text, "--jobs", "2"];
        let mut worker = Self { child: lab.spawn(&args, &log), port };
        let name = format!("worker-{port}");
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(worker.child.try_wait().unwrap().is_none(), "{}", lab.text(&name));
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        worker
    }

    fn at(&self) -> String {
        format!("127.0.0.1:{}/2", self.port)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Stands in front of a worker and calls `last` when the nth connection is made, before it is passed on.
fn counted(port: u16, nth: usize, last: impl Fn() + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    let (count, last) = (AtomicUsize::new(0), Arc::new(last));
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            if count.fetch_add(1, Ordering::SeqCst) + 1 == nth {
                last();
            }
            std::thread::spawn(move || {
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { return };
                let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
                let _ = std::io::copy(&mut &server, &mut &client);
                let _ = client.shutdown(Shutdown::Both);
            });
        }
    });
    own
}

fn build(lab: &Lab, out: &str, args: &[&str]) -> serde_json::Value {
    let to = lab.path(out).display().to_string();
    let mut all = vec!["build", "arm64", "--flavour", "slim", "--out", &to];
    all.extend(args);
    lab.xtask(&all).ok();
    serde_json::from_str(&lab.text(&format!("{out}/metadata.json"))).unwrap()
}

#[test]
fn a_build_is_spread_and_a_worker_that_dies_costs_nothing() {
    let lab = Lab::new();
    lab.forked();
    let (one, two) = (Worker::start(&lab, free_port()), Worker::start(&lab, free_port()));
    let farm = format!("{},{}", one.at(), two.at());

    let said = lab.xtask(&["farm", "check", &farm, "--arch", "arm64"]).ok().stdout;
    assert_eq!(said.matches("for aarch64-linux-gnu").count(), 2, "{said}");

    let spread = build(&lab, "spread", &["--cross", "--farm", &farm]);
    let jobs = |at: &str| spread["compiled_at"][at].as_u64().unwrap();
    assert!(jobs(&one.at()) > 3 && jobs(&two.at()) > 3 && jobs("here") < 4, "{}", spread["compiled_at"]);
    build(&lab, "alone", &["--cross"]);
    let (a, b) = (lab.path("alone").display().to_string(), lab.path("spread").display().to_string());
    lab.xtask(&["compare", &a, &b]).ok();

    // The same workers do for an emulated build; one of them is killed with a job under way.
    let pid = two.child.id().to_string();
    let port = counted(two.port, 5, move || {
        std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap();
    });
    let farm = format!("{},127.0.0.1:{port}/2", one.at());
    let emulated = build(&lab, "emulated", &["--emulated", "--farm", &farm]);
    let jobs = |at: &str| emulated["compiled_at"][at].as_u64().unwrap();
    assert!(jobs(&one.at()) > 3, "{}", emulated["compiled_at"]);
    let lost = jobs(&format!("127.0.0.1:{port}/2"));
    assert!((1..5).contains(&lost), "{}", emulated["compiled_at"]);
    let b = lab.path("emulated").display().to_string();
    lab.xtask(&["compare", &a, &b]).ok();
}

const GCC: &str = "aarch64-linux-gnu-gcc";

/// Sends these bytes to a worker; what comes back.
fn send(port: u16, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

fn ask(port: u16, command: &str, source: &str) -> Answer {
    let words: Vec<&str> = command.split(' ').collect();
    distcc::answer(&send(port, &distcc::request(&words, source))).unwrap()
}

/// Command lines that would start a program, or read or write a file; each would reach `PORT` if it could.
const HOSTILE: &[&str] = &[
    "sh -c a.c -o a.o",
    "gcc -c a.c -o a.o",
    "/bin/../usr/bin/GCC -c a.c -o a.o",
    "GCC -wrapper /usr/bin/perl,-e,ATTACK -c a.c -o a.o",
    "GCC -wrapper /bin/bash,-c,exec</dev/tcp/127.0.0.1/PORT -c a.c -o a.o",
    "GCC -c a.c -o a.o -wrapper /usr/bin/env",
    "GCC -B/tmp -c a.c -o a.o",
    "GCC -B /tmp -c a.c -o a.o",
    "GCC -specs=/tmp/specs -c a.c -o a.o",
    "GCC --specs=/tmp/specs -c a.c -o a.o",
    "GCC --specs /tmp/specs -c a.c -o a.o",
    "GCC @/tmp/arguments -c a.c -o a.o",
    "GCC -fplugin=/tmp/a.so -c a.c -o a.o",
    "GCC -iplugindir=/tmp -c a.c -o a.o",
    "GCC -fmodule-mapper=|/bin/id -c a.c -o a.o",
    "GCC -Wa,-o,/tmp/b.o -c a.c -o a.o",
    "GCC -Wa,@/tmp/arguments -c a.c -o a.o",
    "GCC -Wl,-o,/tmp/b -c a.c -o a.o",
    "GCC -Xassembler -o -Xassembler /tmp/b.o -c a.c -o a.o",
    "GCC -x c++ -c a.c -o a.o",
    "GCC -c a.c -o a.o -o /tmp/b.o",
    "GCC -o/tmp/b.o -c a.c",
    "GCC -fdump-tree-all=/tmp/dump -c a.c -o a.o",
    "GCC -save-temps -c a.c -o a.o",
    "GCC -E a.c",
    "GCC a.c -o a.out",
];

#[test]
fn hostile_requests_start_nothing_and_see_nothing() {
    let lab = Lab::new();
    let worker = Worker::start(&lab, free_port());
    let good = || {
        let answer = ask(worker.port, "GCC -O2 -c a.c -o a.o".replace("GCC", GCC).as_str(), "int a;\n");
        assert_eq!((answer.status, answer.object.get(..4)), (0, Some(&b"\x7fELF"[..])), "{answer:?}");
    };
    good();
    let (reached, count) = (TcpListener::bind("127.0.0.1:0").unwrap(), Arc::new(AtomicUsize::new(0)));
    let (port, counter) = (reached.local_addr().unwrap().port().to_string(), Arc::clone(&count));
    std::thread::spawn(move || {
        reached.incoming().for_each(|_| {
            counter.fetch_add(1, Ordering::SeqCst);
        })
    });
    for command in HOSTILE {
        let answer = ask(worker.port, &command.replace("GCC", GCC).replace("PORT", &port), "int a;\n");
        assert!(answer.status != 0 && answer.object.is_empty(), "{command}");
        assert!(answer.stderr.contains("refused by the worker"), "{command}: {}", answer.stderr);
    }
    // What is no request of version 1 gets no answer.
    let one = String::from_utf8(distcc::request(&[GCC, "-c", "a.c", "-o", "a.o"], "int a;\n")).unwrap();
    for bytes in [
        "GET / HTTP/1.1\r\n\r\n".to_owned(),
        one.replace("DIST00000001", "DIST00000002"),
        one.replace("DIST00000001", "DIST00000003CDIR00000001/"),
        one.replace("ARGC00000005", "ARGCffffffff"),
        one.replace("DOTI00000007", "DOTIffffffff"),
        one.replace("ARGV00000003a.c", "ARGV00000003a\nc"),
    ] {
        assert_ne!(bytes, one);
        assert_eq!(send(worker.port, bytes.as_bytes()), b"", "{bytes:?}");
    }
    // Sources that have the assembler read files: of this machine, of its processes, of another job.
    let pid = worker.child.id();
    let mine = lab.path("kernel/Cargo.toml").display().to_string();
    for file in [mine, format!("/proc/{pid}/cmdline"), "/etc/machine-id".to_owned(), "/tmp/*.i".to_owned()] {
        let source = format!("asm(\".incbin \\\"{file}\\\"\");\n");
        let answer = ask(worker.port, &format!("{GCC} -c a.c -o a.o"), &source);
        assert!(answer.status != 0 && answer.object.is_empty(), "{file}");
    }
    good();
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

#[test]
fn a_job_is_alone_and_not_root_and_gone_when_it_ends() {
    let lab = Lab::new();
    let worker = Worker::start(&lab, free_port());
    let source: String = (0..3000).map(|n| format!("int f{n}(int x) {{ return x * {n} + f{n} (x - 1); }}\n")).collect();
    let port = worker.port;
    let job = std::thread::spawn(move || ask(port, &format!("{GCC} -O2 -c a.c -o a.o"), &source));
    let user = rustix::process::geteuid().as_raw();
    let (mut seen, read) = (None, |pid: u32, what: &str| std::fs::read_to_string(format!("/proc/{pid}/{what}")));
    while seen.is_none() && !job.is_finished() {
        for pid in lab.below(worker.child.id()) {
            let Ok(name) = read(pid, "comm") else { continue };
            let Ok(status) = read(pid, "status") else { continue };
            let line = |key: &str| status.lines().find_map(|l| l.strip_prefix(key)).unwrap_or_default().to_owned();
            let network = std::fs::read_link(format!("/proc/{pid}/ns/net")).ok();
            if name.trim() == "cc1" {
                seen = Some((line("Uid:"), line("NoNewPrivs:"), network));
            }
        }
    }
    assert_eq!(job.join().unwrap().status, 0);
    let (uid, no_new_privileges, network) = seen.expect("a compiler was seen");
    let own = if user == 0 { 65534 } else { user };
    assert!(uid.split_whitespace().all(|id| id == own.to_string()), "{uid}");
    assert_eq!(no_new_privileges.trim(), "1");
    assert_ne!(network, std::fs::read_link("/proc/self/ns/net").ok());
    // The client has its answer a moment before the last process has ended.
    while !lab.below(worker.child.id()).is_empty() {
        std::thread::yield_now();
    }
}

#[test]
fn a_permanent_worker_is_a_pair_of_units_that_systemd_understands() {
    let lab = Lab::new();
    let suite = codename();
    let to = lab.path("units").display().to_string();
    let serve = ["farm", "serve", "--arch", "arm64", "--suite", &suite, "--allow", "192.0.2.0/24", "--units", &to];
    let said = lab.xtask(&serve).ok().stdout;
    assert!(said.contains("systemctl enable --now kernel-fork-worker.socket"), "{said}");
    let service = lab.text("units/kernel-fork-worker@.service");
    let command = service.lines().find_map(|l| l.strip_prefix("ExecStart=")).unwrap();
    let words: Vec<&str> = command.split_whitespace().map(|w| w.trim_matches('"')).collect();
    // As systemd starts it: the connection is standard input, and the home is nowhere.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = std::thread::spawn(move || ask(port, &format!("{GCC} -c a.c -o a.o"), "int a;\n"));
    let connection = std::os::fd::OwnedFd::from(listener.accept().unwrap().0);
    let mut one = std::process::Command::new(words[0]);
    one.args(&words[1..]).env_clear().env("PATH", "/usr/bin:/bin").env("KERNEL_FORK_CACHE", "/tmp").stdin(connection);
    assert!(one.status().unwrap().success());
    drop(one);
    assert_eq!(client.join().unwrap().status, 0);
    let units = [format!("{to}/kernel-fork-worker.socket"), format!("{to}/kernel-fork-worker@.service")];
    // It wants a directory below /run, which a machine without a running systemd lacks.
    let verify = "mount -t tmpfs none /run && exec systemd-analyze verify --man=no \"$@\"";
    let inside = ["--map-root-user", "--mount", "sh", "-c", verify, "sh", &units[0], &units[1]];
    let outcome = lab.run("unshare", &inside).ok();
    let ours = |l: &&str| l.contains("kernel-fork-worker");
    assert_eq!(outcome.stderr.lines().find(ours), None, "{}", outcome.stderr);
}

#[test]
fn a_farm_that_does_not_fit_is_refused_before_anything_is_built() {
    let lab = Lab::new();
    lab.forked();
    let nobody = format!("127.0.0.1:{}/2", free_port());
    lab.xtask(&["farm", "check", &nobody]).fails(1, &["is not reached", "cannot compile one kernel"]);
    lab.xtask(&["farm", "check", "a b/2"]).fails(2, &["no worker"]);
    let out = lab.path("packages").display().to_string();
    let args = ["build", "arm64", "--cross", "--flavour", "slim", "--out", &out, "--farm", &nobody];
    let said = lab.xtask(&args).fails(5, &["ask the workers", "is not reached", "farm serve"]).stderr;
    // Neither a chroot nor the build's tree was made or unpacked first.
    for step in ["chroot", "compilers", "tree"] {
        assert!(!said.contains(step), "{said}");
    }
    assert!(!lab.path("packages").exists());
}
