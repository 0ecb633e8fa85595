// SPDX-License-Identifier: GPL-2.0-only
//! Control files merged paragraph by paragraph, field by field, and relation lists package by package.
//!
//! The replay of lab commits calls it where merging lines has failed, as when the vendor sorts its
//! Build-Depends and the lab adds one. The text of `ours` stays but for what `theirs` changed.

use std::collections::BTreeMap;

use super::deb822::{Control, Paragraph};

/// Fields whose values are lists of packages.
const RELATIONS: [&str; 12] = [
    "build-depends",
    "build-depends-arch",
    "build-depends-indep",
    "build-conflicts",
    "depends",
    "pre-depends",
    "recommends",
    "suggests",
    "enhances",
    "breaks",
    "conflicts",
    "provides",
];

/// `ours` with what `theirs` did to `base`; `None` where both changed one field or package, each in its own
/// way, where paragraphs came or went, and where one is no control file.
pub fn merge(base: &str, ours: &str, theirs: &str) -> Option<String> {
    let read = |text| Control::parse(text).ok();
    let (base, mut ours, theirs) = (read(base)?, read(ours)?, read(theirs)?);
    let (base, theirs) = (index(&base)?, index(&theirs)?);
    if base.len() != theirs.len() || !base.keys().eq(theirs.keys()) {
        return None;
    }
    let mut seen = 0;
    for paragraph in ours.paragraphs_mut() {
        let key = name(paragraph);
        let (Some(before), Some(after)) = (base.get(&key), theirs.get(&key)) else { continue };
        seen += 1;
        fields(before, paragraph, after)?;
    }
    // A paragraph that ours took out must not have been changed by theirs.
    let changed = |key: &String| base[key].to_text() != theirs[key].to_text();
    let there = index(&ours)?;
    if seen < base.len() && base.keys().any(|key| !there.contains_key(key) && changed(key)) {
        return None;
    }
    // Fields that came from both may be one field twice.
    Some(ours.to_text()).filter(|text| Control::parse(text).is_ok())
}

fn name(paragraph: &Paragraph) -> String {
    paragraph.get("Package").or_else(|| paragraph.get("Source")).unwrap_or_default()
}

fn index(control: &Control) -> Option<BTreeMap<String, &Paragraph>> {
    let mut found = BTreeMap::new();
    for paragraph in control.paragraphs() {
        if found.insert(name(paragraph), paragraph).is_some() {
            return None;
        }
    }
    Some(found)
}

fn fields(base: &Paragraph, ours: &mut Paragraph, theirs: &Paragraph) -> Option<()> {
    let mut names: Vec<String> = base.names().map(str::to_ascii_lowercase).collect();
    names.extend(theirs.names().map(str::to_ascii_lowercase).filter(|n| base.raw(n).is_none()));
    for name in names {
        let (before, after) = (base.raw(&name), theirs.raw(&name));
        let now = ours.raw(&name);
        if before == after || now == after {
            continue;
        }
        if now == before {
            match after {
                Some(after) => ours.set_raw(&name, theirs.spelled(&name)?, after),
                None => drop(ours.remove(&name)),
            }
            continue;
        }
        let (Some(before), Some(now), Some(after)) = (before, now, after) else { return None };
        if !RELATIONS.contains(&name.as_str()) {
            return None;
        }
        let merged = relations(before, now, after)?;
        ours.set_raw(&name, theirs.spelled(&name)?, &merged);
    }
    Some(())
}

/// One package of a relation field: its name with qualifier, and the text between its commas.
struct Item<'a> {
    key: (String, usize),
    text: &'a str,
}

impl Item<'_> {
    /// What it says, however it is spaced.
    fn says(&self) -> String {
        let lines = self.text.lines().filter(|l| !l.starts_with('#'));
        lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
    }
}

fn relations(base: &str, ours: &str, theirs: &str) -> Option<String> {
    let (base, ours_items, theirs_items) = (items(base), items(ours), items(theirs));
    let index = |items: &[Item]| items.iter().map(|i| (i.key.clone(), i.says())).collect::<BTreeMap<_, _>>();
    let (base, ours_index, theirs) = (index(&base), index(&ours_items), index(&theirs_items));
    let mut result: Vec<((String, usize), String)> = Vec::new();
    for item in &ours_items {
        let (before, after, now) = (base.get(&item.key), theirs.get(&item.key), item.says());
        if before == after || after == Some(&now) {
            result.push((item.key.clone(), item.text.to_owned()));
        } else if before == Some(&now) {
            if let Some(after) = after {
                result.push((item.key.clone(), item.text.replacen(item.text.trim(), after, 1)));
            }
        } else {
            return None;
        }
    }
    // New ones stand behind the one that they stand behind in theirs.
    let mut above: Option<&(String, usize)> = None;
    for item in &theirs_items {
        if !ours_index.contains_key(&item.key) {
            match base.get(&item.key) {
                Some(before) if *before == item.says() => continue,
                Some(_) => return None,
                None => {}
            }
            let at = above.and_then(|key| result.iter().position(|(k, _)| k == key)).map_or(0, |at| at + 1);
            let space = if ours.contains('\n') && ours.trim().contains('\n') { "\n " } else { " " };
            result.insert(at, (item.key.clone(), format!("{space}{}", item.says())));
        }
        above = Some(&item.key);
    }
    let tail = &ours[ours.trim_end().len()..];
    let comma = if ours.trim_end().ends_with(',') { "," } else { "" };
    let joined = result.iter().map(|(_, text)| text.trim_end()).collect::<Vec<_>>().join(",");
    Some(format!("{joined}{comma}{tail}"))
}

