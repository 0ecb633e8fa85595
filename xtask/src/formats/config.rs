// SPDX-License-Identifier: GPL-2.0-only
//! Kconfig's `.config` text, whole ones and fragments.
//!
//! `annotations` exports to it, and the flavour and audit stages compare with it. It must never
//! change the text of a value: quotes and backslashes are Kconfig's and go through as they are.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use super::text::{ByName, Text};
pub use super::value::{Value, ValueKind};
use super::FormatError;

/// Kconfig's own names are shorter; it bounds what an error message repeats.
const LONGEST_NAME: usize = 128;

/// Symbols, named without `CONFIG_`, and their values in the order of the text. Two are equal
/// when they hold the same values, in whatever order.
#[derive(Debug, Clone, Default)]
pub struct Config {
    entries: Vec<(Text, Value)>,
    /// Where each symbol is; made when one is looked for.
    index: OnceLock<ByName<usize>>,
}

/// One symbol whose value differs: its name, the value here, the value there.
pub type Difference = (String, Option<Value>, Option<Value>);

impl Config {
    /// Of symbols whose names are ones, each named once.
    pub(super) fn of(entries: Vec<(Text, Value)>) -> Self {
        Config { entries, index: OnceLock::new() }
    }

    fn index(&self) -> &ByName<usize> {
        self.index.get_or_init(|| self.entries.iter().zip(0..).map(|((symbol, _), at)| (symbol.clone(), at)).collect())
    }

    /// Reads a text that people write: a fragment.
    ///
    /// # Errors
    /// Whatever Kconfig would pass over or read otherwise than it looks: a line that is neither a
    /// symbol nor a comment, a symbol given twice, a value of no type.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let mut config = Config::default();
        let mut lines = ByName::default();
        for (number, line) in (1..).zip(Text::from(text).lines_with_ends()) {
            let line = &line.first_line();
            let Some((symbol, value)) = read_strict(line).map_err(|error| error.on_line(number))? else {
                continue;
            };
            if let Some(first) = lines.insert(symbol.clone(), number) {
                let message = format!("CONFIG_{symbol} was already given on line {first}");
                return Err(FormatError::at(number, 0, line, message));
            }
            config.put(symbol, value);
        }
        Ok(config)
    }

    /// Reads a text that Kconfig wrote: other lines are passed over, and of a symbol given twice
    /// the last value counts, at the place of the first.
    pub fn parse_lenient(text: impl Into<Text>) -> Self {
        let text = text.into();
        // Bytes of a usual line.
        let lines = text.len() / 24;
        let mut config = Config { entries: Vec::with_capacity(lines), index: OnceLock::new() };
        config.index.get_or_init(|| ByName::with_capacity_and_hasher(lines, Default::default()));
        for line in text.lines_with_ends() {
            if let Some((symbol, value)) = read(&line.first_line()) {
                config.put(symbol, value);
            }
        }
        config
    }

    /// The `.config` text, one line for each symbol.
    pub fn to_text(&self) -> String {
        let length =
            |(symbol, value): (&str, &Value)| "# CONFIG_ is not set\n".len() + symbol.len() + value.as_str().len();
        let mut text = String::with_capacity(self.iter().map(length).sum());
        for (symbol, value) in self.iter() {
            let parts = match value.as_str() {
                "n" => ["# CONFIG_", symbol, " is not set", "", "\n"],
                value => ["CONFIG_", symbol, "=", value, "\n"],
            };
            parts.into_iter().for_each(|part| text.push_str(part));
        }
        text
    }

    /// The value of a symbol, named without `CONFIG_`.
    pub fn get(&self, symbol: &str) -> Option<&Value> {
        self.index().get(symbol).map(|&at| &self.entries[at].1)
    }

    /// Sets a symbol, at its place or at the end.
    ///
    /// # Errors
    /// A name that is not made of letters, digits and `_`.
    pub fn set(&mut self, symbol: &str, value: Value) -> Result<(), FormatError> {
        check_symbol(symbol)?;
        self.put(Text::from(symbol), value);
        Ok(())
    }

    /// Takes a symbol out.
    pub fn remove(&mut self, symbol: &str) {
        self.entries.retain(|(name, _)| **name != *symbol);
        self.index.take();
    }

    /// Symbols and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(symbol, value)| (symbol.as_str(), value))
    }

    /// How many symbols there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no symbol.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What differs, in the order of names. `n` and absent are different things: absent may also
    /// mean that the symbol does not exist there.
    pub fn diff(&self, other: &Config) -> Vec<Difference> {
        let names: BTreeSet<&str> = self.iter().chain(other.iter()).map(|(name, _)| name).collect();
        names
            .into_iter()
            .map(|name| (name.to_owned(), self.get(name).cloned(), other.get(name).cloned()))
            .filter(|(_, here, there)| here != there)
            .collect()
    }

    fn put(&mut self, symbol: Text, value: Value) {
        self.index();
        let next = self.entries.len();
        let at = self.index.get_mut().map_or(next, |index| *index.entry(symbol.clone()).or_insert(next));
        if at < next {
            self.entries[at].1 = value;
        } else {
            self.entries.push((symbol, value));
        }
    }
}

