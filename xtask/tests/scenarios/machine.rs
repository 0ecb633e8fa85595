// SPDX-License-Identifier: GPL-2.0-only
//! Machines that lack something: played in a mount namespace, where a file or directory of this one is hidden.

use crate::lab::{codename, Lab, Outcome, TAG};

/// Runs the program where `hide`, a shell line, has been carried out first.
pub fn on(lab: &Lab, hide: &str, args: &[&str]) -> Outcome {
    // Whoever calls is root there, and root has a range.
    let ranges = "echo root:100000:65536 >ranges && for of in subuid subgid; do mount --bind ranges /etc/$of; done";
    let script = format!("{ranges} && {hide} && cd kernel && exec \"$0\" \"$@\"");
    let mut all = vec!["--map-root-user", "--mount", "sh", "-c", &script, env!("CARGO_BIN_EXE_xtask")];
    all.extend(args);
    lab.run("unshare", &all)
}

#[test]
fn a_full_disk_is_noticed_before_anything_is_fetched() {
    let lab = Lab::new();
    let url = lab.vendor();
    std::fs::create_dir(lab.path("small")).unwrap();
    let small = "mount -t tmpfs -o size=64m none small";
    let outcome = on(&lab, small, &["fork", TAG, "--url", &url, "--series", &codename(), "--into", "../small/fork"]);
    outcome.fails(4, &["a fork needs 3.0 GB", "MB free", "hint:"]);
}

#[test]
fn a_cache_that_fills_up_while_fetching_is_named() {
    let lab = Lab::new();
    let url = lab.vendor();
    // More than the miniature's objects are: the fork's own place has room for them.
    let noise = "head -c 1000000 /dev/urandom >vendor/noise && git -C vendor add noise && git -C vendor commit -qm noise && git -C vendor tag -f";
    lab.run("sh", &["-c", &format!("{noise} {TAG}")]).ok();
    std::fs::create_dir(lab.path("small")).unwrap();
    let small = "mount -t tmpfs -o size=512k none small && export KERNEL_FORK_CACHE=$PWD/small";
    let outcome = on(&lab, small, &["fork", TAG, "--url", &url, "--series", &codename()]);
    let place = lab.path("small").display().to_string();
    let outcome = outcome.fails(4, &["the disk of `", &place, "is full", "KERNEL_FORK_CACHE", "hint: free room"]);
    assert!(!outcome.stderr.contains("--url"), "{}", outcome.stderr);
}

#[test]
fn what_is_missing_for_a_build_is_named_with_what_mends_it() {
    let lab = Lab::new();
    lab.forked();
    let build = ["build", "arm64", "--cross", "--flavour", "slim"];
    let no_ranges = "printf '' >empty && mount --bind empty /etc/subuid";
    on(&lab, no_ranges, &build).fails(4, &["no range of 65536 subordinate ids", "cargo xtask doctor --fix"]);
    let no_emulation = "mount -t tmpfs none /proc/sys/fs/binfmt_misc";
    let build = ["build", "arm64", "--emulated", "--flavour", "slim"];
    on(&lab, no_emulation, &build).fails(4, &["arm64 programs cannot be run", "qemu-aarch64"]);
    // The very lines for the administrator, and nothing done without being asked.
    on(&lab, no_ranges, &["quickstart", "--mini"]).fails(4, &["usermod --add-subuids", "not ready", "hint:"]);
}

#[test]
fn a_distribution_without_its_keyring_is_not_trusted() {
    let lab = Lab::new();
    lab.edit("kernel/Cargo.toml", "debian-archive-keyring.gpg", "not-there.gpg");
    lab.xtask(&["chroot", "create", "bookworm"]).fails(4, &["keyring", "not-there.gpg", "hint:"]);
}

#[test]
fn a_full_disk_of_the_repository_or_of_what_is_published_is_not_the_cache_s() {
    let lab = Lab::new();
    lab.forked();
    lab.write("vendor/lib/news.txt", "6.1.43\n");
    lab.tag("vendor", "v6.1.43");
    let before = lab.git("kernel", &["rev-parse", "HEAD"]);
    for (name, version) in [("set", "6.1.42-1.1+lab"), ("next", "6.1.42-1.2+lab")] {
        lab.package_set(name, "arm64", version, "kernel");
    }
    std::fs::create_dir(lab.path("small")).unwrap();
    let fill = "dd if=/dev/zero of=small/fill bs=1k status=none 2>fill || true";
    for room in ["0", "60", "200"] {
        let repository = format!(
            "mount -t tmpfs -o size=200m none small && cp -a kernel small/kernel && {{ {fill}; }} && \
             truncate -s -{room}k small/fill && mount --bind small/kernel kernel"
        );
        let said = on(&lab, &repository, &["rebase", "v6.1.43"]).stderr;
        assert!(said.contains("hint: free room") && !said.contains("KERNEL_FORK_CACHE"), "{room} KB: {said}");
    }
    for room in ["0", "8"] {
        let pool = format!(
            "mount -t tmpfs -o size=2m none small && {{ cd kernel && \"$0\" publish ../set --to ../small/apt && cd ..; }} && \
             {{ {fill}; }} && truncate -s -{room}k small/fill"
        );
        let said =
            on(&lab, &pool, &["publish", "../next", "--to", "../small/apt"]).fails(4, &["hint: free room"]).stderr;
        assert!(!said.contains("KERNEL_FORK_CACHE"), "{room} KB: {said}");
    }
    assert_eq!(lab.git("kernel", &["rev-parse", "HEAD"]), before);
}
