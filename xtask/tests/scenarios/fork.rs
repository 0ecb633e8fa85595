// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask fork`.

use crate::lab::{codename, Lab, TAG};

#[test]
fn a_fork_is_whole_and_can_be_pushed() {
    let lab = Lab::new();
    lab.forked();
    assert_eq!(lab.git("kernel", &["branch", "--show-current"]), "6.1-tickless");
    assert_eq!(lab.git("kernel", &["status", "--porcelain"]), "");
    assert_eq!(lab.git("kernel", &["rev-parse", "--is-shallow-repository"]), "false");
    let subjects = lab.git("kernel", &["log", "--format=%s"]);
    assert_eq!(subjects, "Generated: 6.1.42-1.1+lab\nWorkflow for the fork of v6.1.42\nv6.1.42");
    let fsck = lab.git("kernel", &["fsck", "--full", "--no-dangling"]);
    assert_eq!(fsck, "");
    // R's tree is the tag's, and the settings follow.
    let root = lab.git("kernel", &["rev-parse", "HEAD~2^{tree}"]);
    assert_eq!(root, lab.git("vendor", &["rev-parse", &format!("{TAG}^{{tree}}")]));
    assert!(lab.text("kernel/Cargo.toml").contains(&format!("tag = \"{TAG}\"")));

    lab.git(".", &["init", "--quiet", "--bare", "server.git"]);
    lab.git("kernel", &["push", "--quiet", &lab.address("server.git"), "HEAD:refs/heads/fork"]);
    assert_eq!(lab.git("server.git", &["fsck", "--full"]), "");
}

#[test]
fn two_members_get_the_same_root_and_the_same_generated_files() {
    let (one, two) = (Lab::new(), Lab::new());
    one.forked();
    let url = two.vendor();
    two.git(".", &["clone", "--quiet", "--bare", &url, "mirror.git"]);
    let mirror = two.address("mirror.git");
    two.xtask(&["fork", TAG, "--url", &mirror, "--series", &codename(), "--into", "../other"]).ok();
    assert_eq!(one.git("kernel", &["rev-parse", "HEAD~2"]), two.git("other", &["rev-parse", "HEAD~2"]));
    let generated = ["rev-parse", "HEAD:debian", "HEAD:debian.master"];
    assert_eq!(one.git("kernel", &generated), two.git("other", &generated));
}

#[test]
fn forking_again_says_that_it_is_there() {
    let lab = Lab::new();
    let url = lab.forked();
    lab.xtask(&["fork", TAG, "--url", &url]).fails(7, &["6.1-tickless already", "hint:"]);
    lab.xtask(&["fork", TAG, "--url", &url, "--into", "../kernel"]).fails(3, &["is there already"]);
}

#[test]
fn bad_input_is_one_sentence_and_changes_nothing() {
    let lab = Lab::new();
    let url = lab.vendor();
    let before = lab.snapshot();
    lab.xtask(&["fork", "v9.9", "--url", &url]).fails(3, &["has no tag v9.9", "hint:"]);
    lab.xtask(&["fork", "v6.1;reboot", "--url", &url]).fails(3, &["error:"]);
    lab.xtask(&["fork", "--", "--upload-pack=x"]).fails(3, &["error:"]);
    lab.xtask(&["fork", TAG, "--url", "file:///nowhere/at/all"]).fails(5, &["hint:"]);
    lab.xtask(&["fork", TAG, "--url", "ext::sh -c true"]).fails(5, &["error:"]);
    lab.xtask(&["fork", TAG, "--url", &url, "--series", "hardy"]).fails(3, &["unknown suite `hardy`", "hint:"]);
    lab.xtask(&["fork", TAG, "--url", &url, "--branch", "a..b"]).fails(3, &["not a valid branch name"]);
    assert!(before == lab.snapshot(), "something was left behind");
}

#[test]
fn uncommitted_changes_are_not_touched() {
    let lab = Lab::new();
    let url = lab.vendor();
    lab.write("kernel/README.md", "mine\n");
    lab.xtask(&["fork", TAG, "--url", &url]).fails(7, &["uncommitted changes", "README.md", "hint:"]);
    assert_eq!(lab.text("kernel/README.md"), "mine\n");
    assert_eq!(lab.git("kernel", &["branch", "--format=%(refname:short)"]), "main");
}

