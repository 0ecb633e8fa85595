// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask rebase`.

use crate::lab::{Lab, TAG};

const NEXT: &str = "v6.1.43";

/// A fork of the miniature with two patches, and a vendor that has made another release.
fn lab() -> (Lab, String) {
    let lab = Lab::new();
    let url = lab.forked();
    lab.edit("kernel/init/main.c", "#include", "/* the lab was here */\n#include");
    lab.commit("kernel", "init: a remark");
    lab.write("kernel/drivers/lab.txt", "measured\n");
    lab.commit("kernel", "drivers: measurements");
    (lab, url)
}

/// The vendor's next release, with these changes.
fn release(lab: &Lab, change: impl FnOnce(&Lab)) {
    lab.write("vendor/lib/news.txt", "6.1.43\n");
    change(lab);
    lab.tag("vendor", NEXT);
}

fn tip(lab: &Lab) -> String {
    lab.git("kernel", &["rev-parse", "HEAD"])
}

/// What has to hold after every rebase.
#[track_caller]
fn sound(lab: &Lab) {
    assert_eq!(lab.git("kernel", &["status", "--porcelain"]), "");
    assert_eq!(lab.git("kernel", &["fsck", "--full", "--no-dangling"]), "");
    assert_eq!(lab.git("kernel", &["branch", "--show-current"]), "6.1-tickless");
    lab.xtask(&["flavour", "check"]).ok();
}

#[test]
fn the_lab_s_commits_move_to_the_next_release_and_back() {
    let (lab, _) = lab();
    let before = tip(&lab);
    release(&lab, |_| ());
    let outcome = lab.xtask(&["rebase", NEXT]).ok();
    assert!(outcome.stdout.contains("init: a remark"), "{}", outcome.stdout);
    sound(&lab);
    let subjects = lab.git("kernel", &["log", "--format=%s"]);
    let want = [
        "Generated: 6.1.43-1.1+lab",
        "drivers: measurements",
        "init: a remark",
        "Workflow for the fork of v6.1.43",
        NEXT,
    ];
    assert_eq!(subjects, want.join("\n"));
    assert!(lab.text("kernel/Cargo.toml").contains(&format!("tag = \"{NEXT}\"")));
    assert_eq!(lab.text("kernel/lib/news.txt"), "6.1.43\n");
    assert_eq!(
        lab.git("kernel", &["rev-parse", "HEAD~4^{tree}"]),
        lab.git("vendor", &["rev-parse", &format!("{NEXT}^{{tree}}")])
    );
    assert!(lab.xtask(&["rebase", NEXT]).ok().stderr.contains("already"));

    assert!(lab.xtask(&["rebase", "--status"]).ok().stdout.contains("refs/fork/backup/6.1-tickless/1"));
    lab.xtask(&["rebase", "--undo"]).ok();
    assert_eq!(tip(&lab), before);
    assert_eq!(lab.git("kernel", &["status", "--porcelain"]), "");
    lab.xtask(&["rebase", "--undo"]).fails(7, &["has not been rebased", "hint:"]);
    // Again, and it is the same to the byte.
    let first = lab.git("kernel", &["rev-parse", "refs/fork/undone/6.1-tickless/1"]);
    lab.xtask(&["rebase", "--latest"]).ok();
    assert_eq!(tip(&lab), first);
    sound(&lab);
}

