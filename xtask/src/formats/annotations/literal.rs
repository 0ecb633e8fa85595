// SPDX-License-Identifier: GPL-2.0-only
//! The few Python literals that annotations are written in: strings, and dicts of strings.
//!
//! `header` and `parse` read with it, `save` writes with it. It must never evaluate anything
//! else: the Python tool reads with `literal_eval`, and no vendor's file holds more than these.

use std::str::Chars;

use super::super::text::Text;

/// Keys and values of a dict, in order; a key given twice keeps its place and takes the last
/// value.
pub type Pairs = Vec<(Text, Text)>;

/// Reads `{'a': 'b', …}`; the error says what is wrong with it.
pub fn read_dict(text: &Text) -> Result<Pairs, &'static str> {
    let mut pairs = Pairs::new();
    let mut cursor = Cursor { text, at: 0 };
    cursor.skip_space();
    cursor.take(b'{').ok_or("not a dict, which begins with `{`")?;
    loop {
        cursor.skip_space();
        if cursor.take(b'}').is_some() {
            break;
        }
        let key = cursor.string()?;
        cursor.skip_space();
        cursor.take(b':').ok_or("no `:` behind the key of a dict")?;
        cursor.skip_space();
        let value = cursor.string()?;
        if pairs.len() >= LARGEST {
            return Err("a dict of more than 500 keys");
        }
        put(&mut pairs, key, value);
        cursor.skip_space();
        if cursor.take(b',').is_none() {
            cursor.take(b'}').ok_or("neither `,` nor `}` behind the value of a dict")?;
            break;
        }
    }
    cursor.skip_space();
    if cursor.at < text.len() {
        return Err("more than a dict");
    }
    Ok(pairs)
}

/// Reads the text between two `'` as Python reads it; `None` where Python would refuse it.
pub fn unescape(inner: &str) -> Option<Text> {
    let text = Text::from(format!("'{inner}'"));
    let mut cursor = Cursor { text: &text, at: 0 };
    let value = cursor.string().ok()?;
    (cursor.at == text.len()).then_some(value)
}

/// Sets a key, at its place or at the end.
pub fn put(pairs: &mut Pairs, key: Text, value: Text) {
    match pairs.iter_mut().find(|(name, _)| *name == key) {
        Some(pair) => pair.1 = value,
        None => pairs.push((key, value)),
    }
}

/// Writes a dict as Python's `repr` does.
pub fn write_dict<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let pairs = pairs.into_iter().map(|(key, value)| format!("{}: {}", write(key), write(value)));
    format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
}

/// Writes a string as Python's `repr` does, for texts of printable characters.
fn write(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for c in text.chars() {
        if c == quote || c == '\\' {
            out.push('\\');
        }
        out.push(c);
    }
    out.push(quote);
    out
}

/// More keys than any header has flavours; it bounds what finding a key costs.
const LARGEST: usize = 500;

/// A place in a text. All that a dict is made of but its strings is ASCII, so bytes will do.
struct Cursor<'a> {
    text: &'a Text,
    at: usize,
}

impl Cursor<'_> {
    fn skip_space(&mut self) {
        while self.take(b' ').is_some() {}
    }

    fn take(&mut self, wanted: u8) -> Option<()> {
        let found = self.text.as_bytes().get(self.at) == Some(&wanted);
        self.at += usize::from(found);
        found.then_some(())
    }

    /// A string in quotes, which is a piece of the text where nothing in it is escaped.
    fn string(&mut self) -> Result<Text, &'static str> {
        let bytes = self.text.as_bytes();
        let quote = *bytes.get(self.at).filter(|b| b"'\"".contains(b)).ok_or("not a string in quotes")?;
        let start = self.at + 1;
        let length = bytes[start..].iter().position(|b| *b == quote || *b == b'\\');
        let end = start + length.ok_or("a string that is not closed")?;
        if bytes[end] == quote {
            self.at = end + 1;
            return Ok(self.text.piece(start..end));
        }
        let mut chars = self.text[start..].chars();
        let mut value = String::new();
        loop {
            match chars.next().ok_or("a string that is not closed")? {
                c if c == char::from(quote) => break,
                '\\' => {
                    let c = chars.next().ok_or("a string that is not closed")?;
                    match c {
                        '\\' | '\'' | '"' => value.push(c),
                        'x' => value.push(read_code(&mut chars, 2)?),
                        'u' => value.push(read_code(&mut chars, 4)?),
                        // Python gives these a meaning that no `.config` has a use for.
                        'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | 'N' | 'U' | '0'..='7' => {
                            return Err("an escape that no value of a .config holds");
                        }
                        other => value.extend(['\\', other]),
                    }
                }
                c => value.push(c),
            }
        }
        self.at = self.text.len() - chars.as_str().len();
        Ok(Text::from(value))
    }
}

