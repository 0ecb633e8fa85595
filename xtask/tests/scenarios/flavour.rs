// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask flavour`.

use crate::lab::Lab;

#[test]
fn regen_has_nothing_to_do_after_fork_and_follows_a_fragment() {
    let lab = Lab::new();
    lab.forked();
    let tip = lab.git("kernel", &["rev-parse", "HEAD"]);
    lab.xtask(&["flavour", "check"]).ok();
    lab.xtask(&["flavour", "regen"]).ok();
    assert_eq!(tip, lab.git("kernel", &["rev-parse", "HEAD"]));

    lab.edit("kernel/kernel/configs/slim.config", "CONFIG_HZ_100=y", "CONFIG_HZ_250=y");
    lab.commit("kernel", "slim: a faster clock");
    lab.xtask(&["flavour", "check"]).fails(1, &["flavour regen"]);
    lab.xtask(&["flavour", "regen"]).ok();
    lab.xtask(&["flavour", "check"]).ok();
    let config = lab.text("kernel/debian.master/config/arm64/config.flavour.slim");
    assert!(config.contains("CONFIG_HZ_250=y\n"), "{config}");
    assert_eq!(lab.git("kernel", &["status", "--porcelain"]), "");
    // The lab's commit is below the generated one now, and there is one of those.
    let subjects = lab.git("kernel", &["log", "--format=%s", "-3"]);
    assert_eq!(subjects, "Generated: 6.1.42-1.1+lab\nslim: a faster clock\nWorkflow for the fork of v6.1.42");
}

#[test]
fn an_edited_generated_file_is_found() {
    let lab = Lab::new();
    lab.forked();
    lab.edit("kernel/debian.master/config/arm64/config.flavour.slim", "CONFIG_HZ_100=y", "CONFIG_HZ_250=y");
    lab.commit("kernel", "by hand");
    let outcome = lab.xtask(&["flavour", "check"]).fails(7, &["does not apply"]);
    assert!(outcome.stderr.contains("by hand"), "{}", outcome.stderr);
}

#[test]
fn what_kconfig_refuses_or_does_not_know_is_named() {
    let lab = Lab::new();
    lab.forked();
    lab.edit("kernel/kernel/configs/slim.config", "CONFIG_NO_HZ_FULL=y", "CONFIG_NOHZ_FULL=y");
    lab.commit("kernel", "a typing error");
    lab.xtask(&["flavour", "regen"]).fails(3, &["CONFIG_NOHZ_FULL", "NO_HZ_FULL"]);
    lab.edit("kernel/kernel/configs/slim.config", "CONFIG_NOHZ_FULL=y", "CONFIG_NO_HZ_FULL=y");
    lab.edit("kernel/kernel/configs/slim.config", "CONFIG_NET=y", "# CONFIG_NET is not set");
    lab.commit("kernel", "what others depend on is off");
    lab.xtask(&["flavour", "regen"]).fails(3, &["Kconfig refused", "CONFIG_INET=y is"]);
}
