// SPDX-License-Identifier: GPL-2.0-only
//! Reading annotations files, the ones they include among them.
//!
//! The flavour and audit stages begin here. It must never open a file itself: what an `include`
//! names is asked for by its place in the tree, and one outside of the tree is never asked for.

use std::sync::Arc;

use super::super::config::check_symbol;
use super::super::text::{ByName, Text};
use super::super::FormatError;
use super::header::Header;
use super::line::{fields, plain, words_of};
use super::literal::{read_dict, Pairs};
use super::table::{Entry, Table};

/// How deep files may include each other; Ubuntu's go two deep.
const DEEPEST: usize = 8;
/// How many files may be read, one twice counted twice.
const MOST_FILES: usize = 64;
/// How many keys a symbol may have; Ubuntu's flavours of all architectures are some 30.
const MOST_KEYS: usize = 1000;

/// Bytes of a usual line, which is a symbol's.
const USUAL: usize = 110;

/// An annotations file with all that it includes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotations {
    pub(super) header: Header,
    /// The includes of the file itself, as written.
    pub(super) includes: Vec<String>,
    pub(super) table: Table,
    /// What header and includes say without the file's own lines.
    pub(super) base: Table,
    /// The flavours of all `# FLAVOUR:` lines.
    pub(super) known: Vec<String>,
    /// The file as it was read.
    pub(super) parsed: Parsed,
}

/// The lines that were read, for saving without touching more than what changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Parsed {
    pub lines: Vec<Line>,
    /// How many lines the header had.
    pub header: usize,
}

/// A line of the file itself, with its line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub raw: Text,
    pub kind: Kind,
}

/// What a line of the body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Blank, or a comment.
    Other,
    Include,
    Symbol {
        /// Its place in the table.
        place: usize,
        /// Whether a policy stands on it; else a note does.
        policy: bool,
    },
}

struct Reader<'a> {
    include: &'a dyn Fn(&str) -> Result<String, FormatError>,
    /// The folder of the file at the top: includes are relative to it, nested ones too
    /// (annotations.py of 5.4.0-200.220, line 99).
    folder: &'a str,
    arches: Vec<String>,
    known: Vec<String>,
    table: Table,
    base: Table,
    /// The dicts that were read, each as an entry has it that nothing was known of: of 12,000 in a file of
    /// Ubuntu's, 400 are different.
    dicts: ByName<Arc<Pairs>>,
    /// The files being read, the innermost last.
    open: Vec<String>,
    files: usize,
}

impl Annotations {
    /// Reads the file that stands at `path` in the tree, such as
    /// `debian.master/config/annotations`. `include` gives the text of another file by its path
    /// in the tree.
    ///
    /// # Errors
    /// What the Python tool refuses, older formats, symbols that are none, files that include
    /// themselves, and includes from outside of the tree. In an included file, the message names
    /// it.
    pub fn parse(
        text: impl Into<Text>,
        path: &str,
        include: &dyn Fn(&str) -> Result<String, FormatError>,
    ) -> Result<Self, FormatError> {
        let text = text.into();
        let header = Header::parse(&text)?;
        let mut reader = Reader {
            include,
            folder: path.rsplit_once('/').map_or("", |(folder, _)| folder),
            arches: header.arches.clone(),
            known: header.flavours.clone(),
            table: Table::with_capacity(text.len() / USUAL),
            base: Table::default(),
            dicts: ByName::default(),
            open: vec![path.to_owned()],
            files: 1,
        };
        let (mut includes, mut lines) = (Vec::new(), Vec::with_capacity(text.len() / USUAL));
        for (number, raw) in (1..).zip(text.lines_with_ends()) {
            let kind = reader.line(&raw, Some(&mut includes));
            let kind = kind.map_err(|error| match error.line {
                0 => error.on_line(number),
                _ => error,
            })?;
            lines.push(Line { raw, kind });
        }
        header.check(&reader.known)?;
        reader.table.settle();
        Ok(Annotations {
            parsed: Parsed { lines, header: header.lines.len() },
            header,
            includes,
            table: reader.table,
            base: reader.base,
            known: reader.known,
        })
    }
}

