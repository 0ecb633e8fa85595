// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask quickstart`: the first of the README's two commands.

use crate::lab::Lab;

#[test]
fn the_miniature_goes_all_the_way_and_a_second_run_reuses_it() {
    let lab = Lab::new();
    // A fresh machine: git has never been told who works here.
    let stranger = ["GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=user.useConfigOnly", "GIT_CONFIG_VALUE_0=true"];
    let mut words = vec!["-C", "kernel", "-u", "GIT_COMMITTER_NAME", "-u", "GIT_COMMITTER_EMAIL"];
    words.push("GIT_CONFIG_GLOBAL=/dev/null");
    words.extend(stranger);
    words.extend([env!("CARGO_BIN_EXE_xtask"), "quickstart", "--mini", "--yes"]);
    let first = lab.run("env", &words).ok();
    assert!(first.stderr.contains("signed `quickstart`"), "{}", first.stderr);
    assert!(first.stdout.contains("linux-image-unsigned-6.1.42-1-slim_6.1.42-1.1+lab_arm64.deb"), "{}", first.stdout);
    let again = lab.xtask(&["quickstart", "--mini", "--yes"]).ok();
    assert!(again.stderr.contains("built before"), "{}", again.stderr);
    assert_eq!(first.stdout, again.stdout);
}

/// The whole of it on the real Linux source of the machine's own archive.
#[test]
#[ignore = "compiles a real Linux: `cargo xtask ci --full`"]
fn the_real_linux_goes_all_the_way() {
    let lab = Lab::new();
    let outcome = lab.xtask(&["quickstart", "--yes"]).ok();
    for package in ["linux-image-unsigned-", "linux-modules-", "linux-headers-", "linux-buildinfo-"] {
        assert!(outcome.stdout.contains(package), "{}", outcome.stdout);
    }
    assert!(outcome.stderr.contains("nothing is wrong with these 5 packages"), "{}", outcome.stderr);
    // It came up, and its tick went away.
    let passed = outcome.stdout.lines().filter(|l| l.contains("-slim") && l.ends_with("passed")).count();
    assert_eq!(passed, 2, "{}", outcome.stdout);
    // A second run boots nothing again; a module that is compiled against the headers is loaded.
    lab.xtask(&["quickstart", "--yes"]).says(&["have come up before"]);
    let module = lab.xtask_at("kernel-quickstart", &["boot", "--build-module", "--seconds", "2"]).ok();
    assert!(module.stdout.contains("4 of 4"), "{}", module.stdout);
}

/// Compilers for all of them are on no machine; what is missing here is not linked there.
#[test]
fn every_architecture_of_the_miniature_has_what_the_others_have() {
    let mini = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("mini/arch");
    for arch in std::fs::read_dir(mini).unwrap() {
        let head = std::fs::read_to_string(arch.unwrap().path().join("kernel/head.S")).unwrap();
        for name in ["_start:", "console_putc:", "machine_restart:"] {
            assert!(head.lines().any(|l| l == name), "{name}\n{head}");
        }
    }
}
