// SPDX-License-Identifier: GPL-2.0-only
//! Entries of the archives in a package, as dpkg reads them, with every path inside of the package.
//!
//! Reached through `deb`. A long name is read here and not by `tar`, which keeps all of it in memory.

use std::collections::HashSet;
use std::io::Read;

use tar::{EntryType, Header};

use super::error::DebError;

/// Linux's PATH_MAX.
const LONGEST_NAME: u64 = 4096;
/// Generic's headers and modules have 35,000 entries together.
const MOST_ENTRIES: usize = 1_000_000;
/// Bytes of all the names together.
const MOST_NAMES: usize = 64 << 20;

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Kind {
    File,
    Directory,
    /// As it stands in the package: absolute, or relative to its own directory.
    Symlink(String),
    /// The path of another entry.
    Hardlink(String),
    Device,
    Fifo,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Without `./` or `/` before it; empty for the top.
    pub path: String,
    pub kind: Kind,
    /// Permission bits, those of set-id included.
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    /// Seconds since 1970.
    pub mtime: u64,
    /// Bytes of a file's content.
    pub size: u64,
}

/// Goes through an archive.
///
/// # Errors
/// Whatever is wrong with it, and what `visit` says.
pub(super) fn each<R: Read>(
    reader: R,
    at: &'static str,
    visit: &mut dyn FnMut(Entry, &mut dyn Read) -> Result<(), DebError>,
) -> Result<(), DebError> {
    let io = |e| DebError::from_io(e, at);
    let mut archive = tar::Archive::new(reader);
    let mut names = Names::default();
    let (mut long_name, mut long_link) = (None, None);
    for entry in archive.entries().map_err(io)?.raw(true) {
        let mut entry = entry.map_err(io)?;
        let header = entry.header().clone();
        let size = header.entry_size().map_err(io)?;
        let own = || String::from_utf8_lossy(&header.path_bytes()).into_owned();
        let kind = match header.entry_type() {
            EntryType::GNULongName => {
                long_name = Some(long(&mut entry, size, at)?);
                continue;
            }
            EntryType::GNULongLink => {
                long_link = Some(long(&mut entry, size, at)?);
                continue;
            }
            other => other,
        };
        let path = long_name.take().unwrap_or_else(own);
        let link = header.link_name_bytes().map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default();
        let link = long_link.take().unwrap_or(link);
        let kind = match kind {
            EntryType::Regular => Kind::File,
            EntryType::Directory => Kind::Directory,
            EntryType::Symlink => Kind::Symlink(link),
            EntryType::Link => Kind::Hardlink(link),
            EntryType::Char | EntryType::Block => Kind::Device,
            EntryType::Fifo => Kind::Fifo,
            _ => return Err(DebError::Entry { path, what: "an entry of a kind that dpkg does not read" }),
        };
        if let Some(what) = read_otherwise(&header, &path, &kind, size) {
            return Err(DebError::Entry { path, what });
        }
        let entry_of = Entry {
            path: names.check(&path, &kind)?,
            kind,
            mode: header.mode().map_err(io)? & 0o7777,
            uid: header.uid().map_err(io)?,
            gid: header.gid().map_err(io)?,
            mtime: header.mtime().map_err(io)?,
            size,
        };
        visit(entry_of, &mut entry)?;
    }
    Ok(())
}

/// What dpkg and the crate `tar` would take for different paths or different entries, of which no packer makes any.
fn read_otherwise(header: &Header, path: &str, kind: &Kind, size: u64) -> Option<&'static str> {
    match kind {
        // dpkg puts prefix and name together whatever the version is.
        _ if header.as_bytes()[257..263] == *b"ustar\0" && header.as_ustar().is_none() => {
            Some("an entry of a version of tar's format that nobody writes")
        }
        // dpkg refuses it, with the entries before it unpacked.
        _ if path.is_empty() => Some("an entry without a name"),
        // dpkg sees a directory, and the next entry in its content.
        Kind::File if path.ends_with('/') => Some("a file with the name of a directory"),
        Kind::File => None,
        _ if size > 0 => Some("an entry with content that is no file"),
        _ => None,
    }
}

fn long(reader: &mut dyn Read, size: u64, at: &'static str) -> Result<String, DebError> {
    if size > LONGEST_NAME {
        return Err(DebError::TooMany("bytes in a name"));
    }
    let mut name = Vec::new();
    reader.take(size).read_to_end(&mut name).map_err(|e| DebError::from_io(e, at))?;
    let end = name.iter().position(|b| *b == 0).unwrap_or(name.len());
    Ok(String::from_utf8_lossy(&name[..end]).into_owned())
}

/// The paths so far. A link that an earlier entry made must not be what a later one goes through.
#[derive(Default)]
struct Names {
    links: HashSet<String>,
    count: usize,
    bytes: usize,
}

impl Names {
    fn check(&mut self, path: &str, kind: &Kind) -> Result<String, DebError> {
        self.count += 1;
        self.bytes += path.len();
        if self.count > MOST_ENTRIES {
            return Err(DebError::TooMany("entries"));
        }
        if self.bytes > MOST_NAMES {
            return Err(DebError::TooMany("bytes of names"));
        }
        let out = || DebError::Traversal(path.to_owned());
        let clean = inside(path).ok_or_else(out)?;
        let through = |at: usize| self.links.contains(&clean[..at]);
        if clean.match_indices('/').any(|(at, _)| through(at)) || self.links.contains(&clean) {
            return Err(out());
        }
        let link_out = |target: &str| DebError::LinkOut { path: clean.clone(), target: target.to_owned() };
        match kind {
            Kind::Symlink(target) => {
                resolve(&clean, target).ok_or_else(|| link_out(target))?;
                self.links.insert(clean.clone());
            }
            Kind::Hardlink(target) => {
                let inside = inside(target).ok_or_else(|| link_out(target))?;
                if inside.match_indices('/').any(|(at, _)| self.links.contains(&inside[..at])) {
                    return Err(link_out(target));
                }
            }
            _ => {}
        }
        Ok(clean)
    }
}

/// The path without `.` and empty parts; `None` where it is absolute, goes upwards, or holds a control
/// character.
fn inside(path: &str) -> Option<String> {
    if path.starts_with('/') || path.chars().any(char::is_control) {
        return None;
    }
    let parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty() && *p != ".").collect();
    (!parts.contains(&"..")).then(|| parts.join("/"))
}

/// Where a symbolic link at `path` leads, seen from the root and without a `/` before it; `None` where it
/// goes up beyond the root, or holds a control character.
pub fn resolve(path: &str, target: &str) -> Option<String> {
    if target.is_empty() || target.chars().any(char::is_control) {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    if !target.starts_with('/') {
        parts.extend(path.split('/'));
        parts.pop();
    }
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
