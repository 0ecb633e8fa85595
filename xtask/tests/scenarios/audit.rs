// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask audit` and `compare`, on packages that dpkg-deb makes of a few files. What each check finds
//! is the unit tests' matter.

use crate::lab::{codename, Lab};

const REL: &str = "6.1.42-1-slim";

/// A set in the directory `name`; its image holds `kernel`.
fn set(lab: &Lab, name: &str, kernel: &str) -> String {
    let set = lab.package_set(name, "arm64", "6.1.42-1.1+lab", kernel);
    // Without the record of a build there is no suite to ask.
    std::fs::remove_file(lab.path(&format!("{name}/metadata.json"))).unwrap();
    set
}

#[test]
fn audit() {
    let lab = Lab::without_cache();
    let good = set(&lab, "good", "a kernel");
    let before = lab.snapshot();
    let outcome = lab.xtask(&["audit", &good]).ok();
    assert!(
        outcome.stdout.is_empty() && outcome.stderr.contains("nothing is wrong with these 5 packages"),
        "{}",
        outcome.stderr
    );
    assert_eq!(lab.xtask(&["audit", "--json", &good]).ok().stdout, "[]\n");
    assert!(lab.snapshot() == before, "an audit changed something");

    let common = lab.path("good/linux-headers-6.1.42-1_6.1.42-1.1+lab_arm64.deb");
    std::fs::remove_file(&common).unwrap();
    let outcome = lab.xtask(&["audit", &good]).fails(1, &["1 thing is wrong with these packages"]);
    let words: Vec<&str> = outcome.stdout.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(words.join(" "), "error complete the set linux-headers-6.1.42-1 is missing");
    let json = lab.xtask(&["audit", "--json", &good]).fails(1, &[]).stdout;
    assert!(json.contains("\"severity\": \"error\"") && json.contains("\"check\": \"complete\""), "{json}");

    std::fs::write(&common, "!<arch>\n").unwrap();
    lab.xtask(&["audit", &good]).fails(1, &[]);
    lab.xtask(&["audit", "nowhere"]).fails(3, &["`nowhere`"]);
    lab.xtask(&["audit"]).fails(3, &["there is no package set"]);
}

#[test]
fn the_suite_is_asked() {
    let lab = Lab::without_cache();
    let good = set(&lab, "good", "a kernel");
    let suite = codename();
    lab.xtask(&["audit", "--suite", &suite, &good]).says(&["ask apt", "nothing is wrong"]);
    let again = |from: &str, to: &str| {
        let control = format!("stage-good/linux-headers-{REL}/DEBIAN/control");
        lab.edit(&control, from, to);
        let stage = format!("stage-good/linux-headers-{REL}");
        lab.pack(&stage, "good");
        lab.xtask(&["audit", "--json", "--suite", &suite, &good]).fails(1, &[]).stdout
    };
    let finding = |json: &str| -> (String, String) {
        let json: serde_json::Value = serde_json::from_str(json).unwrap();
        let errors: Vec<_> = json.as_array().unwrap().iter().filter(|finding| finding["severity"] == "error").collect();
        assert_eq!(errors.len(), 1, "{json}");
        (errors[0]["check"].as_str().unwrap().to_owned(), errors[0]["what"].as_str().unwrap().to_owned())
    };
    let (check, what) = finding(&again("Description", "Depends: libc6 (>= 99)\nDescription"));
    assert!(check == "too-new" && what.contains(&format!("Depends: libc6 (>= 99), and {suite} has libc6 ")), "{what}");
    let (check, what) = finding(&again("libc6 (>= 99)", "no-such-library1"));
    assert!(check == "not-in-suite" && what.contains("no-such-library1"), "{what}");
    // Each is there, and yet they cannot be together.
    let (check, what) = finding(&again("Depends: no-such-library1", "Depends: libc6\nConflicts: libc6"));
    assert!(check == "installable" && what.contains("libc6") && !what.ends_with(':'), "{what}");
}

