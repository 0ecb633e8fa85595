// SPDX-License-Identifier: GPL-2.0-only
//! What can be wrong with a `.deb` file as a file, each its own value.
//!
//! `packages` turns one into a finding, and the finding's name is the value's. It must never carry more of
//! the file than fits on a line.

use std::fmt;
use std::io;

use super::super::FormatError;

/// A package that cannot be trusted to be unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DebError {
    /// It does not begin as an `ar` archive with a `debian-binary` member of version 2.
    NotDeb(String),
    /// It ends before its parts do.
    Truncated(&'static str),
    /// Its members are not `debian-binary`, `control.tar.*` and `data.tar.*` in this order.
    Layout(String),
    /// What it is packed with is none that dpkg reads, or asks for too much memory.
    Compression(String),
    /// It unpacks to more than its size can honestly hold.
    Bomb { unpacked: u64, packed: u64 },
    /// More entries, or longer names, than any package has.
    TooMany(&'static str),
    /// A file of the control area that is larger than any honest one.
    HugeControl { name: String, size: u64 },
    /// A path that is absolute, goes upwards, or goes through a symbolic link of the package.
    Traversal(String),
    /// A symbolic or hard link to somewhere outside of the package.
    LinkOut { path: String, target: String },
    /// An entry that the archive format has and a package must not.
    Entry { path: String, what: &'static str },
    /// A stream that cannot be unpacked, a header whose checksum is wrong.
    Corrupt(String),
    /// The control file is none.
    Control(FormatError),
}

impl DebError {
    /// The name of its kind, stable: findings and scripts go by it.
    pub fn name(&self) -> &'static str {
        match self {
            DebError::NotDeb(_) => "not-a-package",
            DebError::Truncated(_) => "truncated",
            DebError::Layout(_) => "layout",
            DebError::Compression(_) => "compression",
            DebError::Bomb { .. } => "bomb",
            DebError::TooMany(_) => "too-many",
            DebError::HugeControl { .. } => "huge-control",
            DebError::Traversal(_) => "traversal",
            DebError::LinkOut { .. } => "link-out",
            DebError::Entry { .. } => "entry",
            DebError::Corrupt(_) => "corrupt",
            DebError::Control(_) => "control",
        }
    }

    /// The path in the package that it is about.
    pub fn path(&self) -> Option<&str> {
        match self {
            DebError::Traversal(path) | DebError::LinkOut { path, .. } | DebError::Entry { path, .. } => Some(path),
            DebError::HugeControl { name, .. } => Some(name),
            _ => None,
        }
    }

    /// What an `io::Error` of the layers below says: our own errors pass through them, wrapped or not.
    pub fn from_io(error: io::Error, at: &'static str) -> Self {
        let mut truncated = error.kind() == io::ErrorKind::UnexpectedEof;
        let mut cause = error.get_ref().map(|e| e as &(dyn std::error::Error + 'static));
        while let Some(e) = cause {
            if let Some(own) = e.downcast_ref::<DebError>() {
                return own.clone();
            }
            let inner = e.downcast_ref::<io::Error>();
            truncated |= inner.is_some_and(|i| i.kind() == io::ErrorKind::UnexpectedEof);
            truncated |= e.to_string().contains("unexpected EOF") || e.to_string().contains("entire block");
            cause = match inner.and_then(io::Error::get_ref) {
                Some(wrapped) => Some(wrapped as &(dyn std::error::Error + 'static)),
                None => e.source(),
            };
        }
        if truncated {
            DebError::Truncated(at)
        } else {
            DebError::Corrupt(format!("{at}: {error}"))
        }
    }
}

impl fmt::Display for DebError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names come from the package: escapes in them must not reach a terminal.
        let text = |t: &str| FormatError::new(t, "").to_string().trim_start_matches(": ").to_owned();
        match self {
            DebError::NotDeb(why) => write!(f, "no Debian package: {why}"),
            DebError::Truncated(at) => write!(f, "it ends in the middle of {at}"),
            DebError::Layout(why) => write!(f, "its parts are not those of a package: {why}"),
            DebError::Compression(why) => f.write_str(why),
            DebError::Bomb { unpacked, packed } => {
                write!(f, "{packed} bytes unpack to {unpacked} and more, which no honest package does")
            }
            DebError::TooMany(what) => write!(f, "it has more {what} than any package"),
            DebError::HugeControl { name, size } => write!(f, "the control file {} has {size} bytes", text(name)),
            DebError::Traversal(path) => write!(f, "{} would be unpacked outside of the package", text(path)),
            DebError::LinkOut { path, target } => {
                write!(f, "{} is a link out of the package, to {}", text(path), text(target))
            }
            DebError::Entry { path, what } => write!(f, "{} is {what}", text(path)),
            DebError::Corrupt(why) => write!(f, "it is damaged: {why}"),
            DebError::Control(e) => write!(f, "its control file is none: {e}"),
        }
    }
}

impl std::error::Error for DebError {}
