// SPDX-License-Identifier: GPL-2.0-only
//! A tree with Ubuntu's packaging: what is generated for it.

use crate::lab::{codename, Lab};

const CONTROL: &str = "Source: linux\nBuild-Depends:\n debhelper (>= 9),\n openssl,\n bc,\nVcs-Git: x\n\nPackage: linux-doc\nArchitecture: all\n";

pub const TAG: &str = "Ubuntu-6.1.0-7.9";

const ANNOTATIONS: &str = "\
# Menu: HEADER
# FORMAT: 4
# ARCH: amd64 arm64
# FLAVOUR: amd64-generic arm64-generic

CONFIG_NO_HZ_IDLE                               policy<{'amd64': 'y', 'arm64': 'y'}>
CONFIG_NO_HZ_IDLE                               note<'no tick when idle'>


# ---- Annotations without notes ----

CONFIG_HZ_100                                   policy<{'amd64': 'n', 'arm64': 'n'}>
CONFIG_HZ_250                                   policy<{'amd64': 'y', 'arm64': 'y'}>
CONFIG_NO_HZ_FULL                               policy<{'amd64': 'n', 'arm64': 'n'}>
";

const RULES: &str = "\
human_arch\t= ARMv8
build_arch\t= arm64
flavours\t= generic
build_image_generic\t= Image.gz
kernel_file_generic\t= arch/$(build_arch)/boot/Image.gz
";

/// The targets that a build adds to.
const ARCH_RULES: &str = "\
install-%: $(stampdir)/stamp-build-%
\ttrue
binary-%: install-%
\ttrue
binary-arch: binary-perarch
";

/// As 7.0 has it.
const STUB: &str = "\
Package: linux-modules-PKGVER-ABINUM-FLAVOUR
Depends: ${misc:Depends}, linux-main-modules-zfs-PKGVER-ABINUM-FLAVOUR [amd64 arm64], wireless-regdb
";

/// The miniature in Ubuntu's clothes.
pub fn vendor(lab: &Lab, version: &str) -> String {
    lab.vendor();
    lab.write("vendor/debian/debian.env", "DEBIAN=debian.master\n");
    lab.write("vendor/debian/rules", "clean: debian/control\nbinary: binary-indep binary-arch\n");
    lab.write("vendor/debian/rules.d/2-binary-arch.mk", ARCH_RULES);
    lab.write("vendor/debian/rules.d/3-binary-indep.mk", "binary-headers: x\nbinary-indep: x\ninstall-tools: x\n");
    lab.write("vendor/debian.master/config/annotations", ANNOTATIONS);
    lab.write("vendor/debian.master/rules.d/arm64.mk", RULES);
    lab.write("vendor/debian.master/control.stub.in", CONTROL);
    lab.write("vendor/debian.master/control.d/flavour-control.stub", STUB);
    let entry = format!(
        "linux ({version}) jammy; urgency=medium\n\n  * A release.\n\n -- Vendor <vendor@example.org>  Fri, 11 Oct 2024 12:00:00 +0000\n"
    );
    lab.write("vendor/debian.master/changelog", &entry);
    lab.tag("vendor", TAG);
    lab.address("vendor")
}

#[test]
fn another_compiler_than_the_vendor_s_is_for_chroots() {
    let lab = Lab::new();
    let url = vendor(&lab, "6.1.0-7.9");
    lab.xtask(&["fork", TAG, "--url", &url]).ok();
    lab.edit("kernel/debian.master/control.d/vars.slim", "arch=\"arm64\"", "arch=\"amd64 arm64\"");
    lab.commit("kernel", "slim for both");
    let build = ["build", "amd64", "--host", "--flavour", "slim", "--suite", &codename()];
    lab.xtask(&build).fails(3, &["recorded the configuration in jammy", "without --host it is built in a chroot"]);
}

