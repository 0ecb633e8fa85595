// SPDX-License-Identifier: GPL-2.0-only
//! SIGKILL at many moments of `fork`, `rebase` and `graft-history`: the branch is at the old tip or the new
//! one, no commit is lost, and the same command run again finishes.

use crate::lab::{codename, Lab, Moment, TAG};

const NEXT: &str = "v6.1.43";

/// Which of the moments are tried: each, or one in so many.
const EACH: usize = 1;
const SOME: usize = 10;

/// Kills `args` before and after every `step`th git program that it starts. `make` sets the scene, `check` is
/// called after the kill, and after the same command has been run again. Says how many moments that were.
fn killed(step: usize, args: &[&str], make: impl Fn() -> Lab, check: impl Fn(&Lab, bool)) -> usize {
    let lab = make();
    let calls = lab.xtask_killed(args, None);
    check(&lab, true);
    let around = |call| [Moment::Before, Moment::During, Moment::After].map(|moment| (call, moment));
    let moments: Vec<(usize, Moment)> = (1..=calls).flat_map(around).step_by(step).collect();
    for (call, moment) in &moments {
        let lab = make();
        lab.xtask_killed(args, Some((*call, *moment)));
        check(&lab, false);
        let again = lab.xtask(args);
        // Done to the last step before the kill came: then it is there already.
        let there = again.code == 7 && again.stderr.contains("already");
        assert!(again.code == 0 || there, "killed {moment:?} call {call}\n{}{}", again.stdout, again.stderr);
        check(&lab, true);
        assert_eq!(lab.git("kernel", &["status", "--porcelain"]), "", "killed {moment:?} call {call}");
        assert_eq!(lab.git("kernel", &["fsck", "--full", "--no-dangling"]), "");
        assert!(!lab.path("kernel/.git/kernel-fork").exists(), "the journal stayed");
    }
    moments.len()
}

fn fork(step: usize) -> usize {
    // Every lab is elsewhere: the address is set, the command is the same.
    let make = || {
        let lab = Lab::new();
        let url = lab.vendor();
        let settings = lab.text("kernel/Cargo.toml");
        let old = settings.lines().find(|l| l.starts_with("url = ")).expect("an address").to_owned();
        lab.edit("kernel/Cargo.toml", &old, &format!("url = \"{url}\""));
        lab.commit("kernel", "our vendor");
        lab
    };
    killed(step, &["fork", TAG, "--series", &codename()], make, |lab, whole| {
        let branches = lab.git("kernel", &["for-each-ref", "--format=%(refname:short) %(subject)", "refs/heads"]);
        let new = "6.1-tickless Generated: 6.1.42-1.1+lab\nmain our vendor";
        assert!(branches == new || (!whole && branches == "main our vendor"), "{branches}");
    })
}

fn forked_with_patch() -> Lab {
    let lab = Lab::new();
    lab.forked();
    lab.edit("kernel/init/main.c", "#include", "/* the lab was here */\n#include");
    lab.commit("kernel", "init: a remark");
    for n in 0..200 {
        lab.write(&format!("vendor/lib/news-{n}.txt"), "6.1.43\n");
    }
    lab.edit("vendor/lib/crc.c", "// SPDX", "/* new */\n// SPDX");
    lab.tag("vendor", NEXT);
    lab.git("vendor", &["config", "uploadpack.allowFilter", "true"]);
    lab
}

fn rebase(step: usize) -> usize {
    killed(step, &["rebase", NEXT], forked_with_patch, |lab, whole| {
        let subjects = lab.git("kernel", &["log", "--format=%s", "6.1-tickless"]);
        let new = "Generated: 6.1.43-1.1+lab\ninit: a remark\nWorkflow for the fork of v6.1.43\nv6.1.43";
        let old = "init: a remark\nGenerated: 6.1.42-1.1+lab\nWorkflow for the fork of v6.1.42\nv6.1.42";
        assert!(subjects == new || (!whole && subjects == old), "{subjects}");
    })
}

fn graft(step: usize) -> usize {
    killed(step, &["graft-history"], forked_with_patch, |lab, whole| {
        let count = lab.git("kernel", &["rev-list", "--count", "HEAD"]);
        assert!(count == "5" || (!whole && count == "4"), "{count}");
    })
}

fn undo(step: usize) -> usize {
    let make = || {
        let lab = forked_with_patch();
        lab.xtask(&["rebase", NEXT]).ok();
        lab
    };
    killed(step, &["rebase", "--undo"], make, |lab, whole| {
        let first = lab.git("kernel", &["log", "-1", "--format=%s", "6.1-tickless"]);
        assert!(first == "init: a remark" || (!whole && first == "Generated: 6.1.43-1.1+lab"), "{first}");
    })
}