impl Reader<'_> {
    /// Takes in one line. `includes` is there for lines of the file at the top.
    fn line(&mut self, raw: &Text, includes: Option<&mut Vec<String>>) -> Result<Kind, FormatError> {
        let raw = &raw.piece(0..raw.trim_end_matches(['\r', '\n']).len());
        let bad = |byte: usize, message: &str| FormatError::at(0, column(raw, byte), raw, message);
        let (line, [name, rest]) = match plain(raw) {
            Some(found) => found,
            None => {
                // Python ends a line at every control character of that kind; no file has one.
                let odd = |c: char| (c.is_control() && c != '\t') || matches!(c, '\u{2028}' | '\u{2029}');
                if let Some(at) = raw.find(odd) {
                    return Err(bad(at, "a control character"));
                }
                let words: Vec<&str> = raw.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
                let line = Text::from(words.join(" ").trim());
                let words = words_of(&line);
                (line, words)
            }
        };
        // Of the file at the top the header counts alone: another line may go when it is saved.
        if let (Some(flavours), None) = (line.strip_prefix("# FLAVOUR: "), &includes) {
            self.known.extend(flavours.split(' ').filter(|name| !name.is_empty()).map(str::to_owned));
        }
        if line.is_empty() || line.starts_with('#') {
            return Ok(Kind::Other);
        }
        if let Some(rest) = line.strip_prefix("include ") {
            let name = rest.strip_prefix('"').unwrap_or(rest);
            let name = name.split('"').next().unwrap_or_default();
            if let Some(includes) = includes {
                includes.push(name.to_owned());
            }
            self.include(name, raw)?;
            return Ok(Kind::Include);
        }
        let (policy, note) = fields(&line, rest);
        let symbol = line.starts_with("CONFIG_").then(|| line.piece("CONFIG_".len()..name));
        let symbol = symbol.filter(|symbol| check_symbol(symbol).is_ok());
        if let Some(note) = note.as_deref().filter(|note| note.contains(" policy<")) {
            return Err(bad(raw.find(note).unwrap_or(0), "a policy within a note"));
        }
        let (Some(symbol), true) = (symbol, policy.is_some() || note.is_some()) else {
            let start = raw.len() - raw.trim_start().len();
            return Err(bad(start, "neither a symbol with policy<…> or note<…>, nor a comment, nor an include"));
        };
        // Only the squeezed line is read; in the line as it stands the dict begins here.
        let dict = || raw.rfind("policy<").map_or(0, |at| at + "policy<".len());
        let place = self.merge(&symbol, policy.as_ref(), note.as_deref(), includes.is_none());
        let place = place.map_err(|message| bad(dict(), message))?;
        Ok(Kind::Symbol { place, policy: policy.is_some() })
    }

    /// Takes in what a line says of a symbol; its place in the table.
    fn merge(
        &mut self,
        symbol: &Text,
        policy: Option<&Text>,
        note: Option<&str>,
        included: bool,
    ) -> Result<usize, &'static str> {
        let dict = policy.map(|policy| self.dict(policy)).transpose()?;
        let place = self.table.place(symbol);
        let mut entries = vec![self.table.at_mut(place)];
        if included {
            let place = self.base.place(symbol);
            entries.push(self.base.at_mut(place));
        }
        for entry in entries {
            match &dict {
                Some(dict) if entry.policy.is_empty() => entry.policy = Arc::clone(dict),
                Some(dict) => entry.merge(dict, &self.arches),
                None => {}
            }
            if entry.policy.len() > MOST_KEYS {
                return Err("more than 1000 keys for one symbol");
            }
            if let Some(note) = note {
                entry.note = Some(format!("'{}'", note.replace('\'', "")));
                entry.one_line = dict.is_some();
            }
        }
        Ok(place)
    }

    /// What a dict says of a symbol that nothing is known of.
    fn dict(&mut self, text: &Text) -> Result<Arc<Pairs>, &'static str> {
        if let Some(dict) = self.dicts.get(text) {
            return Ok(Arc::clone(dict));
        }
        let mut entry = Entry::default();
        // A key that an architecture's takes away within the dict would be taken away later too.
        entry.merge(&read_dict(text)?, &self.arches);
        self.dicts.insert(text.clone(), Arc::clone(&entry.policy));
        Ok(entry.policy)
    }

    /// Reads another file, named by the line `raw`.
    fn include(&mut self, name: &str, raw: &str) -> Result<(), FormatError> {
        let start = raw.rfind(name).unwrap_or(0);
        let bad = |message: &str| FormatError::at(0, column(raw, start), raw, message);
        let path = join(self.folder, name).ok_or_else(|| bad("an include from outside of the tree"))?;
        if self.open.contains(&path) {
            return Err(bad("a file that includes itself"));
        }
        self.files += 1;
        if self.open.len() > DEEPEST || self.files > MOST_FILES {
            return Err(bad("too many includes: at most 64 files, 8 deep"));
        }
        let text = (self.include)(&path).map_err(|error| bad(&error.message))?;
        self.open.push(path);
        for (number, raw) in (1..).zip(Text::from(text).lines_with_ends()) {
            if let Err(mut error) = self.line(&raw, None) {
                // One with a line is of a file further in, and names it.
                if error.line == 0 {
                    error.line = number;
                    let path = self.open.last().map_or("", String::as_str);
                    error.message = format!("in {path}: {}", error.message);
                }
                return Err(error);
            }
        }
        self.open.pop();
        Ok(())
    }
}