#[test]
fn lintian_has_the_rest() {
    let lab = Lab::without_cache();
    let good = set(&lab, "good", "a kernel");
    let outcome = lab.xtask(&["audit", "--lintian", &good]).ok();
    assert!(outcome.stdout.contains("no-copyright-file") && !outcome.stdout.contains("error "), "{}", outcome.stdout);
}

#[test]
fn compare() {
    let lab = Lab::without_cache();
    let (a, b) = (set(&lab, "a", "Linux version 6.1 (me)\nx"), set(&lab, "b", "Linux version 6.1 (you)\nx"));
    let c = set(&lab, "c", "Linux version 6.1 (me)\ny");
    let outcome = lab.xtask(&["compare", &a, &b]).ok();
    assert!(outcome.stdout.contains("equal in code") && !outcome.stdout.contains("different"), "{}", outcome.stdout);
    let outcome = lab.xtask(&["compare", &a, &c]).fails(1, &["1 package is different"]);
    assert!(outcome.stdout.contains("content (24 and 24 bytes)"), "{}", outcome.stdout);
    let detail = lab.xtask(&["compare", "--detail", &a, &c]).fails(1, &[]).stdout;
    assert!(detail.contains("-y") || detail.contains("+y"), "{detail}");
    let json = lab.xtask(&["compare", "--json", &a, &a]).ok().stdout;
    assert!(json.contains("\"verdict\": \"identical\""), "{json}");

    // Two packages of one name in each set: both count.
    for (name, kernel) in [("a", "x"), ("b", "y")] {
        lab.package_set("amd64", "amd64", "6.1.42-1.1+lab", kernel);
        let image = format!("linux-image-unsigned-{REL}_6.1.42-1.1+lab_amd64.deb");
        std::fs::copy(lab.path(&format!("amd64/{image}")), lab.path(&format!("{name}/{image}"))).unwrap();
    }
    let outcome = lab.xtask(&["compare", &a, &b]).fails(1, &["1 package is different"]);
    assert!(
        outcome.stdout.contains(&format!("linux-image-unsigned-{REL} 6.1.42-1.1+lab amd64  different")),
        "{}",
        outcome.stdout
    );
    lab.xtask(&["compare", "--detail", &a, &b]).fails(1, &["1 package is different"]);
    std::fs::copy(lab.path(&format!("a/linux-modules-{REL}_6.1.42-1.1+lab_arm64.deb")), lab.path("a/copy.deb"))
        .unwrap();
    lab.xtask(&["compare", &a, &b]).fails(3, &["`copy.deb` and `linux-modules-", "are the same package"]);
}

#[test]
fn what_headers_do_while_a_module_is_compiled_stays_in_their_sandbox() {
    let lab = Lab::new();
    let set = lab.package_set("set", "arm64", "6.1.42-1.1+lab", "a kernel");
    let stage = format!("stage-set/linux-headers-{REL}");
    let again = || lab.pack(&stage, "set");
    std::fs::create_dir(lab.path("mine")).unwrap();
    lab.edit(&format!("{stage}/DEBIAN/control"), "Source:", "Depends: libc6\nSource:");
    lab.script(
        &format!("{stage}/DEBIAN/postinst"),
        &format!("#!/bin/sh\nln -s {} /probe\n", lab.path("mine").display()),
    );
    lab.write(
        &format!("{stage}/usr/src/linux-headers-{REL}/Makefile"),
        "modules:\n\tcd $(M) && test -f probe.c && ln -s /dev/zero probe.ko\n",
    );
    again();
    let build = ["audit", "--build-module", &set];
    let outcome = lab.xtask(&build).fails(1, &["1 thing is wrong"]);
    assert!(outcome.stdout.contains("the module that it makes is not for arm64"), "{}", outcome.stdout);
    assert_eq!(lab.names("mine"), [""; 0]);

    // Nothing of a set with errors is run.
    lab.write(&format!("{stage}/usr/src/linux-headers-{REL}/.config"), "CONFIG_HZ=1\n");
    again();
    let outcome = lab.xtask(&build).fails(1, &["wrong with these packages"]);
    assert!(!outcome.stderr.contains("compile a module"), "{}", outcome.stderr);
}