#[test]
fn commits_of_after_a_rebase_are_named_before_it_is_taken_back() {
    let (lab, _) = lab();
    let before = tip(&lab);
    release(&lab, |_| ());
    lab.xtask(&["rebase", NEXT]).ok();
    let rebased = tip(&lab);
    lab.write("kernel/drivers/later.txt", "later\n");
    lab.commit("kernel", "drivers: later work");
    let later = tip(&lab);
    for undo in [&["rebase", "--undo"][..], &["--dry-run", "rebase", "--undo"]] {
        lab.xtask(undo).fails(7, &["1 commit of after the rebase", "(drivers: later work)", "hint:", &rebased[..12]]);
    }
    // Below a generated commit it is the same.
    lab.xtask(&["flavour", "regen"]).ok();
    lab.xtask(&["rebase", "--undo"]).fails(7, &["1 commit of after the rebase", "(drivers: later work)"]);
    lab.git("kernel", &["reset", "--quiet", "--hard", &later]);
    std::fs::remove_file(lab.path("kernel/.git/logs/refs/heads/6.1-tickless")).unwrap();
    lab.xtask(&["rebase", "--undo"]).fails(7, &["1 commit of after the rebase", "(drivers: later work)"]);
    // The way out that the hint names.
    lab.git("kernel", &["branch", "later"]);
    lab.git("kernel", &["reset", "--quiet", "--keep", &rebased]);
    lab.xtask(&["rebase", "--undo"]).ok();
    assert_eq!(tip(&lab), before);
    lab.git("kernel", &["cherry-pick", &later]);
    // Commits on what there was before the rebase are of after it, too.
    lab.git("kernel", &["reset", "--quiet", "--hard", &before]);
    lab.xtask(&["rebase", NEXT]).ok();
    lab.git("kernel", &["reset", "--quiet", "--hard", &before]);
    lab.git("kernel", &["cherry-pick", &later]);
    lab.xtask(&["rebase", "--undo"]).fails(7, &["1 commit of after the rebase", "(drivers: later work)"]);
}

#[test]
fn what_git_ignores_is_not_written_over() {
    let (lab, _) = lab();
    release(&lab, |lab| std::fs::remove_file(lab.path("vendor/lib/crc.c")).unwrap());
    let before = tip(&lab);
    let rebase = ["rebase", NEXT];
    let follow = ["follow"];
    std::fs::create_dir_all(lab.path("kernel/.git/info")).unwrap();
    // As Debian's `.gitignore` does.
    lab.write("kernel/.git/info/exclude", "/*\n/lib/news.txt\n");
    let place = lab.path("kernel/lib/news.txt");
    let refused = |command: &[&str], path: &str| {
        lab.xtask(command).fails(7, &[path, "hint:"]);
        assert_eq!((tip(&lab), lab.git("kernel", &["status", "--porcelain"])), (before.clone(), String::new()));
        assert_eq!(lab.git("kernel", &["branch", "--show-current"]), "6.1-tickless");
        assert!(!lab.path("kernel/.git/kernel-fork/rebase.json").exists());
    };
    // A file, a directory, a repository, a link, each in the place of the file that the release adds.
    lab.write("kernel/lib/news.txt", "mine\n");
    refused(&rebase, "`lib/news.txt`");
    refused(&["--dry-run", "rebase", NEXT], "`lib/news.txt`");
    refused(&follow, "lib/news.txt");
    assert_eq!(lab.text("kernel/lib/news.txt"), "mine\n");
    std::fs::remove_file(&place).unwrap();
    lab.write("kernel/lib/news.txt/deep/mine", "mine\n");
    refused(&rebase, "`lib/news.txt/deep/mine`");
    lab.git("kernel/lib/news.txt", &["init", "--quiet"]);
    refused(&rebase, "`lib/news.txt/");
    refused(&follow, "lib/news.txt");
    assert_eq!(lab.text("kernel/lib/news.txt/deep/mine"), "mine\n");
    std::fs::remove_dir_all(&place).unwrap();
    std::os::unix::fs::symlink("nowhere", &place).unwrap();
    refused(&rebase, "`lib/news.txt`");
    std::fs::remove_file(&place).unwrap();
    // On the way back, a file that the release has taken away.
    lab.xtask(&rebase).ok();
    lab.write("kernel/.git/info/exclude", "/*\n/lib/crc.c\n");
    lab.write("kernel/lib/crc.c/mine", "mine\n");
    let rebased = tip(&lab);
    lab.xtask(&["rebase", "--undo"]).fails(7, &["`lib/crc.c/mine`", "hint:"]);
    assert_eq!((tip(&lab), lab.text("kernel/lib/crc.c/mine")), (rebased, "mine\n".to_owned()));
    std::fs::remove_dir_all(lab.path("kernel/lib/crc.c")).unwrap();
    lab.xtask(&["rebase", "--undo"]).ok();
    // Before a stop in a conflict.
    lab.edit("vendor/init/main.c", "#include", "/* the vendor was here */\n#include");
    lab.tag("vendor", "v6.1.44");
    lab.write("kernel/.git/info/exclude", "/*\n/lib/news.txt\n");
    lab.write("kernel/lib/news.txt", "mine\n");
    refused(&["rebase", "v6.1.44"], "`lib/news.txt`");
}

