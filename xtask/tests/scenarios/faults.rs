// SPDX-License-Identifier: GPL-2.0-only
//! Faults in the middle of things: each is said in one sentence with what mends it, nothing stays running or
//! mounted, and what was built before stays as it was.

use std::net::TcpListener;

use crate::lab::{codename, Lab};

/// A fork with an earlier build's packages beside it, to be left alone.
fn forked() -> Lab {
    let lab = Lab::new();
    lab.forked();
    earlier(&lab);
    lab
}

fn earlier(lab: &Lab) {
    lab.write("packages/linux-old.deb", "an earlier build\n");
    lab.write("packages/metadata.json", "{}\n");
}

/// Builds, and wants it to fail so.
#[track_caller]
fn fails(lab: &Lab, more: &[&str], code: i32, words: &[&str]) {
    let out = lab.path("packages").display().to_string();
    let mut args = vec!["build", "arm64", "--flavour", "slim", "--out", &out];
    args.extend(more);
    let outcome = lab.xtask(&args).fails(code, words);
    assert!(outcome.stderr.contains("hint:"), "{}", outcome.stderr);
    assert_eq!(lab.text("packages/linux-old.deb"), "an earlier build\n");
    lab.assert_nothing_left();
}

#[test]
fn a_link_that_runs_out_of_memory_and_a_disk_that_is_full() {
    let lab = forked();
    let makefile = lab.text("kernel/Makefile");
    // What the kernel does to the largest process when there is no memory left.
    lab.write(
        "kernel/Makefile",
        &makefile.replace("\t$(call quiet,LD     ,$@)", "\t@sh -c 'kill -9 $$$$'\n\t$(call quiet,LD     ,$@)"),
    );
    assert_ne!(lab.text("kernel/Makefile"), makefile);
    lab.commit("kernel", "no memory");
    lab.xtask(&["flavour", "regen"]).ok();
    fails(&lab, &["--cross"], 6, &["Killed", "memory", "--jobs"]);

    lab.write(
        "kernel/Makefile",
        &makefile.replace(
            "\t$(call quiet,LD     ,$@)",
            "\tdd if=/dev/zero of=/dev/full count=1\n\t$(call quiet,LD     ,$@)",
        ),
    );
    lab.commit("kernel", "no room");
    lab.xtask(&["flavour", "regen"]).ok();
    fails(&lab, &["--cross"], 6, &["No space left on device", "the disk is full"]);
}

#[test]
fn a_qemu_that_is_killed() {
    let lab = forked();
    let out = lab.path("packages").display().to_string();
    // Accelerated, hardly anything runs under qemu for long enough to be seen.
    let build = ["build", "arm64", "--emulated", "--no-accelerate", "--flavour", "slim", "--out", &out];
    let mut child = lab.spawn(&build, &lab.path("said"));
    let start = std::time::Instant::now();
    // One of the programs that the packaging runs, and not make, whose death has another name.
    let mut killed = false;
    while child.try_wait().unwrap().is_none() {
        assert!(start.elapsed().as_secs() < 1800, "{}", lab.text("said"));
        std::thread::sleep(std::time::Duration::from_millis(100));
        for pid in lab.below(child.id()) {
            let args = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            if !killed && args.contains("qemu") && args.contains("/dh_") {
                killed = lab.run("kill", &["-KILL", &pid.to_string()]).code == 0;
            }
        }
    }
    let said = lab.text("said");
    assert!(killed, "no such program was seen under qemu:\n{said}");
    assert_eq!(child.wait().unwrap().code(), Some(6), "{said}");
    assert!(said.contains("the build failed") && said.contains("killed") && said.contains("hint:"), "{said}");
    assert_eq!(lab.text("packages/linux-old.deb"), "an earlier build\n");
    lab.assert_nothing_left();
}

