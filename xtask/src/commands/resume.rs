// SPDX-License-Identifier: GPL-2.0-only
//! The rest of `cargo xtask rebase`: what comes after a stop, and the way back.

use std::collections::HashSet;

use anyhow::Result;
use git2::{Oid, Repository};

use crate::effects::{Did, Effects, RefMove};
use crate::fork::backup::{self, short, BACKUP, UNDONE};
use crate::fork::branch;
use crate::fork::history::{History, Root};
use crate::fork::idle::sequence;
use crate::fork::message::{self, summary};
use crate::fork::rebase::{finish, graft_too, Desk};
use crate::fork::replay::replay;
use crate::fork::stopped::{forget, ids, merge_msg, Stopped};
use crate::fork::switch::{switch, Switch};
use crate::ui::count;

/// How many commits a message names.
const NAMED: usize = 3;
/// What the journal calls taking a rebase back.
pub const UNDO: &str = "rebase --undo";

/// Goes on after the person has resolved a conflict, or without the commit that has one.
///
/// # Errors
/// There are conflicts left; another conflict.
pub fn go_on(desk: &Desk, mut state: Stopped, skip: bool) -> Result<()> {
    let Desk { fx, workspace, repo, .. } = desk;
    let (onto, commit) = (Oid::from_str(&state.onto)?, Oid::from_str(&state.commit)?);
    if repo.refname_to_id(&state.branch).ok().map(|id| id.to_string()).as_ref() != Some(&state.old) {
        fail!(Repository, "{} is not where it was when the {} began", short(&state.branch), state.what;
            "`cargo xtask rebase --abort` gives it up and leaves the branch as it is now");
    }
    if skip {
        untouched(fx, repo, onto)?;
        state.clear(fx, &workspace.root, repo)?;
        fx.ui.note(&format!("Left out: {commit:.12} {}", summary(fx, repo, commit)));
    } else {
        resolved(desk, onto, commit)?;
    }
    let url =
        state.settings.iter().find(|(key, _)| key == "url").map_or(&workspace.settings.url, |(_, url)| url).clone();
    let here = if fx.dry() { onto } else { repo.head()?.peel_to_commit()?.id() };
    fx.session(repo, |session| {
        let made = line(repo, onto, here)?;
        let tip = message::readable(fx, session, onto, &made)?;
        if !made.is_empty() {
            state.kept.push((state.commit.clone(), tip.to_string()));
        } else if !skip {
            fx.ui.note(&format!("Nothing is left of {commit:.12} {}", summary(fx, repo, commit)));
        }
        let replayed = replay(session, tip, &ids(&state.rest)?, &state.carry())?;
        let snapshot = Root::read(&repo.find_commit(Oid::from_str(&state.root)?)?)?;
        finish(desk, session, state, &snapshot, &replayed, here)
    })?;
    graft_too(desk, &url)
}

/// Makes sure that HEAD is where the rebase stopped, so that leaving the commit out leaves everything out.
fn untouched(fx: &Effects, repo: &Repository, onto: Oid) -> Result<()> {
    let made = line(repo, onto, repo.head()?.peel_to_commit()?.id())?;
    let Some(last) = made.last() else { return Ok(()) };
    fail!(Repository, "you have made {} since the rebase stopped ({last:.12} {})", count(made.len(), "commit"), summary(fx, repo, *last);
        "`cargo xtask rebase --continue` keeps that; `git reset --keep {onto:.12}` takes it back");
}

/// Commits what the user has resolved, unless they have done so themselves.
fn resolved(desk: &Desk, onto: Oid, commit: Oid) -> Result<()> {
    let Desk { fx, workspace, repo, .. } = desk;
    let root = &workspace.root;
    waiting(fx, repo, onto, commit)?;
    let unmerged = fx.read(fx.git(root).args(["diff", "--name-only", "--diff-filter=U"]))?.text();
    if !unmerged.is_empty() {
        fail!(Repository, "still in conflict: {}", unmerged.replace('\n', ", "); "mend the files and `git add` them");
    }
    let open = fx.read(fx.git(root).args(["diff", "--name-only"]))?.text();
    if !open.is_empty() {
        fail!(Repository, "changed and not added: {}", open.replace('\n', ", "); "`git add` what belongs to the commit, and put the rest away");
    }
    if repo.find_reference("CHERRY_PICK_HEAD").is_err() {
        return Ok(());
    }
    let written = fx.read(fx.git(root).args(["write-tree"]))?.text();
    if written == repo.head()?.peel_to_tree()?.id().to_string() {
        // Nothing of the commit is left: the vendor has it. Or it is made, and a kill came before git was done.
        return forget(fx, root, repo);
    }
    let message = fs_err::read(merge_msg(repo)?).unwrap_or_default();
    fx.commit_picked(root, &message::settings(fx, root, &repo.find_commit(commit)?, &message)?)?;
    Ok(())
}