#[test]
fn flavours_are_generated_into_the_vendor_s_packaging() {
    let lab = Lab::new();
    let url = vendor(&lab, "6.1.0-7.9");
    lab.xtask(&["fork", TAG, "--url", &url]).ok();
    assert_eq!(lab.git("kernel", &["log", "-1", "--format=%s"]), "Generated: 6.1.0-7.9+lab");
    let files = lab.git("kernel", &["show", "--format=", "--name-only"]);
    assert_eq!(files, "debian.master/changelog\ndebian.master/config/annotations\ndebian.master/control.d/flavour-control.stub\ndebian.master/rules.d/arm64.mk");

    let annotations = lab.text("kernel/debian.master/config/annotations");
    assert!(
        annotations.contains("# FLAVOUR: amd64-generic arm64-generic arm64-slim arm64-tickless\n"),
        "{annotations}"
    );
    assert!(annotations.contains("# FLAVOUR_DEP: {'arm64-slim': 'arm64-generic', 'arm64-tickless': 'arm64-generic'}\n"));
    assert!(annotations.contains("'arm64': 'n', 'arm64-slim': 'y', 'arm64-tickless': 'y'"), "{annotations}");
    assert!(annotations.contains("note<'no tick when idle'>"));
    for probed in ["GCC_VERSION", "CC_HAS_AUTO_VAR_INIT_ZERO", "CC_CAN_LINK"] {
        assert!(!annotations.contains(probed), "{probed} got in:\n{annotations}");
    }
    let rules = lab.text("kernel/debian.master/rules.d/arm64.mk");
    assert!(
        rules.contains("flavours\t= generic slim tickless\n") && rules.contains("build_image_tickless\t= Image.gz"),
        "{rules}"
    );
    let stub = lab.text("kernel/debian.master/control.d/flavour-control.stub");
    assert!(stub.contains("\nDepends: ${misc:Depends}, wireless-regdb\n"), "{stub}");
    let changelog = lab.text("kernel/debian.master/changelog");
    assert!(changelog.starts_with("linux (6.1.0-7.9+lab) jammy; urgency=medium\n"), "{changelog}");
    // The date is the tag's and the maintainer a setting: nothing of this machine.
    assert!(
        changelog.contains(" -- Kernel Lab <kernel@lab.example>  Tue, 14 Nov 2023 22:13:20 +0000\n"),
        "{changelog}"
    );
    lab.xtask(&["flavour", "check"]).ok();
}

#[test]
fn a_tag_whose_changelog_is_of_another_release_is_refused() {
    let lab = Lab::new();
    let url = vendor(&lab, "6.1.0-8.10");
    let before = lab.snapshot();
    lab.xtask(&["fork", TAG, "--url", &url]).fails(3, &["changelog of 6.1.0-8.10", "hint:"]);
    assert!(before == lab.snapshot(), "something was left behind");
}

#[test]
fn the_lab_s_own_changelog_entries_are_kept_and_count() {
    let lab = Lab::new();
    let url = vendor(&lab, "6.1.0-7.9");
    lab.xtask(&["fork", TAG, "--url", &url]).ok();
    let path = "kernel/debian.master/changelog";
    let versions = || -> Vec<String> {
        let text = lab.text(path);
        let of = |line: &str| Some(line.strip_prefix("linux (")?.split_once(')')?.0.to_owned());
        text.lines().filter_map(of).collect()
    };
    let entry = |version: &str| {
        let old = lab.text(path);
        lab.write(path, &format!("linux ({version}) UNRELEASED; urgency=medium\n\n  * Ours.\n\n -- A <a@example.org>  Sat, 12 Oct 2024 12:00:00 +0000\n\n{old}"));
        lab.commit("kernel", &format!("changelog: {version}"));
        lab.xtask(&["flavour", "regen"])
    };
    // As `dch --local +lab` makes it, on top of the generated one.
    entry("6.1.0-7.9+lab1").says(&["The version is that of the newest entry", "6.1.0-7.9+lab1"]);
    assert_eq!(versions(), ["6.1.0-7.9+lab1", "6.1.0-7.9"]);
    assert_eq!(lab.git("kernel", &["log", "-1", "--format=%s"]), "Generated: 6.1.0-7.9+lab1");
    lab.xtask(&["flavour", "check"]).ok();
    // An older one stays below.
    lab.edit("kernel/Cargo.toml", "suffix = \"+lab\"", "suffix = \"+lab3\"");
    entry("6.1.0-7.9+lab2").ok();
    assert_eq!(versions(), ["6.1.0-7.9+lab3", "6.1.0-7.9+lab2", "6.1.0-7.9+lab1", "6.1.0-7.9"]);
    // The version edited in the newest entry.
    lab.edit(path, "6.1.0-7.9+lab3)", "6.1.0-7.9+test1)");
    lab.commit("kernel", "test 1");
    lab.xtask(&["flavour", "regen"]).ok();
    assert_eq!(versions(), ["6.1.0-7.9+test1", "6.1.0-7.9+lab2", "6.1.0-7.9+lab1", "6.1.0-7.9"]);
    lab.xtask(&["flavour", "check"]).ok();

    lab.edit("vendor/debian.master/changelog", "6.1.0-7.9", "6.1.0-8.10");
    lab.tag("vendor", "Ubuntu-6.1.0-8.10");
    lab.xtask(&["rebase", "--latest"]).ok();
    assert_eq!(versions()[..2], ["6.1.0-8.10+lab3", "6.1.0-8.10"]);
    assert!(versions().contains(&"6.1.0-7.9+test1".to_owned()), "{:?}", versions());
    lab.xtask(&["flavour", "check"]).ok();
    entry("6.1.0-8.10+t-2").fails(3, &["newest entry of debian.master/changelog", "6.1.0-8.10+NAME"]);
}

