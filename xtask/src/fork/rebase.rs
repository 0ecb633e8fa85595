// SPDX-License-Identifier: GPL-2.0-only
//! Where a replay ends: the branch moves, or the work tree shows the commit that does not apply.
//!
//! `rebase` (begun or gone on with) and `upgrade` come here with their commits replayed. Moving is all that
//! happens here; which commits, and onto what, is the command's.

use anyhow::Result;
use camino::Utf8Path;
use git2::{Oid, Repository};

use super::branch::{self, Made};
use super::conflict::mark;
use super::graft::{graft, grafted, Added};
use super::history::{Edits, History, Root};
use super::message::summary;
use super::replay::{replay, Carry, Replayed};
use super::stopped::Stopped;
use super::switch::{switch, Switch};
use super::{backup, driver, guard, work_tree};
use crate::effects::{Did, Effects, Journal, RefMove, Run, Session};
use crate::flavour::news;
use crate::workspace::Workspace;

/// What every step of a rebase works with.
pub struct Desk<'a> {
    pub fx: &'a Effects,
    pub workspace: &'a Workspace,
    pub repo: &'a Repository,
    pub journal: &'a Journal<'a>,
}

/// Ends a rebase that went through, or stops it where it did not. `here` is what is checked out.
///
/// # Errors
/// A conflict; a flavour that cannot be generated; changes of the person's in the way.
pub fn finish(
    desk: &Desk,
    session: &Session,
    state: Stopped,
    root: &Root,
    replayed: &Replayed,
    here: Oid,
) -> Result<()> {
    let Desk { fx, workspace, repo, journal } = desk;
    guard::set(fx, repo)?;
    driver::set(fx, repo)?;
    if let Some(stop) = &replayed.stop {
        if fx.dry() {
            return refused(fx, repo, &stop.conflicts, stop.commit);
        }
        session.store()?;
        let marked = mark(fx, repo, replayed.tip, stop.commit, &stop.updates)?;
        work_tree::free(repo, &workspace.root, repo.find_commit(here)?.tree_id(), marked.tree)?;
        let state = state.at(replayed, stop, marked);
        state.write(fx, repo)?;
        return stop_there(desk, session, &state);
    }
    let made = branch::whole(fx, session, root, replayed)?;
    if state.told {
        Stopped { made: Some(made.tip.to_string()), ..state.clone() }.write(fx, repo)?;
    }
    let old = Oid::from_str(&state.old)?;
    let why = state.what.as_str();
    let (refs, to) = match &state.to_branch {
        None => {
            let kept = backup::next(repo, backup::BACKUP, &state.branch)?;
            let to = Switch { branch: Some(&state.branch), old: here, new: made.tip, files: None, why };
            (vec![(kept, None, old), (state.branch.clone(), Some(old), made.tip)], to)
        }
        // The work tree stays with the old branch.
        Some(name) => (
            vec![(name.clone(), None, made.tip)],
            Switch { branch: Some(&state.branch), old: here, new: old, files: None, why },
        ),
    };
    let refs: Vec<RefMove> =
        refs.iter().map(|(name, old, new)| RefMove { name, old: *old, new: Some(*new), why }).collect();
    let did = switch(fx, &workspace.root, session, journal, &to, &refs)?;
    Stopped::remove(fx, repo)?;
    report(desk, session, &state, replayed, &made, did)
}

/// Shows the person the commit that does not apply.
///
/// # Errors
/// Always: the conflict, if nothing else.
pub fn stop_there(desk: &Desk, session: &Session, state: &Stopped) -> Result<()> {
    state.show(desk.fx, &desk.workspace.root, session, desk.journal)?;
    refused(desk.fx, desk.repo, &state.conflicts, Oid::from_str(&state.commit)?)
}

fn refused(fx: &Effects, repo: &Repository, conflicts: &[String], commit: Oid) -> Result<()> {
    let program = driver::tool(repo, conflicts.iter().map(String::as_str))?;
    fail!(Repository, "{commit:.12} ({}) does not apply: {}", summary(fx, repo, commit), conflicts.join(", ");
        "mend the files, `git add` them, and `{program} rebase --continue`; `--skip` leaves the commit out, `--abort` gives up")
}

/// A fork whose root was grafted on the vendor's history has its new root grafted too.
///
/// # Errors
/// The repository cannot be read; a history that cannot be fetched is only said.
pub fn graft_too(desk: &Desk, url: &str) -> Result<()> {
    let Desk { fx, workspace, repo, .. } = desk;
    let Ok(now) = History::read(repo, repo.head()?.peel_to_commit()?.id()) else { return Ok(()) };
    if Added::read(repo)?.is_none_or(|added| added.roots.is_empty()) || grafted(repo, now.root.id) {
        return Ok(());
    }
    if let Err(error) = graft(fx, repo, &workspace.root, url, &now.root, false) {
        fx.ui.warn(&format!(
            "the history of {} could not be joined on ({}); `cargo xtask graft-history` tries again",
            now.root.tag.name(),
            crate::error::sentence(&error)
        ));
    }
    Ok(())
}

/// What became of commits, as `git range-diff` shows it; empty where it cannot.
///
/// # Errors
/// git cannot be started.
pub fn range_diff(fx: &Effects, root: &Utf8Path, before: &str, after: &str) -> Result<String> {
    // git prints in the encoding of new commits.
    let args = ["-c", "i18n.logOutputEncoding=UTF-8", "range-diff", "--no-color", before, after];
    Ok(fx.read(Run::from(fx.git(root).args(args)).any_status())?.text())
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
        if let Some((first, new_first)) = kept.first() {
            let mut old = History::read(repo, Oid::from_str(&state.old)?)?;
            let lab = old.lab(fx, session, Edits::Dropped)?;
            old.mixed().for_each(|mixed| branch::taken_out(fx, mixed));
            let before = before(session, *first, &lab)?;
            // git refuses an empty range; what was dropped is said below.
            if before != *first && made.lab != *new_first {
                let (before, after) = (format!("{first}..{before}"), format!("{new_first}..{}", made.lab));
                range_diff(fx, &workspace.root, &before, &after)?.lines().for_each(|line| fx.ui.data(line));
            }
        }
    }
    for id in
        state.dropped.iter().map(|id| Oid::from_str(id)).collect::<Result<Vec<_>, _>>()?.iter().chain(&replayed.dropped)
    {
        fx.ui.note(&format!("Left out, the vendor has it: {id:.12} {}", summary(fx, repo, *id)));
    }
    if did == Did::Done {
        news::report(fx, repo, Oid::from_str(&state.old)?, made.tip);
    }
    let name = backup::short(state.to_branch.as_deref().unwrap_or(&state.branch));
    let next = if state.to_branch.is_some() {
        format!("git switch {name}")
    } else {
        format!("cargo xtask build {}", workspace.settings.architecture)
    };
    if did == Did::Done {
        let undo = if state.to_branch.is_some() { "" } else { "\n`cargo xtask rebase --undo` takes it back." };
        fx.ui.note(&format!("\n{name} is {}, {:.12}.\nNext: {next}{undo}", made.version, made.tip));
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
