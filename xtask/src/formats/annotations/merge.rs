// SPDX-License-Identifier: GPL-2.0-only
//! Annotations merged by what they say: per symbol, the value of every flavour, and the note.
//!
//! The replay of lab commits calls it where merging lines has failed. How a side spells a value (under its
//! flavour, the flavour it depends on, or the architecture) plays no part.

use std::collections::BTreeSet;

use super::header::arch_of;
use super::parse::Annotations;
use super::table::Entry;

impl Annotations {
    /// These annotations with what `theirs` did to `base`; `None` where both changed one value or note, each
    /// in its own way, or where `theirs` changed architectures, includes or dependencies.
    pub fn merged(&self, base: &Annotations, theirs: &Annotations) -> Option<Annotations> {
        let mut merged = self.clone();
        merged.flavours_of(base, theirs)?;
        let tables = [&base.table, &self.table, &theirs.table];
        let symbols: BTreeSet<&str> = tables.iter().flat_map(|table| table.iter().map(|(symbol, _)| symbol)).collect();
        let nothing = Entry::default();
        for symbol in symbols {
            let [before, now, after] = tables.map(|table| table.get(symbol).unwrap_or(&nothing));
            if before == after {
                continue;
            }
            let mut wanted = Vec::new();
            for key in merged.keys_with_values() {
                let arch = arch_of(key);
                let dependency = merged.header.dependency(key);
                let value = |entry: &'_ Entry| entry.resolve(key, dependency, arch).map(str::to_owned);
                // Of two changes, one to the flavour itself and one to what it falls back on, the first stands.
                let own = |entry: &Entry| entry.value(key).is_some();
                let value = match three(value(before), value(now), value(after)) {
                    Some(value) => value,
                    None if !own(before) && own(after) && !own(now) => value(after),
                    None if !own(before) && own(now) && !own(after) => value(now),
                    None => return None,
                };
                if value != now.resolve(key, dependency, arch).map(str::to_owned) {
                    wanted.push((key.clone(), value));
                }
            }
            let note = three(before.note.clone(), now.note.clone(), after.note.clone())?;
            if wanted.is_empty() && note == now.note {
                continue;
            }
            let one_line = if now.note.is_some() { now.one_line } else { after.one_line };
            let entry = merged.table.entry(symbol);
            for (key, value) in &wanted {
                entry.put(key, value.as_deref().unwrap_or("-"));
            }
            (entry.note, entry.one_line) = (note, one_line);
        }
        Some(merged)
    }

    /// The flavours, and architectures that have none.
    fn keys_with_values(&self) -> impl Iterator<Item = &String> {
        let bare = |arch: &&String| self.header.of_arch(arch).next().is_none();
        self.header.flavours.iter().chain(self.header.arches.iter().filter(bare))
    }

    /// Takes in the flavours that came and went.
    fn flavours_of(&mut self, base: &Annotations, theirs: &Annotations) -> Option<()> {
        if base.header.arches != theirs.header.arches || base.includes != theirs.includes {
            return None;
        }
        let (before, after) = (&base.header, &theirs.header);
        for flavour in after.flavours.iter().filter(|f| before.flavours.contains(f)) {
            if before.dependency(flavour) != after.dependency(flavour) {
                return None;
            }
        }
        for flavour in after.flavours.iter().filter(|f| !before.flavours.contains(f)) {
            self.header.add(flavour, after.dependency(flavour));
            self.known.push(flavour.clone());
        }
        for flavour in before.flavours.iter().filter(|f| !after.flavours.contains(f)) {
            self.header.flavours.contains(flavour).then(|| self.header.remove(flavour));
            self.table.remove_key(flavour);
        }
        self.header.check(&self.known).ok()
    }
}

/// The one of two that changed; `None` where both did, each in its own way.
fn three<T: PartialEq>(before: T, now: T, after: T) -> Option<T> {
    if before == after || now == after {
        return Some(now);
    }
    (before == now).then_some(after)
}

#[cfg(test)]
mod tests {
    use super::super::Annotations;

    const HEADER: &str = "# FORMAT: 4\n# ARCH: amd64 arm64\n# FLAVOUR: amd64-generic arm64-generic\n\n";
    const WITH: &str = "# FORMAT: 4\n# ARCH: amd64 arm64\n# FLAVOUR: amd64-generic arm64-generic arm64-t\n\n";

