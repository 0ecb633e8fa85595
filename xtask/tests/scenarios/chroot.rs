// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask chroot`.

use crate::lab::{codename, Lab};

#[test]
fn a_chroot_is_made_listed_and_removed() {
    let lab = Lab::without_cache();
    let suite = codename();
    lab.xtask(&["chroot", "list"]).ok();
    let tar = lab.xtask(&["chroot", "create", &suite]).ok().stdout.trim().to_owned();
    let listed = lab.run("tar", &["--list", "--file", &tar]).ok().stdout;
    assert!(listed.contains("usr/bin/dpkg\n"), "{listed}");
    let name = std::path::Path::new(&tar).file_stem().unwrap().to_str().unwrap().to_owned();
    assert!(lab.xtask(&["chroot", "list"]).ok().stdout.contains(&name));
    // A second time it is found.
    assert_eq!(lab.xtask(&["chroot", "create", &suite]).ok().stdout.trim(), tar);
    lab.xtask(&["chroot", "remove", &name]).ok();
    assert!(!lab.xtask(&["chroot", "list"]).ok().stdout.contains(&name));
    lab.xtask(&["chroot", "remove", &name]).fails(3, &["no chroot"]);
}

#[test]
fn keys_that_the_settings_do_not_trust_make_no_chroot() {
    let lab = Lab::without_cache();
    let text = lab.text("kernel/Cargo.toml");
    // Keys of the right file, yet not the ones that sign this suite.
    let kept = "AC530D520F2F3269F5E98313A48449044AAD5C5D";
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for line in &mut lines {
        if line.contains("release key") || line.contains("archive signing key, 1") || line.contains("security archive")
        {
            *line = format!("    \"{kept}\",");
        }
    }
    lab.write("kernel/Cargo.toml", &lines.join("\n"));
    lab.xtask(&["chroot", "create", &codename()]).fails(4, &["mmdebstrap"]);
    assert!(lab.xtask(&["chroot", "list"]).ok().stdout.is_empty());
}

#[test]
fn unknown_suites_and_architectures_are_named() {
    let lab = Lab::without_cache();
    lab.xtask(&["chroot", "create", "hardy"]).fails(3, &["unknown suite `hardy`"]);
    lab.xtask(&["chroot", "create", &codename(), "vax"]).fails(3, &["unknown architecture `vax`"]);
}
