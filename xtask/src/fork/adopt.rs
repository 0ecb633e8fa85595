// SPDX-License-Identifier: GPL-2.0-only
//! Taking over a fork that was made by hand: what in its commits is the flavour's own, and what stays a patch.
//!
//! What the generator makes (a flavour's annotations, its place in `rules.d/<arch>.mk`) and what this repository holds (vars, fragment) is taken out of every commit; what is left of them
//! is the lab's. Reads trees and makes trees; refs are the caller's.

use anyhow::{Context, Result};
use git2::{Commit, FileMode, Oid, Repository};

use super::tree;
use crate::effects::Session;
use crate::flavour::base::{self, GENERIC};
use crate::flavour::packaging::{required, Packaging};
use crate::flavour::ubuntu;
use crate::formats::annotations::Annotations;
use crate::formats::changelog;
use crate::formats::config::{Config, Value};
use crate::formats::rules_mk;
use crate::formats::vars::Vars;

/// A fork branch made by hand, oldest first.
pub struct ByHand {
    pub root: Oid,
    pub tree: Oid,
    pub lab: Vec<Oid>,
    pub tip: Oid,
}

/// A flavour that such a fork has.
pub struct Found {
    pub name: String,
    pub vars: String,
    /// The vendor's flavour that it was made from.
    pub base: String,
    /// The symbols in which it differs from its base, and how.
    pub fragment: Config,
}

/// Reads the branch down to the commit without a parent, or whose parents a shallow fetch has cut off.
///
/// # Errors
/// It has merges.
pub fn by_hand(repo: &Repository, tip: Oid) -> Result<ByHand> {
    let mut lab = Vec::new();
    let mut commit = repo.find_commit(tip)?;
    loop {
        let parent: Option<Commit> = match commit.parent_count() {
            0 => None,
            1 => commit.parent(0).ok(),
            _ => {
                fail!(Repository, "{:.12} is a merge, and a fork branch is a line of commits", commit.id(); "`git rebase` makes it one")
            }
        };
        let Some(parent) = parent else { break };
        lab.push(commit.id());
        commit = parent;
    }
    lab.reverse();
    Ok(ByHand { root: commit.id(), tree: commit.tree_id(), lab, tip })
}

/// The name of the tag that a tree is of, by its changelog.
///
/// # Errors
/// It has no Ubuntu packaging.
pub fn tag_of(repo: &Repository, tree: Oid) -> Result<String> {
    let Packaging::Ubuntu { dir } = Packaging::of(repo, tree)? else {
        fail!(Input, "the fork's first commit has no packaging of Ubuntu's that would name its tag"; "`--tag TAG` says which it is");
    };
    let top = changelog::top(&required(repo, tree, &format!("{dir}/changelog"))?)?.header;
    let source = top.source.strip_prefix("linux").unwrap_or(&top.source);
    Ok(format!("Ubuntu{source}-{}", top.version.as_str().replace('~', "_")))
}

/// The flavours that the tip has and the vendor has not.
///
/// # Errors
/// A file cannot be read as what it should be.
pub fn flavours(repo: &Repository, dir: &str, root: Oid, tip: Oid) -> Result<Vec<Found>> {
    let folder = format!("{dir}/control.d/vars.");
    let mut found = Vec::new();
    for change in tree::changes(repo, root, tip)? {
        let path = change.path.text().unwrap_or_default();
        let (Some(name), None, Some(_)) = (path.strip_prefix(&folder), change.old, change.new) else { continue };
        let vars = required(repo, tip, path)?;
        let arches: Vec<String> =
            Vars::parse(&vars).with_context(|| path.to_owned())?.architectures().map(str::to_owned).collect();
        let annotations = annotations_of(repo, dir, tip)?;
        let vendors = annotations_of(repo, dir, root)?;
        let (mut fragment, mut base) = (Config::default(), None);
        for arch in &arches {
            let depends = annotations.dependency(&format!("{arch}-{name}")).and_then(|of| of.split_once('-'));
            let of = base::of(repo, root, dir, &vendors, arch, depends.map_or(GENERIC, |(_, flavour)| flavour))?;
            let (of_base, own) = (annotations.export(arch, &of)?, annotations.export(arch, name)?);
            base.get_or_insert(of);
            for (symbol, _, value) in of_base.diff(&own) {
                // What is absent follows from the others: a fragment cannot ask for it.
                if let Some(value) = value {
                    fragment.set(&symbol, value)?;
                }
            }
        }
        let base = base.unwrap_or_else(|| GENERIC.to_owned());
        found.push(Found { name: name.to_owned(), vars, base, fragment });
    }
    Ok(found)
}

fn annotations_of(repo: &Repository, dir: &str, tree: Oid) -> Result<Annotations> {
    ubuntu::read(repo, tree, &format!("{dir}/config/annotations"))
}

/// The tree without what is the flavours' own. The changelog stays: its entries are the lab's.
///
/// # Errors
/// A file cannot be read as what it should be.
pub fn stripped(session: &Session, dir: &str, tree: Oid, found: &[Found]) -> Result<Oid> {
    let repo = session.repo;
    let mut changes: Vec<(String, Option<(FileMode, Oid)>)> = Vec::new();
    let mut put = |path: String, text: String| -> Result<()> {
        changes.push((path, Some((FileMode::Blob, session.blob(text.as_bytes())?))));
        Ok(())
    };
    let mut marked = annotations_of(repo, dir, tree)?;
    let own: Vec<String> = marked
        .flavours()
        .iter()
        .filter(|f| f.split_once('-').is_some_and(|(_, name)| found.iter().any(|x| x.name == name)))
        .cloned()
        .collect();
    for flavour in own {
        marked.remove_flavour(&flavour)?;
    }
    put(format!("{dir}/config/annotations"), marked.to_text())?;

    let rules = format!("{dir}/rules.d");
    let names: Vec<String> = match repo.find_tree(tree)?.get_path(rules.as_ref()) {
        Ok(entry) => repo.find_tree(entry.id())?.iter().filter_map(|e| e.name().map(str::to_owned)).collect(),
        Err(_) => Vec::new(),
    };
    for name in names.iter().filter(|n| n.ends_with(".mk")) {
        let path = format!("{rules}/{name}");
        let mut rules = required(repo, tree, &path)?;
        if rules_mk::flavours(&rules).is_err() {
            continue; // rules of another kind
        }
        for flavour in found {
            rules = rules_mk::remove_flavour(&rules, &flavour.name).with_context(|| path.clone())?;
        }
        put(path, rules)?;
    }
    let there = repo.find_tree(tree)?;
    for flavour in found {
        let path = format!("{dir}/control.d/vars.{}", flavour.name);
        if there.get_path(path.as_ref()).is_ok() {
            changes.push((path, None));
        }
    }
    session.tree_with(&there, &changes)
}

/// The fragment's text, for a flavour that this repository has none of.
pub fn fragment_text(found: &Found) -> String {
    let heading = format!(
        "# SPDX-License-Identifier: GPL-2.0-only\n# What {} asks for on top of {}, as its fork by hand had it.\n",
        found.name, found.base
    );
    heading + &found.fragment.to_text()
}

/// Does a fragment that is here ask for nothing else than the one that was found?
pub fn asks_within(here: &Config, found: &Config) -> bool {
    here.iter().all(|(symbol, value)| found.get(symbol).map_or("n", Value::as_str) == value.as_str())
}
