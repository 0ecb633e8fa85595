// SPDX-License-Identifier: GPL-2.0-only
//! Build dependencies, asked of the suite's real archive.

use crate::lab::{codename, Lab};

/// As noble's: compilers of one version, data without a `Multi-Arch` field, an interpreter with its headers.
#[test]
fn a_cross_build_asks_for_what_it_runs_in_its_own_architecture() {
    let lab = Lab::new();
    lab.forked();
    let (clang, gcc) = if codename() == "bookworm" { ("clang-14", "gcc-12") } else { ("clang-19", "gcc-14") };
    lab.edit(
        "kernel/debian.master/control.d/build-depends",
        " python3-kconfiglib:native,",
        &format!(
            " python3-kconfiglib:native, rustc, rust-src, rustfmt, {clang}, {gcc}, dwarfdump, python3-dev, libelf-dev,\n \
             debhelper-compat (= 13), pahole [amd64 arm64] | dwarves (>= 1.21) [amd64 arm64] <!stage1>,"
        ),
    );
    lab.commit("kernel", "build dependencies as noble's");
    lab.xtask(&["flavour", "regen"]).ok();
    let build = ["--dry-run", "build", "arm64", "--cross", "--flavour", "slim"];
    lab.xtask(&build).says(&["ok check the build dependencies"]);
}
