// SPDX-License-Identifier: GPL-2.0-only
//! What is kept of a file's content while its package goes by.
//!
//! `set` calls it once a file. It must never keep a file that is larger than its limits.

use std::io::Read;

use md5::Md5;
use sha2::{Digest, Sha256};

use crate::formats::deb::{DebError, Entry, Packing};
use crate::formats::elf::{self, Module};
use crate::formats::neutral;

/// A file that is looked into: modules, programs, images. A kernel's debugging symbols are larger, and
/// only their first bytes count.
const LARGEST: u64 = 96 << 20;
/// A text that is kept; generic's Module.symvers has 2 MB.
const LARGEST_TEXT: u64 = 16 << 20;
/// Texts and names of one package together; generic's extra modules have 20 MB.
const MOST_KEPT: u64 = 128 << 20;
/// All that comes out of the packed files of one package; generic's modules have 1 GB.
const MOST_UNPACKED: u64 = 4 << 30;
/// Enough to tell what a file is.
const HEAD: usize = 64;

/// What a package is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The list of checksums is held against the files.
    Audit,
    /// Digests of all content are taken.
    Compare,
}

/// A SHA-256.
pub type Sum = [u8; 32];

/// What is known of a file's content.
#[derive(Debug, Default)]
pub struct Content {
    /// `e_machine`, where it is an ELF file, a packed module's too.
    pub machine: Option<u16>,
    /// Where it is a kernel module: what it says, or why it cannot be read.
    pub module: Option<Result<Module, String>>,
    /// Configurations and symbol tables.
    pub text: Option<String>,
    /// Its digests, where they were asked for.
    pub sums: Option<Sums>,
    /// Its MD5, as `md5sums` has it, where the package is audited.
    pub md5: Option<[u8; 16]>,
}

/// Takes the MD5 of what passes through.
struct Summed<'a> {
    inner: &'a mut dyn Read,
    md5: Md5,
}

impl Read for Summed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let got = self.inner.read(buffer)?;
        self.md5.update(&buffer[..got]);
        Ok(got)
    }
}

/// Digests of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sums {
    pub whole: Sum,
    /// Without signatures, build ids, times and banners.
    pub neutral: Sum,
    /// Of the code sections.
    pub code: Option<Sum>,
}

/// What may yet be kept and unpacked of one package.
pub struct Left {
    kept: u64,
    unpacked: u64,
}

impl Default for Left {
    fn default() -> Self {
        Self { kept: MOST_KEPT, unpacked: MOST_UNPACKED }
    }
}

impl Left {
    fn keep<'a>(&mut self, texts: impl Iterator<Item = &'a String>) -> Result<(), DebError> {
        let size: usize = texts.map(|t| size_of::<String>() + t.len()).sum();
        self.kept = self.kept.checked_sub(size as u64).ok_or(DebError::TooMany("symbols and texts"))?;
        Ok(())
    }
}

/// Reads the content of `entry`.
///
/// # Errors
/// The package ends or breaks in it, or has more to keep than any.
pub fn read(entry: &Entry, reader: &mut dyn Read, purpose: Purpose, left: &mut Left) -> Result<Content, DebError> {
    if purpose == Purpose::Compare {
        return look(entry, reader, purpose, left);
    }
    let mut summed = Summed { inner: reader, md5: Md5::new() };
    let content = look(entry, &mut summed, purpose, left)?;
    std::io::copy(&mut summed, &mut std::io::sink()).map_err(|e| DebError::from_io(e, "data.tar"))?;
    Ok(Content { md5: Some(summed.md5.finalize().into()), ..content })
}

fn look(entry: &Entry, reader: &mut dyn Read, purpose: Purpose, left: &mut Left) -> Result<Content, DebError> {
    let broken = |e| DebError::from_io(e, "data.tar");
    let mut bytes = Vec::new();
    reader.take(HEAD as u64).read_to_end(&mut bytes).map_err(broken)?;
    let text = is_text(&entry.path) && entry.size <= LARGEST_TEXT;
    let module = is_module(&entry.path) && entry.size <= LARGEST;
    let whole = purpose == Purpose::Compare && neutral::concerns(&entry.path, &bytes) && entry.size <= LARGEST;
    let mut content = Content { machine: elf::machine(&bytes), ..Content::default() };
    if !(text || module || whole) {
        if purpose == Purpose::Compare {
            let mut hash = Sha256::new_with_prefix(&bytes);
            std::io::copy(reader, &mut hash).map_err(broken)?;
            let whole: Sum = hash.finalize().into();
            content.sums = Some(Sums { whole, neutral: whole, code: None });
        }
        return Ok(content);
    }
    reader.take(LARGEST).read_to_end(&mut bytes).map_err(broken)?;
    if purpose == Purpose::Compare {
        let code = neutral::code(&bytes).map(|c| Sha256::digest(c).into());
        let neutral = Sha256::digest(neutral::content(&entry.path, &bytes, &mut left.unpacked)).into();
        content.sums = Some(Sums { whole: Sha256::digest(&bytes).into(), neutral, code });
    }
    if module {
        let unpacked = match Packing::of_name(&entry.path) {
            Packing::None => Some(bytes),
            packing => packing.unpack(&bytes, &mut left.unpacked),
        };
        let unpacked = unpacked.ok_or_else(|| "it cannot be unpacked".to_owned());
        content.machine = unpacked.as_ref().ok().and_then(|b| elf::machine(b));
        content.module = Some(unpacked.and_then(|b| elf::module(&b).map_err(|e| e.to_string())));
        if let Some(Ok(module)) = &content.module {
            left.keep(module.needs.iter().chain(&module.exports).chain(&module.vermagic))?;
        }
    } else if text {
        content.text = Some(String::from_utf8_lossy(&bytes).into_owned());
        left.keep(content.text.iter())?;
    }
    Ok(content)
}

fn is_module(path: &str) -> bool {
    let name = path.strip_suffix(".xz").or(path.strip_suffix(".zst")).or(path.strip_suffix(".gz")).unwrap_or(path);
    name.ends_with(".ko")
}

fn is_text(path: &str) -> bool {
    path.starts_with("boot/config-")
        || (path.starts_with("usr/src/") && (path.ends_with("/.config") || path.ends_with("/Module.symvers")))
        || (path.starts_with("usr/lib/linux/") && path.ends_with("/config"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::deb::Kind;

    fn read_with(path: &str, bytes: &[u8], left: &mut Left) -> Result<Content, DebError> {
        let (path, size) = (path.to_owned(), bytes.len() as u64);
        let entry = Entry { path, kind: Kind::File, mode: 0o644, uid: 0, gid: 0, mtime: 0, size };
        read(&entry, &mut &bytes[..], Purpose::Audit, left)
    }

    #[test]
    fn what_one_package_may_cost() {
        let mut left = Left { kept: 100, unpacked: 100 };
        let text = [b'#'; 60];
        assert!(read_with("boot/config-1", &text, &mut left).is_ok());
        assert_eq!(read_with("boot/config-2", &text, &mut left).err(), Some(DebError::TooMany("symbols and texts")));

        let packed = zstd::stream::encode_all(&text[..], 3).unwrap();
        let mut why = || read_with("a.ko.zst", &packed, &mut left).unwrap().module.unwrap().unwrap_err();
        assert!(why().starts_with("no ELF file"));
        assert_eq!(why(), "it cannot be unpacked");
    }
}
