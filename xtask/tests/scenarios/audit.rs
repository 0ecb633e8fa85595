// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask audit` and `compare`, on packages that dpkg-deb makes of a few files. What each check finds
//! is the unit tests' matter.

use crate::lab::Lab;

/// A set in the directory `name`; its image holds `kernel`.
fn set(lab: &Lab, name: &str, kernel: &str) -> String {
    let set = lab.package_set(name, "arm64", "6.1.42-1.1+lab", kernel);
    // Without the record of a build there is no suite to ask.
    std::fs::remove_file(lab.path(&format!("{name}/metadata.json"))).unwrap();
    set
}

#[test]
fn audit() {
    let lab = Lab::without_cache();
    let good = set(&lab, "good", "a kernel");
    let before = lab.snapshot();
    let outcome = lab.xtask(&["audit", &good]).ok();
    assert!(
        outcome.stdout.is_empty() && outcome.stderr.contains("nothing is wrong with these 5 packages"),
        "{}",
        outcome.stderr
    );
    assert_eq!(lab.xtask(&["audit", "--json", &good]).ok().stdout, "[]\n");
    assert!(lab.snapshot() == before, "an audit changed something");

    let common = lab.path("good/linux-headers-6.1.42-1_6.1.42-1.1+lab_arm64.deb");
    std::fs::remove_file(&common).unwrap();
    let outcome = lab.xtask(&["audit", &good]).fails(1, &["1 thing is wrong with these packages"]);
    let words: Vec<&str> = outcome.stdout.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(words.join(" "), "error complete the set linux-headers-6.1.42-1 is missing");
    let json = lab.xtask(&["audit", "--json", &good]).fails(1, &[]).stdout;
    assert!(json.contains("\"severity\": \"error\"") && json.contains("\"check\": \"complete\""), "{json}");

    std::fs::write(&common, "!<arch>\n").unwrap();
    lab.xtask(&["audit", &good]).fails(1, &[]);
    lab.xtask(&["audit", "nowhere"]).fails(3, &["there is no nowhere"]);
    lab.xtask(&["audit"]).fails(3, &["there is no package set"]);
}

#[test]
fn compare() {
    let lab = Lab::without_cache();
    let (a, b) = (set(&lab, "a", "Linux version 6.1 (me)\nx"), set(&lab, "b", "Linux version 6.1 (you)\nx"));
    let c = set(&lab, "c", "Linux version 6.1 (me)\ny");
    let outcome = lab.xtask(&["compare", &a, &b]).ok();
    assert!(outcome.stdout.contains("equal in code") && !outcome.stdout.contains("different"), "{}", outcome.stdout);
    let outcome = lab.xtask(&["compare", &a, &c]).fails(1, &["1 package is different"]);
    assert!(outcome.stdout.contains("content (24 and 24 bytes)"), "{}", outcome.stdout);
    let json = lab.xtask(&["compare", "--json", &a, &a]).ok().stdout;
    assert!(json.contains("\"verdict\": \"identical\""), "{json}");
}
