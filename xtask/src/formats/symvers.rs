// SPDX-License-Identifier: GPL-2.0-only
//! `Module.symvers`: what the kernel and its modules export, a line each of checksum, symbol, where it is,
//! how it is exported, and a namespace (Documentation/kbuild/modules.rst).
//!
//! `packages` checks modules against it. Lines of another shape are refused, for a truncated file would
//! make symbols look unresolved.

use super::FormatError;

/// One exported symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export<'a> {
    pub symbol: &'a str,
    /// `vmlinux`, or a module's path without `.ko`.
    pub from: &'a str,
}

/// Reads the file.
///
/// # Errors
/// A line with fewer fields than three.
pub fn parse(text: &str) -> Result<Vec<Export<'_>>, FormatError> {
    let mut exports = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, l)| !l.is_empty()) {
        let mut fields = line.split('\t').skip(1);
        match (fields.next(), fields.next()) {
            (Some(symbol), Some(from)) if !symbol.is_empty() => exports.push(Export { symbol, from }),
            _ => return Err(FormatError::at(number, 0, line, "no line of Module.symvers")),
        }
    }
    Ok(exports)
}

#[cfg(test)]
mod tests {
    use super::{parse, Export};

    #[test]
    fn lines() {
        let text = "0x00000000\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n0x1\tcrc7\tlib/crc7\tEXPORT_SYMBOL_GPL\tNS\n";
        let want = [Export { symbol: "printk", from: "vmlinux" }, Export { symbol: "crc7", from: "lib/crc7" }];
        assert_eq!(parse(text).unwrap(), want);
        assert_eq!(parse("0x1\tcrc\n").unwrap_err().to_string(), "line 1: no line of Module.symvers: `0x1 crc`");
    }
}
