// SPDX-License-Identifier: GPL-2.0-only
//! Commits whose names and messages are not UTF-8 (`i18n.commitEncoding`): whatever moves or copies them, their bytes
//! and the header that names their encoding stay, and `git log` shows the right letters.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use crate::adopt::by_hand;
use crate::lab::{codename, Lab};

const NEXT: &str = "v6.1.43";
/// In ISO-8859-1, and as `git log` is to show it.
const LATIN: (&[u8], &str) =
    (b"init: f\xfcr die Gr\xf6\xdfe\n\nNa\xefve.\n", "J\u{fc}rgen|init: f\u{fc}r die Gr\u{f6}\u{df}e");
/// With letters that ISO-8859-1 lacks.
const POLISH: (&[u8], &str) = ("init: \u{141}\u{f3}d\u{17a}\n".as_bytes(), "\u{141}ukasz|init: \u{141}\u{f3}d\u{17a}");

/// A commit of everything in the work tree, in the repository's own encoding.
fn commit(lab: &Lab, at: &str, author: &[u8], message: &[u8], settings: &[&str]) -> String {
    std::fs::write(lab.path("message"), message).unwrap();
    lab.git(at, &["add", "--all", "--force", "."]);
    let mut git = lab.command("git", at);
    git.env("GIT_AUTHOR_NAME", OsStr::from_bytes(author)).args(settings).args([
        "commit",
        "--quiet",
        "--file",
        "../message",
    ]);
    assert!(git.status().unwrap().success());
    lab.git(at, &["rev-parse", "HEAD"])
}

fn latin(lab: &Lab, at: &str) -> String {
    commit(lab, at, b"J\xfcrgen", LATIN.0, &["-c", "i18n.commitEncoding=ISO-8859-1"])
}

fn polish(lab: &Lab, at: &str) -> String {
    commit(lab, at, "\u{141}ukasz".as_bytes(), POLISH.0, &["-c", "i18n.commitEncoding=UTF-8"])
}

/// A commit's bytes but for where it stands.
fn bytes(lab: &Lab, at: &str, commit: &str) -> Vec<u8> {
    let output = lab.command("git", at).args(["cat-file", "commit", commit]).output().unwrap();
    assert!(output.status.success(), "{commit}");
    let stands = |line: &&[u8]| !line.starts_with(b"tree ") && !line.starts_with(b"parent ");
    output.stdout.split_inclusive(|b| *b == b'\n').filter(stands).collect::<Vec<_>>().concat()
}

/// Panics unless these commits are on the branch still, to the byte, and shown right.
#[track_caller]
fn kept(lab: &Lab, at: &str, before: &[(Vec<u8>, &str)]) {
    let log = lab.git(at, &["-c", "i18n.logOutputEncoding=UTF-8", "log", "--format=%an|%s"]);
    let all: Vec<Vec<u8>> = lab.git(at, &["rev-list", "HEAD"]).lines().map(|id| bytes(lab, at, id)).collect();
    for (bytes, shown) in before {
        assert!(log.lines().any(|line| line == *shown), "no {shown} in {log}");
        let text = String::from_utf8_lossy(bytes).into_owned();
        assert!(
            all.contains(bytes),
            "{text}\n{:#?}",
            all.iter().map(|b| String::from_utf8_lossy(b)).collect::<Vec<_>>()
        );
    }
}

