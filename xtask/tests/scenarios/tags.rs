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

#[test]
fn a_source_that_is_called_after_its_series_goes_on_under_the_next_name() {
    let lab = Lab::new();
    let url = lab.vendor();
    let own = "Ubuntu-hwe-6.8-6.8.0-40.40_22.04.1";
    for name in [own, "Ubuntu-hwe-6.5-6.5.0-45.45_22.04.1", "Ubuntu-6.11.0-8.8", "Ubuntu-hwe-6.14-6.14.0-1.1_24.04.1"] {
        lab.git("vendor", &["tag", name]);
    }
    lab.edit("kernel/Cargo.toml", "tag = \"Ubuntu-5.4.0-200.220\"", &format!("tag = \"{own}\""));
    let tags = || lab.xtask(&["tags", "--url", &url]).ok();
    // For another release of Ubuntu: said, and not taken unasked.
    let said = tags();
    assert!(said.stdout.is_empty(), "{}", said.stdout);
    assert!(said.stderr.contains("`cargo xtask rebase Ubuntu-hwe-6.14-6.14.0-1.1_24.04.1`"), "{}", said.stderr);
    lab.git("vendor", &["tag", "Ubuntu-hwe-6.11-6.11.0-8.8_22.04.1"]);
    lab.git("vendor", &["tag", "Ubuntu-hwe-6.8-6.8.0-48.48_22.04.1"]);
    let rows = tags().stdout;
    let order = ["hwe-6.8-6.8.0-48.48", "hwe-6.11-6.11.0-8.8_22.04.1", "the series 6.11"].map(|t| rows.find(t));
    assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{rows}");
}