/// Makes sure that git still waits for the stopped commit, or the user has committed: a pick that was given up
/// (`git cherry-pick --abort`, `git reset --hard`) must not count as resolved.
fn waiting(fx: &Effects, repo: &Repository, onto: Oid, commit: Oid) -> Result<()> {
    if let Some(command) = sequence(repo) {
        fail!(Repository, "a `git {command}` of several commits is under way"; "finish it, or `git {command} --quit`, and run this again");
    }
    let made = line(repo, onto, repo.head()?.peel_to_commit()?.id())?;
    match repo.refname_to_id("CHERRY_PICK_HEAD") {
        Ok(picked) if picked == commit => Ok(()),
        Ok(picked) => fail!(Repository, "git is picking {picked:.12}, not the commit of this rebase, {commit:.12}";
            "finish it with `git cherry-pick --continue`, or give it up with `git cherry-pick --quit`, and run this again"),
        Err(_) if !made.is_empty() => Ok(()),
        Err(_) => {
            fail!(Repository, "{commit:.12} ({}) is neither applied nor left out: git is not picking it any more", summary(fx, repo, commit);
            "`git cherry-pick {commit:.12}` tries it again, and `--continue` then goes on; `cargo xtask rebase --skip` leaves it out")
        }
    }
}

/// The commits from `onto` to `tip`, oldest first.
fn line(repo: &Repository, onto: Oid, tip: Oid) -> Result<Vec<Oid>> {
    let mut found = Vec::new();
    let mut at = tip;
    while at != onto {
        found.push(at);
        let commit = repo.find_commit(at)?;
        if commit.parent_count() != 1 {
            fail!(Repository, "HEAD is not where the rebase stopped, {onto:.12}"; "`git switch --detach {onto:.12}`, or `cargo xtask rebase --abort`");
        }
        at = commit.parent_id(0)?;
    }
    found.reverse();
    Ok(found)
}

/// Gives a stopped rebase up: back to the branch, and what the stopped commit left goes. Other changes of the
/// person's stay, or are in the way.
///
/// # Errors
/// They are; git fails.
pub fn abort(desk: &Desk, state: &Stopped) -> Result<()> {
    let Desk { fx, workspace, repo, journal } = desk;
    let name = short(&state.branch);
    let Ok(tip) = repo.refname_to_id(&state.branch) else {
        fail!(Repository, "the branch `{name}` is gone"; "`git branch {name} {:.12}` makes it again, where it was when the {} began", state.old, state.what);
    };
    if repo.head_detached()? {
        state.clear(fx, &workspace.root, repo)?;
    }
    let here = repo.head()?.peel_to_commit()?.id();
    let to = Switch { branch: Some(&state.branch), old: here, new: tip, files: None, why: "rebase --abort" };
    let did = fx.session(repo, |session| switch(fx, &workspace.root, session, journal, &to, &[]))?;
    Stopped::remove(fx, repo)?;
    if did == Did::Done {
        fx.ui.note(&if tip.to_string() == state.old {
            format!("{name} is as it was, {tip:.12}.")
        } else {
            let old = &state.old;
            format!(
                "{name} stays at {tip:.12}, where something else has moved it; when the {} began it was at {old:.12}.",
                state.what
            )
        });
    }
    Ok(())
}

/// Takes the branch back to where it was before the last rebase; what it was since is kept too. `recovered`:
/// what a killed run had begun, and has been finished just now.
///
/// # Errors
/// There has been none; uncommitted changes.
pub fn undo(desk: &Desk, recovered: Option<&str>) -> Result<()> {
    let Desk { fx, workspace, repo, journal } = desk;
    if let Some(stopped) = Stopped::read(repo)? {
        fail!(Repository, "{} is under way", stopped.what; "`cargo xtask rebase --abort` gives it up");
    }
    let branch = branch::current(repo)?;
    let now = repo.head()?.peel_to_commit()?.id();
    let name = short(&branch);
    let mut backups = backup::list(repo, BACKUP, &branch)?;
    // A run that was killed between the two refs left a backup of what is still there.
    let stale: Vec<_> = backups.iter().take_while(|b| b.commit == now).map(|b| b.name.clone()).collect();
    backups.drain(..stale.len());
    let why = UNDO;
    let mut refs: Vec<RefMove> = stale.iter().map(|name| RefMove { name, old: Some(now), new: None, why }).collect();
    if recovered == Some(UNDO) {
        fx.session(repo, |session| session.publish(&refs))?;
        fx.ui.note(&format!("{name} is at {now:.12} again."));
        return Ok(());
    }
    let Some(last) = backups.first() else {
        fail!(Repository, "{name} has not been rebased"; "there is nothing to take back; `cargo xtask rebase TAG` moves the branch to a tag");
    };
    branch::clean(fx, &workspace.root)?;
    nothing_newer(fx, repo, &branch, last.commit, now)?;
    let undone = backup::next(repo, UNDONE, &branch)?;
    let moves = [
        RefMove { name: &undone, old: None, new: Some(now), why },
        RefMove { name: &branch, old: Some(now), new: Some(last.commit), why },
        RefMove { name: &last.name, old: Some(last.commit), new: None, why },
    ];
    refs.splice(0..0, moves);
    let to = Switch { branch: Some(&branch), old: now, new: last.commit, files: None, why };
    let did = fx.session(repo, |session| switch(fx, &workspace.root, session, journal, &to, &refs))?;
    if did == Did::Done {
        fx.ui.note(&format!("{name} is at {:.12} again. What it was is kept as {undone}.", last.commit));
    }
    Ok(())
}

