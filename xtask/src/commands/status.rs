// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask` alone: where one stands, and the likely next command. Reads, asks no network, changes nothing.

use std::time::SystemTime;

use anyhow::Result;
use git2::Repository;

use super::flavour::regen;
use crate::build::chroot;
use crate::build::metadata::{self, Metadata};
use crate::effects::{repository, Effects};
use crate::error;
use crate::flavour::packaging::{self, Packaging};
use crate::fork::driver;
use crate::fork::half_done::HalfDone;
use crate::fork::history::History;
use crate::fork::left_out::LeftOut;
use crate::fork::stale;
use crate::fork::stopped::Stopped;
use crate::formats::changelog;
use crate::packages::built;
use crate::ui::{ago, bytes, count};
use crate::workspace::Workspace;

/// # Errors
/// The repository or its settings cannot be read.
pub fn run(fx: &Effects) -> Result<()> {
    let workspace = Workspace::here()?;
    let repo = repository(&workspace.root)?;
    let say = |name: &str, text: &str| fx.ui.entry("", name, text);
    say("repository", workspace.root.as_str());
    if under_way(fx, &workspace, &repo)? {
        return Ok(());
    }
    let Some(history) = fork(fx, &workspace, &repo)? else { return Ok(()) };
    say("branch", &branch(&repo));
    say("vendor", &format!("{} (R {:.12})", history.root.tag.name(), history.root.id));
    say("lab", &count(history.own().count(), "commit"));
    if let Some(left_out) = LeftOut::of(fx, &workspace.root)?.sentence() {
        say("", &left_out);
    }
    let built = sets(&workspace);
    let generated = generated(&repo, &history)?;
    say("generated", generated.as_deref().unwrap_or("not yet"));
    let chroots = chroot::all(fx)?;
    let room: u64 = chroots.iter().filter_map(|c| fs_err::metadata(&c.tar).ok()).map(|m| m.len()).sum();
    say("chroots", &format!("{}, {}", chroots.len(), bytes(room)));
    match built.first() {
        None => say("packages", "none yet"),
        Some((dir, when, of)) => {
            say(
                "packages",
                &format!("{} of {:.12}, {} ago", of.version, of.commit, ago(when.elapsed().unwrap_or_default())),
            );
            say("", dir.as_str());
        }
    }
    let last = built.first().map(|(_, _, of)| of);
    let regen = match last {
        _ if history.unmarked().is_some() => {
            "the message of the generated commit was replaced: it is made again, and what is yours in it kept"
        }
        _ if history.mixed().next().is_some() => "the generated commit has changes of yours: they become a commit",
        _ if !history.is_generated() => "the lab's commits are newer than what was generated",
        _ => {
            let of_this = |of: &&Metadata| of.commit == history.tip.to_string();
            let (command, why) = match last {
                Some(of) if of_this(&of) => {
                    ("cargo xtask publish", "the packages are of this very commit; or `tags`, to see what is newer")
                }
                Some(_) => ("cargo xtask build", "this commit has not been built"),
                None => ("cargo xtask build", "for packages"),
            };
            next_if(fx, stale::current(fx, &repo, &history), command, why);
            return Ok(());
        }
    };
    next_if(fx, regen::possible(fx, &workspace, &repo), "cargo xtask flavour regen", regen);
    Ok(())
}

/// Recommends the command if it is possible, else what has to be done before.
fn next_if(fx: &Effects, possible: Result<()>, command: &str, why: &str) {
    match possible {
        Ok(()) => next(fx, command, why),
        Err(error) => next(fx, error::hint(&error).unwrap_or(command), &error::sentence(&error)),
    }
}

/// Something that has to come to its end first: says what, and the command.
fn under_way(fx: &Effects, workspace: &Workspace, repo: &Repository) -> Result<bool> {
    let say = |name: &str, text: &str| fx.ui.entry("", name, text);
    if let Some(half) = HalfDone::of(repo, &workspace.root)? {
        let [where_to, how_far] = half.sentences();
        say("half-done", &where_to);
        say("", &how_far);
        if let Some(command) = half.command(repo)? {
            next(
                fx,
                &command,
                "finishes it, and writes over nothing that you have changed; a full disk needs room first",
            );
        }
        return Ok(true);
    }
    let Some(stopped) = Stopped::read(repo)?.filter(|stopped| !stopped.is_over(repo)) else { return Ok(false) };
    let program = driver::tool(repo, stopped.conflicts.iter().map(String::as_str))?;
    if stopped.told {
        say("rebase", &format!("stopped: {} is in conflict", stopped.conflicts.join(", ")));
        let command = format!("{program} rebase --continue");
        next(fx, &command, "after the files are mended and added; or --skip, --abort");
    } else {
        say(
            "half-done",
            &format!("{} ended before it showed the conflict in {}", stopped.what, stopped.conflicts.join(", ")),
        );
        next(fx, &format!("{program} rebase --continue"), "shows it; a full disk needs room first");
    }
    Ok(true)
}

/// The fork branch that is checked out; where there is none, says so and what to do.
fn fork(fx: &Effects, workspace: &Workspace, repo: &Repository) -> Result<Option<History>> {
    let say = |text: &str| fx.ui.entry("", "branch", &format!("{}: {text}", branch(repo)));
    match head(repo).map_or(Ok(None), |tip| History::find(repo, tip)) {
        Ok(Some(history)) => return Ok(Some(history)),
        Ok(None) => {
            say("no fork yet");
            let fork = format!("cargo xtask fork {}", workspace.settings.tag);
            next(fx, &fork, "or quickstart, for packages of a smaller kernel");
        }
        Err(error) => {
            let Some(hint) = error::hint(&error) else { return Err(error) };
            say(&error::sentence(&error));
            next(fx, hint, "until then this branch cannot be used as a fork");
        }
    }
    Ok(None)
}

fn next(fx: &Effects, command: &str, why: &str) {
    fx.ui.data("");
    fx.ui.entry("", "next", command);
    fx.ui.entry("", "", why);
    fx.ui.note("\n`cargo xtask help` lists all commands.");
}

fn head(repo: &Repository) -> Option<git2::Oid> {
    repo.head().ok()?.target()
}

fn branch(repo: &Repository) -> String {
    let name = repo.head().ok().and_then(|h| h.shorthand().map(str::to_owned));
    name.unwrap_or_else(|| "no commit yet".to_owned())
}

/// The version that was generated.
fn generated(repo: &Repository, history: &History) -> Result<Option<String>> {
    let Some(last) = history.generated() else { return Ok(None) };
    let tree = repo.find_commit(last)?.tree_id();
    let packaging = Packaging::of(repo, tree)?;
    let text = packaging::required(repo, tree, &format!("{}/changelog", packaging.dir()))?;
    Ok(Some(changelog::top(&text)?.header.version.as_str().to_owned()))
}

type Built = (camino::Utf8PathBuf, SystemTime, Metadata);

/// The package sets beside the repository, the newest first.
fn sets(workspace: &Workspace) -> Vec<Built> {
    let dirs = built::sets(workspace).unwrap_or_default();
    dirs.into_iter().filter_map(|(dir, when)| metadata::read(&dir).map(|m| (dir, when, m))).collect()
}
