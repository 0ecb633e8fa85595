// SPDX-License-Identifier: GPL-2.0-only
//! What lintian says of packages, as findings: Debian policy beyond what a kernel needs to come up.
//!
//! `commands` calls it where the person asks. It unpacks the packages, so it comes after the checks that read
//! them as a stranger's.

use anyhow::Result;
use camino::Utf8PathBuf;
use xshell::cmd;

use super::finding::Finding;
use crate::effects::{Effects, Run};
use crate::error::Kind;

/// Asks lintian for errors; to it they are errors, to a set that is installed by hand they are remarks.
///
/// # Errors
/// It is not installed, or fails ([`Kind::Machine`]).
pub fn check(fx: &Effects, debs: &[Utf8PathBuf]) -> Result<Vec<Finding>> {
    let lintian = cmd!(
        fx.sh,
        "lintian --no-cfg --fail-on none --tag-display-limit 0 --color never --display-level error --allow-root"
    );
    let run = Run::from(lintian.args(debs)).or(Kind::Machine, "it is in the package lintian");
    let said = fx.read(run.watch(|line| fx.ui.progress(line)))?.text();
    Ok(said.lines().filter_map(finding).collect())
}

/// `E: PACKAGE: TAG more`, where the package may be followed by its kind.
fn finding(line: &str) -> Option<Finding> {
    let (package, tag) = line.strip_prefix("E: ")?.split_once(": ")?;
    let package = package.split(' ').next().unwrap_or(package);
    let name = tag.split(' ').next().unwrap_or(tag);
    let why = "Debian policy wants it otherwise";
    let mend = format!("lintian-explain-tags {name}");
    Some(Finding::error("lintian", package, tag.chars().take(200).collect(), why, mend).warning())
}

#[cfg(test)]
mod tests {
    use super::finding;

    #[test]
    fn lines() {
        let found = finding("E: linux-image-1: no-copyright-file").unwrap();
        assert_eq!((found.package.as_str(), found.what.as_str()), ("linux-image-1", "no-copyright-file"));
        assert_eq!(found.mend, "lintian-explain-tags no-copyright-file");
        let found = finding("E: linux source: bad-thing debian/x y").unwrap();
        assert_eq!((found.package.as_str(), found.what.as_str()), ("linux", "bad-thing debian/x y"));
        assert_eq!(finding("N: 3 hints"), None);
    }
}