#[test]
fn a_new_branch_leaves_the_old_one_and_the_work_tree_alone() {
    let (lab, _) = lab();
    let before = tip(&lab);
    release(&lab, |_| ());
    let untouched = lab.snapshot();
    let said = lab.xtask(&["--dry-run", "rebase", NEXT]).ok().stdout;
    assert!(said.contains("refs/fork/backup/6.1-tickless/1") && said.contains("read-tree -m -u"), "{said}");
    assert!(untouched == lab.snapshot(), "a dry run changed something");
    lab.xtask(&["rebase", NEXT, "--to-branch", "next"]).ok();
    assert_eq!(tip(&lab), before);
    sound_old(&lab);
    assert_eq!(lab.git("kernel", &["log", "-1", "--format=%s", "next"]), "Generated: 6.1.43-1.1+lab");
    lab.xtask(&["rebase", NEXT, "--to-branch", "next"]).fails(7, &["next", "hint:"]);
}

#[track_caller]
fn sound_old(lab: &Lab) {
    assert_eq!(lab.git("kernel", &["status", "--porcelain"]), "");
    assert_eq!(lab.git("kernel", &["branch", "--show-current"]), "6.1-tickless");
}

#[test]
fn what_the_vendor_took_in_is_dropped_and_said() {
    let (lab, _) = lab();
    release(&lab, |lab| lab.edit("vendor/init/main.c", "#include", "/* the lab was here */\n#include"));
    let outcome = lab.xtask(&["rebase", NEXT]).ok();
    assert!(
        outcome.stderr.contains("the vendor has it") && outcome.stderr.contains("init: a remark"),
        "{}",
        outcome.stderr
    );
    assert!(!lab.git("kernel", &["log", "--format=%s"]).contains("a remark"));
    sound(&lab);
}

#[test]
fn a_file_that_the_vendor_renamed_and_changed_takes_the_lab_s_change() {
    let (lab, _) = lab();
    release(&lab, |lab| {
        let text = lab.text("vendor/init/main.c");
        lab.write("vendor/init/begin.c", &format!("{text}/* the vendor was here */\n"));
        std::fs::remove_file(lab.path("vendor/init/main.c")).unwrap();
    });
    lab.xtask(&["rebase", NEXT]).ok();
    sound(&lab);
    let both = lab.text("kernel/init/begin.c");
    assert!(both.contains("/* the lab was here */") && both.contains("/* the vendor was here */"), "{both}");
}

/// The vendor changes the same line as the lab.
fn conflict() -> (Lab, String) {
    let (lab, _) = lab();
    let before = tip(&lab);
    release(&lab, |lab| lab.edit("vendor/init/main.c", "#include", "/* the vendor was here */\n#include"));
    let outcome = lab.xtask(&["rebase", NEXT]).fails(7, &["init: a remark", "init/main.c", "--continue"]);
    assert!(!outcome.stderr.contains("drivers/lab.txt"), "{}", outcome.stderr);
    assert!(lab.git("kernel", &["status"]).contains("cherry-pick"));
    assert!(lab.text("kernel/init/main.c").contains("<<<<<<<"));
    (lab, before)
}