/// The column, in characters from 1, of a place in a line.
fn column(raw: &str, byte: usize) -> usize {
    raw.get(..byte).map_or(0, |before| before.chars().count() + 1)
}

/// The path of `name` in `folder`, both in the tree; `None` where it would leave the tree.
fn join(folder: &str, name: &str) -> Option<String> {
    if name.is_empty() || name.starts_with('/') || name.contains(['\\', '\0']) {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(name.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::super::super::FormatError;
    use super::{join, Annotations};
    use proptest::prelude::*;

    const HEADER: &str = "# ARCH: amd64 arm64\n# FLAVOUR: amd64-generic arm64-generic\n\n";

    fn file(path: &str) -> Result<String, FormatError> {
        let text = match path {
            "debian.master/config/annotations" => "# FLAVOUR: arm64-master\nCONFIG_A policy<{'arm64': 'm'}>\n",
            "a/loop" => "include \"loop\"\n",
            "a/twice" => "include \"../debian.master/config/annotations\"\ninclude \"deep\"\n",
            "a/deep" => "\n# x\noops\n",
            _ => return Err(FormatError::new("", "no such file")),
        };
        Ok(text.to_owned())
    }

    fn read(body: &str) -> Result<Annotations, FormatError> {
        Annotations::parse(format!("{HEADER}{body}"), "a/annotations", &file)
    }

    fn policy(annotations: &Annotations, symbol: &str) -> String {
        let entry = annotations.table.get(symbol).unwrap();
        format!("{:?} {:?}", entry.policy, entry.note)
    }

    #[test]
    fn bodies() {
        let table = [
            ("CONFIG_A policy<{'arm64': 'y'}>", r#"[("arm64", "y")] None"#),
            ("\tCONFIG_A\t\t policy<{'arm64':\t'y'}>  ", r#"[("arm64", "y")] None"#),
            ("CONFIG_A policy<{'arm64': 'y'}> note<'why'>", r#"[("arm64", "y")] Some("'why'")"#),
            ("CONFIG_A note<it's>\nCONFIG_A policy<{}>", r#"[] Some("'its'")"#),
            ("CONFIG_A policy<{'arm64': '\"a  b\"'}>", r#"[("arm64", "\"a b\"")] None"#),
            ("include \"../debian.master/config/annotations\"", r#"[("arm64", "m")] None"#),
            (
                "include ../debian.master/config/annotations\nCONFIG_A policy<{'arm64-generic': 'y'}>",
                r#"[("arm64", "m"), ("arm64-generic", "y")] None"#,
            ),
            (
                "CONFIG_A policy<{'arm64-generic': 'y'}>\ninclude \"../debian.master/config/annotations\"",
                r#"[("arm64", "m")] None"#,
            ),
        ];
        for (body, want) in table {
            assert_eq!(policy(&read(body).unwrap(), "A"), want, "{body}");
        }
    }

    #[test]
    fn refused() {
        let table = [
            ("oops", "line 4, column 1: neither a symbol with policy<…> or note<…>, nor a comment, nor an include: `oops`"),
            ("A policy<{}>", "line 4, column 1: neither a symbol with policy<…> or note<…>, nor a comment, nor an include: `A policy<{}>`"),
            ("CONFIG_A policy<{'a': 'b'}", "line 4, column 1: neither a symbol with policy<…> or note<…>, nor a comment, nor an include: `CONFIG_A policy<{'a': 'b'}`"),
            ("\nCONFIG_A policy<{1: 2}>", "line 5, column 17: not a string in quotes: `CONFIG_A policy<{1: 2}>`"),
            ("CONFIG_A note<\x07>", "line 4, column 15: a control character: `CONFIG_A note<\u{fffd}>`"),
            ("include \"none\"", "line 4, column 10: no such file: `include \"none\"`"),
            ("include \"/etc/passwd\"", "line 4, column 10: an include from outside of the tree: `include \"/etc/passwd\"`"),
            ("include \"../../x\"", "line 4, column 10: an include from outside of the tree: `include \"../../x\"`"),
            ("include \"annotations\"", "line 4, column 10: a file that includes itself: `include \"annotations\"`"),
            ("include \"loop\"", "line 1, column 10: in a/loop: a file that includes itself: `include \"loop\"`"),
            ("include \"twice\"", "line 3, column 1: in a/deep: neither a symbol with policy<…> or note<…>, nor a comment, nor an include: `oops`"),
        ];
        for (body, want) in table {
            assert_eq!(read(body).unwrap_err().to_string(), want);
        }
    }

    #[test]
    fn dependencies_on_included_flavours() {
        let text = "# ARCH: arm64\n# FLAVOUR: arm64-t\n# FLAVOUR_DEP: {'arm64-t': 'arm64-master'}\n";
        let with = format!("{text}include \"../debian.master/config/annotations\"\n");
        assert!(Annotations::parse(&with, "a/annotations", &file).is_ok());
        assert!(Annotations::parse(text, "a/annotations", &file).is_err());
    }

    #[test]
    fn too_many_files() {
        let deeper = |path: &str| Ok(format!("include \"{path}x\"\n"));
        let text = format!("{HEADER}include \"x\"\n");
        let error = Annotations::parse(&text, "annotations", &deeper).unwrap_err();
        assert!(error.message.contains("too many includes"), "{error}");
        let text = HEADER.to_owned() + &"include \"x\"\n".repeat(64);
        let error = Annotations::parse(&text, "annotations", &|_: &str| Ok(String::new())).unwrap_err();
        assert!(error.message.contains("too many includes"), "{error}");
    }

    #[test]
    fn paths() {
        let table = [
            ("debian/config", "annotations.x", Some("debian/config/annotations.x")),
            ("debian.aws/config", "../../debian.master/config/annotations", Some("debian.master/config/annotations")),
            ("", "./a//b", Some("a/b")),
            ("a", "../../b", None),
            ("a", "/b", None),
            ("a", "", None),
        ];
        for (folder, name, want) in table {
            assert_eq!(join(folder, name).as_deref(), want);
        }
    }

    proptest! {
        #[test]
        fn any_text(text in "(CONFIG_[AB] (policy<\\{'arm64(-generic)?': '[a-z]'\\}>|note<\\PC{0,5}>| )*\n|include \"[a-z/.]*\"\n|# FLAVOUR: x\n|\\PC{0,8}\n){0,6}") {
            let _ = read(&text);
            let _ = Annotations::parse(&text, "", &file);
        }
    }
}