/// Splits a field at its commas, those of comment lines left out.
fn items(raw: &str) -> Vec<Item<'_>> {
    let (mut found, mut start, mut comment, mut line_start) = (Vec::new(), 0, false, true);
    for (at, c) in raw.char_indices().chain([(raw.len(), ',')]) {
        comment = (line_start && c == '#') || (comment && c != '\n' && at < raw.len());
        line_start = c == '\n';
        if c == ',' && !comment {
            found.push(&raw[start..at]);
            start = (at + 1).min(raw.len());
        }
    }
    let mut seen = BTreeMap::new();
    let mut items = Vec::new();
    for text in found {
        let item = Item { key: (String::new(), 0), text };
        let says = item.says();
        let name = says.split([' ', '(', '[', '<', '|']).next().unwrap_or_default().to_owned();
        if !says.is_empty() {
            let count = seen.entry(name.clone()).or_insert(0);
            *count += 1;
            items.push(Item { key: (name, *count), text });
        }
    }
    items
}

#[cfg(test)]
mod tests {
    use super::merge;
    use proptest::prelude::*;

    #[test]
    fn package_by_package() {
        let head = "Source: linux\n";
        let table = [
            // The vendor sorts its list, the lab adds a package.
            (
                "Build-Depends:\n b <!x>,\n openssl,\n a (>= 1),\nVcs-Git: x\n",
                "Build-Depends:\n a (>= 1),\n b <!x>,\n openssl,\nVcs-Git: x\n",
                "Build-Depends:\n b <!x>,\n openssl,\n ssl:native,\n a (>= 1),\nVcs-Git: x\n",
                Some("Build-Depends:\n a (>= 1),\n b <!x>,\n openssl,\n ssl:native,\nVcs-Git: x\n"),
            ),
            // Changed and taken out.
            (
                "Build-Depends: a, b, c\n",
                "Build-Depends: c, d, b, a\n",
                "Build-Depends: a (>= 2), c\n",
                Some("Build-Depends: c, d, a (>= 2)\n"),
            ),
            ("Depends: a\n", "Depends: a, o\n", "Depends: a, t\n", Some("Depends: a, t, o\n")),
            ("Depends: a\n", "Depends: a (>= 1)\n", "Depends: a (>= 2)\n", None),
            ("Depends: a\n", "Depends: b\n", "Depends: a (>= 2)\n", None),
            ("A: 1\nB: 1\n", "A: 2\nB: 1\n", "A: 1\nB: 2\n", Some("A: 2\nB: 2\n")),
            ("A: 1\n", "A: 2\n", "A: 3\n", None),
            ("A: 1\n", "A: 2\n", "A: 1\nC: 3\n", Some("A: 2\nC: 3\n")),
            ("A: 1\nB: 2\n", "A: 2\nB: 2\n", "A: 1\n", Some("A: 2\n")),
            ("A: 1\n", "A: 2\n", "A: 1\n\nPackage: p\n", None),
            ("\nPackage: p\nA: 1\n", "", "\nPackage: p\nA: 2\n", None),
            ("\nPackage: p\nA: 1\n", "C: 1\n", "\nPackage: p\nA: 1\n", Some("C: 1\n")),
        ];
        for (base, ours, theirs, want) in table {
            let with = |text: &str| format!("{head}{text}");
            assert_eq!(merge(&with(base), &with(ours), &with(theirs)), want.map(with), "{base} | {ours} | {theirs}");
        }
        assert_eq!(merge("x", "A: 1\n", "A: 2\n"), None);
    }

    proptest! {
        #[test]
        fn one_side_wins(text in "(\n|\n# a, b\n)? a(, (b|c \\(>= 1\\)|d \\| e))*,?\n") {
            let (base, other) = (format!("A: 1\nDepends:{text}"), format!("A: 2\nDepends:{text}"));
            prop_assert_eq!(merge(&base, &base, &other), Some(other.clone()));
            prop_assert_eq!(merge(&base, &other, &base), Some(other));
        }

        #[test]
        fn any_text(base in "(A: \\PC{0,5}\n|Depends: [a-b,# \n]{0,9}\n){0,3}", ours in "(A: \\PC{0,5}\n|Depends: [a-c, ]{0,9}\n){0,3}", theirs in "(Depends: [a-d,|]{0,9}\n|\\PC{0,9}){0,3}") {
            let _ = merge(&base, &ours, &theirs);
        }
    }
}
