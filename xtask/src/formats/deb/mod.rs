// SPDX-License-Identifier: GPL-2.0-only
//! `.deb` files, read as a stream and as untrusted: the control area as a value, the files one by one.
//!
//! `packages` reads every set through it. It must never write anything, hold more than one file's name at
//! a time, or unpack what no honest package unpacks to.

mod ahead;
mod ar;
mod entry;
mod error;
#[cfg(test)]
mod tests;
mod unpack;

use std::collections::BTreeMap;
use std::io::Read;

pub use entry::{resolve, Entry, Kind};
pub use error::DebError;
pub use unpack::Packing;

use super::control::{Control, Paragraph};

/// The largest control file; generic's lists of checksums have 3 MB.
const LARGEST_CONTROL: u64 = 16 << 20;
/// The largest control file proper.
const LARGEST_FIELDS: u64 = 1 << 20;
/// All the files of the control area together.
const LARGEST_AREA: u64 = 64 << 20;

/// What a package says of itself.
#[derive(Debug, Clone, Default)]
pub struct ControlArea {
    /// The one paragraph of `control`.
    pub fields: Paragraph,
    /// Maintainer scripts, `md5sums`, `triggers` and the like, by name.
    pub files: BTreeMap<String, ControlFile>,
}

/// A file of the control area other than `control`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlFile {
    pub mode: u32,
    pub bytes: Vec<u8>,
}

/// Reads a package of `size` bytes: `visit` is called for every entry of its files with what reads the
/// entry's content, of which it may leave as much as it likes.
///
/// # Errors
/// What is wrong with the file; nothing that `visit` was given before is to be used then.
pub fn read<R: Read + Send>(
    reader: R,
    size: u64,
    visit: &mut dyn FnMut(Entry, &mut dyn Read) -> Result<(), DebError>,
) -> Result<ControlArea, DebError> {
    let mut ar = ar::Ar::new(reader, size)?;
    let first = ar.next()?.ok_or(DebError::Truncated("the first member"))?;
    if first.name != "debian-binary" || first.size > 100 {
        return Err(DebError::NotDeb("its first member is not `debian-binary`".into()));
    }
    let mut version = String::new();
    ar.read_to_string(&mut version).map_err(|e| DebError::from_io(e, "debian-binary"))?;
    if !version.starts_with("2.") {
        return Err(DebError::NotDeb("it is of another version than 2.x".into()));
    }
    let packed = open(&mut ar, "control.tar")?;
    let area = control(packed)?;
    ahead::ahead(open(&mut ar, "data.tar")?, |files| {
        entry::each(&mut *files, "data.tar", visit)?;
        drain(files, "data.tar")
    })?;
    while let Some(member) = ar.next()? {
        // dpkg passes over members that begin with an underscore.
        if !member.name.starts_with('_') {
            return Err(DebError::Layout(format!("`{:.16}` behind data.tar", member.name)));
        }
    }
    Ok(area)
}

/// The next member, which has to be `name` packed in some way.
fn open<'a, R: Read + Send>(
    ar: &'a mut ar::Ar<R>,
    name: &str,
) -> Result<unpack::Limited<Box<dyn Read + Send + 'a>>, DebError> {
    let member = loop {
        match ar.next()? {
            None => return Err(DebError::Layout(format!("it has no {name}"))),
            Some(member) if member.name.starts_with('_') => {}
            Some(member) => break member,
        }
    };
    let Some(end) = member.name.strip_prefix(name) else {
        return Err(DebError::Layout(format!("`{:.16}` where {name} should be", member.name)));
    };
    let packing = match (end, Packing::of_name(end)) {
        ("", _) => Packing::None,
        (_, Packing::None) => {
            return Err(DebError::Compression(format!(
                "`{:.16}` is packed with something else than gzip, xz or zstd",
                member.name
            )))
        }
        (_, packing) => packing,
    };
    let inner = packing.open(ar).map_err(|e| DebError::Compression(e.to_string()))?;
    Ok(unpack::Limited { inner, packed: member.size, unpacked: 0 })
}

fn control(mut packed: impl Read) -> Result<ControlArea, DebError> {
    let mut area = ControlArea::default();
    let mut fields = None;
    let mut sum = 0u64;
    entry::each(&mut packed, "control.tar", &mut |entry, reader| {
        if entry.kind == Kind::Directory && entry.path.is_empty() {
            return Ok(());
        }
        if entry.kind != Kind::File || entry.path.contains('/') {
            return Err(DebError::Entry { path: entry.path, what: "no plain file in the control area" });
        }
        let most = if entry.path == "control" { LARGEST_FIELDS } else { LARGEST_CONTROL };
        sum = sum.saturating_add(entry.size);
        if entry.size > most || sum > LARGEST_AREA {
            return Err(DebError::HugeControl { name: entry.path, size: entry.size });
        }
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).map_err(|e| DebError::from_io(e, "control.tar"))?;
        if entry.path == "control" {
            fields = Some(bytes);
        } else {
            area.files.insert(entry.path, ControlFile { mode: entry.mode, bytes });
        }
        Ok(())
    })?;
    drain(&mut packed, "control.tar")?;
    let fields = fields.ok_or_else(|| DebError::Layout("it has no control file".into()))?;
    let text = String::from_utf8_lossy(&fields);
    let parsed = Control::parse(&text).map_err(DebError::Control)?;
    let paragraph = parsed.paragraphs().next().cloned().unwrap_or_default();
    for name in ["Package", "Version", "Architecture"] {
        if paragraph.get(name).is_none_or(|v| v.is_empty() || v.chars().any(char::is_control)) {
            return Err(DebError::Control(super::FormatError::new(name, "a field is missing")));
        }
    }
    area.fields = paragraph;
    Ok(area)
}

/// To the end of the stream, where the packing's own checksum stands.
fn drain(packed: &mut dyn Read, at: &'static str) -> Result<(), DebError> {
    std::io::copy(packed, &mut std::io::sink()).map_err(|e| DebError::from_io(e, at)).map(drop)
}
