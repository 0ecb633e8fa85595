// SPDX-License-Identifier: GPL-2.0-only
//! The shortest way to say what an entry says: what Ubuntu's tool does before it saves.
//!
//! `save` and `keep` call it. It must never change what a flavour of the header gets: where the Python tool
//! does, the entry is spelled out instead.

use std::sync::Arc;

use super::header::Header;
use super::parse::Annotations;
use super::table::Entry;

impl Annotations {
    /// What the file itself has to say of a symbol, `None` for nothing: with includes, only what
    /// differs from them.
    pub(super) fn wanted(&self, symbol: &str, entry: &Entry) -> Option<Entry> {
        let has_includes = !self.includes.is_empty();
        let nothing = Entry::default();
        let base = self.base.get(symbol).unwrap_or(&nothing);
        let same = same_values(entry, base, &self.header);
        let mut wanted = match compact(entry, &self.header, has_includes) {
            None if same => return None,
            // All keys are of flavours that the header only depends on.
            None => Entry { policy: Arc::default(), ..entry.clone() },
            Some(wanted) => {
                let said = wanted.policy.iter().all(|(key, value)| base.value(key) == Some(value))
                    && (wanted.note.is_none() || wanted.note == base.note);
                if said && same && self.base.get(symbol).is_some() {
                    return None;
                }
                wanted
            }
        };
        repair(&mut wanted, entry, &self.header, base);
        Some(wanted)
    }
}

/// The entry as the Python tool would save it, `None` where it would leave it out (annotations.py
/// of 5.4.0-200.220, lines 321-398).
fn compact(entry: &Entry, header: &Header, has_includes: bool) -> Option<Entry> {
    let mut entry = entry.clone();
    spell_out(&mut entry, header);
    for flavour in &header.flavours {
        let Some((arch, _)) = flavour.split_once('-') else {
            continue;
        };
        let Some(value) = entry.value(flavour) else {
            continue;
        };
        let dependency = header.dependency(flavour).and_then(|target| entry.value(target));
        let by_arch = entry.value(arch) == Some(value) && dependency.is_none_or(|other| other == value);
        if by_arch || dependency == Some(value) {
            entry.remove(flavour);
        }
    }
    let named = |key: &str| header.arches.iter().chain(&header.flavours).any(|name| *name == *key);
    if !entry.policy.iter().all(|(key, _)| named(key)) {
        entry.policy_mut().retain(|(key, _)| named(key));
    }
    if is_absent(&entry) && !has_includes {
        return None;
    }
    for arch in &header.arches {
        collapse(&mut entry, arch, header);
    }
    // Collapsing may have left nothing but `-`.
    let empty = entry.policy.is_empty() || (is_absent(&entry) && !has_includes);
    (!empty).then_some(entry)
}

/// Whether two entries give every flavour of the header the same.
fn same_values(a: &Entry, b: &Entry, header: &Header) -> bool {
    header.flavours.iter().all(|flavour| resolve(a, header, flavour) == resolve(b, header, flavour))
}

fn resolve<'a>(entry: &'a Entry, header: &Header, flavour: &str) -> &'a str {
    let arch = flavour.split_once('-').map_or(flavour, |(arch, _)| arch);
    entry.resolve(flavour, header.dependency(flavour), arch).unwrap_or("-")
}

/// Gives a key of its own to every flavour that would get another value when the entry is read
/// behind `base`, which is what included files say. Keys of flavours that the header does not name
/// are not saved, though it may depend on them, and an architecture's key takes away what the
/// included files say of them.
fn repair(entry: &mut Entry, original: &Entry, header: &Header, base: &Entry) {
    let read = |entry: &Entry| {
        let (mut read, mut sorted) = (base.clone(), entry.policy.to_vec());
        sorted.sort();
        read.merge(&sorted, &header.arches);
        read
    };
    let wrong = |read: &Entry, flavour: &str| resolve(read, header, flavour) != resolve(original, header, flavour);
    // A name without a `-` is an architecture's, and no flavour's.
    let flavours = || header.flavours.iter().filter(|name| name.contains('-'));
    let mut put: Vec<&String> = Vec::new();
    // A key of its own for one flavour is another value for those that depend on it.
    loop {
        let now = read(entry);
        let again: Vec<&String> = flavours().filter(|f| !put.contains(f) && wrong(&now, f)).collect();
        if again.is_empty() {
            break;
        }
        for flavour in &again {
            entry.put(flavour, resolve(original, header, flavour));
        }
        put.extend(again);
    }
    // One may now follow from another.
    for flavour in put.iter().filter(|flavour| header.dependency(flavour).is_some()) {
        let mut without = entry.clone();
        without.remove(flavour);
        if !wrong(&read(&without), flavour) {
            *entry = without;
        }
    }
    for arch in &header.arches {
        collapse(entry, arch, header);
    }
}

fn is_absent(entry: &Entry) -> bool {
    !entry.policy.is_empty() && entry.policy.iter().all(|(_, value)| **value == *"-")
}

