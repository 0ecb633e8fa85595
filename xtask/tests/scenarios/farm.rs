// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask farm`, and builds that are spread: real distccd workers, on ports of this machine.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Child;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

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

#[test]
fn a_worker_compiles_and_does_nothing_else() {
    let lab = Lab::new();
    let worker = Worker::start(&lab, free_port());
    let ask = |command: &[&str], source: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", worker.port)).unwrap();
        stream.write_all(&xtask::formats::distcc::request(command, source)).unwrap();
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        xtask::formats::distcc::answer(&bytes)
    };
    let gcc = "aarch64-linux-gnu-gcc";
    let good = ask(&[gcc, "-c", "a.c", "-o", "a.o"], "int a;\n").unwrap();
    assert_eq!((good.status, &good.object[..4]), (0, &b"\x7fELF"[..]));
    // Another program, another compiler, the compiler by a path, code of the sender's in the compiler.
    for command in [
        &["sh", "-c", "a.c", "-o", "a.o"][..],
        &["gcc", "-c", "a.c", "-o", "a.o"],
        &["/bin/../usr/bin/gcc", "-c", "a.c", "-o", "a.o"],
        &[gcc, "-fplugin=/tmp/a.so", "-c", "a.c", "-o", "a.o"],
    ] {
        assert!(ask(command, "int a;\n").is_err(), "{command:?}");
    }
    // Nothing of this machine is there to be read.
    let secret = format!("asm(\".incbin \\\"{}\\\"\");\n", lab.path("kernel/Cargo.toml").display());
    assert_ne!(ask(&[gcc, "-c", "a.c", "-o", "a.o"], &secret).unwrap().status, 0);
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
    lab.xtask(&args).fails(5, &["is not reached", "farm serve"]);
    assert!(!lab.path("packages").exists());
}
