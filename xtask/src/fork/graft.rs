// SPDX-License-Identifier: GPL-2.0-only
//! The vendor's history behind a fork's root: fetched, joined on by one replace ref, and taken away again.
//!
//! R keeps its id and its place; the replace ref shows git a copy of R that has the tag's commit as parent,
//! so that `describe` counts right. Blobs are left out where the server can: git fetches those that `blame`
//! asks for. What was added is written down in `kernel-fork/history.json` before it is added, so that taking
//! it away works from any point on.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use git2::{Oid, Repository};
use serde::{Deserialize, Serialize};

use super::history::{trailer, Root};
use super::snapshot::{filters, network};
use crate::effects::{text_plain, Did, Effects, RefMove, Run, Session, Signed, HISTORY_REMOTE as REMOTE};
use crate::formats::tag::Tag;

/// The setting that tells the push guard where the vendor's history begins.
const VENDOR_ROOT: &str = "fork.vendorRoot";
/// Where the fetched tags are kept until the replace ref holds their commits.
const REFS: &str = "refs/fork/history";

/// What was added to the repository.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Added {
    /// Roots with a replace ref.
    pub roots: Vec<String>,
    /// Tags that were not there before, and what they point at.
    pub tags: Vec<(String, String)>,
    /// `core.repositoryformatversion` as it was: a repository with left-out objects gets another.
    pub format: String,
    /// Are blobs here too?
    pub full: bool,
}

impl Added {
    fn file(repo: &Repository) -> Result<Utf8PathBuf> {
        Ok(Utf8Path::from_path(repo.commondir())
            .context("the repository's path is not UTF-8")?
            .join("kernel-fork-history.json"))
    }

    /// What the last run wrote down.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn read(repo: &Repository) -> Result<Option<Self>> {
        let file = Self::file(repo)?;
        let Some(text) = text_plain(&file) else { return Ok(None) };
        Ok(Some(serde_json::from_str(&text).with_context(|| format!("{file} is of another version of this program"))?))
    }

    fn write(&self, fx: &Effects, repo: &Repository) -> Result<()> {
        fx.write(Self::file(repo)?, serde_json::to_string_pretty(self)? + "\n")?;
        Ok(())
    }
}

/// The name of a root's replace ref.
pub fn replace_ref(root: Oid) -> String {
    format!("refs/replace/{root}")
}

/// Is this root grafted?
pub fn grafted(repo: &Repository, root: Oid) -> bool {
    replacement(repo, root).is_some_and(|id| is_ours(repo, root, id))
}

/// What the root's replace ref points at.
fn replacement(repo: &Repository, root: Oid) -> Option<Oid> {
    repo.refname_to_id(&replace_ref(root)).ok()
}

/// Is `replacement` what [`join`] makes of the root: the same tree on the tag's commit? Any other is the user's own.
fn is_ours(repo: &Repository, root: Oid, replacement: Oid) -> bool {
    let (Ok(root), Ok(joined)) = (repo.find_commit(root), repo.find_commit(replacement)) else { return false };
    let parents: Vec<String> = joined.parent_ids().map(|id| id.to_string()).collect();
    joined.tree_id() == root.tree_id() && trailer(&root, "Fork-Commit").is_some_and(|commit| parents == [commit])
}

/// Can the server leave blobs out?
///
/// # Errors
/// It does not answer.
pub fn can_filter(fx: &Effects, url: &str) -> Result<bool> {
    let scratch = fx.scratch("trace")?;
    let trace = scratch.join("trace");
    let ask = network(fx, scratch.path(), url, &["ls-remote", "--", url, "refs/none"])
        .env("GIT_TRACE_PACKET", trace.as_str());
    fx.read(ask)?;
    Ok(filters(&fs_err::read_to_string(&trace).unwrap_or_default()))
}

