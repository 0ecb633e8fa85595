// SPDX-License-Identifier: GPL-2.0-only
//! Debian changelogs merged entry by entry, as `dpkg-mergechangelogs` does.
//!
//! The replay of lab commits calls it where merging lines has failed: two sides that each put an entry on
//! top always meet in the same lines. The order of `ours` stays; it must never lose an entry.

use std::collections::BTreeMap;

use super::changelog::headers;
use super::version::Version;

/// An entry's source, version, and which of several with both.
type Key = (String, String, usize);

struct Part<'a> {
    key: Key,
    version: Version,
    text: &'a str,
}

/// `ours` with what `theirs` did to `base`; `None` where both changed one entry, each in its own way.
pub fn merge(base: &str, ours: &str, theirs: &str) -> Option<String> {
    let (lead, ours) = parts(ours)?;
    let (_, base) = parts(base)?;
    let (_, theirs) = parts(theirs)?;
    let index = |parts: &[Part]| {
        parts.iter().map(|p| (p.key.clone(), p.text.trim_end().to_owned())).collect::<BTreeMap<_, _>>()
    };
    let (base, in_ours, in_theirs) = (index(&base), index(&ours), index(&theirs));

    let mut result: Vec<(Version, String)> = Vec::new();
    for part in &ours {
        let own = part.text.trim_end();
        match (base.get(&part.key), in_theirs.get(&part.key)) {
            (before, after) if before == after => result.push((part.version.clone(), part.text.to_owned())),
            (_, Some(after)) if after == own => result.push((part.version.clone(), part.text.to_owned())),
            (Some(before), Some(after)) if before == own => result.push((part.version.clone(), format!("{after}\n\n"))),
            (Some(before), None) if before == own => {}
            _ => return None,
        }
    }
    for part in theirs.iter().filter(|part| !in_ours.contains_key(&part.key)) {
        match base.get(&part.key) {
            Some(before) if before == part.text.trim_end() => continue,
            Some(_) => return None,
            None => {}
        }
        let at = result.iter().position(|(version, _)| *version < part.version).unwrap_or(result.len());
        if let Some((_, above)) = at.checked_sub(1).and_then(|above| result.get_mut(above)) {
            if !above.ends_with("\n\n") {
                *above = format!("{}\n\n", above.trim_end());
            }
        }
        result.insert(at, (part.version.clone(), format!("{}\n\n", part.text.trim_end())));
    }
    let text = lead.to_owned() + &result.into_iter().map(|(_, text)| text).collect::<String>();
    Some(format!("{}\n", text.trim_end()))
}

/// What stands before the first entry, and the entries.
fn parts(text: &str) -> Option<(&str, Vec<Part<'_>>)> {
    let mut starts = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if !line.starts_with([' ', '\t']) {
            if let Some(header) = headers(line).next() {
                starts.push((at, header.ok()?));
            }
        }
        at += line.len();
    }
    let mut seen = BTreeMap::new();
    let lead = &text[..starts.first().map_or(text.len(), |(at, _)| *at)];
    let ends: Vec<usize> = starts.iter().skip(1).map(|(at, _)| *at).chain([text.len()]).collect();
    let parts = starts.into_iter().zip(ends).map(|((start, header), end)| {
        let count = seen.entry((header.source.clone(), header.version.as_str().to_owned())).or_insert(0);
        *count += 1;
        let key = (header.source, header.version.as_str().to_owned(), *count);
        Part { key, version: header.version, text: &text[start..end] }
    });
    let parts = parts.collect();
    Some((lead, parts))
}

#[cfg(test)]
mod tests {
    use super::merge;
    use proptest::prelude::*;

    /// A changelog of these versions; `1.0*2` has another text.
    fn log(versions: &str) -> String {
        let entry = |word: &str| {
            let (version, text) = word.split_once('*').unwrap_or((word, ""));
            format!("linux ({version}) focal; urgency=medium\n\n  * Change {text}\n\n -- A <a@b.c>  Fri, 11 Oct 2024 12:00:00 +0000\n")
        };
        versions.split_whitespace().map(entry).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn entry_by_entry() {
        let table = [
            // The two that always meet: the vendor's new releases and the lab's own entry.
            ("2 1", "4 3 2 1", "2+lab 2 1", Some("4 3 2+lab 2 1")),
            ("2 1", "2 1", "2+lab 2 1", Some("2+lab 2 1")),
            ("2 1", "3 2 1", "2 1", Some("3 2 1")),
            ("2 1", "3 2 1", "3+b 2+a 2 1", Some("3+b 3 2+a 2 1")),
            ("2 1", "2 1", "2 1*new 0.1", Some("2 1*new 0.1")),
            ("2 1", "2*o 1", "2 1*t", Some("2*o 1*t")),
            ("2 1", "2*x 1", "2*x 1", Some("2*x 1")),
            ("2+lab 2 1", "2+lab 2 1", "2 1", Some("2 1")),
            ("2 1", "3 2", "2+lab 2 1", Some("3 2+lab 2")),
            ("", "2 1", "2+lab", Some("2+lab 2 1")),
            ("2 1", "2*a 1", "2*b 1", None),
            ("2 1", "2*a 1", "1", None),
            ("2 1", "1", "2*a 1", None),
            ("1 1*b", "2 1 1*b", "1+l 1 1*b", Some("2 1+l 1 1*b")),
        ];
        for (base, ours, theirs, want) in table {
            assert_eq!(merge(&log(base), &log(ours), &log(theirs)), want.map(log), "{base} | {ours} | {theirs}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost(ours in "([1-9]\\+o )?2 1", theirs in "([1-9]\\+t )?([1-9]\\+u )?2 1") {
            let merged = merge(&log("2 1"), &log(&ours), &log(&theirs)).unwrap();
            for version in ours.split(' ').chain(theirs.split(' ')) {
                let entry = format!("({version}) ");
                prop_assert!(merged.contains(&entry));
            }
            prop_assert_eq!(merged.matches(" -- ").count(), merged.matches("urgency").count());
        }

        #[test]
        fn any_text(base in "\\PC{0,20}", ours in "(linux \\(1\\) x; urgency=low\n)?\\PC{0,9}", theirs in "\\PC{0,20}\n") {
            let _ = merge(&base, &ours, &theirs);
        }
    }
}
