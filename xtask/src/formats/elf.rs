// SPDX-License-Identifier: GPL-2.0-only
//! ELF files as far as a package set is judged by them: the machine, and of a kernel module what it says of
//! itself, what it needs and what is appended to it.
//!
//! `packages` asks; `object` reads. It must never trust an offset of the file.

use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};
use object::read::{Object, ObjectSection, ObjectSymbol};
use object::{elf, Endianness};

use super::FormatError;

/// The machine of BPF objects, which belong to no architecture.
pub const EM_BPF: u16 = 247;
/// What the kernel's `sign-file` ends a signed module with.
const SIGNED: &[u8] = b"~Module signature appended~\n";
/// `struct module_signature`: four bytes of kinds and lengths, then a big-endian length of the signature.
const SIGNATURE_INFO: usize = 12;
/// Symbols of one module; the largest of generic (amdgpu) has 40,000.
const MOST_SYMBOLS: usize = 1_000_000;
/// Section flags of what is in memory, and of code.
const ALLOCATED: u64 = 0x2;
const EXECUTABLE: u64 = 0x4;
/// Names that the linker or the module loader gives a meaning, whoever defines them.
const GIVEN: &[&str] = &["_GLOBAL_OFFSET_TABLE_", ".TOC."];

/// A kernel module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Module {
    /// What `modprobe` compares with the running kernel: the release, then what it was configured with.
    pub vermagic: Option<String>,
    /// Is there a signature behind it?
    pub signed: bool,
    /// Symbols that something else has to define; weak ones need not be.
    pub needs: Vec<String>,
    /// Symbols that it defines for others.
    pub exports: Vec<String>,
}

/// The machine, as `e_machine` says; `None` where this is no ELF file.
pub fn machine(bytes: &[u8]) -> Option<u16> {
    let head: &[u8; 20] = bytes.get(..20)?.try_into().ok()?;
    if head[..4] != *b"\x7fELF" {
        return None;
    }
    let machine = [head[18], head[19]];
    Some(if head[5] == 2 { u16::from_be_bytes(machine) } else { u16::from_le_bytes(machine) })
}

/// A module's bytes without the signature behind them.
pub fn without_signature(bytes: &[u8]) -> &[u8] {
    let Some(info_end) = bytes.len().checked_sub(SIGNED.len()).filter(|_| bytes.ends_with(SIGNED)) else {
        return bytes;
    };
    let Some(info) = info_end.checked_sub(SIGNATURE_INFO) else { return bytes };
    let length = bytes[info + 8..info_end].iter().fold(0usize, |n, b| (n << 8) | usize::from(*b));
    let names = usize::from(bytes[info + 3]) + usize::from(bytes[info + 4]);
    info.checked_sub(length.saturating_add(names)).map_or(bytes, |end| &bytes[..end])
}

/// Reads a kernel module.
///
/// # Errors
/// It is no ELF file that can be read.
pub fn module(bytes: &[u8]) -> Result<Module, FormatError> {
    let plain = without_signature(bytes);
    let file = parse(plain)?;
    let mut module = Module { signed: plain.len() < bytes.len(), ..Module::default() };
    let info = file.section_by_name(".modinfo").and_then(|s| s.data().ok()).unwrap_or_default();
    let fields = info.split(|b| *b == 0).filter_map(|f| std::str::from_utf8(f).ok());
    module.vermagic = fields.filter_map(|f| f.strip_prefix("vermagic=")).next().map(str::to_owned);
    let mut names = 0;
    for symbol in file.symbols().take(MOST_SYMBOLS) {
        let Ok(name) = symbol.name() else { continue };
        names += name.len();
        if names > plain.len() {
            return Err(FormatError::new("", "its symbols share their names"));
        }
        if symbol.is_undefined() && !symbol.is_weak() && !name.is_empty() && !GIVEN.contains(&name) {
            module.needs.push(name.to_owned());
        } else if let Some(export) = name.strip_prefix("__ksymtab_") {
            module.exports.push(export.to_owned());
        }
    }
    Ok(module)
}

