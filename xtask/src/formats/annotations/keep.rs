// SPDX-License-Identifier: GPL-2.0-only
//! The lines of an annotations file, brought up to date one symbol at a time.
//!
//! `save` calls it. It must never touch the line of a symbol that did not change, nor a comment.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::lines::{block, note_line, policy_line, MARKER};
use super::parse::{Annotations, Kind};
use super::table::Entry;

/// Lines of the file that one symbol has.
#[derive(Default, Clone)]
struct Own {
    policy: Vec<usize>,
    note: Vec<usize>,
}

/// The file's lines, as they are changed.
pub struct Edit<'a> {
    annotations: &'a Annotations,
    /// What becomes of a line; `None` where it goes.
    lines: Vec<Option<Cow<'a, str>>>,
    /// New blocks, by the line they come before.
    new: BTreeMap<usize, String>,
    /// By place in the table, of the symbols that changed.
    own: BTreeMap<usize, Own>,
    /// The line behind the last include.
    body: usize,
    with_notes: Section<'a>,
    without_notes: Section<'a>,
    /// Symbols without notes, where the file has had none.
    tail: String,
}

/// Where the symbols of one half of the file begin, in the order of the file. Of each stands the
/// greatest name so far, which makes the list sorted even where the file is not.
#[derive(Default)]
struct Section<'a> {
    starts: Vec<(&'a str, usize)>,
    /// The line behind the last symbol; 0 where there is none.
    end: usize,
}

impl<'a> Section<'a> {
    fn push(&mut self, symbol: &'a str, line: usize) {
        let greatest = self.starts.last().map_or(symbol, |(last, _)| symbol.max(*last));
        self.starts.push((greatest, line));
    }

    /// The line before which a symbol belongs, `None` in an empty section.
    fn place(&self, symbol: &str) -> Option<usize> {
        let at = self.starts.partition_point(|(name, _)| *name < symbol);
        let place = self.starts.get(at).map_or(self.end, |(_, line)| *line);
        (place > 0).then_some(place)
    }
}

impl<'a> Edit<'a> {
    /// The file as it was read, of which the symbols at the places `changed` will be brought up to date.
    pub fn new(annotations: &'a Annotations, changed: &[usize]) -> Self {
        let parsed = &annotations.parsed;
        let last_include = parsed.lines.iter().rposition(|line| line.kind == Kind::Include);
        let mut edit = Edit {
            annotations,
            lines: parsed.lines.iter().map(|line| Some(Cow::Borrowed(&*line.raw))).collect(),
            new: BTreeMap::new(),
            own: changed.iter().map(|place| (*place, Own::default())).collect(),
            body: last_include.map_or(parsed.header, |at| at + 1),
            with_notes: Section::default(),
            without_notes: Section::default(),
            tail: String::new(),
        };
        let table = &annotations.table;
        let mut seen = vec![false; table.iter().len()];
        for (at, line) in parsed.lines.iter().enumerate() {
            let Kind::Symbol { place, policy } = line.kind else {
                continue;
            };
            if let Some(own) = edit.own.get_mut(&place) {
                if policy { &mut own.policy } else { &mut own.note }.push(at);
            }
            let is_first = !std::mem::replace(&mut seen[place], true);
            if at < edit.body {
                continue;
            }
            let has_note = table.settled(place).is_some_and(|entry| entry.note.is_some());
            let section = if has_note { &mut edit.with_notes } else { &mut edit.without_notes };
            if is_first {
                section.push(table.at(place).0, at);
            }
            section.end = at + 1;
        }
        // The blank line behind a note on a line of its own belongs to it.
        let end = edit.with_notes.end;
        let last = end.checked_sub(1).map(|at| &parsed.lines[at].kind);
        if matches!(last, Some(Kind::Symbol { policy: false, .. })) && edit.is_blank(end) {
            edit.with_notes.end += 1;
        }
        // A heading may have been left without symbols.
        let heading = parsed.lines.iter().rposition(|line| line.raw.trim_end() == MARKER);
        if let (0, Some(at)) = (edit.without_notes.end, heading.filter(|at| *at >= edit.body)) {
            edit.without_notes.end = at + 1 + usize::from(edit.is_blank(at + 1));
        }
        edit
    }

    fn is_blank(&self, at: usize) -> bool {
        self.annotations.parsed.lines.get(at).is_some_and(|line| line.raw.trim().is_empty())
    }

    /// Brings the header up to date; to be called before any symbol.
    pub fn header(&mut self) {
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
    pub fn symbol(&mut self, place: usize) {
        let annotations = self.annotations;
        let (symbol, entry) = annotations.table.at(place);
        let old = annotations.table.settled(place);
        let wanted = annotations.wanted(symbol, entry);
        let own = self.own.remove(&place).unwrap_or_default();
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
        self.lines[first] = Some(policy_line(symbol, &wanted).into());
        match own.note.as_slice() {
            [] if wanted.note.is_some() && !wanted.one_line => {
                self.lines[first] = Some(block(symbol, &wanted).into());
            }
            [at, more @ ..] if old.note != wanted.note => {
                more.iter().for_each(|at| self.lines[*at] = None);
                self.lines[*at] = Some(note_line(symbol, &wanted).into());
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
            // The first of its half, which has a heading and ends the file.
            if self.tail.is_empty() {
                self.tail = format!("\n{MARKER}\n\n");
            }
            self.tail.push_str(&text);
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

    /// The text.
    pub fn finish(mut self) -> String {
        let length = self.lines.iter().flatten().map(|line| line.len()).sum::<usize>();
        let mut text = String::with_capacity(length + length / 8);
        let mut add = |part: &str| {
            if !part.is_empty() && !text.is_empty() && !text.ends_with('\n') {
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
        add(&self.tail);
        text
    }
}

fn says_the_same(old: &Entry, new: &Entry) -> bool {
    let set = |entry: &Entry| entry.policy.iter().cloned().collect::<BTreeSet<_>>();
    set(old) == set(new) && old.note == new.note
}
