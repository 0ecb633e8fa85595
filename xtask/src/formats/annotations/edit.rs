// SPDX-License-Identifier: GPL-2.0-only
//! Changes to annotations: values, notes, flavours, whole configurations.
//!
//! The flavour stage calls it. It must never take in what the vendor's tool could not read back:
//! the build reads the file with that tool.

use super::super::config::{check_symbol, Config, Value, ValueKind};
use super::super::text::Text;
use super::super::vars::check_flavour;
use super::super::FormatError;
use super::lookup::SKIPPED;
use super::parse::Annotations;

/// What the Python tool writes over the note of a symbol whose value it changes.
const STALE_NOTE: &str = "TODO: update note";

impl Annotations {
    /// Sets the value of a symbol, named without `CONFIG_`, for a key of the header, `arm64` or
    /// `arm64-tickless`; `None` says that the `.config` does not mention it.
    ///
    /// # Errors
    /// A key that the header does not name, a value that the format cannot hold.
    pub fn set(&mut self, symbol: &str, key: &str, value: Option<&Value>) -> Result<(), FormatError> {
        check_symbol(symbol)?;
        if !self.header.arches.iter().chain(&self.header.flavours).any(|name| name == key) {
            let message = "neither an architecture nor a flavour that the annotations name";
            return Err(FormatError::new(key, message));
        }
        let value = value.map_or(Ok("-"), writable)?;
        self.table.entry(symbol).put(key, value);
        Ok(())
    }

    /// Takes a key of a symbol out. What an included file says of it counts again.
    pub fn unset(&mut self, symbol: &str, key: &str) {
        if self.table.get(symbol).is_some() {
            self.table.entry(symbol).remove(key);
        }
    }

    /// Sets the note of a symbol that has a value.
    ///
    /// # Errors
    /// No such symbol, or a note with a character that the format cannot hold.
    pub fn set_note(&mut self, symbol: &str, note: &str) -> Result<(), FormatError> {
        if self.table.get(symbol).is_none() {
            return Err(FormatError::new(symbol, "a note for a symbol that has no value"));
        }
        if note.contains(['<', '>', '\'']) || note.chars().any(char::is_control) {
            let message = "a note cannot hold `<`, `>`, `'` or a control character";
            return Err(FormatError::new(note, message));
        }
        self.table.entry(symbol).note = Some(format!("'{note}'"));
        Ok(())
    }

    /// The note of a symbol, without its quotes.
    pub fn note(&self, symbol: &str) -> Option<&str> {
        let note = self.table.get(symbol)?.note.as_deref()?;
        Some(note.trim_matches('\''))
    }

    /// Adds a flavour, `arm64-tickless`, to the header; it exports what `dependency`,
    /// `arm64-generic`, exports. Adding it twice is adding it once.
    ///
    /// # Errors
    /// A name that is none, an architecture or a dependency that no header names, a flavour that
    /// is there with another dependency.
    pub fn add_flavour(&mut self, flavour: &str, dependency: &str) -> Result<(), FormatError> {
        let bad = |text: &str, message: &str| Err(FormatError::new(text, message));
        let Some((arch, name)) = flavour.split_once('-') else {
            return bad(flavour, "a flavour is written with its architecture, as in arm64-generic");
        };
        check_flavour(name)?;
        if !self.header.arches.iter().any(|known| known == arch) {
            return bad(arch, "an architecture that the annotations do not name in ARCH");
        }
        let same_arch = dependency.split_once('-').is_some_and(|(other, _)| other == arch);
        if !self.known.iter().any(|known| known == dependency) || !same_arch || flavour == dependency {
            return bad(dependency, "not another flavour of the same architecture");
        }
        if self.header.flavours.iter().any(|known| known == flavour) {
            return match self.header.dependency(flavour) == Some(dependency) {
                true => Ok(()),
                false => bad(flavour, "a flavour that the annotations name already"),
            };
        }
        // A dependency reaches no further than one flavour, and keys of the flavour itself may
        // have been left behind: what differs is written down.
        let further = self.header.dependency(dependency).map(str::to_owned);
        let mut differ = Vec::new();
        for (place, (_, entry)) in self.table.iter().enumerate() {
            let wanted = entry.resolve(dependency, further.as_deref(), arch).unwrap_or("-");
            if entry.resolve(flavour, Some(dependency), arch).unwrap_or("-") != wanted {
                differ.push((place, wanted.to_owned()));
            }
        }
        differ.iter().for_each(|(place, wanted)| self.table.at_mut(*place).put(flavour, wanted));
        self.header.add(flavour, Some(dependency));
        self.known.push(flavour.to_owned());
        Ok(())
    }

