// SPDX-License-Identifier: GPL-2.0-only
//! The files of the generated commit, from a tree that has none of them yet.
//!
//! Everything comes out of the tree (the settings too) and the tag: no clock, no user, no file of this
//! machine. The caller lays the result over the tree.

use anyhow::Result;
use git2::Repository;

use super::packaging::{required, Packaging};
use super::target::{self, Inputs, Made};
use super::{bundled, inputs, ubuntu};
use crate::effects::Effects;
use crate::settings::Settings;

/// Makes the files.
///
/// # Errors
/// A flavour's files are missing or wrong; the tree is not the tag's; Kconfig refuses a symbol.
pub fn generate(fx: &Effects, repo: &Repository, of: &Inputs) -> Result<Made> {
    let tree = of.tree;
    let settings = Settings::parse(&required(repo, tree, "Cargo.toml")?)?;
    let targets = target::all(repo, tree, &settings)?;
    let made = match Packaging::of(repo, tree)? {
        Packaging::Bundled => bundled::generate(fx, repo, of, &settings, &targets),
        Packaging::Ubuntu { dir } => ubuntu::generate(fx, repo, of, &settings, &targets, &dir),
    }?;
    Ok(Made { inputs: inputs::digest(repo, of)?.to_string(), ..made })
}
