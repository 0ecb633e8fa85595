// SPDX-License-Identifier: GPL-2.0-only
//! Messages of commits, shown to the user or handed to git for the commit that a rebase has stopped at.
//!
//! git takes MERGE_MSG to be in `i18n.commitEncoding` and writes that into the commit's header. It does so for a
//! message that it could not convert too, and the commit's letters are wrong from then on: such a message is UTF-8
//! here, and so is its commit, with no header.

use anyhow::Result;
use camino::Utf8Path;
use git2::{Commit, Oid, Repository};

use crate::effects::{Effects, Session, Signed};

/// The first line of a commit's message.
pub fn summary(fx: &Effects, repo: &Repository, commit: Oid) -> String {
    let Ok(commit) = repo.find_commit(commit) else { return String::new() };
    let bytes = commit.summary_bytes().unwrap_or_default();
    let shown = Signed::of(&commit).and_then(|signed| fx.decoded(bytes, signed.encoding()));
    shown.unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned())
}

/// `message`, which is that of `commit`, as git has to find it in MERGE_MSG.
///
/// # Errors
/// The commit is malformed; iconv cannot be started.
pub fn for_git(fx: &Effects, root: &Utf8Path, commit: &Commit, message: &str) -> Result<Vec<u8>> {
    let signed = Signed::of(commit)?;
    if fx.exact(commit.message_bytes(), signed.encoding())?.is_none() {
        // In no encoding that anybody names: git takes the bytes as they are.
        return Ok(commit.message_bytes().to_vec());
    }
    Ok(match encoding(fx, root, &signed, message)? {
        Some(name) => fx.encoded(message, &name)?.unwrap_or_else(|| message.into()),
        None => message.into(),
    })
}

/// git's settings for committing what it is picking, `commit`, with the bytes of MERGE_MSG as they are by now.
///
/// # Errors
/// As [`for_git`].
pub fn settings(fx: &Effects, root: &Utf8Path, commit: &Commit, message: &[u8]) -> Result<Vec<String>> {
    let Ok(message) = std::str::from_utf8(message) else { return Ok(Vec::new()) };
    let utf8 = encoding(fx, root, &Signed::of(commit)?, message)?.is_none();
    Ok(if utf8 { vec!["i18n.commitEncoding=UTF-8".to_owned()] } else { Vec::new() })
}

/// The repository's encoding for new commits, if it has the letters of the message and of the author, whom git
/// converts with it.
fn encoding(fx: &Effects, root: &Utf8Path, signed: &Signed, message: &str) -> Result<Option<String>> {
    let Some(name) = fx.commit_encoding(root)? else { return Ok(None) };
    let author = fx.exact(signed.author, signed.encoding())?.unwrap_or_default();
    Ok(fx.encoded(&format!("{author}\n{message}"), &name)?.map(|_| name))
}

/// The commits that the user has made of a stopped one, oldest first, without headers that name an encoding which
/// their letters are not in: `git commit` writes one, whatever it finds in MERGE_MSG. The last of them, or `onto`.
///
/// # Errors
/// A commit is malformed; iconv cannot be started.
pub fn readable(fx: &Effects, session: &Session, onto: Oid, made: &[Oid]) -> Result<Oid> {
    let mut tip = onto;
    for id in made {
        let commit = session.repo.find_commit(*id)?;
        let signed = Signed::of(&commit)?;
        let fields = [signed.author, signed.committer, commit.message_bytes()];
        let Some(name) = signed.encoding().filter(|name| fields.iter().any(|f| is_utf8(fx, f, name))) else {
            let same = commit.parent_id(0)? == tip;
            let tree = commit.tree_id();
            tip = if same { *id } else { session.again(&signed, commit.message_bytes(), tree, &[tip])? };
            continue;
        };
        let mut texts = Vec::new();
        for field in fields {
            texts.push(match std::str::from_utf8(field) {
                Ok(text) => text.to_owned(),
                Err(_) => fx.decoded(field, Some(name))?,
            });
        }
        let signed = Signed { author: texts[0].as_bytes(), committer: texts[1].as_bytes(), encoding: None };
        tip = session.again(&signed, texts[2].as_bytes(), commit.tree_id(), &[tip])?;
    }
    Ok(tip)
}

/// Are the bytes UTF-8, with letters that the encoding lacks?
fn is_utf8(fx: &Effects, bytes: &[u8], encoding: &str) -> bool {
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.is_ascii());
    text.is_some_and(|text| fx.encoded(text, encoding).is_ok_and(|bytes| bytes.is_none()))
}
