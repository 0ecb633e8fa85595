// SPDX-License-Identifier: GPL-2.0-only
//! The few Python literals that annotations are written in: strings, and dicts of strings.
//!
//! `header` and `parse` read with it, `save` writes with it. It must never evaluate anything
//! else: the Python tool reads with `literal_eval`, and no vendor's file holds more than these.

use std::iter::Peekable;
use std::str::Chars;

/// Keys and values of a dict, in order; a key given twice keeps its place and takes the last
/// value.
pub type Pairs = Vec<(String, String)>;

/// Reads `{'a': 'b', …}`; the error says what is wrong with it.
pub fn read_dict(text: &str) -> Result<Pairs, &'static str> {
    let mut chars = text.chars().peekable();
    let mut pairs = Pairs::new();
    take(&mut chars, '{').ok_or("not a dict, which begins with `{`")?;
    loop {
        skip_space(&mut chars);
        if chars.next_if_eq(&'}').is_some() {
            break;
        }
        let key = read_string(&mut chars)?;
        take(&mut chars, ':').ok_or("no `:` behind the key of a dict")?;
        skip_space(&mut chars);
        let value = read_string(&mut chars)?;
        if pairs.len() >= LARGEST {
            return Err("a dict of more than 500 keys");
        }
        put(&mut pairs, key, value);
        skip_space(&mut chars);
        match chars.next() {
            Some(',') => {}
            Some('}') => break,
            _ => return Err("neither `,` nor `}` behind the value of a dict"),
        }
    }
    skip_space(&mut chars);
    match chars.next() {
        None => Ok(pairs),
        Some(_) => Err("more than a dict"),
    }
}

/// Reads the text between two `'` as Python reads it; `None` where Python would refuse it.
pub fn unescape(inner: &str) -> Option<String> {
    let text = format!("'{inner}'");
    let mut chars = text.chars().peekable();
    let value = read_string(&mut chars).ok()?;
    chars.next().is_none().then_some(value)
}

/// Sets a key, at its place or at the end.
pub fn put(pairs: &mut Pairs, key: String, value: String) {
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

fn skip_space(chars: &mut Peekable<Chars>) {
    while chars.next_if_eq(&' ').is_some() {}
}

fn take(chars: &mut Peekable<Chars>, wanted: char) -> Option<char> {
    skip_space(chars);
    chars.next_if_eq(&wanted)
}

fn read_string(chars: &mut Peekable<Chars>) -> Result<String, &'static str> {
    let quote = chars.next_if(|c| "'\"".contains(*c)).ok_or("not a string in quotes")?;
    let mut text = String::new();
    loop {
        match chars.next().ok_or("a string that is not closed")? {
            c if c == quote => return Ok(text),
            '\\' => {
                let c = chars.next().ok_or("a string that is not closed")?;
                match c {
                    '\\' | '\'' | '"' => text.push(c),
                    'x' => text.push(read_code(chars, 2)?),
                    'u' => text.push(read_code(chars, 4)?),
                    // Python gives these a meaning that no `.config` has a use for.
                    'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | 'N' | 'U' | '0'..='7' => {
                        return Err("an escape that no value of a .config holds");
                    }
                    other => text.extend(['\\', other]),
                }
            }
            c => text.push(c),
        }
    }
}

fn read_code(chars: &mut Peekable<Chars>, digits: u32) -> Result<char, &'static str> {
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
    use super::{read_dict, unescape, write_dict};
    use proptest::prelude::*;

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
            let pairs: Vec<(String, String)> = pairs.into_iter().collect();
            let text = write_dict(pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())));
            prop_assert_eq!(read_dict(&text), Ok(pairs));
        }

        #[test]
        fn any_text(text in "[{}:, 'a\\\\\"xu0é]{0,20}") {
            let _ = (read_dict(&text), unescape(&text));
        }
    }
}