#[test]
fn a_mirror_that_does_not_answer() {
    let lab = Lab::new();
    let fingerprint = key(&lab, "5y", None);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/ubuntu", silent.local_addr().unwrap());
    std::thread::spawn(move || {
        // Every connection is taken and kept, and nothing is ever said.
        let kept: Vec<_> = silent.incoming().collect();
        drop(kept);
    });
    ubuntu_at(&lab, &fingerprint, &address, &address);
    lab.forked();
    earlier(&lab);
    fails(&lab, &["--cross", "--suite", "focal"], 5, &["said nothing for 45 s", "another mirror"]);
    // One that is not there at all is another matter, and no reason to miss packages.
    lab.edit("kernel/Cargo.toml", &address, "http://127.0.0.1:9/ubuntu");
    lab.commit("kernel", "a third archive");
    fails(
        &lab,
        &["--cross", "--suite", "focal"],
        5,
        &["`http://127.0.0.1:9/ubuntu` cannot be reached", "can this machine reach it"],
    );
}

#[test]
fn a_keyring_that_has_expired() {
    let lab = Lab::new();
    let fingerprint = key(&lab, "1y", Some("20200101T000000"));
    ubuntu_at(&lab, &fingerprint, "http://127.0.0.1:9", "http://127.0.0.1:9");
    lab.xtask(&["chroot", "create", "focal"]).fails(4, &["has expired", "31 Dec 2020", "newer keyring", "hint:"]);
    lab.assert_nothing_left();
}

#[test]
fn an_archive_and_ports_that_are_out_of_step() {
    let lab = Lab::new();
    let fingerprint = key(&lab, "5y", None);
    archive(&lab, "archive", "amd64", "2.31-0ubuntu9.17");
    archive(&lab, "ports", "arm64", "2.31-0ubuntu9.16");
    ubuntu_at(&lab, &fingerprint, &lab.address("archive"), &lab.address("ports"));
    lab.forked();
    earlier(&lab);
    let words = ["out of step", "2.31-0ubuntu9.17 for amd64", "2.31-0ubuntu9.16 for arm64"];
    fails(&lab, &["--cross", "--suite", "focal"], 5, &words);
}

#[test]
fn a_mirror_that_lacks_what_its_index_lists() {
    let lab = Lab::without_cache();
    let fingerprint = key(&lab, "5y", None);
    archive(&lab, "archive", "amd64", "2.31-0ubuntu9.17");
    let address = served(lab.path("archive"));
    ubuntu_at(&lab, &fingerprint, &address, &address);
    let outcome = lab.xtask(&["chroot", "create", "focal", "amd64"]);
    let outcome = outcome.fails(5, &["`libc6_amd64.deb`, which the index of focal lists", "hint:", "another mirror"]);
    let error = outcome.stderr.lines().find(|l| l.starts_with("error: ")).unwrap();
    assert_eq!(
        error,
        format!("error: the mirror `{address}` does not have `libc6_amd64.deb`, which the index of focal lists")
    );
    assert!(outcome.stderr.lines().all(|l| l.len() < 500), "{}", outcome.stderr);
    lab.assert_nothing_left();
}

