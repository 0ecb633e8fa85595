// SPDX-License-Identifier: GPL-2.0-only
//! Wrong inputs, one row each: the exit code, and the words that name the cause and the way out.

use std::os::unix::ffi::OsStrExt;

use crate::lab::{codename, Lab, Outcome, TAG};
use crate::machine::on;

/// Arguments, exit code, words on stderr.
type Row<'a> = (&'a [&'a str], i32, &'a [&'a str]);

#[track_caller]
fn all_fail(lab: &Lab, rows: &[Row]) {
    for (args, code, words) in rows {
        let outcome = lab.xtask(args);
        assert_eq!(outcome.code, *code, "{args:?}\n{}\n{}", outcome.stdout, outcome.stderr);
        for word in *words {
            assert!(outcome.stderr.contains(word), "{args:?}: no `{word}` in\n{}", outcome.stderr);
        }
        well_formed(&outcome, args);
    }
}

/// One error, which begins with neither a command line nor one's internals, and a hint that is not empty.
#[track_caller]
fn well_formed(outcome: &Outcome, what: &impl std::fmt::Debug) {
    let said = &outcome.stderr;
    assert_eq!(said.matches("error: ").count(), 1, "{what:?}: {said}");
    let ours = outcome.code != 2;
    let internals = ["error: `GIT_", "os error", "; class=", "FromPath", "\nhint: \n", "expected struct"];
    let found = internals.iter().find(|words| ours && said.contains(*words) && outcome.code != 4);
    assert_eq!(found, None, "{what:?}: {said}");
    assert!(!ours || said.contains("hint: "), "{what:?}: {said}");
}

#[test]
fn wrong_arguments() {
    let lab = Lab::new();
    let url = lab.forked();
    let other = lab.path("other").display().to_string();
    all_fail(
        &lab,
        &[
            (&["man", "/proc/nope"], 4, &["cannot make /proc/nope"]),
            (&["deploy", "host.example", "/nonexistent"], 3, &["no directory `/nonexistent`"]),
            (&["deploy", "host.example", "."], 3, &["no record of a finished build", "cargo xtask build"]),
            (&["build", "--out", ""], 3, &["`--out`"]),
            (&["publish", "--to", ""], 3, &["`--to`"]),
            (&["fork", TAG, "--into", ""], 3, &["`--into`"]),
            (&["tags", "--url", ""], 3, &["`--url`"]),
            (&["fork", TAG, "--branch", "x", "--url", ""], 3, &["`--url`"]),
            (&["tags", "--url", "file:///nonexistent"], 5, &["file:///nonexistent", "--url"]),
            (&["upgrade", "--from", &other], 5, &["other", "--from"]),
            (&["upgrade", "--from", "../vendor"], 3, &["has no `Cargo.toml`", "--from"]),
            (&["compare", "Makefile", "Makefile"], 3, &["`Makefile` is not a package"]),
            (&["flavour", "diff", "nosuch", "slim"], 3, &["`nosuch`", "slim", "tickless"]),
            (&["flavour", "diff", "slim", "nosuch"], 3, &["`nosuch`", "slim", "tickless"]),
            (&["fork", "v6.1.43", "--url", &url], 7, &["6.1-tickless", "cargo xtask rebase v6.1.43"]),
            (&["fork", "5.4.0-200.220"], 3, &["`5.4.0-200.220`", "Ubuntu-5.4.0-200.220"]),
            (&["fork", ""], 3, &["empty tag name", "cargo xtask tags"]),
            (&["rebase", "--undo"], 7, &["has not been rebased", "cargo xtask rebase TAG"]),
            (&["annotations", "query"], 3, &["annotations", "cargo xtask flavour show"]),
            (&["compare", "A", "B"], 3, &["no such file or directory: `A`"]),
            (&["audit", ""], 3, &["no such file or directory: ``"]),
            (&["boot", "../nothing"], 3, &["no such file or directory: `../nothing`"]),
            (&["publish", "--source", "lab/kernels"], 3, &["`lab/kernels`", "ppa:OWNER/NAME"]),
        ],
    );
    lab.xtask_with(&[("KERNEL_FORK_CACHE", "relative/x")], &["chroot", "list"])
        .fails(3, &["KERNEL_FORK_CACHE", "relative path `relative/x`", "hint: "]);
    assert!(!lab.path("kernel/relative").exists());
    lab.xtask_with(&[("KERNEL_FORK_CACHE", "/proc/x")], &["chroot", "list"])
        .fails(4, &["/proc/x", "KERNEL_FORK_CACHE"]);
    let mut command = lab.command(env!("CARGO_BIN_EXE_xtask"), "kernel");
    let homeless = command.env_remove("HOME").env_remove("KERNEL_FORK_CACHE").arg("chroot").arg("list").output();
    Outcome::of(homeless.unwrap()).fails(4, &["HOME", "hint: ", "KERNEL_FORK_CACHE"]);
}

#[test]
fn wrong_places() {
    let lab = Lab::new();
    let url = lab.vendor();
    let (unknown, series) = (std::ffi::OsStr::from_bytes(b"not\xfftext"), codename());
    std::fs::create_dir(lab.path(".").join(unknown)).unwrap();
    let mut command = lab.command(env!("CARGO_BIN_EXE_xtask"), ".");
    let outcome = Outcome::of(command.current_dir(lab.path(".").join(unknown)).output().unwrap());
    let outcome = outcome.fails(3, &["UTF-8", "not\u{fffd}text"]);
    assert_eq!(outcome.stderr.matches("UTF-8").count(), 1, "{}", outcome.stderr);
    well_formed(&outcome, &"a directory that is not UTF-8");

    std::fs::create_dir(lab.path("ro")).unwrap();
    let fork = ["fork", TAG, "--url", &url, "--series", &series];
    let outcome = on(&lab, "mount -t tmpfs -o ro none ro", &[&fork[..], &["--into", "../ro/fork"]].concat());
    outcome.fails(4, &["ro", "Read-only file system", "hint: "]);
    let outcome = on(&lab, "mount --bind kernel kernel && mount -o remount,ro,bind kernel", &fork);
    outcome.fails(4, &["kernel/.git", "Read-only file system", "hint: "]);

    lab.xtask(&fork).ok();
    let set = lab.package_set("set", "arm64", "6.1.42-1.1+lab", "kernel");
    std::fs::create_dir(lab.path("mounted")).unwrap();
    on(&lab, "mount -t tmpfs none mounted", &["publish", &set, "--to", "../mounted"]).ok();
    let outcome = on(&lab, "mount -t tmpfs -o ro none ro", &["publish", &set, "--to", "../ro/apt"]);
    outcome.fails(4, &["ro", "Read-only file system", "hint: "]);

    let nobody =
        [("GIT_COMMITTER_NAME", ""), ("GIT_COMMITTER_EMAIL", ""), ("GIT_CONFIG_GLOBAL", "/dev/null"), ("EMAIL", "")];
    let outcome = lab.xtask_with(&nobody, &["fork", TAG, "--url", &url, "--branch", "x"]);
    outcome.fails(4, &["error: git does not know your name", "git config --global user.name"]);

    std::fs::rename(lab.path("kernel/.git"), lab.path("aside")).unwrap();
    let outcome = lab.xtask(&fork).fails(3, &["git clone"]);
    well_formed(&outcome, &"a directory without .git");
}

#[test]
fn wrong_settings() {
    let lab = Lab::new();
    lab.forked();
    let text = lab.text("kernel/Cargo.toml");
    let line = |key: &str| text.lines().find(|l| l.starts_with(&format!("{key} = "))).unwrap().to_owned() + "\n";
    let rows = [
        (line("suffix"), String::new(), vec!["`suffix` is missing", "suffix = "]),
        (line("suffix"), "suffix = \"-lab2\"\n".to_owned(), vec!["`suffix`", "+lab"]),
        (line("series"), "series = \"bookwrom\"\n".to_owned(), vec!["`bookwrom`", "bookworm"]),
        (line("tickless"), "tickless = \"generic\"\n".to_owned(), vec!["tickless", "base = "]),
        ("metadata.fork]".to_owned(), "metadata.frok]".to_owned(), vec!["[workspace.metadata.fork]"]),
        (line("url"), format!("<<<<<<< HEAD\n{}", line("url")), vec!["conflict marks"]),
    ];
    for (from, to, words) in rows {
        lab.write("kernel/Cargo.toml", &text.replacen(&from, &to, 1));
        let outcome = lab.xtask(&["flavour", "list"]).fails(3, &words);
        well_formed(&outcome, &words);
    }
    let none: Vec<&str> = text.lines().filter(|l| !l.starts_with("tickless = ") && !l.starts_with("slim = ")).collect();
    lab.write("kernel/Cargo.toml", &none.join("\n"));
    lab.xtask(&["build"]).fails(3, &["no flavour", "cargo xtask flavour new"]);
    for bytes in [&b""[..], b"\xff"] {
        std::fs::write(lab.path("kernel/Cargo.toml"), bytes).unwrap();
        lab.xtask(&["flavour", "list"]).fails(3, &["Cargo.toml", "git checkout"]);
    }
}
