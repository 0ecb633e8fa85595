// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask rebase TAG`: the fork moves to another release of the vendor's.

use anyhow::{Context, Result};
use git2::{Oid, Repository};

use super::resume;
use crate::effects::{repository, Did, Effects, Journal, RefMove, Run, Session};
use crate::flavour::generate;
use crate::flavour::target::Inputs;
use crate::fork::history::{History, Root};
use crate::fork::replay::{replay, summary, Carry, Replayed};
use crate::fork::stopped::{pick, Stopped};
use crate::fork::switch::{recover, switch, Switch};
use crate::fork::{backup, branch, graft, snapshot};
use crate::formats::tag::Tag;
use crate::workspace::Workspace;

/// Move the fork to another release of the vendor's
///
/// Your commits are put on the new release, the generated one is made anew, and the branch moves in one
/// step; where it was is kept (`--undo`). A conflict stops in git's own state: mend the files, `git add`
/// them, and `--continue`.
#[derive(Debug, clap::Args)]
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
    let journal = fx.journal(&repo, "rebase")?;
    let finished = recover(fx, &workspace.root, &repo, &journal)?;
    let desk = Desk { fx, workspace: &workspace, repo: &repo, journal: &journal };
    if args.undo {
        return resume::undo(&desk, finished);
    }
    match Stopped::read(&repo)? {
        Some(stopped) if args.abort => resume::abort(&desk, &stopped),
        Some(stopped) if args.skip || args.resume => resume::go_on(&desk, stopped, args.skip),
        Some(stopped) if stopped.told => {
            fail!(Repository, "a rebase of {} is under way", backup::short(&stopped.branch);
            "`cargo xtask rebase --status` shows it; `--continue`, `--skip` and `--abort` end it")
        }
        Some(stopped) => resume::stop_again(&desk, stopped),
        None if args.abort || args.skip || args.resume => {
            if finished {
                return Ok(());
            }
            fail!(Repository, "no rebase is under way"; "`cargo xtask rebase TAG` begins one")
        }
        None => start(&desk, &args),
    }
}

/// What every step of a rebase works with.
pub struct Desk<'a> {
    pub fx: &'a Effects,
    pub workspace: &'a Workspace,
    pub repo: &'a Repository,
    pub journal: &'a Journal<'a>,
}

fn start(desk: &Desk, args: &Args) -> Result<()> {
    let Desk { fx, workspace, repo, .. } = desk;
    let name = current_branch(repo)?;
    super::fork::clean(fx, workspace)?;
    let history = History::read(repo, repo.head()?.peel_to_commit()?.id())?;
    let url = args.url.as_deref().unwrap_or(&workspace.settings.url);
    let tag = match &args.tag {
        Some(tag) => Tag::parse(tag)?,
        None => match snapshot::releases(fx, url, &history.root.tag)?.pop() {
            Some((tag, _)) => tag,
            None => fail!(Input, "{url} has no release of {}", history.root.tag.major_minor()),
        },
    };
    let to_branch = args.to_branch.as_ref().map(|name| format!("refs/heads/{name}"));
    if let Some(to) = &to_branch {
        if !git2::Reference::is_valid_name(to) || repo.find_reference(to).is_ok() {
            fail!(Repository, "{} is no name for a new branch", backup::short(to); "there may be one already: `git branch --list`");
        }
    }
    if tag == history.root.tag {
        snapshot::unmoved(fx, url, &history.root)?;
        fx.ui.note(&format!(
            "The fork stands on {} already. `cargo xtask flavour regen` makes the generated commit anew.",
            tag.name()
        ));
        return Ok(());
    }
    let mut settings = vec![("tag", tag.name().to_owned())];
    settings.extend(args.url.iter().map(|url| ("url", url.clone())));
    let known = snapshot::Known { root: &history.root, objects: workspace.objects()? };
    let fetched = snapshot::fetch(fx, url, &tag, Some(&known))?;
    fx.session(repo, |session| {
        fetched.lend(session)?;
        let id = fetched.record(session)?;
        let root = Root::read(&repo.find_commit(id)?)?;
        let step = fx.ui.step(&format!("replay {} commits", history.lab.len()));
        let carry = Carry { settings, tag: Some((history.root.tag.name().to_owned(), tag.name().to_owned())) };
        let replayed = replay(session, id, &history.lab, &carry)?;
        if replayed.stop.is_none() {
            step.done("");
        }
        fetched.import(session, Some(history.root.tree))?;
        let stopped = Stopped {
            branch: name.clone(),
            old: history.tip.to_string(),
            to_branch,
            root: id.to_string(),
            settings: carry.settings.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect(),
            commit: String::new(),
            onto: String::new(),
            conflicts: Vec::new(),
            rest: Vec::new(),
            kept: Vec::new(),
            dropped: Vec::new(),
            told: false,
        };
        go(desk, session, stopped, &root, replayed, history.tip)
    })?;
    graft_too(desk, &history.root, url)
}

