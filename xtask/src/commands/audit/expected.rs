// SPDX-License-Identifier: GPL-2.0-only
//! What the repository, and the record that lies beside packages, say that they should be.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use git2::{Oid, Repository};

use crate::build::metadata::Metadata;
use crate::effects::{repository, text_given};
use crate::flavour::packaging::{self, Packaging};
use crate::flavour::ubuntu;
use crate::formats::config::Config;
use crate::packages::audit::{releases, Annotated, Expected};
use crate::packages::set::Set;
use crate::workspace::{fragment_path, Workspace};

/// Of a set, and the record beside it.
///
/// # Errors
/// The record is none, or names a commit whose files cannot be read.
pub fn expected(workspace: &Workspace, record: Option<Metadata>, set: &Set) -> Result<Expected> {
    let mut expected = Expected::default();
    let repo = repository(&workspace.root)?;
    let built = record.as_ref().and_then(|r| repo.find_commit(Oid::from_str(&r.commit).ok()?).ok());
    let built = built.map(|commit| commit.tree_id());
    if let Some(record) = record {
        if let Some(tree) = built {
            let of = (&record.architecture, &record.from_compiler);
            expected.annotations.extend(annotated(&repo, tree, &record.flavour, of.0, of.1)?);
        }
        expected.architecture = Some(record.architecture);
    }
    for release in releases(set) {
        if workspace.settings.flavours.contains_key(&release.flavour) {
            let (text, place) = fragment(workspace, &repo, built, &release.flavour)?;
            expected.fragments.insert(release.flavour, Config::parse(&text).context(place)?);
        }
    }
    Ok(expected)
}

/// What the annotations of a tree say of a flavour, where it has any.
///
/// # Errors
/// They cannot be read.
pub fn annotated(
    repo: &Repository,
    tree: Oid,
    flavour: &str,
    architecture: &str,
    from_compiler: &BTreeMap<String, String>,
) -> Result<Option<(String, Annotated)>> {
    let Packaging::Ubuntu { dir } = Packaging::of(repo, tree)? else { return Ok(None) };
    let annotations = ubuntu::read(repo, tree, &format!("{dir}/config/annotations"))?;
    let (architecture, from_compiler) = (architecture.to_owned(), from_compiler.keys().cloned().collect());
    Ok(Some((flavour.to_owned(), Annotated { annotations, architecture, from_compiler })))
}

/// The fragment as it was in the tree that was built, where that is here; else as it lies. And its place.
fn fragment(workspace: &Workspace, repo: &Repository, built: Option<Oid>, flavour: &str) -> Result<(String, String)> {
    let path = fragment_path(flavour);
    if let Some(tree) = built {
        return Ok((packaging::required(repo, tree, &path)?, path));
    }
    let path = workspace.root.join(path);
    Ok((text_given(&path)?, path.into_string()))
}
