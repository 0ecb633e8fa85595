// SPDX-License-Identifier: GPL-2.0-only
//! A rebase that has stopped, and what users do then besides resolving it.

use crate::lab::Lab;

const NEXT: &str = "v6.1.43";

/// A fork whose one commit changes a line that the next release changes too, and adds a file and a submodule.
/// Stopped there; returns the branch's tip of before.
fn stopped() -> (Lab, String) {
    let lab = Lab::new();
    lab.forked();
    lab.edit("kernel/init/main.c", "#include", "/* the lab was here */\n#include");
    lab.write("kernel/drivers/lab.c", "/* the lab's driver */\n");
    let head = lab.git("kernel", &["rev-parse", "HEAD"]);
    lab.git("kernel", &["update-index", "--add", "--cacheinfo", &format!("160000,{head},firmware")]);
    lab.git("kernel", &["add", "--force", "init/main.c", "drivers/lab.c"]);
    lab.git("kernel", &["commit", "--quiet", "--message", "init: a remark"]);
    // As git leaves a submodule that is not initialized.
    std::fs::create_dir(lab.path("kernel/firmware")).unwrap();
    let before = tip(&lab);
    lab.edit("vendor/init/main.c", "#include", "/* the vendor was here */\n#include");
    lab.tag("vendor", NEXT);
    lab.xtask(&["rebase", NEXT]).fails(7, &["init/main.c"]);
    (lab, before)
}

fn tip(lab: &Lab) -> String {
    lab.git("kernel", &["rev-parse", "HEAD"])
}

#[test]
fn a_submodule_s_repository_stays_when_a_rebase_is_given_up_or_skips() {
    for way in ["--abort", "--skip"] {
        let (lab, _) = stopped();
        std::fs::create_dir_all(lab.path("kernel/firmware")).unwrap();
        lab.git("kernel/firmware", &["init", "--quiet"]);
        lab.write("kernel/firmware/blob", "only here\n");
        lab.commit("kernel/firmware", "work that exists nowhere else");
        lab.xtask(&["rebase", way]).ok();
        assert_eq!(lab.text("kernel/firmware/blob"), "only here\n", "{way}");
        assert_eq!(lab.git("kernel/firmware", &["log", "--format=%s"]), "work that exists nowhere else");
    }
}

#[test]
fn a_directory_in_the_place_of_a_file_stays() {
    for (way, file) in [("--abort", "drivers/lab.c"), ("--abort", "init/main.c"), ("--skip", "init/main.c")] {
        let (lab, before) = stopped();
        std::fs::remove_file(lab.path(&format!("kernel/{file}"))).unwrap();
        let notes = format!("kernel/{file}/notes");
        lab.write(&notes, "mine\n");
        lab.xtask(&["rebase", way]).fails(7, &[file, "hint:"]);
        assert_eq!(lab.text(&notes), "mine\n", "{way} {file}");
        // Out of the way, it goes on.
        std::fs::rename(lab.path(&format!("kernel/{file}")), lab.path("notes")).unwrap();
        lab.xtask(&["rebase", way]).ok();
        if way == "--abort" {
            assert_eq!(tip(&lab), before);
        }
    }
}

#[test]
fn a_pick_that_was_given_up_is_not_resolved() {
    for way in [&["cherry-pick", "--abort"][..], &["reset", "--hard", "--quiet"], &["cherry-pick", "--quit"]] {
        let (lab, before) = stopped();
        let commit = lab.git("kernel", &["rev-parse", "CHERRY_PICK_HEAD"]);
        lab.git("kernel", way);
        if way[1] == "--quit" {
            lab.git("kernel", &["reset", "--hard", "--quiet"]);
        }
        lab.xtask(&["rebase", "--continue"]).fails(7, &["init: a remark", "neither applied nor left out", "--skip"]);
        assert_eq!(lab.git("kernel", &["rev-parse", "6.1-tickless"]), before);
        // Each way that the hint names goes on.
        if way[1] == "--quit" {
            lab.xtask(&["rebase", "--skip"]).ok();
            assert!(!lab.git("kernel", &["log", "--format=%s"]).contains("a remark"));
        } else {
            let pick = lab.command("git", "kernel").args(["cherry-pick", &commit]).output().unwrap();
            assert!(!pick.status.success());
            lab.write("kernel/init/main.c", "/* both */\n");
            lab.git("kernel", &["add", "init/main.c"]);
            lab.xtask(&["rebase", "--continue"]).ok();
            assert!(lab.git("kernel", &["log", "--format=%s"]).contains("a remark"));
        }
    }
}

#[test]
fn skip_after_a_commit_says_that_it_would_stay() {
    let (lab, _) = stopped();
    lab.write("kernel/init/main.c", "/* by hand */\n");
    lab.git("kernel", &["commit", "--quiet", "--all", "--message", "init: by hand"]);
    lab.xtask(&["rebase", "--skip"]).fails(7, &["init: by hand", "--continue", "reset --keep"]);
    lab.xtask(&["rebase", "--continue"]).ok();
    assert!(lab.git("kernel", &["log", "--format=%s"]).contains("init: by hand"));
}

