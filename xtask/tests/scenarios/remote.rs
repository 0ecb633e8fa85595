// SPDX-License-Identifier: GPL-2.0-only
//! Remotes that misbehave: one that hangs, one that hangs up in the middle, one whose tags are no names for a
//! shell.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use crate::lab::{codename, Lab, TAG};

const NEXT: &str = "v6.1.43";

/// `git daemon` on a port of this machine that hangs up after so many bytes of each connection.
struct Server {
    port: u16,
    limit: Arc<AtomicUsize>,
}

impl Server {
    fn new(lab: &Lab) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server =
            Self { port: listener.local_addr().unwrap().port(), limit: Arc::new(AtomicUsize::new(usize::MAX)) };
        let (limit, base) = (Arc::clone(&server.limit), lab.path("."));
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let (limit, base) = (limit.load(Ordering::SeqCst), base.clone());
                std::thread::spawn(move || serve(connection.unwrap(), limit, &base));
            }
        });
        server
    }

    fn address(&self, name: &str) -> String {
        format!("git://127.0.0.1:{}/{name}", self.port)
    }

    fn hang_up_after(&self, bytes: usize) {
        self.limit.store(bytes, Ordering::SeqCst);
    }
}

fn serve(mut connection: TcpStream, limit: usize, base: &Path) {
    let stdin = OwnedFd::from(connection.try_clone().unwrap());
    let mut daemon = Command::new("git");
    daemon.args(["-c", "safe.directory=*", "daemon", "--inetd", "--export-all", "--base-path-relaxed"]);
    daemon.arg(format!("--base-path={}", base.display())).stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::null());
    daemon.env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_KEY_0", "safe.directory").env("GIT_CONFIG_VALUE_0", "*");
    let mut daemon = daemon.spawn().unwrap();
    let mut answer = daemon.stdout.take().unwrap().take(limit as u64);
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = answer.read(&mut buffer) {
        if connection.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    drop(answer);
    let _ = connection.shutdown(std::net::Shutdown::Both);
    let _ = daemon.wait();
}

/// A fork, and a vendor with a newer release.
fn lab() -> Lab {
    let lab = Lab::new();
    lab.forked();
    lab.write("vendor/lib/news.txt", "6.1.43\n");
    lab.tag("vendor", NEXT);
    lab.git("vendor", &["config", "uploadpack.allowFilter", "true"]);
    lab
}

#[test]
fn one_that_hangs_up_in_the_middle_leaves_nothing_and_the_next_try_succeeds() {
    let lab = lab();
    let server = Server::new(&lab);
    let (url, old) = (server.address("vendor"), lab.address("vendor"));
    lab.edit("kernel/Cargo.toml", &old, &url);
    lab.commit("kernel", "settings: our mirror");
    let suite = codename();
    let fork = ["fork", TAG, "--branch", "again", "--series", &suite, "--into", "../again"];
    // Past the list of tags, within the objects.
    server.hang_up_after(9_000);
    let before = lab.snapshot();
    for command in [&fork[..], &["graft-history", "--full"]] {
        lab.xtask(command).fails(5, &["hint:", &url]);
        lab.unchanged(&before);
    }
    server.hang_up_after(100);
    for command in [&fork[..], &["rebase", NEXT], &["rebase", "--latest"], &["graft-history"], &["tags"]] {
        lab.xtask(command).fails(5, &["hint:", &url]);
        lab.unchanged(&before);
    }
    server.hang_up_after(usize::MAX);
    lab.xtask(&fork).ok();
    lab.xtask(&["rebase", NEXT]).ok();
    lab.xtask(&["graft-history"]).ok();
    assert_eq!(lab.git("kernel", &["status", "--porcelain"]), "");
    assert_eq!(lab.git("kernel", &["fsck", "--full", "--no-dangling"]), "");
}

#[test]
fn one_that_hangs_is_given_up() {
    let lab = lab();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // Takes every call and never says a word.
    std::thread::spawn(move || listener.incoming().collect::<Vec<_>>());
    let before = lab.snapshot();
    for scheme in ["git", "http"] {
        let url = format!("{scheme}://127.0.0.1:{port}/vendor");
        for command in [&["rebase", NEXT][..], &["tags"], &["upgrade", "--from"]] {
            let mut args = command.to_vec();
            args.extend(if command[0] == "upgrade" { vec![url.as_str()] } else { vec!["--url", &url] });
            lab.xtask_with(&[("KERNEL_FORK_TIMEOUT", "2")], &args).fails(5, &["hint:", &url]);
        }
        lab.unchanged(&before);
    }
}

#[test]
fn what_is_interrupted_while_one_hangs_leaves_nothing() {
    let lab = lab();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("git://{}/vendor", listener.local_addr().unwrap());
    lab.edit("kernel/Cargo.toml", &lab.address("vendor"), &url);
    lab.commit("kernel", "settings: a mirror");
    let before = lab.snapshot();
    let mut child = lab.spawn(&["graft-history", "--full"], &lab.path("said"));
    let call = listener.accept().unwrap();
    lab.run("kill", &["-INT", &child.id().to_string()]).ok();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{}", lab.text("said"));
    drop(call);
    std::fs::remove_file(lab.path("said")).unwrap();
    lab.unchanged(&before);
}

#[test]
fn tags_that_are_no_names_for_a_shell_are_passed_over_and_refused() {
    let lab = lab();
    let commit = lab.git("vendor", &["rev-parse", "HEAD"]);
    let odd = ["v6.1.44;reboot", "v6.1.44$(id)", "v6.1.44'", "v6.1.44`id`", "v6.1.44|id", "v6.1.44&", "-v6.1.44"];
    for name in odd {
        lab.git("vendor", &["update-ref", &format!("refs/tags/{name}"), &commit]);
    }
    let listed = lab.xtask(&["tags"]).ok().stdout;
    assert!(listed.contains(NEXT) && !listed.contains("v6.1.44"), "{listed}");
    let before = lab.snapshot();
    let never =
        ["v6.1.43^{}", "v6.1.43~1", "v6.1.43:lib", "v6..1", "v6.1@{1}", "v6.1.*", "v6.1 43", "v6.1.43.lock", "", "."];
    for name in odd.iter().chain(&never) {
        for command in ["fork", "rebase"] {
            lab.xtask(&[command, "--", name]).fails(3, &["error:"]);
        }
    }
    lab.unchanged(&before);
    lab.xtask(&["rebase", "--latest"]).ok();
    lab.xtask(&["graft-history"]).ok();
    let tags = lab.git("kernel", &["tag", "--list"]);
    assert_eq!(tags, format!("{TAG}\n{NEXT}"));
}
