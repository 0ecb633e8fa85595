// SPDX-License-Identifier: GPL-2.0-only
//! Work of the user's in the generated commit, however it got there: never lost, never taken for generated.

use std::process::Command;

use crate::lab::{Lab, Outcome, TAG};

const NEXT: &str = "v6.1.43";
const DRIVER: &str = "kernel/drivers/lab.c";

fn lab() -> Lab {
    let lab = Lab::new();
    lab.forked();
    lab
}

fn tip(lab: &Lab) -> String {
    lab.git("kernel", &["rev-parse", "HEAD"])
}

fn git_with(lab: &Lab, environment: &[(&str, &str)], args: &[&str]) {
    let mut command: Command = lab.command("git", "kernel");
    Outcome::of(command.envs(environment.iter().copied()).args(args).output().expect("git starts")).ok();
}

/// A driver that is staged and not committed yet.
fn driver(lab: &Lab) {
    lab.write(DRIVER, "int lab;\n");
    lab.git("kernel", &["add", "drivers/lab.c"]);
    lab.edit("kernel/init/main.c", "#include", "/* the lab was here */\n#include");
}

/// What has to hold afterwards: the work is in a commit of the lab's, and the generated commit is one.
#[track_caller]
fn kept(lab: &Lab, subject: &str) {
    assert_eq!(lab.git("kernel", &["status", "--porcelain"]), "");
    lab.xtask(&["flavour", "check"]).ok();
    assert_eq!(lab.text(DRIVER), "int lab;\n");
    let files = lab.git("kernel", &["show", "--format=%s|%cn", "--name-only", "HEAD~1"]);
    assert_eq!(files, format!("{subject}|member\n\ndrivers/lab.c\ninit/main.c"));
    let generated = lab.git("kernel", &["show", "--format=", "--name-only", "HEAD"]);
    assert!(generated.lines().all(|path| path.starts_with("debian")), "{generated}");
    assert!(!lab.git("kernel", &["show", "--no-patch", "--format=%B", "HEAD~1"]).contains("Fork-File"));
}

/// Puts the branch where it was, as a user does.
fn back(lab: &Lab, to: &str) {
    lab.git("kernel", &["reset", "--quiet", "--hard", to]);
}

#[test]
fn an_amended_generated_commit_is_split_by_every_command_that_replaces_it() {
    let lab = lab();
    driver(&lab);
    lab.git("kernel", &["commit", "--quiet", "--all", "--amend", "--no-edit"]);
    let amended = tip(&lab);
    let said = lab.xtask(&[]).ok().stdout;
    assert!(said.contains("cargo xtask flavour regen") && said.contains("changes of yours"), "{said}");
    lab.xtask(&["flavour", "check"]).fails(1, &["flavour regen"]);
    lab.xtask(&["build", "--flavour", "slim", "--cross"]).fails(7, &["`drivers/lab.c`", "flavour regen"]);

    lab.xtask(&["flavour", "regen"]).says(&["drivers/lab.c", "a commit of yours", "refs/fork/backup/6.1-tickless/1"]);
    kept(&lab, "drivers/lab.c and 1 more: changed in the generated commit");
    let backup = "refs/fork/backup/6.1-tickless/1-flavour-regen";
    assert_eq!(lab.git("kernel", &["rev-parse", backup]), amended);
    assert!(lab.xtask(&["rebase", "--status"]).ok().stdout.contains(backup));
    // What regen keeps is not what a rebase is taken back to.
    lab.xtask(&["rebase", "--undo"]).fails(7, &["has not been rebased"]);
    // Whoever splits it, the ids are the same.
    let split = tip(&lab);
    back(&lab, &amended);
    lab.xtask(&["flavour", "regen"]).ok();
    assert_eq!(tip(&lab), split);

    lab.write("vendor/lib/news.txt", "6.1.43\n");
    lab.tag("vendor", NEXT);
    back(&lab, &amended);
    lab.xtask(&["rebase", NEXT]).says(&["drivers/lab.c", "a commit of yours"]);
    kept(&lab, "drivers/lab.c and 1 more: changed in the generated commit");
    lab.xtask(&["rebase", "--undo"]).ok();
    assert_eq!(tip(&lab), amended);

    lab.git(".", &["clone", "--quiet", "--branch", "main", "kernel", "newer"]);
    lab.edit("newer/README.md", "# A kernel fork", "# Newer: a kernel fork");
    lab.commit("newer", "Newer");
    lab.xtask(&["upgrade", "--from", "../newer"]).says(&["drivers/lab.c", "a commit of yours"]);
    assert_eq!(lab.text(DRIVER), "int lab;\n");
    lab.xtask(&["flavour", "check"]).ok();
}

