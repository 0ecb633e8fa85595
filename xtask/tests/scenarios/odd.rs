// SPDX-License-Identifier: GPL-2.0-only
//! Repositories that are not as plain as most: submodules, other line ends, linked work trees, a root that
//! somebody has rewritten, a vendor who moves tags or takes our names.

use crate::lab::{codename, Lab, TAG};

const NEXT: &str = "v6.1.43";
const ONE: &str = "1111111111111111111111111111111111111111";
const TWO: &str = "2222222222222222222222222222222222222222";
const THREE: &str = "3333333333333333333333333333333333333333";

#[track_caller]
fn sound(lab: &Lab, at: &str) {
    assert_eq!(lab.git(at, &["status", "--porcelain"]), "");
    assert_eq!(lab.git(at, &["fsck", "--full", "--no-dangling"]), "");
    lab.xtask_at(at, &["flavour", "check"]).ok();
}

fn remark(lab: &Lab, at: &str, who: &str) {
    lab.edit(&format!("{at}/init/main.c"), "#include", &format!("/* {who} was here */\n#include"));
}

/// Makes the path a submodule at a commit that is nowhere.
fn link(lab: &Lab, at: &str, commit: &str) {
    std::fs::create_dir_all(lab.path(at).join("sub")).unwrap();
    lab.git(at, &["update-index", "--add", "--cacheinfo", &format!("160000,{commit},sub")]);
}

#[test]
fn submodules_come_along() {
    let lab = Lab::new();
    lab.vendor();
    lab.git("vendor", &["tag", "--delete", TAG]);
    lab.write("vendor/.gitmodules", "[submodule \"sub\"]\n\tpath = sub\n\turl = https://vendor.example/sub\n");
    link(&lab, "vendor", ONE);
    lab.tag("vendor", TAG);
    let url = lab.address("vendor");
    lab.xtask(&["fork", TAG, "--url", &url, "--series", &codename()]).ok();
    sound(&lab, "kernel");
    remark(&lab, "kernel", "the lab");
    lab.git("kernel", &["commit", "--quiet", "--all", "--message", "init: a remark"]);
    link(&lab, "vendor", TWO);
    lab.tag("vendor", NEXT);
    lab.xtask(&["rebase", NEXT]).ok();
    sound(&lab, "kernel");
    assert_eq!(lab.git("kernel", &["rev-parse", "HEAD:sub"]), TWO);

    // Both move it: a conflict like any other.
    link(&lab, "kernel", THREE);
    lab.git("kernel", &["commit", "--quiet", "--message", "sub: ours"]);
    let before = lab.git("kernel", &["rev-parse", "HEAD"]);
    link(&lab, "vendor", ONE);
    lab.tag("vendor", "v6.1.44");
    lab.xtask(&["rebase", "--latest"]).fails(7, &["sub: ours", "does not apply: sub"]);
    lab.xtask(&["rebase", "--abort"]).ok();
    assert_eq!(lab.git("kernel", &["rev-parse", "HEAD"]), before);
    assert_eq!(lab.git("kernel", &["status", "--porcelain"]), "");
    lab.xtask(&["rebase", "--latest"]).fails(7, &["sub"]);
    lab.git("kernel", &["update-index", "--cacheinfo", &format!("160000,{THREE},sub")]);
    lab.xtask(&["rebase", "--continue"]).ok();
    sound(&lab, "kernel");
    assert_eq!(lab.git("kernel", &["rev-parse", "HEAD:sub"]), THREE);
}

/// A file whose name is in ISO 8859-1.
fn latin1(lab: &Lab, at: &str, name: &str, text: &str) {
    use std::os::unix::ffi::OsStringExt;
    let mut bytes = lab.path(&format!("{at}/{name}")).into_os_string().into_vec();
    bytes.push(0xe9);
    std::fs::write(std::ffi::OsString::from_vec(bytes), text).unwrap();
    lab.git(at, &["add", "--all", "--force"]);
}

