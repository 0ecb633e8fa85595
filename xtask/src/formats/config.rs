// SPDX-License-Identifier: GPL-2.0-only
//! Kconfig's `.config` text, whole ones and fragments.
//!
//! `annotations` exports to it, and the flavour and audit stages compare with it. It must never
//! change the text of a value: quotes and backslashes are Kconfig's and go through as they are.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use super::FormatError;

/// Kconfig's own names are shorter; it bounds what an error message repeats.
const LONGEST_NAME: usize = 128;

/// Symbols, named without `CONFIG_`, and their values in the order of the text. Two are equal
/// when they hold the same values, in whatever order.
#[derive(Debug, Clone, Default)]
pub struct Config {
    entries: Vec<(String, Value)>,
    index: HashMap<String, usize>,
}

/// A value as it stands in `.config`: `y`, `m`, `n`, `250`, `0xffff`, `"text"`. `n` is written
/// as a comment that says `is not set`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(String);

/// What a value looks like. Its symbol's type, which only Kconfig knows, may be another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// `n`.
    No,
    /// `m`.
    Module,
    /// `y`.
    Yes,
    /// A decimal number, negative ones included.
    Int,
    /// `0x` and hexadecimal digits.
    Hex,
    /// A string in double quotes.
    Text,
    /// Nothing that Kconfig writes for a symbol that is set, the empty text among it.
    Other,
}

/// One symbol whose value differs: its name, the value here, the value there.
pub type Difference = (String, Option<Value>, Option<Value>);

impl Value {
    /// Takes any text that fits on one line of a `.config`.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        if text.chars().any(char::is_control) {
            return Err(FormatError::new(text, "a control character in a value"));
        }
        Ok(Value(text.to_owned()))
    }

    /// The value `n`.
    pub fn no() -> Self {
        Value("n".to_owned())
    }

    /// The value `y`.
    pub fn yes() -> Self {
        Value("y".to_owned())
    }

    /// The text as it stands after the `=`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the text looks like.
    pub fn kind(&self) -> ValueKind {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let hex = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
        let text = self.0.as_str();
        let prefix = text.get(..2).unwrap_or_default();
        match text {
            "n" => ValueKind::No,
            "m" => ValueKind::Module,
            "y" => ValueKind::Yes,
            _ if digits(text.strip_prefix('-').unwrap_or(text)) => ValueKind::Int,
            _ if prefix.eq_ignore_ascii_case("0x") && hex(&text[2..]) => ValueKind::Hex,
            _ if is_quoted(text) => ValueKind::Text,
            _ => ValueKind::Other,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Config {
    /// Reads a text that people write: a fragment.
    ///
    /// # Errors
    /// Whatever Kconfig would pass over or read otherwise than it looks: a line that is neither a
    /// symbol nor a comment, a symbol given twice, a value of no type.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let mut config = Config::default();
        let mut lines = HashMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            let Some((symbol, value)) = read_strict(line).map_err(|error| error.on_line(number))? else {
                continue;
            };
            if let Some(first) = lines.insert(symbol, number) {
                let message = format!("CONFIG_{symbol} was already given on line {first}");
                return Err(FormatError::at(number, 0, line, message));
            }
            config.put(symbol, value);
        }
        Ok(config)
    }

    /// Reads a text that Kconfig wrote: other lines are passed over, and of a symbol given twice
    /// the last value counts, at the place of the first.
    pub fn parse_lenient(text: &str) -> Self {
        let mut config = Config::default();
        for line in text.lines() {
            if let Some((symbol, value)) = read(line) {
                config.put(symbol, value);
            }
        }
        config
    }

    /// The `.config` text, one line for each symbol.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (symbol, value) in self.iter() {
            if value.kind() == ValueKind::No {
                text.push_str(&format!("# CONFIG_{symbol} is not set\n"));
            } else {
                text.push_str(&format!("CONFIG_{symbol}={value}\n"));
            }
        }
        text
    }

    /// The value of a symbol, named without `CONFIG_`.
    pub fn get(&self, symbol: &str) -> Option<&Value> {
        self.index.get(symbol).map(|&at| &self.entries[at].1)
    }

    /// Sets a symbol, at its place or at the end.
    ///
    /// # Errors
    /// A name that is not made of letters, digits and `_`.
    pub fn set(&mut self, symbol: &str, value: Value) -> Result<(), FormatError> {
        check_symbol(symbol)?;
        self.put(symbol, value);
        Ok(())
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

    fn put(&mut self, symbol: &str, value: Value) {
        if let Some(&at) = self.index.get(symbol) {
            self.entries[at].1 = value;
        } else {
            self.index.insert(symbol.to_owned(), self.entries.len());
            self.entries.push((symbol.to_owned(), value));
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
fn read(line: &str) -> Option<(&str, Value)> {
    let (symbol, value) = match line.strip_prefix("# CONFIG_") {
        Some(rest) => (rest.strip_suffix(" is not set")?, "n"),
        None => line.strip_prefix("CONFIG_")?.split_once('=')?,
    };
    is_symbol(symbol).then_some(())?;
    Some((symbol, Value::parse(value).ok()?))
}

/// The same for a line that a person wrote, where nothing is passed over but comments.
fn read_strict(line: &str) -> Result<Option<(&str, Value)>, FormatError> {
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

/// Whether the text is one string in double quotes, by Kconfig's escapes.
fn is_quoted(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
        return false;
    };
    let mut escaped = false;
    for c in inner.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return false,
            _ => {}
        }
    }
    !escaped
}

#[cfg(test)]
mod tests {
    use super::{Config, Value, ValueKind};
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
    fn kinds() {
        use ValueKind::*;
        let table = [
            ("n", No),
            ("m", Module),
            ("y", Yes),
            ("250", Int),
            ("-3", Int),
            ("0x1f", Hex),
            ("0XF", Hex),
            ("\"\"", Text),
            ("\"a\\\"\"", Text),
            ("", Other),
            ("-", Other),
            ("0x", Other),
            ("\"", Other),
            ("\"a\"b\"", Other),
            ("\"a\\\"", Other),
            ("1 ", Other),
            ("é", Other),
        ];
        for (text, kind) in table {
            assert_eq!(Value::parse(text).unwrap().kind(), kind, "{text}");
        }
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
            prop_assert_eq!(&Config::parse_lenient(&lenient.to_text()), &lenient);
            if let Ok(strict) = Config::parse(&text) {
                prop_assert_eq!(strict, lenient);
            }
        }
    }
}
