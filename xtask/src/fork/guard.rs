// SPDX-License-Identifier: GPL-2.0-only
//! The push guard: a pre-push hook that refuses what would carry the vendor's history along.
//!
//! A shell script and no call of this tool: a push may come while the work tree holds something else.

use anyhow::{Context, Result};
use camino::Utf8Path;
use git2::Repository;

use crate::effects::Effects;

const HOOK: &str = include_str!("pre-push");
/// The line by which our own hook is known.
const MARK: &str = "# Push guard of the kernel fork";

/// Sets the hook, unless the person has one of their own.
///
/// # Errors
/// The git directory cannot be written.
pub fn set(fx: &Effects, repo: &Repository) -> Result<()> {
    if repo.config()?.get_string("core.hooksPath").is_ok() {
        fx.ui.note("core.hooksPath is set: the push guard is not (xtask/src/fork/pre-push has it).");
        return Ok(());
    }
    let hooks = Utf8Path::from_path(repo.commondir()).context("the repository's path is not UTF-8")?.join("hooks");
    let hook = hooks.join("pre-push");
    if fs_err::read_to_string(&hook).is_ok_and(|text| !text.contains(MARK)) {
        fx.ui.note("There is a pre-push hook already: the push guard is not set (xtask/src/fork/pre-push has it).");
        return Ok(());
    }
    fx.create_dir(&hooks)?;
    fx.write_program(&hook, HOOK)?;
    Ok(())
}
