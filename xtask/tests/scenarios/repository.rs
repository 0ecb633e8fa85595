// SPDX-License-Identifier: GPL-2.0-only
//! Repositories that git works with and libgit2 does not: partial clones, other formats of the index and of refs,
//! a work tree elsewhere. Each works, or is refused with its own cause and a command that makes it work.

use crate::lab::Lab;

const NEXT: &str = "v6.1.43";

/// A fork with one commit of the lab's, and a release of the vendor's after it.
fn fork() -> Lab {
    let lab = Lab::new();
    lab.forked();
    lab.write("kernel/drivers/lab/lab.c", "/* the lab's */\n");
    lab.edit("kernel/init/main.c", "#include", "/* the lab was here */\n#include");
    lab.commit("kernel", "init: a remark");
    lab.xtask(&["flavour", "regen"]).ok();
    lab.write("vendor/lib/news.txt", "6.1.43\n");
    lab.write("vendor/drivers/news.c", "/* 6.1.43 */\n");
    lab.tag("vendor", NEXT);
    lab
}

/// The hint of an error, as a command line.
fn command_of(said: &str) -> String {
    let hint = said.lines().find_map(|line| line.split_once("hint: ")).expect("a hint").1;
    hint.split('`').nth(1).expect("a command").to_owned()
}

