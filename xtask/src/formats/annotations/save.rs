// SPDX-License-Identifier: GPL-2.0-only
//! Annotations as text: as they were but for what changed, or in the vendor's own form.
//!
//! The flavour stage writes the first, so that a rebase meets lines that the vendor wrote; the
//! second is byte for byte what Ubuntu's tool saves. It must never write a text that gives a
//! flavour of the header another value than the annotations it was made from.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::compact::{compact, same_values};
use super::literal::write_dict;
use super::parse::{Annotations, Kind};
use super::table::Entry;

const MARKER: &str = "# ---- Annotations without notes ----";

impl Annotations {
    /// The text with all lines as they were read, comments among them, but for those of symbols
    /// and flavours that changed. From a text in the vendor's form, it is the vendor's form.
    pub fn to_text(&self) -> String {
        let mut edit = Edit::new(self);
        edit.header();
        let mut symbols: Vec<(&str, &Entry)> = self.table.iter().collect();
        symbols.sort_by_key(|(symbol, _)| *symbol);
        for (symbol, entry) in symbols {
            if self.parsed.table.get(symbol) != Some(entry) {
                edit.symbol(symbol);
            }
        }
        edit.finish()
    }

    /// The text as Ubuntu's tool saves it: sorted, no longer than needed, other comments lost
    /// (annotations.py of 5.4.0-200.220, lines 410-468).
    pub fn to_canonical(&self) -> String {
        let mut text = String::new();
        for line in &self.header.lines {
            text.push_str(line);
            text.push('\n');
        }
        text.push('\n');
        for include in &self.includes {
            text.push_str(&format!("include \"{include}\"\n"));
        }
        if !self.includes.is_empty() {
            text.push('\n');
        }
        let mut symbols: Vec<(&str, Entry)> =
            self.table.iter().filter_map(|(symbol, entry)| Some((symbol, self.wanted(symbol, entry)?))).collect();
        symbols.sort_by_key(|(symbol, entry)| (entry.note.is_none(), *symbol));
        let mut marked = false;
        for (symbol, entry) in symbols {
            if entry.note.is_none() && !marked {
                text.push_str(&format!("\n{MARKER}\n\n"));
                marked = true;
            }
            text.push_str(&block(symbol, &entry));
        }
        text
    }

    /// What the file itself has to say of a symbol, `None` for nothing: with includes, only what
    /// differs from them.
    fn wanted(&self, symbol: &str, entry: &Entry) -> Option<Entry> {
        let nothing = Entry::default();
        let has_includes = !self.includes.is_empty();
        let base = has_includes.then(|| self.base.get(symbol).unwrap_or(&nothing));
        let compacted = compact(entry, &self.header, base)?;
        let said = self.base.get(symbol).is_some_and(|base| {
            compacted.policy.iter().all(|(key, value)| base.value(key) == Some(value))
                && (compacted.note.is_none() || compacted.note == base.note)
                && same_values(entry, base, &self.header)
        });
        (!said).then_some(compacted)
    }
}

/// A symbol's lines.
fn block(symbol: &str, entry: &Entry) -> String {
    let policy = policy_line(symbol, entry);
    match &entry.note {
        Some(_) if !entry.one_line => format!("{policy}{}\n", note_line(symbol, entry)),
        _ => policy,
    }
}

fn policy_line(symbol: &str, entry: &Entry) -> String {
    let sorted: BTreeMap<&str, &str> = entry.policy.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let name = format!("CONFIG_{symbol}");
    let note = match &entry.note {
        Some(note) if entry.one_line => format!(" note<{note}>"),
        _ => String::new(),
    };
    format!("{name:<47} policy<{}>{note}\n", write_dict(sorted))
}

fn note_line(symbol: &str, entry: &Entry) -> String {
    let name = format!("CONFIG_{symbol}");
    format!("{name:<47} note<{}>\n", entry.note.as_deref().unwrap_or_default())
}

/// Lines of the file that one symbol has.
#[derive(Default)]
struct Own {
    policy: Vec<usize>,
    note: Vec<usize>,
}

/// The file's lines, as they are changed.
struct Edit<'a> {
    annotations: &'a Annotations,
    /// What becomes of a line; `None` where it goes.
    lines: Vec<Option<String>>,
    /// New blocks, by the line they come before.
    new: BTreeMap<usize, String>,
    own: HashMap<&'a str, Own>,
    /// The line behind the last include.
    body: usize,
    with_notes: Section<'a>,
    without_notes: Section<'a>,
    /// Whether the heading of the symbols without notes was added.
    marked: bool,
}

/// Where the symbols of one half of the file begin, in the order of the file. Of each stands the
/// greatest name so far, which makes the list sorted even where the file is not.
#[derive(Default)]
struct Section<'a> {
    starts: Vec<(&'a str, usize)>,
    /// The line behind the last symbol.
    end: usize,
}

impl<'a> Section<'a> {
    fn push(&mut self, symbol: &'a str, line: usize) {
        let greatest = self.starts.last().map_or(symbol, |(last, _)| symbol.max(*last));
        self.starts.push((greatest, line));
    }

    /// The line before which a symbol belongs, `None` in an empty section.
    fn place(&self, symbol: &str) -> Option<usize> {
        self.starts.first()?;
        let at = self.starts.partition_point(|(name, _)| *name < symbol);
        Some(self.starts.get(at).map_or(self.end, |(_, line)| *line))
    }
}

