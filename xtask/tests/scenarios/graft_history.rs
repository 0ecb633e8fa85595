// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask graft-history`.

use crate::lab::{codename, Lab};

const TAG: &str = "v6.1.43";

/// A fork whose vendor has a past.
fn lab() -> Lab {
    let lab = Lab::new();
    let url = lab.vendor();
    lab.edit("vendor/init/main.c", "#include", "/* in the release */\n#include");
    lab.commit("vendor", "init: a remark");
    lab.write("vendor/lib/news.txt", "6.1.43\n");
    lab.tag("vendor", TAG);
    lab.git("vendor", &["config", "uploadpack.allowFilter", "true"]);
    lab.xtask(&["fork", TAG, "--url", &url, "--series", &codename()]).ok();
    lab
}

fn config(lab: &Lab) -> String {
    lab.git("kernel", &["config", "--local", "--list"])
}

#[test]
fn log_blame_and_describe_see_through_the_root_until_undone() {
    let lab = lab();
    let (tip, before) = (lab.git("kernel", &["rev-parse", "HEAD"]), config(&lab));
    assert!(lab.xtask(&["graft-history", "--status"]).ok().stdout.contains("not grafted"));
    lab.xtask(&["graft-history"]).ok();
    assert_eq!(lab.git("kernel", &["rev-parse", "HEAD"]), tip);
    assert_eq!(lab.git("kernel", &["rev-list", "--count", "HEAD"]), "6");
    assert!(lab.git("kernel", &["log", "--format=%s"]).ends_with("init: a remark\nv6.1.42"));
    assert!(lab.git("kernel", &["describe"]).starts_with("v6.1.43-3-g"));
    let blame = lab.git("kernel", &["blame", "init/main.c"]);
    let remark = lab.git("vendor", &["rev-parse", "--short=7", "HEAD~1"]);
    assert!(blame.contains(&remark) && blame.lines().count() > 5, "{remark}\n{blame}");
    assert_eq!(lab.git("kernel", &["fsck", "--full", "--no-dangling"]), "");
    assert!(lab.xtask(&["graft-history", "--status"]).ok().stdout.contains("without file contents"));
    assert!(lab.xtask(&["graft-history"]).ok().stderr.contains("already"));
    lab.xtask(&["flavour", "check"]).ok();

    // The guard lets the fork pass, and nothing that reaches the history.
    lab.git(".", &["init", "--quiet", "--bare", "server.git"]);
    let server = lab.address("server.git");
    lab.git("kernel", &["push", "--quiet", &server, "6.1-tickless", "main"]);
    let replaced = lab.git("kernel", &["for-each-ref", "--format=%(refname)", "refs/replace"]);
    for refused in ["v6.1.42", "v6.1.42^{commit}:refs/heads/theirs", &replaced] {
        let outcome = lab.run("git", &["-C", lab.path("kernel").to_str().unwrap(), "push", &server, refused]);
        outcome.fails(1, &["push refused", "hint:"]);
    }
    assert_eq!(lab.git("server.git", &["for-each-ref", "--format=%(refname:short)"]), "6.1-tickless\nmain");

    // What git stores once only, for the history has it too, stays after it.
    let old = lab.git("vendor", &["show", "HEAD~2:init/main.c"]);
    lab.write("kernel/init/main.c", &format!("{old}\n"));
    lab.commit("kernel", "init: as it was");
    lab.xtask(&["graft-history", "--undo"]).ok();
    assert_eq!(config(&lab), before);
    assert_eq!(lab.git("kernel", &["for-each-ref", "refs/replace", "refs/tags", "refs/fork"]), "");
    assert!(!lab.text("kernel/.git/config").contains("[fork]"));
    assert_eq!(lab.git("kernel", &["rev-list", "--count", "HEAD"]), "4");
    assert_eq!(lab.git("kernel", &["fsck", "--full", "--no-dangling"]), "");
    let left = std::fs::read_dir(lab.path("kernel/.git/objects/pack")).unwrap().map(|e| e.unwrap().path());
    assert_eq!(left.filter(|p| p.extension().is_some_and(|e| e == "promisor")).count(), 0);
    assert!(lab.xtask(&["graft-history", "--undo"]).ok().stderr.contains("no grafted history"));
}

#[test]
fn a_server_that_cannot_leave_contents_out_is_asked_for_all_only_when_told() {
    let lab = lab();
    lab.git("vendor", &["config", "uploadpack.allowFilter", "false"]);
    let before = config(&lab);
    lab.xtask(&["graft-history"]).fails(5, &["cannot leave file contents out", "--full"]);
    assert_eq!(config(&lab), before);
    lab.xtask(&["graft-history", "--full"]).ok();
    assert!(!config(&lab).contains("promisor"));
    assert!(lab.git("kernel", &["describe"]).starts_with("v6.1.43-3-g"));
    assert_eq!(lab.git("kernel", &["fsck", "--full", "--no-dangling"]), "");
    lab.xtask(&["graft-history", "--undo"]).ok();
    assert_eq!(config(&lab), before);
    assert_eq!(lab.git("kernel", &["fsck", "--full", "--no-dangling"]), "");
}

