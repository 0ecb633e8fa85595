// SPDX-License-Identifier: GPL-2.0-only
//! Which packaging a tree has: the vendor's, in the folder that `debian/debian.env` names, or none, and
//! then the bundled one is laid over it.
//!
//! This is the one place that decides it. It must never take the bundled packaging for a tree that has another,
//! unless the settings ask for it.

use anyhow::Result;
use git2::{ObjectType, Oid, Repository, Tree};

use crate::settings::{PackagingOf, Settings};
use crate::workspace::SETTINGS;

/// Where the bundled packaging is in this repository.
pub const SOURCE: &str = "xtask/packaging";
/// The file that names the packaging folder.
const ENV: &str = "debian/debian.env";
/// The annotations' formats that are read, for hints.
pub const FORMATS: &str = "annotations of FORMAT 4 are read: focal from 166.183 on, jammy from 78.85";
/// Files by which a `debian` folder is known to be packaging.
const OF_DEBIAN: &[&str] = &["rules", "control", "control.in", "changelog", "debian.env", "source/format"];
/// Files by which a `debian.NAME` folder is. The lab's own files in `debian.master` are none of them.
const OF_UBUNTU: &[&str] = &["changelog", "control.stub", "control.stub.in", "config", "rules.d"];

/// A tree's packaging.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packaging {
    /// Ubuntu's, with its folder: `debian.master`, `debian.aws`, …
    Ubuntu { dir: String },
    /// This repository's own, from `xtask/packaging/`.
    Bundled,
}

impl Packaging {
    /// Looks at a tree.
    ///
    /// # Errors
    /// It has packaging that cannot be used, and the tree's settings do not ask for the bundled one.
    pub fn of(repo: &Repository, tree: Oid) -> Result<Self> {
        if asked(repo, tree)? == PackagingOf::Bundled {
            return Ok(Packaging::Bundled);
        }
        let all = repo.find_tree(tree)?;
        let env = text(repo, tree, ENV)?;
        if let Some(env) = &env {
            let dir = folder(env)?;
            if text(repo, tree, &format!("{dir}/config/annotations"))?.is_some() {
                return Ok(Packaging::Ubuntu { dir });
            }
        }
        let id = |path: &str| all.get_path(path.as_ref()).map(|entry| entry.id()).ok();
        if env.is_some() && id(ENV) == id(&format!("{SOURCE}/{ENV}")) {
            return Ok(Packaging::Bundled);
        }
        match other(repo, &all, env.as_deref())? {
            None => Ok(Packaging::Bundled),
            Some(why) => fail!(Input, "the tree has packaging that cannot be used: {why}";
                "{FORMATS}; to replace it with the bundled packaging, commit `packaging = \"bundled\"` in [workspace.metadata.fork] of {SETTINGS}"),
        }
    }

    /// Is it the vendor's?
    pub fn is_ubuntu(&self) -> bool {
        *self != Packaging::Bundled
    }

    /// The folder with rules, changelog and flavours.
    pub fn dir(&self) -> &str {
        match self {
            Packaging::Ubuntu { dir } => dir,
            Packaging::Bundled => "debian.master",
        }
    }
}

/// The setting of a tree that holds settings.
fn asked(repo: &Repository, tree: Oid) -> Result<PackagingOf> {
    match text(repo, tree, SETTINGS)?.filter(|text| text.contains("[workspace.metadata.fork")) {
        Some(text) => Ok(Settings::parse(&text)?.packaging),
        None => Ok(PackagingOf::Vendor),
    }
}

/// The packaging that is neither Ubuntu's with annotations nor the bundled one, and why it cannot be used.
fn other(repo: &Repository, tree: &Tree, env: Option<&str>) -> Result<Option<String>> {
    let has = |path: String| tree.get_path(path.as_ref()).is_ok();
    if let Some(dir) = env.map(folder).transpose()? {
        let fragments = fragments(repo, tree, &dir);
        return Ok(Some(match fragments.is_empty() {
            false => format!("{dir}/config has config fragments ({}) and no annotations", fragments.join(", ")),
            true => format!("{ENV} names {dir}, which has no config/annotations"),
        }));
    }
    for entry in tree.iter() {
        let Some(name) = entry.name() else { continue };
        if name == "debian" && entry.kind() != Some(ObjectType::Tree) {
            return Ok(Some("`debian` is not a directory".to_owned()));
        }
        if name == "debian" {
            if let Some(file) = OF_DEBIAN.iter().find(|file| has(format!("debian/{file}"))) {
                return Ok(Some(format!("there is debian/{file} and no {ENV}, so it is not Ubuntu's")));
            }
        }
        if name.starts_with("debian.") {
            if let Some(file) = OF_UBUNTU.iter().find(|file| has(format!("{name}/{file}"))) {
                return Ok(Some(format!("there is {name}/{file}, and no {ENV} that names {name}")));
            }
        }
    }
    Ok(None)
}

/// The config fragments that packaging of before FORMAT 4 has.
fn fragments(repo: &Repository, tree: &Tree, dir: &str) -> Vec<String> {
    let Ok(entry) = tree.get_path(format!("{dir}/config").as_ref()) else { return Vec::new() };
    let Ok(config) = repo.find_tree(entry.id()) else { return Vec::new() };
    config.iter().filter_map(|e| e.name().filter(|n| n.starts_with("config.")).map(str::to_owned)).collect()
}

/// The files below the folder `debian` of a tree.
///
/// # Errors
/// The tree cannot be read.
pub fn below_debian(repo: &Repository, tree: Oid) -> Result<Vec<String>> {
    let Ok(entry) = repo.find_tree(tree)?.get_path("debian".as_ref()) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    if entry.kind() == Some(ObjectType::Tree) {
        repo.find_tree(entry.id())?.walk(git2::TreeWalkMode::PreOrder, |at, entry| {
            if let (Some(name), false) = (entry.name(), entry.kind() == Some(ObjectType::Tree)) {
                found.push(format!("debian/{at}{name}"));
            }
            git2::TreeWalkResult::Ok
        })?;
    } else {
        found.push("debian".to_owned());
    }
    Ok(found)
}

/// The packaging folder that the text of `debian/debian.env` names.
///
/// # Errors
/// It names no folder that one could use.
pub fn folder(env: &str) -> Result<String> {
    let dir = env.lines().find_map(|l| l.trim().strip_prefix("DEBIAN=")).unwrap_or("").trim().to_owned();
    let good = dir.strip_prefix("debian.").is_some_and(|d| {
        !d.is_empty() && d.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c)) && !d.contains("..")
    });
    if !good {
        fail!(Input, "debian/debian.env names the packaging folder `{dir}`, which is none");
    }
    Ok(dir)
}

/// The text of a file in a tree, if it is there.
///
/// # Errors
/// It is not UTF-8.
pub fn text(repo: &Repository, tree: Oid, path: &str) -> Result<Option<String>> {
    let Ok(entry) = repo.find_tree(tree)?.get_path(path.as_ref()) else { return Ok(None) };
    if entry.kind() != Some(ObjectType::Blob) {
        return Ok(None);
    }
    match String::from_utf8(repo.find_blob(entry.id())?.content().to_vec()) {
        Ok(text) => Ok(Some(text)),
        Err(_) => fail!(Input, "{path} in the tree is not UTF-8"),
    }
}

/// As [`text`], for a file that has to be there.
///
/// # Errors
/// It is not there.
pub fn required(repo: &Repository, tree: Oid, path: &str) -> Result<String> {
    match text(repo, tree, path)? {
        Some(text) => Ok(text),
        None => fail!(Input, "the tree has no {path}"),
    }
}
