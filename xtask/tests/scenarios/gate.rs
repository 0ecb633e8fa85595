// SPDX-License-Identifier: GPL-2.0-only
//! Rules that hold for every command: output that is not written, directories under any umask, two file systems,
//! signals, and refused or dry runs that leave nothing behind.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Stdio;

use crate::lab::{codename, Lab, Outcome, TAG};
use crate::machine::on;

#[test]
fn data_that_cannot_be_written_is_an_error_and_a_closed_pipe_is_none() {
    let lab = Lab::new();
    let url = lab.forked();
    lab.write(
        "annotations",
        "# FORMAT: 4\n# ARCH: amd64\n# FLAVOUR: amd64-generic\n\nCONFIG_A policy<{'amd64': 'y'}>\n",
    );
    let file = lab.path("annotations").display().to_string();
    let commands: [&[&str]; 11] = [
        &[],
        &["flavour", "list"],
        &["flavour", "show", "slim"],
        &["annotations", "export", "--file", &file, "--arch", "amd64", "--flavour", "generic"],
        &["tags", "--json", "--url", &url],
        &["isolate", "--cpus", "1"],
        &["completions", "bash"],
        &["--dry-run", "flavour", "remove", "tickless"],
        &["--help"],
        &["build", "--help"],
        &["--version"],
    ];
    for args in commands {
        let to = |stdout: Stdio| {
            let mut command = lab.command(env!("CARGO_BIN_EXE_xtask"), "kernel");
            let child = command.args(args).stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
            Outcome::of(child.wait_with_output().unwrap())
        };
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let outcome = to(full.into()).fails(4, &["cannot write to standard output", "hint: free room"]);
        assert_eq!(outcome.stderr.matches("error:").count(), 1, "{args:?}: {}", outcome.stderr);
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        drop(reader);
        to(writer.into()).fails(0, &[]);
    }
}

/// The home decides where what chroots' users have to reach is kept, and the umask nothing.
#[test]
fn directories_have_their_modes_under_any_umask_and_home() {
    for (umask, home) in [("0002", 0o700), ("0002", 0o750), ("0002", 0o755), ("0077", 0o700), ("0077", 0o755)] {
        let lab = Lab::new();
        lab.edit("kernel/debian.master/control.d/vars.slim", "arch=\"arm64\"", "arch=\"amd64 arm64\"");
        lab.commit("kernel", "slim for both");
        lab.forked();
        let chmod = |name: &str, mode| fs::set_permissions(lab.path(name), PermissionsExt::from_mode(mode)).unwrap();
        chmod(".", 0o755);
        chmod("home", home);
        fs::create_dir(lab.path("var-tmp")).unwrap();
        chmod("var-tmp", 0o1777);
        // The tree is made before the build's dependencies are looked at, and that is enough here.
        let set = format!(
            "mount --bind var-tmp /var/tmp && mount --bind /bin/false /usr/bin/dpkg-checkbuilddeps && \
             unset KERNEL_FORK_CACHE && umask {umask}"
        );
        let build = ["build", "amd64", "--native", "--host", "--flavour", "slim"];
        let run = |args: &[&str]| {
            let said = on(&lab, &set, args);
            assert!(!said.stderr.contains("yours alone"), "umask {umask}, home {home:o}: {}", said.stderr);
            said
        };
        let first = run(&build).fails(4, &["lacks build dependencies"]);
        let (kept, other) = match home & 1 {
            1 => (lab.path("home/.cache/kernel-fork"), lab.path("var-tmp/kernel-fork-0")),
            _ => (lab.path("var-tmp/kernel-fork-0"), lab.path("home/.cache/kernel-fork/trees")),
        };
        assert!(kept.join("trees").is_dir() && !other.exists(), "umask {umask}, home {home:o}: {}", first.stderr);
        for dir in [kept.clone(), kept.join("trees")] {
            assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o777, 0o755, "umask {umask}: {}", dir.display());
        }
        // As an earlier version has left it.
        fs::set_permissions(&kept, PermissionsExt::from_mode(0o775)).unwrap();
        let report = run(&["doctor"]);
        assert!(report.stdout.contains("free in"), "{}{}", report.stdout, report.stderr);
        run(&build);
        assert_eq!(fs::metadata(&kept).unwrap().mode() & 0o777, 0o755, "umask {umask}");
    }
}

/// sbuild's users are strangers to what is made for them.
#[test]
fn a_build_in_a_chroot_does_without_the_umask() {
    let lab = Lab::new();
    lab.forked();
    let out = lab.path("packages").display().to_string();
    let mut command = lab.command("sh", "kernel");
    command.args(["-c", "umask 0077 && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_xtask")]);
    command.args(["build", "arm64", "--cross", "--flavour", "slim", "--out", &out]);
    Outcome::of(command.output().unwrap()).ok();
}

