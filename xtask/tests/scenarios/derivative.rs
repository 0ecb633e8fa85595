// SPDX-License-Identifier: GPL-2.0-only
//! Derivatives of Ubuntu's kernel: a packaging folder and flavours of their own, and none that is called generic.

use crate::lab::Lab;
use crate::ubuntu;

const TAG: &str = "Ubuntu-aws-6.1.0-1007.9";

/// Annotations as a derivative has them: those of the main kernel, and what differs.
const ANNOTATIONS: &str = "\
# Menu: HEADER
# FORMAT: 4
# ARCH: amd64 arm64
# FLAVOUR: amd64-aws arm64-aws arm64-aws-64k
# FLAVOUR_DEP: {'arm64-aws-64k': 'arm64-aws'}

include \"../../debian.master/config/annotations\"

CONFIG_HZ_100                                   policy<{'arm64-aws': 'y'}>
CONFIG_HZ_250                                   policy<{'arm64-aws': 'n'}>
";

const RULES: &str = "\
build_arch\t= arm64
flavours\t= aws aws-64k
build_image\t= Image.gz
kernel_file\t= arch/$(build_arch)/boot/Image.gz
";

fn changelog(version: &str) -> String {
    changelog_of("linux-aws", version)
}

fn changelog_of(source: &str, version: &str) -> String {
    format!("{source} ({version}) jammy; urgency=medium\n\n  * A release.\n\n -- V <v@example.org>  Fri, 11 Oct 2024 12:00:00 +0000\n")
}

/// The miniature as linux-aws, with the main kernel's packaging beside its own.
fn vendor(lab: &Lab) -> String {
    let url = ubuntu::vendor(lab, "6.1.0-7.9");
    lab.write("vendor/debian/debian.env", "DEBIAN=debian.aws\n");
    lab.write("vendor/debian.aws/config/annotations", ANNOTATIONS);
    lab.write("vendor/debian.aws/rules.d/arm64.mk", RULES);
    lab.write("vendor/debian.aws/control.stub.in", "Source: linux-aws\nBuild-Depends:\n bc,\n\nPackage: x\n");
    lab.write(
        "vendor/debian.aws/control.d/vars.aws",
        "arch=\"amd64 arm64\"\nsupported=\"AWS\"\ntarget=\"AWS.\"\ndesc=\"AWS\"\nbootloader=\"grub-efi-arm64 [arm64]\"\nprovides=\"\"\n",
    );
    lab.write("vendor/debian.aws/changelog", &changelog("6.1.0-1007.9"));
    lab.tag("vendor", TAG);
    url
}

#[test]
fn the_shipped_settings_fork_a_derivative_without_generic() {
    let lab = Lab::new();
    let url = vendor(&lab);
    let said = lab.xtask(&["fork", TAG, "--url", &url]).ok().stderr;
    assert!(said.contains("no flavour generic for arm64: tickless starts from its aws"), "{said}");
    assert!(!said.contains("slim starts from"), "{said}");
    let annotations = lab.text("kernel/debian.aws/config/annotations");
    assert!(
        annotations.contains("'arm64-slim': 'arm64-aws', 'arm64-tickless': 'arm64-aws'"),
        "the flavours do not depend on aws: {annotations}"
    );
    let rules = lab.text("kernel/debian.aws/rules.d/arm64.mk");
    assert!(rules.contains("= aws aws-64k slim tickless\n"), "{rules}");
    assert!(lab.path("kernel/debian.aws/control.d/vars.tickless").exists());
    assert_eq!(lab.git("kernel", &["log", "-1", "--format=%s"]), "Generated: 6.1.0-1007.9+lab");
    lab.xtask(&["flavour", "check"]).ok();
    let shown = lab.xtask(&["flavour", "show", "tickless"]).ok().stdout;
    assert!(shown.contains("of them other than aws's"), "{shown}");

    // A new flavour takes its metadata from the same base.
    lab.xtask(&["flavour", "new", "fast", "--set", "HZ_100=y"]).ok();
    let vars = lab.text("kernel/debian.master/control.d/vars.fast");
    assert!(vars.contains("supported=\"AWS\""), "{vars}");

    lab.write("vendor/debian.aws/changelog", &format!("{}\n{}", changelog("6.1.0-1008.10"), changelog("6.1.0-1007.9")));
    lab.tag("vendor", "Ubuntu-aws-6.1.0-1008.10");
    lab.git("kernel", &["add", "--all", "--force", "."]);
    lab.git("kernel", &["commit", "--quiet", "--message", "fast: a flavour"]);
    lab.xtask(&["rebase", "--latest"]).says(&["fast starts from its aws"]);
    lab.xtask(&["flavour", "check"]).ok();
}

