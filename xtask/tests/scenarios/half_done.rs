// SPDX-License-Identifier: GPL-2.0-only
//! A disk that fills up while the work tree is updated: a real one, a small tmpfs in a mount namespace. What was under
//! way is shown, and once there is room it is finished and nothing is lost. `kill.rs` has the same with SIGKILL.

use crate::lab::{codename, Lab, Outcome, TAG};
use crate::machine::on;

const NEXT: &str = "v6.1.43";
/// More than the disk has room for, and next to nothing as an object. Of zeros git would make a hole.
const LARGE: &str = "yes | head -c 24000000";

/// Runs shell lines in a copy of the fork on a disk with room for everything but the large file. `room` makes some,
/// and `xtask` is the program; the copy is `after` at the end.
fn full(lab: &Lab, lines: &str) -> Outcome {
    std::fs::create_dir(lab.path("disk")).unwrap();
    // The program too: the repository gets a link to it, which needs no room.
    let disk = "mount -t tmpfs -o size=600m none disk && cp -a kernel disk/kernel && cp \"$0\" disk/program && \
                ln -f disk/program disk/kernel/.git/kernel-fork-driver";
    let fill = "head -c $(( $(stat -f -c '%a * %S' disk) - 8000000 )) /dev/zero >disk/filler";
    let script = format!(
        "{disk} && {fill} && cd disk/kernel && xtask() {{ ../program \"$@\"; }} && room() {{ rm ../filler; }} && \
         git() {{ command git -C \"$PWD\" \"$@\"; }} && set -ex && {lines}\ncp -a . ../../after && cd ../.."
    );
    on(lab, &script, &["help"])
}

/// A fork, and a release of the vendor's with a large file; what the lab has is committed.
fn lab() -> Lab {
    let lab = Lab::new();
    let url = lab.vendor();
    lab.xtask(&["fork", TAG, "--url", &url, "--series", &codename()]).ok();
    lab.edit("kernel/init/main.c", "#include", "/* the lab was here */\n#include");
    lab.commit("kernel", "init: a remark");
    lab.xtask(&["flavour", "regen"]).ok();
    lab.run("sh", &["-c", &format!("{LARGE} >vendor/lib/large")]).ok();
    lab
}

/// What has to hold at the end: the branch is whole, and so is everything of the lab's.
#[track_caller]
fn whole(lab: &Lab) {
    assert_eq!(lab.git("after", &["status", "--porcelain"]), "");
    assert_eq!(lab.git("after", &["fsck", "--full", "--no-dangling"]), "");
    assert_eq!(lab.git("after", &["branch", "--show-current"]), "6.1-tickless");
    assert!(lab.text("after/init/main.c").contains("the lab was here"));
    lab.xtask_at("after", &["flavour", "check"]).ok();
}

#[test]
fn a_rebase_on_a_full_disk_is_shown_and_finished_once_there_is_room() {
    let lab = lab();
    lab.tag("vendor", NEXT);
    let before = lab.git("kernel", &["rev-parse", "HEAD"]);
    // Without room it does not help to try again; each command that begins tries to finish it first.
    let lines = format!(
        "! xtask rebase {NEXT} 2>../../first\n xtask >../../status\n ! xtask rebase --continue 2>../../again\n \
         room\n git status --porcelain -- init lib/large >../../half\n xtask rebase --continue\n xtask >../../done"
    );
    full(&lab, &lines).ok();
    for said in ["first", "again"] {
        let said = lab.text(said);
        for words in
            ["is full", "6.1-tickless", "not whole yet", "hint: free room there; then `cargo xtask rebase --continue`"]
        {
            assert!(said.contains(words), "no `{words}` in {said}");
        }
    }
    let status = lab.text("status");
    for words in
        ["half-done", "`rebase`", "`6.1-tickless`", "not updated", "`lib/large`", "cargo xtask rebase --continue\n"]
    {
        assert!(status.contains(words), "no `{words}` in {status}");
    }
    assert!(lab.text("half").contains("lib/large"), "the disk was not full");
    assert!(lab.text("done").contains("cargo xtask build"), "{}", lab.text("done"));
    whole(&lab);
    assert_eq!(lab.git("after", &["rev-parse", "refs/fork/backup/6.1-tickless/2"]), before);
}

#[test]
fn a_conflict_that_could_not_be_shown_on_a_full_disk_is_shown_once_there_is_room() {
    let lab = lab();
    lab.edit("vendor/init/main.c", "#include", "/* the vendor was here */\n#include");
    lab.tag("vendor", NEXT);
    let before = lab.git("kernel", &["rev-parse", "HEAD"]);
    let lines = format!(
        "! xtask rebase {NEXT}\n xtask >../../status\n room\n ! xtask rebase --continue 2>../../conflict\n \
         xtask >../../stopped\n xtask rebase --abort"
    );
    full(&lab, &lines).ok();
    let status = lab.text("status");
    assert!(status.contains("half-done") && status.contains("`lib/large`"), "{status}");
    assert!(lab.text("conflict").contains("does not apply: init/main.c"), "{}", lab.text("conflict"));
    assert!(lab.text("stopped").contains("init/main.c is in conflict"), "{}", lab.text("stopped"));
    whole(&lab);
    assert_eq!(lab.git("after", &["rev-parse", "HEAD"]), before);
}