/// Fetches the history of `root`'s tag and grafts it on.
///
/// # Errors
/// The address does not answer; the tag's tree is not the root's: then nothing stays.
pub fn graft(fx: &Effects, repo: &Repository, at: &Utf8Path, url: &str, root: &Root, full: bool) -> Result<Did> {
    if let Some(theirs) = replacement(repo, root.id).filter(|id| !is_ours(repo, root.id, *id)) {
        fail!(Repository, "the fork's root {:.12} has a replacement of your own, {theirs:.12}", root.id;
            "`git replace --delete {}` removes it", root.id);
    }
    if full && promisor(fx, at)? {
        // A fetch does not ask again for what an earlier one has left out.
        ungraft(fx, repo, at)?;
    }
    let mut added = match Added::read(repo)? {
        Some(added) => added,
        None => {
            Added { format: config(fx, at, "core.repositoryformatversion")?.unwrap_or_default(), ..Added::default() }
        }
    };
    added.full = full || added.full;
    let first = added.roots.is_empty();
    let outcome = join_on(fx, repo, at, url, root, &mut added);
    if outcome.is_err() && first {
        if let Err(error) = fx.cleanup(|| ungraft(fx, repo, at)) {
            let error = crate::error::sentence(&error);
            fx.ui.warn(&format!("not all is gone again ({error}); `cargo xtask graft-history --undo` tries once more"));
        }
    }
    outcome
}

fn join_on(fx: &Effects, repo: &Repository, at: &Utf8Path, url: &str, root: &Root, added: &mut Added) -> Result<Did> {
    added.write(fx, repo)?;
    let set =
        |key: &str, value: &str| fx.change(at, fx.git(at).args(["config", &format!("remote.{REMOTE}.{key}"), value]));
    for (key, value) in [("url", url), ("tagOpt", "--no-tags"), ("skipFetchAll", "true")] {
        set(key, value)?;
    }
    let held = format!("{REFS}/{}", root.tag.name());
    let step = fx.ui.step(&format!("fetch the history of {}", root.tag.name()));
    let mut args = vec!["fetch", "--no-tags", "--no-write-fetch-head", "--progress"];
    if !added.full {
        args.push("--filter=blob:none");
    }
    let refspec = format!("+{}:{held}", root.tag.refname());
    args.extend([REMOTE, &refspec]);
    let fetch = network(fx, at, url, &args).watch(|line| fx.ui.progress(line));
    if fx.change(at, fetch)? == Did::Planned {
        fx.ui.planned(&format!("git replace --graft {} {}", root.id, root.commit));
        return Ok(Did::Planned);
    }
    step.done("");
    let fetched = repo.find_reference(&held)?.peel_to_commit()?;
    if fetched.id() != root.commit || fetched.tree_id() != root.tree {
        let (id, was) = (fetched.id(), root.commit);
        ungraft(fx, repo, at)?;
        fail!(Input, "the vendor has moved {}: the fork was made from {was:.12}, it is {id:.12} now", root.tag.name();
            "nothing was grafted; ask the vendor why");
    }
    tags(fx, repo, at, url, added)?;
    let roots = fx.read(fx.git(at).args(["rev-list", "--max-parents=0", &root.commit.to_string()]))?.text();
    let known = fx.read(Run::from(fx.git(at).args(["config", "--get-all", VENDOR_ROOT])).any_status())?.text();
    for id in roots.lines().filter(|id| !known.lines().any(|k| k == *id)) {
        fx.change(at, fx.git(at).args(["config", "--add", VENDOR_ROOT, id]))?;
    }
    if !added.roots.contains(&root.id.to_string()) {
        added.roots.push(root.id.to_string());
        added.write(fx, repo)?;
    }
    fx.session(repo, |session| join(session, root))
}

/// The copy of the root that has a parent, and the replace ref.
fn join(session: &Session, root: &Root) -> Result<Did> {
    let repo = session.repo;
    let commit = repo.find_commit(root.id)?;
    let joined = session.again(&Signed::of(&commit)?, commit.message_bytes(), root.tree, &[root.commit])?;
    let name = replace_ref(root.id);
    let old = repo.refname_to_id(&name).ok();
    if old == Some(joined) {
        return Ok(Did::Done);
    }
    session.publish(&[RefMove { name: &name, old, new: Some(joined), why: "graft-history" }])
}

