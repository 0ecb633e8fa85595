// SPDX-License-Identifier: GPL-2.0-only
//! The sandbox, attacked from inside by each kind of code that runs in it: a vendor's makefiles, programs of a
//! chroot, packages while they are installed, headers while a module is compiled.

use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use camino::Utf8Path;
use xtask::sandbox::{Sandbox, Unpacked};

use crate::lab::{codename, Lab, Outcome, TAG};

/// Services, files and processes of this machine, and a program that tries to reach each of them.
struct Machine {
    reached: Arc<AtomicUsize>,
    socket: PathBuf,
    home: PathBuf,
    process: Child,
    attack: String,
}

impl Machine {
    fn new(lab: &Lab) -> Self {
        let reached = Arc::new(AtomicUsize::new(0));
        let name = lab.path("").file_name().unwrap().to_str().unwrap().replace('.', "kernel-fork-test-");
        let user = rustix::process::geteuid().as_raw();
        let places = ["/run".to_owned(), format!("/run/user/{user}"), "/run/lock".to_owned(), "/dev/shm".to_owned()];
        let (socket, listener) = places
            .iter()
            .map(|place| Path::new(place).join(&name))
            .find_map(|path| UnixListener::bind(&path).ok().map(|listener| (path, listener)))
            .expect("a socket in /run");
        answer(&reached, move || listener.accept().is_ok());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let listener = UnixListener::bind_addr(&address).unwrap();
        answer(&reached, move || listener.accept().is_ok());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        answer(&reached, move || listener.accept().is_ok());
        lab.write("home/.ssh/id", "a secret\n");
        // A home of a machine that has them elsewhere.
        let home = Path::new("/srv").join(&name);
        let home = if std::fs::create_dir(&home).is_ok() { home } else { lab.path("home/elsewhere") };
        std::fs::create_dir_all(&home).unwrap();
        std::fs::write(home.join("id"), "a secret\n").unwrap();
        let process = Command::new("sh").args(["-c", "read line", &name]).stdin(Stdio::piped()).spawn().unwrap();
        let attack = include_str!("attack.pl")
            .replace("SOCKET", socket.to_str().unwrap())
            .replace("PORT", &port.to_string())
            .replace("FILES", &format!("{} {}", lab.path("home/.ssh/id").display(), home.join("id").display()))
            .replace("NAME", &name);
        Self { reached, socket, home, process, attack }
    }

