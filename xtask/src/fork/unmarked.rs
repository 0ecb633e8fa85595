// SPDX-License-Identifier: GPL-2.0-only
//! Generated commits whose message has no record of their files: the user has given them another one
//! (`git commit --amend --message`), or a version of this tool made them that recorded none. What in them is generated
//! is told by generating it again from their parent.
//!
//! Only `history.rs` asks: whether a commit may be one costs next to nothing; what is in it costs a generation.

use std::collections::BTreeMap;

use anyhow::Result;
use git2::{Commit, Oid, Repository};

use super::branch;
use super::generated::{divided, Part};
use super::history::Root;
use super::message::summary;
use super::tree::changes;
use crate::effects::{Effects, Session};
use crate::flavour::generate;
use crate::flavour::packaging::{Packaging, SOURCE};
use crate::flavour::target::Inputs;
use crate::flavour::ubuntu;
use crate::settings::Settings;
use crate::workspace::SETTINGS;

/// The file by which the bundled packaging is known.
const ENV: &str = "debian/debian.env";

/// Does the commit bring what only the generator makes: the bundled packaging, or the settings' flavours in the
/// vendor's annotations?
pub fn may_be(repo: &Repository, commit: &Commit) -> Result<bool> {
    let (old, new) = (commit.parent(0)?.tree()?, commit.tree()?);
    let id = |tree: &git2::Tree, path: &str| tree.get_path(path.as_ref()).ok().map(|entry| entry.id());
    let env = id(&new, ENV);
    if env.is_some() && env != id(&old, ENV) && env == id(&new, &format!("{SOURCE}/{ENV}")) {
        return Ok(true);
    }
    // Settings or packaging that cannot be read are none that were generated from.
    let Ok(Packaging::Ubuntu { dir }) = Packaging::of(repo, new.id()) else { return Ok(false) };
    let path = format!("{dir}/config/annotations");
    if id(&new, &path) == id(&old, &path) {
        return Ok(false);
    }
    let text = id(&new, SETTINGS).and_then(|id| String::from_utf8(repo.find_blob(id).ok()?.content().to_vec()).ok());
    let Some(settings) = text.and_then(|text| Settings::parse(&text).ok()) else { return Ok(false) };
    let flavours = |tree: Oid| -> Vec<String> {
        let of_settings =
            |name: &&String| name.split_once('-').is_some_and(|(_, flavour)| settings.flavours.contains_key(flavour));
        let read = ubuntu::read(repo, tree, &path).ok();
        read.map(|read| read.flavours().iter().filter(of_settings).cloned().collect()).unwrap_or_default()
    };
    let before = flavours(old.id());
    Ok(flavours(new.id()).iter().any(|flavour| !before.contains(flavour)))
}

/// Tells what of the commit is generated and what is the user's, and says so.
///
/// # Errors
/// Nothing can be generated from its parent.
pub fn part(fx: &Effects, session: &Session, root: &Root, id: Oid) -> Result<Part> {
    let repo = session.repo;
    let commit = repo.find_commit(id)?;
    let parent = commit.parent(0)?.tree_id();
    fx.ui.note(&format!(
        "{id:.12} ({}) has generated files and no record of them: they are told from yours by making them again.",
        summary(fx, repo, id)
    ));
    let inputs = Inputs { tag: &root.tag, time: root.time, vendor: root.tree, tree: parent };
    let made = generate::generate(fx, repo, &inputs)?;
    let made = branch::laid(session, &inputs, &made)?;
    let made = changes(repo, parent, made)?;
    let record: BTreeMap<&str, _> = made.iter().filter_map(|change| Some((change.path.text()?, change.new))).collect();
    let part = divided(id, changes(repo, parent, commit.tree_id())?, |path| record.get(path).copied());
    if matches!(part, Part::Generated) {
        fx.ui.note("It has nothing of yours but its message: the generated commit takes its place.");
    }
    Ok(part)
}
