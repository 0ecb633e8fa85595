// SPDX-License-Identifier: GPL-2.0-only
//! Other packages in a relation field, and the rest of its text as it was.
//!
//! The build stages map build dependencies with it onto what a suite has. It must never touch a
//! package it was not asked about, nor leave a blank line, for that would end the paragraph.

use std::collections::BTreeSet;

use super::super::FormatError;
use super::read::{blank_comments, pieces};
use super::relation::Relations;

/// What becomes of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Substitute {
    /// Another name; version, architectures and profiles stay.
    Name(String),
    /// It goes, and its entry with it where it is the only alternative.
    Drop,
}

/// What [`substitute`] made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Substituted {
    /// The field's text.
    pub text: String,
    /// The packages that were found and changed, in order, each once.
    pub changed: Vec<String>,
    /// Whether no relation is left.
    pub empty: bool,
}

/// Applies changes to the text of a relation field.
///
/// # Errors
/// The text does not hold relations; the line is counted from its first.
pub fn substitute(text: &str, changes: &[(&str, Substitute)]) -> Result<Substituted, FormatError> {
    let relations = Relations::parse(text)?;
    let mut found = relations.iter();
    let clean = blank_comments(text);
    let mut out = Output::default();
    let mut changed = Vec::new();
    let entries = pieces(&clean, 0..clean.len(), b',');
    for entry in &entries {
        if clean[entry.clone()].trim().is_empty() {
            // Between two commas, or after the last.
            out.keep(&text[entry.clone()], false);
            continue;
        }
        let mut kept: Vec<String> = Vec::new();
        let mut lead = "";
        for range in pieces(&clean, entry.clone(), b'|') {
            let Some(alternative) = found.next() else {
                break;
            };
            let name = &alternative.name;
            let start = alternative.span.start;
            let before = &text[range.start..start];
            let after_name = &text[start + name.len()..range.end];
            let change = changes.iter().find(|(wanted, _)| wanted == name);
            let new = match change.map(|(_, change)| change) {
                Some(Substitute::Drop) => None,
                Some(Substitute::Name(new)) => Some(format!("{new}{after_name}")),
                None => {
                    kept.push(first_with(lead, before, kept.is_empty()) + &text[start..range.end]);
                    continue;
                }
            };
            changed.push(name.clone());
            match new {
                Some(new) => kept.push(first_with(lead, before, kept.is_empty()) + &new),
                // What stood before the entry, a line break as a rule, will stand before the next.
                None if kept.is_empty() && lead.is_empty() => lead = before,
                None => {}
            }
        }
        if kept.is_empty() {
            out.drop(&text[entry.clone()]);
        } else {
            out.keep(&kept.join("|"), true);
        }
    }
    let mut seen = BTreeSet::new();
    changed.retain(|name| seen.insert(name.clone()));
    Ok(Substituted { empty: !out.any, text: out.finish(), changed })
}

/// What stands before an alternative that stays.
fn first_with(lead: &str, own: &str, is_first: bool) -> String {
    let take_lead = is_first && !lead.is_empty() && !own.contains('\n');
    if take_lead { lead } else { own }.to_owned()
}

/// The field as it is put together again, entry by entry.
#[derive(Default)]
struct Output {
    text: String,
    /// Whether an entry stands before, so that a comma is due.
    comma: bool,
    /// The comments of dropped entries.
    comments: String,
    /// The white space behind a dropped entry, for the end of the field.
    tail: String,
    any: bool,
}

impl Output {
    fn keep(&mut self, entry: &str, is_relation: bool) {
        if self.comma {
            self.text.push(',');
        }
        self.text.push_str(&self.comments);
        let on_new_line = entry.trim_start_matches([' ', '\t']).starts_with('\n');
        if !self.comments.is_empty() && !on_new_line && !entry.is_empty() {
            self.text.push('\n');
            if !entry.starts_with(' ') {
                self.text.push(' ');
            }
        }
        self.text.push_str(entry);
        self.comments.clear();
        self.tail.clear();
        self.comma = true;
        self.any |= is_relation;
    }

    fn drop(&mut self, entry: &str) {
        for comment in entry.lines().filter(|line| line.starts_with('#')) {
            self.comments.push('\n');
            self.comments.push_str(comment);
        }
        self.tail = entry[entry.trim_end().len()..].to_owned();
    }

    fn finish(self) -> String {
        self.text + &self.comments + &self.tail
    }
}

#[cfg(test)]
mod tests {
    use super::{substitute, Substitute};
    use proptest::prelude::*;

    fn changes() -> Vec<(&'static str, Substitute)> {
        vec![("dh-systemd", Substitute::Name("debhelper".into())), ("jdk", Substitute::Drop)]
    }

    #[test]
    fn the_rest_stays() {
        let table = [
            ("", "", ""),
            (" a, b\n", " a, b\n", ""),
            ("\n dh-systemd (>= 1) <!x>,\n b,\n", "\n debhelper (>= 1) <!x>,\n b,\n", "dh-systemd"),
            ("\n a,\n jdk <!x>,\n b,\n", "\n a,\n b,\n", "jdk"),
            ("\n a,\n jdk,\n", "\n a,\n", "jdk"),
            ("\n a,\n jdk\n", "\n a\n", "jdk"),
            (" jdk,\n a,\n jdk,\n jdk\n", "\n a\n", "jdk"),
            (" jdk, a\n", " a\n", "jdk"),
            ("jdk\n", "\n", "jdk"),
            ("\n a,\n# why\n jdk,\n b\n", "\n a,\n# why\n b\n", "jdk"),
            ("\n a,\n# why\n jdk, b\n", "\n a,\n# why\n b\n", "jdk"),
            ("\n a,\n# why\n jdk\n", "\n a\n# why\n", "jdk"),
            ("\n jdk | a | jdk,\n b", "\n a ,\n b", "jdk"),
            ("\n a | jdk,\n jdk-x", "\n a ,\n jdk-x", "jdk"),
            (" jdk |\n# why\n a", "\n# why\n a", "jdk"),
        ];
        for (text, want, changed) in table {
            let done = substitute(text, &changes()).unwrap();
            assert_eq!(done.text, want, "{text:?}");
            assert_eq!(done.changed.join(" "), changed);
            assert_eq!(done.empty, want.trim().is_empty());
        }
        assert!(substitute("a b", &changes()).is_err());
    }

    proptest! {
        #[test]
        fn any_field(entries in prop::collection::vec("(\n|\n# c\n)? (a|b|jdk|jdk \\| a|a \\| jdk)", 0..6), end in ",?\n?") {
            let text = entries.join(",") + &end;
            let done = substitute(&text, &changes()).unwrap();
            prop_assert!(!done.text.contains("\n\n"));
            prop_assert_eq!(done.text.matches("# c").count(), text.matches("# c").count());
            let again = substitute(&done.text, &changes()).unwrap();
            prop_assert_eq!(&again.text, &done.text);
            prop_assert!(again.changed.is_empty());
        }
    }
}