#[test]
fn the_cache_may_be_on_another_file_system_than_the_fork() {
    let lab = Lab::new();
    let other = tempfile::tempdir_in("/dev/shm").expect("a second file system at /dev/shm");
    let device = |path: &Path| fs::metadata(path).unwrap().dev();
    assert_ne!(device(other.path()), device(&lab.path(".")), "/dev/shm has to be a file system of its own");
    let cache = other.path().join("cache").display().to_string();
    let run = |args: &[&str]| lab.xtask_with(&[("KERNEL_FORK_CACHE", &cache)], args);
    let url = lab.vendor();
    run(&["fork", TAG, "--url", &url, "--series", &codename(), "--into", "../beside"]).ok();
    let there = other.path().join("a/b/fork").display().to_string();
    run(&["fork", TAG, "--url", &url, "--series", &codename(), "--into", &there]).ok();
    run(&["fork", TAG, "--url", &url, "--series", &codename()]).ok();
    lab.edit("vendor/lib/crc.c", "// SPDX", "/* new */\n// SPDX");
    lab.tag("vendor", "v6.1.43");
    run(&["rebase", "v6.1.43"]).ok();
    assert_eq!(lab.git("kernel", &["fsck", "--full", "--no-dangling"]), "");
    assert_eq!(fs::read_dir(other.path().join("cache/tmp")).unwrap().count(), 0);
}

#[test]
fn refused_and_dry_runs_make_no_directory() {
    let lab = Lab::new();
    let url = lab.vendor();
    let (into, out) = (lab.path("new/a/b/x").display().to_string(), lab.path("new/out/c").display().to_string());
    let series = codename();
    let before = lab.snapshot();
    lab.xtask(&["--dry-run", "fork", TAG, "--url", &url, "--series", &series, "--into", &into]).ok();
    lab.unchanged(&before);
    lab.xtask(&["fork", "v6.1.99", "--url", &url, "--series", &series, "--into", &into]).fails(3, &["v6.1.99"]);
    lab.unchanged(&before);
    lab.xtask(&["fork", TAG, "--url", &url, "--series", &series]).ok();
    let set = lab.package_set("set", "arm64", "6.1.42-1.1+lab", "kernel");
    let before = lab.snapshot();
    lab.xtask(&["--dry-run", "publish", &set, "--to", &out]).ok();
    lab.xtask(&["--dry-run", "build", "arm64", "--flavour", "slim", "--out", &out]).ok();
    lab.unchanged(&before);
}

#[test]
fn a_hangup_and_a_quit_are_interruptions() {
    for signal in ["HUP", "QUIT", "TERM", "INT"] {
        let lab = Lab::without_cache();
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("git://{}/x", silent.local_addr().unwrap());
        let child = lab.spawn(&["fork", TAG, "--url", &url, "--series", &codename()], &lab.path("said"));
        // git has asked, and waits for the answer.
        let asked = silent.accept().unwrap();
        lab.run("kill", &[&format!("-{signal}"), &child.id().to_string()]).ok();
        let code = { child }.wait().unwrap().code();
        assert_eq!(code, Some(130), "{signal}: {}", lab.text("said"));
        drop(asked);
        lab.assert_nothing_left();
        assert_eq!(fs::read_dir(lab.path("cache/tmp")).unwrap().count(), 0, "{signal}");
    }
}

#[test]
fn a_run_on_another_machine_keeps_its_locks() {
    let lab = Lab::new();
    lab.forked();
    let tip = lab.git("kernel", &["rev-parse", "HEAD"]);
    // As over NFS, where a lock of the other machine may not be seen from here.
    let journal = |machine: &str| {
        let text = format!("{{\"pid\": 1, \"what\": \"rebase\", \"move\": null{machine}}}");
        lab.write("kernel/.git/kernel-fork/journal.json", &text);
        lab.write("kernel/.git/refs/heads/6.1-tickless.lock", "");
    };
    journal(", \"machine\": {\"host\": \"beta 2\", \"boot\": \"3\"}");
    let refused = lab.xtask(&["flavour", "regen"]).fails(7, &["`rebase`", "machine `beta`", "hint:", "journal.json"]);
    assert!(lab.path("kernel/.git/refs/heads/6.1-tickless.lock").exists(), "{}", refused.stderr);
    assert_eq!(lab.git("kernel", &["rev-parse", "HEAD"]), tip);
    // This machine's own is known to have ended.
    journal("");
    lab.xtask(&["flavour", "regen"]).ok();
    assert!(!lab.path("kernel/.git/refs/heads/6.1-tickless.lock").exists());
    assert!(!lab.path("kernel/.git/kernel-fork.lock").exists());
}

#[test]
fn what_a_test_has_started_ends_with_it() {
    let lab = Lab::without_cache();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("git://{}/x", silent.local_addr().unwrap());
    // A thread for the test that is killed: the kernel sees no difference.
    let (mut sleep, mut ours, asked) = std::thread::scope(|scope| {
        let started = scope.spawn(|| {
            let sleep = lab.command("sleep", ".").arg("300").spawn().unwrap();
            let ours = lab.spawn(&["fork", TAG, "--url", &url, "--series", &codename()], &lab.path("said"));
            (sleep, ours, silent.accept().unwrap())
        });
        started.join().unwrap()
    });
    assert_eq!(sleep.wait().unwrap().code(), None);
    assert_eq!(ours.wait().unwrap().code(), Some(130), "{}", lab.text("said"));
    drop(asked);
    lab.assert_nothing_left();
}
