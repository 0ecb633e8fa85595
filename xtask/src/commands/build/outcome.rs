// SPDX-License-Identifier: GPL-2.0-only
//! What stays of a build that did not end well.

use camino::{Utf8Path, Utf8PathBuf};

use crate::effects::Effects;

/// Where the log of a failed build is.
pub fn failed_log(out: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{out}.failed.log"))
}

/// A failed build's log stays, beside where the packages would have been.
pub fn keep_log(fx: &Effects, out: &Utf8Path, log: &Utf8Path, error: anyhow::Error) -> anyhow::Error {
    let kept = failed_log(out);
    match fx.rename(log, &kept) {
        Ok(_) => error.context(format!("the build failed; its log is {kept}")),
        Err(_) => error,
    }
}

/// Where packages that did not pass are.
pub fn refused(out: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{out}.refused"))
}

/// Packages that fail the audit took as long to build as good ones: they stay to be looked at, under a name
/// that nobody installs from.
pub fn keep_refused(fx: &Effects, out: &Utf8Path, fresh: &Utf8Path, error: anyhow::Error) -> anyhow::Error {
    let kept = refused(out);
    match fx.replace_dir(fresh, &kept) {
        Ok(_) => error.context(format!("the build ended well and its packages did not pass; they are in {kept}")),
        Err(_) => error,
    }
}
