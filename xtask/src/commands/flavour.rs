// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask flavour list|regen|check`.

use anyhow::Result;
use clap::Subcommand;

use super::rebase::{current_branch, generated, Made};
use crate::effects::{repository, Did, Effects, RefMove, Session};
use crate::fork::history::History;
use crate::fork::replay::{replay, Carry};
use crate::fork::switch::{recover, switch, Switch};
use crate::workspace::{fragment_path, Workspace};

/// List the flavours, make their generated commit, check that it is right
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the flavours of the settings
    List,
    /// Make the generated commit anew, from the committed fragments and metadata
    Regen,
    /// Is the generated commit what `regen` would make? Exit code 1 and the files if not
    Check,
}

/// # Errors
/// See the README, "When it breaks".
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let workspace = Workspace::here()?;
    match args.what {
        What::List => list(fx, &workspace),
        What::Regen => regen(fx, &workspace),
        What::Check => check(fx, &workspace),
    }
}

fn list(fx: &Effects, workspace: &Workspace) -> Result<()> {
    let mut rows = vec![["FLAVOUR", "BASE", "FRAGMENT"].map(str::to_owned).to_vec()];
    for (name, flavour) in &workspace.settings.flavours {
        rows.push(vec![name.clone(), flavour.base.clone(), fragment_path(name)]);
    }
    fx.ui.table(&rows);
    Ok(())
}

/// The branch made anew on the snapshot that it stands on; where nothing has changed, with the same ids.
fn made(fx: &Effects, session: &Session, history: &History) -> Result<Made> {
    let replayed = replay(session, history.root.id, &history.lab, &Carry::default())?;
    generated(fx, session, &history.root, &replayed)
}

fn regen(fx: &Effects, workspace: &Workspace) -> Result<()> {
    let repo = repository(&workspace.root)?;
    let journal = fx.journal(&repo, "flavour regen")?;
    recover(fx, &workspace.root, &repo, &journal)?;
    let name = current_branch(&repo)?;
    super::fork::clean(fx, workspace)?;
    let history = History::read(&repo, repo.head()?.peel_to_commit()?.id())?;
    fx.session(&repo, |session| {
        let made = made(fx, session, &history)?;
        if made.tip == history.tip {
            fx.ui.note(&format!("The generated commit is right as it is: {}.", made.version));
            return Ok(());
        }
        let why = "flavour regen";
        let refs = [RefMove { name: &name, old: Some(history.tip), new: Some(made.tip), why }];
        let to = Switch { branch: Some(&name), old: history.tip, new: made.tip, why };
        if switch(fx, &workspace.root, session, &journal, &to, &refs)? == Did::Done {
            fx.ui.note(&format!("Generated anew: {}, {:.12}. `git show --stat` has the files.", made.version, made.tip));
        }
        Ok(())
    })
}

fn check(fx: &Effects, workspace: &Workspace) -> Result<()> {
    let repo = repository(&workspace.root)?;
    let history = History::read(&repo, repo.head()?.peel_to_commit()?.id())?;
    let different = fx.session(&repo, |session| {
        let tip = made(fx, session, &history)?.tip;
        let (old, new) = (session.repo.find_commit(history.tip)?.tree()?, session.repo.find_commit(tip)?.tree()?);
        let diff = session.repo.diff_tree_to_tree(Some(&old), Some(&new), None)?;
        Ok(diff.deltas().filter_map(|d| d.new_file().path().map(|p| p.display().to_string())).collect::<Vec<_>>())
    })?;
    if different.is_empty() {
        fx.ui.note("The generated files are what `flavour regen` makes.");
        return Ok(());
    }
    different.iter().for_each(|path| fx.ui.data(path));
    fail!(Check, "{} generated files are not what `flavour regen` makes", different.len(); "cargo xtask flavour regen");
}