impl<'a> Edit<'a> {
    fn new(annotations: &'a Annotations) -> Self {
        let parsed = &annotations.parsed;
        let last_include = parsed.lines.iter().rposition(|line| line.kind == Kind::Include);
        let mut edit = Edit {
            annotations,
            lines: parsed.lines.iter().map(|line| Some(line.raw.clone())).collect(),
            new: BTreeMap::new(),
            own: HashMap::new(),
            body: last_include.map_or(parsed.header, |at| at + 1),
            with_notes: Section::default(),
            without_notes: Section::default(),
            marked: false,
        };
        for (at, line) in parsed.lines.iter().enumerate() {
            let Kind::Symbol { name, policy } = &line.kind else {
                continue;
            };
            let own = edit.own.entry(name).or_default();
            let is_first = own.policy.is_empty() && own.note.is_empty();
            if *policy { &mut own.policy } else { &mut own.note }.push(at);
            if at < edit.body {
                continue;
            }
            let has_note = parsed.table.get(name).is_some_and(|entry| entry.note.is_some());
            let section = if has_note { &mut edit.with_notes } else { &mut edit.without_notes };
            if is_first {
                section.push(name, at);
            }
            section.end = at + 1;
        }
        // The blank line behind the last note belongs to it.
        if edit.with_notes.end > 0 && edit.is_blank(edit.with_notes.end) {
            edit.with_notes.end += 1;
        }
        edit
    }

    fn is_blank(&self, at: usize) -> bool {
        self.annotations.parsed.lines.get(at).is_some_and(|line| line.raw.trim().is_empty())
    }

    fn header(&mut self) {
        let (header, length) = (&self.annotations.header, self.annotations.parsed.header);
        let old: Vec<&str> = self.annotations.parsed.lines[..length]
            .iter()
            .map(|line| line.raw.trim_end_matches(['\r', '\n']))
            .collect();
        if old == header.lines {
            return;
        }
        // All of it goes before the first line that stays.
        self.lines[..length].fill(None);
        let new = header.lines.join("\n") + "\n";
        self.new.insert(length, new);
    }

    /// Brings the lines of a symbol that changed up to date.
    fn symbol(&mut self, symbol: &'a str) {
        let annotations = self.annotations;
        let old = annotations.parsed.table.get(symbol);
        let wanted = annotations.table.get(symbol).and_then(|entry| annotations.wanted(symbol, entry));
        let own = self.own.remove(symbol).unwrap_or_default();
        let Some(wanted) = wanted else {
            return self.take_out(&own);
        };
        if old.is_some_and(|old| says_the_same(old, &wanted)) && !own.policy.is_empty() {
            return;
        }
        let old = old.filter(|old| old.note.is_some() == wanted.note.is_some() && old.one_line == wanted.one_line);
        let first = own.policy.first().copied().filter(|at| *at >= self.body);
        let (Some(old), Some(first)) = (old, first) else {
            self.take_out(&own);
            return self.insert(symbol, &wanted);
        };
        let rest = Own { policy: own.policy[1..].to_vec(), note: Vec::new() };
        self.take_out(&rest);
        self.lines[first] = Some(policy_line(symbol, &wanted));
        match own.note.as_slice() {
            [] if wanted.note.is_some() && !wanted.one_line => {
                self.lines[first] = Some(block(symbol, &wanted));
            }
            [at, more @ ..] if old.note != wanted.note => {
                more.iter().for_each(|at| self.lines[*at] = None);
                self.lines[*at] = Some(note_line(symbol, &wanted));
            }
            _ => {}
        }
    }

    fn take_out(&mut self, own: &Own) {
        for at in own.policy.iter().chain(&own.note) {
            self.lines[*at] = None;
        }
        // The blank line behind a note goes with it.
        if let Some(after) = own.note.last().map(|at| at + 1).filter(|at| self.is_blank(*at)) {
            self.lines[after] = None;
        }
    }

    /// Puts a symbol that has no lines yet where the vendor's order has it.
    fn insert(&mut self, symbol: &str, wanted: &Entry) {
        let text = block(symbol, wanted);
        let lines = &self.annotations.parsed.lines;
        let place = if wanted.note.is_some() {
            let start = self.body + usize::from(self.is_blank(self.body));
            self.with_notes.place(symbol).unwrap_or(start)
        } else if let Some(place) = self.without_notes.place(symbol) {
            place
        } else {
            // The first of its half, which has a heading.
            let end = self.new.entry(lines.len()).or_default();
            if !std::mem::replace(&mut self.marked, true) {
                end.push_str(&format!("\n{MARKER}\n\n"));
            }
            end.push_str(&text);
            return;
        };
        // Comments right above a symbol are about it.
        let comment = |at: usize| lines[at].kind == Kind::Other && lines[at].raw.starts_with('#');
        let mut at = place;
        while at > self.body && at < lines.len() && comment(at - 1) {
            at -= 1;
        }
        self.new.entry(at).or_default().push_str(&text);
    }

    fn finish(mut self) -> String {
        let mut text = String::new();
        let mut add = |part: &str| {
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            text.push_str(part);
        };
        for (at, line) in self.lines.iter().enumerate() {
            if let Some(new) = self.new.remove(&at) {
                add(&new);
            }
            if let Some(line) = line {
                add(line);
            }
        }
        self.new.values().for_each(|new| add(new));
        text
    }
}

fn says_the_same(old: &Entry, new: &Entry) -> bool {
    let set = |entry: &Entry| entry.policy.iter().cloned().collect::<BTreeSet<_>>();
    set(old) == set(new) && old.note == new.note
}