#[test]
fn names_in_another_encoding_come_along() {
    let lab = Lab::new();
    let url = lab.vendor();
    lab.git("vendor", &["tag", "--delete", TAG]);
    latin1(&lab, "vendor", "lib/vendor", "one\n");
    lab.tag("vendor", TAG);
    lab.xtask(&["fork", TAG, "--url", &url, "--series", &codename()]).ok();
    sound(&lab, "kernel");
    latin1(&lab, "kernel", "lib/lab", "one\n");
    lab.git("kernel", &["commit", "--quiet", "--message", "lib: a name"]);
    lab.xtask(&["flavour", "regen"]).ok();
    sound(&lab, "kernel");
    let before = lab.git("kernel", &["rev-parse", "HEAD"]);
    lab.xtask(&["--dry-run", "build", "--flavour", "slim", "--cross"]).ok();

    latin1(&lab, "vendor", "lib/vendor", "two\n");
    lab.tag("vendor", NEXT);
    lab.xtask(&["rebase", NEXT]).ok();
    sound(&lab, "kernel");
    let names = lab.git("kernel", &["ls-files", "lib"]);
    assert!(names.contains("\"lib/lab\\351\"") && names.contains("\"lib/vendor\\351\""), "{names}");
    lab.xtask(&["rebase", "--undo"]).ok();
    assert_eq!(lab.git("kernel", &["rev-parse", "HEAD"]), before);

    // Beside a conflict, and as one.
    remark(&lab, "vendor", "the vendor");
    lab.tag("vendor", "v6.1.44");
    remark(&lab, "kernel", "the lab");
    latin1(&lab, "kernel", "lib/lab", "two\n");
    lab.git("kernel", &["commit", "--quiet", "--all", "--message", "lib: both"]);
    let before = lab.git("kernel", &["rev-parse", "HEAD"]);
    lab.xtask(&["rebase", "--latest"]).fails(7, &["lib: both", "init/main.c"]);
    lab.xtask(&["rebase", "--abort"]).ok();
    sound(&lab, "kernel");
    lab.git("kernel", &["reset", "--quiet", "--hard", "HEAD^"]);
    latin1(&lab, "kernel", "lib/vendor", "ours\n");
    lab.git("kernel", &["commit", "--quiet", "--message", "lib: theirs"]);
    let ours = lab.git("kernel", &["rev-parse", "HEAD"]);
    assert_ne!(ours, before);
    lab.xtask(&["rebase", "--latest"]).fails(7, &["does not apply: `lib/vendor\\351`", "hint:"]);
    assert_eq!(lab.git("kernel", &["rev-parse", "6.1-tickless"]), ours);
    assert_eq!(lab.git("kernel", &["status", "--porcelain"]), "");
}

#[test]
fn a_file_where_ours_need_a_directory_is_named() {
    for (name, link) in [("debian.master", false), ("debian", false), ("kernel", true), ("debian.master", true)] {
        let lab = Lab::new();
        let url = lab.vendor();
        let place = lab.path(&format!("vendor/{name}"));
        drop(std::fs::remove_dir_all(&place));
        if link {
            std::os::unix::fs::symlink("lib", &place).unwrap();
        } else {
            std::fs::write(&place, "a file\n").unwrap();
        }
        lab.tag("vendor", NEXT);
        let outcome = lab.xtask(&["fork", NEXT, "--url", &url, "--series", &codename()]);
        assert!([3, 7].contains(&outcome.code), "{name}: {}\n{}", outcome.code, outcome.stderr);
        assert!(outcome.stderr.contains(&format!("`{name}`")), "{name}: {}", outcome.stderr);
    }
}

#[test]
fn other_line_ends_in_the_work_tree_are_no_changes() {
    let lab = Lab::new();
    let url = lab.vendor();
    lab.git("kernel", &["config", "core.autocrlf", "true"]);
    lab.xtask(&["fork", TAG, "--url", &url, "--series", &codename()]).ok();
    assert!(lab.text("kernel/init/main.c").contains("\r\n"));
    sound(&lab, "kernel");
    remark(&lab, "kernel", "the lab");
    lab.git("kernel", &["commit", "--quiet", "--all", "--message", "init: a remark"]);
    let before = lab.git("kernel", &["rev-parse", "HEAD"]);
    lab.edit("vendor/lib/crc.c", "// SPDX", "/* new */\n// SPDX");
    lab.tag("vendor", NEXT);
    lab.xtask(&["rebase", NEXT]).ok();
    sound(&lab, "kernel");
    assert!(lab.text("kernel/lib/crc.c").starts_with("/* new */\r\n"));
    assert!(!lab.git("kernel", &["show", "HEAD:lib/crc.c"]).contains('\r'));
    lab.xtask(&["rebase", "--undo"]).ok();
    assert_eq!(lab.git("kernel", &["rev-parse", "HEAD"]), before);

    remark(&lab, "vendor", "the vendor");
    lab.tag("vendor", "v6.1.44");
    lab.xtask(&["rebase", "--latest"]).fails(7, &["init/main.c"]);
    let marked = lab.text("kernel/init/main.c");
    assert!(marked.contains("<<<<<<< HEAD\r\n"), "{marked}");
    lab.xtask(&["rebase", "--abort"]).ok();
    assert_eq!(lab.git("kernel", &["status", "--porcelain"]), "");
    lab.xtask(&["rebase", "--latest"]).fails(7, &["init/main.c"]);
    let both = lab.text("vendor/init/main.c").replacen("the vendor was", "both were", 1).replace('\n', "\r\n");
    lab.write("kernel/init/main.c", &both);
    lab.git("kernel", &["add", "init/main.c"]);
    lab.xtask(&["rebase", "--continue"]).ok();
    sound(&lab, "kernel");
    assert!(!lab.git("kernel", &["show", "HEAD:init/main.c"]).contains('\r'));
}