#[test]
fn bad_settings_are_named() {
    let lab = Lab::new();
    let cases = [
        ("suffix = \"+lab\"", "suffix = \"+lab-1\"", "suffix"),
        ("suffix = \"+lab\"", "suffix = \".1\"", "suffix"),
        ("architecture = \"arm64\"", "architecture = \"arm65\"", "arm65"),
        ("series = \"focal\"", "series = \"focal\"\ncolour = \"red\"", "colour"),
    ];
    for (from, to, named) in cases {
        lab.edit("kernel/Cargo.toml", from, to);
        lab.xtask(&["flavour", "list"]).fails(3, &[named]);
        lab.edit("kernel/Cargo.toml", to, from);
    }
}

#[test]
fn a_path_that_the_vendor_has_too_is_a_collision() {
    let lab = Lab::new();
    lab.vendor();
    lab.write("vendor/xtask/README", "the vendor's\n");
    lab.tag("vendor", "v6.1.43");
    let url = lab.address("vendor");
    lab.xtask(&["fork", "v6.1.43", "--url", &url]).fails(7, &["`xtask`", "hint:"]);
}

#[test]
fn a_tree_whose_names_lead_elsewhere_is_refused_before_anything_changes() {
    let lab = Lab::new();
    lab.vendor();
    let tree = |entries: &str| {
        lab.write("entries", entries);
        let mktree = "git -C vendor mktree < entries";
        lab.run("sh", &["-c", mktree]).ok().stdout.trim().to_owned()
    };
    let blob = lab.git("vendor", &["rev-parse", "HEAD:Makefile"]);
    let up = tree(&format!("100644 blob {blob}\tKconfig\n"));
    let scripts = tree(&format!("040000 tree {up}\t..\n"));
    let top = tree(&format!("100644 blob {blob}\tMakefile\n040000 tree {scripts}\tscripts\n"));
    let commit = lab.git("vendor", &["commit-tree", "-m", "x", &top]);
    lab.git("vendor", &["tag", "v6.1.43", &commit]);
    let before = lab.snapshot();
    let url = lab.address("vendor");
    lab.xtask(&["fork", "v6.1.43", "--url", &url]).fails(3, &["`..` in the tree", "hint:"]);
    assert!(before == lab.snapshot(), "something was left behind");
}

/// As a user who is not root, for whom modes count.
#[test]
fn modes_that_makefiles_set_keep_no_scratch() {
    let lab = Lab::without_cache();
    lab.vendor();
    let close = "kconfig.py $@; mkdir -p sub/sub; chmod 000 sub; chmod 555 .\n";
    lab.edit("vendor/Makefile", "kconfig.py $@\n", close);
    lab.tag("vendor", "v6.1.43");
    let (program, url, suite) = (env!("CARGO_BIN_EXE_xtask"), lab.address("vendor"), codename());
    let line = format!("cd kernel && exec '{program}' fork v6.1.43 --url '{url}' --series {suite}");
    let refused = lab.run("unshare", &["--user", "--map-user=1000", "--map-group=1000", "sh", "-c", &line]);
    refused.fails(4, &["cannot write", "/.config: Permission denied", "hint:"]);
    assert_eq!(lab.names("cache/tmp"), [""; 0]);
}

#[test]
fn makefiles_reach_no_file_outside_of_their_sandbox() {
    let lab = Lab::new();
    lab.vendor();
    lab.write("mine", "CONFIG_MINE=y\n");
    let link = format!("kconfig.py $@; ln -sf {} .config\n", lab.path("mine").display());
    lab.edit("vendor/Makefile", "kconfig.py $@\n", &link);
    lab.tag("vendor", "v6.1.43");
    let url = lab.address("vendor");
    lab.xtask(&["fork", "v6.1.43", "--url", &url, "--series", &codename()]).fails(1, &[".config is no plain file"]);
    assert_eq!(lab.text("mine"), "CONFIG_MINE=y\n");
}
