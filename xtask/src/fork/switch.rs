// SPDX-License-Identifier: GPL-2.0-only
//! Moving what is checked out from one commit to another: refs first and at once, the work tree last and only
//! where files differ, and never over what the person changed.
//!
//! `fork`, `rebase` and `flavour regen` call it. A kill between or in the middle of the steps is mended by
//! [`recover`] in the next run: a file of the half-updated work tree is the old one, the new one, the
//! beginning of the new one, or not there; any other content is the person's.

use std::collections::BTreeSet;

use anyhow::Result;
use camino::Utf8Path;
use git2::{Oid, Repository};

use super::conflict::entry;
use super::half_done;
use super::tree::{changes, Entry};
use super::work_tree::{self, content, whole};
use crate::effects::{Did, Effects, Journal, Move, RefMove, Run, Session, TreePath};
use crate::ui::count;
use crate::workspace::SETTINGS;

/// Where to.
pub struct Switch<'a> {
    /// The branch that HEAD will be on; `None` leaves HEAD at the commit itself.
    pub branch: Option<&'a str>,
    /// What is checked out, and what will be.
    pub old: Oid,
    pub new: Oid,
    /// The tree that index and work tree get, where it is not that of `new`: the marks of a conflict.
    pub files: Option<Oid>,
    /// For the reflog.
    pub why: &'a str,
}

/// Publishes the session with `refs`, and checks the new commit out.
///
/// # Errors
/// A file that would change was changed by the person: then nothing has moved. A ref is not where it was.
pub fn switch(
    fx: &Effects,
    root: &Utf8Path,
    session: &Session,
    journal: &Journal,
    to: &Switch,
    refs: &[RefMove],
) -> Result<Did> {
    session.store()?;
    let tree = |id: Oid| -> Result<Oid> { Ok(session.repo.find_commit(id)?.tree_id()) };
    work_tree::free(session.repo, root, tree(to.old)?, to.files.map_or_else(|| tree(to.new), Ok)?)?;
    let (old, new) = (to.old.to_string(), to.new.to_string());
    let files = to.files.unwrap_or(to.new).to_string();
    if !fx.dry() {
        // Files that were only touched are no changes.
        let refresh = fx.git(root).args(["update-index", "-q", "--unmerged", "--refresh"]);
        fx.read(Run::from(refresh).any_status())?;
        let try_it = fx.git(root).args(["read-tree", "-m", "-u", "-n", &old, &files]);
        fx.read(
            Run::from(try_it)
                .or(crate::error::Kind::Repository, "commit your changes, or put them away with `git stash`"),
        )?;
    }
    let files = to.files.map(|tree| tree.to_string());
    let last = refs.iter().rev().find_map(|m| Some((m.name.to_owned(), m.new?.to_string())));
    journal.moving(Move { branch: to.branch.map(str::to_owned), old: old.clone(), new: new.clone(), files, last })?;
    if let Err(error) = session.publish(refs) {
        // One of several refs may have moved.
        if !journal.left().is_some_and(|(_, step)| step.is_begun(session.repo)) {
            journal.moved()?;
        }
        return Err(error);
    }
    let did = check_out(fx, root, session.repo, to).map_err(|error| half_done::failed(session.repo, error))?;
    journal.moved()?;
    Ok(did)
}

/// Brings HEAD and the work tree to where the refs are.
fn check_out(fx: &Effects, root: &Utf8Path, repo: &Repository, to: &Switch) -> Result<Did> {
    head(fx, root, repo, to.branch, to.new, to.why)?;
    let tree = |id: Oid| -> Result<Oid> { Ok(repo.find_commit(id)?.tree_id()) };
    let files = to.files.map_or_else(|| tree(to.new), Ok)?;
    settings_first(fx, root, repo, tree(to.old)?, files)?;
    // Touches only the files that differ; on all cores, where they are many.
    let (old, files) = (to.old.to_string(), files.to_string());
    fx.change(root, fx.git(root).args(["-c", "checkout.workers=0", "read-tree", "-m", "-u", &old, &files]))
}

/// The settings are the first file to change, and by a rename: git would remove them for a moment, and
/// without them a killed run's next one could not begin.
fn settings_first(fx: &Effects, root: &Utf8Path, repo: &Repository, old: Oid, new: Oid) -> Result<()> {
    let entry = |tree: Oid| repo.find_tree(tree).and_then(|t| t.get_path(SETTINGS.as_ref())).ok();
    let (Some(old), Some(new)) = (entry(old), entry(new)) else { return Ok(()) };
    if old.id() == new.id() || !root.join(SETTINGS).is_file() {
        return Ok(());
    }
    fx.write(root.join(SETTINGS), repo.find_blob(new.id())?.content())?;
    known(fx, root, &[(&SETTINGS.into(), (new.filemode(), new.id()))])
}