    /// Takes a flavour out of the header, and all its values.
    ///
    /// # Errors
    /// It is the only flavour, or another one depends on it.
    pub fn remove_flavour(&mut self, flavour: &str) -> Result<(), FormatError> {
        if self.header.dependencies.iter().any(|(_, target)| **target == *flavour) {
            return Err(FormatError::new(flavour, "a flavour that another one depends on"));
        }
        if self.header.flavours == [flavour] {
            return Err(FormatError::new(flavour, "the only flavour of the annotations"));
        }
        self.table.remove_key(flavour);
        self.header.remove(flavour);
        self.known.retain(|known| known != flavour);
        Ok(())
    }

    /// Takes in a whole `.config` for a flavour: what it does not mention is absent. The symbols
    /// whose note is stale now, for their value changed.
    ///
    /// Other than the Python tool's `--import`, it leaves out the symbols of [`SKIPPED`]: they
    /// tell which compiler happened to be there.
    ///
    /// # Errors
    /// A flavour that the header does not name, a value that the format cannot hold.
    pub fn import(&mut self, config: &Config, arch: &str, flavour: &str) -> Result<Vec<String>, FormatError> {
        let keys = self.keys(arch, Some(flavour))?;
        let there = |entry| keys.of(entry).is_some_and(|value| value != "-");
        let ours = self.table.iter().filter(|(symbol, entry)| there(entry) && config.get(symbol).is_none());
        let gone: Vec<Text> = ours.map(|(symbol, _)| Text::from(symbol)).collect();
        let own = keys.own.clone();
        self.take_in(config, &gone, arch, Some(flavour), &own)
    }

    /// Takes in the symbols that a `.config` or a fragment mentions, and leaves the others as
    /// they are. Without a flavour, the architecture's own values are set. The symbols whose note
    /// is stale now.
    ///
    /// # Errors
    /// A flavour that the header does not name, a value that the format cannot hold.
    pub fn update(&mut self, config: &Config, arch: &str, flavour: Option<&str>) -> Result<Vec<String>, FormatError> {
        let own = flavour.map_or_else(|| arch.to_owned(), |flavour| format!("{arch}-{flavour}"));
        // Whether a note is stale is then told by the flavour that the Python tool takes (annotations.py of
        // 5.4.0-200.220, line 310).
        self.take_in(config, &[], arch, flavour, &own)
    }

    /// Takes in all of `config`, and that `gone` is absent, under the key `own`. What the flavour has already
    /// stays as it is written.
    fn take_in(
        &mut self,
        config: &Config,
        gone: &[Text],
        arch: &str,
        flavour: Option<&str>,
        own: &str,
    ) -> Result<Vec<String>, FormatError> {
        let keys = self.keys(arch, flavour)?;
        let wanted = config.iter().map(|(symbol, value)| (symbol, Some(value)));
        let mut changes = Vec::new();
        for (symbol, value) in wanted.chain(gone.iter().map(|symbol| (symbol.as_str(), None))) {
            let text = value.map_or("-", Value::as_str);
            let entry = self.table.get(symbol);
            let has = entry.and_then(|entry| if own == keys.own { keys.of(entry) } else { entry.value(own) });
            if has == Some(text) || SKIPPED.contains(&symbol) {
                continue;
            }
            value.map(writable).transpose()?;
            let differs = entry.and_then(|entry| keys.of(entry)) != Some(text);
            let stale = differs && entry.is_some_and(|entry| entry.note.is_some());
            changes.push((symbol, text, stale));
        }
        let mut stale_notes = Vec::new();
        for (symbol, value, stale) in changes {
            let entry = self.table.entry(symbol);
            entry.put(own, value);
            if stale {
                entry.note = Some(STALE_NOTE.to_owned());
                stale_notes.push(symbol.to_owned());
            }
        }
        stale_notes.sort_unstable();
        Ok(stale_notes)
    }
}

