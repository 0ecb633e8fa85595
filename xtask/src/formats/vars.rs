// SPDX-License-Identifier: GPL-2.0-only
//! `control.d/vars.<flavour>`: what Ubuntu's control template is filled with for one flavour.
//!
//! The flavour stage reads and writes it, the package stages look up the architectures. Ubuntu's
//! `control-create` sources the file in a shell; here it must never be executed: only
//! assignments of plain text are read, and whatever a shell would expand is refused.

use super::FormatError;

/// What `control-create` of 5.4.0-200.220 puts into the template; without one of them a package
/// is left with a placeholder.
const REQUIRED: [&str; 6] = ["arch", "supported", "target", "desc", "bootloader", "provides"];

/// Words that stand where a flavour does and mean something else: architectures in a control file, and the targets
/// and packages beside those of flavours (`binary-indep`, `linux-tools-common`).
const RESERVED: [&str; 8] = ["all", "any", "arch", "common", "headers", "indep", "perarch", "source"];

/// Far more lines than any such file has; it bounds what an untrusted one can cost.
const LONGEST: usize = 1000;

/// The variables of one flavour, with the comments and the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vars {
    lines: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Line {
    /// A comment or a blank line.
    Other(String),
    Set {
        key: String,
        value: String,
        raw: String,
    },
}

impl Vars {
    /// Reads the file: one assignment on a line, comments, blank lines. Unknown keys are kept.
    ///
    /// # Errors
    /// Anything else that a shell would do something with, and a key given twice.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let mut vars = Vars::default();
        for (number, raw) in (1..).zip(text.lines()) {
            let line = raw.trim_start();
            if line.is_empty() || line.starts_with('#') {
                vars.lines.push(Line::Other(raw.to_owned()));
                continue;
            }
            let bad = |column: usize, message: &str| FormatError::at(number, column, raw, message);
            let indent = raw.chars().count() - line.chars().count();
            let (key, rest) = line
                .split_once('=')
                .filter(|(key, _)| is_key(key))
                .ok_or_else(|| bad(indent + 1, "not an assignment such as arch=\"arm64\""))?;
            let value = read_value(rest).map_err(|(at, message)| bad(indent + key.len() + 2 + at, message))?;
            if vars.lines.len() >= LONGEST {
                return Err(bad(0, "a file of more than 1000 lines"));
            }
            if vars.get(key).is_some() {
                return Err(bad(indent + 1, "a variable that was already given"));
            }
            vars.lines.push(Line::Set { key: key.to_owned(), value, raw: raw.to_owned() });
        }
        Ok(vars)
    }

    /// The file's text; lines that were not set anew are as they were.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            let (Line::Other(raw) | Line::Set { raw, .. }) = line;
            text.push_str(raw);
            text.push('\n');
        }
        text
    }

    /// The value of a variable.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// Variables and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().filter_map(|line| match line {
            Line::Other(_) => None,
            Line::Set { key, value, .. } => Some((key.as_str(), value.as_str())),
        })
    }

    /// The Debian architectures that the flavour is for.
    pub fn architectures(&self) -> impl Iterator<Item = &str> {
        self.get("arch").unwrap_or_default().split_whitespace()
    }

    /// Sets a variable, at its place or at the end.
    ///
    /// # Errors
    /// A key that is no variable name, a value with control characters.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), FormatError> {
        if !is_key(key) {
            return Err(FormatError::new(key, "not the name of a shell variable"));
        }
        if value.chars().any(char::is_control) {
            return Err(FormatError::new(value, "a control character in a value"));
        }
        let mut raw = format!("{key}=\"");
        for c in value.chars() {
            if "\"\\$`".contains(c) {
                raw.push('\\');
            }
            raw.push(c);
        }
        raw.push('"');
        let new = Line::Set { key: key.to_owned(), value: value.to_owned(), raw };
        let same = |line: &&mut Line| matches!(line, Line::Set { key: name, .. } if name == key);
        match self.lines.iter_mut().find(same) {
            Some(line) => *line = new,
            None => self.lines.push(new),
        }
        Ok(())
    }

    /// Refuses a file that would give broken packages: one that lacks a variable of the template,
    /// or whose values hold what `control-create`'s `sed "s#NAME#$value#g"` reads as its own.
    pub fn check(&self) -> Result<(), FormatError> {
        for key in REQUIRED {
            if self.get(key).is_none() {
                return Err(FormatError::new("", format!("the variable {key} is missing")));
            }
        }
        if self.architectures().next().is_none() {
            return Err(FormatError::new("", "the variable arch names no architecture"));
        }
        for (key, value) in self.iter() {
            if let Some(c) = value.chars().find(|c| "#&\\".contains(*c)) {
                let message = format!("{c:?} in {key} would be read by the sed of control-create");
                return Err(FormatError::new(value, message));
            }
        }
        Ok(())
    }
}