#[test]
fn a_conflict_is_resolved_with_ordinary_git_and_continued() {
    let (lab, before) = conflict();
    lab.xtask(&["rebase", NEXT]).fails(7, &["under way", "--continue"]);
    lab.xtask(&["rebase", "--continue"]).fails(7, &["still in conflict: init/main.c"]);
    assert!(lab.xtask(&["rebase", "--status"]).ok().stdout.contains("stopped at"));
    let vendor = lab.text("vendor/init/main.c");
    lab.write("kernel/init/main.c", &vendor.replacen("/* the vendor was here */", "/* both were here */", 1));
    lab.git("kernel", &["add", "init/main.c"]);
    lab.xtask(&["rebase", "--continue"]).ok();
    sound(&lab);
    assert!(lab.git("kernel", &["show", "HEAD~2"]).contains("both were here"));
    assert!(lab.git("kernel", &["log", "-1", "--format=%s", "HEAD~2"]).contains("init: a remark"));
    lab.xtask(&["rebase", "--undo"]).ok();
    assert_eq!(tip(&lab), before);
    sound_old(&lab);
}

#[test]
fn a_conflict_is_committed_by_hand_or_skipped_or_given_up() {
    let (lab, before) = conflict();
    lab.xtask(&["rebase", "--abort"]).ok();
    assert_eq!(tip(&lab), before);
    sound_old(&lab);
    lab.xtask(&["rebase", "--abort"]).fails(7, &["no rebase is under way"]);

    lab.xtask(&["rebase", NEXT]).fails(7, &["init/main.c"]);
    lab.xtask(&["rebase", "--skip"]).ok();
    sound(&lab);
    assert!(!lab.git("kernel", &["log", "--format=%s"]).contains("a remark"));
    lab.xtask(&["rebase", "--undo"]).ok();
    assert_eq!(tip(&lab), before);

    lab.xtask(&["rebase", NEXT]).fails(7, &["init/main.c"]);
    let vendor = lab.text("vendor/init/main.c");
    lab.write("kernel/init/main.c", &format!("/* by hand */\n{vendor}"));
    lab.git("kernel", &["commit", "--quiet", "--all", "--message", "init: by hand"]);
    lab.xtask(&["rebase", "--continue"]).ok();
    sound(&lab);
    assert!(lab.git("kernel", &["log", "--format=%s"]).contains("init: by hand"));
}

#[test]
fn settings_beside_the_tag_are_no_conflict() {
    let (lab, _) = lab();
    lab.edit("kernel/Cargo.toml", "suffix = \"+lab\"", "suffix = \"+lab2\"");
    lab.commit("kernel", "settings: another suffix");
    release(&lab, |_| ());
    lab.xtask(&["rebase", NEXT]).ok();
    sound(&lab);
    assert!(lab.text("kernel/Cargo.toml").contains("tag = \"v6.1.43\"\nsuffix = \"+lab2\""));
    assert_eq!(lab.git("kernel", &["log", "-1", "--format=%s"]), "Generated: 6.1.43-1.1+lab2");
}