/// The text of a value, where the format can hold it: a `>` ends a policy, runs of spaces are
/// squeezed, and the Python tool takes a backslash or a `'` in a `.config` for its own.
fn writable(value: &Value) -> Result<&str, FormatError> {
    let text = value.as_str();
    let spaces = text.contains("  ") || text.starts_with(' ') || text.ends_with(' ');
    let bad = text.contains(['>', '\\', '\'', '\u{2028}', '\u{2029}']);
    if value.kind() == ValueKind::Other || spaces || bad {
        return Err(FormatError::new(text, "a value that annotations cannot hold"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::super::super::config::{Config, Value};
    use super::super::super::FormatError;
    use super::Annotations;

    const TEXT: &str = "# ARCH: amd64 arm64\n# FLAVOUR: amd64-generic arm64-generic arm64-aws\n\
                        # FLAVOUR_DEP: {'arm64-aws': 'arm64-generic'}\n\n\
                        CONFIG_A policy<{'amd64': 'y', 'arm64-generic': 'm'}>\n\
                        CONFIG_A note<'why'>\n\
                        CONFIG_B policy<{'arm64': '4', 'arm64-t': '5'}>\n\
                        CONFIG_GCC_VERSION policy<{'arm64': '90400'}>\n";

    fn read() -> Annotations {
        Annotations::parse(TEXT, "", &|_: &str| Err(FormatError::new("", "none"))).unwrap()
    }

    #[test]
    fn set_and_refused() {
        let mut annotations = read();
        let value = |text| Value::parse(text).unwrap();
        annotations.set("B", "arm64", Some(&value("5"))).unwrap();
        annotations.set("B", "arm64-aws", None).unwrap();
        assert_eq!(annotations.lookup("B", "arm64", "generic"), Ok(Some("5")));
        assert_eq!(annotations.lookup("B", "arm64", "aws"), Ok(None));
        annotations.unset("B", "arm64-aws");
        annotations.unset("NONE", "arm64");
        assert_eq!(annotations.lookup("B", "arm64", "aws"), Ok(Some("5")));
        for text in ["\"a>b\"", "\"a\\\\b\"", "\"it's\"", "\"a  b\"", "", "-", "yes"] {
            assert!(annotations.set("B", "arm64", Some(&value(text))).is_err(), "{text}");
        }
        for (symbol, key) in [("a b", "arm64"), ("B", "arm64-t"), ("B", "s390x")] {
            assert!(annotations.set(symbol, key, None).is_err(), "{symbol} {key}");
        }
        annotations.set_note("B", "LP:1").unwrap();
        assert_eq!(annotations.note("B"), Some("LP:1"));
        assert!(annotations.set_note("B", "it's").is_err());
        assert!(annotations.set_note("NONE", "x").is_err());
    }

    #[test]
    fn a_flavour_exports_what_its_dependency_does() {
        // One key of it was left behind, and of the second the values come from two steps away.
        for base in ["generic", "aws"] {
            let mut annotations = read();
            annotations.add_flavour("arm64-t", &format!("arm64-{base}")).unwrap();
            let want = annotations.export("arm64", base).unwrap().to_text();
            assert_eq!(annotations.export("arm64", "t").unwrap().to_text(), want);
            let once = annotations.clone();
            annotations.add_flavour("arm64-t", &format!("arm64-{base}")).unwrap();
            assert_eq!(annotations, once);
            annotations.remove_flavour("arm64-t").unwrap();
            assert_eq!(annotations.flavours(), read().flavours());
        }
    }

    #[test]
    fn flavours_refused() {
        let table = [
            ("t", "arm64-generic", "a flavour is written with its architecture, as in arm64-generic: `t`"),
            (
                "arm64-a_b",
                "arm64-generic",
                "a flavour's name is made of lower-case letters, digits and `-` between them: `a_b`",
            ),
            ("s390x-t", "s390x-generic", "an architecture that the annotations do not name in ARCH: `s390x`"),
            ("arm64-t", "arm64-none", "not another flavour of the same architecture: `arm64-none`"),
            ("arm64-t", "amd64-generic", "not another flavour of the same architecture: `amd64-generic`"),
            ("arm64-generic", "arm64-aws", "a flavour that the annotations name already: `arm64-generic`"),
        ];
        for (flavour, dependency, want) in table {
            let error = read().add_flavour(flavour, dependency).unwrap_err();
            assert_eq!(error.to_string(), want);
        }
        assert!(read().remove_flavour("arm64-generic").is_err(), "another depends on it");
    }

    #[test]
    fn configurations_taken_in() {
        let config = Config::parse_lenient("CONFIG_A=y\nCONFIG_NEW=m\nCONFIG_GCC_VERSION=1\n");
        let mut annotations = read();
        assert_eq!(annotations.update(&config, "arm64", Some("aws")).unwrap(), ["A"]);
        assert_eq!(annotations.note("A"), Some("TODO: update note"));
        assert_eq!(
            annotations.export("arm64", "aws").unwrap().to_text(),
            "CONFIG_A=y\nCONFIG_B=4\nCONFIG_GCC_VERSION=90400\nCONFIG_NEW=m\n"
        );
        assert_eq!(annotations.lookup("A", "arm64", "generic"), Ok(Some("m")));
        annotations.import(&config, "arm64", "aws").unwrap();
        assert_eq!(
            annotations.export("arm64", "aws").unwrap().to_text(),
            "CONFIG_A=y\nCONFIG_GCC_VERSION=90400\nCONFIG_NEW=m\n"
        );
        assert!(annotations.update(&config, "arm64", Some("none")).is_err());
        let mut annotations = read();
        annotations.update(&Config::parse_lenient("CONFIG_B=6\n"), "arm64", None).unwrap();
        assert_eq!(annotations.lookup("B", "arm64", "generic"), Ok(Some("6")));
        let odd = Config::parse_lenient("CONFIG_A=\"it's\"\n");
        assert!(annotations.update(&odd, "arm64", Some("aws")).is_err());
    }
}
