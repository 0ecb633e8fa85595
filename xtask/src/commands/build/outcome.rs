// SPDX-License-Identifier: GPL-2.0-only
//! What stays of a build that did not end well.

use camino::{Utf8Path, Utf8PathBuf};

use crate::effects::Effects;
use crate::error::{exit_code, Failure, Kind};
use crate::formats::buildlog::{self, Fault};

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
    if fx.rename(log, &kept).is_err() {
        return error;
    }
    match buildlog::fault(&said).filter(|_| exit_code(&error) == Kind::Build as i32) {
        Some(fault) => told(&fault, &kept).into(),
        None => error.context(format!("the build failed; its log is {kept}")),
    }
}

fn told(fault: &Fault, log: &Utf8Path) -> Failure {
    let mut message = String::from("the build failed");
    for (what, name) in [(" in", &fault.command), (" at", &fault.target)] {
        if let Some(name) = name {
            message.push_str(&format!("{what} `{name}`"));
        }
    }
    message.push_str(&format!("; line {} of {log} is the first that says so:", fault.line));
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
    String::from_utf8_lossy(&std::fs::read(log).unwrap_or_default()).into_owned()
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
