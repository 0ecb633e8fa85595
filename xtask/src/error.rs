// SPDX-License-Identifier: GPL-2.0-only
//! What can go wrong, seen from the person's side: a kind (which is the exit code), one sentence, and a
//! hint that names the next command.
//!
//! Every module makes its errors with [`fail!`] or adds context with anyhow; only `main` prints them.

use std::fmt;

use crate::formats::FormatError;

/// The kind of a failure. Its number is the process's exit code and part of the interface (README,
/// "When it breaks"): never renumber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A check was made and said no (`flavour check`, a failing test).
    Check = 1,
    /// What the person gave is wrong: a tag, a flavour, a setting. (2 is clap's, for usage.)
    Input = 3,
    /// This machine lacks something: a program, a subuid range, room on the disk.
    Machine = 4,
    /// Something could not be fetched.
    Network = 5,
    /// A build was started and did not succeed.
    Build = 6,
    /// The repository is in a state that the command will not touch.
    Repository = 7,
    /// A kernel panicked, or ended without a word.
    Panic = 8,
    /// A kernel said nothing for too long, or did not come to an end.
    Hang = 9,
    /// Another kernel came up than the one that was to be proved.
    WrongKernel = 10,
    /// Ended by Ctrl-C or SIGTERM.
    Interrupted = 130,
}

/// An error with a kind and a hint; sits anywhere in an `anyhow` chain.
#[derive(Debug)]
pub struct Failure {
    pub kind: Kind,
    pub message: String,
    pub hint: Option<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl Failure {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The exit code for an error: that of the outermost [`Failure`] in its chain; a text that is not of its
/// format is bad input; a full disk is the machine's; all else is a fault of ours, 70.
pub fn exit_code(error: &anyhow::Error) -> i32 {
    let format = || error.downcast_ref::<FormatError>().map_or(70, |_| Kind::Input as i32);
    let other = || match () {
        () if no_room(error) => Kind::Machine as i32,
        () if unreadable(error) => Kind::Repository as i32,
        () => format(),
    };
    failure_in(error).map_or_else(other, |f| f.kind as i32)
}

/// Is a full disk behind it? That can happen wherever anything is written.
fn no_room(error: &anyhow::Error) -> bool {
    let full = [std::io::ErrorKind::StorageFull, std::io::ErrorKind::QuotaExceeded];
    // libgit2 hands on the words alone.
    let words = ["No space left on device", "Disk quota exceeded"];
    let io = |c: &(dyn std::error::Error + 'static)| {
        c.downcast_ref::<std::io::Error>().is_some_and(|e| full.contains(&e.kind()))
    };
    let git = |c: &(dyn std::error::Error + 'static)| {
        c.downcast_ref::<git2::Error>().is_some_and(|e| words.iter().any(|w| e.message().contains(w)))
    };
    error.chain().any(|c| io(c) || git(c))
}

/// Are objects of the repository damaged or missing behind it?
fn unreadable(error: &anyhow::Error) -> bool {
    use git2::ErrorClass::{Indexer, Object, Odb, Zlib};
    error
        .chain()
        .filter_map(|c| c.downcast_ref::<git2::Error>())
        .any(|e| [Indexer, Object, Odb, Zlib].contains(&e.class()))
}

/// The hint of the outermost [`Failure`].
pub fn hint(error: &anyhow::Error) -> Option<&str> {
    let room = || {
        no_room(error)
            .then_some("free room on that disk and run it again; KERNEL_FORK_CACHE puts the cache on another one")
    };
    let fsck = || unreadable(error).then_some("`git fsck --full` says what is missing or damaged");
    failure_in(error).map_or_else(|| room().or_else(fsck), |f| f.hint.as_deref())
}

/// anyhow finds a value that was attached as context at any depth, where walking `chain()` would not.
fn failure_in(error: &anyhow::Error) -> Option<&Failure> {
    error.downcast_ref::<Failure>()
}

/// The whole chain as one sentence, causes joined by `: `.
pub fn sentence(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.ends_with(&cause) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause);
    }
    text
}

/// `fail!(Input, "unknown flavour `{f}`"; "hint: …")` is an `Err` with a [`Failure`].
#[macro_export]
macro_rules! fail {
    ($kind:ident, $fmt:literal $(, $arg:expr)* ; $($hint:tt)+) => {
        return Err($crate::error::Failure::new($crate::error::Kind::$kind, format!($fmt $(, $arg)*))
            .hint(format!($($hint)+)).into())
    };
    ($kind:ident, $($msg:tt)+) => {
        return Err($crate::error::Failure::new($crate::error::Kind::$kind, format!($($msg)+)).into())
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    fn failing() -> anyhow::Result<()> {
        fail!(Input, "unknown flavour `{}`", "x"; "see `cargo xtask flavour list`")
    }

    #[test]
    fn kind_and_hint_survive_context() {
        let e = failing().context("cannot build").unwrap_err();
        assert_eq!(exit_code(&e), 3);
        assert_eq!(hint(&e), Some("see `cargo xtask flavour list`"));
        assert_eq!(sentence(&e), "cannot build: unknown flavour `x`");
    }

    #[test]
    fn a_failure_as_context_counts_too() {
        let cause: anyhow::Error = std::fmt::Error.into();
        let e = cause.context(Failure::new(Kind::Network, "no answer").hint("try again")).context("cannot fetch");
        assert_eq!((exit_code(&e), hint(&e)), (5, Some("try again")));
    }

    #[test]
    fn a_full_disk_is_no_fault_of_ours() {
        let e =
            Err::<(), _>(std::io::Error::from(std::io::ErrorKind::StorageFull)).context("cannot write x").unwrap_err();
        assert_eq!(exit_code(&e), 4);
        assert!(hint(&e).unwrap().contains("free room"));
    }

    #[test]
    fn a_disk_that_is_full_for_libgit2_is_the_machine_s() {
        let told = "failed to write chunk: No space left on device";
        let e = git2::Error::new(git2::ErrorCode::GenericError, git2::ErrorClass::Odb, told);
        let e = anyhow::Error::from(e).context("cannot write objects");
        assert_eq!(exit_code(&e), 4);
        assert!(hint(&e).unwrap().contains("free room"));
    }

    #[test]
    fn a_fault_of_ours_has_its_own_code() {
        assert_eq!(exit_code(&anyhow::anyhow!("oops")), 70);
    }
}