/// The vendor's tags on commits that are here now: `describe` names the nearest.
fn tags(fx: &Effects, repo: &Repository, at: &Utf8Path, url: &str, added: &mut Added) -> Result<()> {
    let listed = fx.read(network(fx, at, url, &["ls-remote", "--tags", "--", url]))?.text();
    let mut targets = std::collections::BTreeMap::new();
    for line in listed.lines() {
        let Some((id, name)) = line.split_once('\t') else { continue };
        let bare = name.trim_end_matches("^{}");
        if Tag::parse(bare).is_ok() {
            let entry = targets.entry(bare.to_owned()).or_insert((id.to_owned(), id.to_owned()));
            entry.1 = id.to_owned();
        }
    }
    let odb = repo.odb()?;
    let mut refspecs = String::new();
    for (name, (tag, commit)) in targets {
        if Oid::from_str(&commit).is_ok_and(|id| odb.exists(id)) && repo.find_reference(&name).is_err() {
            refspecs.push_str(&format!("{name}:{name}\n"));
            added.tags.retain(|(n, _)| *n != name);
            added.tags.push((name, tag));
        }
    }
    if refspecs.is_empty() {
        return Ok(());
    }
    added.write(fx, repo)?;
    let args = ["fetch", "--no-tags", "--no-write-fetch-head", "--progress", "--stdin", REMOTE];
    fx.change(at, network(fx, at, url, &args).stdin(refspecs))?;
    Ok(())
}

/// Takes everything away that [`graft`] has added; works from any point that a killed one got to.
///
/// # Errors
/// The repository cannot be written.
pub fn ungraft(fx: &Effects, repo: &Repository, at: &Utf8Path) -> Result<Did> {
    let added = Added::read(repo)?.unwrap_or_default();
    let mut refs: Vec<(String, Oid)> = Vec::new();
    for reference in repo.references_glob(&format!("{REFS}/*"))?.flatten() {
        refs.extend(reference.name().zip(reference.target()).map(|(n, id)| (n.to_owned(), id)));
    }
    for root in &added.roots {
        let root = Oid::from_str(root)?;
        let ours = replacement(repo, root).filter(|id| is_ours(repo, root, *id));
        refs.extend(ours.map(|id| (replace_ref(root), id)));
    }
    // A tag that the person has moved since is theirs.
    for (name, id) in &added.tags {
        let now = repo.refname_to_id(name).ok().filter(|now| now.to_string() == *id);
        refs.extend(now.map(|now| (name.clone(), now)));
    }
    let moves: Vec<RefMove> = refs
        .iter()
        .map(|(name, id)| RefMove { name, old: Some(*id), new: None, why: "graft-history --undo" })
        .collect();
    let did = fx.session(repo, |session| session.publish(&moves))?;
    if promisor(fx, at)? {
        drop_promised(fx, repo, at)?;
    }
    forget_promise(fx, at, &added)?;
    if config(fx, at, &format!("remote.{REMOTE}.url"))?.is_some() {
        fx.change(at, fx.git(at).args(["config", "--remove-section", &format!("remote.{REMOTE}")]))?;
    }
    if config(fx, at, VENDOR_ROOT)?.is_some() {
        fx.change(at, fx.git(at).args(["config", "--unset-all", VENDOR_ROOT]))?;
        // git leaves the heading behind.
        let rest =
            fx.read(Run::from(fx.git(at).args(["config", "--local", "--get-regexp", "^fork\\."])).any_status())?;
        if rest.stdout.is_empty() {
            fx.change(at, Run::from(fx.git(at).args(["config", "--local", "--remove-section", "fork"])).any_status())?;
        }
    }
    fx.remove(Added::file(repo)?)?;
    Ok(did)
}

fn promisor(fx: &Effects, at: &Utf8Path) -> Result<bool> {
    Ok(config(fx, at, &format!("remote.{REMOTE}.promisor"))?.is_some())
}

