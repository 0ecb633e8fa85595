// SPDX-License-Identifier: GPL-2.0-only
//! The README's and the pipelines' commands: each is one that the program understands, and each is run by
//! a scenario or has a reason why not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser};
use xtask::commands::Cli;

/// The beginning of a command, and the scenario that runs it; or why none does, after a `-`.
const RUN_BY: &[(&str, &str)] = &[
    ("", "status::it_says_where_one_stands_and_what_comes_next"),
    ("adopt", "adopt::"),
    ("annotations", "annotations::"),
    ("audit", "audit::audit"),
    ("boot", "boot::"),
    ("build", "build::cross_and_emulated_give_the_same_packages"),
    ("chroot", "chroot::"),
    ("ci", "ci::a_check_that_fails_is_named"),
    ("compare", "audit::compare"),
    ("completions", "help::bash_completes_cargo_xtask_and_leaves_cargo_alone"),
    ("deploy", "deploy::a_kernel_is_booted_once_and_stays_when_it_came_up"),
    ("doctor --fix", "doctor::nothing_is_mended_without_being_asked"),
    ("doctor", "doctor::a_machine_that_can_build_is_told_so"),
    ("farm", "farm::"),
    ("flavour", "flavour::"),
    ("follow", "follow::a_new_release_becomes_a_branch_packages_and_a_merge_request"),
    ("fork", "fork::"),
    ("graft-history", "graft_history::"),
    ("isolate", "isolate::"),
    ("help", "help::every_command_has_help_and_a_man_page"),
    ("man", "help::every_command_has_help_and_a_man_page"),
    ("publish", "publish::apt_installs_and_upgrades_from_it"),
    ("quickstart", "quickstart::the_miniature_goes_all_the_way_and_a_second_run_reuses_it"),
    ("rebase", "rebase::"),
    ("tags", "tags::"),
    ("upgrade", "upgrade::"),
];

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").to_owned()
}