/// A fork whose root was grafted on the vendor's history has its new root grafted too.
///
/// # Errors
/// The repository cannot be read; a history that cannot be fetched is only said.
pub fn graft_too(desk: &Desk, before: &Root, url: &str) -> Result<()> {
    let Desk { fx, workspace, repo, .. } = desk;
    let Ok(now) = History::read(repo, repo.head()?.peel_to_commit()?.id()) else { return Ok(()) };
    if !graft::grafted(repo, before.id) || graft::grafted(repo, now.root.id) {
        return Ok(());
    }
    if let Err(error) = graft::graft(fx, repo, &workspace.root, url, &now.root, false) {
        fx.ui.warn(&format!(
            "the history of {} could not be joined on ({}); `cargo xtask graft-history` tries again",
            now.root.tag.name(),
            crate::error::sentence(&error)
        ));
    }
    Ok(())
}

/// Ends a rebase that went through, or stops it where it did not. `here` is what is checked out.
///
/// # Errors
/// A conflict; a flavour that cannot be generated; changes of the person's in the way.
pub fn go(desk: &Desk, session: &Session, state: Stopped, root: &Root, replayed: Replayed, here: Oid) -> Result<()> {
    let Desk { fx, workspace, repo, journal } = desk;
    if let Some(stop) = &replayed.stop {
        if state.kept.is_empty() && replayed.kept.is_empty() {
            // Without its first commit the work tree would not even have this tool.
            replayed.whole(session)?;
        }
        let state = state.at(&replayed, stop);
        session.store()?;
        state.write(fx, repo)?;
        let to = Switch { branch: None, old: here, new: replayed.tip, why: "rebase: stopped" };
        switch(fx, &workspace.root, session, journal, &to, &[])?;
        pick(fx, &workspace.root, stop.commit, &stop.updates)?;
        Stopped { told: true, ..state }.write(fx, repo)?;
        fail!(Repository, "{:.12} ({}) does not apply: {}", stop.commit, summary(repo, stop.commit), stop.conflicts.join(", ");
            "mend the files, `git add` them, and `cargo xtask rebase --continue`; `--skip` leaves the commit out, `--abort` gives up");
    }
    let made = generated(fx, session, root, &replayed)?;
    let old = Oid::from_str(&state.old)?;
    let why = format!("rebase: {}", root.tag.name());
    let (refs, to) = match &state.to_branch {
        None => {
            let kept = backup::next(repo, backup::BACKUP, &state.branch)?;
            let to = Switch { branch: Some(&state.branch), old: here, new: made.tip, why: &why };
            (vec![(kept, None, old), (state.branch.clone(), Some(old), made.tip)], to)
        }
        // The work tree stays with the old branch.
        Some(name) => (
            vec![(name.clone(), None, made.tip)],
            Switch { branch: Some(&state.branch), old: here, new: old, why: &why },
        ),
    };
    let refs: Vec<RefMove> =
        refs.iter().map(|(name, old, new)| RefMove { name, old: *old, new: Some(*new), why: &why }).collect();
    let did = switch(fx, &workspace.root, session, journal, &to, &refs)?;
    Stopped::remove(fx, repo)?;
    report(desk, session, &state, &replayed, &made, did)
}