/// Runs the command that a hint has named, as a user would.
fn obey(lab: &Lab, at: &str, said: &str) {
    let done = lab.command("sh", at).args(["-c", &command_of(said)]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Every kind of command works in this clone.
fn all_works(lab: &Lab, at: &str) {
    lab.xtask_at(at, &["flavour", "regen"]).ok();
    let before = lab.git(at, &["rev-parse", "HEAD"]);
    for command in [&[][..], &["build", "--dry-run"], &["rebase", NEXT]] {
        lab.xtask_at(at, command).ok();
        assert_eq!(lab.git(at, &["status", "--porcelain"]), "", "{command:?}");
    }
    assert_eq!(lab.git(at, &["show", "HEAD:lib/news.txt"]), "6.1.43");
    lab.xtask_at(at, &["flavour", "check"]).ok();
    lab.xtask_at(at, &["rebase", "--undo"]).ok();
    assert_eq!(lab.git(at, &["rev-parse", "HEAD"]), before);
    assert_eq!(lab.git(at, &["status", "--porcelain"]), "");
}

#[test]
fn a_partial_clone_is_named_and_the_hint_makes_it_whole() {
    let lab = fork();
    lab.git("kernel", &["config", "uploadpack.allowFilter", "true"]);
    for (name, filter) in [("blobless", "blob:none"), ("treeless", "tree:0")] {
        let filter = format!("--filter={filter}");
        lab.git(".", &["clone", "--quiet", &filter, "--no-checkout", &lab.address("kernel"), name]);
        lab.git(name, &["sparse-checkout", "set", "xtask", "kernel", ".cargo"]);
        lab.git(name, &["checkout", "--quiet", "6.1-tickless"]);
        let mut said = String::new();
        for command in [&[][..], &["flavour", "check"], &["flavour", "regen"], &["rebase", NEXT], &["build"]] {
            said = lab.xtask_at(name, command).fails(7, &["partial clone", "`origin` has left out", "hint:"]).stderr;
        }
        obey(&lab, name, &said);
        lab.git(name, &["sparse-checkout", "disable"]);
        all_works(&lab, name);
        // What is fetched from now on is whole, too.
        lab.write("kernel/drivers/lab/more.c", "/* more */\n");
        lab.commit("kernel", &format!("more, {name}"));
        lab.write("kernel/drivers/lab/more.c", "/* still more */\n");
        lab.commit("kernel", "still more");
        lab.git(name, &["fetch", "--quiet"]);
        lab.git(name, &["reset", "--quiet", "--hard", "origin/6.1-tickless"]);
        lab.xtask_at(name, &["flavour", "regen"]).ok();
    }
}

#[test]
fn a_remote_beside_the_fork_may_leave_objects_out() {
    let lab = fork();
    lab.git("vendor", &["config", "uploadpack.allowFilter", "true"]);
    lab.git("kernel", &["remote", "add", "vendor", &lab.address("vendor")]);
    lab.git("kernel", &["fetch", "--quiet", "--filter=blob:none", "vendor"]);
    all_works(&lab, "kernel");
}

#[test]
fn a_split_index_and_a_sparse_checkout_work() {
    let lab = fork();
    for (name, settings) in [
        ("split", &[&["config", "core.splitIndex", "true"][..], &["update-index", "--split-index"]][..]),
        ("many", &[&["config", "feature.manyFiles", "true"], &["update-index", "--force-write-index"]]),
        ("sparse", &[&["sparse-checkout", "set", "xtask", "kernel", ".cargo"]]),
        ("patterns", &[&["sparse-checkout", "set", "--no-cone", "/*", "!/drivers", "!/lib"]]),
        ("collapsed", &[&["sparse-checkout", "set", "--cone", "--sparse-index", "xtask", "kernel", ".cargo"]]),
    ] {
        lab.git(".", &["clone", "--quiet", "--branch", "6.1-tickless", &lab.address("kernel"), name]);
        for setting in settings {
            lab.git(name, setting);
        }
        all_works(&lab, name);
    }
    assert!(!lab.path("collapsed/lib").exists() && !lab.path("sparse/lib").exists());
}

#[test]
fn a_conflict_outside_of_a_sparse_checkout_can_be_resolved() {
    let lab = fork();
    lab.edit("vendor/init/main.c", "#include", "/* the vendor was here */\n#include");
    lab.tag("vendor", "v6.1.44");
    let before = lab.git("kernel", &["rev-parse", "HEAD"]);
    lab.git("kernel", &["sparse-checkout", "set", "--sparse-index", "xtask", "kernel", ".cargo"]);
    assert!(!lab.path("kernel/init").exists());
    for end in ["--abort", "--skip", "--continue"] {
        lab.xtask(&["rebase", "v6.1.44"]).fails(7, &["init/main.c"]);
        assert!(lab.text("kernel/init/main.c").contains("<<<<<<<"), "{end}");
        if end == "--continue" {
            lab.write("kernel/init/main.c", "/* both were here */\n");
            lab.git("kernel", &["add", "--sparse", "init/main.c"]);
        }
        lab.xtask(&["rebase", end]).ok();
        assert_eq!(lab.git("kernel", &["status", "--porcelain"]), "", "{end}");
        lab.xtask(&["flavour", "check"]).ok();
        if end == "--skip" {
            lab.xtask(&["rebase", "--undo"]).ok();
        }
        if end != "--continue" {
            assert_eq!(lab.git("kernel", &["rev-parse", "HEAD"]), before, "{end}");
        }
    }
    assert_eq!(lab.git("kernel", &["show", "HEAD:init/main.c"]), "/* both were here */");
}

#[test]
fn other_formats_work_or_are_named() {
    let lab = fork();
    lab.git("kernel", &["config", "extensions.worktreeConfig", "true"]);
    lab.git("kernel", &["config", "--worktree", "core.bare", "false"]);
    all_works(&lab, "kernel");
    lab.git(".", &["init", "--quiet", "--object-format=sha256", "sha256"]);
    lab.git(".", &["init", "--quiet", "plain"]);
    for name in ["sha256", "plain"] {
        lab.run("cp", &["-a", "kernel/Cargo.toml", name]).ok();
        lab.commit(name, "settings");
    }
    lab.xtask_at("sha256", &[]).fails(7, &["SHA-1", "hint:"]);
    let config = lab.text("plain/.git/config").replace("repositoryformatversion = 0", "repositoryformatversion = 1");
    for (extension, words) in [
        ("refstorage = reftable", &["refs that are files", "refs migrate --ref-format=files"][..]),
        ("partialclone = origin", &["remote.origin.promisor true"]),
        ("fromthefuture = true", &["extensions.fromthefuture"]),
    ] {
        lab.write("plain/.git/config", &format!("{config}[extensions]\n\t{extension}\n"));
        lab.xtask_at("plain", &[]).fails(7, words);
    }
}

#[test]
fn refs_in_a_table_are_named_and_the_hint_makes_files_of_them() {
    let lab = fork();
    let made = lab.command("git", ".").args(["init", "--quiet", "--ref-format=reftable", "table"]).output().unwrap();
    if !made.status.success() {
        return; // a git that has no such format
    }
    lab.git("table", &["pull", "--quiet", &lab.address("kernel"), "6.1-tickless"]);
    lab.xtask_at("table", &["rebase", NEXT]).fails(7, &["refs that are files", "git clone --ref-format=files"]);
    lab.git(".", &["clone", "--quiet", "--ref-format=files", "table", "files"]);
    lab.git("files", &["switch", "--quiet", "--create", "6.1-tickless"]);
    all_works(&lab, "files");
}

#[test]
fn a_work_tree_elsewhere_or_none_is_named_and_the_hint_ends_it() {
    let lab = fork();
    for setting in
        [("core.worktree", "/"), ("core.worktree", "/tmp"), ("core.worktree", "../.."), ("core.bare", "true")]
    {
        lab.git("kernel", &["config", setting.0, setting.1]);
        for command in [&[][..], &["flavour", "check"], &["rebase", NEXT]] {
            let said = lab.xtask(command).fails(7, &[setting.0, "hint:"]).stderr;
            assert!(!said.contains("safe.directory"), "{said}");
        }
        let said = lab.xtask(&["flavour", "regen"]).fails(7, &[setting.0]).stderr;
        obey(&lab, ".", &said);
        lab.xtask(&["flavour", "check"]).ok();
    }
    all_works(&lab, "kernel");
}

#[test]
fn a_bare_repository_is_no_fork_to_adopt() {
    let lab = Lab::new();
    lab.vendor();
    lab.git(".", &["clone", "--quiet", "--bare", "vendor", "bare.git"]);
    let said = lab.xtask(&["adopt", "../bare.git", "--tag", "v6.1.42"]).fails(3, &["bare repository", "git clone"]);
    assert!(!said.stderr.contains("stash"), "{}", said.stderr);
}
