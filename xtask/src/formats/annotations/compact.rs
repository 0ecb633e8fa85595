// SPDX-License-Identifier: GPL-2.0-only
//! The shortest way to say what an entry says: what Ubuntu's tool does before it saves.
//!
//! `save` and `keep` call it. It must never change what a flavour of the header gets: where the Python tool
//! does, the entry is spelled out instead.

use std::sync::Arc;

use super::header::{arch_of, Header};
use super::literal::Pairs;
use super::parse::Annotations;
use super::table::Entry;

/// How often an entry is shortened; the second time changes nothing but under headers that no vendor writes.
const MOST_PASSES: usize = 8;

impl Annotations {
    /// What the file itself has to say of a symbol, `None` for nothing: with includes, only what
    /// differs from them.
    pub(super) fn wanted(&self, symbol: &str, entry: &Entry) -> Option<Entry> {
        let base = self.base.get(symbol);
        // However included files spell it.
        if base == Some(entry) {
            return None;
        }
        let mut wanted = self.shortest(entry, base)?;
        let mut before = sorted(entry);
        // Who saves what was saved must get the same: a key that goes can be what another had to stay for.
        for _ in 0..MOST_PASSES {
            let read = read_back(&wanted, &self.header, base);
            let now = sorted(&read);
            if now == before {
                break;
            }
            wanted = self.shortest(&read, base)?;
            before = now;
        }
        Some(wanted)
    }

    fn shortest(&self, entry: &Entry, base: Option<&Entry>) -> Option<Entry> {
        let (header, has_includes) = (&self.header, !self.includes.is_empty());
        let nothing = Entry::default();
        let included = base.unwrap_or(&nothing);
        let same = same_values(entry, included, header);
        let right = |wanted: &Entry| same_values(&read_back(wanted, header, base), entry, header);
        let wanted = match compact(entry, header, has_includes) {
            None if same => return None,
            Some(wanted) if right(&wanted) => wanted,
            // Lost were keys of flavours that the header depends on and does not name, or what included files say
            // and an architecture's key takes away.
            _ => {
                let values = by_values(entry, header, base);
                let read = read_back(&values, header, base);
                compact(&read, header, has_includes).filter(right).unwrap_or(values)
            }
        };
        let said = wanted.policy.iter().all(|(key, value)| included.value(key) == Some(value))
            && (wanted.note.is_none() || wanted.note == included.note);
        (!(said && same && base.is_some())).then_some(wanted)
    }
}

fn sorted(entry: &Entry) -> Pairs {
    let mut policy = entry.policy.to_vec();
    policy.sort();
    policy
}

/// The entry as the Python tool would save it, `None` where it would leave it out (annotations.py
/// of 5.4.0-200.220, lines 321-398).
fn compact(entry: &Entry, header: &Header, has_includes: bool) -> Option<Entry> {
    let mut entry = entry.clone();
    spell_out(&mut entry, header);
    for flavour in &header.flavours {
        let Some(value) = entry.value(flavour) else {
            continue;
        };
        let dependency = header.dependency(flavour).and_then(|target| entry.value(target));
        let by_arch = entry.value(arch_of(flavour)) == Some(value) && dependency.is_none_or(|other| other == value);
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
    // A flavour that lost its key no longer hides the architecture of one that depends on it.
    while header.arches.iter().any(|arch| collapse(&mut entry, arch, header)) {}
    // Collapsing may have left nothing but `-`.
    let empty = entry.policy.is_empty() || (is_absent(&entry) && !has_includes);
    (!empty).then_some(entry)
}

/// Whether two entries give every flavour of the header the same.
fn same_values(a: &Entry, b: &Entry, header: &Header) -> bool {
    header.flavours.iter().all(|flavour| resolve(a, header, flavour) == resolve(b, header, flavour))
}

fn resolve<'a>(entry: &'a Entry, header: &Header, flavour: &str) -> &'a str {
    entry.resolve(flavour, header.dependency(flavour), arch_of(flavour)).unwrap_or("-")
}

/// What is read from the file that `entry` is saved in, behind what included files say.
fn read_back(entry: &Entry, header: &Header, base: Option<&Entry>) -> Entry {
    let policy = base.map(|base| Arc::clone(&base.policy)).unwrap_or_default();
    let mut read = Entry { policy, ..entry.clone() };
    read.merge(&sorted(entry), &header.arches);
    read
}

/// The entry by what it comes to alone: a key for every flavour that would have another value without.
fn by_values(entry: &Entry, header: &Header, base: Option<&Entry>) -> Entry {
    let mut own = Entry { policy: Arc::default(), ..entry.clone() };
    for flavour in &header.flavours {
        own.put(flavour, resolve(entry, header, flavour));
    }
    for flavour in &header.flavours {
        let mut without = own.clone();
        without.remove(flavour);
        let read = read_back(&without, header, base);
        let concerned = |name: &&String| *name == flavour || header.dependency(name) == Some(flavour);
        if header
            .flavours
            .iter()
            .filter(concerned)
            .all(|name| resolve(&read, header, name) == resolve(entry, header, name))
        {
            own = without;
        }
    }
    own
}

fn is_absent(entry: &Entry) -> bool {
    !entry.policy.is_empty() && entry.policy.iter().all(|(_, value)| **value == *"-")
}

/// One key for the architecture where all of its flavours have the same value, and would get it from there; `false`
/// where it is not so.
fn collapse(entry: &mut Entry, arch: &str, header: &Header) -> bool {
    let flavours: Vec<&String> = header.of_arch(arch).collect();
    let Some(value) = flavours.first().and_then(|name| entry.value(name)).map(str::to_owned) else {
        return false;
    };
    let alike =
        flavours.iter().all(|name| entry.value(name) == Some(&value) && !is_hidden(entry, header, name, &value));
    if alike {
        flavours.iter().for_each(|name| entry.remove(name));
        entry.put(arch, &value);
    }
    alike
}

/// Would the flavour get another value than this one without a key of its own? What it depends on comes before its
/// architecture.
fn is_hidden(entry: &Entry, header: &Header, flavour: &str, value: &str) -> bool {
    header.dependency(flavour).and_then(|other| entry.value(other)).is_some_and(|other| other != value)
}

/// Gives every flavour of an architecture its own key, where one has the architecture's value and
/// the flavour it depends on has another: the Python tool would drop the first as redundant, and
/// the flavour would then get the value of the second.
fn spell_out(entry: &mut Entry, header: &Header) {
    for arch in &header.arches {
        let Some(value) = entry.value(arch).map(str::to_owned) else {
            continue;
        };
        let lost = |name: &String| entry.value(name) == Some(&value) && is_hidden(entry, header, name, &value);
        if !header.of_arch(arch).any(lost) {
            continue;
        }
        for flavour in header.of_arch(arch) {
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
    use super::{by_values, compact, Entry, Header};

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
    fn by_values_behind_includes() {
        let header =
            Header::parse("# ARCH: arm64\n# FLAVOUR: arm64-w arm64-v\n# FLAVOUR_DEP: {'arm64-w': 'arm64-g'}\n")
                .unwrap();
        let base = entry("{'arm64': 'n', 'arm64-g': 'y'}");
        let ours = entry("{'arm64': 'n', 'arm64-g': 'y', 'arm64-v': 'm'}");
        // An `arm64` would take the included `arm64-g` away.
        assert_eq!(text(Some(by_values(&ours, &header, Some(&base)))), "{'arm64-v': 'm'}");
        assert_eq!(text(Some(by_values(&ours, &header, None))), "{'arm64-v': 'm', 'arm64-w': 'y'}");
    }
}
