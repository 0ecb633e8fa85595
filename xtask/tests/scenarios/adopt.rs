// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask adopt`: a fork made by hand, as people make them.

use crate::lab::Lab;
use crate::ubuntu::{vendor, TAG};

/// The vendor's tree as a commit without a parent, and by hand on top: a flavour in one commit, a patch in
/// another, a third that takes a package more.
pub fn by_hand(lab: &Lab) -> String {
    let url = vendor(lab, "6.1.0-7.9");
    lab.git(".", &["init", "--quiet", "--initial-branch=5.4-mine", "hand"]);
    lab.git("hand", &["fetch", "--quiet", &url, &format!("refs/tags/{TAG}")]);
    let root = lab.git("hand", &["commit-tree", "FETCH_HEAD^{tree}", "-m", "Forked by hand"]);
    lab.git("hand", &["reset", "--quiet", "--hard", &root]);

    lab.write("hand/debian.master/control.d/vars.quiet", &lab.text("kernel/debian.master/control.d/vars.tickless"));
    lab.edit("hand/debian.master/rules.d/arm64.mk", "= generic\n", "= generic quiet\n");
    lab.edit("hand/debian.master/rules.d/arm64.mk", "build_image_generic", "build_image");
    lab.edit("hand/debian.master/rules.d/arm64.mk", "kernel_file_generic", "kernel_file");
    let annotations = "hand/debian.master/config/annotations";
    lab.edit(annotations, "arm64-generic\n", "arm64-generic arm64-quiet\n");
    lab.edit(annotations, "'arm64': 'n'}>\nCONFIG_HZ_250", "'arm64': 'n', 'arm64-quiet': 'y'}>\nCONFIG_HZ_250");
    lab.edit(
        annotations,
        "policy<{'amd64': 'y', 'arm64': 'y'}>\nCONFIG_NO_HZ_FULL",
        "policy<{'amd64': 'y', 'arm64': 'y', 'arm64-quiet': 'n'}>\nCONFIG_NO_HZ_FULL",
    );
    let old = lab.text("hand/debian.master/changelog");
    let entry = "linux (6.1.0-7.9+hand) jammy; urgency=medium\n\n  * Quiet.\n\n -- Some Body <some@body.example>  Sat, 12 Oct 2024 12:00:00 +0000\n\n";
    lab.write("hand/debian.master/changelog", &format!("{entry}{old}"));
    lab.commit("hand", "add the flavour quiet");
    lab.edit("hand/init/main.c", "#include", "/* by hand */\n#include");
    lab.commit("hand", "init: a remark");
    lab.edit("hand/debian.master/control.stub.in", " bc,\n", " bc,\n dwarves,\n");
    lab.commit("hand", "dwarves");
    url
}

