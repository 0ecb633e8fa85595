// SPDX-License-Identifier: GPL-2.0-only
//! Debian version numbers: their parts and their order.
//!
//! Tags, changelogs, relations and package sets are compared with it. It must never accept a text
//! that dpkg would refuse, nor order two versions otherwise than dpkg does.

use std::cmp::Ordering;
use std::fmt;

use super::FormatError;

/// No version of the archive comes near this; it bounds what an untrusted text can cost.
const LONGEST: usize = 200;

/// A Debian version, `[epoch:]upstream[-revision]`, by Debian Policy §5.6.12.
///
/// It is compared as dpkg compares, so that `1.0`, `1.0-0` and `0:1.00` are equal.
#[derive(Debug, Clone)]
pub struct Version {
    text: String,
    epoch: u32,
    /// Where upstream begins in `text`.
    start: usize,
    /// Where the `-` before the revision stands in `text`.
    dash: Option<usize>,
}

impl Version {
    /// Reads a version and refuses what dpkg refuses: other characters, an empty part, an
    /// upstream part that does not begin with a digit, an epoch beyond 2³¹-1.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let bad = |message: &str| FormatError::new(text, message);
        if text.is_empty() {
            return Err(bad("an empty version"));
        }
        if text.len() > LONGEST {
            return Err(bad("a version of more than 200 characters"));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || "+.~-:".contains(c);
        if let Some(c) = text.chars().find(|&c| !allowed(c)) {
            return Err(bad(&format!("{c:?} cannot stand in a version")));
        }
        let (epoch, start) = match text.find(':') {
            None => (0, 0),
            Some(colon) => {
                let number = text[..colon].parse::<i32>().ok().filter(|n| *n >= 0);
                let digits = text[..colon].bytes().all(|b| b.is_ascii_digit());
                match (digits, number) {
                    (true, Some(number)) => (number as u32, colon + 1),
                    _ => return Err(bad("the epoch before `:` is not a number")),
                }
            }
        };
        let rest = &text[start..];
        if rest.contains(':') {
            return Err(bad("a second `:` in a version"));
        }
        let dash = rest.rfind('-').map(|at| at + start);
        let upstream = &text[start..dash.unwrap_or(text.len())];
        if !upstream.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(bad("the upstream part of a version begins with a digit"));
        }
        if dash.is_some_and(|at| at + 1 == text.len()) {
            return Err(bad("the revision after the last `-` is empty"));
        }
        Ok(Version { text: text.to_owned(), epoch, start, dash })
    }

    /// The text as it was read.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The epoch; 0 where none is written.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// What stands before the last `-`, without the epoch.
    pub fn upstream(&self) -> &str {
        &self.text[self.start..self.dash.unwrap_or(self.text.len())]
    }

    /// What stands after the last `-`; `None` for a native version.
    pub fn revision(&self) -> Option<&str> {
        self.dash.map(|at| &self.text[at + 1..])
    }

    /// The version with `tail` at its end, which the caller knows to hold no `-` and no `:`.
    pub(super) fn appended(&self, tail: &str) -> Version {
        Version { text: format!("{}{tail}", self.text), ..*self }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.epoch
            .cmp(&other.epoch)
            .then_with(|| compare(self.upstream(), other.upstream()))
            // No revision sorts as revision 0 does.
            .then_with(|| compare(self.revision().unwrap_or("0"), other.revision().unwrap_or("0")))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

/// Compares two upstream parts or two revisions: runs of other characters and runs of digits in
/// turn. Numbers are compared as text, for an untrusted one fits in no integer.
fn compare(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    while !(a.is_empty() && b.is_empty()) {
        let (words_a, rest_a) = a.split_at(run(a, |c| !c.is_ascii_digit()));
        let (words_b, rest_b) = b.split_at(run(b, |c| !c.is_ascii_digit()));
        let (number_a, rest_a) = rest_a.split_at(run(rest_a, |c| c.is_ascii_digit()));
        let (number_b, rest_b) = rest_b.split_at(run(rest_b, |c| c.is_ascii_digit()));
        let order = compare_words(words_a, words_b).then_with(|| compare_numbers(number_a, number_b));
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
    Ordering::Equal
}

fn run(text: &[u8], of: impl Fn(&u8) -> bool) -> usize {
    text.iter().take_while(|c| of(c)).count()
}

fn compare_words(a: &[u8], b: &[u8]) -> Ordering {
    // The end sorts after `~`, and both before letters, and letters before the rest.
    let weight = |c: Option<&u8>| match c {
        Some(b'~') => (0, 0),
        None => (1, 0),
        Some(c) if c.is_ascii_alphabetic() => (2, *c),
        Some(c) => (3, *c),
    };
    (0..a.len().max(b.len()))
        .map(|i| weight(a.get(i)).cmp(&weight(b.get(i))))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

fn compare_numbers(a: &[u8], b: &[u8]) -> Ordering {
    let a = &a[run(a, |c| *c == b'0')..];
    let b = &b[run(b, |c| *c == b'0')..];
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::Version;
    use proptest::prelude::*;
    use std::cmp::Ordering;

    #[test]
    fn parts() {
        let table = [
            ("5.4.0-200.220", 0, "5.4.0", Some("200.220")),
            ("5.15.0-43.46~20.04.1", 0, "5.15.0", Some("43.46~20.04.1")),
            ("1:2.3-rc4-5", 1, "2.3-rc4", Some("5")),
            ("6.1.5", 0, "6.1.5", None),
        ];
        for (text, epoch, upstream, revision) in table {
            let version = Version::parse(text).unwrap();
            assert_eq!(version.epoch(), epoch, "{text}");
            assert_eq!(version.upstream(), upstream, "{text}");
            assert_eq!(version.revision(), revision, "{text}");
            assert_eq!(version.to_string(), text);
        }
    }

    #[test]
    fn refused() {
        let table = [
            ("", "an empty version"),
            ("5.4 0", "' ' cannot stand in a version: `5.4 0`"),
            ("5.4_0", "'_' cannot stand in a version: `5.4_0`"),
            ("v5.4", "the upstream part of a version begins with a digit: `v5.4`"),
            ("-1", "the upstream part of a version begins with a digit: `-1`"),
            ("1-", "the revision after the last `-` is empty: `1-`"),
            ("x:1", "the epoch before `:` is not a number: `x:1`"),
            (":1", "the epoch before `:` is not a number: `:1`"),
            ("+1:1", "the epoch before `:` is not a number: `+1:1`"),
            ("2147483648:1", "the epoch before `:` is not a number: `2147483648:1`"),
            ("1:2:3", "a second `:` in a version: `1:2:3`"),
            ("1:", "the upstream part of a version begins with a digit: `1:`"),
        ];
        for (text, want) in table {
            assert_eq!(Version::parse(text).unwrap_err().to_string(), want);
        }
        assert!(Version::parse(&"1".repeat(201)).is_err());
    }

    #[test]
    fn order() {
        // Each is older than the next.
        let table = [
            "0~~",
            "0~~a",
            "0~",
            "0",
            "0a",
            "0+",
            "1.0~rc1",
            "1.0",
            "1.0+b1",
            "1.0.1",
            "1.2",
            "1.10",
            "5.4.0-200.220~x",
            "5.4.0-200.220",
            "5.4.0-200.220+lab",
            "5.4.0-200.220.1",
            "5.4.0-202.222",
            "5.15.0-43.46~20.04.1",
            "5.15.0-43.46",
            "6.1.0~rc3",
            "6.1.0",
            "1:0",
        ];
        for (i, a) in table.iter().enumerate() {
            for (j, b) in table.iter().enumerate() {
                let got = Version::parse(a).unwrap().cmp(&Version::parse(b).unwrap());
                assert_eq!(got, i.cmp(&j), "{a} {b}");
            }
        }
    }

    #[test]
    fn equal_though_written_otherwise() {
        for (a, b) in [("1.0", "1.0-0"), ("0:1.0", "1.0"), ("1.01", "1.1"), ("1.", "1.0")] {
            assert_eq!(Version::parse(a).unwrap(), Version::parse(b).unwrap());
        }
    }

    proptest! {
        #[test]
        fn any_text(text in "\\PC{0,40}") {
            if let Ok(version) = Version::parse(&text) {
                prop_assert_eq!(version.as_str(), text);
            }
        }

        #[test]
        fn a_total_order(
            a in "[0-9][0-9a-bA-B.+~-]{0,6}", b in "[0-9][0-9a-bA-B.+~-]{0,6}",
            c in "[0-9][0-9a-bA-B.+~-]{0,6}",
        ) {
            let all: Vec<Version> = [a, b, c].iter().flat_map(|t| Version::parse(t)).collect();
            for x in &all {
                prop_assert_eq!(x.cmp(x), Ordering::Equal);
                for y in &all {
                    prop_assert_eq!(x.cmp(y), y.cmp(x).reverse());
                    for z in &all {
                        if x <= y && y <= z {
                            prop_assert!(x <= z);
                        }
                    }
                }
            }
        }
    }
}
