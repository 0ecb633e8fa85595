// SPDX-License-Identifier: GPL-2.0-only
//! Reading relation fields.
//!
//! `relation` holds what comes out. It must never refuse a placeholder of Ubuntu's templates or a
//! substitution variable where a name or a version stands.

use std::ops::Range;

use super::super::FormatError;
use super::relation::{Alternative, Constraint, Entry, Operator, Relations};

impl Relations {
    /// Reads the value of a relation field; comment lines in it are passed over.
    ///
    /// # Errors
    /// A part that is no relation; its line is counted from the first of the value.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let clean = blank_comments(text);
        let mut entries = Vec::new();
        for entry in pieces(&clean, 0..clean.len(), b',') {
            if !clean[entry.clone()].trim().is_empty() {
                entries.push(read_entry(text, &clean, entry)?);
            }
        }
        Ok(Relations { entries })
    }
}

/// The text with comment lines turned into as many spaces, so that places stay what they are.
pub(super) fn blank_comments(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        if line.starts_with('#') {
            let end = line.trim_end_matches('\n').len();
            clean.extend(std::iter::repeat_n(' ', end));
            clean.push_str(&line[end..]);
        } else {
            clean.push_str(line);
        }
    }
    clean
}

/// The pieces between separators, which stand in no version, list or group.
pub(super) fn pieces(clean: &str, range: Range<usize>, separator: u8) -> Vec<Range<usize>> {
    let mut start = range.start;
    let mut pieces = Vec::new();
    for at in range.clone() {
        if clean.as_bytes()[at] == separator {
            pieces.push(start..at);
            start = at + 1;
        }
    }
    pieces.push(start..range.end);
    pieces
}

fn read_entry(text: &str, clean: &str, range: Range<usize>) -> Result<Entry, FormatError> {
    let mut alternatives = Vec::new();
    for piece in pieces(clean, range, b'|') {
        let read = read_alternative(clean, piece);
        alternatives.push(read.map_err(|(at, message)| place(text, at, message))?);
    }
    Ok(Entry { alternatives })
}

/// An error at a byte of the field's text.
fn place(text: &str, at: usize, message: &str) -> FormatError {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[line_start..].lines().next().unwrap_or_default();
    let column = before[line_start..].chars().count() + 1;
    FormatError::at(before.matches('\n').count() + 1, column, line, message)
}

