// SPDX-License-Identifier: GPL-2.0-only
//! `--dry-run` of every command: steps and commands are shown, and nothing changes.

use crate::lab::{codename, Lab, TAG};

#[test]
fn nothing_changes() {
    let lab = Lab::without_cache();
    let url = lab.vendor();
    let suite = codename();
    let packages = crate::boot::saying(&lab, "packages", "x");
    let set = lab.package_set("set", "arm64", "6.1.42-1.1+lab", "a kernel");
    let fresh: &[&[&str]] = &[
        &["boot", &packages, "--suite", &suite],
        &["isolate", "--cpus", "1", "--present", "0-3"],
        &["fork", TAG, "--url", &url, "--series", &suite],
        &["fork", TAG, "--url", &url, "--series", &suite, "--into", "../elsewhere"],
        &["chroot", "create", &suite],
        &["chroot", "create", &suite, "--snapshot", "2024-05-01"],
        &["chroot", "list"],
        &["chroot", "update"],
        &["chroot", "prune", "--days", "0"],
        &["farm", "serve", "--arch", "arm64", "--suite", &suite, "--allow", "192.168.1.0/24"],
        &["quickstart", "--mini", "--yes"],
        &["ci", "--yes"],
        &["flavour", "list"],
        &[],
        &["completions", "bash"],
        &["man", "pages"],
        &["publish", &set],
        &["publish", &set, "--to", "../elsewhere"],
    ];
    unchanged(&lab, fresh);

    lab.xtask(&["fork", TAG, "--url", &url, "--series", &suite]).ok();
    lab.edit("kernel/kernel/configs/slim.config", "CONFIG_HZ_100=y", "CONFIG_HZ_250=y");
    lab.commit("kernel", "slim: a faster clock");
    unchanged(&lab, &[&["flavour", "regen"], &["flavour", "edit", "slim"]]);
    lab.xtask(&["flavour", "regen"]).ok();
    let forked: &[&[&str]] = &[
        &["build", "arm64", "--cross", "--flavour", "slim"],
        &["build", "arm64", "--emulated"],
        &["build", "arm64", "--emulated", "--farm", "127.0.0.1:9/4", "--ccache"],
    ];
    unchanged(&lab, forked);
}

fn unchanged(lab: &Lab, commands: &[&[&str]]) {
    for command in commands {
        let before = lab.snapshot();
        let mut args = vec!["--dry-run"];
        args.extend(*command);
        lab.xtask(&args).ok();
        let after = lab.snapshot();
        let changed: Vec<_> =
            after.iter().filter(|(path, content)| before.get(*path) != Some(content)).map(|(p, _)| p).collect();
        assert!(changed.is_empty() && before.len() == after.len(), "{command:?} changed {changed:?}");
    }
}

/// mmdebstrap takes its hooks apart as a shell does.
#[test]
fn a_path_with_a_space_is_one_word_of_a_hook() {
    let lab = Lab::without_cache();
    lab.forked();
    let place = lab.path("a place").display().to_string();
    std::fs::create_dir(&place).unwrap();
    let build = ["--dry-run", "build", "arm64", "--emulated", "--flavour", "slim"];
    let said = lab.xtask_with(&[("TMPDIR", &place)], &build).ok().stdout;
    let made = said.lines().find(|l| l.starts_with("mmdebstrap ") || l.contains(" mmdebstrap ")).expect("a chroot");
    // As the shell has it, and then mmdebstrap's own way to split.
    let words =
        lab.run("sh", &["-c", &format!("printf '%s\\n' {}", made.split_once("mmdebstrap ").unwrap().1)]).ok().stdout;
    let hooks: Vec<&str> = words.lines().filter_map(|w| w.split_once("-hook=")).map(|(_, h)| h).collect();
    for (begins, ends) in [("copy-in ", " /var/lib/apt"), ("upload ", " /accelerate.sh"), ("upload ", " /depends.dsc")]
    {
        let hook = hooks.iter().find(|h| h.starts_with(begins) && h.ends_with(ends)).expect(ends);
        let path = lab.run("sh", &["-c", &format!("set -- {hook}; printf %s \"$2\"")]).ok().stdout;
        assert!(path.starts_with(&place), "{path}");
    }
}

#[test]
fn the_commands_can_be_pasted() {
    let lab = Lab::without_cache();
    let url = lab.vendor();
    let said = lab.xtask(&["--dry-run", "fork", TAG, "--url", &url, "--series", &codename()]).ok().stdout;
    assert!(said.contains("pack-objects --revs"), "{said}");
    assert!(said.contains("git update-ref") && said.contains("refs/heads/6.1-tickless"), "{said}");
    // Pasted with the rest, it makes no file empty.
    assert!(said.contains("# write ") && !said.contains("cat >"), "{said}");
    assert!(said.contains("symbolic-ref") && said.contains("read-tree -m -u"), "{said}");
    // Lines that are no comments name no scratch directory, and no object that is only in memory.
    for line in said.lines().filter(|line| !line.starts_with('#')) {
        assert!(!line.contains("/.kernel-fork."), "{line}");
        for id in line.split(|c: char| !c.is_ascii_hexdigit()).filter(|w| w.len() == 40 && !w.starts_with("000000")) {
            lab.git("kernel", &["cat-file", "-e", id]);
        }
    }
    let suite = codename();
    let said = lab.xtask(&["--dry-run", "chroot", "create", &suite]).ok().stdout;
    assert!(said.contains("mmdebstrap --mode=unshare") && said.contains(&suite), "{said}");
}