#[test]
fn words_of_the_user_s_stay_and_fixups_are_split_too() {
    let lab = lab();
    let start = tip(&lab);
    driver(&lab);
    let message = lab.git("kernel", &["show", "--no-patch", "--format=%B", "HEAD"]);
    let own = message.replacen("Generated: 6.1.42-1.1+lab", "drivers: the lab's own", 1);
    lab.git("kernel", &["commit", "--quiet", "--all", "--amend", "--message", &own]);
    lab.xtask(&["flavour", "regen"]).ok();
    kept(&lab, "drivers: the lab's own");

    for kind in ["--fixup", "--squash"] {
        back(&lab, &start);
        driver(&lab);
        git_with(&lab, &[("GIT_EDITOR", "true")], &["commit", "--quiet", "--all", kind, "HEAD"]);
        let environment = [("GIT_SEQUENCE_EDITOR", "true"), ("GIT_EDITOR", "true")];
        git_with(&lab, &environment, &["rebase", "--quiet", "--interactive", "--autosquash", "HEAD~2"]);
        assert_eq!(lab.git("kernel", &["rev-list", "--count", "HEAD"]), "3");
        lab.xtask(&["flavour", "regen"]).ok();
        kept(&lab, "drivers/lab.c and 1 more: changed in the generated commit");
    }
}

#[test]
fn a_commit_is_not_generated_because_its_message_says_so() {
    let lab = lab();
    let start = tip(&lab);
    driver(&lab);
    let message = "drivers: the lab's own\n\nFork-Generated: flavour";
    lab.git("kernel", &["commit", "--quiet", "--all", "--message", message]);
    lab.xtask(&["flavour", "regen"]).ok();
    kept(&lab, "drivers: the lab's own");
    lab.write("vendor/lib/news.txt", "6.1.43\n");
    lab.tag("vendor", NEXT);
    lab.xtask(&["rebase", NEXT]).ok();
    kept(&lab, "drivers: the lab's own");

    // The whole message of the generated commit.
    back(&lab, &start);
    driver(&lab);
    lab.git("kernel", &["commit", "--quiet", "--all", "--reuse-message", "HEAD"]);
    assert!(lab.xtask(&[]).ok().stdout.contains("2 commits"));
    lab.xtask(&["rebase", NEXT]).ok();
    assert_eq!(lab.text(DRIVER), "int lab;\n");
    lab.xtask(&["flavour", "check"]).ok();
}

#[test]
fn edits_of_generated_files_are_refused_by_name_until_they_are_dropped() {
    let lab = lab();
    driver(&lab);
    let config = "kernel/debian.master/config/arm64/config.flavour.slim";
    lab.edit(config, "CONFIG_HZ_100=y", "CONFIG_HZ_250=y");
    lab.git("kernel", &["commit", "--quiet", "--all", "--amend", "--no-edit"]);
    let amended = tip(&lab);
    lab.write("vendor/lib/news.txt", "6.1.43\n");
    lab.tag("vendor", NEXT);
    let name = "`debian.master/config/arm64/config.flavour.slim`";
    for command in [&["flavour", "regen"][..], &["rebase", NEXT], &["flavour", "check"], &["upgrade", "--from", "."]] {
        lab.xtask(command).fails(7, &["generated files were edited", name, "--drop-edits"]);
        assert_eq!(tip(&lab), amended);
    }
    lab.xtask(&["flavour", "regen", "--drop-edits"]).ok();
    kept(&lab, "drivers/lab.c and 1 more: changed in the generated commit");
    assert!(lab.text(config).contains("CONFIG_HZ_100=y"));
    assert_eq!(lab.git("kernel", &["rev-parse", "refs/fork/backup/6.1-tickless/1-flavour-regen"]), amended);
}

