// SPDX-License-Identifier: GPL-2.0-only
//! Debian changelogs: what the newest entry says, the headers of all, and an entry on top.
//!
//! `fork` and `rebase` put the fork's entry on the vendor's; the build stages read the version.
//! It must never take a clock or a locale into account: an entry follows from its inputs alone.

use super::date::rfc5322;
use super::version::Version;
use super::FormatError;

/// The line that opens an entry: `linux (5.4.0-200.220) focal; urgency=medium`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The source package.
    pub source: String,
    /// Its version.
    pub version: Version,
    /// The suites it is for, separated by spaces where there are several.
    pub distribution: String,
    /// The urgency as written; empty where none is.
    pub urgency: String,
}

/// A whole entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its first line.
    pub header: Header,
    /// `Name <address>`.
    pub maintainer: String,
    /// The date as written.
    pub date: String,
    /// The lines between header and signature, without the blank ones around them.
    pub body: String,
}

/// What [`prepend`] writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// Its first line.
    pub header: Header,
    /// `Name <address>`.
    pub maintainer: String,
    /// Seconds since 1970, UTC.
    pub unix_time: i64,
    /// What changed, an item each; further lines of an item are indented below it.
    pub changes: Vec<String>,
}

/// The newest entry.
///
/// # Errors
/// The text does not begin with a well-formed entry.
pub fn top(text: &str) -> Result<Entry, FormatError> {
    split_top(text).map(|(entry, _)| entry)
}

/// The newest entry and the text of the others.
///
/// # Errors
/// The text does not begin with a well-formed entry.
pub fn split_top(text: &str) -> Result<(Entry, &str), FormatError> {
    let mut found: Option<Header> = None;
    let (mut body, mut end) = (Vec::new(), 0);
    for (number, raw) in (1..).zip(text.split_inclusive('\n')) {
        end += raw.len();
        let line = raw.trim_end();
        let bad = |message: &str| FormatError::at(number, 0, line, message);
        let Some(header) = &found else {
            if !line.is_empty() {
                let header = header(line).map_err(|error| error.on_line(number))?;
                found = Some(header.ok_or_else(|| {
                    bad("not the first line of an entry, such as `linux (5.4.0-1.2) focal; urgency=low`")
                })?);
            }
            continue;
        };
        if let Some(signature) = line.strip_prefix(" -- ") {
            let (maintainer, date) = signature
                .split_once("  ")
                .ok_or_else(|| bad("a signature has two spaces between maintainer and date"))?;
            let entry = Entry {
                header: header.clone(),
                maintainer: maintainer.to_owned(),
                date: date.trim().to_owned(),
                body: body.join("\n").trim_matches('\n').to_owned(),
            };
            return Ok((entry, text[end..].trim_start_matches(['\r', '\n'])));
        }
        if !line.is_empty() && !line.starts_with("  ") {
            return Err(bad("a line of an entry begins with two spaces"));
        }
        body.push(line);
    }
    let message = match found {
        None => "a changelog without an entry",
        Some(_) => "the newest entry of the changelog has no signature",
    };
    Err(FormatError::new("", message))
}

/// The headers of all entries, the newest first, read one at a time. Lines that no entry has are
/// passed over, as dpkg does.
///
/// # Errors
/// An item is an error where a header's version is none.
pub fn headers(text: &str) -> impl Iterator<Item = Result<Header, FormatError>> + '_ {
    (1..)
        .zip(text.lines())
        .filter_map(|(number, line)| header(line.trim_end()).map_err(|error| error.on_line(number)).transpose())
}

/// The changelog with an entry on top.
///
/// # Errors
/// A field of the entry that would not be read back as it is.
pub fn prepend(text: &str, new: &NewEntry) -> Result<String, FormatError> {
    let Header { source, version, distribution, urgency } = &new.header;
    let first = format!("{source} ({version}) {distribution}; urgency={urgency}");
    if header(&first)?.as_ref() != Some(&new.header) {
        return Err(FormatError::new(&first, "not the first line of an entry"));
    }
    if !is_maintainer(&new.maintainer) {
        return Err(FormatError::new(&new.maintainer, "a maintainer is written `Name <address>`"));
    }
    let mut entry = first + "\n\n";
    for change in &new.changes {
        let mut mark = "  * ";
        for line in change.lines().filter(|line| !line.trim().is_empty()) {
            if line.chars().any(|c| c.is_control() && c != '\t') {
                return Err(FormatError::new(line, "a control character in a changelog entry"));
            }
            entry.push_str(mark);
            entry.push_str(line.trim_end());
            entry.push('\n');
            mark = "    ";
        }
    }
    entry.push_str(&format!("\n -- {}  {}\n", new.maintainer, rfc5322(new.unix_time)));
    if !text.is_empty() {
        entry.push('\n');
    }
    Ok(entry + text)
}

/// The header on a line, where it has the shape of one.
fn header(line: &str) -> Result<Option<Header>, FormatError> {
    parts(line)
        .map(|(source, version, distribution, urgency)| {
            Ok(Header {
                source: source.to_owned(),
                version: Version::parse(version)
                    .map_err(|error| FormatError::at(0, source.len() + 3, line, error.message))?,
                distribution: distribution.to_owned(),
                urgency: urgency.to_owned(),
            })
        })
        .transpose()
}