#[test]
fn annotations_of_an_older_format_are_refused_by_name() {
    let lab = Lab::new();
    vendor(&lab, "6.1.0-7.9");
    lab.edit("vendor/debian.master/config/annotations", "# FORMAT: 4", "# FORMAT: 3");
    lab.git("vendor", &["tag", "--delete", TAG]);
    lab.tag("vendor", TAG);
    let url = lab.address("vendor");
    lab.xtask(&["fork", TAG, "--url", &url]).fails(3, &["annotations cannot be read", "166.183"]);
}

#[test]
fn changelog_annotations_and_build_depends_never_cost_a_conflict() {
    let lab = Lab::new();
    let url = vendor(&lab, "6.1.0-7.9");
    lab.xtask(&["fork", TAG, "--url", &url]).ok();
    // The lab's own entry, an override beside the vendor's, a package more: where every release changes lines.
    lab.git("kernel", &["reset", "--quiet", "--hard", "HEAD~1"]);
    let entry = |version: &str, text: &str| {
        format!("linux ({version}) jammy; urgency=medium\n\n  * {text}\n\n -- A <a@example.org>  Fri, 11 Oct 2024 12:00:00 +0000\n")
    };
    let old = lab.text("kernel/debian.master/changelog");
    lab.edit("kernel/debian.master/control.stub.in", " openssl,\n", " openssl,\n libssl-dev:native,\n");
    lab.edit(
        "kernel/debian.master/config/annotations",
        "{'amd64': 'y', 'arm64': 'y'}>\nCONFIG_NO_HZ_FULL",
        "{'amd64': 'y', 'arm64': 'm'}>\nCONFIG_NO_HZ_FULL",
    );
    lab.edit(
        "kernel/debian.master/changelog",
        &old,
        &format!("{old}\n{}", entry("6.1.0-6.8+lab", "An older entry of the lab's.")),
    );
    lab.commit("kernel", "packaging: ours");

    let sorted =
        CONTROL.replace(" debhelper (>= 9),\n openssl,\n bc,\n", " bc,\n debhelper (>= 9),\n dwarves,\n openssl,\n");
    lab.write("vendor/debian.master/control.stub.in", &sorted);
    lab.edit(
        "vendor/debian.master/config/annotations",
        "{'amd64': 'y', 'arm64': 'y'}>\nCONFIG_NO_HZ_FULL",
        "{'amd64': 'm', 'arm64': 'y'}>\nCONFIG_NO_HZ_FULL",
    );
    let older = entry("6.1.0-6.8", "An older entry of the vendor's.");
    lab.write("vendor/debian.master/changelog", &format!("{}\n{old}\n{older}", entry("6.1.0-8.10", "A release.")));
    lab.tag("vendor", "Ubuntu-6.1.0-8.10");
    // Plain git does it too, while the work tree holds the vendor's files alone.
    lab.git("kernel", &["fetch", "--quiet", "--no-tags", &url, "refs/tags/Ubuntu-6.1.0-8.10"]);
    let by_git = lab.git("kernel", &["commit-tree", "FETCH_HEAD^{tree}", "-m", "the next one"]);
    lab.git("kernel", &["checkout", "--quiet", "-b", "by-git"]);
    lab.git("kernel", &["rebase", "--quiet", "--onto", &by_git, "HEAD~2"]);
    let by_git = lab.git("kernel", &["rev-parse", "HEAD:debian.master"]);
    lab.git("kernel", &["checkout", "--quiet", "6.1-tickless"]);
    lab.xtask(&["rebase", "--latest"]).ok();
    assert_eq!(lab.git("kernel", &["rev-parse", "HEAD~1:debian.master"]), by_git);

    let control = lab.text("kernel/debian.master/control.stub.in");
    assert_eq!(control, sorted.replace(" openssl,\n", " openssl,\n libssl-dev:native,\n"));
    let annotations = lab.git("kernel", &["show", "HEAD~1:debian.master/config/annotations"]);
    assert!(
        annotations.contains("CONFIG_HZ_250                                   policy<{'amd64': 'm', 'arm64': 'm'}>"),
        "{annotations}"
    );
    let versions: Vec<String> = lab
        .text("kernel/debian.master/changelog")
        .lines()
        .filter(|l| l.starts_with("linux ("))
        .map(str::to_owned)
        .collect();
    let want = ["6.1.0-8.10+lab", "6.1.0-8.10", "6.1.0-7.9", "6.1.0-6.8+lab", "6.1.0-6.8"];
    assert_eq!(versions, want.map(|v| format!("linux ({v}) jammy; urgency=medium")));
    lab.xtask(&["flavour", "check"]).ok();
    assert_eq!(lab.git("kernel", &["status", "--porcelain"]), "");
}

