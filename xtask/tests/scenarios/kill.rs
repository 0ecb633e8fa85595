// SPDX-License-Identifier: GPL-2.0-only
//! SIGKILL at many moments of what moves a branch or adds to the repository: the branch is at the old tip or
//! the new one, no commit is lost, the same command run again finishes, and never over what the person did in
//! between.
//!
//! The moments are the changes that the program and its children make in the repository (`killer.c` counts
//! them): files made, cut off in the middle, renamed, removed. They are spread evenly over a run.

use std::fs;

use crate::lab::{codename, Lab, Outcome, TAG};

const NEXT: &str = "v6.1.43";

/// Who dies.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Victim {
    Nobody,
    /// The program and the child that is at work.
    Both,
    /// The program; its child goes on.
    Program,
}

/// A command in a repository that can be put back to what it was.
struct Scene<'a> {
    lab: &'a Lab,
    args: &'a [&'a str],
    /// A file that the person changes in between.
    mine: Option<&'a str>,
}

impl<'a> Scene<'a> {
    fn new(lab: &'a Lab, args: &'a [&'a str], mine: Option<&'a str>) -> Self {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scenarios/killer.c");
        let library = lab.path("killer.so");
        let library = library.to_str().unwrap();
        lab.run("cc", &["-Wall", "-Werror", "-shared", "-fPIC", "-o", library, source, "-ldl"]).ok();
        lab.run("cp", &["--archive", "kernel", "kernel.before"]).ok();
        Self { lab, args, mine }
    }

    fn put_back(&self) {
        fs::remove_dir_all(self.lab.path("kernel")).unwrap();
        self.lab.run("cp", &["--archive", "kernel.before", "kernel"]).ok();
    }

    /// Runs the command with a kill at the change number `at`; how many changes there were.
    fn run(&self, at: usize, victim: Victim) -> (Outcome, usize) {
        let path = |name: &str| self.lab.path(name).to_str().unwrap().to_owned();
        drop(fs::remove_file(path("count")));
        let (library, below, count, at) = (path("killer.so"), path("kernel"), path("count"), at.to_string());
        let mut environment = vec![("LD_PRELOAD", library.as_str()), ("KILL_BELOW", &below), ("KILL_COUNT", &count)];
        environment.extend([("KILL_AT", if victim == Victim::Nobody { "0" } else { at.as_str() })]);
        if victim == Victim::Program {
            environment.push(("KILL_ALONE", "1"));
        }
        let outcome = self.lab.xtask_with(&environment, self.args);
        let bytes = fs::read(path("count")).unwrap();
        (outcome, usize::from_ne_bytes(bytes[..8].try_into().unwrap()))
    }

    /// All that has to be the same, but for backups, which may be one more.
    fn picture(&self) -> String {
        let asked: [&[&str]; 5] = [
            &["rev-parse", "HEAD", "--symbolic-full-name", "HEAD"],
            &["for-each-ref", "refs/heads", "refs/tags", "refs/replace"],
            &["status", "--porcelain"],
            &["ls-files", "--unmerged"],
            &["config", "--local", "--list"],
        ];
        asked.map(|args| self.lab.git("kernel", args)).join("\n--\n")
    }

    fn branches(&self) -> String {
        self.lab.git("kernel", &["for-each-ref", "refs/heads"])
    }

    /// Kills the command at `points` moments; `code` is what it ends with where nobody is killed.
    fn killed(&self, code: i32, points: usize) -> usize {
        let (tip, before) = (self.lab.git("kernel", &["rev-parse", "HEAD"]), self.branches());
        let (outcome, changes) = self.run(0, Victim::Nobody);
        outcome.fails(code, &[]);
        let (after, whole) = (self.branches(), self.picture());
        assert!(changes >= points, "{changes}");
        let mut kills = 0;
        for point in 0..points {
            let at = 1 + point * (changes - 1) / (points - 1).max(1);
            let victim = if point % 4 == 3 { Victim::Program } else { Victim::Both };
            let moment = format!("{:?}: {victim:?} killed at change {at} of {changes}", self.args);
            self.put_back();
            if self.run(at, victim).0.code != -1 {
                continue; // git does not always make the same number of changes
            }
            kills += 1;
            let now = self.branches();
            assert!(now == before || now == after, "{moment}: {now}");
            self.lab.git("kernel", &["cat-file", "-e", &tip]);
            if let Some(mine) = self.mine.filter(|_| point % 4 == 1) {
                self.again_over(mine, &moment);
            }
            let again = self.lab.xtask(self.args);
            // Done to the last step before the kill came: then there is nothing to do.
            assert!([0, 7].contains(&again.code), "{moment}\n{}{}", again.stdout, again.stderr);
            assert_eq!(self.picture(), whole, "{moment}\n{}{}", again.stdout, again.stderr);
            if point % 4 == 0 {
                assert_eq!(self.lab.git("kernel", &["fsck", "--full", "--no-dangling"]), "", "{moment}");
            }
            assert!(!self.lab.path("kernel/.git/kernel-fork/journal.json").exists(), "{moment}: the journal stayed");
        }
        kills
    }

    /// The person changes a file before the command is run again: it stays as they made it.
    fn again_over(&self, mine: &str, moment: &str) {
        let path = self.lab.path("kernel").join(mine);
        let was = fs::read(&path).ok();
        self.lab.write(&format!("kernel/{mine}"), "mine\n");
        let again = self.lab.xtask(self.args);
        assert!([0, 7].contains(&again.code), "{moment}\n{}{}", again.stdout, again.stderr);
        assert_eq!(fs::read_to_string(&path).ok().as_deref(), Some("mine\n"), "{moment}: {}", again.stderr);
        match was {
            Some(was) => fs::write(&path, was).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
    }
}

impl Scene<'_> {
    /// Kills the command where it updates the work tree, and finishes with the command that status names. How often
    /// the work tree was half-done.
    fn named(&self) -> usize {
        let changes = self.run(0, Victim::Nobody).1;
        let (after, whole) = (self.branches(), self.picture());
        let command =
            format!("`{}`", if self.args == ["rebase", NEXT] { "rebase".to_owned() } else { self.args.join(" ") });
        let mut seen = 0;
        for at in (changes - 24..changes).step_by(3) {
            self.put_back();
            let killed = self.run(at, Victim::Both).0.code == -1;
            if !killed || self.branches() != after || self.picture() == whole {
                continue;
            }
            let said = self.lab.xtask(&[]).ok().stdout;
            let Some(next) = said.lines().find_map(|line| line.trim().strip_prefix("next")) else { panic!("{said}") };
            for words in ["half-done", &command, "6.1-tickless"] {
                assert!(said.contains(words), "no {words}: {said}");
            }
            seen += usize::from(said.contains("not updated"));
            let words: Vec<&str> = next.split_whitespace().collect();
            assert_eq!(words[words.len() - 2..], ["rebase", "--continue"], "{said}");
            self.lab.xtask(&words[words.len() - 2..]).says(&["is complete"]);
            assert_eq!(self.picture(), whole, "{at} of {changes}: {said}");
        }
        seen
    }
}

#[test]
fn a_half_done_move_is_shown_with_the_command_that_finishes_it() {
    let lab = forked_with_patch();
    assert!(Scene::new(&lab, &["rebase", NEXT], None).named() > 0);
    let lab = forked_with_patch();
    lab.xtask(&["rebase", NEXT]).ok();
    assert!(Scene::new(&lab, &["rebase", "--undo"], None).named() > 0);
    let lab = Lab::new();
    lab.forked();
    lab.edit("kernel/kernel/configs/slim.config", "CONFIG_HZ_100=y", "CONFIG_HZ_250=y");
    lab.commit("kernel", "slim: a faster clock");
    assert!(Scene::new(&lab, &["flavour", "regen"], None).named() > 0);
}

fn fork(points: usize) -> usize {
    let lab = Lab::new();
    let url = lab.vendor();
    Scene::new(&lab, &["fork", TAG, "--url", &url, "--series", &codename()], Some("init/main.c")).killed(0, points)
}

/// A fork with a patch, and a release that the vendor has made since.
fn forked_with_patch() -> Lab {
    let lab = Lab::new();
    lab.forked();
    lab.edit("kernel/init/main.c", "#include", "/* the lab was here */\n#include");
    lab.write("kernel/lib/lab.txt", "measured\n");
    lab.commit("kernel", "init: a remark");
    for n in 0..20 {
        lab.write(&format!("vendor/lib/news-{n}.txt"), "6.1.43\n");
    }
    lab.edit("vendor/lib/crc.c", "// SPDX", "/* new */\n// SPDX");
    lab.tag("vendor", NEXT);
    lab.git("vendor", &["config", "uploadpack.allowFilter", "true"]);
    lab
}

/// The same, with a release that is in the patch's way.
fn in_the_way() -> Lab {
    let lab = forked_with_patch();
    lab.edit("vendor/init/main.c", "#include", "/* the vendor was here */\n#include");
    lab.git("vendor", &["tag", "--delete", NEXT]);
    lab.tag("vendor", NEXT);
    lab
}

/// The same, stopped.
fn stopped() -> Lab {
    stopped_in(&["rebase", NEXT])
}

fn stopped_in(command: &[&str]) -> Lab {
    let lab = in_the_way();
    lab.xtask(command).fails(7, &["init/main.c", "--continue"]);
    lab
}

fn rebase(points: usize) -> usize {
    Scene::new(&forked_with_patch(), &["rebase", NEXT], Some("lib/crc.c")).killed(0, points)
}

fn undo(points: usize) -> usize {
    let lab = forked_with_patch();
    lab.xtask(&["rebase", NEXT]).ok();
    Scene::new(&lab, &["rebase", "--undo"], Some("lib/crc.c")).killed(0, points)
}

fn graft(points: usize) -> usize {
    Scene::new(&forked_with_patch(), &["graft-history"], None).killed(0, points)
}

fn ungraft(points: usize) -> usize {
    let lab = forked_with_patch();
    lab.xtask(&["graft-history"]).ok();
    Scene::new(&lab, &["graft-history", "--undo"], None).killed(0, points)
}

fn stop(points: usize) -> usize {
    Scene::new(&in_the_way(), &["rebase", NEXT], Some("init/main.c")).killed(7, points)
}

fn go_on(points: usize) -> usize {
    resolve(&stopped()).killed(0, points)
}

fn go_on_beside(points: usize) -> usize {
    resolve(&stopped_in(&["rebase", NEXT, "--to-branch", "next"])).killed(0, points)
}

/// What is left to do is to go on.
fn resolve(lab: &Lab) -> Scene<'_> {
    lab.write("kernel/init/main.c", &lab.text("vendor/init/main.c").replacen("the vendor was", "both were", 1));
    lab.git("kernel", &["add", "init/main.c"]);
    Scene::new(lab, &["rebase", "--continue"], Some("lib/crc.c"))
}

