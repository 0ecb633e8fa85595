// SPDX-License-Identifier: GPL-2.0-only
//! What can go wrong, seen from the person's side: a kind (which is the exit code), one sentence, and a
//! hint that names the next command.
//!
//! Every module makes its errors with [`fail!`] or adds context with anyhow; only `main` prints them.

use std::fmt;
use std::io::ErrorKind;

use rustix::io::Errno;

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

/// What to do about a full disk. Which of the disks it is, the path says.
const FREE_ROOM: &str = "free room on the disk of that path and run it again";

/// The exit code for an error: that of the outermost [`Failure`] in its chain; a text that is not of its
/// format or a path that is not text is bad input; damaged objects are the repository's; a failed call of the
/// system is the machine's; what libgit2 finds wrong with a repository is the repository's; all else is a fault of
/// ours, 70.
pub fn exit_code(error: &anyhow::Error) -> i32 {
    kind(error).map_or(70, |kind| kind as i32)
}

/// The kind of an error; `None` is a fault of ours.
pub fn kind(error: &anyhow::Error) -> Option<Kind> {
    let behind = || match () {
        () if no_room(error) => Some(Kind::Machine),
        () if unreadable(error) => Some(Kind::Repository),
        () if error.downcast_ref::<FormatError>().is_some() || not_text(error) => Some(Kind::Input),
        () if system(error).is_some() => Some(Kind::Machine),
        () => of_git(error),
    };
    failure_in(error).map(|f| f.kind).or_else(behind)
}

/// The kind of the failed call of the system that is behind it.
fn system(error: &anyhow::Error) -> Option<ErrorKind> {
    error.chain().find_map(|cause| {
        let io = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        io.or_else(|| cause.downcast_ref::<Errno>().map(|errno| std::io::Error::from(*errno).kind()))
    })
}

/// Is a full disk behind it? That can happen wherever anything is written.
fn no_room(error: &anyhow::Error) -> bool {
    matches!(system(error), Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded))
}

/// Is a path or a text that is not UTF-8 behind it?
fn not_text(error: &anyhow::Error) -> bool {
    error.chain().any(|c| c.is::<camino::FromPathBufError>() || c.is::<camino::FromPathError>())
}

/// Are objects of the repository behind it that are damaged, missing, or not what they should be?
fn unreadable(error: &anyhow::Error) -> bool {
    use git2::ErrorClass::{Indexer, Merge, Object, Odb, Tree, Zlib};
    error
        .chain()
        .filter_map(|c| c.downcast_ref::<git2::Error>())
        .any(|e| [Indexer, Merge, Object, Odb, Tree, Zlib].contains(&e.class()))
}

/// libgit2's error behind it, by whose it is: the machine's, or the repository's as `git status` would find it.
fn of_git(error: &anyhow::Error) -> Option<Kind> {
    use git2::ErrorClass::{Config, Filesystem, Index, Os, Reference, Repository, Worktree};
    use git2::ErrorCode::{Locked, NotFound};
    let git = error.chain().find_map(|c| c.downcast_ref::<git2::Error>())?;
    match git.class() {
        // Not found: an object of another kind than a tree or a commit says, too.
        _ if [Locked, NotFound].contains(&git.code()) => Some(Kind::Repository),
        Os | Filesystem => Some(Kind::Machine),
        Config | Index | Reference | Repository | Worktree => Some(Kind::Repository),
        _ => None,
    }
}

/// The hint of the outermost [`Failure`], else the one for what is behind it.
pub fn hint(error: &anyhow::Error) -> Option<&str> {
    if let Some(failure) = failure_in(error) {
        let hint = failure.hint.as_deref();
        // Whatever a caller expects to go wrong with a path, on a full disk it is that.
        let full = no_room(error) && !hint.is_some_and(|hint| hint.contains("free room"));
        return if full { Some(FREE_ROOM) } else { hint };
    }
    if unreadable(error) {
        return Some("`git fsck --full` says what is missing or damaged");
    }
    if of_git(error) == Some(Kind::Repository) {
        return Some("`git status` has to work; a `.lock` file of a git that was killed may be in the way");
    }
    match system(error)? {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Some(FREE_ROOM),
        ErrorKind::PermissionDenied => Some("`ls -ld` shows the owner and the mode of that path"),
        ErrorKind::NotFound | ErrorKind::NotADirectory => Some("is that path right?"),
        ErrorKind::ResourceBusy => Some("a mount point cannot be replaced: name a directory below it"),
        ErrorKind::ReadOnlyFilesystem => Some("use another file system, or mount this one read-write"),
        _ => None,
    }
}

