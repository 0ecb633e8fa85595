// SPDX-License-Identifier: GPL-2.0-only
//! Making a fork branch out of its parts: R, the lab's commits, G.

use anyhow::{Context, Result};
use camino::Utf8Path;
use git2::{Oid, Signature, Time};

use super::history::GENERATED;
use super::overlay::{self, Files};
use crate::effects::{Effects, Run, Session};
use crate::error::Kind;
use crate::formats::tag::Tag;

/// Who commits, now: as git itself would sign, with its configuration and environment.
///
/// # Errors
/// git has not been told.
pub fn identity(fx: &Effects, dir: &Utf8Path) -> Result<Signature<'static>> {
    let hint = "`git config --global user.name NAME` and `git config --global user.email ADDRESS`";
    let said = fx.read(Run::from(fx.git(dir).args(["var", "GIT_COMMITTER_IDENT"])).or(Kind::Machine, hint))?.text();
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

/// The generated commit on top of `parent`. Its bytes follow from its inputs: the maintainer is a setting
/// and the date is the tag's, so it is the same whoever makes it.
///
/// # Errors
/// Those of git.
pub fn generated(
    session: &Session,
    maintainer: &str,
    tag: &Tag,
    time: i64,
    version: &str,
    parent: Oid,
    files: &Files,
) -> Result<Oid> {
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
