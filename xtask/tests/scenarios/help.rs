// SPDX-License-Identifier: GPL-2.0-only
//! Help, completions and man pages: of every command, and with nothing that is not there.

use crate::lab::Lab;

/// Every command and subcommand, by asking the help of each.
fn commands(lab: &Lab) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut left = vec![Vec::new()];
    while let Some(command) = left.pop() {
        let mut args: Vec<&str> = command.iter().map(String::as_str).collect();
        args.push("--help");
        let help = lab.xtask(&args).ok().stdout;
        let list = help.split_once("Commands:\n").map_or("", |(_, rest)| rest.split("\n\n").next().unwrap_or(""));
        for line in list.lines() {
            let name = line.split_whitespace().next().unwrap_or("help");
            // A command's second line is set further in.
            if name != "help" && line.starts_with("  ") && !line.starts_with("   ") {
                left.push([command.clone(), vec![name.to_owned()]].concat());
            }
        }
        found.push(command);
    }
    found
}

#[test]
fn every_command_has_help_and_a_man_page() {
    let lab = Lab::without_cache();
    let all = commands(&lab);
    assert!(all.len() > 25, "{all:?}");
    lab.xtask(&["man", "../pages"]).says(&["man pages in"]);
    for command in &all {
        let name = [vec!["cargo-xtask".to_owned()], command.clone()].concat().join("-");
        let page = lab.path(&format!("pages/{name}.1"));
        let shown = lab.run("man", &["--warnings=w", "--local-file", &page.display().to_string()]).ok();
        assert!(shown.stdout.contains("DESCRIPTION") && shown.stderr.is_empty(), "{name}: {}", shown.stderr);
    }
    assert_eq!(lab.names("pages").len(), all.len());
    lab.write("file", "");
    let outcome = lab.xtask(&["man", "../file/below"]);
    assert!(outcome.code != 0 && outcome.stderr.contains("cannot make"), "{}", outcome.stderr);
}

#[test]
fn bash_completes_cargo_xtask_and_leaves_cargo_alone() {
    let lab = Lab::without_cache();
    let script = lab.xtask(&["completions", "bash"]).ok().stdout;
    lab.write("completions", &script);
    let ask = |before: &str, words: &str, last: &str| {
        let line = format!(
            "{before} source completions; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             $(complete -p cargo | sed 's/.*-F \\([^ ]*\\) .*/\\1/') cargo '{last}' x; echo \"${{COMPREPLY[*]}}\""
        );
        // As bash is when somebody types.
        lab.run("bash", &["--norc", "-O", "expand_aliases", "-c", &line]).ok().stdout.trim().to_owned()
    };
    assert_eq!(ask("", "cargo xtask doc", "doc"), "doctor");
    assert_eq!(ask("", "cargo xtask build --em", "--em"), "--emulated");
    assert!(ask("", "cargo xtask flavour ''", "").contains("regen"));
    // Somebody else's completion of cargo goes on as before.
    let theirs = "theirs() { COMPREPLY=(mine); }; complete -F theirs cargo;";
    assert_eq!(ask(theirs, "cargo buil", "buil"), "mine");
    assert_eq!(ask(theirs, "cargo xtask rebas", "rebas"), "rebase");
    lab.xtask(&["completions", "tcsh"]).fails(2, &["bash"]);
}

#[test]
fn every_argument_says_what_it_is() {
    fn look(command: &clap::Command, path: &str) {
        let path = format!("{path} {}", command.get_name());
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{path} {}", argument.get_id());
        }
        // git calls what is hidden.
        command.get_subcommands().filter(|c| !c.is_hide_set()).for_each(|c| look(c, &path));
    }
    look(&<xtask::commands::Cli as clap::CommandFactory>::command(), "");
}
