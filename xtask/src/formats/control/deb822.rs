// SPDX-License-Identifier: GPL-2.0-only
//! Paragraphs and fields, with everything between them kept as it was.
//!
//! Reached through `control`. It must never interpret a field: what a value means is `relation`'s
//! to know, and templates hold placeholders in every place.

use super::super::FormatError;
use super::substitute::{substitute, Substitute};

/// A control file: paragraphs, and the comments and blank lines around them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Control {
    blocks: Vec<Block>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Block {
    Gap(String),
    Paragraph(Paragraph),
}

/// One paragraph.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Paragraph {
    items: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    Comment(String),
    Field(Field),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    /// The line it begins on, from 1; 0 where it was set here.
    line: usize,
    name: String,
    /// What stands after the `:`, to the end of the last line.
    raw: String,
}

impl Control {
    /// Reads a control file, or a template of one.
    ///
    /// # Errors
    /// A line that is no field, no comment and continues nothing; a field given twice.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let mut control = Control::default();
        let mut open = false;
        for (number, line) in (1..).zip(text.split_inclusive('\n')) {
            let shown = line.trim_end_matches(['\r', '\n']);
            let bad = |message: &str| FormatError::at(number, 0, shown, message);
            if line.trim().is_empty() || (line.starts_with('#') && !open) {
                open = false;
                match control.blocks.last_mut() {
                    Some(Block::Gap(gap)) => gap.push_str(line),
                    _ => control.blocks.push(Block::Gap(line.to_owned())),
                }
                continue;
            }
            if !open {
                control.blocks.push(Block::Paragraph(Paragraph::default()));
                open = true;
            }
            if let Some(Block::Paragraph(paragraph)) = control.blocks.last_mut() {
                paragraph.read(line, number).map_err(bad)?;
            }
        }
        Ok(control)
    }

    /// The file's text; what was not changed is as it was.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for block in &self.blocks {
            match block {
                Block::Gap(gap) => text.push_str(gap),
                Block::Paragraph(paragraph) => paragraph.write(&mut text),
            }
        }
        text
    }

    /// The paragraphs in order: in a source's control file the first is the source's.
    pub fn paragraphs(&self) -> impl Iterator<Item = &Paragraph> {
        self.blocks.iter().filter_map(|block| match block {
            Block::Gap(_) => None,
            Block::Paragraph(paragraph) => Some(paragraph),
        })
    }

    /// The paragraphs in order, to change.
    pub fn paragraphs_mut(&mut self) -> impl Iterator<Item = &mut Paragraph> {
        self.blocks.iter_mut().filter_map(|block| match block {
            Block::Gap(_) => None,
            Block::Paragraph(paragraph) => Some(paragraph),
        })
    }
}

impl Paragraph {
    /// The value of a field, whose name is compared without regard to case: comments are left
    /// out, white space around it too; further lines keep the space they begin with.
    pub fn get(&self, name: &str) -> Option<String> {
        let lines = self.raw(name)?.split_inclusive('\n').filter(|line| !line.starts_with('#'));
        Some(lines.collect::<String>().trim().to_owned())
    }

    /// All that stands after a field's `:`, comments and line ends included.
    pub fn raw(&self, name: &str) -> Option<&str> {
        self.field(name).map(|field| field.raw.as_str())
    }