fn read(name: &str) -> String {
    std::fs::read_to_string(top().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Every `cargo xtask …` of a text: whole lines of code blocks, and what stands between backticks.
fn commands(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut block = false;
    for line in text.lines() {
        if line.starts_with("```") {
            block = !block;
            continue;
        }
        let parts: Vec<&str> = if block { vec![line] } else { line.split('`').skip(1).step_by(2).collect() };
        for part in parts {
            let Some((_, command)) = part.split_once("cargo xtask") else { continue };
            let command = command.split(" #").next().unwrap_or("").split([')', '|', '>', ';']).next().unwrap_or("");
            found.insert(command.trim().trim_end_matches(" …").trim_end_matches('…').trim().to_owned());
        }
    }
    found
}

/// Does the program understand it, with a value where the README names its kind?
fn understood(command: &str) -> Result<(), String> {
    let words = command.split_whitespace().filter(|w| *w != "(or");
    match Cli::try_parse_from(std::iter::once("cargo xtask").chain(words)) {
        Ok(_) => Ok(()),
        Err(e) if matches!(e.kind(), clap::error::ErrorKind::DisplayHelp) => Ok(()),
        Err(e) => Err(e.to_string()),
    }
}

#[test]
fn every_command_shows_examples_that_it_understands() {
    for command in Cli::command().get_subcommands().filter(|c| !c.is_hide_set()) {
        let name = command.get_name();
        let help = command.get_after_help().map_or(String::new(), ToString::to_string);
        let examples: Vec<&str> = help.lines().filter_map(|line| line.split("cargo xtask ").nth(1)).collect();
        assert!(examples.iter().any(|line| line.starts_with(name)), "{name} has no example");
        for line in examples {
            let line = line
                .split([' ', '\t'])
                .take_while(|w| !w.starts_with(['#', '>', '&']))
                .map(|w| w.trim_end_matches(')'))
                .collect::<Vec<_>>()
                .join(" ");
            understood(&line).unwrap_or_else(|e| panic!("{line}: {e}"));
        }
    }
}

#[test]
fn every_command_of_the_readme_is_run_by_a_scenario() {
    let text = read("README.md");
    let commands = commands(&text);
    assert!(commands.len() > 35, "{commands:?}");
    let mut used = BTreeSet::new();
    for command in &commands {
        // A template: `cargo xtask COMMAND --help`.
        if command.starts_with("COMMAND") {
            continue;
        }
        let bare = ["rebase --continue", "rebase --undo"].iter().any(|c| command.starts_with(c));
        let named = |b: &str| command == b || command.starts_with(&format!("{b} "));
        let group = ["flavour", "annotations", "chroot"].contains(&command.as_str());
        if !bare && !group {
            // A command that is only named in a sentence need not be whole.
            let whole = text.contains(&format!("\ncargo xtask {command}")) || command.contains(' ');
            if let (Err(e), true) = (understood(command), whole) {
                panic!("the README has `cargo xtask {command}`: {e}");
            }
        }
        let Some((begin, _)) = RUN_BY.iter().find(|(b, _)| if b.is_empty() { command.is_empty() } else { named(b) })
        else {
            panic!("`cargo xtask {command}` is in the README and has no scenario here");
        };
        used.insert(*begin);
    }
    for (begin, by) in RUN_BY {
        let Some((file, test)) = by.split_once("::").filter(|_| !by.starts_with('-')) else { continue };
        let source = read(&format!("xtask/tests/scenarios/{file}.rs"));
        assert!(source.contains(&format!("fn {test}")), "`{begin}`: there is no {by}");
    }
    let unused: Vec<_> = RUN_BY.iter().filter(|(b, _)| !used.contains(b)).map(|(b, _)| b).collect();
    assert!(unused.is_empty(), "the README has no command that begins with {unused:?}");
}

#[test]
fn every_command_has_a_scenario() {
    let listed: Vec<&str> = RUN_BY.iter().map(|(b, _)| b.split(' ').next().unwrap_or("")).collect();
    let cli = <Cli as clap::CommandFactory>::command();
    for command in cli.get_subcommands().filter(|c| !c.is_hide_set()) {
        assert!(listed.contains(&command.get_name()), "{} is in no README line and no scenario", command.get_name());
    }
}

#[test]
fn pipelines_only_call_the_program() {
    for file in ["ci/gitlab-ci.yml", ".github/workflows/checks.yml"] {
        let text = read(file);
        let mut called = 0;
        for line in text
            .lines()
            .filter_map(|l| l.trim().strip_prefix("- "))
            .chain(text.lines().filter_map(|l| l.trim().strip_prefix("- run: ")))
        {
            if let Some(command) = line.trim_start_matches("run: ").strip_prefix("cargo xtask ") {
                // What a job's variables stand for.
                let mut command = command.replace("$MODE", "cross").replace("${{ matrix.check }}", "unit");
                for name in ["FLAVOUR", "CI_PAGES_URL", "CI_PROJECT_URL", "CI_COMMIT_BRANCH"] {
                    command = command.replace(&format!("${name}"), "x");
                }
                assert!(!command.contains('$'), "{file}: {command}");
                understood(&command).unwrap_or_else(|e| panic!("{file}: {e}"));
                called += 1;
            }
        }
        assert!(called >= 2, "{file}");
        // Everything else that looks like a script is the builder's image, which has no cargo yet.
        let scripts =
            text.lines().skip_while(|l| !l.contains("script:")).filter(|l| l.starts_with("    - ") && l.contains(' '));
        let other: Vec<&str> = scripts
            .map(|l| l.trim().trim_start_matches("- "))
            .filter(|l| ["apt-get", "curl", "git ", "sh ", "python", "pip", "make "].iter().any(|w| l.starts_with(w)))
            .collect();
        assert!(other.is_empty(), "{file} has what only lives in YAML: {other:?}");
    }
}
