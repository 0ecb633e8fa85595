// SPDX-License-Identifier: GPL-2.0-only
//! The value of a symbol, as Kconfig writes it.
//!
//! `config` and `annotations` hold them. It must never change the text: quotes and backslashes go through as they are.

use std::fmt;

use super::text::Text;
use super::FormatError;

/// A value as it stands in `.config`: `y`, `m`, `n`, `250`, `0xffff`, `"text"`. `n` is written
/// as a comment that says `is not set`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(Text);

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

impl Value {
    /// Takes any text that fits on one line of a `.config`.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        Self::of(Text::from(text))
    }

    /// The same of a piece of a file.
    pub(super) fn of(text: Text) -> Result<Self, FormatError> {
        if text.bytes().any(|b| b.is_ascii_control()) || !text.is_ascii() && text.chars().any(char::is_control) {
            return Err(FormatError::new(&text, "a control character in a value"));
        }
        Ok(Value(text))
    }

    /// The value `n`.
    pub fn no() -> Self {
        Value(Text::from("n"))
    }

    /// The value `y`.
    pub fn yes() -> Self {
        Value(Text::from("y"))
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
    use super::{Value, ValueKind};

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
}