fn config(fx: &Effects, at: &Utf8Path, key: &str) -> Result<Option<String>> {
    let found = fx.read(Run::from(fx.git(at).args(["config", "--get", key])).any_status())?;
    Ok(Some(found.text()).filter(|text| !text.is_empty()))
}

/// Takes away the settings that say that objects may be missing.
fn forget_promise(fx: &Effects, at: &Utf8Path, added: &Added) -> Result<()> {
    for key in ["promisor", "partialclonefilter"] {
        let key = format!("remote.{REMOTE}.{key}");
        if config(fx, at, &key)?.is_some() {
            fx.change(at, fx.git(at).args(["config", "--unset-all", &key]))?;
        }
    }
    let extensions = fx.read(
        Run::from(fx.git(at).args(["config", "--get-regexp", "^(extensions\\.|remote\\..*\\.promisor)"])).any_status(),
    )?;
    if extensions.stdout.is_empty()
        && !added.format.is_empty()
        && config(fx, at, "core.repositoryformatversion")?.as_deref() != Some(&added.format)
    {
        fx.change(at, fx.git(at).args(["config", "core.repositoryformatversion", &added.format]))?;
    }
    Ok(())
}

/// Removes the packs that lack objects. Git does not store twice what they hold, so what the fork needs of
/// them is packed anew first.
fn drop_promised(fx: &Effects, repo: &Repository, at: &Utf8Path) -> Result<()> {
    let others = fx.read(
        Run::from(fx.git(at).args(["config", "--name-only", "--get-regexp", "^remote\\..*\\.promisor$"])).any_status(),
    )?;
    if others.text().lines().any(|key| key != format!("remote.{REMOTE}.promisor")) {
        fx.ui.note("Other remotes leave objects out too: the history's packs stay until `git gc`.");
        return Ok(());
    }
    let step = fx.ui.step("remove the history's objects");
    let packs =
        Utf8Path::from_path(repo.commondir()).context("the repository's path is not UTF-8")?.join("objects/pack");
    let (mut promised, mut own) = (Vec::new(), Vec::new());
    for entry in packs.read_dir_utf8().with_context(|| format!("cannot read {packs}"))? {
        let path = entry?.path().to_owned();
        if path.extension() == Some("idx") {
            let list = if path.with_extension("promisor").exists() { &mut promised } else { &mut own };
            list.push(path);
        }
    }
    let list = ["rev-list", "--objects", "--no-object-names", "--all", "--reflog", "--indexed-objects"];
    let mut needed: BTreeSet<String> = fx.read(fx.git(at).args(list))?.text().lines().map(str::to_owned).collect();
    for index in &own {
        for id in ids(fx, at, index)? {
            needed.remove(&id);
        }
    }
    let mut wanted = String::new();
    for index in &promised {
        wanted.extend(ids(fx, at, index)?.into_iter().filter(|id| needed.contains(id)).map(|id| id + "\n"));
    }
    if !wanted.is_empty() {
        let pack = fx.git(at).args(["pack-objects", "--quiet", packs.join("pack").as_str()]);
        fx.change(&packs, Run::from(pack).stdin(wanted))?;
    }
    // Files that speak of the packs go first; git makes them again.
    for name in ["multi-pack-index", "../info/commit-graph", "../info/commit-graphs"] {
        fx.remove(packs.join(name))?;
    }
    for index in &promised {
        for extension in ["idx", "rev", "bitmap", "mtimes", "pack", "promisor"] {
            fx.remove(index.with_extension(extension))?;
        }
    }
    step.done("");
    Ok(())
}

fn ids(fx: &Effects, at: &Utf8Path, index: &Utf8Path) -> Result<Vec<String>> {
    let bytes = fs_err::read(index).with_context(|| format!("cannot read {index}"))?;
    let listed = fx.read(Run::from(fx.git(at).args(["show-index"])).stdin(bytes))?.text();
    Ok(listed.lines().filter_map(|line| line.split(' ').nth(1)).map(str::to_owned).collect())
}
