// SPDX-License-Identifier: GPL-2.0-only
//! The one error of all formats: what is wrong, and where in the text.
//!
//! Every reader in `formats` returns it; a stage adds the name of the file, which is not known
//! here. It must never carry more of the offending text than fits on a line.

use std::fmt;

/// How many characters of an offending line are kept.
const SHOWN: usize = 120;

/// A text that is not of the format it was read as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatError {
    /// Line, counted from 1; 0 where the text has no lines (a tag, a version).
    pub line: usize,
    /// Column in characters, counted from 1; 0 where only the line is known.
    pub column: usize,
    /// The offending line, cut to 120 characters; empty where there is none to show.
    pub text: String,
    /// What is wrong, in lower case and without a final period.
    pub message: String,
}

impl FormatError {
    /// An error about `text` as a whole, for formats without lines.
    pub fn new(text: &str, message: impl Into<String>) -> Self {
        Self::at(0, 0, text, message)
    }

    /// An error at a line and column (both from 1; column 0 means the whole line).
    pub fn at(line: usize, column: usize, text: &str, message: impl Into<String>) -> Self {
        FormatError { line, column, text: text.chars().take(SHOWN).collect(), message: message.into() }
    }

    /// The same error, seen from the file in which its text stands at line `line`.
    pub fn on_line(mut self, line: usize) -> Self {
        self.line = line;
        self
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (0, _) => {}
            (line, 0) => write!(f, "line {line}: ")?,
            (line, column) => write!(f, "line {line}, column {column}: ")?,
        }
        f.write_str(&self.message)?;
        if !self.text.is_empty() {
            // The text is somebody else's: escapes in it must not reach a terminal.
            let shown: String = self.text.chars().map(printable).collect();
            write!(f, ": `{shown}`")?;
        }
        Ok(())
    }
}

impl std::error::Error for FormatError {}

/// The character, or what stands for one that a terminal would act on.
pub fn printable(c: char) -> char {
    match c {
        '\t' => ' ',
        // Bidirectional overrides are not control characters and reorder what is read.
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::FormatError;

    #[test]
    fn display() {
        let table = [
            (FormatError::new("", "no version"), "no version"),
            (FormatError::new("a b", "a space"), "a space: `a b`"),
            (FormatError::at(12, 3, "a=$b", "a variable"), "line 12, column 3: a variable: `a=$b`"),
            (FormatError::at(7, 0, "x", "nothing"), "line 7: nothing: `x`"),
            (FormatError::new("\x1b[2J\tx\u{202e}", "odd"), "odd: `\u{fffd}[2J x\u{fffd}`"),
        ];
        for (error, want) in table {
            assert_eq!(error.to_string(), want);
        }
    }

    #[test]
    fn text_is_cut_between_characters() {
        let error = FormatError::new(&"é".repeat(500), "long");
        assert_eq!(error.text.chars().count(), 120);
    }
}
