// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask quickstart`: the first of the README's two commands.

use crate::lab::Lab;

#[test]
fn the_miniature_goes_all_the_way_and_a_second_run_reuses_it() {
    let lab = Lab::new();
    let first = lab.xtask(&["quickstart", "--mini", "--yes"]).ok();
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
}