/// Makes sure that the branch has no commits of after the rebase that is to be taken back, which began at `before`:
/// they would leave the branch with it.
fn nothing_newer(fx: &Effects, repo: &Repository, branch: &str, before: Oid, now: Oid) -> Result<()> {
    let history = History::read(repo, now)?;
    let ours = |why: &str| ["rebase to ", "upgrade to ", "adopt"].iter().any(|ours| why.starts_with(ours));
    let reflog = repo.reflog(branch)?;
    let moved = reflog.iter().find(|e| e.id_old() == before && e.message().is_some_and(ours)).map(|e| e.id_new());
    // Without a reflog: a rebase ends with the generated commit.
    let moved = moved.filter(|made| repo.find_commit(*made).is_ok()).or(history.generated());
    let Some(made) = moved else { return Ok(()) };
    let mut newer = repo.revwalk()?;
    newer.push(now)?;
    newer.hide(made)?;
    newer.hide(before)?;
    let newer = newer.collect::<Result<HashSet<Oid>, _>>()?;
    let newer: Vec<Oid> = history.own().filter(|id| newer.contains(id)).collect();
    if newer.is_empty() {
        return Ok(());
    }
    let named = |name: &dyn Fn(&Oid) -> String, between: &str| {
        let more = if newer.len() > NAMED { [between, "…"].concat() } else { String::new() };
        newer.iter().take(NAMED).map(name).collect::<Vec<_>>().join(between) + &more
    };
    let commits = named(&|id| format!("{id:.12} ({})", summary(fx, repo, *id)), ", ");
    let ids = named(&|id| format!("{id:.12}"), " ");
    fail!(Repository, "{} has {} of after the rebase, which would leave the branch: {commits}", short(branch), count(newer.len(), "commit");
        "`git branch later && git reset --keep {made:.12}` moves them to the branch `later`; run this again, and `git cherry-pick {ids}` brings them back");
}

/// What is under way, and which earlier tips are kept.
///
/// # Errors
/// The repository cannot be read.
pub fn status(fx: &Effects, repo: &Repository) -> Result<()> {
    let stopped = Stopped::read(repo)?;
    let branch = match &stopped {
        Some(stopped) => stopped.branch.clone(),
        None => branch::current(repo)?,
    };
    let Ok(tip) = repo.refname_to_id(&branch) else {
        fail!(Repository, "the branch `{}` is gone", short(&branch); "`git branch` lists those that are there; `git reflog` shows where HEAD was");
    };
    fx.ui.data(&format!("{} is at {tip:.12} on {}", short(&branch), History::read(repo, tip)?.root.tag.name()));
    if let Some(stopped) = &stopped {
        let commit = Oid::from_str(&stopped.commit)?;
        fx.ui.data(&format!("{} stopped at {commit:.12} ({})", stopped.what, summary(fx, repo, commit)));
        fx.ui.data(&format!("in conflict: {}", stopped.conflicts.join(", ")));
        fx.ui.data(&format!(
            "{} done, {} to come",
            count(stopped.kept.len() + stopped.dropped.len(), "commit"),
            stopped.rest.len()
        ));
    }
    for (what, kind) in [("before", BACKUP), ("undone", UNDONE)] {
        for kept in backup::all(repo, kind, &branch)? {
            let tag = History::read(repo, kept.commit).map_or_else(|_| String::new(), |h| h.root.tag.name().to_owned());
            fx.ui.data(&format!("{what}: {} {:.12} {tag}", kept.name, kept.commit));
        }
    }
    Ok(())
}