fn ungraft(step: usize) -> usize {
    let make = || {
        let lab = forked_with_patch();
        lab.xtask(&["graft-history"]).ok();
        lab
    };
    killed(step, &["graft-history", "--undo"], make, |lab, whole| {
        let count = lab.git("kernel", &["rev-list", "--count", "HEAD"]);
        assert!(count == "4" || (!whole && count == "5"), "{count}");
        let config = lab.git("kernel", &["config", "--list", "--local"]);
        assert!(!whole || !(config.contains("fork-history") || config.contains("vendorroot")), "{config}");
    })
}

#[test]
fn a_killed_fork_is_finished_by_the_next() {
    fork(SOME);
}

#[test]
fn a_killed_rebase_is_finished_by_the_next() {
    rebase(SOME);
}

#[test]
fn a_killed_graft_is_finished_by_the_next() {
    graft(SOME);
}

#[test]
fn a_killed_undo_is_finished_by_the_next() {
    undo(SOME);
    ungraft(SOME);
}

#[test]
#[ignore = "a hundred kills: `cargo xtask ci --full`"]
fn at_every_moment() {
    let moments = fork(EACH) + rebase(EACH) + graft(EACH) + undo(EACH) + ungraft(EACH);
    assert!(moments >= 100, "{moments}");
}

/// A kill in the middle of the update of the work tree, made by hand: some files are new, one is half
/// written, git's lock is there.
fn half_updated(lab: &Lab) -> (String, String) {
    let old = lab.git("kernel", &["rev-parse", "HEAD"]);
    lab.xtask(&["rebase", NEXT]).ok();
    let new = lab.git("kernel", &["rev-parse", "HEAD"]);
    lab.git("kernel", &["reset", "--quiet", "--hard", &old]);
    lab.git("kernel", &["update-ref", "refs/heads/6.1-tickless", &new]);
    lab.write("kernel/lib/news-1.txt", "6.1.43\n");
    lab.write("kernel/lib/news-2.txt", "6.");
    let crc = lab.git("vendor", &["show", "HEAD:lib/crc.c"]);
    lab.write("kernel/lib/crc.c", &crc[..40]);
    std::fs::remove_file(lab.path("kernel/debian.master/changelog")).unwrap();
    lab.write("kernel/.git/kernel-fork/journal.json", &format!(
        "{{\"pid\": 1, \"what\": \"rebase\", \"move\": {{\"branch\": \"refs/heads/6.1-tickless\", \"old\": \"{old}\", \"new\": \"{new}\"}}}}"));
    lab.write("kernel/.git/index.lock", "");
    lab.write("kernel/.git/refs/heads/6.1-tickless.lock", "");
    (old, new)
}

#[test]
fn a_half_updated_work_tree_is_finished_and_the_person_s_changes_are_not_touched() {
    let lab = forked_with_patch();
    let (_, new) = half_updated(&lab);
    // A change of the person's in a file that the update does not reach.
    lab.write("kernel/init/main.c", "mine\n");
    lab.xtask(&["rebase", NEXT]);
    assert_eq!(lab.git("kernel", &["rev-parse", "HEAD"]), new);
    assert_eq!(lab.git("kernel", &["status", "--porcelain"]), " M init/main.c");
    assert_eq!(lab.text("kernel/init/main.c"), "mine\n");

    let lab = forked_with_patch();
    half_updated(&lab);
    // And in one that it has not reached yet.
    lab.write("kernel/lib/crc.c", "mine\n");
    lab.xtask(&["rebase", NEXT]).fails(7, &["lib/crc.c", "hint:"]);
    assert_eq!(lab.text("kernel/lib/crc.c"), "mine\n");
    lab.git("kernel", &["checkout", "--quiet", "HEAD", "--", "lib/crc.c"]);
    lab.xtask(&["rebase", NEXT]).ok();
    assert_eq!(lab.git("kernel", &["status", "--porcelain"]), "");
}

#[test]
fn two_at_once_do_not_meet() {
    let lab = forked_with_patch();
    let lock = std::fs::File::open(lab.path("kernel/.git")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    lab.xtask(&["rebase", NEXT]).fails(7, &["at work on this repository", "hint:"]);
    lab.xtask(&["flavour", "regen"]).fails(7, &["at work on this repository"]);
    drop(lock);
    lab.xtask(&["rebase", NEXT]).ok();
}