#[test]
fn what_packages_say_is_only_shown() {
    let lab = Lab::without_cache();
    let set = set(&lab, "set", "a kernel");
    let stage = format!("stage-set/linux-headers-{REL}");
    lab.edit(&format!("{stage}/DEBIAN/control"), "Source: linux", "Source: linux\x1b[2J");
    lab.pack(&stage, "set");
    let shown = lab.xtask(&["audit", &set]).fails(1, &[]).stdout;
    assert!(shown.contains("linux\u{fffd}[2J") && !shown.contains('\x1b'), "{shown}");
    let json = lab.xtask(&["audit", "--json", &set]).fails(1, &[]).stdout;
    assert!(json.contains("linux\\u001b[2J"), "{json}");
}

#[test]
fn what_is_no_file_among_packages_is_said_and_not_waited_for() {
    let lab = Lab::without_cache();
    let set = lab.package_set("set", "arm64", "6.1.42-1.1+lab", "a kernel");
    let pipe = |name: &str| {
        let (cwd, kind, mode) = (rustix::fs::CWD, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU);
        rustix::fs::mknodat(cwd, lab.path(name), kind, mode, 0).unwrap();
    };
    // What would be waited for ends with `timeout`, whose code is 124.
    let xtask = |args: &[&str]| {
        let mut command = lab.command("timeout", "kernel");
        command.args(["--kill-after=5", "120", env!("CARGO_BIN_EXE_xtask")]).args(args);
        crate::lab::Outcome::of(command.output().unwrap())
    };
    pipe("set/a.deb");
    std::os::unix::fs::symlink("/dev/zero", lab.path("set/b.deb")).unwrap();
    std::fs::create_dir(lab.path("set/c.deb")).unwrap();
    for command in [&["audit", &set][..], &["publish", &set, "--to", "../apt"]] {
        let shown = xtask(command).fails(1, &["3 things are wrong"]).stdout;
        assert_eq!(shown.matches("not a regular file").count(), 3, "{shown}");
    }
    xtask(&["compare", &set, &set]).fails(1, &[]);
    for name in ["a.deb", "b.deb", "metadata.json"] {
        std::fs::remove_file(lab.path(&format!("set/{name}"))).unwrap();
    }
    std::fs::remove_dir(lab.path("set/c.deb")).unwrap();
    pipe("set/metadata.json");
    xtask(&["audit", &set]).ok();
    xtask(&["publish", &set, "--to", "../apt"]).fails(3, &["metadata.json"]);
    // One that the user names may be a link.
    let deb = lab.names("set").into_iter().find(|n| n.starts_with("linux-modules-")).unwrap();
    std::os::unix::fs::symlink(lab.path(&format!("set/{deb}")), lab.path("link.deb")).unwrap();
    let both = [lab.path("link.deb").display().to_string(), lab.path(&format!("set/{deb}")).display().to_string()];
    xtask(&["compare", &both[0], &both[1]]).ok();
}

#[test]
fn reading_packages_ends_with_an_interruption() {
    let lab = Lab::without_cache();
    // More to say than a pipe holds: it cannot have come to its end before the rest is read.
    for n in 0..2000 {
        lab.write(&format!("set/{}-{n}.deb", "x".repeat(200)), "no package\n");
    }
    let set = lab.path("set").display().to_string();
    for command in [&["audit", &set][..], &["compare", &set, &set]] {
        let mut program = lab.command(env!("CARGO_BIN_EXE_xtask"), "kernel");
        program.args(command).env("KERNEL_FORK_PROGRESS", "0").stderr(std::process::Stdio::piped());
        let mut child = program.spawn().unwrap();
        let mut said = std::io::BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("xxx") {
            line.clear();
            assert!(std::io::BufRead::read_line(&mut said, &mut line).unwrap() > 0);
        }
        lab.run("kill", &["-TERM", &child.id().to_string()]).ok();
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut said, &mut rest).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
        assert!(rest.contains("error: interrupted\n"), "{rest}");
    }
}