/// A whole branch that no ref points at yet.
pub struct Made {
    /// The generated commit.
    pub tip: Oid,
    /// The last of the lab's.
    pub lab: Oid,
    pub version: String,
}

/// Puts the generated commit on top of the lab's: `flavour regen` is a rebase onto the same snapshot.
///
/// # Errors
/// A lab commit did not apply; a flavour cannot be generated on this tree.
pub fn generated(fx: &Effects, session: &Session, root: &Root, replayed: &Replayed) -> Result<Made> {
    let lab = replayed.whole(session)?;
    let tree = session.repo.find_commit(lab)?.tree_id();
    let made = generate::generate(fx, session.repo, &Inputs { tag: &root.tag, time: root.time, tree })?;
    let tip =
        branch::generated(session, &made.maintainer, &root.tag, root.time, made.version.as_str(), lab, &made.files)?;
    Ok(Made { tip, lab, version: made.version.as_str().to_owned() })
}

fn report(desk: &Desk, session: &Session, state: &Stopped, replayed: &Replayed, made: &Made, did: Did) -> Result<()> {
    let Desk { fx, workspace, repo, .. } = desk;
    let mut kept: Vec<(Oid, Oid)> = Vec::new();
    for (old, new) in &state.kept {
        kept.push((Oid::from_str(old)?, Oid::from_str(new)?));
    }
    kept.extend(&replayed.kept);
    if did == Did::Done {
        // The first commit is this repository's files: whole files, and no patch.
        if let (Some((first, _)), Some((_, new_first))) = (kept.first(), kept.first()) {
            let before = before(session, *first, &History::read(repo, Oid::from_str(&state.old)?)?.lab)?;
            // git refuses an empty range; what was dropped is said below.
            if before != *first && made.lab != *new_first {
                let (before, after) = (format!("{first}..{before}"), format!("{new_first}..{}", made.lab));
                let diff = fx.git(&workspace.root).args(["range-diff", "--no-color", &before, &after]);
                // The branch has moved: a report that cannot be made is no failure of it.
                let diff = fx.read(Run::from(diff).any_status())?;
                diff.text().lines().for_each(|line| fx.ui.data(line));
            }
        }
    }
    for id in
        state.dropped.iter().map(|id| Oid::from_str(id)).collect::<Result<Vec<_>, _>>()?.iter().chain(&replayed.dropped)
    {
        fx.ui.note(&format!("Left out, the vendor has it: {id:.12} {}", summary(repo, *id)));
    }
    let name = backup::short(state.to_branch.as_deref().unwrap_or(&state.branch));
    let next = if state.to_branch.is_some() {
        format!("git switch {name}")
    } else {
        format!("cargo xtask build {}", workspace.settings.architecture)
    };
    if did == Did::Done {
        fx.ui.note(&format!(
            "\n{name} is {}, {:.12}. Next: {next}. `cargo xtask rebase --undo` takes it back.",
            made.version, made.tip
        ));
    }
    Ok(())
}

/// The lab's commits as one line, without the generated ones that may stand between them.
fn before(session: &Session, first: Oid, lab: &[Oid]) -> Result<Oid> {
    let at = lab.iter().position(|id| *id == first).map_or(0, |at| at + 1);
    let line = replay(session, first, &lab[at..], &Carry::default())?;
    session.store()?;
    Ok(line.tip)
}

/// The branch that is checked out, with `refs/heads/`.
///
/// # Errors
/// HEAD is at a commit, or there is no commit yet.
pub fn current_branch(repo: &Repository) -> Result<String> {
    let head = repo.head().context("this repository has no commit yet")?;
    match head.name().ok().filter(|n| n.starts_with("refs/heads/")) {
        Some(name) => Ok(name.to_owned()),
        None => fail!(Repository, "no branch is checked out"; "git switch BRANCH"),
    }
}
