// SPDX-License-Identifier: GPL-2.0-only
//! One line of an annotations file, taken apart without a copy of it.
//!
//! `parse` reads with it, some 12,000 times for a file of Ubuntu's.

use super::super::text::Text;

/// A line that need not be squeezed, of printable ASCII, without the spaces around it, and its [`words_of`]; `None`
/// for any other. It is nearly every line, and no copy of it is made.
///
/// The gap behind a symbol's name may be as wide as it likes: nothing is read across it.
pub fn plain(raw: &Text) -> Option<(Text, [usize; 2])> {
    if !is_plain(raw.as_bytes()) {
        return None;
    }
    let start = raw.len() - raw.trim_start_matches(' ').len();
    let line = raw.piece(start..start + raw.trim_matches(' ').len());
    let words = words_of(&line);
    let behind = if line.starts_with("CONFIG_") { &line[words[1]..] } else { &*line };
    (!behind.contains("  ")).then_some((line, words))
}

/// Where the first word of a line ends, and where the second begins.
pub fn words_of(line: &str) -> [usize; 2] {
    let end = line.find(' ').unwrap_or(line.len());
    let gap = line.as_bytes()[end..].iter().position(|b| *b != b' ');
    [end, gap.map_or(line.len(), |gap| end + gap)]
}

/// Whether all bytes are printable ASCII, eight at a time: of the bytes that are not, the high bit is set, or
/// taking 0x20 away sets it, or they are 0x7f.
fn is_plain(bytes: &[u8]) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let odd = |word: u64| {
        let (low, delete) = (word.wrapping_sub(ONES * 0x20), word ^ (ONES * 0x7f));
        (word | low | (delete.wrapping_sub(ONES) & !delete)) & (ONES * 0x80)
    };
    let words = bytes.chunks_exact(8);
    let rest = words.remainder().iter().all(|b| matches!(b, b' '..=b'~'));
    rest && words.fold(0, |found, word| found | odd(u64::from_le_bytes(word.try_into().unwrap_or_default()))) == 0
}

/// The insides of `policy<…>` and `note<…>`; `start` is where the line goes on behind the symbol's name.
pub fn fields(line: &Text, start: usize) -> (Option<Text>, Option<Text>) {
    // Nearly every line has nothing but a policy.
    if let Some(inner) = line[start..].strip_prefix("policy<").and_then(|rest| rest.strip_suffix('>')) {
        if !inner.contains('<') && !inner.contains('>') {
            let start = start + "policy<".len();
            return (Some(line.piece(start..start + inner.len())), None);
        }
    }
    (field(line, "policy"), field(line, "note"))
}

/// What stands between the last `name<` behind a space that is closed, and the first `>` behind it.
fn field(line: &Text, name: &str) -> Option<Text> {
    let mut before = &line[..line.rfind('>')?];
    loop {
        let at = before.rfind('<')?;
        before = &before[..at];
        if before.strip_suffix(name).is_some_and(|rest| rest.ends_with(' ')) {
            let length = line[at + 1..].find('>')?;
            return Some(line.piece(at + 1..at + 1 + length));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn printable(text in "[ -~\x7f\t\u{80}é]{0,20}") {
            prop_assert_eq!(super::is_plain(text.as_bytes()), text.bytes().all(|b| matches!(b, b' '..=b'~')));
        }
    }
}
