// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask flavour regen` and `check`: the generated commit made anew, to be put in place or compared.

use anyhow::Result;
use git2::Repository;

use crate::effects::{repository, Did, Effects, RefMove, Session};
use crate::fork::branch::{self, Made};
use crate::fork::here;
use crate::fork::history::{Edits, History};
use crate::fork::replay::{replay, Carry, Replayed};
use crate::fork::switch::{recover, switch, Switch};
use crate::workspace::Workspace;

/// Make the generated commit anew, from the committed fragments and metadata
///
/// What you have changed in the generated commit itself becomes a commit of its own. Where the branch was is kept.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Drop edits of generated files, which are refused otherwise
    #[arg(long)]
    drop_edits: bool,
}

/// The branch made anew on the snapshot that it stands on; where nothing has changed, with the same ids.
fn made(fx: &Effects, session: &Session, history: &mut History, edits: Edits) -> Result<Made> {
    let replayed = replayed(fx, session, history, edits)?;
    branch::whole(fx, session, &history.root, &replayed)
}

/// The lab's commits without the generated ones between them.
fn replayed(fx: &Effects, session: &Session, history: &mut History, edits: Edits) -> Result<Replayed> {
    let lab = history.lab(fx, session, edits)?;
    let replayed = replay(session, history.root.id, &lab, &Carry::default())?;
    replayed.whole(fx, session)?;
    Ok(replayed)
}

/// The branch that can be generated anew.
///
/// # Errors
/// Something is under way; no branch is checked out; there are uncommitted changes.
fn ready(fx: &Effects, workspace: &Workspace, repo: &Repository) -> Result<(String, History)> {
    let found = here::fork_branch(repo, &workspace.root)?;
    branch::clean(fx, &workspace.root)?;
    Ok(found)
}

/// Makes sure that `flavour regen` comes as far as Kconfig, for `status`, which recommends it. Changes nothing.
///
/// # Errors
/// What `flavour regen` would refuse.
pub fn possible(fx: &Effects, workspace: &Workspace, repo: &Repository) -> Result<()> {
    let (_, mut history) = ready(fx, workspace, repo)?;
    // To divide a commit without a record takes Kconfig.
    if history.unmarked().is_none() {
        fx.session(repo, |session| replayed(fx, session, &mut history, Edits::Refused))?;
    }
    Ok(())
}

/// Puts the generated commit in place.
///
/// # Errors
/// See the README, "When it breaks".
pub fn run(fx: &Effects, workspace: &Workspace, args: &Args) -> Result<()> {
    let repo = repository(&workspace.root)?;
    let journal = fx.journal(&repo, "flavour regen")?;
    recover(fx, &workspace.root, &repo, &journal)?;
    let (name, mut history) = ready(fx, workspace, &repo)?;
    fx.session(&repo, |session| {
        let edits = if args.drop_edits { Edits::Dropped } else { Edits::Refused };
        let made = made(fx, session, &mut history, edits)?;
        if made.tip == history.tip {
            fx.ui.note(&format!("The generated commit is right as it is: {}.", made.version));
            return Ok(());
        }
        let why = "flavour regen";
        let refs = [RefMove { name: &name, old: Some(history.tip), new: Some(made.tip), why }];
        let to = Switch { branch: Some(&name), old: history.tip, new: made.tip, files: None, why };
        if switch(fx, &workspace.root, session, &journal, &to, &refs)? == Did::Done {
            history.mixed().for_each(|mixed| branch::taken_out(fx, mixed));
            fx.ui
                .note(&format!("Generated anew: {}, {:.12}. `git show --stat` has the files.", made.version, made.tip));
        }
        Ok(())
    })
}

/// Compares it with the one that is there.
///
/// # Errors
/// They differ.
pub fn check(fx: &Effects, workspace: &Workspace) -> Result<()> {
    let repo = repository(&workspace.root)?;
    let mut history = here::history(&repo)?;
    let unmarked = history.unmarked();
    let different = fx.session(&repo, |session| {
        let tip = made(fx, session, &mut history, Edits::Refused)?.tip;
        let (old, new) = (session.repo.find_commit(history.tip)?.tree()?, session.repo.find_commit(tip)?.tree()?);
        let diff = session.repo.diff_tree_to_tree(Some(&old), Some(&new), None)?;
        Ok(diff.deltas().filter_map(|d| d.new_file().path().map(|p| p.display().to_string())).collect::<Vec<_>>())
    })?;
    if let Some(mixed) = history.mixed().next() {
        mixed.foreign().for_each(|path| fx.ui.data(&path));
        fail!(Check, "the generated commit `{:.12}` has other changes in it", mixed.id; "`cargo xtask flavour regen` makes a commit of yours of them");
    }
    if let Some(id) = unmarked {
        fail!(Check, "the message of `{id:.12}` has no record of the generated files in it"; "cargo xtask flavour regen");
    }
    if different.is_empty() {
        fx.ui.note("The generated files are what `flavour regen` makes.");
        return Ok(());
    }
    different.iter().for_each(|path| fx.ui.data(path));
    fail!(Check, "{} generated files are not what `flavour regen` makes", different.len(); "cargo xtask flavour regen");
}
