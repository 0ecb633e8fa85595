// SPDX-License-Identifier: GPL-2.0-only
//! A piece of a text that is shared: what a reader cuts out of a file costs no copy of its own.
//!
//! The tables of `annotations` and `config` are made of them, for a file of Ubuntu's has some 70,000 keys and
//! values. A piece keeps the whole text that it was cut from.

use std::borrow::Borrow;
use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

/// A map by names out of a file: half of the time of taking one in is looking up. Seeded anew in each process, so
/// that nobody can write a file that is slow.
pub type ByName<V> = std::collections::HashMap<Text, V, foldhash::fast::RandomState>;

/// A text, or a piece of one.
#[derive(Clone)]
pub struct Text {
    whole: Arc<String>,
    start: usize,
    end: usize,
}

impl Text {
    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.whole[self.start..self.end]
    }

    /// The lines, with their ends.
    pub fn lines_with_ends(&self) -> impl Iterator<Item = Text> + '_ {
        let mut start = 0;
        self.split_inclusive('\n').map(move |line| {
            let range = start..start + line.len();
            start = range.end;
            self.piece(range)
        })
    }

    /// The first line, without its end.
    pub fn first_line(&self) -> Text {
        self.piece(0..self.lines().next().map_or(0, str::len))
    }

    /// A piece of it, in bytes from its start.
    ///
    /// # Panics
    /// The piece would begin or end beyond it or within a character, as with `str`.
    pub fn piece(&self, range: Range<usize>) -> Text {
        let piece = &self.as_str()[range.clone()];
        Text {
            whole: Arc::clone(&self.whole),
            start: self.start + range.start,
            end: self.start + range.start + piece.len(),
        }
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Text { start: 0, end: text.len(), whole: Arc::new(text) }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Text::from(text.to_owned())
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        Text::from(text.as_str())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

// All as `str` has it: a table that is keyed by pieces is asked with plain texts.

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other)
    }
}

impl std::hash::Hash for Text {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::Text;
    use std::collections::HashMap;

    #[test]
    fn pieces_are_texts() {
        let text = Text::from("CONFIG_É=y");
        let piece = text.piece(7..9);
        assert_eq!((piece.as_str(), piece.piece(0..0).as_str()), ("É", ""));
        assert_eq!(piece, Text::from("É"));
        assert!(Text::from("a") < Text::from("b"));
        assert_eq!(HashMap::from([(piece, 1)]).get("É"), Some(&1));
        assert_eq!(format!("[{text:<12}] {text:?}"), "[CONFIG_É=y  ] \"CONFIG_É=y\"");
    }

    #[test]
    #[should_panic(expected = "char boundary")]
    fn not_within_a_character() {
        Text::from("É").piece(0..1);
    }
}