#[test]
fn every_command_says_that_a_rebase_is_under_way() {
    let (lab, _) = stopped();
    let commands = [
        "build",
        "flavour check",
        "flavour diff slim tickless",
        "flavour new other",
        "flavour regen",
        "flavour remove slim",
        "flavour show slim",
        "follow",
        "follow --branch 6.1-tickless",
        "fork v6.1.43 --branch other",
        "graft-history",
        "rebase v6.1.43",
        "tags",
        "upgrade --from .",
    ];
    for command in commands {
        let words: Vec<&str> = command.split(' ').collect();
        lab.xtask(&words).fails(7, &["rebase to v6.1.43", "--abort"]);
        lab.xtask(&[&["--dry-run"], &words[..]].concat()).fails(7, &["rebase to v6.1.43", "--abort"]);
    }
}

#[test]
fn an_operation_of_git_s_is_finished_first() {
    let lab = Lab::new();
    lab.forked();
    let fork = tip(&lab);
    lab.git("kernel", &["switch", "--quiet", "--create", "side"]);
    for n in ["1", "2", "3"] {
        lab.write("kernel/drivers/lab.txt", n);
        lab.commit("kernel", &format!("drivers: {n}"));
    }
    lab.git("kernel", &["switch", "--quiet", "6.1-tickless"]);
    lab.write("kernel/drivers/lab.txt", "in the way\n");
    lab.commit("kernel", "drivers: in the way");
    let pick = lab.command("git", "kernel").args(["cherry-pick", &format!("{fork}..side")]).output().unwrap();
    assert!(!pick.status.success());
    lab.git("kernel", &["checkout", "--quiet", "--theirs", "drivers/lab.txt"]);
    lab.git("kernel", &["commit", "--quiet", "--all", "--message", "drivers: picked"]);
    // The work tree is clean and HEAD a commit; two picks wait in git's list.
    let before = tip(&lab);
    lab.xtask(&["flavour", "regen"]).fails(7, &["`git cherry-pick` is under way", "--abort"]);
    lab.xtask(&["rebase", NEXT]).fails(7, &["`git cherry-pick` is under way"]);
    assert_eq!(tip(&lab), before);
    lab.git("kernel", &["cherry-pick", "--quit"]);
    lab.xtask(&["flavour", "regen"]).ok();

    lab.git("kernel", &["merge", "--quiet", "--no-commit", "--no-ff", "--strategy=ours", "side"]);
    lab.xtask(&["flavour", "regen"]).fails(7, &["`git merge` is under way", "--abort"]);
}

#[test]
fn giving_up_says_where_the_branch_is() {
    let (lab, before) = stopped();
    lab.xtask(&["rebase", "--abort"]).ok().says(&[&format!("6.1-tickless is as it was, {:.12}", before)]);
    lab.xtask(&["rebase", NEXT]).fails(7, &["init/main.c"]);
    let moved = lab.git("kernel", &["rev-parse", "main"]);
    lab.git("kernel", &["update-ref", "-d", "refs/heads/6.1-tickless"]);
    for command in ["--abort", "--status"] {
        lab.xtask(&["rebase", command]).fails(7, &["`6.1-tickless` is gone", "git branch"]);
    }
    lab.git("kernel", &["branch", "6.1-tickless", "main"]);
    let said = lab.xtask(&["rebase", "--abort"]).ok().says(&[&format!("stays at {:.12}", moved), &before[..12]]).stderr;
    assert!(!said.contains("as it was"), "{said}");
    assert_eq!(lab.git("kernel", &["rev-parse", "6.1-tickless", "HEAD"]), format!("{moved}\n{moved}"));
    assert_eq!(lab.git("kernel", &["status", "--porcelain"]), "");
}

#[test]
fn names_that_are_no_branches_are_refused() {
    let lab = Lab::new();
    lab.forked();
    for name in ["HEAD", "a..b", "@"] {
        lab.xtask(&["rebase", NEXT, "--to-branch", name]).fails(3, &[name, "not a valid branch name"]);
        lab.xtask(&["fork", NEXT, "--branch", name]).fails(3, &[name, "not a valid branch name"]);
    }
    for name in ["refs/heads/q", "refs/tags/q"] {
        lab.xtask(&["rebase", NEXT, "--to-branch", name]).fails(3, &[name, "name of a ref", "hint:"]);
        lab.xtask(&["fork", NEXT, "--branch", name]).fails(3, &[name, "name of a ref"]);
        lab.xtask(&["follow", "--branch", name]).fails(3, &[name, "name of a ref"]);
    }
    for option in ["--to-branch=-x", "--to-branch=-"] {
        lab.xtask(&["rebase", NEXT, option]).fails(3, &["not a valid branch name"]);
    }
    lab.git("kernel", &["branch", "x"]);
    lab.git("kernel", &["branch", "y/z"]);
    for name in ["x/y", "y"] {
        lab.xtask(&["rebase", NEXT, "--to-branch", name]).fails(7, &["cannot be beside"]);
    }
}
