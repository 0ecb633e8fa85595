// SPDX-License-Identifier: GPL-2.0-only
//! Opening files that somebody else may have put there: another user, a sandbox, whoever made the packages.
//!
//! A pipe or device in the place of a file would keep an ordinary `open` or `read` for ever, signals or not. Here
//! neither waits, and reading ends with an interruption.

use std::io::{self, Read};
use std::time::Duration;

use anyhow::{Context, Result};
use camino::Utf8Path;
use fs_err::File;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use super::signals;
use crate::error::{Failure, Kind};

/// The largest file that is read whole: a configuration, a record, a small module.
pub(super) const LARGEST: u64 = 64 << 20;

/// Reads on until there is an interruption.
pub struct Interruptible<R>(pub R);

impl<R: Read> Read for Interruptible<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            going_on().map_err(io::Error::other)?;
            match self.0.read(buffer) {
                // A pipe whose writer has not written yet.
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(Duration::from_millis(20)),
                done => return done,
            }
        }
    }
}

/// Fails once the user has interrupted; for loops that start no program.
///
/// # Errors
/// As said ([`Kind::Interrupted`]).
pub fn going_on() -> Result<()> {
    if signals::interrupted() {
        fail!(Interrupted, "interrupted");
    }
    Ok(())
}

/// Opens a regular file. A link, pipe, device or directory in its place is refused.
///
/// # Errors
/// It is not there ([`io::ErrorKind::NotFound`]), or not a regular file ([`io::ErrorKind::InvalidInput`]).
pub fn open_plain(path: &Utf8Path) -> io::Result<Interruptible<File>> {
    plain(open(path, OFlags::RDONLY | OFlags::NOFOLLOW, Mode::empty())).map(Interruptible)
}

/// Opens a regular file to lock it, and `more`: over NFS a lock is only had on what is open for writing. A link, pipe,
/// device or directory in its place is refused.
///
/// # Errors
/// As [`open_plain`]; it cannot be written.
pub(super) fn open_lock(path: &Utf8Path, more: OFlags) -> io::Result<File> {
    plain(open(path, OFlags::WRONLY | OFlags::APPEND | OFlags::NOFOLLOW | more, Mode::from_raw_mode(0o666)))
}

fn plain(opened: rustix::io::Result<File>) -> io::Result<File> {
    let other = || io::Error::new(io::ErrorKind::InvalidInput, "not a regular file");
    let file = match opened {
        // A socket cannot be opened at all, and a pipe that nobody reads not for writing.
        Err(Errno::LOOP | Errno::NXIO | Errno::ISDIR) => return Err(other()),
        opened => opened?,
    };
    if !file.metadata()?.is_file() {
        return Err(other());
    }
    Ok(file)
}

/// Opens what the user names, through links, and a pipe such as `<(zcat /proc/config.gz)` too.
///
/// # Errors
/// It is not there.
pub fn open_given(path: &Utf8Path) -> io::Result<Interruptible<File>> {
    Ok(Interruptible(open(path, OFlags::RDONLY, Mode::empty())?))
}