#[test]
fn what_only_git_or_an_older_version_did_to_it_leaves_it_generated() {
    let lab = lab();
    let start = tip(&lab);
    // Replayed by plain git, above a commit of the lab's that was changed.
    lab.edit("kernel/README.md", "# A kernel fork", "# Our kernel fork");
    lab.git("kernel", &["commit", "--quiet", "--all", "--fixup", "HEAD~1"]);
    let environment = [("GIT_SEQUENCE_EDITOR", "true"), ("GIT_EDITOR", "true")];
    git_with(&lab, &environment, &["rebase", "--quiet", "--interactive", "--autosquash", "HEAD~2^"]);
    assert_ne!(tip(&lab), start);
    assert!(lab.xtask(&[]).ok().stdout.contains("cargo xtask build"));
    lab.xtask(&["flavour", "regen"]).ok();
    assert_eq!(lab.git("kernel", &["rev-list", "--count", "HEAD"]), "3");
    lab.xtask(&["flavour", "check"]).ok();

    // As a version made it that recorded no files.
    back(&lab, &start);
    let message = "Generated: 6.1.42-1.1+lab\n\nMade.\n\nFork-Generated: flavour\n";
    let time = lab.git("kernel", &["show", "--no-patch", "--format=%ct +0000", "HEAD"]);
    let signed = |who: &str, tree: &str| {
        let mut command = lab.command("git", "kernel");
        command.args(["commit-tree", tree, "-p", "HEAD~1", "-m", message]);
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), if role == "AUTHOR" { "the lab" } else { who });
            command.env(format!("GIT_{role}_DATE"), &time);
        }
        Outcome::of(command.output().expect("git starts")).ok().stdout.trim_end().to_owned()
    };
    let older = signed("the lab", "HEAD^{tree}");
    back(&lab, &older);
    assert!(lab.xtask(&[]).ok().stdout.contains("cargo xtask build"));
    lab.xtask(&["flavour", "regen"]).ok();
    assert_eq!(tip(&lab), start);
    // Changed since, by somebody else.
    driver(&lab);
    lab.git("kernel", &["add", "--all"]);
    let tree = lab.git("kernel", &["write-tree"]);
    back(&lab, &signed("member", &tree));
    lab.xtask(&["flavour", "regen"]).says(&["no record", "a commit of yours"]);
    kept(&lab, "drivers/lab.c and 1 more: changed in the generated commit");
    assert_eq!(
        lab.git("kernel", &["show", "--no-patch", "--format=%s", "HEAD~2"]),
        format!("Workflow for the fork of {TAG}")
    );
}

/// Messages that have no record of the generated files, and the subject that work beside them gets.
const WITHOUT_RECORD: [(&str, &str); 3] = [
    ("new message", "new message"),
    ("drivers: the lab's own\n\nFork-Generated: flavour", "drivers: the lab's own"),
    ("Generated: 1.2-3\n\nFork-Generated: flavour", "drivers/lab.c and 1 more: changed in the generated commit"),
];