impl PartialEq for Config {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(name, value)| other.get(name) == Some(value))
    }
}

impl Eq for Config {}

/// Refuses what cannot be the name of a symbol, without `CONFIG_`.
pub(super) fn check_symbol(symbol: &str) -> Result<(), FormatError> {
    if is_symbol(symbol) {
        return Ok(());
    }
    Err(FormatError::new(symbol, "a symbol's name is made of letters, digits and `_`"))
}

fn is_symbol(symbol: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    (1..=LONGEST_NAME).contains(&symbol.len()) && symbol.bytes().all(allowed)
}

/// The symbol and value on a line, where there is one.
fn read(line: &Text) -> Option<(Text, Value)> {
    let (symbol, value) = match line.strip_prefix("# CONFIG_") {
        Some(rest) => {
            let end = line.len() - rest.len() + rest.strip_suffix(" is not set")?.len();
            // The `n` of `not`: thousands of these values, and no text of its own for any.
            let not = line.len() - "not set".len();
            ("# CONFIG_".len()..end, not..not + 1)
        }
        None => {
            let equals = line.strip_prefix("CONFIG_")?.find('=')? + "CONFIG_".len();
            ("CONFIG_".len()..equals, equals + 1..line.len())
        }
    };
    let symbol = line.piece(symbol);
    is_symbol(&symbol).then_some(())?;
    Some((symbol, Value::of(line.piece(value)).ok()?))
}