/// The text of a file that the user names; what is not UTF-8 is for its parser to refuse.
///
/// # Errors
/// It is not there, or a directory.
pub fn text_given(path: &Utf8Path) -> Result<String> {
    let mut bytes = Vec::new();
    let read = open_given(path).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes));
    read.with_context(|| format!("cannot read {path}"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn open(path: &Utf8Path, how: OFlags, mode: Mode) -> rustix::io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY | how;
    let opened = rustix::fs::open(path.as_std_path(), flags, mode)?;
    // With its path, for errors of reading.
    Ok(File::from_parts(opened.into(), path))
}

/// Reads a file that anybody may have written: no link, no pipe, no device, and no more than memory can hold.
///
/// # Errors
/// It is not there, or something else.
pub fn read_plain(path: &Utf8Path) -> Result<Vec<u8>> {
    let name = path.file_name().unwrap_or_default();
    let mut bytes = Vec::new();
    match open_plain(path) {
        Ok(file) => {
            file.take(LARGEST + 1).read_to_end(&mut bytes).with_context(|| format!("cannot read {name}"))?;
            if bytes.len() as u64 <= LARGEST {
                return Ok(bytes);
            }
        }
        Err(e) if e.kind() == io::ErrorKind::InvalidInput => {}
        Err(e) => return Err(e).with_context(|| format!("cannot read {name}")),
    }
    fail!(Check, "{name} is no plain file of at most {} MB", LARGEST >> 20);
}

/// As [`read_plain`], for text; `None` where there is no such file.
pub fn text_plain(path: &Utf8Path) -> Option<String> {
    String::from_utf8(read_plain(path).ok()?).ok()
}

/// The SHA-256 of a regular file, in hexadecimal digits.
///
/// # Errors
/// As [`open_plain`]; there is an interruption.
pub fn digest_plain(path: &Utf8Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    io::copy(&mut io::BufReader::with_capacity(1 << 20, open_plain(path)?), &mut hash)?;
    Ok(format!("{:x}", hash.finalize()))
}

/// The failure of a command that was interrupted is the interruption, whatever the command made of it.
///
/// # Errors
/// That of `outcome`, as an interruption where there was one.
pub fn or_interrupted<T>(outcome: Result<T>) -> Result<T> {
    let interrupted =
        |e: &anyhow::Error| signals::interrupted() && crate::error::exit_code(e) != Kind::Interrupted as i32;
    outcome.map_err(|e| if interrupted(&e) { e.context(Failure::new(Kind::Interrupted, "interrupted")) } else { e })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A pipe that nobody writes, a device, links and a directory: nothing of it may be waited for.
    #[test]
    fn what_is_in_the_place_of_a_file_is_neither_waited_for_nor_followed() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| Utf8Path::from_path(dir.path()).unwrap().join(name);
        fs_err::write(at("file"), "text").unwrap();
        fs_err::create_dir(at("directory")).unwrap();
        symlink(at("file"), at("link")).unwrap();
        symlink("/dev/zero", at("zero")).unwrap();
        let fifo = |name: &str| {
            let (cwd, kind, mode) = (rustix::fs::CWD, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU);
            rustix::fs::mknodat(cwd, at(name).as_std_path(), kind, mode, 0).unwrap();
        };
        fifo("pipe");
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        let kind = |path: &Utf8Path| open_plain(path).err().map(|e| e.kind());
        assert_eq!(kind(&at("file")), None);
        for name in ["directory", "link", "zero", "pipe", "socket"] {
            assert_eq!(kind(&at(name)), Some(io::ErrorKind::InvalidInput), "{name}");
            assert_eq!(text_plain(&at(name)), None, "{name}");
        }
        for name in ["directory", "link", "zero", "pipe", "socket"] {
            let opened = open_lock(&at(name), OFlags::CREATE);
            assert_eq!(opened.err().map(|e| e.kind()), Some(io::ErrorKind::InvalidInput), "{name}");
        }
        assert_eq!(open_lock(&at("new"), OFlags::empty()).err().map(|e| e.kind()), Some(io::ErrorKind::NotFound));
        io::Write::write_all(&mut open_lock(&at("new"), OFlags::CREATE).unwrap(), b"more").unwrap();
        assert_eq!(fs_err::read_to_string(at("new")).unwrap(), "more");
        assert_eq!(kind(Utf8Path::new("/dev/null")), Some(io::ErrorKind::InvalidInput));
        assert_eq!(kind(&at("nothing")), Some(io::ErrorKind::NotFound));
        assert_eq!(text_given(&at("link")).unwrap(), "text");
        assert_eq!(text_given(&at("pipe")).unwrap(), "");
        // A pipe that is written in time is read whole.
        fifo("written");
        let mut reader = open_given(&at("written")).unwrap();
        let mut writer = fs_err::OpenOptions::new().write(true).open(at("written")).unwrap();
        let writing = std::thread::spawn(move || {
            for part in ["one ", "two"] {
                io::Write::write_all(&mut writer, part.as_bytes()).unwrap();
            }
        });
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        writing.join().unwrap();
        assert_eq!(text, "one two");
    }
}
