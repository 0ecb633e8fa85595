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
    assert!(outcome.stdout.contains("> 2:") && outcome.stdout.contains("Workflow: upgrade to"), "{}", outcome.stdout);
    let files = lab.git("kernel", &["show", "--format=", "--name-only", "HEAD~1"]);
    assert_eq!(files, "README.md\nxtask/packaging/debian/news");
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
    lab.xtask(&["upgrade"]).fails(3, &["no remote", "--from"]);
}

#[test]
fn a_conflict_with_the_lab_s_changes_is_resolved_as_in_a_rebase() {
    let lab = Lab::new();
    lab.git(".", &["clone", "--quiet", "kernel", "newer"]);
    lab.forked();
    lab.edit("kernel/CONTRIBUTING.md", "# Contributing", "# Contributing to our lab");
    lab.commit("kernel", "ours");
    lab.edit("newer/CONTRIBUTING.md", "# Contributing", "# How to contribute");
    lab.write("newer/xtask/packaging/debian/news", "new in the packaging\n");
    lab.commit("newer", "in the lab's way");
    let before = lab.git("kernel", &["rev-parse", "HEAD"]);
    let stopped = || lab.xtask(&["upgrade", "--from", "../newer"]).fails(7, &["CONTRIBUTING.md", "--continue"]);
    stopped();
    lab.xtask(&["upgrade", "--from", "../newer"]).fails(7, &["upgrade to", "has stopped"]);
    assert!(lab.xtask(&["rebase", "--status"]).ok().stdout.contains("upgrade to"));
    lab.xtask(&["rebase", "--abort"]).ok();
    assert_eq!(lab.git("kernel", &["rev-parse", "HEAD"]), before);
    assert_eq!(lab.git("kernel", &["status", "--porcelain"]), "");
    stopped();
    let text = lab.text("newer/CONTRIBUTING.md");
    lab.write("kernel/CONTRIBUTING.md", &text.replace("# How to contribute", "# How to contribute to our lab"));
    lab.git("kernel", &["add", "CONTRIBUTING.md"]);
    lab.xtask(&["rebase", "--continue"]).ok();
    assert_eq!(lab.git("kernel", &["status", "--porcelain"]), "");
    assert_eq!(lab.text("kernel/debian/news"), "new in the packaging\n");
    assert!(lab.xtask(&["upgrade", "--from", "../newer"]).ok().stderr.contains("has all of"));
    lab.xtask(&["flavour", "check"]).ok();
    lab.xtask(&["rebase", "--undo"]).ok();
    assert_eq!(lab.git("kernel", &["rev-parse", "HEAD"]), before);
}

#[test]
fn guard_and_driver_are_set_anew() {
    let lab = Lab::new();
    lab.git(".", &["clone", "--quiet", "kernel", "newer"]);
    lab.forked();
    std::fs::remove_file(lab.path("kernel/.git/hooks/pre-push")).unwrap();
    std::fs::remove_file(lab.path("kernel/.git/kernel-fork-driver")).unwrap();
    lab.git("kernel", &["config", "--remove-section", "merge.kernel-fork"]);
    lab.xtask(&["upgrade", "--from", "../newer"]).ok();
    assert!(lab.text("kernel/.git/hooks/pre-push").contains("Push guard"));
    assert!(lab.git("kernel", &["config", "merge.kernel-fork.driver"]).contains("kernel-fork-driver"));
    assert!(lab.path("kernel/.git/kernel-fork-driver").is_file());
}
