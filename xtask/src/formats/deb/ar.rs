// SPDX-License-Identifier: GPL-2.0-only
//! The outer archive of a `.deb`: `ar` in the form that deb(5) allows, which is members with short names.
//!
//! Reached through `deb`. It must never read past the end of a member.

use std::io::Read;

use super::error::DebError;

const MAGIC: &[u8] = b"!<arch>\n";
const HEADER: usize = 60;

/// The members one after another; what is left of one is skipped before the next.
pub(super) struct Ar<R> {
    inner: R,
    /// Bytes from here to the end of the file.
    left: u64,
    /// Bytes of the current member not read yet, and its padding.
    member: u64,
    padding: u64,
}

/// The name and size of a member.
pub(super) struct Member {
    pub name: String,
    pub size: u64,
}

impl<R: Read> Ar<R> {
    /// `size` is that of the whole file.
    pub fn new(mut inner: R, size: u64) -> Result<Self, DebError> {
        let mut magic = [0; MAGIC.len()];
        inner.read_exact(&mut magic).map_err(|e| DebError::from_io(e, "the first line"))?;
        if magic != MAGIC {
            return Err(DebError::NotDeb("it does not begin with `!<arch>`".into()));
        }
        Ok(Ar { inner, left: size.saturating_sub(MAGIC.len() as u64), member: 0, padding: 0 })
    }

    /// The next member; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Member>, DebError> {
        let rest = self.member.saturating_add(self.padding);
        let skipped = std::io::copy(&mut (&mut self.inner).take(rest), &mut std::io::sink())
            .map_err(|e| DebError::from_io(e, "a member"))?;
        // dpkg does not insist on the padding byte behind the last member.
        if skipped < self.member {
            return Err(DebError::Truncated("a member"));
        }
        self.left = self.left.saturating_sub(rest);
        (self.member, self.padding) = (0, 0);
        if self.left == 0 {
            return Ok(None);
        }
        let mut header = [0; HEADER];
        self.inner.read_exact(&mut header).map_err(|e| DebError::from_io(e, "a member's header"))?;
        self.left = self.left.saturating_sub(HEADER as u64);
        if header[58..] != *b"`\n" {
            return Err(DebError::Layout("a member's header does not end as one".into()));
        }
        let name =
            std::str::from_utf8(&header[..16]).map_err(|_| DebError::Layout("a member's name is no text".into()))?;
        let size = std::str::from_utf8(&header[48..58]).ok().map(str::trim_end);
        let size = size.filter(|s| s.bytes().all(|b| b.is_ascii_digit())).and_then(|s| s.parse::<u64>().ok());
        let Some(size) = size else {
            return Err(DebError::Layout("a member's size is no number".into()));
        };
        if size > self.left {
            return Err(DebError::Truncated("a member"));
        }
        (self.member, self.padding) = (size, size & 1);
        Ok(Some(Member { name: name.trim_end().trim_end_matches('/').to_owned(), size }))
    }
}

impl<R: Read> Read for Ar<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = usize::try_from(self.member).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let got = self.inner.read(&mut buffer[..most])?;
        if got == 0 {
            return Err(std::io::Error::other(DebError::Truncated("a member")));
        }
        self.member -= got as u64;
        self.left = self.left.saturating_sub(got as u64);
        Ok(got)
    }
}
