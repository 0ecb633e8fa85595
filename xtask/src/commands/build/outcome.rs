// SPDX-License-Identifier: GPL-2.0-only
//! What stays of a build that did not end well.

use camino::{Utf8Path, Utf8PathBuf};

use crate::effects::Effects;
use crate::error::{exit_code, Failure, Kind};
use crate::formats::buildlog::{self, Fault};

/// How much of a log is shown where nothing in it is known to be an error.
const LAST_LINES: usize = 12;

/// Where the log of a failed build is.
pub fn failed_log(out: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{out}.failed.log"))
}

/// A failed build's log stays, beside where the packages would have been, and what it says first is what the
/// person gets to see.
pub fn failed(fx: &Effects, out: &Utf8Path, log: &Utf8Path, error: anyhow::Error) -> anyhow::Error {
    if exit_code(&error) == Kind::Interrupted as i32 {
        return error;
    }
    let said = text(log);
    let kept = failed_log(out);
    // There is none where the build was not started.
    if fx.rename(log, &kept).is_err() {
        return error;
    }
    if exit_code(&error) != Kind::Build as i32 {
        return error.context(format!("the build failed; its log is {kept}"));
    }
    buildlog::fault(&said).map_or_else(|| unknown(&said, &kept), |fault| told(&fault, &kept)).into()
}

/// The failure where the log has none of the words that are known. What ended the build is most often its last.
fn unknown(said: &str, log: &Utf8Path) -> Failure {
    let lines: Vec<&str> = said.lines().collect();
    let mut message = format!("the build failed; the end of {log} is:");
    for line in &lines[lines.len().saturating_sub(LAST_LINES)..] {
        message.push_str(&format!("\n  | {line}"));
    }
    Failure::new(Kind::Build, message)
        .hint("the first `error:` or `Error` in the log is most often the one that counts")
}

fn told(fault: &Fault, log: &Utf8Path) -> Failure {
    let mut message = String::from("the build failed");
    for (what, name) in [(" in", &fault.command), (" at", &fault.target)] {
        if let Some(name) = name {
            message.push_str(&format!("{what} `{name}`"));
        }
    }
    message.push_str(&format!("; the error is line {} of {log}:", fault.line));
    for line in &fault.context {
        message.push_str(&format!("\n  | {line}"));
    }
    let unknown = "the whole log is there; the packages of earlier builds are as they were";
    Failure::new(Kind::Build, message).hint(fault.remedy.unwrap_or(unknown))
}

/// Did the build of this log come to its end with nothing of it killed?
pub fn by_itself(log: &Utf8Path) -> bool {
    buildlog::ended_by_itself(&text(log))
}

fn text(log: &Utf8Path) -> String {
    String::from_utf8_lossy(&fs_err::read(log).unwrap_or_default()).into_owned()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::Ui;

    #[test]
    fn a_log_that_names_no_error_is_kept_and_the_kept_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let (log, out) = (dir.join("scratch/build.log"), dir.join("packages"));
        fs_err::create_dir(dir.join("scratch")).unwrap();
        fs_err::write(&log, format!("$ sbuild\n{}E: the chroot went away\n", "a line\n".repeat(40))).unwrap();
        let fx = Effects::new(Ui::new(false), false).unwrap();
        let error = Failure::new(Kind::Build, format!("`sbuild` failed ({log})")).hint(log.as_str());
        let error = failed(&fx, &out, &log, error.into());
        let all = format!("{error:#} {}", crate::error::hint(&error).unwrap());
        assert!(!all.contains("scratch") && all.contains("packages.failed.log"), "{all}");
        assert!(all.contains("| E: the chroot went away") && all.lines().count() == 13, "{all}");
        assert_eq!(exit_code(&error), 6);
        assert!(failed_log(&out).exists());
    }
}