    /// Panics unless the program ran, and reached nothing.
    #[track_caller]
    fn untouched(&self, outcome: &Outcome) {
        let said = format!("{}{}", outcome.stdout, outcome.stderr);
        assert!(said.contains("tried everything, reached nothing;"), "{said}");
        assert_eq!(self.reached.load(Ordering::SeqCst), 0, "a service was reached:\n{said}");
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_file(&self.socket);
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

/// Counts connections.
fn answer(reached: &Arc<AtomicUsize>, accept: impl Fn() -> bool + Send + 'static) {
    let reached = Arc::clone(reached);
    std::thread::spawn(move || {
        while accept() {
            reached.fetch_add(1, Ordering::SeqCst);
        }
    });
}

#[test]
fn outside_of_the_sandbox_everything_is_reached() {
    let lab = Lab::without_cache();
    let machine = Machine::new(&lab);
    let said = lab.run("perl", &["-e", &machine.attack]).ok().stdout;
    assert_eq!(said, "tried everything, reached unix abstract tcp home home process;\n");
}

#[test]
fn makefiles_of_a_vendor_reach_nothing_while_kconfig_runs() {
    let lab = Lab::new();
    let machine = Machine::new(&lab);
    let url = lab.vendor();
    lab.write("vendor/scripts/attack.pl", &machine.attack);
    let makefile = lab.text("vendor/Makefile");
    lab.write("vendor/Makefile", &format!("$(error $(shell perl scripts/attack.pl))\n{makefile}"));
    lab.commit("vendor", "an attack");
    lab.git("vendor", &["tag", "--force", "--annotate", "--message", "x", TAG]);
    let outcome = lab.xtask(&["fork", TAG, "--url", &url, "--series", &codename()]);
    machine.untouched(&outcome.fails(4, &["Makefile:1: ***"]));
}

/// The packages of this machine count here; where it lacks some, nothing runs.
#[test]
fn a_build_right_on_the_machine_reaches_nothing() {
    let lab = Lab::new();
    let machine = Machine::new(&lab);
    let url = lab.vendor();
    lab.write("vendor/scripts/attack.pl", &machine.attack);
    let makefile = lab.text("vendor/Makefile");
    // While it is forked, Kconfig does not see which packages are installed.
    let attack = "ifneq ($(wildcard /var/lib/dpkg/status),)\n$(error $(shell perl scripts/attack.pl))\nendif\n";
    lab.write("vendor/Makefile", &format!("{attack}{makefile}"));
    lab.commit("vendor", "an attack");
    lab.git("vendor", &["tag", "--force", "--annotate", "--message", "x", TAG]);
    lab.edit("kernel/debian.master/control.d/vars.slim", "arch=\"arm64\"", "arch=\"amd64 arm64\"");
    lab.commit("kernel", "slim for both");
    lab.xtask(&["fork", TAG, "--url", &url, "--series", &codename()]).ok();
    let outcome = lab.xtask(&["build", "amd64", "--native", "--host", "--flavour", "slim"]);
    if outcome.code == 4 {
        outcome.fails(4, &["lacks build dependencies"]);
    } else {
        machine.untouched(&outcome.fails(6, &["Makefile:2: ***"]));
    }
}

#[test]
fn programs_of_this_machine_and_of_a_chroot_reach_nothing() {
    let lab = Lab::new();
    let machine = Machine::new(&lab);
    let tar = lab.xtask(&["chroot", "create", &codename()]).ok().stdout.trim().to_owned();
    let dir = lab.path("chroot").display().to_string();
    std::fs::create_dir_all(lab.path("chroot/root")).unwrap();
    lab.write("chroot/unpacked", "");
    lab.run("tar", &["-xf", &tar, "-C", &format!("{dir}/root"), "--exclude=./dev/*", "--no-same-owner"]).ok();
    let chroot = Unpacked::at(Utf8Path::new(&dir)).unwrap();
    let sandboxes = [
        Sandbox::machine().unwrap(),
        Sandbox::chroot(&chroot).unwrap(),
        Sandbox::writable_chroot(&chroot).user(0),
        Sandbox::chroot(&chroot).unwrap().user(1000),
    ];
    let sh = xshell::Shell::new().unwrap();
    for sandbox in &sandboxes {
        let run = |words: [&str; 3]| Outcome::of(Command::from(sandbox.run(&sh, words)).output().unwrap());
        machine.untouched(&run(["perl", "-e", &machine.attack]).ok());
        // Nothing is in the places that are its own.
        assert_eq!(run(["sh", "-c", "find /run /tmp /home /srv /root -mindepth 1 2>/dev/null"]).stdout.trim(), "");
    }
    let name = Path::new(&tar).file_stem().unwrap().to_str().unwrap();
    machine.untouched(&lab.xtask(&["chroot", "shell", name, "--", "perl", "-e", &machine.attack]).ok());
    // The network is had by asking for it.
    let outcome = lab.xtask(&["chroot", "shell", "--network", name, "--", "perl", "-e", &machine.attack]).ok();
    assert_eq!(outcome.stdout, "tried everything, reached abstract tcp;\n");
}

#[test]
fn packages_reach_nothing_while_they_are_installed_and_modules_compiled() {
    let lab = Lab::new();
    let machine = Machine::new(&lab);
    let set = lab.package_set("set", "amd64", "6.1.42-1.1+lab", "a kernel");
    let stage = "stage-set/linux-headers-6.1.42-1-slim";
    let headers = "usr/src/linux-headers-6.1.42-1-slim";
    let attack = machine.attack.replace('\'', "\"");
    lab.script(&format!("{stage}/{headers}/attack.pl"), &attack);
    lab.write(&format!("{stage}/{headers}/Makefile"), "$(error Error: $(shell cat attack.log; perl attack.pl))\n");
    let postinst = format!("#!/bin/sh\nset -e\nperl /{headers}/attack.pl >/{headers}/attack.log\n");
    lab.script(&format!("{stage}/DEBIAN/postinst"), &postinst);
    lab.pack(stage, "set");
    let outcome = lab.xtask(&["audit", "--build-module", &set]).fails(1, &[]);
    machine.untouched(&outcome);
    assert_eq!(outcome.stdout.matches("reached nothing;").count(), 2, "{}", outcome.stdout);
}

#[test]
fn a_sandbox_does_not_control_the_terminal_of_the_user() {
    let lab = Lab::new();
    let tar = lab.xtask(&["chroot", "create", &codename()]).ok().stdout.trim().to_owned();
    let name = Path::new(&tar).file_stem().unwrap().to_str().unwrap();
    // `/dev/tty` is the terminal that a process is controlled by.
    let typed = "sh -c 'echo controlled >/dev/tty' || echo 'no terminal'";
    let outcome = lab.on_terminal(&["chroot", "shell", name, "--", "sh", "-c", typed], &[]);
    assert!(outcome.stderr.contains("no terminal") && !outcome.stderr.contains("controlled\r"), "{}", outcome.stderr);
    // A shell has one of its own, so that job control works.
    let dialog = [("#", "test -t 0 && jobs -l && set -o | grep monitor; exit 7\n")];
    let outcome = lab.on_terminal(&["chroot", "shell", name], &dialog);
    assert!(outcome.stderr.contains("monitor        \ton"), "{}", outcome.stderr);
    assert_eq!(outcome.code, 1, "{}", outcome.stderr);
}
