// SPDX-License-Identifier: GPL-2.0-only
//! `build --incremental`, and the build tree that stays between builds.

use std::path::PathBuf;
use std::time::SystemTime;

use crate::lab::{codename, Lab, TAG};

/// The kept tree of this lab's repository.
fn kept(lab: &Lab) -> PathBuf {
    let mine = lab.path("kernel").join(".git/objects").display().to_string();
    // Below a private home the chroot could not see them.
    let elsewhere = format!("/var/tmp/kernel-fork-{}", lab.run("id", &["-u"]).ok().stdout.trim());
    let places = [lab.cache().join("trees"), PathBuf::from(elsewhere).join("trees")];
    let dirs = places.iter().filter_map(|p| std::fs::read_dir(p).ok()).flatten().map(|d| d.unwrap().path());
    let of = |dir: &PathBuf| std::fs::read_to_string(dir.join("git/objects/info/alternates")).unwrap_or_default();
    dirs.filter(|d| of(d).trim_end() == mine).last().expect("a kept tree").join("linux")
}

fn compiled(lab: &Lab, out: &str) -> Vec<String> {
    let log = lab.text(&format!("{out}/build.log"));
    let lines = log.lines().filter_map(|l| l.strip_prefix("  CC ")).map(|l| l.rsplit(' ').next().unwrap().to_owned());
    lines.filter(|path| !path.starts_with("scripts/")).collect()
}

fn build(lab: &Lab, out: &str, more: &[&str]) {
    let out = lab.path(out).display().to_string();
    let mut args = vec!["build", "arm64", "--cross", "--flavour", "slim", "--out", &out];
    args.extend(more);
    lab.xtask(&args).ok();
}

#[test]
fn only_what_changed_is_compiled_and_the_packages_are_a_clean_build_s() {
    let lab = Lab::new();
    let url = lab.vendor();
    lab.xtask(&["fork", TAG, "--url", &url, "--series", &codename()]).ok();
    build(&lab, "first", &["--incremental"]);
    let all = compiled(&lab, "first");
    assert!(all.iter().any(|o| o == "init/main.o") && all.iter().any(|o| o == "drivers/net/dummy.o"), "{all:?}");

    let time = |path: &str| -> SystemTime { kept(&lab).join(path).metadata().unwrap().modified().unwrap() };
    let before = (time("init/main.c"), time("drivers/net/dummy.c"));
    assert!(!kept(&lab).join("xtask").exists() && !kept(&lab).join("ci").exists());
    lab.edit("kernel/drivers/net/dummy.c", "(0, 42)", "(0, 43)");
    lab.commit("kernel", "one line");
    // Something else has been at the kept tree, and a run was killed there.
    std::fs::write(kept(&lab).join("init/extra.c"), "not ours\n").unwrap();
    std::fs::write(kept(&lab).join("Makefile"), "broken\n").unwrap();
    std::fs::write(kept(&lab).join("../git/index.lock"), "").unwrap();

    // And a build of it came to nothing before there was anything to compile.
    lab.write("kernel/init/unused.c", "int unused;\n");
    lab.commit("kernel", "another line");
    let out = lab.path("none").display().to_string();
    lab.script("bin/dpkg-source", "#!/bin/sh\nexit 1\n");
    let path = format!("{}:{}", lab.path("bin").display(), std::env::var("PATH").unwrap());
    let args = ["build", "arm64", "--cross", "--flavour", "slim", "--incremental", "--out", &out];
    lab.xtask_with(&[("PATH", &path)], &args).fails(4, &["`dpkg-source` failed"]);
    lab.git("kernel", &["reset", "--quiet", "--hard", "HEAD~1"]);

    build(&lab, "second", &["--incremental"]);
    let again = compiled(&lab, "second");
    assert!(again.iter().any(|o| o == "drivers/net/dummy.o"), "{again:?}");
    assert!(!again.iter().any(|o| o == "init/main.o"), "{again:?}");
    assert_eq!(time("init/main.c"), before.0);
    assert!(time("drivers/net/dummy.c") > before.1);
    assert!(!kept(&lab).join("init/extra.c").exists());

    build(&lab, "clean", &["--again"]);
    assert_eq!(compiled(&lab, "clean").len(), all.len());
    let paths = ["second", "clean"].map(|d| lab.path(d).display().to_string());
    let said = lab.xtask(&["compare", &paths[0], &paths[1]]).ok().stdout;
    assert!(said.contains("linux-modules-6.1.42-1-slim"), "{said}");
}
