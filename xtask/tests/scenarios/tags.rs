// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask tags`.

use crate::lab::Lab;

#[test]
fn newer_releases_of_the_series_in_debian_s_order() {
    let lab = Lab::new();
    let url = lab.vendor();
    let names = [
        "Ubuntu-5.4.0-99.112",
        "Ubuntu-5.4.0-202.222",
        "Ubuntu-5.4.0-1000.1001",
        "Ubuntu-5.15.0-1.1",
        "Ubuntu-5.4.0-200.220",
        "Ubuntu-hwe-5.4-5.4.0-300.320_18.04.1",
        "Ubuntu-aws-5.4.0-1100.1101",
        "v5.4.1",
        "nonsense",
    ];
    for name in names {
        lab.git("vendor", &["tag", name]);
    }
    let tags = |args: &[&str]| {
        let mut all = vec!["tags", "--url", &url, "--json"];
        all.extend(args);
        let list: serde_json::Value = serde_json::from_str(&lab.xtask(&all).ok().stdout).unwrap();
        list.as_array().unwrap().iter().map(|r| r["tag"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // The settings' tag is Ubuntu-5.4.0-200.220.
    assert_eq!(tags(&[]), ["Ubuntu-5.4.0-202.222", "Ubuntu-5.4.0-1000.1001"]);
    let all = ["Ubuntu-5.4.0-99.112", "Ubuntu-5.4.0-200.220", "Ubuntu-5.4.0-202.222", "Ubuntu-5.4.0-1000.1001"];
    assert_eq!(tags(&["--all"]), all);
    let table = lab.xtask(&["tags", "--url", &url, "--all"]).ok().stdout;
    assert!(table.contains("Ubuntu-5.4.0-200.220    5.4.0-200.220    the fork's"), "{table}");
    // A derivative sees its own.
    lab.edit("kernel/Cargo.toml", "tag = \"Ubuntu-5.4.0-200.220\"", "tag = \"Ubuntu-hwe-5.4-5.4.0-1.1_18.04.1\"");
    assert_eq!(tags(&[]), ["Ubuntu-hwe-5.4-5.4.0-300.320_18.04.1"]);
    lab.xtask(&["tags", "--url", "file:///nowhere/at/all"]).fails(5, &["hint:"]);
}
