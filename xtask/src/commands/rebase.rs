// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask rebase TAG`: the fork moves to another release of the vendor's.

use anyhow::Result;

use super::resume;
use crate::effects::{repository, Effects};
use crate::fork::history::{Edits, Root};
use crate::fork::rebase::{finish, graft_too, stop_there, Desk};
use crate::fork::replay::{replay, Carry};
use crate::fork::snapshot::Newer;
use crate::fork::stopped::Stopped;
use crate::fork::switch::recover;
use crate::fork::{backup, branch, branch_name, here, snapshot};
use crate::ui::count;
use crate::workspace::Workspace;

/// Move the fork to another release of the vendor's
///
/// Your commits are put on the new release, the generated one is made anew, and the branch moves in one
/// step; where it was is kept (`--undo`). A conflict stops in git's own state: mend the files, `git add`
/// them, and `--continue`.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask rebase --latest
  cargo xtask rebase Ubuntu-5.4.0-202.222 --to-branch try
  cargo xtask rebase --continue                       # after a conflict was mended
  cargo xtask rebase --undo                           # back to the commits of before")]
#[command(group(clap::ArgGroup::new("what").required(true).args(["tag", "latest", "resume", "skip", "abort", "status", "undo"])))]
pub struct Args {
    /// The vendor's tag, such as Ubuntu-5.4.0-202.222
    pub tag: Option<String>,
    /// The newest release of the fork's series
    #[arg(long)]
    pub latest: bool,
    /// Leave the branch where it is and make this new one
    #[arg(long, value_name = "NAME")]
    pub to_branch: Option<String>,
    /// Fetch from here and keep it in the settings [default: the settings' `url`]
    #[arg(long)]
    pub url: Option<String>,
    /// Go on after a conflict has been resolved
    #[arg(long = "continue")]
    pub resume: bool,
    /// Leave the commit in conflict out, and go on
    #[arg(long)]
    pub skip: bool,
    /// Give up a rebase that has stopped; everything is as before
    #[arg(long)]
    pub abort: bool,
    /// Where the rebase is, and which earlier tips are kept
    #[arg(long)]
    pub status: bool,
    /// Take the branch back to where it was before the last rebase
    #[arg(long)]
    pub undo: bool,
}

/// # Errors
/// See the README, "When it breaks".
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let workspace = Workspace::here()?;
    let repo = repository(&workspace.root)?;
    if args.status {
        return resume::status(fx, &repo);
    }
    let journal = fx.journal(&repo, if args.undo { resume::UNDO } else { "rebase" })?;
    let recovered = recover(fx, &workspace.root, &repo, &journal)?;
    let desk = Desk { fx, workspace: &workspace, repo: &repo, journal: &journal };
    let mut stopped = Stopped::read(&repo)?;
    let mut finished = recovered.is_some();
    if stopped.as_ref().is_some_and(|s| s.is_over(&repo)) {
        Stopped::remove(fx, &repo)?;
        (stopped, finished) = (None, true);
    }
    if args.undo {
        return resume::undo(&desk, recovered.as_deref());
    }
    match stopped {
        Some(stopped) if args.abort => resume::abort(&desk, &stopped),
        // A killed run did not come to show it.
        Some(stopped) if !stopped.told => fx.session(&repo, |session| stop_there(&desk, session, &stopped)),
        Some(stopped) if args.skip || args.resume => resume::go_on(&desk, stopped, args.skip),
        Some(stopped) => {
            fail!(Repository, "{} is under way on {}", stopped.what, backup::short(&stopped.branch);
            "`cargo xtask rebase --status` shows it; `--continue`, `--skip` and `--abort` end it")
        }
        None if args.abort || args.skip || args.resume => {
            if finished {
                fx.ui.note(&format!("The {} is complete.", recovered.as_deref().unwrap_or("rebase")));
                return graft_too(&desk, &workspace.settings.url);
            }
            fail!(Repository, "no rebase is under way"; "`cargo xtask rebase TAG` begins one")
        }
        None => start(&desk, &args),
    }
}

/// `rebase TAG --to-branch NAME`, for `follow`.
///
/// # Errors
/// See the README, "When it breaks".
pub fn to_branch(fx: &Effects, tag: &str, name: &str) -> Result<()> {
    let (tag, to_branch) = (Some(tag.to_owned()), Some(name.to_owned()));
    run(fx, Args { tag, to_branch, ..Args::default() })
}

fn start(desk: &Desk, args: &Args) -> Result<()> {
    let Desk { fx, workspace, repo, .. } = desk;
    let to_branch = args.to_branch.as_ref().map(|name| branch_name::new(repo, name)).transpose()?;
    let (name, mut history) = here::fork_branch(repo, &workspace.root)?;
    branch::clean(fx, &workspace.root)?;
    let url = args.url.as_deref().unwrap_or(&workspace.settings.url);
    let tag = match &args.tag {
        Some(tag) => super::vendor_tag(tag)?,
        None => {
            let releases = snapshot::releases(fx, url, &history.root.tag)?;
            match releases.newer(Some(history.root.commit))? {
                Newer::Tag(tag) => tag.clone(),
                Newer::No(sentence) => {
                    fx.ui.note(&sentence);
                    history.root.tag.clone()
                }
            }
        }
    };
    if tag == history.root.tag {
        snapshot::unmoved(fx, url, &history.root)?;
        fx.ui.note(&format!(
            "The fork stands on {} already. `cargo xtask flavour regen` makes the generated commit anew.",
            tag.name()
        ));
        return graft_too(desk, url);
    }
    let mut settings = vec![("tag", tag.name().to_owned())];
    settings.extend(args.url.iter().map(|url| ("url", url.clone())));
    let known = snapshot::Known { root: &history.root, objects: workspace.objects()? };
    let fetched = snapshot::fetch(fx, url, &tag, Some(&known), &repo.find_commit(history.tip)?.tree()?)?;
    fx.session(repo, |session| {
        fetched.lend(session)?;
        let id = fetched.record(session)?;
        let root = Root::read(&repo.find_commit(id)?)?;
        let lab = history.lab(fx, session, Edits::Refused)?;
        let step = fx.ui.step(&format!("replay {}", count(lab.len(), "commit")));
        let carry = Carry { settings, tag: Some((history.root.tag.name().to_owned(), tag.name().to_owned())) };
        let replayed = replay(session, id, &lab, &carry)?;
        if replayed.stop.is_none() {
            step.done("");
        }
        fetched.import(session, Some(history.root.tree))?;
        let state = Stopped {
            what: format!("rebase to {}", tag.name()),
            branch: name.clone(),
            old: history.tip.to_string(),
            to_branch,
            root: id.to_string(),
            settings: carry.settings.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect(),
            ..Stopped::default()
        };
        finish(desk, session, state, &root, &replayed, history.tip)
    })?;
    graft_too(desk, url)
}