#[test]
fn a_message_in_the_place_of_the_record_costs_nothing_but_itself() {
    let lab = lab();
    let start = tip(&lab);
    lab.write("vendor/lib/news.txt", "6.1.43\n");
    lab.tag("vendor", NEXT);
    for (message, _) in WITHOUT_RECORD {
        back(&lab, &start);
        lab.git("kernel", &["commit", "--quiet", "--amend", "--message", message]);
        let amended = tip(&lab);
        let said = lab.xtask(&[]).ok().stdout;
        assert!(said.contains("cargo xtask flavour regen") && said.contains("was replaced"), "{said}");
        lab.xtask(&["build", "--flavour", "slim", "--cross"]).fails(7, &["no record", "flavour regen"]);
        lab.xtask(&["flavour", "check"]).fails(1, &["no record", "flavour regen"]);
        let words = ["nothing of yours but its message", "which is kept as refs/fork/backup/6.1-tickless/"];
        lab.xtask(&["flavour", "regen"]).says(&words);
        assert_eq!(tip(&lab), start);
        assert!(lab.xtask(&["rebase", "--status"]).ok().stdout.contains(&amended[..12]));

        back(&lab, &amended);
        lab.xtask(&["rebase", NEXT]).says(&["nothing of yours but its message"]);
        let generated = lab.git("kernel", &["show", "--format=", "--name-only", "HEAD"]);
        assert!(generated.contains("debian/rules"), "{generated}");
        assert_eq!(lab.git("kernel", &["rev-list", "--count", "HEAD"]), "3");
        lab.xtask(&["flavour", "check"]).ok();
        lab.xtask(&["rebase", "--undo"]).ok();
        assert_eq!(tip(&lab), amended);
    }
}

#[test]
fn work_under_a_message_in_the_place_of_the_record_is_a_commit_of_the_lab_s() {
    let lab = lab();
    let start = tip(&lab);
    lab.write("vendor/lib/news.txt", "6.1.43\n");
    lab.tag("vendor", NEXT);
    for (message, subject) in WITHOUT_RECORD {
        back(&lab, &start);
        driver(&lab);
        lab.git("kernel", &["commit", "--quiet", "--all", "--amend", "--message", message]);
        let amended = tip(&lab);
        assert!(lab.xtask(&[]).ok().stdout.contains("cargo xtask flavour regen"));
        lab.xtask(&["build", "--flavour", "slim", "--cross"]).fails(7, &["no record", "flavour regen"]);
        lab.xtask(&["flavour", "regen"]).says(&["drivers/lab.c", "a commit of yours"]);
        kept(&lab, subject);
        back(&lab, &amended);
        lab.xtask(&["rebase", NEXT]).says(&["drivers/lab.c", "a commit of yours"]);
        kept(&lab, subject);
    }
    // Edits of generated files are refused by name, as they are with a record.
    back(&lab, &start);
    driver(&lab);
    lab.edit("kernel/debian.master/config/arm64/config.flavour.slim", "CONFIG_HZ_100=y", "CONFIG_HZ_250=y");
    lab.git("kernel", &["commit", "--quiet", "--all", "--amend", "--message", "new message"]);
    for command in [&["flavour", "regen"][..], &["rebase", NEXT]] {
        lab.xtask(command).fails(7, &["generated files were edited", "config.flavour.slim", "--drop-edits"]);
    }
    lab.xtask(&["flavour", "regen", "--drop-edits"]).ok();
    kept(&lab, "new message");
}

#[test]
fn the_vendor_s_own_packaging_is_told_from_the_lab_s_work_without_a_record() {
    let lab = Lab::new();
    let url = crate::ubuntu::vendor(&lab, "6.1.0-7.9");
    lab.xtask(&["fork", crate::ubuntu::TAG, "--url", &url]).ok();
    let start = tip(&lab);
    lab.git("kernel", &["commit", "--quiet", "--amend", "--message", "new message"]);
    lab.xtask(&["flavour", "regen"]).says(&["nothing of yours but its message"]);
    assert_eq!(tip(&lab), start);
    driver(&lab);
    lab.git("kernel", &["commit", "--quiet", "--all", "--amend", "--message", "new message"]);
    lab.xtask(&["flavour", "regen"]).says(&["drivers/lab.c", "a commit of yours"]);
    kept(&lab, "new message");
    // A commit of the lab's that only touches the packaging stays one.
    lab.edit("kernel/debian.master/control.stub.in", " bc,\n", " bc,\n dwarves,\n");
    lab.commit("kernel", "dwarves");
    lab.xtask(&["flavour", "regen"]).ok();
    assert_eq!(lab.git("kernel", &["log", "-1", "--format=%s", "HEAD~1"]), "dwarves");
}
