// SPDX-License-Identifier: GPL-2.0-only
//! Was the generated commit made from what the branch has now? Asked before anything slow is made from it.
//!
//! Compares digests of the inputs and generates nothing. `build` and `publish --source` call it.

use anyhow::Result;
use git2::{Oid, Repository};

use super::history::{trailer, History};
use super::idle::no_rebase;
use super::tree::{changes, file_mode};
use crate::effects::Effects;
use crate::flavour::inputs;
use crate::flavour::target::Inputs;

/// The trailer of a generated commit: the digest of what it was made from.
pub const INPUTS: &str = "Fork-Inputs";

/// How many changed files a message names.
const NAMED: usize = 3;

/// The generated commit of a branch that something is to be made from.
///
/// # Errors
/// There is none, be it that a rebase has stopped below it.
pub fn generated(repo: &Repository, history: &History) -> Result<Oid> {
    no_rebase(repo)?;
    history.whole()
}

/// Makes sure that `flavour regen` would generate the same.
///
/// # Errors
/// There is no generated commit, or it was made from other files; a flavour's files are missing or wrong.
pub fn current(fx: &Effects, repo: &Repository, history: &History) -> Result<()> {
    let generated = repo.find_commit(generated(repo, history)?)?;
    let below = generated.parent(0)?.tree_id();
    let tip = repo.find_commit(history.tip)?.tree()?;
    // The tip's tree without what was generated: what `flavour regen` would start from.
    let (mut without, mut edited) = (Vec::new(), Vec::new());
    for change in changes(repo, below, generated.tree_id())? {
        let there = tip.get_path(change.path.as_ref()).ok().map(|e| (e.filemode(), e.id()));
        if there == change.new {
            without.push((change.path, change.old.map(|(mode, id)| (file_mode(mode), id))));
        } else {
            edited.push(format!("`{}`", change.path));
        }
    }
    let of = |tree| Inputs { tag: &history.root.tag, time: history.root.time, vendor: history.root.tree, tree };
    let now = match fx.session(repo, |session| inputs::digest(repo, &of(session.tree_with(&tip, &without)?))) {
        // One file of the bundled packaging alone looks like somebody else's packaging.
        Err(_) if !edited.is_empty() => {
            let more = if edited.len() > NAMED { ", …" } else { "" };
            edited.truncate(NAMED);
            fail!(Repository, "a commit after the generated one, `{:.12}`, changes generated files: {}{more}", generated.id(), edited.join(", ");
                "change the fragment or the settings instead; `cargo xtask flavour regen` names the commit");
        }
        now => now?,
    };
    let then = match trailer(&generated, INPUTS) {
        Some(digest) => digest,
        // A version that recorded none made it from what is below it.
        None => inputs::digest(repo, &of(below))?.to_string(),
    };
    if now.to_string() == then {
        return Ok(());
    }
    let changed = changes(repo, generated.tree_id(), tip.id())?;
    let named: Vec<String> = changed
        .iter()
        .filter(|c| c.path.text().is_some_and(inputs::is_one))
        .take(NAMED)
        .map(|c| format!("`{}`", c.path))
        .collect();
    let named = if named.is_empty() { String::new() } else { format!(" ({} changed since)", named.join(", ")) };
    fail!(Repository, "the generated commit `{:.12}` was not made from the settings, fragments and Kconfig files of this branch{}", generated.id(), named;
        "cargo xtask flavour regen");
}
