// SPDX-License-Identifier: GPL-2.0-only
//! What is wrong before a build begins is said then: a forgotten `flavour regen`, files that are missing, options that
//! make no sense.

use crate::lab::{codename, Lab};
use crate::ubuntu;

/// Builds, and wants it refused before anything is done.
#[track_caller]
fn refused(lab: &Lab, more: &[&str], code: i32, words: &[&str]) {
    let outcome = lab.xtask(&[&["build", "arm64", "--cross", "--flavour", "slim"], more].concat()).fails(code, words);
    assert!(!outcome.stderr.contains("  .. "), "a step was begun:\n{}", outcome.stderr);
}

/// Whether a dry run would build.
#[track_caller]
fn goes_on(lab: &Lab) {
    lab.xtask(&["--dry-run", "build", "arm64", "--cross", "--flavour", "slim"]).ok();
}

#[test]
fn a_forgotten_regen_is_noticed_before_anything_slow() {
    let lab = Lab::new();
    lab.forked();
    goes_on(&lab);
    // What the generated commit does not depend on is built as it is.
    lab.write("kernel/init/more.c", "int more;\n");
    lab.edit("kernel/Cargo.toml", "slim = { base = \"tiny\" }", "slim = { base = \"tiny\", abi = \"unique\" }");
    lab.commit("kernel", "ours");
    goes_on(&lab);

    let forgotten = |file: &str, from: &str, to: &str| {
        let tip = lab.git("kernel", &["rev-parse", "HEAD"]);
        lab.edit(&format!("kernel/{file}"), from, to);
        lab.commit("kernel", "a change");
        refused(
            &lab,
            &[],
            7,
            &["was not made from", &format!("`{file}`"), "changed since", "hint: cargo xtask flavour regen"],
        );
        lab.git("kernel", &["reset", "--quiet", "--hard", &tip]);
    };
    forgotten("kernel/configs/slim.config", "CONFIG_HZ_100=y", "CONFIG_HZ_250=y");
    forgotten("Cargo.toml", "suffix = \"+lab\"", "suffix = \"+lab2\"");
    forgotten("debian.master/control.d/vars.slim", "arch=\"arm64\"", "arch=\"amd64 arm64\"");
    forgotten("init/Kconfig", "config ", "# x\nconfig ");
    forgotten("xtask/packaging/debian/rules", "\n", "\n# x\n");

    // Below the generated commit, where `git rebase --interactive` puts it, too.
    let generated = lab.git("kernel", &["rev-parse", "HEAD~1"]);
    lab.git("kernel", &["reset", "--quiet", "--hard", "HEAD~2"]);
    lab.edit("kernel/kernel/configs/slim.config", "CONFIG_HZ_100=y", "CONFIG_HZ_250=y");
    lab.git("kernel", &["commit", "--quiet", "--all", "--amend", "--no-edit"]);
    lab.git("kernel", &["cherry-pick", &generated]);
    refused(&lab, &[], 7, &["was not made from the settings, fragments and Kconfig files of this branch\n"]);
    lab.xtask(&["flavour", "regen"]).ok();
    goes_on(&lab);
}

#[test]
fn a_vendor_s_own_packaging_counts_too() {
    let lab = Lab::new();
    let url = ubuntu::vendor(&lab, "6.1.0-7.9");
    lab.xtask(&["fork", ubuntu::TAG, "--url", &url, "--series", &codename()]).ok();
    goes_on(&lab);
    let tip = lab.git("kernel", &["rev-parse", "HEAD"]);
    // Files that are both read and generated: what is generated is no change of theirs, an edit on top is.
    for file in ["config/annotations", "rules.d/arm64.mk", "changelog"] {
        let file = format!("kernel/debian.master/{file}");
        let text = lab.text(&file);
        lab.write(
            &file,
            &text.replace("when idle", "when idling").replace("ARMv8", "ARMv9").replace("A release", "Another release"),
        );
        lab.commit("kernel", "packaging: ours");
        refused(&lab, &[], 7, &["was not made from"]);
        lab.git("kernel", &["reset", "--quiet", "--hard", &tip]);
    }
    lab.write("kernel/debian.master/d-i/x", "not read\n");
    lab.commit("kernel", "another file");
    goes_on(&lab);
}

#[test]
fn files_that_are_missing_and_options_without_sense() {
    let lab = Lab::new();
    lab.forked();
    let tip = lab.git("kernel", &["rev-parse", "HEAD"]);
    for (file, what) in [
        ("kernel/configs/slim.config", "the tree has no kernel/configs/slim.config"),
        ("debian.master/control.d/vars.slim", "the tree has no debian.master/control.d/vars.slim"),
        ("kernel/configs/tickless.config", "flavour `tickless`"),
    ] {
        lab.git("kernel", &["rm", "--quiet", file]);
        lab.commit("kernel", "one file less");
        refused(&lab, &[], 3, &[what]);
        lab.git("kernel", &["reset", "--quiet", "--hard", &tip]);
    }
    lab.edit(
        "kernel/Cargo.toml",
        "slim = { base = \"tiny\" }",
        "slim = { base = \"tiny\", modules = \"board.modules\" }",
    );
    lab.commit("kernel", "no listing");
    refused(&lab, &[], 3, &["the tree has no board.modules"]);
    lab.write("kernel/board.modules", "<html>\n");
    lab.commit("kernel", "not what lsmod prints");
    refused(&lab, &[], 3, &["board.modules", "no line of lsmod's"]);
    lab.git("kernel", &["reset", "--quiet", "--hard", &tip]);

    refused(&lab, &["--snapshot", "9999-01-01"], 3, &["in the future"]);
    refused(&lab, &["--snapshot", "2024-02-31"], 2, &["no date such as"]);
    refused(&lab, &["--jobs", "0"], 2, &["--jobs"]);
}