#[test]
fn a_fork_made_by_hand_is_taken_over_and_rebased() {
    let lab = Lab::new();
    let url = by_hand(&lab);
    let before = lab.git("hand", &["rev-parse", "HEAD"]);
    lab.xtask(&["adopt", "../hand", "--url", &url]).ok();
    assert_eq!(lab.git("hand", &["status", "--porcelain"]), "");
    assert_eq!(lab.git("hand", &["fsck", "--full", "--no-dangling"]), "");
    assert_eq!(lab.git("hand", &["rev-parse", "refs/fork/backup/5.4-mine/1"]), before);
    let subjects = lab.git("hand", &["log", "--format=%s"]);
    let want = [
        "Generated: 6.1.0-7.9+hand",
        "dwarves",
        "init: a remark",
        "add the flavour quiet",
        "Workflow for the fork of Ubuntu-6.1.0-7.9",
        TAG,
    ];
    assert_eq!(subjects, want.join("\n"));
    // Of the first commit, what is not the flavour's own is left: its entry, the variables without its name.
    let kept = lab.git("hand", &["show", "--format=", "--name-only", "HEAD~3"]);
    assert_eq!(kept, "debian.master/changelog\ndebian.master/rules.d/arm64.mk");
    let fragment = lab.text("hand/kernel/configs/quiet.config");
    assert!(fragment.contains("CONFIG_HZ_100=y\n") && fragment.contains("# CONFIG_HZ_250 is not set\n"), "{fragment}");
    assert!(lab.text("hand/Cargo.toml").contains("quiet = { base = \"generic\" }"));
    assert!(lab.text("hand/Cargo.toml").contains("maintainer = \"Some Body <some@body.example>\""));
    let annotations = lab.text("hand/debian.master/config/annotations");
    assert!(
        annotations.contains("'arm64-quiet': 'arm64-generic'") && annotations.contains("'arm64-quiet': 'y'"),
        "{annotations}"
    );
    lab.xtask_at("hand", &["flavour", "check"]).ok();
    assert!(lab.xtask(&["adopt", "../hand", "--url", &url]).ok().stderr.contains("is a fork branch already"));

    lab.write("vendor/lib/news.txt", "8.10\n");
    let entry = "linux (6.1.0-8.10) jammy; urgency=medium\n\n  * A release.\n\n -- V <v@example.org>  Sat, 12 Oct 2024 13:00:00 +0000\n\n";
    lab.write("vendor/debian.master/changelog", &format!("{entry}{}", lab.text("vendor/debian.master/changelog")));
    lab.tag("vendor", "Ubuntu-6.1.0-8.10");
    lab.xtask_at("hand", &["rebase", "--latest"]).ok();
    lab.xtask_at("hand", &["flavour", "check"]).ok();
    assert_eq!(lab.git("hand", &["log", "-1", "--format=%s"]), "Generated: 6.1.0-8.10+hand");
}

#[test]
fn a_version_edited_in_the_vendor_s_own_entry_becomes_the_suffix() {
    let lab = Lab::new();
    let url = by_hand(&lab);
    lab.git("hand", &["reset", "--quiet", "--hard", "HEAD~3"]);
    lab.edit("hand/debian.master/changelog", "6.1.0-7.9)", "6.1.0-7.9+test1)");
    lab.edit("hand/init/main.c", "#include", "/* by hand */\n#include");
    lab.commit("hand", "test 1");
    let changelog = lab.text("hand/debian.master/changelog");
    lab.xtask(&["adopt", "../hand", "--url", &url]).ok();
    assert_eq!(lab.git("hand", &["log", "-1", "--format=%s"]), "Generated: 6.1.0-7.9+test1");
    assert_eq!(lab.text("hand/debian.master/changelog"), changelog);
    // The entry's maintainer is the vendor's, and none of the lab's settings.
    assert_eq!(lab.git("hand", &["log", "-1", "--format=%an"]), "Kernel Lab");
    lab.xtask_at("hand", &["flavour", "check"]).ok();
    // One that is no suffix stays what it is.
    lab.git("hand", &["checkout", "--quiet", "-B", "5.4-mine", "refs/fork/backup/5.4-mine/1"]);
    lab.edit("hand/debian.master/changelog", "6.1.0-7.9+test1)", "6.1.0-7.10)");
    lab.commit("hand", "test 2");
    lab.xtask(&["adopt", "../hand", "--url", &url]).says(&["6.1.0-7.10"]);
    assert_eq!(lab.git("hand", &["log", "-1", "--format=%s"]), "Generated: 6.1.0-7.10");
}

#[test]
fn what_is_no_fork_by_hand_is_left_alone() {
    let lab = Lab::new();
    let url = by_hand(&lab);
    let before = lab.snapshot();
    lab.xtask(&["adopt", "../nowhere"]).fails(3, &["no directory ../nowhere"]);
    lab.xtask(&["adopt", "../hand", "--url", &url, "--tag", "Ubuntu-6.1.0-1.1"]).fails(3, &["has no tag"]);
    lab.xtask(&["adopt", "../hand", "--url", &url, "--tag", "v6.1.42"]).fails(3, &["does not have the tree", "hint:"]);
    assert!(before == lab.snapshot(), "something was left behind");
    lab.write("hand/init/main.c", "mine\n");
    lab.xtask(&["adopt", "../hand", "--url", &url]).fails(7, &["uncommitted changes"]);
}