/// Refuses what cannot be a flavour's name: it ends a package name and a kernel release, and
/// `control-create` takes it from behind the last dot of the file's name.
pub fn check_flavour(name: &str) -> Result<(), FormatError> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let bad = |message| Err(FormatError::new(name, message));
    if name.is_empty() || name.len() > 40 {
        return bad("a flavour's name has 1 to 40 characters");
    }
    if !name.chars().all(allowed) || name.starts_with('-') || name.ends_with('-') {
        return bad("a flavour's name is made of lower-case letters, digits and `-` between them");
    }
    if RESERVED.contains(&name) {
        return bad("that is no flavour's name: it has a meaning of its own in Debian's packaging");
    }
    Ok(())
}

fn is_key(key: &str) -> bool {
    !key.starts_with(|c: char| c.is_ascii_digit())
        && !key.is_empty()
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The value after the `=`; an error comes with its place, counted from 0.
fn read_value(rest: &str) -> Result<String, (usize, &'static str)> {
    let mut value = String::new();
    let mut chars = (0..).zip(rest.chars()).peekable();
    let quote = chars.next_if(|(_, c)| "\"'".contains(*c)).map(|(_, c)| c);
    let mut closed = quote.is_none();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (Some(quote), c) if c == quote => {
                closed = true;
                break;
            }
            (None, ' ' | '\t') => break,
            (Some('"') | None, '$' | '`') => {
                return Err((at, "an expansion: the file is read without a shell"));
            }
            (Some('"'), '\\') => match chars.next() {
                Some((_, c)) if "\"\\$`".contains(c) => value.push(c),
                Some((_, c)) => value.extend(['\\', c]),
                None => return Err((at, "a value that goes on in the next line")),
            },
            (None, c) if !(c.is_ascii_alphanumeric() || "._+/,:@%=-".contains(c)) => {
                return Err((at, "a character that a shell gives a meaning to, outside quotes"));
            }
            (_, c) if c.is_control() && c != '\t' => return Err((at, "a control character in a value")),
            (_, c) => value.push(c),
        }
    }
    if !closed {
        return Err((0, "a quote that is not closed on its line"));
    }
    // After the value: nothing, or white space and a comment.
    match chars.find(|(_, c)| !" \t".contains(*c)) {
        None => Ok(value),
        Some((at, '#')) if rest.chars().nth(at - 1).is_some_and(|c| " \t".contains(c)) => Ok(value),
        Some((at, _)) => Err((at, "more than one value")),
    }
}

#[cfg(test)]
mod tests {
    use super::{check_flavour, Vars};
    use proptest::prelude::*;

    const TEXT: &str = "# a comment\narch=\"amd64 arm64\"\nsupported='x $y'\n  target=plain # why\n\
                        desc=\"=HUMAN= \\\"SMP\\\"\"\nbootloader=\"grub | lilo [amd64]\"\nprovides=\"\"\nodd_key=1\n";

