// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask boot`: packages that dpkg installs into a real root, in a real virtual machine. The kernels are
//! the miniature's, which has no processes and panics, and a few instructions that say what a kernel could say.
//! A real Linux is booted by the long scenario of `quickstart`.

use crate::lab::{codename, Lab};

const REL: &str = "6.1.42-1-slim";

/// Packages whose image says `text` on the serial line of QEMU's virt machine, and then nothing more. Returns
/// their directory.
pub fn saying(lab: &Lab, name: &str, text: &str) -> String {
    let text = text.replace('\n', "\\n");
    let source = format!(
        "adr x0, 2f\nmov x1, #0x09000000\n1: ldrb w2, [x0], #1\ncbz w2, 3f\nstr w2, [x1]\nb 1b\n3: wfe\nb 3b\n2: .asciz \"{text}\"\n"
    );
    let at = |file: &str| lab.path(&format!("{name}-{file}")).display().to_string();
    lab.write(&format!("{name}-image.s"), &source);
    lab.run("aarch64-linux-gnu-as", &["-o", &at("image.o"), &at("image.s")]).ok();
    let stage = format!("{name}-stage");
    let control = format!(
        "Package: linux-image-unsigned-{REL}\nSource: linux\nVersion: 6.1.42-1.1+lab\nArchitecture: arm64\n\
         Maintainer: a <a@b>\nDepends: kmod, linux-base, libc6 (>= 2.17)\nDescription: x\n"
    );
    lab.write(&format!("{stage}/DEBIAN/control"), &control);
    lab.write(&format!("{stage}/boot/config-{REL}"), "CONFIG_NO_HZ_FULL=y\nCONFIG_HZ=100\n");
    let image = lab.path(&format!("{stage}/boot/vmlinuz-{REL}")).display().to_string();
    lab.run("aarch64-linux-gnu-objcopy", &["-O", "binary", &at("image.o"), &image]).ok();
    lab.run("chmod", &["-R", "u=rwX,go=rX", &stage]).ok();
    std::fs::create_dir_all(lab.path(name)).unwrap();
    lab.pack(&stage, name);
    lab.path(name).display().to_string()
}

#[test]
fn the_miniature_comes_up_as_far_as_it_goes() {
    let lab = Lab::new();
    lab.xtask(&["quickstart", "--mini", "--yes"]).ok();
    let outcome = lab.xtask_at("kernel-mini", &["boot"]);
    let outcome = outcome.fails(8, &["6.1.42-1-slim without nohz_full=", "No working init found", "hint:"]);
    assert!(outcome.stdout.contains("failed"), "{}", outcome.stdout);
    let report = lab.text("kernel-mini-packages/6.1.42-1.1+lab/slim-arm64-cross/boot.html");
    for words in ["Linux version 6.1.42-1-slim", "linux-modules-6.1.42-1-slim", "6.1.42-1.1+lab"] {
        assert!(report.contains(words), "no {words}");
    }
}

#[test]
fn each_way_to_fail_has_its_code() {
    let lab = Lab::new();
    let suite = codename();
    let boot = |dir: &str, more: &[&str]| {
        let mut args = vec!["boot", dir, "--suite", &suite];
        args.extend(more);
        lab.xtask(&args)
    };
    let hung = saying(&lab, "hung", "[    0.0] Booting Linux\n");
    boot(&hung, &["--watchdog", "3"]).fails(9, &["it hung", "Booting Linux"]);
    let other = saying(&lab, "other", "@fork uname 6.1.42-2-slim\n@fork end\n");
    boot(&other, &[]).fails(10, &["`uname -r` says 6.1.42-2-slim", REL]);
    let module = "@fork module tun modprobe: ERROR: could not insert 'tun': Exec format error\n";
    let unmeasured = saying(&lab, "unmeasured", &format!("@fork uname {REL}\n{module}@fork end\n"));
    let report = lab.path("report.html").display().to_string();
    let outcome = boot(&unmeasured, &["--json", "--report", &report]);
    let outcome = outcome.fails(1, &["module tun could not be loaded", "CPU 1 was not measured"]);
    let json: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!((json[0]["release"].as_str(), json[0]["passed"].as_bool()), (Some(REL), Some(false)));
    assert!(lab.text("report.html").contains("Exec format error"));
    saying(&lab, "newer", "x");
    lab.edit("newer-stage/DEBIAN/control", "6.1.42-1.1+lab", "6.1.42-1.1+lab2");
    lab.pack("newer-stage", "newer");
    let twice = lab.path("newer").display().to_string();
    boot(&twice, &[]).fails(3, &["is in both", "6.1.42-1.1+lab2_arm64.deb"]);
    boot("nowhere", &[]).fails(3, &["no such file or directory: `nowhere`"]);
    boot(&hung, &["--arch", "amd64"]).fails(3, &["for arm64 and not for amd64"]);
    let left = lab.names(".");
    assert!(!left.iter().any(|n| n.starts_with(".kernel-fork.")), "{left:?}");
}

#[test]
fn packages_that_cannot_be_installed_are_not_booted() {
    let lab = Lab::new();
    saying(&lab, "bad", "x");
    lab.edit("bad-stage/DEBIAN/control", "libc6 (>= 2.17)", "libc6 (>= 99)");
    lab.pack("bad-stage", "bad");
    let dir = lab.path("bad").display().to_string();
    lab.xtask(&["boot", &dir, "--suite", &codename()]).fails(1, &["libc6 (>= 99)", "cargo xtask audit"]);
}