fn parts(line: &str) -> Option<(&str, &str, &str, &str)> {
    let (source, rest) = line.split_once(" (")?;
    let (version, rest) = rest.split_once(')')?;
    let (distribution, keys) = rest.split_once(';')?;
    let distribution = distribution.strip_prefix(' ')?;
    let word = |text: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"+-.".contains(&b);
        !text.is_empty() && text.bytes().all(plain)
    };
    let shaped = word(source) && distribution.split(' ').all(word);
    let urgency = keys.split(',').find_map(|key| key.trim().strip_prefix("urgency=")).unwrap_or_default();
    shaped.then_some((source, version, distribution, urgency))
}

fn is_maintainer(text: &str) -> bool {
    let Some((name, address)) = text.strip_suffix('>').and_then(|text| text.split_once(" <")) else {
        return false;
    };
    !name.trim().is_empty()
        && !address.is_empty()
        && !address.contains([' ', '<', '>'])
        && !text.contains("  ")
        && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "linux (5.4.0-2.3) focal; urgency=medium\n\n  * one\n    - two\n\n  [ Ubuntu ]\n\n  \
                        * three\n\n -- A Person <a@example.org>  Fri, 11 Oct 2024 10:29:40 +0200\n\n\
                        linux (5.4.0-1.2) focal-proposed unstable; binary-only=yes, urgency=low\n\n  * old\n\n \
                        -- B <b@example.org>  Thu, 01 Jan 1970 00:00:00 +0000\n";

    fn new() -> NewEntry {
        NewEntry {
            header: Header {
                source: "linux".into(),
                version: Version::parse("5.4.0-2.3+lab").unwrap(),
                distribution: "focal".into(),
                urgency: "medium".into(),
            },
            maintainer: "The Lab <lab@example.org>".into(),
            unix_time: 1_728_635_380,
            changes: vec!["Add a flavour\n- [Config] HZ=100\n".into(), "More".into()],
        }
    }

    #[test]
    fn newest() {
        let (entry, rest) = split_top(TEXT).unwrap();
        assert_eq!(entry.header.source, "linux");
        assert_eq!(entry.header.version.as_str(), "5.4.0-2.3");
        assert_eq!(entry.header.distribution, "focal");
        assert_eq!(entry.header.urgency, "medium");
        assert_eq!(entry.maintainer, "A Person <a@example.org>");
        assert_eq!(entry.date, "Fri, 11 Oct 2024 10:29:40 +0200");
        assert_eq!(entry.body, "  * one\n    - two\n\n  [ Ubuntu ]\n\n  * three");
        assert!(rest.starts_with("linux (5.4.0-1.2)"));
        assert_eq!(split_top(rest).unwrap().1, "");
    }

    #[test]
    fn all_headers() {
        let all: Vec<Header> = headers(TEXT).map(Result::unwrap).collect();
        let text: Vec<String> = all.iter().map(|h| format!("{} {} {}", h.version, h.distribution, h.urgency)).collect();
        assert_eq!(text, ["5.4.0-2.3 focal medium", "5.4.0-1.2 focal-proposed unstable low"]);
        assert!(headers("linux (x) focal; urgency=low").next().unwrap().is_err());
    }

    #[test]
    fn on_top() {
        let text = prepend(TEXT, &new()).unwrap();
        let want = "linux (5.4.0-2.3+lab) focal; urgency=medium\n\n  * Add a flavour\n    - [Config] HZ=100\n  \
                    * More\n\n -- The Lab <lab@example.org>  Fri, 11 Oct 2024 08:29:40 +0000\n\n";
        assert_eq!(text, want.to_owned() + TEXT);
        let (entry, rest) = split_top(&text).unwrap();
        assert_eq!(entry.header, new().header);
        assert_eq!(rest, TEXT);
        assert_eq!(prepend("", &new()).unwrap() + "\n", want);
    }

    #[test]
    fn refused() {
        let table = [
            ("", "a changelog without an entry"),
            ("linux (1) x; urgency=low\n\n  * a\n", "the newest entry of the changelog has no signature"),
            (
                "linux (1-) x; urgency=low\n",
                "line 1, column 8: the revision after the last `-` is empty: `linux (1-) x; urgency=low`",
            ),
            ("linux (1) x; urgency=low\n * a\n", "line 2: a line of an entry begins with two spaces: ` * a`"),
            (
                "linux (1) x; urgency=low\n -- A <a> now\n",
                "line 2: a signature has two spaces between maintainer and date: ` -- A <a> now`",
            ),
            (
                "\nlinux 1\n",
                "line 2: not the first line of an entry, such as `linux (5.4.0-1.2) focal; urgency=low`: `linux 1`",
            ),
        ];
        for (text, want) in table {
            let got = top(text).map_or_else(|error| error.to_string(), |_| String::new());
            assert_eq!(got, want, "{text}");
        }
        let bend: [fn(&mut NewEntry); 6] = [
            |new| new.header.source = "a b".into(),
            |new| new.header.distribution = "focal;".into(),
            |new| new.header.urgency = "low\n".into(),
            |new| new.maintainer = "lab@example.org".into(),
            |new| new.maintainer = "A  B <a@example.org>".into(),
            |new| new.changes.push("\x1b[2J".into()),
        ];
        for bend in bend {
            let mut entry = new();
            bend(&mut entry);
            assert!(prepend("", &entry).is_err(), "{entry:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text(text in "(linux \\(1-[1-9]\\) x; urgency=low\n|  \\* \\PC{0,9}\n|\n| -- A <a>  b\n|\\PC{0,9}\n){0,6}") {
            let _ = headers(&text).count();
            if let Ok((_, rest)) = split_top(&text) {
                prop_assert!(text.ends_with(rest));
            }
        }
    }
}
