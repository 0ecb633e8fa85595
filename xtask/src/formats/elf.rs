// SPDX-License-Identifier: GPL-2.0-only
//! ELF files as far as a package set is judged by them: the machine, and of a kernel module what it says of
//! itself, what it needs and what is appended to it.
//!
//! `packages` asks; `object` reads. It must never trust an offset of the file.

use object::read::{Object, ObjectSection, ObjectSymbol};
use object::SectionFlags;

use super::FormatError;

/// The machine of BPF objects, which belong to no architecture.
pub const EM_BPF: u16 = 247;
/// What the kernel's `sign-file` ends a signed module with.
const SIGNED: &[u8] = b"~Module signature appended~\n";
/// `struct module_signature`: four bytes of kinds and lengths, then a big-endian length of the signature.
const SIGNATURE_INFO: usize = 12;
/// Symbols of one module; the largest of generic (amdgpu) has 40,000.
const MOST_SYMBOLS: usize = 1_000_000;
/// Section flags of code.
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
    let length = bytes[info + 8..info_end].iter().fold(0usize, |n, b| n << 8 | usize::from(*b));
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
    for symbol in file.symbols().take(MOST_SYMBOLS) {
        let Ok(name) = symbol.name() else { continue };
        if symbol.is_undefined() && !symbol.is_weak() && !name.is_empty() && !GIVEN.contains(&name) {
            module.needs.push(name.to_owned());
        } else if let Some(export) = name.strip_prefix("__ksymtab_") {
            module.exports.push(export.to_owned());
        }
    }
    Ok(module)
}

/// A section with content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section<'a> {
    pub name: &'a str,
    pub data: &'a [u8],
    pub code: bool,
}

/// The sections with content, in the order of the file.
///
/// # Errors
/// It is no ELF file that can be read.
pub fn sections(bytes: &[u8]) -> Result<Vec<Section<'_>>, FormatError> {
    let file = parse(without_signature(bytes))?;
    let mut found = Vec::new();
    for section in file.sections() {
        let bad = |e: object::Error| FormatError::new("", format!("a section cannot be read: {e}"));
        let code = matches!(section.flags(), SectionFlags::Elf { sh_flags, .. } if sh_flags.0 & EXECUTABLE != 0);
        found.push(Section { name: section.name().map_err(bad)?, data: section.data().map_err(bad)?, code });
    }
    Ok(found)
}

fn parse(bytes: &[u8]) -> Result<object::File<'_>, FormatError> {
    object::File::parse(bytes).map_err(|e| FormatError::new("", format!("no ELF file: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines() {
        let mut head = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x01\0\xb7\0".to_vec();
        assert_eq!(machine(&head), Some(183));
        head[5] = 2;
        assert_eq!(machine(&head), Some(0xb700));
        assert_eq!(machine(b"\x7fELF"), None);
        assert_eq!(machine(b"#!/bin/sh and nothing else"), None);
        assert!(module(&head).is_err() && sections(&head).is_err());
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
        assert!(sections(&own).unwrap().iter().any(|s| s.name == ".text" && s.code && !s.data.is_empty()));
    }
}
