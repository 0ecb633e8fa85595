// SPDX-License-Identifier: GPL-2.0-only
//! The symbols of annotations files, merged as the Python tool merges them.
//!
//! `parse` fills it, everything else reads it. It must never reorder symbols: an export has them
//! in the order in which files name them first.

use std::collections::HashMap;

use super::literal::{put, Pairs};

/// What is known of one symbol.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// Values by `arch` or `arch-flavour`, in the order of their dicts; `-` means absent.
    pub policy: Pairs,
    /// The note as it is written between `<` and `>`, quotes included.
    pub note: Option<String>,
    /// Whether the note stands on the line of the policy.
    pub one_line: bool,
}

/// Symbols, named without `CONFIG_`, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    entries: Vec<(String, Entry)>,
    index: HashMap<String, usize>,
}

impl Entry {
    /// The value of a key as it is written.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.policy.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The value for a flavour: its own, then that of the flavour it depends on, then the
    /// architecture's (annotations.py of 5.4.0-200.220, lines 470-508).
    pub fn resolve(&self, key: &str, dependency: Option<&str>, arch: &str) -> Option<&str> {
        self.value(key).or_else(|| self.value(dependency?)).or_else(|| self.value(arch))
    }

    /// Sets a key, at its place or at the end.
    pub fn put(&mut self, key: &str, value: &str) {
        put(&mut self.policy, key.to_owned(), value.to_owned());
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &str) {
        self.policy.retain(|(name, _)| name != key);
    }

    /// Takes in a further dict of the same symbol. A key that is an architecture replaces all
    /// that stood there for it, flavours included (annotations.py, lines 118-132).
    pub fn merge(&mut self, pairs: Pairs, arches: &[String]) {
        for (key, value) in pairs {
            if arches.contains(&key) {
                self.policy.retain(|(name, _)| !name.starts_with(&key));
                self.policy.push((key, value));
            } else {
                put(&mut self.policy, key, value);
            }
        }
    }
}

impl Table {
    /// The entry of a symbol.
    pub fn get(&self, symbol: &str) -> Option<&Entry> {
        self.index.get(symbol).map(|&at| &self.entries[at].1)
    }

    /// The entry of a symbol, made where there is none.
    pub fn entry(&mut self, symbol: &str) -> &mut Entry {
        let at = match self.index.get(symbol) {
            Some(&at) => at,
            None => {
                self.index.insert(symbol.to_owned(), self.entries.len());
                self.entries.push((symbol.to_owned(), Entry::default()));
                self.entries.len() - 1
            }
        };
        &mut self.entries[at].1
    }

    /// Symbols and entries in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(symbol, entry)| (symbol.as_str(), entry))
    }

    /// The entries in order, to change.
    pub fn entries_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.entries.iter_mut().map(|(_, entry)| entry)
    }
}

#[cfg(test)]
mod tests {
    use super::super::literal::{read_dict, write_dict};
    use super::{Entry, Table};

    #[test]
    fn merged_in_the_order_of_keys() {
        let arches = ["arm64".to_owned(), "amd64".to_owned()];
        let table = [
            ("{'arm64': 'y'}", "{'amd64': 'n'}", "{'arm64': 'y', 'amd64': 'n'}"),
            ("{'arm64': 'y', 'amd64': 'y'}", "{'arm64-x': 'n'}", "{'arm64': 'y', 'amd64': 'y', 'arm64-x': 'n'}"),
            ("{'arm64-x': 'y', 'amd64': 'y'}", "{'arm64': 'n'}", "{'amd64': 'y', 'arm64': 'n'}"),
            ("{}", "{'arm64-t': 'y', 'arm64': 'n'}", "{'arm64': 'n'}"),
            ("{}", "{'arm64': 'n', 'arm64-t': 'y'}", "{'arm64': 'n', 'arm64-t': 'y'}"),
            ("{'riscv64': 'y'}", "{'riscv64': 'n'}", "{'riscv64': 'n'}"),
        ];
        for (first, second, want) in table {
            let mut entry = Entry::default();
            entry.merge(read_dict(first).unwrap(), &arches);
            entry.merge(read_dict(second).unwrap(), &arches);
            let text = write_dict(entry.policy.iter().map(|(k, v)| (k.as_str(), v.as_str())));
            assert_eq!(text, want);
        }
    }

    #[test]
    fn order_of_symbols() {
        let mut table = Table::default();
        for symbol in ["B", "A", "B"] {
            table.entry(symbol).put("arm64", "y");
        }
        assert_eq!(table.iter().map(|(symbol, _)| symbol).collect::<Vec<_>>(), ["B", "A"]);
        assert_eq!(table.get("A").unwrap().resolve("arm64-x", None, "arm64"), Some("y"));
    }
}