    #[test]
    fn read() {
        let vars = Vars::parse(TEXT).unwrap();
        let pairs: Vec<(&str, &str)> = vars.iter().collect();
        let want = [
            ("arch", "amd64 arm64"),
            ("supported", "x $y"),
            ("target", "plain"),
            ("desc", "=HUMAN= \"SMP\""),
            ("bootloader", "grub | lilo [amd64]"),
            ("provides", ""),
            ("odd_key", "1"),
        ];
        assert_eq!(pairs, want);
        assert_eq!(vars.architectures().collect::<Vec<_>>(), ["amd64", "arm64"]);
        assert_eq!(vars.to_text(), TEXT);
        assert_eq!(vars.check(), Ok(()));
    }

    #[test]
    fn set_keeps_the_rest() {
        let mut vars = Vars::parse(TEXT).unwrap();
        vars.set("arch", "arm64").unwrap();
        vars.set("conflicts", "a \"$b\"").unwrap();
        let want = TEXT.replace("amd64 arm64", "arm64") + "conflicts=\"a \\\"\\$b\\\"\"\n";
        assert_eq!(vars.to_text(), want);
        assert_eq!(Vars::parse(&want).unwrap().get("conflicts"), Some("a \"$b\""));
        assert!(vars.set("a b", "").is_err());
        assert!(vars.set("a", "1\n2").is_err());
    }

    #[test]
    fn refused() {
        let table = [
            ("arch", "line 1, column 1: not an assignment such as arch=\"arm64\": `arch`"),
            ("arch =1", "line 1, column 1: not an assignment such as arch=\"arm64\": `arch =1`"),
            ("export a=1", "line 1, column 1: not an assignment such as arch=\"arm64\": `export a=1`"),
            ("\na=\"$(id)\"", "line 2, column 4: an expansion: the file is read without a shell: `a=\"$(id)\"`"),
            ("a=`id`", "line 1, column 3: an expansion: the file is read without a shell: `a=`id``"),
            ("a=1;id", "line 1, column 4: a character that a shell gives a meaning to, outside quotes: `a=1;id`"),
            ("a=\"1\";id", "line 1, column 6: more than one value: `a=\"1\";id`"),
            ("a=1 id", "line 1, column 5: more than one value: `a=1 id`"),
            ("a=\"1\"#x", "line 1, column 6: more than one value: `a=\"1\"#x`"),
            (" a=\"1", "line 1, column 4: a quote that is not closed on its line: ` a=\"1`"),
            ("a=\"1\\", "line 1, column 5: a value that goes on in the next line: `a=\"1\\`"),
            ("a=1\na=2", "line 2, column 1: a variable that was already given: `a=2`"),
        ];
        for (text, want) in table {
            assert_eq!(Vars::parse(text).unwrap_err().to_string(), want);
        }
    }

    #[test]
    fn checked() {
        let table = [
            (TEXT.replace("desc=", "des="), "the variable desc is missing"),
            (TEXT.replace("amd64 arm64", " "), "the variable arch names no architecture"),
            (TEXT.replace("plain", "\"a&b\""), "'&' in target would be read by the sed of control-create: `a&b`"),
        ];
        for (text, want) in table {
            assert_eq!(Vars::parse(&text).unwrap().check().unwrap_err().to_string(), want);
        }
    }

    #[test]
    fn flavours() {
        for name in ["generic", "generic-lpae", "64k", "tickless"] {
            assert_eq!(check_flavour(name), Ok(()));
        }
        for name in super::RESERVED {
            assert!(check_flavour(name).unwrap_err().to_string().contains("meaning of its own"), "{name}");
        }
        for name in ["", "-a", "a-", "a.b", "a_b", "A", "a b", "é", &"a".repeat(41)] {
            assert!(check_flavour(name).is_err(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_text(text in "([a-z#]{0,2}=?[\"' #$`;\\\\a-z\\PC]{0,8}\n){0,4}") {
            if let Ok(vars) = Vars::parse(&text) {
                prop_assert_eq!(&Vars::parse(&vars.to_text()).unwrap(), &vars);
            }
        }

        #[test]
        fn any_value(value in "\\PC{0,20}") {
            let mut vars = Vars::default();
            vars.set("a", &value).unwrap();
            let back = Vars::parse(&vars.to_text()).unwrap();
            prop_assert_eq!(back.get("a"), Some(value.as_str()));
        }
    }
}