#[test]
fn uncommitted_changes_and_bad_tags_change_nothing() {
    let (lab, url) = lab();
    release(&lab, |_| ());
    lab.write("kernel/init/main.c", "mine\n");
    lab.xtask(&["rebase", NEXT]).fails(7, &["uncommitted changes", "init/main.c", "hint:"]);
    assert_eq!(lab.text("kernel/init/main.c"), "mine\n");
    lab.git("kernel", &["checkout", "--quiet", "init/main.c"]);
    // An untracked file of the person's where the release has one.
    lab.write("kernel/lib/news.txt", "mine\n");
    let before = tip(&lab);
    lab.xtask(&["rebase", NEXT]).fails(7, &["lib/news.txt", "hint:"]);
    assert_eq!((lab.text("kernel/lib/news.txt").as_str(), tip(&lab)), ("mine\n", before.clone()));
    std::fs::remove_file(lab.path("kernel/lib/news.txt")).unwrap();

    lab.xtask(&["rebase", "v6.1;reboot"]).fails(3, &["error:"]);
    lab.xtask(&["rebase", "v9.9"]).fails(3, &["has no tag v9.9", "hint:"]);
    lab.xtask(&["rebase", NEXT, "--url", "file:///nowhere/at/all"]).fails(5, &["hint:"]);
    lab.xtask(&["rebase"]).fails(2, &[]);
    lab.xtask(&["rebase", "--continue"]).fails(7, &["no rebase is under way"]);
    lab.git("kernel", &["checkout", "--quiet", "--detach"]);
    lab.xtask(&["rebase", NEXT]).fails(7, &["no branch is checked out"]);
    lab.git("kernel", &["checkout", "--quiet", "6.1-tickless"]);
    assert_eq!(tip(&lab), before);

    // The vendor moves the tag that the fork stands on.
    lab.git("vendor", &["tag", "--force", TAG, NEXT]);
    lab.xtask(&["rebase", TAG, "--url", &url]).fails(3, &["has moved v6.1.42", "hint:"]);
}

#[test]
fn a_linked_work_tree_is_rebased_like_any_other() {
    let (lab, _) = lab();
    release(&lab, |_| ());
    lab.git("kernel", &["checkout", "--quiet", "main"]);
    lab.git("kernel", &["worktree", "add", "--quiet", "../beside", "6.1-tickless"]);
    lab.xtask_at("beside", &["rebase", NEXT]).ok();
    assert_eq!(lab.git("beside", &["status", "--porcelain"]), "");
    assert_eq!(lab.git("beside", &["log", "-1", "--format=%s"]), "Generated: 6.1.43-1.1+lab");
    assert_eq!(lab.git("kernel", &["branch", "--show-current"]), "main");
}

#[test]
fn what_a_release_brings_to_a_flavour_is_listed() {
    let (lab, _) = lab();
    release(&lab, |lab| {
        lab.edit("vendor/kernel/Kconfig.hz", "config HZ_250", "config HZ_200\n\tbool \"200 Hz\"\n\nconfig HZ_250");
        lab.edit("vendor/kernel/Kconfig.hz", "bool \"100 Hz\"", "bool \"a hundred\"");
    });
    let said = lab.xtask(&["rebase", NEXT]).ok();
    assert!(said.stderr.contains("New in the configuration of slim on arm64"), "{}", said.stderr);
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = said.stdout.lines().map(words).collect();
    for want in ["HZ_100 changed bool y y a hundred", "HZ_200 new bool - n 200 Hz"] {
        assert_eq!(lines.iter().filter(|line| *line == want).count(), 2, "{want}: {}", said.stdout);
    }
    sound(&lab);
}

#[test]
fn a_release_that_brings_what_programs_obey_is_refused() {
    let (lab, _) = lab();
    let before = tip(&lab);
    // Cargo merges `.cargo/config` with the `config.toml` of ours, and runs `xtask/build.rs` when it compiles.
    let obeyed =
        [".cargo/config", "xtask/build.rs", "rust-toolchain.toml", "drivers/net/.cargo/config.toml", ".gitlab-ci.yml"];
    for (n, path) in obeyed.iter().enumerate() {
        lab.write(&format!("vendor/{path}"), "[build]\nrustc-wrapper = \"scripts/theirs\"\n");
        lab.tag("vendor", &format!("v6.1.{}", 50 + n));
        let said = lab.xtask(&["rebase", &format!("v6.1.{}", 50 + n)]);
        let name = path.trim_end_matches("/config").trim_end_matches("/config.toml").trim_end_matches("/build.rs");
        said.fails(7, &[&format!("the vendor's tree has `{name}`"), "hint:"]);
        assert_eq!(tip(&lab), before);
        lab.git("vendor", &["rm", "--quiet", "-r", "-f", path]);
    }
    sound(&lab);
}