fn skip(points: usize) -> usize {
    Scene::new(&stopped(), &["rebase", "--skip"], Some("lib/crc.c")).killed(0, points)
}

fn abort(points: usize) -> usize {
    Scene::new(&stopped(), &["rebase", "--abort"], Some("lib/crc.c")).killed(0, points)
}

#[test]
fn a_killed_fork_is_finished_by_the_next() {
    assert!(fork(16) > 12);
}

#[test]
fn a_killed_rebase_is_finished_by_the_next() {
    assert!(rebase(24) > 20);
}

#[test]
fn a_killed_graft_is_finished_by_the_next() {
    assert!(graft(12) + ungraft(12) > 20);
}

#[test]
fn a_killed_undo_is_finished_by_the_next() {
    assert!(undo(12) > 9);
}

#[test]
fn a_killed_stop_is_made_by_the_next() {
    assert!(stop(16) > 12);
}

#[test]
fn what_ends_a_stopped_rebase_and_was_killed_is_finished_by_the_next() {
    assert!(go_on(16) + skip(8) + abort(8) > 26);
}

#[test]
#[ignore = "some hundred kills: `cargo xtask ci --full`"]
fn at_every_moment() {
    let kills = fork(60) + rebase(80) + graft(40) + ungraft(40) + undo(40);
    assert!(kills > 240, "{kills}");
}