/// A fork with a commit that the next release is in the way of, and one that it is not, in both encodings; in the
/// repository that names ISO-8859-1. Stopped at the first.
fn stopped(first: fn(&Lab, &str) -> String, second: fn(&Lab, &str) -> String) -> (Lab, Vec<(Vec<u8>, &'static str)>) {
    let lab = Lab::new();
    lab.forked();
    lab.git("kernel", &["config", "i18n.commitEncoding", "ISO-8859-1"]);
    lab.edit("kernel/init/main.c", "#include", "/* the lab was here */\n#include");
    let one = first(&lab, "kernel");
    lab.write("kernel/drivers/lab.c", "int lab;\n");
    let two = second(&lab, "kernel");
    let shown = |id: &str| if bytes(&lab, "kernel", id).starts_with(b"author J") { LATIN.1 } else { POLISH.1 };
    let before = [one, two].iter().map(|id| (bytes(&lab, "kernel", id), shown(id))).collect();
    lab.edit("vendor/init/main.c", "#include", "/* the vendor was here */\n#include");
    lab.tag("vendor", NEXT);
    let said = lab.xtask(&["rebase", NEXT]).fails(7, &["does not apply"]);
    assert!(!said.stderr.contains('\u{fffd}'), "{}", said.stderr);
    lab.write("kernel/init/main.c", "/* both */\n");
    lab.git("kernel", &["add", "init/main.c"]);
    (lab, before)
}

#[test]
fn a_conflict_that_is_continued_keeps_them() {
    for order in [[latin, polish], [polish, latin]] {
        let (lab, before) = stopped(order[0], order[1]);
        let said = lab.xtask(&["rebase", "--continue"]).ok();
        assert!(!said.stdout.contains('\u{fffd}'), "{}", said.stdout);
        kept(&lab, "kernel", &before);
    }
}

#[test]
fn a_conflict_that_the_user_commits_keeps_them() {
    for order in [[latin, polish], [polish, latin]] {
        let (lab, before) = stopped(order[0], order[1]);
        lab.git("kernel", &["commit", "--quiet", "--no-edit"]);
        lab.xtask(&["rebase", "--continue"]).ok();
        kept(&lab, "kernel", &before);
        lab.xtask(&["flavour", "check"]).ok();
        assert_eq!(lab.git("kernel", &["fsck", "--full", "--no-dangling"]), "");
    }
}

#[test]
fn letters_in_no_encoding_that_is_named_are_not_lost() {
    let (lab, _) =
        stopped(|lab, at| commit(lab, at, b"J\xfcrgen", LATIN.0, &["-c", "i18n.commitEncoding=ISO-8859-1"]), polish);
    lab.xtask(&["rebase", "--abort"]).ok();
    // The same commit without its header.
    let raw = bytes(&lab, "kernel", "HEAD~1");
    let header = b"encoding ISO-8859-1\n";
    let at = raw.windows(header.len()).position(|words| words == header).unwrap();
    let standing = lab.git("kernel", &["show", "--no-patch", "--format=tree %T%nparent %P", "HEAD~1"]);
    let bare = [format!("{standing}\n").as_bytes(), &raw[..at], &raw[at + header.len()..]].concat();
    std::fs::write(lab.path("commit"), bare).unwrap();
    let id = lab.git("kernel", &["hash-object", "-t", "commit", "-w", "../commit"]);
    lab.git("kernel", &["reset", "--quiet", "--hard", &id]);
    lab.git("kernel", &["config", "--unset", "i18n.commitEncoding"]);
    lab.xtask(&["rebase", NEXT]).fails(7, &["does not apply"]);
    lab.write("kernel/init/main.c", "/* both */\n");
    lab.git("kernel", &["add", "init/main.c"]);
    lab.xtask(&["rebase", "--continue"]).ok();
    // git takes such bytes for ISO-8859-1.
    let log = lab.git("kernel", &["log", "--format=%s"]);
    assert!(log.contains("init: f\u{fc}r die Gr\u{f6}\u{df}e"), "{log}");
}

#[test]
fn regen_upgrade_and_a_rebase_keep_them() {
    let lab = Lab::new();
    lab.git(".", &["clone", "--quiet", "kernel", "newer"]);
    lab.forked();
    lab.git("kernel", &["config", "i18n.commitEncoding", "ISO-8859-1"]);
    let mut before = Vec::new();
    lab.write("kernel/drivers/lab.c", "int lab;\n");
    before.push((bytes(&lab, "kernel", &latin(&lab, "kernel")), LATIN.1));
    lab.write("kernel/drivers/more.c", "int more;\n");
    before.push((bytes(&lab, "kernel", &polish(&lab, "kernel")), POLISH.1));
    lab.xtask(&["flavour", "regen"]).ok();
    kept(&lab, "kernel", &before);

    // Into the generated commit, by somebody whose name is in the configured encoding.
    let jurgen = |mut command: Command| {
        command.env("GIT_COMMITTER_NAME", OsStr::from_bytes(b"J\xfcrgen")).env("GIT_COMMITTER_EMAIL", "j@lab.example");
        command
    };
    lab.write("kernel/drivers/lab.c", "int amended;\n");
    let mut amend = jurgen(lab.command("git", "kernel"));
    assert!(amend.args(["commit", "--quiet", "--all", "--amend", "--no-edit"]).status().unwrap().success());
    lab.xtask(&["flavour", "regen"]).says(&["a commit of yours"]);
    kept(&lab, "kernel", &before);
    assert!(lab.git("kernel", &["log", "-1", "--encoding=UTF-8", "--format=%an", "HEAD~1"]).contains("J\u{fc}rgen"));

    lab.edit("newer/README.md", "# A kernel fork", "# Newer: a kernel fork");
    latin(&lab, "newer");
    let mut upgrade = jurgen(lab.command(env!("CARGO_BIN_EXE_xtask"), "kernel"));
    assert!(upgrade.args(["upgrade", "--from", "../newer"]).status().unwrap().success());
    kept(&lab, "kernel", &before);
    let made = lab.git("kernel", &["log", "-1", "--encoding=UTF-8", "--format=%an %cn %B", "HEAD~1"]);
    assert!(
        made.starts_with("J\u{fc}rgen J\u{fc}rgen Workflow: upgrade") && made.contains("f\u{fc}r die Gr\u{f6}\u{df}e"),
        "{made}"
    );

    lab.write("vendor/lib/news.txt", "6.1.43\n");
    lab.tag("vendor", NEXT);
    let said = lab.xtask(&["rebase", NEXT]).ok().stdout;
    assert!(said.contains("f\u{fc}r die Gr\u{f6}\u{df}e") && !said.contains('\u{fffd}'), "{said}");
    kept(&lab, "kernel", &before);
    assert_eq!(lab.git("kernel", &["fsck", "--full", "--no-dangling"]), "");
}

#[test]
fn a_grafted_history_keeps_the_vendor_s() {
    let lab = Lab::new();
    let url = lab.vendor();
    lab.write("vendor/lib/news.txt", "6.1.43\n");
    let vendor = latin(&lab, "vendor");
    lab.git("vendor", &["config", "uploadpack.allowFilter", "true"]);
    lab.git("vendor", &["tag", "--annotate", "--message", NEXT, NEXT]);
    lab.xtask(&["fork", NEXT, "--url", &url, "--series", &codename()]).ok();
    lab.git("kernel", &["config", "i18n.commitEncoding", "ISO-8859-1"]);
    let root = || lab.git("kernel", &["log", "--encoding=UTF-8", "--format=%an", "--grep=^Fork-Tag"]);
    assert_eq!(root(), "J\u{fc}rgen");
    lab.write("kernel/drivers/lab.c", "int lab;\n");
    let mut before = vec![(bytes(&lab, "kernel", &latin(&lab, "kernel")), LATIN.1)];
    lab.xtask(&["graft-history"]).ok();
    assert_eq!(root(), "J\u{fc}rgen");
    before.push((bytes(&lab, "vendor", &vendor), LATIN.1));
    kept(&lab, "kernel", &before);
    lab.xtask(&["graft-history", "--undo"]).ok();
    before.pop();
    kept(&lab, "kernel", &before);
}

#[test]
fn adopted_commits_keep_them() {
    let lab = Lab::new();
    let url = by_hand(&lab);
    lab.git("hand", &["config", "i18n.commitEncoding", "ISO-8859-1"]);
    lab.write("hand/drivers/lab.c", "int lab;\n");
    let mut before = vec![(bytes(&lab, "hand", &latin(&lab, "hand")), LATIN.1)];
    lab.write("hand/drivers/more.c", "int more;\n");
    before.push((bytes(&lab, "hand", &polish(&lab, "hand")), POLISH.1));
    lab.xtask(&["adopt", "../hand", "--url", &url]).ok();
    kept(&lab, "hand", &before);
}