/// Serves the files of a directory over HTTP; what is not there is 404. The address.
fn served(dir: std::path::PathBuf) -> String {
    use std::io::{BufRead, BufReader, Write};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let dir = dir.clone();
            std::thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                while let Some(Ok(request)) = lines.next() {
                    let Some(path) = request.split(' ').nth(1) else { return };
                    while lines.next().is_some_and(|l| l.is_ok_and(|l| !l.is_empty())) {}
                    let found = std::fs::read(dir.join(path.trim_start_matches('/')));
                    let status = if found.is_ok() { "200 OK" } else { "404 Not Found" };
                    let body = found.unwrap_or_default();
                    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
                    if stream.write_all(&[head.as_bytes(), &body].concat()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

#[test]
fn a_chroot_that_is_damaged_on_disk() {
    let lab = Lab::without_cache();
    let tar = lab.xtask(&["chroot", "create", &codename()]).ok().stdout.trim().to_owned();
    lab.xtask(&["chroot", "create", &codename()]).ok();
    let whole = std::fs::read(&tar).unwrap();
    let (half, mut bit) = (whole[..whole.len() / 2].to_vec(), whole.clone());
    bit[whole.len() / 2] ^= 1;
    let [_, outcome] = [half, bit].map(|damaged| {
        std::fs::write(&tar, damaged).unwrap();
        lab.xtask(&["chroot", "create", &codename()]).fails(4, &["is damaged", "cargo xtask chroot remove"])
    });
    // The command that is named mends it.
    let name = outcome.stderr.split("chroot remove ").nth(1).unwrap().split(';').next().unwrap().to_owned();
    lab.xtask(&["chroot", "remove", &name]).ok();
    lab.assert_nothing_left();
}

#[test]
fn a_tree_that_cannot_be_read() {
    let lab = forked();
    lab.write("kernel/init/unreadable.c", "int unreadable;\n");
    lab.commit("kernel", "a file");
    let blob = lab.git("kernel", &["rev-parse", "HEAD:init/unreadable.c"]);
    let (folder, name) = blob.split_at(2);
    std::fs::remove_file(lab.path("kernel/.git/objects").join(folder).join(name)).unwrap();
    fails(&lab, &["--cross"], 7, &["git fsck --full"]);
}

/// A key of this lab's own that can sign, in `keyring.gpg`; its fingerprint.
fn key(lab: &Lab, lasts: &str, made: Option<&str>) -> String {
    std::fs::create_dir(lab.path("gnupg")).unwrap();
    lab.run("chmod", &["700", &lab.path("gnupg").display().to_string()]).ok();
    let mut args = vec!["--quick-generate-key", "lab", "rsa2048", "sign", lasts];
    if let Some(time) = made {
        args.splice(0..0, ["--faked-system-time", time]);
    }
    gpg(lab, &args);
    gpg(lab, &["--output", &lab.path("keyring.gpg").display().to_string(), "--export"]);
    let listed = gpg(lab, &["--with-colons", "--list-keys"]);
    listed.lines().find_map(|l| l.strip_prefix("fpr:")).unwrap().trim_matches(':').to_owned()
}

fn gpg(lab: &Lab, args: &[&str]) -> String {
    let home = lab.path("gnupg").display().to_string();
    let mut all = vec!["--homedir", &home, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""];
    all.extend(args);
    let said = lab.run("gpg", &all).ok().stdout;
    // Its agent would stay.
    lab.run("gpgconf", &["--homedir", &home, "--kill", "all"]).ok();
    said
}

/// Lets the settings have Ubuntu's archive somewhere else, signed by the lab's key.
fn ubuntu_at(lab: &Lab, fingerprint: &str, archive: &str, ports: &str) {
    let keyring = lab.path("keyring.gpg").display().to_string();
    lab.edit("kernel/Cargo.toml", "/usr/share/keyrings/ubuntu-archive-keyring.gpg", &keyring);
    lab.edit("kernel/Cargo.toml", "F6ECB3762474EDA9D21B7022871920D1991BC93C", fingerprint);
    lab.edit("kernel/Cargo.toml", "http://archive.ubuntu.com/ubuntu", archive);
    lab.edit("kernel/Cargo.toml", "http://ports.ubuntu.com/ubuntu-ports", ports);
    lab.edit("kernel/Cargo.toml", "pockets = [\"-updates\", \"-security\"]", "pockets = []");
    lab.commit("kernel", "another archive");
}

/// An archive of an index, signed by the lab's key, and none of the packages that it lists.
fn archive(lab: &Lab, name: &str, arch: &str, version: &str) {
    let package = |package: &str, more: &str| {
        format!(
            "Package: {package}\nArchitecture: {arch}\n{more}Version: {version}\nMaintainer: lab <lab@lab.example>\n\
             Filename: pool/{package}_{arch}.deb\nSize: 1\nSHA256: {}\nDescription: x\n\n",
            "0".repeat(64)
        )
    };
    let packages =
        package("libc6", "Multi-Arch: same\nEssential: yes\n") + &package("apt", "") + &package("build-essential", "");
    let path = format!("main/binary-{arch}/Packages");
    lab.write(&format!("{name}/dists/focal/{path}"), &packages);
    let file = lab.path(name).join("dists/focal").join(&path).display().to_string();
    let sum = lab.run("sha256sum", &[&file]).ok().stdout;
    let sum = sum.split(' ').next().unwrap().to_owned();
    let release = format!(
        "Suite: focal\nCodename: focal\nDate: Wed, 01 Jan 2025 00:00:00 UTC\nArchitectures: {arch}\nComponents: main\nSHA256:\n {sum} {} {path}\n",
        packages.len()
    );
    lab.write(&format!("{name}/dists/focal/Release"), &release);
    let to = |file: &str| lab.path(name).join("dists/focal").join(file).display().to_string();
    gpg(lab, &["--output", &to("InRelease"), "--clearsign", &to("Release")]);
}
