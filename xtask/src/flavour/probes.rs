// SPDX-License-Identifier: GPL-2.0-only
//! Symbols that Kconfig asks of the toolchain (`CC_HAS_…`, `GCC_VERSION`, `CC_CAN_LINK`, …).
//!
//! They are found by what their definition says (a default that calls `$(cc-option,…)`, `$(shell,…)` and
//! their kind), not by their names. [`pin`] rewrites such a default to the value that the vendor recorded
//! for the series' own compiler, so that a resolution does not depend on the one that happens to be here.
//! Pure text; the files are `kconfig.rs`'s.

use std::collections::BTreeSet;

use crate::formats::config::Config;

/// One Kconfig file with the probes pinned, and the names of the probed symbols in it.
///
/// Where `recorded` is `None` (a tree whose vendor records no values) the text stays as it is. A probed
/// bool that `recorded` lacks is off: Kconfig writes no line for a promptless symbol that is `n`.
pub fn pin(text: &str, recorded: Option<&Config>) -> (String, BTreeSet<String>) {
    let mut probed = BTreeSet::new();
    let mut out = String::with_capacity(text.len());
    let mut symbol = None;
    let mut kind = Kind::Other;
    let mut lines = text.split_inclusive('\n').peekable();
    while let Some(first) = lines.next() {
        // Kconfig continues a line that ends in a backslash.
        let mut line = first.to_owned();
        while line.trim_end_matches('\n').ends_with('\\') && lines.peek().is_some() {
            line.push_str(lines.next().unwrap_or_default());
        }
        let words = line.trim();
        if let Some(name) = definition(words) {
            symbol = Some(name.to_owned());
            kind = Kind::Other;
        } else if starts_block(words) {
            symbol = None;
        }
        kind = kind.or_from(words);
        match (&symbol, default_of(words)) {
            (Some(name), Some((keyword, value))) if asks_toolchain(value) => {
                probed.insert(name.clone());
                match recorded.and_then(|r| pinned(kind, name, r)) {
                    Some(pinned) => {
                        let indent = &line[..line.len() - line.trim_start().len()];
                        let condition = condition_of(value).unwrap_or_default();
                        out.push_str(&format!("{indent}{keyword} {pinned}{condition}\n"));
                    }
                    None => out.push_str(&line),
                }
            }
            _ => out.push_str(&line),
        }
    }
    (out, probed)
}

/// The symbols that a Kconfig file defines.
pub fn defined(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|l| definition(l.trim()))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bool,
    Number,
    Text,
    Other,
}

impl Kind {
    fn or_from(self, words: &str) -> Self {
        match words.split_whitespace().next().unwrap_or("") {
            "bool" | "def_bool" | "tristate" | "def_tristate" => Kind::Bool,
            "int" | "hex" => Kind::Number,
            "string" => Kind::Text,
            _ => self,
        }
    }
}

fn definition(words: &str) -> Option<&str> {
    let rest = words.strip_prefix("config ").or_else(|| words.strip_prefix("menuconfig "))?.trim();
    let named = !rest.is_empty() && rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    named.then_some(rest)
}

fn starts_block(words: &str) -> bool {
    let first = words.split([' ', '\t']).next().unwrap_or("");
    ["choice", "endchoice", "menu", "endmenu", "if", "endif", "source", "comment", "mainmenu"].contains(&first)
}

fn default_of(words: &str) -> Option<(&str, &str)> {
    let (keyword, value) = words.split_once([' ', '\t'])?;
    ["default", "def_bool", "def_tristate"].contains(&keyword).then(|| (keyword, value.trim()))
}

/// Does an expression ask the toolchain? `$(SRCARCH)` is only a variable of the environment: those have capital
/// letters, but for the two that name the trees, and macros have small ones. `$(CC_VERSION_TEXT)` and its kind are
/// what the top makefile has asked before.
fn asks_toolchain(value: &str) -> bool {
    value.match_indices("$(").any(|(at, _)| {
        let name: &str = value[at + 2..].split([',', ')', ' ', '\t', '$']).next().unwrap_or("");
        let macro_call = name.contains(|c: char| c.is_ascii_lowercase()) && !["srctree", "objtree"].contains(&name);
        macro_call || name.ends_with("_VERSION_TEXT")
    })
}

/// ` if …` behind a value, where it calls nothing itself.
fn condition_of(value: &str) -> Option<String> {
    let (_, condition) = value.rsplit_once(" if ")?;
    (!condition.contains("$(") && !condition.contains(')')).then(|| format!(" if {condition}"))
}

fn pinned(kind: Kind, symbol: &str, recorded: &Config) -> Option<String> {
    let value = recorded.get(symbol).map(|v| v.as_str().to_owned());
    match kind {
        Kind::Bool => Some(value.filter(|v| v == "y" || v == "m").unwrap_or_else(|| "n".to_owned())),
        Kind::Number | Kind::Text => value,
        Kind::Other => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "config CC_VERSION_TEXT\n\tstring\n\tdefault \"$(CC_VERSION_TEXT)\"\n\n\
        config GCC_VERSION\n\tint\n\tdefault $(shell,x.sh $(CC)) if CC_IS_GCC\n\tdefault 0\n\n\
        config CC_HAS_ASM\n\tdef_bool $(success,echo 'a' | $(CC) -)\n\n\
        config ARCH_DEFCONFIG\n\tstring\n\tdefault \"arch/$(SRCARCH)/x\"\n\n\
        config SMP\n\tbool \"smp\"\n\tdefault y\n";

    #[test]
    fn probes_are_told_by_their_definition() {
        let (same, probed) = pin(TEXT, None);
        assert_eq!(same, TEXT);
        assert_eq!(Vec::from_iter(probed), ["CC_HAS_ASM", "CC_VERSION_TEXT", "GCC_VERSION"]);
    }

    #[test]
    fn the_vendor_s_values_are_put_in() {
        let recorded = Config::parse_lenient("CONFIG_GCC_VERSION=90400\nCONFIG_CC_HAS_ASM=y\n");
        let (text, _) = pin(TEXT, Some(&recorded));
        assert!(text.contains("\tdefault 90400 if CC_IS_GCC\n"), "{text}");
        assert!(text.contains("\tdef_bool y\n"), "{text}");
        let (text, _) = pin(TEXT, Some(&Config::default()));
        assert!(text.contains("\tdef_bool n\n"), "{text}");
    }

    #[test]
    fn macros_are_calls_and_variables_are_not() {
        assert!(asks_toolchain("$(cc-can-link)") && asks_toolchain("$(success,$(CC) -v)"));
        assert!(!asks_toolchain("\"$(srctree)/arch/$(SRCARCH)\""));
    }

    #[test]
    fn a_continued_line_is_one() {
        let (text, probed) =
            pin("config X\n\tdef_bool $(success,a \\\n\t\tb)\n\tdepends on Y\n", Some(&Config::default()));
        assert_eq!(text, "config X\n\tdef_bool n\n\tdepends on Y\n");
        assert!(probed.contains("X"));
    }
}