#[test]
fn a_linked_work_tree_is_a_fork_s_as_well() {
    let lab = Lab::new();
    let url = lab.vendor();
    lab.git("kernel", &["worktree", "add", "--quiet", "--detach", "../beside"]);
    lab.xtask_at("beside", &["fork", TAG, "--url", &url, "--series", &codename()]).ok();
    sound(&lab, "beside");
    remark(&lab, "beside", "the lab");
    lab.git("beside", &["commit", "--quiet", "--all", "--message", "init: a remark"]);
    let before = lab.git("beside", &["rev-parse", "HEAD"]);
    remark(&lab, "vendor", "the vendor");
    lab.tag("vendor", NEXT);
    let main = lab.git("kernel", &["rev-parse", "HEAD"]);
    lab.xtask_at("beside", &["rebase", NEXT]).fails(7, &["init/main.c"]);
    lab.xtask_at("beside", &["rebase", "--abort"]).ok();
    assert_eq!(lab.git("beside", &["rev-parse", "HEAD"]), before);
    lab.xtask_at("beside", &["rebase", NEXT]).fails(7, &["init/main.c"]);
    // The other work tree has nothing to do with it.
    assert_eq!(lab.git("kernel", &["status", "--porcelain"]), "");
    lab.xtask(&["rebase", "--continue"]).fails(7, &["no rebase is under way"]);
    lab.write("beside/init/main.c", &lab.text("vendor/init/main.c").replacen("the vendor was", "both were", 1));
    lab.git("beside", &["add", "init/main.c"]);
    lab.xtask_at("beside", &["rebase", "--continue"]).ok();
    sound(&lab, "beside");
    lab.xtask_at("beside", &["rebase", "--undo"]).ok();
    assert_eq!(lab.git("beside", &["rev-parse", "HEAD"]), before);
    assert_eq!(lab.git("kernel", &["rev-parse", "HEAD"]), main);
    assert_eq!(lab.git("kernel", &["status", "--porcelain"]), "");
}

#[test]
fn a_rewritten_root_is_refused_by_name() {
    let lab = Lab::new();
    lab.forked();
    let root = lab.git("kernel", &["rev-list", "--max-parents=0", "HEAD"]);
    let message = lab.git("kernel", &["show", "--no-patch", "--format=%B", &root]);
    let first = lab.git("kernel", &["rev-parse", "HEAD~1^{tree}"]);
    let onto = |tree: &str, message: &str| {
        let root = lab.git("kernel", &["commit-tree", tree, "-m", message]);
        lab.git("kernel", &["commit-tree", &first, "-p", &root, "-m", "Workflow"])
    };
    for (tip, said) in [
        (onto(&format!("{root}^{{tree}}"), "Squashed"), "does not begin with a vendor snapshot"),
        (onto(&first, &message), "was rewritten"),
    ] {
        lab.git("kernel", &["reset", "--quiet", "--hard", &tip]);
        for command in [&["rebase", NEXT][..], &["flavour", "regen"], &["flavour", "check"], &["graft-history"]] {
            lab.xtask(command).fails(7, &[said, "hint:"]);
        }
        assert_eq!(lab.git("kernel", &["rev-parse", "HEAD"]), tip);
    }
}

#[test]
fn a_tag_that_the_vendor_has_moved_makes_another_root_and_is_left_behind_in_peace() {
    let lab = Lab::new();
    let url = lab.forked();
    lab.write("vendor/lib/news.txt", "moved\n");
    lab.commit("vendor", "once more");
    lab.git("vendor", &["tag", "--force", "--annotate", "--message", TAG, TAG]);
    lab.xtask(&["rebase", TAG]).fails(3, &["has moved v6.1.42", "hint:"]);
    lab.xtask(&["graft-history", "--full"]).fails(3, &["has moved v6.1.42"]);
    // A new fork of it is another one; and a release after it is taken all the same.
    lab.git("kernel", &["checkout", "--quiet", "main"]);
    lab.xtask(&["fork", TAG, "--url", &url, "--series", &codename(), "--branch", "moved"]).ok();
    let roots = lab.git("kernel", &["rev-list", "--max-parents=0", "moved", "6.1-tickless"]);
    assert_eq!(roots.lines().count(), 2, "{roots}");
    lab.git("kernel", &["checkout", "--quiet", "6.1-tickless"]);
    lab.write("vendor/lib/news.txt", "6.1.43\n");
    lab.tag("vendor", NEXT);
    lab.git("vendor", &["config", "uploadpack.allowFilter", "true"]);
    lab.xtask(&["rebase", NEXT]).ok();
    sound(&lab, "kernel");
}

