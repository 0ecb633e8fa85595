// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask fork TAG`: the clone of this repository becomes a fork of the vendor's kernel at a tag.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::upgrade::FROM;
use crate::effects::{repository, Did, Effects, RefMove};
use crate::flavour::generate;
use crate::flavour::packaging::required;
use crate::flavour::target::Inputs;
use crate::fork::history::History;
use crate::fork::replay::WORKFLOW;
use crate::fork::switch::{recover, switch, Switch};
use crate::fork::{branch, branch_name, driver, guard, here, overlay, snapshot};
use crate::formats::tag::Tag;
use crate::machine::disk::Room;
use crate::settings;
use crate::workspace::{Workspace, SETTINGS};

/// Fork the vendor's kernel at a tag
///
/// Fetches the one tag without its history, lays this repository's files over it as the first commit,
/// generates the flavours, and checks the new branch out. The branch you are on stays as it is.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask fork Ubuntu-5.4.0-200.220               # this clone gets the branch 5.4-tickless
  cargo xtask fork Ubuntu-5.4.0-200.220 --into ../kernel
  cargo xtask fork Ubuntu-5.4.0-200.220 --series bookworm   # to be built in another suite")]
pub struct Args {
    /// The vendor's tag, such as Ubuntu-5.4.0-200.220
    pub tag: String,
    /// Fetch from here and keep it in the settings [default: the settings' `url`]
    #[arg(long)]
    pub url: Option<String>,
    /// Name of the new branch [default: such as 5.4-tickless]
    #[arg(long)]
    pub branch: Option<String>,
    /// Make the fork in this new directory
    #[arg(long, value_name = "DIR")]
    pub into: Option<Utf8PathBuf>,
    /// The suite that the kernel is built in [default: the settings' `series`]
    #[arg(long)]
    pub series: Option<String>,
}

/// # Errors
/// See the README, "When it breaks".
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    fork_from(fx, &Workspace::here()?, &args)
}

/// Forks with the files of the repository `here`.
///
/// # Errors
/// See the README, "When it breaks".
pub fn fork_from(fx: &Effects, here: &Workspace, args: &Args) -> Result<()> {
    let tag = super::vendor_tag(&args.tag)?;
    if let Some(series) = &args.series {
        here.settings.suite(series)?;
    }
    let target = args.into.as_deref().unwrap_or(&here.root);
    Room::Fork.require(target, "`--into DIR` puts it on another disk")?;
    match &args.into {
        None => fork(fx, here, &tag, args),
        Some(dir) => into(fx, here, dir, &tag, args),
    }
}

/// Makes the fork in a clone beside the target and moves it there when it is whole.
fn into(fx: &Effects, here: &Workspace, dir: &Utf8Path, tag: &Tag, args: &Args) -> Result<()> {
    if dir.exists() {
        fail!(Input, "{dir} is there already"; "`--into` takes the name of a new directory");
    }
    let scratch = fx.scratch_for("fork", dir)?;
    let clone = scratch.join("clone");
    let from = &here.root;
    // The clone's remote is where newer versions of the workflow come from; the lab adds its own.
    let cmd = fx.git(from).args([
        "clone",
        "--quiet",
        "--no-checkout",
        "--origin",
        "workflow",
        "--",
        from.as_str(),
        clone.as_str(),
    ]);
    fx.read(cmd)?;
    let workspace = Workspace { root: clone.clone(), settings: here.settings.clone() };
    fork(fx, &workspace, tag, args)?;
    fx.rename(&clone, dir)?;
    fx.ui.note(&format!("The fork is in {dir}."));
    Ok(())
}

fn fork(fx: &Effects, workspace: &Workspace, tag: &Tag, args: &Args) -> Result<()> {
    let repo = repository(&workspace.root)?;
    let journal = fx.journal(&repo, "fork")?;
    if recover(fx, &workspace.root, &repo, &journal)?.is_some()
        && repo.head()?.peel_to_commit().is_ok_and(|c| on_tag(&repo, &c, tag))
    {
        fx.ui.note(&format!("The fork of {} is whole.", tag.name()));
        return Ok(());
    }
    let head = here::commit(&repo)?;
    let who = branch::identity(fx, &workspace.root)?;
    let name = match &args.branch {
        Some(name) => name.clone(),
        None => format!("{}-{}", tag.major_minor(), workspace.first_flavour()?),
    };
    let refname = branch_name::full(&name)?;
    if repo.find_reference(&refname).is_ok() {
        fail!(Repository, "there is a branch {name} already"; "`git switch {name} && cargo xtask rebase {}` moves it to that tag; `--branch NAME` makes another", tag.name());
    }
    branch_name::new(&repo, &name)?;
    branch::clean(fx, &workspace.root)?;

    let url = args.url.as_deref().unwrap_or(&workspace.settings.url);
    let fetched = snapshot::fetch(fx, url, tag, None, &head.tree()?)?;
    let version = fx.session(&repo, |session| {
        fetched.lend(session)?;
        let root = fetched.record(session)?;

        let step = fx.ui.step("lay this repository's files over the vendor's tree");
        let tree = overlay::ours_over(session, workspace, &head.tree()?, fetched.tree)?;
        let cargo = required(&repo, head.tree_id(), SETTINGS)?;
        let series = args.series.as_deref().unwrap_or(&workspace.settings.series);
        let cargo = settings::with(&cargo, &[("tag", tag.name()), ("url", url), ("series", series)])?;
        let tree = overlay::lay(session, tree, &vec![("Cargo.toml".to_owned(), cargo.into_bytes(), false)])?;
        let message = format!(
            "{WORKFLOW}{}\n\nThe tool, its settings, the flavours' fragments and metadata.\n\n{FROM}: {}\n",
            tag.name(),
            head.id()
        );
        let lab = session.commit(&who, &who, &message, tree, &[root])?;
        step.done("");

        let inputs = Inputs { tag, time: fetched.time, vendor: fetched.tree, tree };
        let made = generate::generate(fx, session.repo, &inputs)?;
        let tip = branch::generated(session, &inputs, &made, lab)?;

        let step = fx.ui.step(&format!("store the objects and check {name} out"));
        fetched.import(session, None)?;
        guard::set(fx, &repo)?;
        driver::set(fx, &repo)?;
        let why = format!("fork: {}", tag.name());
        let to = Switch { branch: Some(&refname), old: head.id(), new: tip, files: None, why: &why };
        let refs = [RefMove { name: &refname, old: None, new: Some(tip), why: &why }];
        if switch(fx, &workspace.root, session, &journal, &to, &refs)? == Did::Done {
            step.done(&format!("{tip:.12}"));
        }
        Ok(made.version)
    })?;
    fx.ui.note(&format!(
        "\n{name} is {}. Next: cargo xtask build {}",
        version.as_str(),
        workspace.settings.architecture
    ));
    Ok(())
}

/// Is the commit a fork of this tag?
fn on_tag(repo: &git2::Repository, commit: &git2::Commit, tag: &Tag) -> bool {
    History::read(repo, commit.id()).is_ok_and(|history| history.root.tag == *tag)
}