    fn read(text: &str) -> Annotations {
        let none = |_: &str| Err(crate::formats::FormatError::new("", "no such file"));
        Annotations::parse(text, "debian.master/config/annotations", &none).unwrap()
    }

    fn merged(base: &str, ours: &str, theirs: &str) -> Option<String> {
        Some(read(ours).merged(&read(base), &read(theirs))?.to_text())
    }

    fn line(symbol: &str, policy: &str) -> String {
        format!("{:<47} policy<{{{policy}}}>\n", format!("CONFIG_{symbol}"))
    }

    #[test]
    fn per_symbol_and_flavour() {
        let base = "'amd64': 'y', 'arm64': 'y'";
        let table = [
            // The vendor changes one architecture, the lab adds its flavour to the same line.
            (
                "'amd64': 'm', 'arm64': 'y'",
                "'amd64': 'y', 'arm64': 'y', 'arm64-t': 'n'",
                Some("'amd64': 'm', 'arm64': 'y', 'arm64-t': 'n'"),
            ),
            (
                "'amd64': 'y', 'arm64': 'm'",
                "'amd64': 'y', 'arm64': 'y', 'arm64-t': 'n'",
                Some("'amd64': 'y', 'arm64': 'm', 'arm64-t': 'n'"),
            ),
            // What the lab's flavour has from its architecture follows the vendor.
            ("'amd64': 'y', 'arm64': 'm'", base, Some("'amd64': 'y', 'arm64': 'm'")),
            ("'amd64': 'y', 'arm64': 'm'", "'amd64': 'n', 'arm64': 'y'", Some("'amd64': 'n', 'arm64': 'm'")),
            // Spelled otherwise, and the same.
            ("'amd64-generic': 'y', 'arm64': 'm'", "'amd64': 'n', 'arm64': 'y'", Some("'amd64': 'n', 'arm64': 'm'")),
            ("'amd64': 'y', 'arm64': 'm'", "'amd64': 'y', 'arm64': 'n'", None),
        ];
        for (ours, theirs, want) in table {
            let with = |header: &str, policy: &str| {
                format!("{header}\n# ---- Annotations without notes ----\n\n{}", line("A", policy))
            };
            let got = merged(&with(HEADER, base), &with(HEADER, ours), &with(WITH, theirs));
            assert_eq!(got, want.map(|policy| with(WITH, policy)), "{ours} | {theirs}");
        }
    }

    #[test]
    fn notes_and_symbols() {
        let a = line("A", "'amd64': 'y'");
        let note = |text: &str| format!("{:<47} note<'{text}'>\n\n", "CONFIG_A");
        let base = format!("{HEADER}{a}{}", note("one"));
        let theirs = format!("{HEADER}{a}{}{}", note("two"), line("C", "'arm64': 'm'"));
        let ours = format!("{HEADER}{}{}{}", line("A", "'amd64': 'n'"), note("one"), line("B", "'arm64': 'm'"));
        let text = merged(&base, &ours, &theirs).unwrap();
        let result = read(&text);
        assert_eq!(result.note("A"), Some("two"));
        let look = |symbol, arch| result.lookup(symbol, arch, "generic").unwrap();
        assert_eq!((look("A", "amd64"), look("B", "arm64"), look("C", "arm64")), (Some("n"), Some("m"), Some("m")));
        let other = format!("{HEADER}{a}{}", note("three"));
        assert_eq!(merged(&base, &other, &theirs), None);
    }

    #[test]
    fn a_flavour_goes() {
        let a = line("A", "'arm64': 'y', 'arm64-t': 'n'");
        let text = merged(
            &format!("{WITH}{a}"),
            &format!("{WITH}{a}{}", line("B", "'arm64': 'y'")),
            &format!("{HEADER}{}", line("A", "'arm64': 'y'")),
        );
        let result = read(&text.unwrap());
        assert_eq!(result.flavours(), ["amd64-generic", "arm64-generic"]);
        assert_eq!(result.lookup("A", "arm64", "generic").unwrap(), Some("y"));
    }
}
