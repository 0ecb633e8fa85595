// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask doctor`, here and on machines that lack something (mount namespaces in which a file or
//! directory of this one is hidden).

use crate::lab::{codename, Lab, Outcome};
use crate::machine::on;

fn json(outcome: &Outcome) -> serde_json::Value {
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|e| panic!("{e}: {}{}", outcome.stdout, outcome.stderr))
}

#[test]
fn a_machine_that_can_build_is_told_so() {
    let lab = Lab::new();
    // A vendor's address that answers; the suite is this machine's own.
    let url = lab.vendor();
    let line = lab.text("kernel/Cargo.toml").lines().find(|l| l.starts_with("url = ")).unwrap().to_owned();
    lab.edit("kernel/Cargo.toml", &line, &format!("url = \"{url}\""));
    lab.edit("kernel/Cargo.toml", "tag = \"Ubuntu-5.4.0-200.220\"", "tag = \"v6.1.42\"");
    let outcome = lab.xtask(&["doctor", "--suite", &codename(), "--json"]).ok();
    let report = json(&outcome);
    let modes: Vec<&str> = report["modes"].as_array().unwrap().iter().map(|m| m["mode"].as_str().unwrap()).collect();
    assert_eq!(modes, ["cross", "emulated", "boot", "publish", "deploy", "checks"]);
    assert!(report["needs"].as_array().unwrap().iter().all(|n| n["state"] != "missing"), "{report}");
    let names: Vec<&str> = report["needs"].as_array().unwrap().iter().map(|n| n["name"].as_str().unwrap()).collect();
    for name in [
        "packages",
        "git",
        "identity",
        "ids",
        "namespaces",
        "disk",
        "emulation",
        "qemu",
        "keyring",
        "mirrors",
        "vendor",
    ] {
        assert!(names.contains(&name), "no {name} in {names:?}");
    }
    let shown = lab.xtask(&["doctor", "--suite", &codename(), "--mode", "emulated"]).ok().stdout;
    assert!(shown.contains("ok      emulation") && shown.contains("emulated          works"), "{shown}");
    let wide: Vec<&str> =
        shown.lines().filter(|l| l.chars().count() > 80 && !l.contains("://") && !l.contains('/')).collect();
    assert!(wide.is_empty(), "wider than a terminal: {wide:?}");
}

#[test]
fn each_thing_that_is_missing_is_named_with_what_mends_it() {
    let lab = Lab::new();
    let suite = codename();
    let doctor = ["doctor", "--json", "--suite", &suite];
    let lacks = |hide: &str| {
        let outcome = on(&lab, hide, &doctor);
        assert_eq!(outcome.code, 4, "{}{}", outcome.stdout, outcome.stderr);
        let report = json(&outcome);
        let needs = report["needs"].as_array().unwrap();
        let missing: Vec<_> = needs.iter().filter(|n| n["state"] == "missing").map(|n| n["name"].clone()).collect();
        (missing, report["mend"].to_string(), report["modes"].to_string())
    };
    let (missing, mend, modes) = lacks("printf '' >empty && mount --bind empty /etc/subuid");
    assert_eq!(missing, ["ids"]);
    assert!(mend.contains("usermod --add-subuids"), "{mend}");
    assert!(modes.contains(r#"{"lacks":[],"mode":"publish","works":true}"#), "{modes}");
    let (missing, mend, modes) = lacks("mount -t tmpfs none /proc/sys/fs/binfmt_misc");
    assert_eq!(missing, ["emulation"]);
    assert!(mend.contains("mount -t binfmt_misc"), "{mend}");
    assert!(modes.contains(r#"{"lacks":["emulation"],"mode":"emulated","works":false}"#), "{modes}");
    // dpkg's own list without two packages.
    let list = "sed '/^Package: \\(sbuild\\|apt-utils\\)$/,/^$/d' /var/lib/dpkg/status >status && mount --bind status /var/lib/dpkg/status";
    let (missing, mend, _) = lacks(list);
    assert!(missing.contains(&"packages".into()) && missing.contains(&"packages-publish".into()), "{missing:?}");
    assert!(mend.contains("apt-get install") && mend.contains("sbuild"), "{mend}");
    // And on paper.
    let outcome = on(&lab, list, &["doctor", "--mode", "publish"]).fails(4, &["doctor --fix"]);
    assert!(
        outcome.stdout.contains("MISSING packages-publish") && outcome.stdout.contains("As root:"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn nothing_is_mended_without_being_asked() {
    let lab = Lab::new();
    let hide = "printf '' >empty && mount --bind empty /etc/subuid";
    on(&lab, hide, &["doctor", "--fix", "--suite", &codename()])
        .fails(4, &["usermod --add-subuids", "not ready", "hint:"]);
    let planned = on(&lab, hide, &["--dry-run", "doctor", "--fix", "--suite", &codename()]);
    assert!(planned.stdout.contains("usermod --add-subuids"), "{}{}", planned.stdout, planned.stderr);
    assert_eq!(lab.text("empty"), "");
}

#[test]
fn keys_and_servers_that_are_not_there_are_named() {
    let lab = Lab::new();
    lab.edit("kernel/Cargo.toml", "debian-archive-keyring.gpg", "not-there.gpg");
    lab.edit("kernel/Cargo.toml", "git.launchpad.net", "localhost:1");
    let outcome =
        lab.xtask(&["doctor", "--suite", "bookworm", "--mode", "cross"]).fails(4, &["has to be done by hand"]);
    for said in ["MISSING keyring", "not-there.gpg", "4D64FEC119C2029067D6E791F8D2585B8783D481", "look    vendor"] {
        assert!(outcome.stdout.contains(said), "no `{said}` in {}", outcome.stdout);
    }
    lab.xtask(&["doctor", "--mode", "native"]).fails(3, &["no way to build for arm64"]);
    lab.xtask(&["doctor", "--suite", "hardy"]).fails(3, &["unknown suite"]);
    lab.xtask(&["doctor", "--mode", "magic"]).fails(2, &["possible values"]);
}