#[test]
fn a_vendor_who_takes_a_name_of_ours_costs_a_conflict_in_the_first_commit() {
    let lab = Lab::new();
    lab.forked();
    let before = lab.git("kernel", &["rev-parse", "HEAD"]);
    lab.write("vendor/README.md", "the vendor's\n");
    lab.tag("vendor", NEXT);
    lab.xtask(&["rebase", NEXT]).fails(7, &["Workflow for the fork of", "README.md", "--continue"]);
    lab.xtask(&["rebase", "--abort"]).ok();
    assert_eq!(lab.git("kernel", &["rev-parse", "HEAD"]), before);
    assert_eq!(lab.git("kernel", &["status", "--porcelain"]), "");
    lab.xtask(&["rebase", NEXT]).fails(7, &["README.md"]);
    lab.write("kernel/README.md", "both\n");
    lab.git("kernel", &["add", "README.md"]);
    lab.xtask(&["rebase", "--continue"]).ok();
    sound(&lab, "kernel");
    assert!(lab.git("kernel", &["log", "--format=%s"]).contains("Workflow for the fork of v6.1.43"));
}

#[test]
fn tags_that_name_no_usable_commit_are_input() {
    let lab = Lab::new();
    let url = lab.vendor();
    let refused = |tag: &str, words: &[&str]| {
        lab.xtask(&["fork", tag, "--url", &url, "--series", &codename()]).fails(3, &[&[tag, "hint:"], words].concat());
    };
    let blob = lab.git("vendor", &["rev-parse", "HEAD:Makefile"]);
    lab.git("vendor", &["tag", "v6.1.50", &blob]);
    refused("v6.1.50", &["names a blob, not a commit"]);
    let tree = lab.git("vendor", &["rev-parse", "HEAD^{tree}"]);
    lab.git("vendor", &["tag", "--annotate", "--message", "x", "v6.1.51", &tree]);
    refused("v6.1.51", &["names a tree, not a commit"]);

    // A commit as no git writes it.
    let raw = |text: String| {
        lab.write("raw", &text);
        let path = lab.path("raw").display().to_string();
        lab.git("vendor", &["hash-object", "-t", "commit", "-w", "--literally", &path])
    };
    let no_author = raw(format!("tree {tree}\n\nx\n"));
    lab.git("vendor", &["update-ref", "refs/tags/v6.1.52", &no_author]);
    refused("v6.1.52", &["malformed"]);
    let odd_date =
        raw(format!("tree {tree}\nauthor a <a@b> 9999999999999999999999 +0000\ncommitter a <a@b> x +0000\n\nx\n"));
    lab.git("vendor", &["update-ref", "refs/tags/v6.1.53", &odd_date]);
    refused("v6.1.53", &["malformed"]);

    // Packaging behind a link.
    std::os::unix::fs::symlink("debian.master", lab.path("vendor/debian")).unwrap();
    lab.tag("vendor", "v6.1.54");
    refused("v6.1.54", &["debian"]);
}

#[test]
fn a_repository_that_git_refuses_is_named_with_the_way_out() {
    let lab = Lab::new();
    lab.forked();
    // git settings that are broken, or that libgit2 does not know.
    let config = lab.text("kernel/.git/config");
    for broken in ["[core\n", "[core]\nrepositoryformatversion = 1\n[extensions]\nrefstorage = reftable\n"] {
        lab.write("kernel/.git/config", broken);
        lab.xtask(&["rebase", "--status"]).fails(7, &["repository", "hint:"]);
        lab.write("kernel/.git/config", &config);
    }
    // A lock that a killed git left.
    lab.write("kernel/.git/refs/heads/6.1-tickless.lock", "");
    lab.edit("kernel/Cargo.toml", "suffix = \"+lab\"", "suffix = \"+lab2\"");
    let failed = lab.command("git", "kernel").args(["commit", "--quiet", "--all", "--message", "x"]).output().unwrap();
    assert!(!failed.status.success());
    lab.git("kernel", &["checkout", "--quiet", "HEAD", "--", "Cargo.toml"]);
    lab.write("vendor/lib/news.txt", "6.1.43\n");
    lab.tag("vendor", "v6.1.43");
    lab.xtask(&["rebase", "v6.1.43"]).fails(7, &[".lock", "hint:"]);
    std::fs::remove_file(lab.path("kernel/.git/refs/heads/6.1-tickless.lock")).unwrap();
    lab.xtask(&["rebase", "v6.1.43"]).ok();
}