fn read_code(chars: &mut Chars, digits: u32) -> Result<char, &'static str> {
    let mut code = 0;
    for _ in 0..digits {
        let digit = chars.next().and_then(|c| c.to_digit(16));
        code = code * 16 + digit.ok_or("an escape without its digits")?;
    }
    let c = char::from_u32(code).ok_or("an escape that is no character")?;
    if c.is_control() {
        return Err("a control character in a string");
    }
    Ok(c)
}

#[cfg(test)]
mod tests {
    use super::{unescape, write_dict, Pairs, Text};
    use proptest::prelude::*;

    fn read_dict(text: &str) -> Result<Pairs, &'static str> {
        super::read_dict(&Text::from(text))
    }

    #[test]
    fn dicts() {
        // The second column is Python's `repr(literal_eval(first))`.
        let table = [
            ("{}", "{}"),
            ("{'a': 'y'}", "{'a': 'y'}"),
            (" { 'a' :'y',\"b\":\"it's\" , } ", "{'a': 'y', 'b': \"it's\"}"),
            ("{'a': '\"x\"'}", "{'a': '\"x\"'}"),
            ("{'a': '\\'\"'}", "{'a': '\\'\"'}"),
            ("{'a': '\\\\ \\d \\x41\\u00e9'}", "{'a': '\\\\ \\\\d Aé'}"),
            ("{'a': '1', 'b': '2', 'a': '3'}", "{'a': '3', 'b': '2'}"),
        ];
        for (text, want) in table {
            let pairs = read_dict(text).unwrap();
            let written = write_dict(pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())));
            assert_eq!(written, want);
        }
    }

    #[test]
    fn refused() {
        let table = [
            ("", "not a dict, which begins with `{`"),
            ("{'a'}", "no `:` behind the key of a dict"),
            ("{'a': 1}", "not a string in quotes"),
            ("{'a': 'b' 'c'}", "neither `,` nor `}` behind the value of a dict"),
            ("{'a': 'b'", "neither `,` nor `}` behind the value of a dict"),
            ("{'a': 'b'} x", "more than a dict"),
            ("{'a': 'b", "a string that is not closed"),
            ("{'a': '\\", "a string that is not closed"),
            ("{'a': '\\n'}", "an escape that no value of a .config holds"),
            ("{'a': '\\x0'}", "an escape without its digits"),
            ("{'a': '\\x07'}", "a control character in a string"),
            ("{'a': '\\ud800'}", "an escape that is no character"),
        ];
        for (text, want) in table {
            assert_eq!(read_dict(text).unwrap_err(), want);
        }
    }

    #[test]
    fn as_python_reads_a_config() {
        let table = [("\"a\"", Some("\"a\"")), ("\"a\\\\b\"", Some("\"a\\b\"")), ("\"it's\"", None), ("\\", None)];
        for (text, want) in table {
            assert_eq!(unescape(text).as_deref(), want);
        }
    }

    proptest! {
        #[test]
        fn written_and_read(pairs in prop::collection::btree_map("[ -~]{0,5}", "[ -~é]{0,8}", 0..5)) {
            let pairs: Pairs = pairs.iter().map(|(k, v)| (Text::from(k.as_str()), Text::from(v.as_str()))).collect();
            let text = write_dict(pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())));
            prop_assert_eq!(read_dict(&text), Ok(pairs));
        }

        #[test]
        fn any_text(text in "[{}:, 'a\\\\\"xu0é]{0,20}") {
            let _ = (read_dict(&text), unescape(&text));
        }
    }
}
