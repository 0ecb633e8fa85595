// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask` alone.

use crate::lab::{codename, Lab, TAG};

#[test]
fn it_says_where_one_stands_and_what_comes_next() {
    let lab = Lab::without_cache();
    let next = |lab: &Lab| {
        let before = lab.snapshot();
        let said = lab.xtask(&[]).ok().stdout;
        assert!(lab.snapshot() == before, "status changed something");
        assert!(said.lines().all(|l| l.chars().count() <= 80 || l.contains('/')), "{said}");
        said
    };
    let said = next(&lab);
    assert!(said.contains("no fork yet") && said.contains("cargo xtask fork Ubuntu-5.4.0-200.220"), "{said}");

    let url = lab.vendor();
    lab.xtask(&["fork", TAG, "--url", &url, "--series", &codename()]).ok();
    let said = next(&lab);
    for part in ["6.1-tickless", "v6.1.42", "1 commit\n", "6.1.42-1.1+lab", "none yet", "cargo xtask build\n"] {
        assert!(said.contains(part), "no `{part}` in {said}");
    }

    lab.edit("kernel/kernel/configs/slim.config", "CONFIG_HZ_100=y", "CONFIG_HZ_250=y");
    lab.commit("kernel", "slim: a faster clock");
    assert!(next(&lab).contains("cargo xtask flavour regen"));
    lab.xtask(&["flavour", "regen"]).ok();

    lab.package_set("kernel-packages/6.1.42-1.1+lab/slim-arm64-cross", "arm64", "6.1.42-1.1+lab", "a kernel");
    let said = next(&lab);
    assert!(said.contains("this commit has not been built") && said.contains("slim-arm64-cross"), "{said}");
    let tip = lab.git("kernel", &["rev-parse", "HEAD"]);
    lab.edit("kernel-packages/6.1.42-1.1+lab/slim-arm64-cross/metadata.json", &"0".repeat(40), &tip);
    assert!(next(&lab).contains("cargo xtask publish"));
}

#[test]
fn only_what_would_work_is_recommended() {
    let lab = Lab::without_cache();
    lab.forked();
    let next = |said: &str| {
        let before = lab.snapshot();
        let outcome = lab.xtask(&[]).ok();
        assert!(lab.snapshot() == before, "status changed something");
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let next = words(outcome.stdout.rsplit_once("next").unwrap().1);
        assert!(next.contains(said) && !next.starts_with("cargo xtask flavour regen"), "no `{said}` in {next}");
    };
    let generated = lab.git("kernel", &["rev-parse", "HEAD"]);
    let rules = "kernel/debian.master/rules.d/arm64.mk";
    // An edit in the generated commit, and one in a commit after it.
    lab.write(rules, &(lab.text(rules) + "# mine\n"));
    lab.git("kernel", &["commit", "--quiet", "--all", "--amend", "--no-edit"]);
    next("generated files were edited");
    lab.xtask(&["flavour", "regen"]).fails(7, &["generated files were edited"]);
    lab.git("kernel", &["reset", "--quiet", "--hard", &generated]);
    lab.write("kernel/debian/rules", "# mine\n");
    lab.git("kernel", &["commit", "--quiet", "--all", "--message", "rules: mine"]);
    next("does not apply: debian/rules");
    lab.xtask(&["flavour", "regen"]).fails(7, &["does not apply: debian/rules"]);
    lab.xtask(&["--dry-run", "build", "--flavour", "slim", "--cross"])
        .fails(7, &["changes generated files: `debian/rules`", "hint:"]);
    // A commit that is on no branch, and changes that are in none.
    lab.git("kernel", &["reset", "--quiet", "--hard", &generated]);
    lab.write("kernel/init/lab.c", "int lab;\n");
    lab.commit("kernel", "init: a file");
    lab.git("kernel", &["switch", "--quiet", "--detach"]);
    next("git switch");
    lab.git("kernel", &["switch", "--quiet", "6.1-tickless"]);
    lab.write("kernel/init/lab.c", "int changed;\n");
    next("uncommitted changes");
    lab.git("kernel", &["checkout", "--quiet", "init/lab.c"]);
    lab.git("kernel", &["bisect", "start"]);
    next("bisect");
}

#[test]
fn outside_of_a_repository_it_says_so() {
    let lab = Lab::without_cache();
    lab.xtask_at(".", &[]).fails(3, &["no fork repository", "hint:"]);
}
