// SPDX-License-Identifier: GPL-2.0-only
//! Making a fork branch out of its parts: R, the lab's commits, G.

use anyhow::Result;
use git2::{Oid, Repository, Signature, Time};

use super::history::GENERATED;
use super::overlay::{self, Files};
use crate::effects::Session;
use crate::error::{Failure, Kind};
use crate::formats::tag::Tag;

/// Who commits, from git's own configuration.
///
/// # Errors
/// git has not been told.
pub fn identity(repo: &Repository) -> Result<Signature<'static>> {
    repo.signature().map(|s| s.to_owned()).map_err(|e| {
        let hint = "`git config --global user.name NAME` and `git config --global user.email ADDRESS`";
        anyhow::Error::from(e).context(Failure::new(Kind::Machine, "git does not know who you are").hint(hint))
    })
}

/// The generated commit on top of `parent`. Its bytes follow from its inputs: the maintainer is a setting
/// and the date is the tag's, so it is the same whoever makes it.
///
/// # Errors
/// Those of git.
pub fn generated(session: &Session, maintainer: &str, tag: &Tag, time: i64, version: &str, parent: Oid, files: &Files) -> Result<Oid> {
    let tree = overlay::lay(session, session.repo.find_commit(parent)?.tree_id(), files)?;
    let (name, address) = maintainer.split_once(" <").unwrap_or((maintainer, ""));
    let who = Signature::new(name, address.trim_end_matches('>'), &Time::new(time, 0))?;
    let message = format!(
        "Generated: {version}\n\nMade from the flavours' fragments and metadata for {}.\n\
         Never edited by hand: `cargo xtask flavour regen` makes it anew.\n\n{GENERATED}: flavour\n",
        tag.name()
    );
    session.commit(&who, &who, &message, tree, &[parent])
}
