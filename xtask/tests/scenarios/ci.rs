// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask ci`, the checks that are quick enough to be checked themselves. What it runs of the rest is
//! what runs this.

use crate::lab::{Lab, Outcome};

/// With the toolchain of whoever runs the tests: a lab's home has none.
fn ci(lab: &Lab, checks: &[&str]) -> Outcome {
    let home = std::env::var("HOME").expect("HOME");
    let or = |name: &str, dir: &str| std::env::var(name).unwrap_or_else(|_| format!("{home}/{dir}"));
    let (rustup, cargo) = (or("RUSTUP_HOME", ".rustup"), or("CARGO_HOME", ".cargo"));
    let mut args = vec!["ci", "--yes"];
    args.extend(checks);
    lab.xtask_with(&[("RUSTUP_HOME", &rustup), ("CARGO_HOME", &cargo)], &args)
}

#[test]
fn a_check_that_fails_is_named() {
    let lab = Lab::new();
    ci(&lab, &["format", "pipelines"]).says(&["2 checks passed", "Left out: advisories"]);
    lab.edit("kernel/xtask/src/main.rs", "fn main", "fn  main");
    ci(&lab, &["format"]).fails(1, &["cargo fmt", "hint:"]);
    lab.edit("kernel/ci/gitlab-ci.yml", "stages:", "stage:");
    ci(&lab, &["pipelines"]).fails(1, &["named above"]);
    lab.xtask(&["ci", "everything"]).fails(2, &["possible values"]);
}

#[test]
fn a_dependency_under_another_licence_is_refused() {
    let lab = Lab::new();
    ci(&lab, &["dependencies"]).says(&["1 check passed"]);
    lab.edit("kernel/ci/deny.toml", "\"MIT\", ", "");
    ci(&lab, &["dependencies"]).fails(1, &["ci/deny.toml says what is allowed"]);
}