/// Tells the index what stands in the work tree already.
fn known(fx: &Effects, root: &Utf8Path, files: &[(&TreePath, Entry)]) -> Result<()> {
    if !files.is_empty() {
        let lines: Vec<u8> = files.iter().flat_map(|(path, (mode, id))| entry(*mode, *id, path)).collect();
        fx.change(root, Run::from(fx.git(root).args(["update-index", "-z", "--index-info"])).stdin(lines))?;
    }
    Ok(())
}

/// Finishes the move that a killed run left, if the refs had moved already. Says whose move it was.
///
/// # Errors
/// A file that is not yet updated was changed by the person in the meantime.
pub fn recover(fx: &Effects, root: &Utf8Path, repo: &Repository, journal: &Journal) -> Result<Option<String>> {
    let Some((what, left)) = journal.left() else { return Ok(None) };
    if !left.is_begun(repo) {
        journal.moved()?;
        return Ok(None);
    }
    let step = fx.ui.step("finish what an earlier run began");
    again(fx, root, repo, &left).map_err(|error| half_done::failed(repo, error))?;
    journal.moved()?;
    step.done("");
    Ok(Some(what))
}

/// Brings HEAD and the work tree to where the refs are, from wherever an earlier run has come to.
fn again(fx: &Effects, root: &Utf8Path, repo: &Repository, left: &Move) -> Result<()> {
    head(fx, root, repo, left.branch.as_deref(), Oid::from_str(&left.new)?, "recovered")?;
    let written = fx.read(fx.git(root).args(["write-tree"]))?.text();
    let (old, files) = half_done::trees(repo, left)?;
    if written != files.to_string() {
        back(fx, root, repo, old, files)?;
        fx.change(root, fx.git(root).args(["read-tree", "-m", "-u", &left.old, &files.to_string()]))?;
    }
    Ok(())
}

fn head(fx: &Effects, root: &Utf8Path, repo: &Repository, branch: Option<&str>, new: Oid, why: &str) -> Result<()> {
    if branch.is_none_or(|branch| repo.find_reference("HEAD").is_ok_and(|head| head.symbolic_target() != Some(branch)))
    {
        fx.set_head(root, branch, new, why)?;
    }
    Ok(())
}

/// Puts the files that an update was killed in back to what the index still says, and tells the index of those
/// that are as they shall be, so that the update can be done again.
fn back(fx: &Effects, root: &Utf8Path, repo: &Repository, old: Oid, new: Oid) -> Result<()> {
    let (mut restore, mut theirs, mut done) = (Vec::new(), Vec::new(), Vec::new());
    let all = changes(repo, old, new)?;
    let written: BTreeSet<&TreePath> = all.iter().map(|c| &c.path).collect();
    for change in &all {
        let now = content(&change.path.on(root))?;
        if now == whole(repo, change.old)? {
            continue;
        }
        let wanted = whole(repo, change.new)?;
        // Its own half: a directory that only holds what the update writes.
        if work_tree::in_the_way(root, &[&change.path], &written)?.is_some() {
            theirs.push(&change.path);
            continue;
        }
        let half = match (&now, &wanted) {
            (Some(now), Some(new)) => new.starts_with(now),
            (now, _) => now.is_none(),
        };
        match (half, change.old, change.new) {
            (false, ..) => theirs.push(&change.path),
            (true, _, Some(entry)) if now == wanted => done.push((&change.path, entry)),
            (true, Some(_), _) => {
                restore.extend([change.path.bytes(), b"\0"].concat());
            }
            (true, None, _) => work_tree::remove(fx, root, &change.path)?,
        }
    }
    if let Some(first) = theirs.first() {
        fail!(Repository, "an earlier run was killed while it updated the work tree, and what it had written has changed since: {} (`{first}`)", count(theirs.len(), "file");
            "copy them elsewhere and `git checkout HEAD -- FILE`, then run this again");
    }
    fx.change(root, Run::from(fx.git(root).args(["checkout-index", "--force", "-z", "--stdin"])).stdin(restore))?;
    known(fx, root, &done)?;
    let refresh = fx.git(root).args(["update-index", "-q", "--refresh"]);
    fx.change(root, Run::from(refresh).any_status())?;
    Ok(())
}
