// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask follow`, with a server that takes push options, as GitLab's does.

use crate::lab::{codename, Lab, TAG};

#[test]
fn a_new_release_becomes_a_branch_packages_and_a_merge_request() {
    let lab = Lab::new();
    let url = lab.vendor();
    lab.xtask(&["fork", TAG, "--url", &url, "--series", &codename()]).ok();
    lab.write("kernel/init/lab.c", "int lab;\n");
    lab.commit("kernel", "a patch of the lab's");
    lab.xtask(&["flavour", "regen"]).ok();
    lab.git(".", &["init", "--quiet", "--bare", "server.git"]);
    lab.git("server.git", &["config", "receive.advertisePushOptions", "true"]);
    lab.script("server.git/hooks/pre-receive", "#!/bin/sh\nenv | grep ^GIT_PUSH_OPTION >options\n");
    lab.git("kernel", &["remote", "add", "origin", &lab.address("server.git")]);
    let follow = ["follow", "--push", "origin", "--flavour", "slim", "--cross", "--report", "../out"];

    lab.xtask(&follow).says(&["v6.1.42 is the newest"]);
    assert!(lab.git("server.git", &["branch", "--list"]).is_empty());

    lab.edit("vendor/Makefile", "SUBLEVEL = 42", "SUBLEVEL = 43");
    lab.tag("vendor", "v6.1.43");
    // CI checks out a commit, no branch.
    let before = lab.git("kernel", &["rev-parse", "HEAD"]);
    lab.git("kernel", &["checkout", "--quiet", "--detach"]);
    let mut detached = follow.to_vec();
    detached.extend(["--branch", "6.1-tickless"]);
    // A run that fails on its way leaves the next one its place to begin.
    lab.xtask(&[&detached[..], &["--suite", "hardy"]].concat()).fails(3, &["unknown suite `hardy`"]);
    assert_eq!(lab.git("kernel", &["branch", "--show-current"]), "6.1-tickless");
    lab.git("kernel", &["checkout", "--quiet", "--detach"]);
    // The miniature has no processes to come up with; that is for somebody to look at, too.
    lab.xtask(&detached).fails(8, &["release/v6.1.43 is pushed", "report.md", "No working init found"]);

    let report = lab.text("out/report.md");
    for part in [
        "v6.1.43 follows v6.1.42",
        "a patch of the lab's",
        "## New symbols",
        "slim on arm64: 0",
        "The boot **failed**: 6.1.43-1-slim without nohz_full=",
        "linux-image-unsigned-6.1.43-1-slim",
    ] {
        assert!(report.contains(part), "no `{part}` in {report}");
    }
    let options = lab.text("server.git/options");
    for option in [
        "merge_request.create",
        "merge_request.target=6.1-tickless",
        "merge_request.title=release/v6.1.43",
        "\\n## Patches\\n",
    ] {
        assert!(options.contains(option), "no `{option}` in {options}");
    }
    assert_eq!(lab.git("kernel", &["rev-parse", "6.1-tickless"]), before, "the branch stays where it is");
    assert_eq!(lab.git("kernel", &["branch", "--show-current"]), "6.1-tickless");
    let release = ["rev-parse", "release/v6.1.43"];
    assert_eq!(lab.git("server.git", &release), lab.git("kernel", &release));

    // A second run finds it there.
    lab.xtask(&follow).says(&["is there already"]);
}

