// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask upgrade`: a newer version of this repository's files, in a fork that has an older one.

use anyhow::{Context, Result};
use camino::Utf8Path;
use git2::{FileMode, Oid, Repository};

use crate::effects::{bare, repository, Effects, Run, Session};
use crate::error::Kind;
pub use crate::fork::history::WORKFLOW_FROM as FROM;
use crate::fork::history::{trailer, Edits, History};
use crate::fork::message::summary;
use crate::fork::rebase::{finish, Desk};
use crate::fork::replay::{replay, Carry};
use crate::fork::snapshot::network;
use crate::fork::stopped::Stopped;
use crate::fork::switch::recover;
use crate::fork::{branch, driver, guard, here};
use crate::formats::address;
use crate::workspace::{Workspace, OURS, SETTINGS};

/// Bring a newer version of this repository's files into the fork
///
/// One commit on top of yours, merged with your own changes to these files. Settings, fragments and metadata
/// of flavours stay as they are; the generated commit is made anew. A conflict is resolved like one of a
/// rebase: mend the files, `git add` them, `cargo xtask rebase --continue`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask upgrade                                 # from where this clone came from
  cargo xtask upgrade --from ../kernel-fork")]
pub struct Args {
    /// Address or directory of the newer version [default: the remote `workflow`, else `origin`]
    #[arg(long, value_name = "URL|DIR")]
    pub from: Option<String>,
}

/// # Errors
/// See the README, "When it breaks".
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let workspace = Workspace::here()?;
    let repo = repository(&workspace.root)?;
    let journal = fx.journal(&repo, "upgrade")?;
    recover(fx, &workspace.root, &repo, &journal)?;
    let (name, mut history) = here::fork_branch(&repo, &workspace.root)?;
    branch::clean(fx, &workspace.root)?;
    let who = branch::identity(fx, &workspace.root)?;
    let from = match args.from {
        Some(from) => from,
        None => remote(fx, &workspace.root)?,
    };
    // A directory is meant from here, not from the scratch.
    let from = Utf8Path::new(&from).canonicalize_utf8().map_or(from.clone(), |dir| address::of_path_for_git(&dir));

    let step = fx.ui.step(&format!("fetch {from}"));
    let scratch = fx.scratch("upgrade")?;
    let dir = scratch.join("workflow.git");
    fx.read(fx.git(scratch.path()).args(["init", "--quiet", "--bare", dir.as_str()]))?;
    let fetch = network(fx, &dir, &from, &["fetch", "--progress", "--no-tags", "--", &from, "+HEAD:refs/heads/new"]);
    let hint = format!("is `{from}` right, and can this machine reach it? `--from` names another");
    fx.read(fetch.or(Kind::Network, hint).watch(|line| fx.ui.progress(line)))?;
    let source = bare(&dir)?;
    let new = source.find_reference("refs/heads/new")?.peel_to_commit()?;
    if let Some(path) = WORKFLOW.iter().find(|path| new.tree().is_ok_and(|t| t.get_path(path.as_ref()).is_err())) {
        fail!(Input, "{from} has no `{path}`, so it is not a version of this workflow"; "`--from` names a clone of the repository that the fork was made with");
    }
    step.done("");

    let desk = Desk { fx, workspace: &workspace, repo: &repo, journal: &journal };
    fx.session(&repo, |session| {
        session.lend(&dir.join("objects"))?;
        let (base, wanted) =
            (ours_alone(session, base(&repo, &source, &history)?)?, ours_alone(session, new.tree_id())?);
        // A commit like one of the lab's: what is newer, on top of what the fork's files came from.
        let before = session.commit(&who, &who, "The workflow that the fork has\n", base, &[])?;
        let message = format!(
            "Workflow: upgrade to {:.12}\n\n{}\n\n{FROM}: {}\n",
            new.id(),
            summary(fx, &source, new.id()),
            new.id()
        );
        let upgrade = session.commit(&who, &who, &message, wanted, &[before])?;
        let commits: Vec<Oid> = history.lab(fx, session, Edits::Refused)?.into_iter().chain([upgrade]).collect();
        let replayed = replay(session, history.root.id, &commits, &Carry::default())?;
        if base == wanted || replayed.dropped.contains(&upgrade) {
            guard::set(fx, &repo)?;
            driver::set(fx, &repo)?;
            fx.ui.note(&format!("The fork has all of {:.12}.", new.id()));
            return Ok(());
        }
        session.import(&dir, new.tree_id(), Some(history.root.tree))?;
        let state = Stopped {
            what: format!("upgrade to {:.12}", new.id()),
            branch: name.clone(),
            old: history.tip.to_string(),
            root: history.root.id.to_string(),
            ..Stopped::default()
        };
        finish(&desk, session, state, &history.root, &replayed, history.tip)
    })
}

/// Files that each version of this repository has.
const WORKFLOW: &[&str] = &[SETTINGS, "xtask/Cargo.toml", "xtask/packaging"];

/// The tree that the fork's version of our files came from: by the trailer, else the first commit's own.
fn base(repo: &Repository, source: &Repository, history: &History) -> Result<Oid> {
    let own: Vec<Oid> = history.own().collect();
    for id in own.iter().rev() {
        let Some(from) = trailer(&repo.find_commit(*id)?, FROM) else { continue };
        if let Ok(commit) = Oid::from_str(&from).and_then(|id| source.find_commit(id)) {
            return Ok(commit.tree_id());
        }
    }
    let first = own.first().context("the fork has no commit of its own")?;
    Ok(repo.find_commit(*first)?.tree_id())
}

/// A tree of nothing but this repository's files, without the settings.
fn ours_alone(session: &Session, tree: Oid) -> Result<Oid> {
    let found = session.repo.find_tree(tree)?;
    let mut changes = Vec::new();
    for path in OURS.iter().filter(|path| **path != SETTINGS) {
        let Some(entry) = found.get_name(path) else { continue };
        let mode = match entry.filemode() {
            0o040_000 => FileMode::Tree,
            0o100_755 => FileMode::BlobExecutable,
            _ => FileMode::Blob,
        };
        changes.push(((*path).to_owned(), Some((mode, entry.id()))));
    }
    let empty = session.empty_tree()?;
    session.tree_with(&session.repo.find_tree(empty)?, &changes)
}

fn remote(fx: &Effects, root: &Utf8Path) -> Result<String> {
    for remote in ["workflow", "origin"] {
        let found =
            fx.read(Run::from(fx.git(root).args(["config", "--get", &format!("remote.{remote}.url")])).any_status())?;
        if !found.stdout.is_empty() {
            return Ok(found.text());
        }
    }
    fail!(Input, "this repository has no remote `workflow` or `origin`"; "`--from URL` or `--from DIR` says where the newer version is")
}
