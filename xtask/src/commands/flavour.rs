// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask flavour list|regen|check`.

use anyhow::{Context, Result};
use clap::Subcommand;
use git2::Oid;

use crate::effects::{repository, Did, Effects, RefMove, Session};
use crate::flavour::generate;
use crate::flavour::target::Inputs;
use crate::fork::branch;
use crate::fork::history::History;
use crate::fork::replay::replay;
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

/// The lab's commits with the generated one on top, made anew; where nothing has changed, the same ids.
fn made(fx: &Effects, session: &Session, history: &History) -> Result<(Oid, String)> {
    let lab = replay(session, history.root.id, &history.lab)?;
    let tree = session.repo.find_commit(lab)?.tree_id();
    let root = &history.root;
    let made = generate::generate(fx, session.repo, &Inputs { tag: &root.tag, time: root.time, tree })?;
    let tip = branch::generated(session, &made.maintainer, &root.tag, root.time, made.version.as_str(), lab, &made.files)?;
    Ok((tip, made.version.as_str().to_owned()))
}

fn regen(fx: &Effects, workspace: &Workspace) -> Result<()> {
    let repo = repository(&workspace.root)?;
    let head = repo.head().context("this repository has no commit yet")?;
    let Some(name) = head.name().ok().filter(|n| n.starts_with("refs/heads/")).map(str::to_owned) else {
        fail!(Repository, "no branch is checked out"; "git switch BRANCH");
    };
    super::fork::clean(fx, workspace)?;
    let history = History::read(&repo, head.peel_to_commit()?.id())?;
    let (old, new, version) = fx.session(&repo, |session| {
        let (tip, version) = made(fx, session, &history)?;
        if tip != history.tip {
            session.publish(&[RefMove { name: &name, old: Some(history.tip), new: tip, why: "flavour regen" }])?;
        }
        Ok((history.tip, tip, version))
    })?;
    if old == new {
        fx.ui.note(&format!("The generated commit is right as it is: {version}."));
        return Ok(());
    }
    // Touches only the files that differ, and none that the person changed in the meantime.
    let update = fx.git(&workspace.root).args(["read-tree", "-m", "-u", &old.to_string(), &new.to_string()]);
    if fx.change(&workspace.root, update)? == Did::Done {
        fx.ui.note(&format!("Generated anew: {version}, {new:.12}. `git show --stat` has the files."));
    }
    Ok(())
}

fn check(fx: &Effects, workspace: &Workspace) -> Result<()> {
    let repo = repository(&workspace.root)?;
    let history = History::read(&repo, repo.head()?.peel_to_commit()?.id())?;
    let different = fx.session(&repo, |session| {
        let (tip, _) = made(fx, session, &history)?;
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
