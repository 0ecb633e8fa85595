// SPDX-License-Identifier: GPL-2.0-only
//! The scripts in `ci/`, as far as they need neither root nor hours.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::lab::{Lab, Outcome};

fn ci() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").join("ci")
}

fn run(lab: &Lab, script: &Path, args: &[&str]) -> Outcome {
    Outcome::of(lab.command(script.to_str().expect("a path"), ".").args(args).output().expect("it starts"))
}

#[test]
fn every_script_shows_its_help_on_stdout() {
    let lab = Lab::new();
    let files = [ci(), ci().join("bench")].into_iter().flat_map(|dir| std::fs::read_dir(dir).expect("scripts"));
    let scripts = files.map(|entry| entry.expect("an entry")).filter(|entry| {
        let metadata = entry.metadata().expect("metadata");
        metadata.is_file() && metadata.permissions().mode() & 0o111 != 0
    });
    let mut shown = 0;
    for script in scripts.map(|entry| entry.path()) {
        let name = script.file_name().expect("a name").to_string_lossy();
        let help = run(&lab, &script, &["--help"]).ok();
        assert!(help.stdout.contains(&*name) && help.stderr.is_empty(), "{name}:\n{}{}", help.stdout, help.stderr);
        // A usage error is neither: nothing is done, and stdout is for data.
        let refused = run(&lab, &script, &["--no-such-option"]).fails(2, &[&name]);
        assert!(refused.stdout.is_empty(), "{name}:\n{}", refused.stdout);
        shown += 1;
    }
    assert!(shown >= 9, "{shown}");
}

#[test]
fn a_question_is_answered_when_it_is_asked() {
    let lab = Lab::new();
    // As sudo does with `use_pty`: what was typed before is gone.
    lab.script(
        "asks",
        "#!/usr/bin/perl\nuse POSIX;\n$| = 1;\nfor my $question ('Continue? [Y/n] ', 'change this machine? [y/N] ') {\n\
         \ttcflush 0, TCIFLUSH;\n\tprint \"$question\";\n\t<STDIN> eq \"y\\n\" or exit 3;\n}\nexit 42;\n",
    );
    let outcome = run(&lab, &ci().join("answer"), &[lab.path("asks").to_str().expect("a path")]);
    assert_eq!(outcome.code, 42, "{}{}", outcome.stdout, outcome.stderr);
    assert!(outcome.stdout.contains("[y/N] y"), "{}", outcome.stdout);
}
