// SPDX-License-Identifier: GPL-2.0-only
//! Text for people: times and sizes as they read them, columns, folded lines, and nothing that a terminal acts on.
//!
//! Pure; `ui.rs` prints it.

use std::time::Duration;

use crate::formats::printable;

/// A text that a terminal only shows; its lines and columns are ours.
pub(super) fn harmless(text: &str) -> String {
    text.chars().map(|c| if matches!(c, '\n' | '\t') { c } else { printable(c) }).collect()
}

/// The same where a line of its own would be taken for one of ours.
pub(super) fn on_one_line(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { ' ' } else { printable(c) }).collect()
}

/// A duration as a person reads it: `0.4 s`, `12 s`, `3 min 05 s`.
pub fn seconds(d: Duration) -> String {
    let s = d.as_secs_f64();
    if s < 10.0 {
        format!("{s:.1} s")
    } else if s < 59.5 {
        format!("{s:.0} s")
    } else {
        let s = s.round() as u64;
        format!("{} min {:02} s", s / 60, s % 60)
    }
}

/// How long ago something was, in the one unit that counts: `40 s`, `12 min`, `5 h`, `3 days`.
pub fn ago(d: Duration) -> String {
    match d.as_secs() {
        s if s < 60 => format!("{s} s"),
        s if s < 2 * 3600 => format!("{} min", s / 60),
        s if s < 2 * 86_400 => format!("{} h", s / 3600),
        s => count((s / 86_400) as usize, "day"),
    }
}

/// Bytes as a person reads them, in powers of 1000 as disks are sold: `812 kB`, `4.2 GB`.
pub fn bytes(n: u64) -> String {
    let n = n as f64;
    match n {
        n if n < 1e3 => format!("{n} B"),
        n if n < 1e6 => format!("{:.0} kB", n / 1e3),
        n if n < 1e9 => format!("{:.1} MB", n / 1e6),
        n => format!("{:.1} GB", n / 1e9),
    }
}

/// So many of a thing: `1 commit`, `3 commits`.
pub fn count(n: usize, thing: &str) -> String {
    format!("{n} {thing}{}", if n == 1 { "" } else { "s" })
}

/// What a report is folded to: a terminal as it opens.
pub(super) const WIDTH: usize = 80;

/// Breaks a text into lines of at most `width` characters at its blanks; a longer word stands alone.
pub(super) fn fold(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.len() - 1;
        let line = &mut lines[last];
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

pub(super) fn columns(rows: &[Vec<String>]) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count)
        .map(|i| rows.iter().filter_map(|r| r.get(i)).map(|c| c.chars().count()).max().unwrap_or(0))
        .collect();
    rows.iter()
        .map(|row| {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(&format!("{cell:<width$}  "));
            }
            line.trim_end().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes() {
        assert_eq!(seconds(Duration::from_millis(420)), "0.4 s");
        assert_eq!(seconds(Duration::from_secs(12)), "12 s");
        assert_eq!(seconds(Duration::from_secs(185)), "3 min 05 s");
        assert_eq!(
            ["40 s", "76 min", "5 h", "3 days"],
            [40, 4600, 20_000, 260_000].map(|s| ago(Duration::from_secs(s)))
        );
        assert_eq!(bytes(812_000), "812 kB");
        assert_eq!(bytes(4_200_000_000), "4.2 GB");
        assert_eq!([0, 1, 2].map(|n| count(n, "commit")), ["0 commits", "1 commit", "2 commits"]);
    }

    #[test]
    fn terminals_only_show() {
        let text = "a\x1b[2J\u{202e}b\u{9b}c\r\x07\n\té";
        assert_eq!(harmless(text), "a\u{fffd}[2J\u{fffd}b\u{fffd}c\u{fffd}\u{fffd}\n\té");
        assert_eq!(on_one_line(text), "a\u{fffd}[2J\u{fffd}b\u{fffd}c\u{fffd}\u{fffd}  é");
    }

    #[test]
    fn long_texts_fold() {
        assert_eq!(fold("one two three", 7), ["one two", "three"]);
        assert_eq!(fold("a very-long-word b", 6), ["a", "very-long-word", "b"]);
        assert_eq!(fold("", 6), [""]);
    }

    #[test]
    fn columns_align() {
        let rows = vec![vec!["a".into(), "long".into()], vec!["bbb".into(), "c".into()]];
        assert_eq!(columns(&rows), ["a    long", "bbb  c"]);
    }
}
