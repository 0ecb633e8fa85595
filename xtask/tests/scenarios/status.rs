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
fn outside_of_a_repository_it_says_so() {
    let lab = Lab::without_cache();
    lab.xtask_at(".", &[]).fails(3, &["no fork repository", "hint:"]);
}
