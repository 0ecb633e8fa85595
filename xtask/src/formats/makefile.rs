// SPDX-License-Identifier: GPL-2.0-only
//! The assignments of a makefile, and where in the text their values stand.
//!
//! `rules_mk` reads and edits through it. It must never expand anything: it knows assignments,
//! line joins, comments and the nesting of conditionals, and nothing else of make.

use std::ops::Range;

/// One assignment, over one or more lines joined by `\`.
pub struct Assignment<'a> {
    /// Its lines, as indices from 0; the second one is past the end.
    pub lines: (usize, usize),
    /// The variable.
    pub name: &'a str,
    /// `=`, `:=`, `::=`, `+=` or `?=`.
    pub operator: &'a str,
    /// The words of the value, without comments.
    pub words: Vec<&'a str>,
    /// Whether it stands between `ifeq` or its kind and `endif`.
    pub conditional: bool,
}

/// All assignments of a file's lines. Recipes and `define` blocks are passed over.
pub fn assignments<'a>(lines: &[&'a str]) -> Vec<Assignment<'a>> {
    let mut found = Vec::new();
    let (mut depth, mut defining, mut first) = (0usize, false, 0);
    while first < lines.len() {
        let more = lines[first..].iter().take_while(|line| continues(line)).count();
        let end = (first + more + 1).min(lines.len());
        let line = lines[first];
        match line.split_whitespace().next().unwrap_or_default() {
            "endef" => defining = false,
            _ if defining => {}
            "define" => defining = true,
            "ifeq" | "ifneq" | "ifdef" | "ifndef" => depth += 1,
            "endif" => depth = depth.saturating_sub(1),
            _ if line.starts_with('\t') => {}
            _ => {
                if let Some((name, operator, _)) = head(line) {
                    let mut assignment =
                        Assignment { lines: (first, end), name, operator, words: Vec::new(), conditional: depth > 0 };
                    for n in value_lines(&assignment, lines) {
                        let (from, to) = value(lines[n], n == first).unwrap_or_default();
                        assignment.words.extend(lines[n][from..to].split_whitespace());
                    }
                    found.push(assignment);
                }
            }
        }
        first = end;
    }
    found
}

/// The lines of an assignment that hold its value: a comment takes all that follow it.
pub fn value_lines(assignment: &Assignment, lines: &[&str]) -> Range<usize> {
    let (first, end) = assignment.lines;
    let comment = lines[first..end].iter().position(|line| line.contains('#'));
    first..comment.map_or(end, |at| first + at + 1)
}

/// Whether a line goes on in the next: it ends in an odd number of backslashes.
pub fn continues(line: &str) -> bool {
    let line = line.trim_end_matches(['\r', '\n']);
    (line.len() - line.trim_end_matches('\\').len()) % 2 == 1
}

/// The name, the operator and where the value begins, of a line that assigns.
fn head(line: &str) -> Option<(&str, &str, usize)> {
    let equals = line.find('=')?;
    let before = &line[..equals];
    let name = before.trim_end_matches([':', '+', '?']);
    let operator = &line[name.len()..=equals];
    let name = name.trim();
    let name = name.strip_prefix("export ").map_or(name, str::trim_start);
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    let known = ["=", ":=", "::=", "+=", "?="].contains(&operator);
    (known && !name.is_empty() && name.bytes().all(plain)).then_some((name, operator, equals + 1))
}

/// Where the value stands on a line, without white space, comment and `\` around it; `None` where
/// there is none.
pub fn value(line: &str, is_first: bool) -> Option<(usize, usize)> {
    let from = if is_first { head(line)?.2 } else { 0 };
    let mut rest = line[from..].trim_end_matches(['\r', '\n']);
    if continues(line) {
        rest = &rest[..rest.len() - 1];
    }
    let rest = &rest[..rest.find('#').unwrap_or(rest.len())];
    let start = from + rest.len() - rest.trim_start().len();
    let end = start + rest.trim().len();
    (start < end).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::{assignments, value};

    #[test]
    fn found() {
        let text = "a = 1 2\nb:=\nc-d ?= x\\\n y # z \\\n w\n\te = 1\nf: g = 1\nifdef h\ni+=j\nendif\n\
                    define k\nl = 1\nendef\nm ::= n\no p = q\n$(r) = s\nexport t?=u\n";
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let found: Vec<String> = assignments(&lines)
            .iter()
            .map(|a| format!("{}{}{:?} {:?} {}", a.name, a.operator, a.words, a.lines, a.conditional))
            .collect();
        let want = [
            "a=[\"1\", \"2\"] (0, 1) false",
            "b:=[] (1, 2) false",
            "c-d?=[\"x\", \"y\"] (2, 5) false",
            "i+=[\"j\"] (8, 9) true",
            "m::=[\"n\"] (13, 14) false",
            "t?=[\"u\"] (16, 17) false",
        ];
        assert_eq!(found, want);
    }

    #[test]
    fn values() {
        let table = [
            ("a = b c  # d\n", true, "b c"),
            ("a = b\\\r\n", true, "b"),
            ("  b c \\\n", false, "b c"),
            ("a = \n", true, ""),
            ("# b\n", false, ""),
        ];
        for (line, is_first, want) in table {
            let (from, to) = value(line, is_first).unwrap_or_default();
            assert_eq!(&line[from..to], want, "{line:?}");
        }
    }
}