#[test]
fn a_roll_to_the_next_series_is_followed() {
    let lab = Lab::new();
    let url = ubuntu::vendor(&lab, "6.1.0-7.9");
    let roll = |series: &str, before: &str, version: &str| {
        let (dir, source) = (format!("vendor/debian.hwe-{series}"), format!("linux-hwe-{series}"));
        std::fs::rename(lab.path(before), lab.path(&dir)).unwrap();
        lab.write("vendor/debian/debian.env", &format!("DEBIAN=debian.hwe-{series}\n"));
        lab.write(&format!("{dir}/changelog"), &changelog_of(&source, &version.replace('_', "~")));
        lab.tag("vendor", &format!("Ubuntu-hwe-{series}-{version}"));
    };
    roll("6.1", "vendor/debian.master", "6.1.0-7.9_22.04.1");
    lab.xtask(&["fork", "Ubuntu-hwe-6.1-6.1.0-7.9_22.04.1", "--url", &url]).ok();
    lab.xtask(&["follow"]).says(&["is the newest"]);
    roll("6.11", "vendor/debian.hwe-6.1", "6.11.0-8.8_22.04.1");
    let planned = lab.xtask(&["--dry-run", "follow"]).ok().stdout;
    assert!(planned.contains("release/Ubuntu-hwe-6.11-6.11.0-8.8_22.04.1"), "{planned}");
    lab.xtask(&["rebase", "--latest"]).ok();
    assert_eq!(lab.git("kernel", &["log", "-1", "--format=%s"]), "Generated: 6.11.0-8.8~22.04.1+lab");
    assert!(lab.text("kernel/debian.hwe-6.11/config/annotations").contains("arm64-tickless"));
    assert!(!lab.path("kernel/debian.hwe-6.1").exists());
    lab.xtask(&["flavour", "check"]).ok();
}

#[test]
fn a_base_that_the_derivative_lacks_is_refused_with_those_that_it_has() {
    let lab = Lab::new();
    let url = vendor(&lab);
    lab.edit("kernel/Cargo.toml", "tickless = { base = \"generic\" }", "tickless = { base = \"lowlatency\" }");
    lab.commit("kernel", "tickless on lowlatency");
    let words = ["tickless", "no flavour `lowlatency` for arm64", "take aws, aws-64k or tiny", "{ base = \"aws\" }"];
    lab.xtask(&["fork", TAG, "--url", &url]).fails(3, &words);
    lab.edit("kernel/Cargo.toml", "tickless = { base = \"lowlatency\" }", "tickless = { base = \"aws-64k\" }");
    lab.commit("kernel", "tickless on aws-64k");
    lab.xtask(&["fork", TAG, "--url", &url]).ok();
    assert!(lab.text("kernel/debian.aws/config/annotations").contains("'arm64-tickless': 'arm64-aws-64k'"));
}

#[test]
fn a_flavour_made_by_hand_on_a_derivative_is_taken_over() {
    let lab = Lab::new();
    let url = vendor(&lab);
    lab.git(".", &["init", "--quiet", "--initial-branch=aws-rt", "hand"]);
    lab.git("hand", &["fetch", "--quiet", &url, &format!("refs/tags/{TAG}")]);
    let root = lab.git("hand", &["commit-tree", "FETCH_HEAD^{tree}", "-m", "Forked by hand"]);
    lab.git("hand", &["reset", "--quiet", "--hard", &root]);
    // Another flavour ends in the same letters.
    for (flavour, hz) in [("rt", "'arm64-rt': 'y'"), ("aws-rt", "'arm64-aws-rt': 'y'")] {
        let vars = lab.text("kernel/debian.master/control.d/vars.tickless");
        lab.write(&format!("hand/debian.aws/control.d/vars.{flavour}"), &vars);
        lab.edit("hand/debian.aws/rules.d/arm64.mk", "aws-64k", &format!("aws-64k {flavour}"));
        let annotations = "hand/debian.aws/config/annotations";
        lab.edit(annotations, "amd64-aws ", &format!("amd64-aws arm64-{flavour} "));
        lab.edit(annotations, "'arm64-aws': 'n'", &format!("{hz}, 'arm64-aws': 'n'"));
        lab.commit("hand", &format!("add the flavour {flavour}"));
    }
    lab.xtask(&["adopt", "../hand", "--url", &url]).ok();
    for flavour in ["rt", "aws-rt"] {
        let settings = lab.text("hand/Cargo.toml");
        assert!(settings.contains(&format!("\n{flavour} = {{ base = \"aws\" }}")), "{settings}");
        let fragment = lab.text(&format!("hand/kernel/configs/{flavour}.config"));
        assert!(fragment.contains("on top of aws,") && fragment.contains("CONFIG_HZ_250=y"), "{fragment}");
    }
    lab.xtask_at("hand", &["flavour", "check"]).ok();
}
