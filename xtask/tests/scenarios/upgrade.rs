// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask upgrade`.

use crate::lab::Lab;

#[test]
fn a_newer_workflow_comes_in_and_the_lab_s_changes_and_settings_stay() {
    let lab = Lab::new();
    lab.git(".", &["clone", "--quiet", "kernel", "newer"]);
    lab.forked();
    lab.edit("kernel/CONTRIBUTING.md", "# Contributing", "# Contributing to our lab");
    lab.edit("kernel/Cargo.toml", "suffix = \"+lab\"", "suffix = \"+ours\"");
    lab.commit("kernel", "ours");
    lab.edit("newer/README.md", "# A kernel fork", "# Newer: a kernel fork");
    lab.edit("newer/Cargo.toml", "suffix = \"+lab\"", "suffix = \"+theirs\"");
    lab.edit("newer/kernel/configs/slim.config", "CONFIG_HZ_100=y", "CONFIG_HZ_250=y");
    lab.write("newer/xtask/packaging/debian/news", "new in the packaging\n");
    lab.commit("newer", "Newer");

    let outcome = lab.xtask(&["upgrade", "--from", "../newer"]).ok();
    assert_eq!(outcome.stdout, "README.md\nxtask/packaging/debian/news\n");
    assert_eq!(lab.git("kernel", &["status", "--porcelain"]), "");
    assert_eq!(lab.git("kernel", &["fsck", "--full", "--no-dangling"]), "");
    assert!(lab.text("kernel/README.md").starts_with("# Newer: a kernel fork"));
    assert!(lab.text("kernel/CONTRIBUTING.md").starts_with("# Contributing to our lab"));
    assert!(lab.text("kernel/Cargo.toml").contains("suffix = \"+ours\""));
    assert!(lab.text("kernel/kernel/configs/slim.config").contains("CONFIG_HZ_100=y"));
    // The generated commit has the newer packaging.
    assert_eq!(lab.text("kernel/debian/news"), "new in the packaging\n");
    lab.xtask(&["flavour", "check"]).ok();
    assert!(lab.xtask(&["upgrade", "--from", "../newer"]).ok().stderr.contains("has all of"));

    // Once more, from where the last upgrade came.
    lab.edit("newer/README.md", "# Newer: a", "# Newest: a");
    lab.commit("newer", "Newest");
    lab.xtask(&["upgrade", "--from", "../newer"]).ok();
    assert!(lab.text("kernel/README.md").starts_with("# Newest: a kernel fork"));
    lab.edit("newer/CONTRIBUTING.md", "# Contributing", "# How to contribute");
    lab.commit("newer", "in the lab's way");
    let before = lab.git("kernel", &["rev-parse", "HEAD"]);
    lab.xtask(&["upgrade", "--from", "../newer"]).fails(7, &["CONTRIBUTING.md", "hint:"]);
    assert_eq!(lab.git("kernel", &["rev-parse", "HEAD"]), before);
    lab.xtask(&["upgrade"]).fails(3, &["no remote", "--from"]);
}