/// An ELF file but for where in it those things stand that no segment loads.
#[derive(Debug, Default)]
pub struct Outline<'a> {
    /// The header's and the segments' fields that say how it is loaded.
    pub loaded: String,
    /// In the order of the file.
    pub sections: Vec<Section<'a>>,
    /// What is in no section and no table, and no padding.
    pub rest: Vec<&'a [u8]>,
}

/// A section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section<'a> {
    pub name: &'a [u8],
    pub data: &'a [u8],
    /// Its type, flags, address and size in memory, and the place in the file where that is what is loaded.
    pub loaded: String,
    pub code: bool,
}

/// All that stands in a file.
///
/// # Errors
/// It is no ELF file that can be read, or its parts overlap.
pub fn outline(bytes: &[u8]) -> Result<Outline<'_>, FormatError> {
    let bytes = without_signature(bytes);
    let outline = match bytes.get(4) {
        Some(1) => outline_of::<elf::FileHeader32<Endianness>>(bytes),
        _ => outline_of::<elf::FileHeader64<Endianness>>(bytes),
    };
    let outline = outline.map_err(|e| FormatError::new("", format!("no ELF file: {e}")))?;
    let within = |sum: usize| sum <= bytes.len();
    if within(outline.sections.iter().map(|s| s.data.len()).sum())
        && within(outline.sections.iter().map(|s| s.name.len()).sum())
    {
        return Ok(outline);
    }
    Err(FormatError::new("", "its sections overlap"))
}

fn outline_of<H: FileHeader<Endian = Endianness>>(bytes: &[u8]) -> object::Result<Outline<'_>> {
    let header = H::parse(bytes)?;
    let end = header.endian()?;
    let (segments, sections) = (header.program_headers(end, bytes)?, header.sections(end, bytes)?);
    let table = |from: u64, count: usize, size: u16| (from, count as u64 * u64::from(size));
    let mut known = vec![
        (0, size_of::<H>() as u64),
        table(header.e_phoff(end).into(), segments.len(), header.e_phentsize(end)),
        table(header.e_shoff(end).into(), sections.len(), header.e_shentsize(end)),
    ];
    let ident = header.e_ident();
    let about = (ident.os_abi.0, ident.abi_version, header.e_type(end).0, header.e_machine(end).0);
    let loaded = format!("{about:?} {:x} {:x}\n", header.e_flags(end).0, header.e_entry(end).into());
    let mut outline = Outline { loaded, ..Outline::default() };
    for s in segments {
        let place = [s.p_offset(end), s.p_vaddr(end), s.p_paddr(end), s.p_filesz(end), s.p_memsz(end), s.p_align(end)];
        let place = place.map(Into::<u64>::into);
        outline.loaded += &format!("{:x} {:x} {place:x?}\n", s.p_type(end).0, s.p_flags(end).0);
    }
    for s in sections.iter().skip(1) {
        let (kind, flags): (_, u64) = (s.sh_type(end).0, s.sh_flags(end).0);
        let place = [s.sh_addr(end), s.sh_size(end), s.sh_offset(end)].map(Into::<u64>::into);
        let is_loaded = flags & ALLOCATED != 0 && !segments.is_empty();
        outline.sections.push(Section {
            name: sections.section_name(end, s)?,
            data: s.data(end, bytes)?,
            loaded: format!("{kind:x} {flags:x} {:x?}", &place[..if is_loaded { 3 } else { 2 }]),
            code: flags & EXECUTABLE != 0,
        });
        known.extend(s.file_range(end));
    }
    outline.rest = between(bytes, known);
    Ok(outline)
}

/// What lies between these parts, without the zeros at either end of it.
fn between(bytes: &[u8], mut known: Vec<(u64, u64)>) -> Vec<&[u8]> {
    known.push((bytes.len() as u64, 0));
    known.sort_unstable();
    let (mut found, mut at) = (Vec::new(), 0);
    for (from, size) in known {
        let from = usize::try_from(from).unwrap_or(usize::MAX).min(bytes.len());
        let gap = &bytes[at..from.max(at)];
        if let Some(first) = gap.iter().position(|b| *b != 0) {
            let last = gap.iter().rposition(|b| *b != 0).unwrap_or(first);
            found.push(&gap[first..=last]);
        }
        at = at.max(from.saturating_add(usize::try_from(size).unwrap_or(usize::MAX)).min(bytes.len()));
    }
    found
}

