// SPDX-License-Identifier: GPL-2.0-only
//! The symbols of annotations files, merged as the Python tool merges them.
//!
//! `parse` fills it, everything else reads it. It must never reorder symbols: an export has them
//! in the order in which files name them first.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::text::{ByName, Text};
use super::literal::{put, Pairs};

/// What is known of one symbol.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// Values by `arch` or `arch-flavour`, in the order of their dicts; `-` means absent. Shared: a file says
    /// the same of most of its symbols.
    pub policy: Arc<Pairs>,
    /// The note as it is written between `<` and `>`, quotes included.
    pub note: Option<String>,
    /// Whether the note stands on the line of the policy.
    pub one_line: bool,
}

/// Symbols, named without `CONFIG_`, in order, and what was known of them when [`Table::settle`] was called.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    entries: Vec<(Text, Entry)>,
    index: ByName<usize>,
    /// How many symbols there were then.
    settled: usize,
    /// The entries of then that were asked for to be changed, by their place.
    before: BTreeMap<usize, Entry>,
}

impl Entry {
    /// The value of a key as it is written.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.text(key).map(Text::as_str)
    }

    fn text(&self, key: &str) -> Option<&Text> {
        self.policy.iter().find(|(name, _)| **name == *key).map(|(_, value)| value)
    }

    /// The value for a flavour: its own, then that of the flavour it depends on, then the
    /// architecture's (annotations.py of 5.4.0-200.220, lines 470-508).
    pub fn resolve(&self, key: &str, dependency: Option<&str>, arch: &str) -> Option<&str> {
        self.resolved(key, dependency, arch).map(Text::as_str)
    }

    /// The same as a piece of the file.
    pub fn resolved(&self, key: &str, dependency: Option<&str>, arch: &str) -> Option<&Text> {
        self.text(key).or_else(|| self.text(dependency?)).or_else(|| self.text(arch))
    }

    /// Sets a key, at its place or at the end.
    pub fn put(&mut self, key: &str, value: &str) {
        put(self.policy_mut(), Text::from(key), Text::from(value));
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &str) {
        if self.value(key).is_some() {
            self.policy_mut().retain(|(name, _)| **name != *key);
        }
    }

    /// The values, to change.
    pub fn policy_mut(&mut self) -> &mut Pairs {
        Arc::make_mut(&mut self.policy)
    }

    /// Takes in a further dict of the same symbol. A key that is an architecture replaces all
    /// that stood there for it, flavours included (annotations.py, lines 118-132).
    pub fn merge(&mut self, pairs: &Pairs, arches: &[String]) {
        let policy = self.policy_mut();
        for (key, value) in pairs {
            if arches.iter().any(|arch| **arch == **key) {
                policy.retain(|(name, _)| !name.starts_with(&**key));
                policy.push((key.clone(), value.clone()));
            } else {
                put(policy, key.clone(), value.clone());
            }
        }
    }
}

impl Table {
    /// With room for so many symbols.
    pub fn with_capacity(symbols: usize) -> Self {
        Table {
            entries: Vec::with_capacity(symbols),
            index: ByName::with_capacity_and_hasher(symbols, Default::default()),
            ..Table::default()
        }
    }

    /// The entry of a symbol.
    pub fn get(&self, symbol: &str) -> Option<&Entry> {
        self.index.get(symbol).map(|&at| &self.entries[at].1)
    }

    /// The place of a symbol in the order, which it never leaves; a new one's is behind the others.
    pub fn place(&mut self, symbol: &Text) -> usize {
        let next = self.entries.len();
        let at = *self.index.entry(symbol.clone()).or_insert(next);
        if at == next {
            self.entries.push((symbol.clone(), Entry::default()));
        }
        at
    }

    /// The symbol and the entry at a place.
    pub fn at(&self, place: usize) -> (&Text, &Entry) {
        let (symbol, entry) = &self.entries[place];
        (symbol, entry)
    }

    /// The entry at a place, to change.
    pub fn at_mut(&mut self, place: usize) -> &mut Entry {
        let entry = &mut self.entries[place].1;
        if place < self.settled {
            self.before.entry(place).or_insert_with(|| entry.clone());
        }
        entry
    }

    /// The entry of a symbol, to change, made where there is none.
    pub fn entry(&mut self, symbol: &str) -> &mut Entry {
        let place = match self.index.get(symbol) {
            Some(place) => *place,
            None => self.place(&Text::from(symbol)),
        };
        self.at_mut(place)
    }

    /// Takes a key out of all entries.
    pub fn remove_key(&mut self, key: &str) {
        let has = |place: &usize| self.entries[*place].1.value(key).is_some();
        let places: Vec<usize> = (0..self.entries.len()).filter(has).collect();
        places.into_iter().for_each(|place| self.at_mut(place).remove(key));
    }

    /// Symbols and entries in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(symbol, entry)| (symbol.as_str(), entry))
    }

    /// The same with the symbols as pieces of the file.
    pub fn texts(&self) -> impl Iterator<Item = (&Text, &Entry)> {
        self.entries.iter().map(|(symbol, entry)| (symbol, entry))
    }

    /// From here on, what is changed is remembered as it was.
    pub fn settle(&mut self) {
        self.settled = self.entries.len();
        self.before.clear();
    }

    /// The entry at a place as it was when the table was settled.
    pub fn settled(&self, place: usize) -> Option<&Entry> {
        (place < self.settled).then(|| self.before.get(&place).unwrap_or(&self.entries[place].1))
    }

    /// The places of all symbols that are other than they were, or new, in order.
    pub fn changed(&self) -> impl Iterator<Item = usize> + '_ {
        let old = self.before.iter().filter(|(place, entry)| self.entries[**place].1 != **entry);
        old.map(|(place, _)| *place).chain(self.settled..self.entries.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::literal::{read_dict, write_dict};
    use super::{Entry, Table, Text};

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
            for dict in [first, second] {
                entry.merge(&read_dict(&Text::from(dict)).unwrap(), &arches);
            }
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

    #[test]
    fn what_changed() {
        let mut table = Table::default();
        for symbol in ["B", "A", "C"] {
            table.entry(symbol).put("arm64", "y");
        }
        table.settle();
        table.entry("A").put("arm64", "n");
        table.entry("A").put("arm64", "m");
        table.entry("C").put("arm64", "y");
        table.entry("D").put("arm64", "y");
        assert_eq!(table.changed().collect::<Vec<_>>(), [1, 3]);
        let settled = |place| table.settled(place).and_then(|entry| entry.value("arm64"));
        assert_eq!([0, 1, 2, 3].map(settled), [Some("y"), Some("y"), Some("y"), None]);
        assert_eq!(table.at(1).1.value("arm64"), Some("m"));
    }
}