type Misread = (usize, &'static str);

fn read_alternative(clean: &str, range: Range<usize>) -> Result<Alternative, Misread> {
    let mut at = skip_space(clean, range.start, range.end);
    let start = at;
    let mut found = Alternative::default();
    (found.name, at) = read_name(clean, at, range.end)?;
    if clean[at..range.end].starts_with(':') {
        let rest = &clean[at + 1..range.end];
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(rest.len());
        if end == 0 {
            return Err((at, "nothing after the colon of a package"));
        }
        found.qualifier = Some(rest[..end].to_owned());
        at += 1 + end;
    }
    found.span = start..at;
    loop {
        at = skip_space(clean, at, range.end);
        let Some(open) = clean[at..range.end].bytes().next() else {
            return Ok(found);
        };
        let close = match open {
            b'(' if found.constraint.is_none() && found.architectures.is_empty() => ')',
            b'[' if found.architectures.is_empty() => ']',
            b'<' => '>',
            _ => return Err((at, "more than a package in a relation")),
        };
        let length = clean[at..range.end].find(close).ok_or((at, "a bracket that is not closed"))?;
        let inner = clean[at + 1..at + length].trim();
        match open {
            b'(' => {
                found.constraint = Some(read_constraint(inner).ok_or((at, "not a version with <<, <=, =, >= or >>"))?)
            }
            b'[' => found.architectures = read_terms(inner).ok_or((at, "not a list of architectures"))?,
            _ => found.profiles.push(read_terms(inner).ok_or((at, "not a list of build profiles"))?),
        }
        let mixed = |all: &[(bool, String)]| all.iter().any(|(not, _)| *not != all[0].0);
        if open == b'[' && mixed(&found.architectures) {
            return Err((at, "architectures with and without `!` in one list"));
        }
        at += length + 1;
    }
}

fn skip_space(clean: &str, from: usize, to: usize) -> usize {
    to - clean[from..to].trim_start().len()
}

/// A name: what Debian allows, and what templates put in its place.
fn read_name(clean: &str, from: usize, to: usize) -> Result<(String, usize), Misread> {
    let mut end = from;
    while end < to {
        let rest = &clean[end..to];
        let plain = |c: char| c.is_ascii_alphanumeric() || "+.-_=@".contains(c);
        if rest.starts_with("${") {
            end += rest.find('}').ok_or((end, "a `${` that is not closed"))? + 1;
        } else if rest.starts_with(plain) {
            end += 1;
        } else {
            break;
        }
    }
    if end == from {
        return Err((from, "a package's name is missing"));
    }
    Ok((clean[from..end].to_owned(), end))
}

fn read_constraint(inner: &str) -> Option<Constraint> {
    let split = inner.find(|c: char| !"<>=".contains(c))?;
    // A single `<` or `>` is what `<=` and `>=` were written as once; dpkg still reads it so.
    let operator = match &inner[..split] {
        "<<" => Operator::Less,
        "<=" | "<" => Operator::LessEqual,
        "=" => Operator::Equal,
        ">=" | ">" => Operator::GreaterEqual,
        ">>" => Operator::Greater,
        _ => return None,
    };
    let version = inner[split..].trim();
    let plain = |c: char| c.is_ascii_graphic() && !"()[]<>|,".contains(c);
    (!version.is_empty() && version.chars().all(plain)).then(|| Constraint { operator, version: version.to_owned() })
}

fn read_terms(inner: &str) -> Option<Vec<(bool, String)>> {
    let terms: Option<Vec<_>> = inner
        .split_whitespace()
        .map(|term| {
            let (not, name) = term.strip_prefix('!').map_or((false, term), |name| (true, name));
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._+=".contains(&b);
            (!name.is_empty() && name.bytes().all(plain)).then(|| (not, name.to_owned()))
        })
        .collect();
    terms.filter(|terms| !terms.is_empty())
}

#[cfg(test)]
mod tests {
    use super::Relations;
    use proptest::prelude::*;

    #[test]
    fn read_and_written() {
        // Where one text stands, it is written as it was read.
        let table = [
            ("", ""),
            ("a", "a"),
            ("\n a,\n# b,\n c (>= 9) ,\n,", "a, c (>= 9)"),
            ("a(>=1)|b:any(<<2~)[!x !y]<!p q><r>", "a (>= 1) | b:any (<< 2~) [!x !y] <!p q> <r>"),
            ("libssl-dev:native <!stage1>", "libssl-dev:native <!stage1>"),
            ("${misc:Depends}, linux-headers-PKGVER-ABINUM", "${misc:Depends}, linux-headers-PKGVER-ABINUM"),
            (
                "linux-image=SIGN-ME-PKG=-PKGVER, =PROVIDES=${linux:rprovides}",
                "linux-image=SIGN-ME-PKG=-PKGVER, =PROVIDES=${linux:rprovides}",
            ),
            ("perl:any (= ${binary:Version})", "perl:any (= ${binary:Version})"),
            ("a (< 1), b (> 2)", "a (<= 1), b (>= 2)"),
        ];
        for (text, want) in table {
            let relations = Relations::parse(text).unwrap();
            assert_eq!(relations.to_string(), want);
            assert_eq!(Relations::parse(want).unwrap().to_string(), want);
        }
    }

    #[test]
    fn refused() {
        let table = [
            ("a |", "line 1, column 4: a package's name is missing: `a |`"),
            ("a b", "line 1, column 3: more than a package in a relation: `a b`"),
            ("é", "line 1, column 1: a package's name is missing: `é`"),
            ("a,\n# x\n b:", "line 3, column 3: nothing after the colon of a package: ` b:`"),
            ("a (1)", "line 1, column 3: not a version with <<, <=, =, >= or >>: `a (1)`"),
            ("a (>= )", "line 1, column 3: not a version with <<, <=, =, >= or >>: `a (>= )`"),
            ("a (>= 1", "line 1, column 3: a bracket that is not closed: `a (>= 1`"),
            ("a (>= 1) (<< 2)", "line 1, column 10: more than a package in a relation: `a (>= 1) (<< 2)`"),
            ("a []", "line 1, column 3: not a list of architectures: `a []`"),
            ("a [x !y]", "line 1, column 3: architectures with and without `!` in one list: `a [x !y]`"),
            ("a <!>", "line 1, column 3: not a list of build profiles: `a <!>`"),
            ("${a", "line 1, column 1: a `${` that is not closed: `${a`"),
        ];
        for (text, want) in table {
            assert_eq!(Relations::parse(text).unwrap_err().to_string(), want);
        }
    }

    proptest! {
        #[test]
        fn any_text(text in "([a-c]|[ ,|:!]|\\(>= 1\\)|\\[[a-c ]*\\]|<[a-c ]*>|\n|\n# x\n |\\$\\{x\\}|\\PC){0,12}") {
            if let Ok(relations) = Relations::parse(&text) {
                let written = relations.to_string();
                prop_assert_eq!(Relations::parse(&written).unwrap().to_string(), written);
            }
        }
    }
}