/// anyhow finds a value that was attached as context at any depth, where walking `chain()` would not.
fn failure_in(error: &anyhow::Error) -> Option<&Failure> {
    error.downcast_ref::<Failure>()
}

/// The whole chain as one sentence, causes joined by `: `. A path is named once: a file operation that failed
/// names its own where no context has, and never a temporary file's.
pub fn sentence(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let io = cause.downcast_ref::<std::io::Error>();
        let mut cause = cause.to_string();
        if let Some(io) = io {
            let path = cause.split('`').nth(1).filter(|_| io.raw_os_error().is_none());
            if path.is_some_and(|path| text.contains(path)) {
                continue;
            }
            if let Some((why, path)) = cause.split_once(" at path \"") {
                let (dir, why) = (path.rsplit_once('/').map(|(dir, _)| dir), why.to_owned());
                cause =
                    dir.filter(|_| text.is_empty()).map_or(why.clone(), |dir| format!("cannot write in {dir}: {why}"));
            }
        }
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
    fn a_failed_call_of_the_system_is_the_machine_s_and_names_its_path() {
        let nothing = || fs_err::read("/nonexistent/file");
        let bare = anyhow::Error::from(nothing().unwrap_err());
        let named = nothing().context("cannot read /nonexistent/file").unwrap_err();
        for e in [bare, named] {
            let said = sentence(&e);
            assert_eq!((exit_code(&e), said.matches("/nonexistent/file").count()), (4, 1), "{said}");
            assert!(said.ends_with("No such file or directory (os error 2)"), "{said}");
        }
        let e = anyhow::Error::from(Errno::ROFS).context("cannot make x");
        assert_eq!((exit_code(&e), hint(&e).is_some()), (4, true));
        let e = tempfile::NamedTempFile::new_in("/nonexistent").context("cannot write in /nonexistent").unwrap_err();
        assert_eq!(sentence(&e), "cannot write in /nonexistent: No such file or directory (os error 2)");
        let e = anyhow::Error::from(tempfile::NamedTempFile::new_in("/nonexistent").unwrap_err());
        assert_eq!(sentence(&e), "cannot write in /nonexistent: No such file or directory (os error 2)");
        let e = Err::<(), _>(std::io::Error::from(ErrorKind::StorageFull)).context("cannot write x").unwrap_err();
        assert_eq!(exit_code(&e), 4);
        assert!(hint(&e).unwrap().contains("free room") && !hint(&e).unwrap().contains("KERNEL_FORK_CACHE"));
        let e = e.context(Failure::new(Kind::Machine, "cannot make x").hint("make its parent writable"));
        assert_eq!(hint(&e), Some(FREE_ROOM));
    }

    /// A line that was joined by hand has the next one's indentation in the middle of its sentence.
    #[test]
    fn no_message_has_a_gap() {
        for (path, text) in sources() {
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for line in code.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
                let gap = line.split_once("    ").map(|(before, after)| (before, after.trim_start()));
                let word = |c: char| c.is_alphanumeric() || c == '`';
                let found = gap.filter(|(before, after)| {
                    before.ends_with([';', ',', ':', '.', '`']) && before.contains('"') && after.starts_with(word)
                });
                assert_eq!(found, None, "{}", path.display());
            }
        }
    }

    /// The files of this program and their text.
    fn sources() -> Vec<(std::path::PathBuf, String)> {
        let mut found = Vec::new();
        let mut left = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
        while let Some(path) = left.pop() {
            if path.is_dir() {
                left.extend(fs_err::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                continue;
            }
            let text = fs_err::read_to_string(&path).unwrap_or_default();
            found.push((path, text));
        }
        found
    }

    /// `std::fs` does not say which file it was, nor do the methods of paths.
    #[test]
    fn every_file_operation_names_its_path() {
        for (path, text) in sources() {
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let found = [
                "use std::fs;",
                "use std::fs::",
                "std::fs::read",
                "std::fs::write",
                "std::fs::create_dir",
                ".read_dir_utf8()?",
                ".canonicalize_utf8()?",
                ".read_link()?",
                ".read_link_utf8()?",
                ".symlink_metadata()?",
                "entry.metadata()?",
            ];
            let found = found.iter().find(|words| code.contains(*words));
            assert_eq!(found, None, "{}: fs_err in its place, or a context that names the path", path.display());
        }
    }

    #[test]
    fn a_fault_of_ours_has_its_own_code() {
        assert_eq!(exit_code(&anyhow::anyhow!("oops")), 70);
    }
}