/// One key for the architecture where all of its flavours have the same value.
fn collapse(entry: &mut Entry, arch: &str, header: &Header) {
    let flavours: Vec<&String> = header
        .flavours
        .iter()
        .filter(|name| name.strip_prefix(arch).is_some_and(|rest| rest.starts_with('-')))
        .collect();
    let Some(value) = flavours.first().and_then(|name| entry.value(name)).map(str::to_owned) else {
        return;
    };
    if flavours.iter().all(|name| entry.value(name) == Some(&value)) {
        flavours.iter().for_each(|name| entry.remove(name));
        entry.put(arch, &value);
    }
}

/// Gives every flavour of an architecture its own key, where one has the architecture's value and
/// the flavour it depends on has another: the Python tool would drop the first as redundant, and
/// the flavour would then get the value of the second.
fn spell_out(entry: &mut Entry, header: &Header) {
    for arch in &header.arches {
        let Some(value) = entry.value(arch).map(str::to_owned) else {
            continue;
        };
        let own = |name: &&String| name.strip_prefix(arch.as_str()).is_some_and(|rest| rest.starts_with('-'));
        let hidden = |name: &String| {
            let other = header.dependency(name).and_then(|target| entry.value(target));
            entry.value(name) == Some(&value) && other.is_some_and(|other| other != value)
        };
        if !header.flavours.iter().filter(own).any(hidden) {
            continue;
        }
        for flavour in header.flavours.iter().filter(own) {
            let resolved = entry.resolve(flavour, header.dependency(flavour), arch).map(str::to_owned);
            if let Some(resolved) = resolved {
                entry.put(flavour, &resolved);
            }
        }
        entry.remove(arch);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::text::Text;
    use super::super::literal::{read_dict, write_dict};
    use super::{compact, repair, Entry, Header};

    fn entry(text: &str) -> Entry {
        Entry { policy: read_dict(&Text::from(text)).unwrap().into(), ..Entry::default() }
    }

    fn text(entry: Option<Entry>) -> String {
        let mut policy = entry.map(|entry| entry.policy.to_vec()).unwrap_or_default();
        policy.sort();
        write_dict(policy.iter().map(|(k, v)| (k.as_str(), v.as_str())))
    }

    fn header() -> Header {
        Header::parse(
            "# ARCH: amd64 arm64\n# FLAVOUR: amd64-a amd64-b arm64-g arm64-t arm64-u\n\
             # FLAVOUR_DEP: {'arm64-t': 'arm64-g'}\n",
        )
        .unwrap()
    }

    #[test]
    fn as_the_python_tool() {
        let table = [
            ("{'arm64': 'y', 'arm64-g': 'y', 'arm64-u': 'n'}", "{'arm64': 'y', 'arm64-u': 'n'}"),
            ("{'arm64-g': 'y', 'arm64-t': 'y'}", "{'arm64-g': 'y'}"),
            ("{'arm64-x': 'y', 'riscv64': 'y'}", "{}"),
            ("{'arm64': '-', 'amd64': '-'}", "{}"),
            ("{'arm64': '-', 'amd64': 'y'}", "{'amd64': 'y', 'arm64': '-'}"),
            ("{'amd64-a': 'y', 'amd64-b': 'y'}", "{'amd64': 'y'}"),
            ("{'amd64-a': '-', 'amd64-b': '-', 'arm64-x': 'y'}", "{}"),
            ("{'amd64-a': 'y', 'amd64-b': 'n'}", "{'amd64-a': 'y', 'amd64-b': 'n'}"),
            ("{}", "{}"),
        ];
        for (before, after) in table {
            assert_eq!(text(compact(&entry(before), &header(), false)), after, "{before}");
        }
    }

    #[test]
    fn spelled_out_where_the_python_tool_would_lose_a_value() {
        let before = entry("{'arm64': 'y', 'arm64-g': 'n', 'arm64-t': 'y'}");
        let after = "{'arm64-g': 'n', 'arm64-t': 'y', 'arm64-u': 'y'}";
        assert_eq!(text(compact(&before, &header(), false)), after);
        assert_eq!(text(compact(&entry(after), &header(), false)), after);
    }

    #[test]
    fn repaired_behind_includes() {
        let header =
            Header::parse("# ARCH: arm64\n# FLAVOUR: arm64-w arm64-v\n# FLAVOUR_DEP: {'arm64-w': 'arm64-g'}\n")
                .unwrap();
        let base = entry("{'arm64': 'n', 'arm64-g': 'y'}");
        let ours = entry("{'arm64': 'n', 'arm64-g': 'y', 'arm64-v': 'm'}");
        let want = "{'arm64': 'n', 'arm64-v': 'm', 'arm64-w': 'y'}";
        let mut entry = compact(&ours, &header, true).unwrap();
        repair(&mut entry, &ours, &header, &base);
        assert_eq!(text(Some(entry)), want);
    }
}
