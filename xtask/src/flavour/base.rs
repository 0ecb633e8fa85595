// SPDX-License-Identifier: GPL-2.0-only
//! The vendor's flavour that one of the fork's starts from.
//!
//! `generic` in the settings is the vendor's main flavour. Derivatives (aws, raspi, nvidia) have none of that name:
//! there it is the first flavour that the architecture's rules build. Everybody who reads a base asks here.

use anyhow::{Context, Result};
use git2::{Oid, Repository};

use super::packaging::required;
use crate::formats::annotations::Annotations;
use crate::formats::rules_mk;
use crate::settings::TINY;

/// The main flavour of the vendor's, where its packaging names it so.
pub const GENERIC: &str = "generic";

/// The flavour that `base` is for `arch` in a tree with Ubuntu's packaging in `dir`; of `tiny`, the one whose rules
/// and toolchain it shares.
///
/// # Errors
/// The vendor has no such flavour for the architecture.
pub fn of(
    repo: &Repository,
    tree: Oid,
    dir: &str,
    annotations: &Annotations,
    arch: &str,
    base: &str,
) -> Result<String> {
    let path = format!("{dir}/rules.d/{arch}.mk");
    let built = rules_mk::flavours(&required(repo, tree, &path)?).with_context(|| path.clone())?;
    let known = |flavour: &&String| annotations.flavours().contains(&format!("{arch}-{flavour}"));
    let there: Vec<&String> = built.iter().filter(known).collect();
    let wanted = if base == TINY { GENERIC } else { base };
    let found = there.iter().find(|flavour| **flavour == wanted);
    match found.or(there.first().filter(|_| wanted == GENERIC)) {
        Some(flavour) => Ok((*flavour).clone()),
        None if there.is_empty() => {
            fail!(Input, "none of the flavours that {path} builds ({}) is in the annotations", built.join(", ");
                "they have {}", annotations.flavours().join(", "))
        }
        None => {
            let there: Vec<&str> = there.iter().map(|flavour| flavour.as_str()).collect();
            fail!(Input, "there is no flavour `{base}` for {arch} to start from";
                "take {} or {TINY}: `NAME = {{ base = \"{}\" }}` in [workspace.metadata.fork.flavours]", there.join(", "), there[0])
        }
    }
}