#[test]
#[ignore = "some hundred kills: `cargo xtask ci --full`"]
fn at_every_moment_of_a_rebase_that_stops() {
    let kills = stop(60) + go_on(60) + go_on_beside(60) + skip(30) + abort(30);
    assert!(kills > 210, "{kills}");
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

#[test]
fn a_move_beside_the_new_branch_is_only_finished_where_that_is_there() {
    let lab = stopped_in(&["rebase", NEXT, "--to-branch", "next"]);
    let scene = resolve(&lab);
    let (mut before, mut after) = (0, scene.run(0, Victim::Nobody).1);
    // The first change before which a kill leaves a move that was begun.
    while after - before > 1 {
        let middle = (before + after) / 2;
        scene.put_back();
        assert_eq!(scene.run(middle, Victim::Both).0.code, -1, "{middle}");
        let begun = fs::read_to_string(lab.path("kernel/.git/kernel-fork/journal.json"));
        let made = scene.branches().contains("refs/heads/next");
        let begun = begun.map_or(made, |text| !text.contains("\"move\": null"));
        *(if begun { &mut after } else { &mut before }) = middle;
    }
    scene.put_back();
    scene.run(after, Victim::Both).0.fails(-1, &[]);
    assert!(!scene.branches().contains("refs/heads/next"));
    lab.xtask(&["rebase", "--continue"]).ok();
    assert!(lab.git("kernel", &["log", "--format=%s", "next"]).contains("init: a remark"));
}