#[test]
fn what_a_failed_run_left_is_made_anew_unless_somebody_has_mended_it() {
    let lab = Lab::new();
    lab.forked();
    lab.edit("vendor/Makefile", "SUBLEVEL = 42", "SUBLEVEL = 43");
    lab.tag("vendor", "v6.1.43");
    let fails = || lab.xtask(&["follow", "--suite", "hardy"]).fails(3, &["unknown suite `hardy`"]);
    let release = |args: &[&str]| lab.git("kernel", &[args, &["release/v6.1.43"]].concat());
    fails();
    let first = release(&["rev-parse"]);
    // The lab mends its own branch.
    lab.write("kernel/init/lab.c", "int lab;\n");
    lab.commit("kernel", "a patch of the lab's");
    let planned = lab.xtask(&["--dry-run", "follow"]).ok().stdout;
    assert!(
        planned.contains("update-ref -d refs/heads/release/v6.1.43") && planned.contains("rebase v6.1.43"),
        "{planned}"
    );
    assert_eq!(release(&["rev-parse"]), first);
    fails();
    assert!(release(&["log", "--format=%s"]).contains("a patch of the lab's"));
    assert_eq!(lab.git("kernel", &["rev-parse", "refs/fork/backup/release/v6.1.43/1-follow-made-anew"]), first);
    // Or what was made of it.
    lab.git("kernel", &["switch", "--quiet", "release/v6.1.43"]);
    lab.write("kernel/init/mended.c", "int mended;\n");
    lab.commit("kernel", "mended");
    let mended = release(&["rev-parse"]);
    lab.git("kernel", &["switch", "--quiet", "6.1-tickless"]);
    assert!(fails().stderr.contains("goes on with it"));
    assert_eq!(release(&["rev-parse"]), mended);
}

#[test]
fn a_release_that_stopped_in_a_conflict_is_no_news_of_all_being_well() {
    let lab = Lab::new();
    lab.forked();
    lab.edit("kernel/init/main.c", "#include", "/* the lab was here */\n#include");
    lab.commit("kernel", "init: a remark");
    lab.edit("vendor/init/main.c", "#include", "/* the vendor was here */\n#include");
    lab.tag("vendor", "v6.1.43");
    lab.xtask(&["follow"]).fails(7, &["init/main.c"]);
    for _ in 0..2 {
        lab.xtask(&["follow"]).fails(7, &["rebase to v6.1.43 has stopped", "--abort"]);
    }
    lab.xtask(&["rebase", "--abort"]).ok();
    lab.xtask(&["follow"]).fails(7, &["init/main.c"]);
    lab.xtask(&["rebase", "--abort"]).ok();

    // A commit is no branch, and another branch not the one that is meant.
    lab.git("kernel", &["switch", "--quiet", "--detach"]);
    lab.xtask(&["follow"]).fails(7, &["no branch is checked out"]);
    lab.git("kernel", &["switch", "--quiet", "--create", "other", "6.1-tickless"]);
    lab.xtask(&["follow", "--branch", "6.1-tickless"]).fails(7, &["`other` is checked out, not `6.1-tickless`"]);
}

#[test]
fn an_address_without_the_fork_s_releases_is_no_vendor_s() {
    let lab = Lab::new();
    lab.forked();
    let commands = [&["follow"][..], &["tags"], &["tags", "--json"], &["tags", "--all"], &["rebase", "--latest"]];
    let all_fail = |said: &[&str]| {
        for command in commands {
            let outcome = lab.xtask(command).fails(3, said);
            assert!(outcome.stdout.is_empty(), "{command:?}: {}", outcome.stdout);
        }
    };
    lab.edit("vendor/Makefile", "SUBLEVEL = 42", "SUBLEVEL = 43");
    lab.commit("vendor", "not released");
    let (old, new) = (format!("{TAG}^{{}}"), "HEAD");
    // Moved, older, gone, another's.
    lab.git("vendor", &["tag", "--force", TAG, new]);
    all_fail(&["has moved v6.1.42"]);
    lab.git("vendor", &["tag", "v6.1.41", &old]);
    lab.git("vendor", &["tag", "--delete", TAG]);
    all_fail(&["does not have the fork's own tag v6.1.42", "v6.1.41, which is older", "hint:", "`url`"]);
    lab.git("vendor", &["tag", "--delete", "v6.1.41"]);
    all_fail(&["no release of 6.1", "v6.1.42", "hint:"]);
    lab.git("vendor", &["tag", "Ubuntu-5.4.0-200.220"]);
    all_fail(&["no release of 6.1"]);
    // What is newer is newer.
    lab.git("vendor", &["tag", "v6.1.43"]);
    assert!(lab.xtask(&["tags"]).ok().stdout.contains("v6.1.43"));
}

#[test]
fn a_server_that_does_not_answer_is_named() {
    let lab = Lab::new();
    lab.xtask(&["follow"]).fails(7, &["vendor snapshot"]);
    lab.forked();
    std::fs::remove_dir_all(lab.path("vendor")).unwrap();
    lab.xtask(&["follow"]).fails(5, &["hint:"]);
}