    /// The names of the fields in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.items.iter().filter_map(|item| match item {
            Item::Comment(_) => None,
            Item::Field(field) => Some(field.name.as_str()),
        })
    }

    /// Sets a field, at its place or at the end.
    ///
    /// # Errors
    /// A name that is none, or a further line of the value that does not begin with a space.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), FormatError> {
        if !is_name(name) {
            return Err(FormatError::new(name, "not the name of a field"));
        }
        let continues = |line: &str| line.starts_with([' ', '\t']) && !line.trim().is_empty();
        if !value.lines().skip(1).all(continues) {
            let message = "a further line of a field begins with a space and is not blank";
            return Err(FormatError::new(value, message));
        }
        let gap = if value.starts_with('\n') { "" } else { " " };
        let new = Field { line: 0, name: name.to_owned(), raw: format!("{gap}{}\n", value.trim_end()) };
        match self.field_mut(name) {
            Some(field) => field.raw = new.raw,
            None => {
                self.end_last_line();
                self.items.push(Item::Field(new));
            }
        }
        Ok(())
    }

    /// Takes a field out; whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.items.len();
        self.items.retain(|item| !matches!(item, Item::Field(field) if field.name.eq_ignore_ascii_case(name)));
        self.items.len() < before
    }

    /// The name of a field as it is written.
    pub(super) fn spelled(&self, name: &str) -> Option<&str> {
        self.field(name).map(|field| field.name.as_str())
    }

    /// Sets all that stands after a field's `:`, which was read from another paragraph.
    pub(super) fn set_raw(&mut self, name: &str, spelled: &str, raw: &str) {
        match self.field_mut(name) {
            Some(field) => field.raw = raw.to_owned(),
            None => {
                self.end_last_line();
                self.items.push(Item::Field(Field { line: 0, name: spelled.to_owned(), raw: raw.to_owned() }));
            }
        }
    }

    /// The paragraph's text.
    pub(super) fn to_text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    /// Changes packages in a relation field and leaves the rest of its text as it is; the names
    /// that were found and changed. A field that is left empty is taken out.
    ///
    /// # Errors
    /// The field does not hold relations.
    pub fn substitute(&mut self, name: &str, changes: &[(&str, Substitute)]) -> Result<Vec<String>, FormatError> {
        let Some(field) = self.field_mut(name) else {
            return Ok(Vec::new());
        };
        let first = field.line;
        let done = substitute(&field.raw, changes).map_err(|mut error| {
            error.line = first + error.line.saturating_sub(1);
            error
        })?;
        field.raw = done.text;
        if done.empty {
            self.remove(name);
        }
        Ok(done.changed)
    }

    fn field(&self, name: &str) -> Option<&Field> {
        self.items.iter().find_map(|item| match item {
            Item::Field(field) if field.name.eq_ignore_ascii_case(name) => Some(field),
            _ => None,
        })
    }

    fn field_mut(&mut self, name: &str) -> Option<&mut Field> {
        self.items.iter_mut().find_map(|item| match item {
            Item::Field(field) if field.name.eq_ignore_ascii_case(name) => Some(field),
            _ => None,
        })
    }

    /// Takes in one more line, with its line end.
    fn read(&mut self, line: &str, number: usize) -> Result<(), &'static str> {
        if line.starts_with('#') {
            self.items.push(Item::Comment(line.to_owned()));
            return Ok(());
        }
        if line.starts_with([' ', '\t']) {
            // Comments between the lines of a field belong to it.
            let at = self.items.iter().rposition(|item| matches!(item, Item::Field(_)));
            let comments = self.items.split_off(at.map_or(0, |at| at + 1));
            let Some(Item::Field(field)) = self.items.last_mut() else {
                return Err("a line that continues no field");
            };
            for item in comments {
                if let Item::Comment(comment) = item {
                    field.raw.push_str(&comment);
                }
            }
            field.raw.push_str(line);
            return Ok(());
        }
        let (name, raw) = line
            .split_once(':')
            .filter(|(name, _)| is_name(name))
            .ok_or("neither a field, such as `Package: linux`, nor a comment")?;
        if self.items.len() >= LONGEST {
            return Err("a paragraph of more than 1000 fields");
        }
        if self.field(name).is_some() {
            return Err("a field that the paragraph already has");
        }
        self.items.push(Item::Field(Field { line: number, name: name.to_owned(), raw: raw.to_owned() }));
        Ok(())
    }

    fn write(&self, text: &mut String) {
        for item in &self.items {
            match item {
                Item::Comment(comment) => text.push_str(comment),
                Item::Field(field) => {
                    text.push_str(&field.name);
                    text.push(':');
                    text.push_str(&field.raw);
                }
            }
        }
    }

    fn end_last_line(&mut self) {
        if let Some(Item::Comment(last) | Item::Field(Field { raw: last, .. })) = self.items.last_mut() {
            if !last.ends_with('\n') {
                last.push('\n');
            }
        }
    }
}

/// More fields than any paragraph has; it bounds what looking for a double costs.
const LONGEST: usize = 1000;

/// Debian Policy §5.1: printable characters without space and colon, not `#` or `-` first.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && b != b':') && !name.starts_with(['#', '-'])
}

#[cfg(test)]
mod tests {
    use super::super::Substitute;
    use super::Control;
    use proptest::prelude::*;

