// SPDX-License-Identifier: GPL-2.0-only
//! The branch that a command works on, and a fork branch made out of its parts: R, the lab's commits, G.

use anyhow::{Context, Result};
use camino::Utf8Path;
use git2::{Oid, Repository, Signature, Time};

use super::generated::{self, Mixed};
use super::history::Root;
use super::idle::idle;
use super::overlay;
use super::replay::Replayed;
use super::tree::changes;
use crate::effects::{repository, Effects, Run, Session};
use crate::flavour::generate;
use crate::flavour::target::{self, Inputs};

/// The branch that is checked out, with `refs/heads/`.
///
/// # Errors
/// HEAD is at a commit, or there is no commit yet.
pub fn current(repo: &Repository) -> Result<String> {
    let head = repo.head().context("this repository has no commit yet")?;
    match head.name().filter(|n| n.starts_with("refs/heads/")) {
        Some(name) => Ok(name.to_owned()),
        None => {
            idle(repo)?;
            fail!(Repository, "no branch is checked out"; "git switch BRANCH")
        }
    }
}

/// Makes sure that the branch can move: nothing is under way ([`idle`]), and nothing uncommitted would be met by
/// the update of the work tree, or be missing from the result.
///
/// # Errors
/// Something is under way; there are uncommitted changes.
pub fn clean(fx: &Effects, root: &Utf8Path) -> Result<()> {
    let repo = repository(root)?;
    idle(&repo)?;
    // git's own answer: libgit2 reads neither a split nor a sparse index.
    let tracked = Run::from(fx.git(root).args(["--no-optional-locks", "ls-files"]));
    if fx.read(tracked.until(|_| true))?.stdout.is_empty() {
        return Ok(()); // a clone without a checkout
    }
    let args = ["--no-optional-locks", "status", "--porcelain", "--untracked-files=no"];
    let status = fx.read(fx.git(root).args(args))?;
    if !status.stdout.is_empty() {
        let text = status.text();
        fail!(Repository, "the work tree has uncommitted changes ({})", text.lines().next().unwrap_or("").trim();
            "commit them, or put them away with `git stash`");
    }
    Ok(())
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
pub fn whole(fx: &Effects, session: &Session, root: &Root, replayed: &Replayed) -> Result<Made> {
    let lab = replayed.whole(fx, session)?;
    let tree = session.repo.find_commit(lab)?.tree_id();
    let inputs = Inputs { tag: &root.tag, time: root.time, vendor: root.tree, tree };
    let made = generate::generate(fx, session.repo, &inputs)?;
    let tip = generated(session, &inputs, &made, lab)?;
    Ok(Made { tip, lab, version: made.version.as_str().to_owned() })
}

/// Says what of a generated commit has become one of the lab's.
pub fn taken_out(fx: &Effects, mixed: &Mixed) {
    let paths: Vec<String> = mixed.foreign().collect();
    if !paths.is_empty() {
        fx.ui.note(&format!(
            "Changes in the generated commit {:.12} are a commit of yours now: {}",
            mixed.id,
            paths.join(", ")
        ));
    }
}

/// Who commits, now: as git itself would sign, with its configuration and environment.
///
/// # Errors
/// git has not been told.
pub fn identity(fx: &Effects, dir: &Utf8Path) -> Result<Signature<'static>> {
    let hint = "`git config --global user.name NAME` and `git config --global user.email ADDRESS`";
    let said = fx.read(Run::from(fx.git(dir).args(["var", "GIT_COMMITTER_IDENT"])).any_status())?;
    if !said.status.success() {
        fail!(Machine, "git does not know your name and e-mail address, which new commits have"; "{hint}");
    }
    let said = said.stdout.trim_ascii_end();
    let encoding = if said.is_ascii() || std::str::from_utf8(said).is_ok() { None } else { fx.commit_encoding(dir)? };
    let said = fx.decoded(said, encoding.as_deref())?;
    let parse = || -> Option<Signature<'static>> {
        let (name, rest) = said.split_once(" <")?;
        let (address, when) = rest.split_once("> ")?;
        let (seconds, zone) = when.split_once(' ')?;
        let zone: i32 = zone.parse().ok()?;
        let minutes = zone / 100 * 60 + zone % 100;
        Signature::new(name, address, &Time::new(seconds.parse().ok()?, minutes)).ok()
    };
    parse().with_context(|| format!("git signs as `{said}`, which cannot be read"))
}

/// The tree with the generated files.
///
/// # Errors
/// Those of git.
pub fn laid(session: &Session, inputs: &Inputs, made: &target::Made) -> Result<Oid> {
    let tree = overlay::lay(session, inputs.tree, &made.files)?;
    overlay::without(session, tree, &made.gone)
}

/// The generated commit on top of `parent`. Its bytes follow from its inputs: the maintainer is a setting
/// and the date is the tag's, so it is the same whoever makes it.
///
/// # Errors
/// Those of git.
pub fn generated(session: &Session, inputs: &Inputs, made: &target::Made, parent: Oid) -> Result<Oid> {
    let (maintainer, version) = (made.maintainer.as_str(), made.version.as_str());
    let tree = laid(session, inputs, made)?;
    let (name, address) = maintainer.split_once(" <").unwrap_or((maintainer, ""));
    let who = Signature::new(name, address.trim_end_matches('>'), &Time::new(inputs.time, 0))?;
    let files = changes(session.repo, inputs.tree, tree)?;
    let message = generated::message(version, inputs.tag, &made.inputs.to_string(), &files);
    session.commit(&who, &who, &message, tree, &[parent])
}
