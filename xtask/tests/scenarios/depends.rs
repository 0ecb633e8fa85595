// SPDX-License-Identifier: GPL-2.0-only
//! Build dependencies, asked of the suite's real archive.

use xtask::arch::find;
use xtask::build::apart::makefile;
use xtask::build::hooks::Rules;
use xtask::build::source::Makefile;

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

/// Rules that install and pack a flavour, under the names of each series.
#[test]
fn what_is_shipped_is_put_in_place_between_installing_and_packing_in_every_series() {
    let lab = Lab::new();
    let install = "\n\t@mkdir -p debian/linux-headers-x $(stampdir)\n\t@echo runs >debian/linux-headers-x/fixdep\n\t@echo shipped >debian/linux-headers-x/fixdep.ship\n";
    let pack = "binary-%: checks-%\n\t@cat debian/linux-headers-x/fixdep*\n";
    let series = [
        ("focal", format!("install-%: debian{install}checks-%: install-%\n\t@:\n{pack}")),
        ("jammy", format!("$(stampdir)/stamp-install-%: debian{install}\t@touch $@\nchecks-%: $(stampdir)/stamp-install-%\n\t@:\n{pack}")),
        ("noble", format!("build-%: $(stampdir)/stamp-install-%\n\t@:\n$(stampdir)/stamp-install-%: debian{install}\t@touch $@\nmodule-signature-check-%: $(stampdir)/stamp-install-%\n\t@:\nchecks-%: module-signature-check-%\n\t@:\n{pack}")),
    ];
    for (series, rules) in series {
        let (own, host) = (find("amd64").unwrap(), find("arm64").unwrap());
        let lines = makefile("slim", own, host, &Rules::from_text(&rules)).unwrap();
        lab.write(&format!("{series}/debian/rules"), &format!("stampdir := $(CURDIR)/stamps\n{rules}{lines}"));
        let packed = lab.run("make", &["-s", "-C", series, "-f", "debian/rules", "binary-slim"]).ok().stdout;
        assert_eq!(packed, "shipped\n", "{series}");
    }
}

/// What noble's rules say, as far as the makefile around them changes it.
const NOBLE: &str = "\
DEB_HOST_ARCH = $(shell dpkg-architecture -qDEB_HOST_ARCH)$(shell echo asked >>asked)
raw_kernelversion=$(shell make kernelversion)
packages_enabled := linux-libc-dev linux-bpf-dev linux-tools-x
define if_package
$(if $(filter $(1),$(packages_enabled)),$(2))
endef
export gcc?=gcc
kmake = make CC=$(gcc)
clean:
\t@:
show:
\t@echo 'version $(raw_kernelversion).'
\t@echo 'arch $(DEB_HOST_ARCH) $(DEB_HOST_ARCH)'
\t@echo 'packs $(call if_package, linux-libc-dev, a) $(call if_package, linux-bpf-dev, b) $(call if_package, linux-tools-x, c)'
\t@dwarfdump -i x.ko
";

#[test]
fn the_makefile_around_the_rules_of_noble() {
    let lab = Lab::new();
    let makefile = Makefile { changed: 0, suite: "trixie", before: "", after: "" };
    lab.write("tree/debian/fork.mk", &makefile.text());
    lab.write("tree/debian/rules", NOBLE);
    lab.write("tree/debian/control", "Source: linux\n");
    lab.write("tree/debian/fork-bin/dwarfdump", "#!/bin/sh\necho stands in\n");
    lab.run("chmod", &["755", "tree/debian/fork-bin/dwarfdump"]).ok();
    lab.write("tree/Makefile", "kernelversion:\n\t@echo 6.8.12\n");
    let make = ["-C", "tree", "-f", "debian/fork.mk", "show"];
    let said = lab.run("make", &make).ok().stdout;
    for line in ["version 6.8.12.", "arch amd64 amd64", "packs    c", "stands in"] {
        assert!(said.lines().any(|l| l == line), "{line}: {said}");
    }
    // A variable that the environment has and the rules assign is not expanded for each $(shell).
    assert!(!lab.path("tree/asked").exists());
    assert!(lab.text("tree/debian/control").contains("XB-Fork-Suite: trixie"));
}