/// The same for a line that a person wrote, where nothing is passed over but comments.
fn read_strict(line: &Text) -> Result<Option<(Text, Value)>, FormatError> {
    let bad = |column, message: &str| Err(FormatError::at(0, column, line, message));
    if let Some((symbol, value)) = read(line) {
        if value.kind() == ValueKind::Other {
            let column = "CONFIG_=".len() + symbol.len() + 1;
            return bad(column, "a value is y, m, n, a number, or a text in double quotes");
        }
        return Ok(Some((symbol, value)));
    }
    let trimmed = line.trim();
    if let Some(comment) = trimmed.strip_prefix('#') {
        // Kconfig would pass over a line that only looks as if it switched a symbol off.
        if comment.trim_start().starts_with("CONFIG_") && comment.ends_with("is not set") {
            return bad(1, "a symbol is switched off by exactly `# CONFIG_NAME is not set`");
        }
        return Ok(None);
    }
    if trimmed.is_empty() {
        return Ok(None);
    }
    let name = trimmed.split('=').next().unwrap_or_default();
    match name.strip_prefix("CONFIG_") {
        _ if !line.starts_with(|c: char| !c.is_whitespace()) => bad(1, "white space before a symbol"),
        None => bad(1, "neither a comment nor a symbol, which begins with CONFIG_"),
        Some(symbol) if !is_symbol(symbol) => bad(8, "a symbol's name is made of letters, digits and `_`"),
        Some(_) if !trimmed.contains('=') => bad(1, "a symbol without `=` and a value"),
        Some(_) => bad(1, "a control character in a value"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Config, Value};
    use proptest::prelude::*;

    #[test]
    fn fragment() {
        let text = "# timers\n\nCONFIG_NO_HZ_FULL=y\n# CONFIG_NO_HZ_IDLE is not set\nCONFIG_HZ=100\n\
                    CONFIG_A=n\nCONFIG_CMDLINE=\"a=\\\"b\\\" # c\"\nCONFIG_3C=0xfF\nCONFIG_N=-1\r\n";
        let config = Config::parse(text).unwrap();
        assert_eq!(
            config.to_text(),
            "CONFIG_NO_HZ_FULL=y\n# CONFIG_NO_HZ_IDLE is not set\nCONFIG_HZ=100\n\
             # CONFIG_A is not set\nCONFIG_CMDLINE=\"a=\\\"b\\\" # c\"\nCONFIG_3C=0xfF\nCONFIG_N=-1\n"
        );
        assert_eq!(config.get("HZ").map(Value::as_str), Some("100"));
        assert_eq!(config.get("CONFIG_HZ"), None);
        assert_eq!(Config::parse(&config.to_text()).unwrap(), config);
    }

    #[test]
    fn fragment_refused() {
        let table = [
            ("X=y", "line 1, column 1: neither a comment nor a symbol, which begins with CONFIG_: `X=y`"),
            ("\nCONFIG_X", "line 2, column 1: a symbol without `=` and a value: `CONFIG_X`"),
            ("CONFIG_X=", "line 1, column 10: a value is y, m, n, a number, or a text in double quotes: `CONFIG_X=`"),
            ("CONFIG_X=y ", "line 1, column 10: a value is y, m, n, a number, or a text in double quotes: `CONFIG_X=y `"),
            ("CONFIG_X=yes", "line 1, column 10: a value is y, m, n, a number, or a text in double quotes: `CONFIG_X=yes`"),
            (" CONFIG_X=y", "line 1, column 1: white space before a symbol: ` CONFIG_X=y`"),
            ("CONFIG_X-Y=y", "line 1, column 8: a symbol's name is made of letters, digits and `_`: `CONFIG_X-Y=y`"),
            ("CONFIG_=y", "line 1, column 8: a symbol's name is made of letters, digits and `_`: `CONFIG_=y`"),
            ("CONFIG_X=\"\x07\"", "line 1, column 1: a control character in a value: `CONFIG_X=\"\u{fffd}\"`"),
            ("#CONFIG_X is not set", "line 1, column 1: a symbol is switched off by exactly `# CONFIG_NAME is not set`: `#CONFIG_X is not set`"),
            ("CONFIG_X=y\n# CONFIG_X is not set", "line 2: CONFIG_X was already given on line 1: `# CONFIG_X is not set`"),
        ];
        for (text, want) in table {
            assert_eq!(Config::parse(text).unwrap_err().to_string(), want);
        }
    }

    #[test]
    fn lenient() {
        let config = Config::parse_lenient("junk\nCONFIG_X=y\nCONFIG_Y=\n CONFIG_Z=y\n# CONFIG_X is not set\n");
        assert_eq!(config.to_text(), "# CONFIG_X is not set\nCONFIG_Y=\n");
    }

    #[test]
    fn differences() {
        let a = Config::parse("CONFIG_B=y\nCONFIG_A=1\n# CONFIG_C is not set\n").unwrap();
        let b = Config::parse("CONFIG_A=2\nCONFIG_B=y\nCONFIG_D=m\n").unwrap();
        let text: Vec<String> = a
            .diff(&b)
            .iter()
            .map(|(name, here, there)| {
                let show = |v: &Option<Value>| v.as_ref().map_or("-".into(), Value::to_string);
                format!("{name} {} {}", show(here), show(there))
            })
            .collect();
        assert_eq!(text, ["A 1 2", "C n -", "D - m"]);
        let mut c = Config::default();
        for name in ["B", "A"] {
            c.set(name, b.get(name).unwrap().clone()).unwrap();
        }
        c.set("A", Value::parse("1").unwrap()).unwrap();
        c.set("C", Value::no()).unwrap();
        assert_eq!(a, c);
        assert!(c.set("a b", Value::yes()).is_err());
    }

    proptest! {
        #[test]
        fn any_text(text in "((CONFIG_|# CONFIG_)?\\PC{0,12}(=y|=\"|\"| is not set)?\n){0,5}") {
            let lenient = Config::parse_lenient(&text);
            prop_assert_eq!(&Config::parse_lenient(lenient.to_text()), &lenient);
            if let Ok(strict) = Config::parse(&text) {
                prop_assert_eq!(strict, lenient);
            }
        }
    }
}