fn parse(bytes: &[u8]) -> Result<object::File<'_>, FormatError> {
    object::File::parse(bytes).map_err(|e| FormatError::new("", format!("no ELF file: {e}")))
}

#[cfg(test)]
mod tests {
    use object::write;

    use super::*;

    #[test]
    fn machines() {
        let mut head = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x01\0\xb7\0".to_vec();
        assert_eq!(machine(&head), Some(183));
        head[5] = 2;
        assert_eq!(machine(&head), Some(0xb700));
        assert_eq!(machine(b"\x7fELF"), None);
        assert_eq!(machine(b"#!/bin/sh and nothing else"), None);
        assert!(module(&head).is_err() && outline(&head).is_err());
    }

    #[test]
    fn signatures() {
        let sign = |length: u32, key: &[u8]| {
            let mut bytes = b"module".to_vec();
            bytes.extend(key);
            bytes.extend([0, 0, 2, 0, 0, 0, 0, 0]);
            bytes.extend(length.to_be_bytes());
            bytes.extend(SIGNED);
            bytes
        };
        assert_eq!(without_signature(&sign(5, b"12345")), b"module");
        // One that claims to be longer than the file is left as it is.
        assert_eq!(without_signature(&sign(50, b"12345")), sign(50, b"12345"));
        assert_eq!(without_signature(&sign(u32::MAX, b"")), sign(u32::MAX, b""));
        assert_eq!(without_signature(SIGNED), SIGNED);
        assert_eq!(without_signature(b"plain"), b"plain");
    }

    #[test]
    fn this_program_has_code() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let outline = outline(&own).unwrap();
        assert!(outline.sections.iter().any(|s| s.name == b".text" && s.code && !s.data.is_empty()));
        assert!(outline.rest.is_empty(), "{:?}", outline.rest);
    }

    #[test]
    fn what_is_told_many_times_over() {
        let mut bytes = std::fs::read("/bin/true").unwrap();
        let size = bytes.len() as u64;
        let table = u64::from_le_bytes(bytes[40..48].try_into().unwrap()) as usize;
        for section in [1, 2] {
            let at = table + section * 64;
            bytes[at + 4..at + 8].copy_from_slice(&1u32.to_le_bytes());
            bytes[at + 24..at + 32].fill(0);
            bytes[at + 32..at + 40].copy_from_slice(&size.to_le_bytes());
        }
        assert_eq!(outline(&bytes).unwrap_err().to_string(), "its sections overlap");

        let mut file = write::Object::new(object::BinaryFormat::Elf, object::Architecture::X86_64, Endianness::Little);
        for name in ["a", "b", "c", &"long".repeat(1000)] {
            file.add_symbol(write::Symbol {
                name: name.into(),
                value: 0,
                size: 0,
                kind: object::SymbolKind::Text,
                scope: object::SymbolScope::Dynamic,
                weak: false,
                section: write::SymbolSection::Undefined,
                flags: object::SymbolFlags::None,
            });
        }
        let mut bytes = file.write().unwrap();
        assert_eq!(module(&bytes).unwrap().needs.len(), 4);
        let sections = outline(&bytes).unwrap().sections;
        let symbols = sections.iter().find(|s| s.name == b".symtab").unwrap().data;
        let (at, count) = (symbols.as_ptr() as usize - bytes.as_ptr() as usize, symbols.len() / 24);
        let long = bytes[at + (count - 1) * 24..][..4].to_vec();
        (1..count).for_each(|n| bytes[at + n * 24..][..4].copy_from_slice(&long));
        assert_eq!(module(&bytes).unwrap_err().to_string(), "its symbols share their names");
    }
}
