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
    lab.xtask(&["flavour", "regen"]).fails(
        3,
        &["Kconfig refused", "CONFIG_INET=y is absent: it depends on NET, which is n", "kernel/configs/slim.config"],
    );
    lab.edit("kernel/kernel/configs/slim.config", "# CONFIG_NET is not set", "CONFIG_NET=100");
    lab.commit("kernel", "another type");
    lab.xtask(&["flavour", "regen"]).fails(3, &["CONFIG_NET=100: it is of type bool, and takes y or n"]);
}

#[test]
fn a_new_flavour_is_three_things_and_goes_again() {
    let lab = Lab::new();
    lab.forked();
    let before = lab.text("kernel/Cargo.toml");
    let args = ["flavour", "new", "fast", "--base", "tiny", "--set", "HZ_1000=y", "--set", "CONFIG_PRINTK=n"];
    let planned = lab.xtask(&[&["--dry-run"], &args[..]].concat()).ok();
    assert!(planned.stdout.contains("kernel/configs/fast.config"), "{}", planned.stdout);
    assert_eq!(lab.text("kernel/Cargo.toml"), before);

    lab.xtask(&args).says(&["2 symbols", "git add --force", "cargo xtask flavour regen"]);
    let fragment = lab.text("kernel/kernel/configs/fast.config");
    assert!(fragment.ends_with("on top of tiny.\n\nCONFIG_HZ_1000=y\n# CONFIG_PRINTK is not set\n"), "{fragment}");
    assert!(lab.text("kernel/debian.master/control.d/vars.fast").contains("\narch=\"arm64\"\n"));
    assert!(lab.text("kernel/Cargo.toml").contains("\nfast = { base = \"tiny\" }\n"));
    lab.xtask(&args).fails(3, &["there is a flavour `fast` already"]);
    lab.xtask(&["flavour", "show", "fast"]).ok();
    lab.xtask(&["flavour", "remove", "fast"]).fails(7, &["not committed"]);

    lab.commit("kernel", "fast: a flavour");
    lab.xtask(&["flavour", "remove", "fast"]).says(&["Flavour fast is gone"]);
    assert_eq!(lab.text("kernel/Cargo.toml"), before);
    assert!(!lab.path("kernel/kernel/configs/fast.config").exists());
}

#[test]
fn names_bases_and_symbols_that_will_not_do_are_refused() {
    let lab = Lab::new();
    let before = lab.snapshot();
    let table: [(&[&str], &str); 10] = [
        (&["Fast"], "lower-case letters"),
        (&["tickless"], "already"),
        (&["tiny"], "is a base"),
        (&["all"], "a meaning of its own"),
        (&["indep"], "a meaning of its own"),
        (&["generic"], "flavour of the vendor's"),
        (&["fast", "--base", "lowlatency"], "no flavour `lowlatency`"),
        (&["fast", "--base", "slim"], "this fork's own"),
        (&["fast", "--set", "NO_HZ_FULL"], "sets nothing"),
        (&["fast", "--set", "NO_HZ_FULL=yes"], "a value is y, m, n"),
    ];
    for (args, what) in table {
        lab.xtask(&[&["flavour", "new"], args].concat()).fails(3, &[what]);
    }
    lab.xtask(&["flavour", "new", "fast", "--arch", "arm65"]).fails(3, &["arm65"]);
    lab.xtask(&["flavour", "show", "none"]).fails(3, &["unknown flavour `none`"]);
    assert!(before == lab.snapshot(), "something was left behind");
}

#[test]
fn diff_shows_what_two_flavours_have_otherwise() {
    let lab = Lab::new();
    lab.forked();
    let diff = lab.xtask(&["flavour", "diff", "slim", "tickless"]).ok().stdout;
    assert!(diff.starts_with("SYMBOL") && diff.lines().count() > 1, "{diff}");
    assert!(diff.contains("PROMPT") && diff.contains("Optimize for size"), "{diff}");
    lab.xtask(&["flavour", "diff", "slim", "none"]).fails(3, &["no generated configuration of `none`"]);
}

#[test]
fn a_whole_configuration_becomes_what_it_has_other_than_the_base() {
    let lab = Lab::new();
    lab.forked();
    let own = lab.text("kernel/debian.master/config/arm64/config.flavour.tickless");
    let other = own.replace("CONFIG_HZ_100=y", "CONFIG_HZ_300=y").replace("CONFIG_TUN=m\n", "");
    lab.write(
        "config",
        &format!("#\n# Automatically generated file; DO NOT EDIT.\n# Linux/arm64\n#\n{other}CONFIG_GCC_VERSION=1\n"),
    );
    lab.xtask(&["flavour", "new", "fast", "--from-config", "../config"]).says(&["compare with generic"]);
    let fragment = lab.text("kernel/kernel/configs/fast.config");
    for line in ["CONFIG_HZ_300=y\n", "CONFIG_NO_HZ_FULL=y\n", "# CONFIG_TUN is not set\n"] {
        assert!(fragment.contains(line), "no {line} in {fragment}");
    }
    assert!(!fragment.contains("GCC_VERSION") && !fragment.contains("CONFIG_INET"), "{fragment}");
    lab.commit("kernel", "fast: a flavour");
    lab.xtask(&["flavour", "regen"]).ok();
    let made = lab.text("kernel/debian.master/config/arm64/config.flavour.fast");
    let without =
        |text: &str| text.replace("# CONFIG_HZ_100 is not set\n", "").replace("# CONFIG_HZ_300 is not set\n", "");
    let lines = |text: &str| without(text).lines().map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
    let differ: Vec<String> = lines(&made).symmetric_difference(&lines(&other)).cloned().collect();
    assert!(differ.iter().all(|line| line.contains("HZ") || line.contains("TUN")), "{differ:?}");
}

#[test]
fn what_is_changed_in_the_menus_goes_into_the_fragment() {
    let lab = Lab::new();
    lab.forked();
    let path = "kernel/kernel/configs/tickless.config";
    let before = lab.text(path);
    let edit = ["flavour", "edit", "tickless"];
    lab.xtask(&[&["--dry-run"], &edit[..]].concat()).ok();
    lab.on_terminal(&edit, &[("Toggle", "q")]).says(&["stays as it is"]);
    assert_eq!(lab.text(path), before);

    // Another one of a choice, found by its name; what follows from it is not asked for.
    let keys = [("Toggle", "/HZ_1000\nyq"), ("ave configuration", "y")];
    let said = lab.on_terminal(&[&edit[..], &["--nconfig"]].concat(), &keys).says(&["have changed", "git commit"]);
    assert!(said.stderr.contains("HZ_1000"), "{}", said.stderr);
    let want = before.replace("CONFIG_HZ_100=y\n", "") + "CONFIG_HZ_1000=y\n";
    assert_eq!(lab.text(path), want);
    lab.commit("kernel", "tickless: a faster clock");
    lab.xtask(&["flavour", "regen"]).ok();
    let config = lab.text("kernel/debian.master/config/arm64/config.flavour.tickless");
    assert!(config.contains("CONFIG_HZ=1000\n") && config.contains("CONFIG_NO_HZ_FULL=y\n"), "{config}");
    lab.xtask(&["flavour", "edit", "tickless", "--arch", "s390x"]).fails(3, &["not for s390x"]);
}