    const TEXT: &str = "# top\n\nSource: SRCPKGNAME\nBuild-Depends:\n debhelper (>= 9),\n# why\n dh-systemd,\n \
                        bc <!stage1>,\n# after\nVcs-Git: git://x/+git/=SERIES=\n#XS: y\n \t\nPackage: \
                        a-PKGVER\nDescription: one\n two\n .\n three";

    #[test]
    fn kept_as_it_was() {
        let control = Control::parse(TEXT).unwrap();
        assert_eq!(control.to_text(), TEXT);
        let paragraphs: Vec<_> = control.paragraphs().collect();
        assert_eq!(paragraphs.len(), 2);
        assert_eq!(paragraphs[0].names().collect::<Vec<_>>(), ["Source", "Build-Depends", "Vcs-Git"]);
        assert_eq!(
            paragraphs[0].get("build-depends").as_deref(),
            Some("debhelper (>= 9),\n dh-systemd,\n bc <!stage1>,")
        );
        assert_eq!(paragraphs[1].get("Description").as_deref(), Some("one\n two\n .\n three"));
        assert_eq!(paragraphs[1].get("Source"), None);
    }

    #[test]
    fn changed() {
        let mut control = Control::parse(TEXT).unwrap();
        let mut paragraphs = control.paragraphs_mut();
        let source = paragraphs.next().unwrap();
        source.set("source", "linux").unwrap();
        source.set("Section", "devel").unwrap();
        assert!(source.remove("vcs-git") && !source.remove("Vcs-Git"));
        let binary = paragraphs.next().unwrap();
        binary.set("Depends", "\n a,\n b").unwrap();
        assert!(binary.set("Depends", "a\nb").is_err());
        assert!(binary.set("a b", "").is_err());
        drop(paragraphs);
        let want = TEXT
            .replace("SRCPKGNAME", "linux")
            .replace("Vcs-Git: git://x/+git/=SERIES=\n#XS: y\n", "#XS: y\nSection: devel\n")
            + "\nDepends:\n a,\n b\n";
        assert_eq!(control.to_text(), want);
    }

    #[test]
    fn substituted() {
        let mut control = Control::parse(TEXT).unwrap();
        let source = control.paragraphs_mut().next().unwrap();
        let changes = [("dh-systemd", Substitute::Drop), ("gone", Substitute::Drop)];
        assert_eq!(source.substitute("Build-Depends", &changes).unwrap(), ["dh-systemd"]);
        assert_eq!(source.substitute("Build-Depends-Indep", &changes).unwrap(), [""; 0]);
        assert_eq!(control.to_text(), TEXT.replace(" dh-systemd,\n", ""));

        let mut control = Control::parse("A: 1\nDepends: bc\nB: 2\n").unwrap();
        let paragraph = control.paragraphs_mut().next().unwrap();
        paragraph.substitute("Depends", &[("bc", Substitute::Drop)]).unwrap();
        assert_eq!(control.to_text(), "A: 1\nB: 2\n");

        let mut control = Control::parse("A: 1\nDepends: a,\n b c\n").unwrap();
        let paragraph = control.paragraphs_mut().next().unwrap();
        let error = paragraph.substitute("Depends", &[]).unwrap_err();
        assert_eq!(error.to_string(), "line 3, column 4: more than a package in a relation: ` b c`");
    }

    #[test]
    fn refused() {
        let table = [
            ("a b\n", "line 1: neither a field, such as `Package: linux`, nor a comment: `a b`"),
            ("\n x: y\n", "line 2: a line that continues no field: ` x: y`"),
            ("A: 1\nB: 2\na: 3\n", "line 3: a field that the paragraph already has: `a: 3`"),
            ("A: 1\n-B: 2\n", "line 2: neither a field, such as `Package: linux`, nor a comment: `-B: 2`"),
        ];
        for (text, want) in table {
            assert_eq!(Control::parse(text).unwrap_err().to_string(), want);
        }
    }

    proptest! {
        #[test]
        fn any_text(text in "([A-C]: \\PC{0,5}\r?\n| [a-c,\\[\\]]{0,5}\n|#\\PC{0,3}\n|\n|\\PC{0,6}){0,8}") {
            if let Ok(control) = Control::parse(&text) {
                prop_assert_eq!(control.to_text(), text);
            }
        }
    }
}
