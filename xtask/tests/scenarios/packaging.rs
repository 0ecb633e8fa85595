// SPDX-License-Identifier: GPL-2.0-only
//! Trees whose packaging is neither Ubuntu's with annotations nor the bundled one: it is never replaced unless the
//! settings say so.

use xtask::formats::version::Version;

use crate::lab::{codename, Lab};

const TAG: &str = "Ubuntu-rockchip-6.1.0-1025.25";
const CHANGELOG: &str = "linux-rockchip (6.1.0-1025.25) jammy; urgency=medium\n\n  * A release.\n\n -- V <v@example.org>  Fri, 11 Oct 2024 12:00:00 +0000\n";

/// The miniature with the packaging of a derivative of the time before annotations.
fn fragments(lab: &Lab) -> String {
    let url = lab.vendor();
    for (path, text) in [
        ("debian/debian.env", "DEBIAN=debian.rockchip\n"),
        ("debian/rules", "#!/usr/bin/make -f\n"),
        ("debian/rules.d/9-vendor.mk", "x = y\n"),
        ("debian.rockchip/changelog", CHANGELOG),
        ("debian.rockchip/config/config.common.ubuntu", "CONFIG_HZ=250\n"),
        ("debian.rockchip/control.stub.in", "Source: linux-rockchip\n"),
        ("debian.rockchip/rules.d/arm64.mk", "flavours = rockchip\n"),
    ] {
        lab.write(&format!("vendor/{path}"), text);
    }
    lab.tag("vendor", TAG);
    url
}

#[test]
fn packaging_that_is_not_understood_is_refused_with_the_reason() {
    let lab = Lab::new();
    let url = fragments(&lab);
    let refused = |tag: &str, words: &[&str]| {
        let before = lab.snapshot();
        let outcome = lab.xtask(&["fork", tag, "--url", &url]).fails(3, words);
        assert!(outcome.stderr.contains("packaging = \"bundled\""), "{}", outcome.stderr);
        lab.unchanged(&before);
    };
    refused(TAG, &["debian.rockchip/config has config fragments (config.common.ubuntu)", "FORMAT 4"]);

    let again = |tag: &str| lab.tag("vendor", tag);
    lab.git("vendor", &["rm", "--quiet", "-r", "debian.rockchip/config"]);
    again("v6.1.43");
    refused("v6.1.43", &["debian.rockchip, which has no config/annotations"]);
    lab.git("vendor", &["rm", "--quiet", "debian/debian.env"]);
    again("v6.1.44");
    refused("v6.1.44", &["debian.rockchip/changelog"]);
    lab.git("vendor", &["rm", "--quiet", "-r", "debian.rockchip"]);
    again("v6.1.45");
    refused("v6.1.45", &["debian/rules"]);
    lab.git("vendor", &["rm", "--quiet", "-r", "debian"]);
    std::os::unix::fs::symlink("/etc", lab.path("vendor/debian")).unwrap();
    again("v6.1.46");
    refused("v6.1.46", &["`debian` is not a directory"]);
}

#[test]
fn the_bundled_packaging_replaces_the_vendor_s_as_a_whole_if_the_settings_say_so() {
    let lab = Lab::new();
    let url = fragments(&lab);
    lab.edit("kernel/Cargo.toml", "architecture = \"arm64\"", "architecture = \"arm64\"\npackaging = \"bundled\"");
    lab.commit("kernel", "settings: the bundled packaging");
    lab.xtask(&["fork", TAG, "--url", &url]).says(&["replaces the vendor's debian/"]);
    // No older than the vendor's.
    assert_eq!(lab.git("kernel", &["log", "-1", "--format=%s"]), "Generated: 6.1.0-1025.25+lab");
    assert_eq!(lab.text("kernel/debian/rules"), lab.text("kernel/xtask/packaging/debian/rules"));
    assert!(!lab.path("kernel/debian/rules.d/9-vendor.mk").exists());
    assert!(lab.path("kernel/debian.rockchip/changelog").exists());
    lab.xtask(&["flavour", "check"]).ok();
    assert!(lab.xtask(&[]).ok().stdout.contains("6.1.0-1025.25+lab"));
}

#[test]
fn a_folder_that_is_no_packaging_is_none() {
    let lab = Lab::new();
    let url = lab.vendor();
    lab.write("vendor/debian/README", "Debian builds this kernel, too.\n");
    lab.tag("vendor", "v6.1.43");
    lab.xtask(&["fork", "v6.1.43", "--url", &url]).says(&["v6.1.43 has no packaging", "bundled"]);
    lab.xtask(&["flavour", "check"]).ok();
}

#[test]
fn the_bundled_rules_and_the_tool_read_the_same_abi() {
    let lab = Lab::new();
    lab.run("cp", &["-r", "kernel/xtask/packaging", "packaging"]).ok();
    let versions = [
        "6.1.192-2.1+lab",
        "5.4.0-200.220.1",
        "5.4.0-200.220~20.04.1+a.b",
        "6.8.0-79.79+lab",
        "6.17.0-14.14.1+lab.2",
        "7.0.0-30.30",
    ];
    for version in versions {
        lab.write("packaging/debian.master/changelog", &CHANGELOG.replace("6.1.0-1025.25", version));
        let said = lab.run("make", &["-C", "packaging", "-f", "debian/rules", "printenv"]).ok().stdout;
        let abi = Version::parse(version).unwrap().abi().unwrap();
        for (name, want) in [("release", abi.release), ("abinum", abi.abinum), ("uploadnum", abi.uploadnum)] {
            assert!(said.contains(&format!("{name:<18}= {want}\n")), "{version}: {name} is not {want}:\n{said}");
        }
    }
}

#[test]
fn a_tree_with_real_time_patches_keeps_its_name_out_of_the_release() {
    let lab = Lab::new();
    let url = lab.vendor();
    lab.write("vendor/localversion-rt", "-rt25\n");
    lab.tag("vendor", "v6.1.42-rt25");
    lab.write("vendor/localversion-rt", "-rt26\n");
    lab.tag("vendor", "v6.1.42-rt26");
    lab.git("vendor", &["tag", "v6.1.43"]);
    lab.xtask(&["fork", "v6.1.42-rt25", "--url", &url, "--series", &codename()]).ok();
    let listed = lab.xtask(&["tags"]).ok().stdout;
    assert!(listed.contains("v6.1.42-rt26") && !listed.contains("v6.1.43"), "{listed}");
    lab.xtask(&["rebase", "--latest"]).ok();
    assert_eq!(lab.git("kernel", &["log", "-1", "--format=%s"]), "Generated: 6.1.42+rt26-1.1+lab");
    assert!(!lab.path("kernel/localversion-rt").exists());
    // Compiled and audited under that name.
    lab.edit("kernel/debian.master/control.d/vars.slim", "arch=\"arm64\"", "arch=\"amd64 arm64\"");
    lab.commit("kernel", "slim for both");
    lab.xtask(&["flavour", "regen"]).ok();
    let out = lab.path("out").display().to_string();
    lab.xtask(&["build", "amd64", "--native", "--flavour", "slim", "--out", &out]).ok();
    assert!(lab.names("out").iter().any(|name| name.starts_with("linux-image-unsigned-6.1.42+rt26-1-slim_")));
}