#[test]
fn a_tag_that_the_vendor_has_moved_is_not_grafted() {
    let lab = lab();
    let before = config(&lab);
    lab.write("vendor/lib/news.txt", "6.1.43, really\n");
    lab.commit("vendor", "once more");
    lab.git("vendor", &["tag", "--force", "--annotate", "--message", TAG, TAG]);
    lab.xtask(&["graft-history"]).fails(3, &["has moved v6.1.43", "hint:"]);
    assert_eq!(config(&lab), before);
    assert_eq!(lab.git("kernel", &["for-each-ref", "refs/replace", "refs/tags", "refs/fork"]), "");
}

#[test]
fn a_replacement_of_the_user_s_own_stays() {
    let lab = lab();
    let root = lab.git("kernel", &["rev-list", "--max-parents=0", "HEAD"]);
    lab.git("kernel", &["replace", "--graft", &root, "main"]);
    let refs = || lab.git("kernel", &["for-each-ref", "refs/replace", "refs/tags", "refs/fork"]);
    let (before, settings) = (refs(), config(&lab));
    lab.xtask(&["graft-history"]).fails(7, &["a replacement of your own", "git replace --delete"]);
    assert!(lab.xtask(&["graft-history", "--status"]).ok().stdout.contains("not grafted"));
    lab.xtask(&["graft-history", "--undo"]).says(&["no grafted history"]);
    assert_eq!((refs(), config(&lab)), (before.clone(), settings.clone()));
    // Nor is one taken away that came after the graft.
    lab.git("kernel", &["replace", "--delete", &root]);
    lab.xtask(&["graft-history"]).ok();
    lab.git("kernel", &["replace", "--force", "--graft", &root, "main"]);
    lab.xtask(&["graft-history", "--undo"]).ok();
    assert_eq!((refs(), config(&lab)), (before, settings));
}

#[test]
fn what_a_grafted_fork_lacks_is_not_offered_to_the_vendor() {
    let lab = Lab::new();
    let url = lab.vendor();
    // A file of the vendor's past, gone from the fork's release, comes back in the next.
    lab.write("vendor/lib/passing.txt", "here and gone\n");
    lab.tag("vendor", TAG);
    std::fs::remove_file(lab.path("vendor/lib/passing.txt")).unwrap();
    lab.tag("vendor", "v6.1.44");
    lab.git("vendor", &["config", "uploadpack.allowFilter", "true"]);
    lab.xtask(&["fork", "v6.1.44", "--url", &url, "--series", &codename()]).ok();
    lab.xtask(&["graft-history"]).ok();
    lab.write("vendor/lib/passing.txt", "here and gone\n");
    lab.tag("vendor", "v6.1.45");
    lab.xtask(&["rebase", "--latest"]).ok();
    assert_eq!(lab.text("kernel/lib/passing.txt"), "here and gone\n");
    lab.xtask(&["graft-history", "--undo"]).ok();
    assert_eq!(lab.git("kernel", &["fsck", "--full", "--no-dangling"]), "");

    // Nor a later release that a shallow fetch of the person's has brought.
    for release in ["v6.1.46", "v6.1.47"] {
        lab.write("vendor/lib/news.txt", release);
        lab.tag("vendor", release);
    }
    lab.git("kernel", &["fetch", "--quiet", "--depth=1", "--no-tags", &url, "refs/tags/v6.1.47:refs/mine"]);
    lab.xtask(&["rebase", "v6.1.46"]).ok();
    lab.xtask(&["flavour", "check"]).ok();
}

#[test]
fn a_rebase_grafts_the_new_root_too() {
    let lab = lab();
    lab.xtask(&["graft-history"]).ok();
    lab.write("vendor/lib/news.txt", "6.1.44\n");
    lab.tag("vendor", "v6.1.44");
    lab.xtask(&["rebase", "--latest"]).ok();
    assert!(lab.git("kernel", &["describe"]).starts_with("v6.1.44-3-g"));
    assert!(lab.git("kernel", &["log", "--format=%s"]).ends_with("v6.1.44\nv6.1.43\ninit: a remark\nv6.1.42"));
    assert_eq!(lab.git("kernel", &["fsck", "--full", "--no-dangling"]), "");
    lab.xtask(&["graft-history", "--undo"]).ok();
    assert_eq!(lab.git("kernel", &["for-each-ref", "refs/replace", "refs/tags", "refs/fork/history"]), "");
    assert_eq!(lab.git("kernel", &["fsck", "--full", "--no-dangling"]), "");
}