#[test]
fn a_true_conflict_in_what_is_merged_by_meaning_is_marked() {
    let lab = Lab::new();
    let url = vendor(&lab, "6.1.0-7.9");
    lab.xtask(&["fork", TAG, "--url", &url]).ok();
    lab.edit("kernel/debian.master/control.stub.in", "Vcs-Git: x", "Vcs-Git: the-lab");
    lab.commit("kernel", "packaging: ours");
    lab.edit("vendor/debian.master/control.stub.in", "Vcs-Git: x", "Vcs-Git: the-vendor");
    lab.edit("vendor/debian.master/changelog", "6.1.0-7.9", "6.1.0-8.10");
    lab.tag("vendor", "Ubuntu-6.1.0-8.10");
    lab.xtask(&["rebase", "--latest"]).fails(7, &["packaging: ours", "control.stub.in", "--continue"]);
    let marked = lab.text("kernel/debian.master/control.stub.in");
    for part in ["<<<<<<<", "Vcs-Git: the-lab", "Vcs-Git: the-vendor", ">>>>>>>"] {
        assert!(marked.contains(part), "no `{part}` in {marked}");
    }
}

#[test]
fn a_repository_that_was_moved_still_merges_by_meaning() {
    let lab = Lab::new();
    let url = vendor(&lab, "6.1.0-7.9");
    // Made in a scratch beside it, moved to its place, and moved again.
    lab.xtask(&["fork", TAG, "--url", &url, "--into", "../first"]).ok();
    let fork = "the lab's $HOME";
    std::fs::rename(lab.path("first"), lab.path(fork)).unwrap();
    let control = format!("{fork}/debian.master/control.stub.in");
    lab.edit(&control, " openssl,\n", " openssl,\n libssl-dev:native,\n");
    lab.commit(fork, "packaging: ours");
    lab.git(fork, &["worktree", "add", "--quiet", "--detach", "../beside", "HEAD~1"]);
    let sorted =
        CONTROL.replace(" debhelper (>= 9),\n openssl,\n bc,\n", " bc,\n debhelper (>= 9),\n dwarves,\n openssl,\n");
    lab.write("beside/debian.master/control.stub.in", &sorted);
    lab.commit("beside", "packaging: the vendor's");
    let theirs = lab.git("beside", &["rev-parse", "HEAD"]);
    lab.git("beside", &["cherry-pick", "6.1-tickless"]);
    lab.git(fork, &["cherry-pick", &theirs]);
    for at in ["beside", fork] {
        let both = lab.text(&format!("{at}/debian.master/control.stub.in"));
        assert!(both.contains(" dwarves,\n") && both.contains(" libssl-dev:native,\n"), "{both}");
    }
}
