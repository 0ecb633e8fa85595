// SPDX-License-Identifier: GPL-2.0-only
//! Vendor tags: which names are taken as one, and the version that a name stands for.
//!
//! The settings, `fork` and `rebase` call it. A tag ends up in ref names, command lines and file
//! names, so it must never let through what git refuses or what a shell would read as more than
//! a word.

use std::fmt;

use super::version::Version;
use super::FormatError;

/// The longest tag name; the longest of Ubuntu's has some 60 characters.
const LONGEST: usize = 200;

/// A vendor tag. Ordered by kind and family of sources, then by Debian's order of versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    kind: TagKind,
    version: Version,
    name: String,
}

/// Whose tag it is, and so how the name spells the version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagKind {
    /// `Ubuntu-5.4.0-200.220`, `Ubuntu-hwe-5.15-5.15.0-43.46_20.04.1`: the source package's name
    /// without its leading `linux`, then the version with `_` for `~`.
    Ubuntu {
        /// The source package, such as `linux` or `linux-hwe-5.15`.
        source: String,
    },
    /// `v6.1`, `v6.1.5`, `v6.1-rc3`.
    Mainline,
    /// `v6.6.20-rt25`, `v6.1-rc3-rt1`: mainline with the real-time patches.
    RealTime,
    /// `debian/6.1.192-2`, with `_` for `~` and `%` for `:` (DEP-14).
    Debian,
}

impl Tag {
    /// Reads a tag name, with or without `refs/tags/` before it.
    ///
    /// # Errors
    /// What `git check-ref-format` refuses, whatever a shell gives a meaning to, a name of more
    /// than 200 characters, and a name of none of the three kinds.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let name = text.strip_prefix("refs/tags/").unwrap_or(text);
        check_name(name)?;
        let bad = |message: &str| FormatError::new(name, message);
        let (kind, version) = if let Some(rest) = name.strip_prefix("Ubuntu-") {
            ubuntu(rest).ok_or_else(|| bad("not a tag of Ubuntu's kernels, which look like Ubuntu-5.4.0-200.220"))?
        } else if let Some(rest) = name.strip_prefix("debian/") {
            let version = rest.replace('_', "~").replace('%', ":");
            (TagKind::Debian, version)
        } else if let Some(rest) = name.strip_prefix('v') {
            mainline(rest).ok_or_else(|| {
                bad("not a tag of mainline, which look like v6.1, v6.1.5, v6.1-rc3, or with real time v6.1.5-rt3")
            })?
        } else {
            return Err(bad("a vendor tag begins with Ubuntu-, with v and a digit, or with debian/"));
        };
        let version = Version::parse(&version).map_err(|error| bad(&error.message))?;
        if series(&version).is_none() {
            return Err(bad("the version in the tag does not begin with two numbers, as in 5.4"));
        }
        Ok(Tag { kind, version, name: name.to_owned() })
    }

    /// The name, without `refs/tags/`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whose tag it is.
    pub fn kind(&self) -> &TagKind {
        &self.kind
    }

    /// The vendor's version: `5.15.0-43.46~20.04.1`; mainline's `v6.1` is `6.1.0`, `v6.1-rc3`
    /// is `6.1.0~rc3`, and `v6.1.5-rt3` is `6.1.5+rt3`.
    pub fn version(&self) -> Version {
        self.version.clone()
    }

    /// The kernel's series, such as `5.4`.
    pub fn major_minor(&self) -> String {
        let (major, minor) = series(&self.version).unwrap_or_default();
        format!("{major}.{minor}")
    }

    /// `refs/tags/` and the name.
    pub fn refname(&self) -> String {
        format!("refs/tags/{}", self.name)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl std::str::FromStr for Tag {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        Tag::parse(text)
    }
}

/// Refuses what git or a shell would not take as a plain name. The characters are a list of those
/// allowed, not of those refused: what nobody thought of is refused too.
fn check_name(name: &str) -> Result<(), FormatError> {
    let bad = |column: usize, message: &str| Err(FormatError::at(0, column, name, message));
    if name.is_empty() {
        return bad(0, "an empty tag name");
    }
    if name.len() > LONGEST {
        return bad(0, "a tag name of more than 200 characters");
    }
    if name.starts_with('-') {
        return bad(1, "a tag name that begins with `-` would be read as an option");
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._+%/-".contains(c);
    if let Some((at, c)) = name.chars().enumerate().find(|(_, c)| !allowed(*c)) {
        return bad(at + 1, &format!("{c:?} cannot stand in a tag name"));
    }
    for part in name.split('/') {
        if part.is_empty() {
            return bad(0, "an empty part before, after or between `/` in a tag name");
        }
        if part.starts_with('.') || part.ends_with('.') || part.contains("..") {
            return bad(0, "a dot in a tag name stands between two other characters");
        }
        if part.ends_with(".lock") {
            return bad(0, "git keeps names that end in .lock for itself");
        }
    }
    Ok(())
}

/// Splits what follows `Ubuntu-`. The version is what follows the second `-` from the end: no
/// release of Ubuntu's kernels holds a `-`, while names of sources (`hwe-5.15`) do.
fn ubuntu(rest: &str) -> Option<(TagKind, String)> {
    let (head, revision) = rest.rsplit_once('-')?;
    let (name, release) = match head.rsplit_once('-') {
        Some((name, release)) => (Some(name), release),
        None => (None, head),
    };
    numbers(release).filter(|n| (2..=4).contains(n))?;
    let version = format!("{release}-{}", revision.replace('_', "~"));
    Version::parse(&version).ok()?.abi().ok()?;
    let source = match name {
        None => "linux".to_owned(),
        Some(name) if is_source(name) => format!("linux-{name}"),
        Some(_) => return None,
    };
    Some((TagKind::Ubuntu { source }, version))
}

/// Kind and version behind `v6.1`, `v6.1.5`, `v6.1-rc3`, `v6.1.5-rt3`.
fn mainline(rest: &str) -> Option<(TagKind, String)> {
    let number = |text: &str| numbers(text) == Some(1);
    let (rest, real_time) = match rest.split_once("-rt") {
        Some((rest, number)) => (rest, Some(number)),
        None => (rest, None),
    };
    let (release, candidate) = match rest.split_once("-rc") {
        Some((release, number)) => (release, Some(number)),
        None => (rest, None),
    };
    if candidate.is_some_and(|n| !number(n)) || real_time.is_some_and(|n| !number(n)) {
        return None;
    }
    let parts = numbers(release).filter(|n| (2..=4).contains(n))?;
    let mut version = release.to_owned();
    version.push_str(if parts == 2 { ".0" } else { "" });
    candidate.iter().for_each(|number| version.push_str(&format!("~rc{number}")));
    real_time.iter().for_each(|number| version.push_str(&format!("+rt{number}")));
    Some((if real_time.is_some() { TagKind::RealTime } else { TagKind::Mainline }, version))
}

/// How many numbers are joined by dots; `None` where anything else stands between.
fn numbers(text: &str) -> Option<usize> {
    let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    text.split('.').all(number).then(|| text.split('.').count())
}

fn is_source(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+.-".contains(c);
    name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(allowed)
}

/// The first two numbers of the upstream part.
fn series(version: &Version) -> Option<(&str, &str)> {
    let (major, rest) = version.upstream().split_once('.')?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    numbers(major)?;
    (end > 0).then_some((major, &rest[..end]))
}

#[cfg(test)]
mod tests {
    use super::{Tag, TagKind};
    use proptest::prelude::*;

    fn kind(tag: &Tag) -> &str {
        match tag.kind() {
            TagKind::Ubuntu { source } => source,
            TagKind::Mainline => "mainline",
            TagKind::RealTime => "real time",
            TagKind::Debian => "debian",
        }
    }

    #[test]
    fn read() {
        let table = [
            ("Ubuntu-5.4.0-200.220", "linux", "5.4.0-200.220", "5.4"),
            ("Ubuntu-hwe-5.15-5.15.0-43.46_20.04.1", "linux-hwe-5.15", "5.15.0-43.46~20.04.1", "5.15"),
            ("Ubuntu-nvidia-6.8.0-1010.10", "linux-nvidia", "6.8.0-1010.10", "6.8"),
            ("Ubuntu-aws-5.15.0-1103.110", "linux-aws", "5.15.0-1103.110", "5.15"),
            ("Ubuntu-nvidia-7.0-7.0.0-1019.19_24.04.2", "linux-nvidia-7.0", "7.0.0-1019.19~24.04.2", "7.0"),
            ("Ubuntu-aws-fips-5.4.0-1021.21+fips1", "linux-aws-fips", "5.4.0-1021.21+fips1", "5.4"),
            ("v6.1", "mainline", "6.1.0", "6.1"),
            ("v6.1.5", "mainline", "6.1.5", "6.1"),
            ("v6.1-rc3", "mainline", "6.1.0~rc3", "6.1"),
            ("v6.6.20-rt25", "real time", "6.6.20+rt25", "6.6"),
            ("v6.1-rt3", "real time", "6.1.0+rt3", "6.1"),
            ("v6.1-rc3-rt1", "real time", "6.1.0~rc3+rt1", "6.1"),
            ("v2.6.39-rc1", "mainline", "2.6.39~rc1", "2.6"),
            ("debian/6.1.192-2", "debian", "6.1.192-2", "6.1"),
            ("debian/6.12_rc6-1_exp1", "debian", "6.12~rc6-1~exp1", "6.12"),
            ("debian/1%6.1-1", "debian", "1:6.1-1", "6.1"),
            ("refs/tags/v6.1", "mainline", "6.1.0", "6.1"),
        ];
        for (text, source, version, series) in table {
            let tag = Tag::parse(text).unwrap();
            let name = text.trim_start_matches("refs/tags/");
            assert_eq!(tag.name(), name);
            assert_eq!(tag.refname(), format!("refs/tags/{name}"));
            assert_eq!(kind(&tag), source);
            assert_eq!(tag.version().as_str(), version);
            assert_eq!(tag.major_minor(), series);
        }
    }

    #[test]
    fn refused() {
        let table = [
            "",
            "main",
            "HEAD",
            "-v6.1",
            "v",
            "v6",
            "v6.",
            "v6.1-rc",
            "v6.1-rc3-1",
            "v6.1-rt",
            "v6.1-rt3-rebase",
            "v6.1-rt3-rc1",
            "v6.1-rt3-rt4",
            "v6.x",
            "va.b",
            "v1.2.3.4.5",
            "Ubuntu-",
            "Ubuntu-5.4.0",
            "Ubuntu-5.4.0-200",
            "Ubuntu-Big-5.4.0-1.1",
            "Ubuntu--5.4.0-1.1",
            "debian/",
            "debian/x",
            "debian/6",
            "debian/6.-1",
            "debian//6.1-1",
            "/v6.1",
            "v6.1/",
            ".v6.1",
            "v6..1",
            "v6.1.lock",
            "v6.1 ",
            "v6.1\n",
            "v6.1\0",
            "v6.1~1",
            "v6.1^{}",
            "v6.1:x",
            "v6.1?",
            "v6.1*",
            "v6.1[",
            "v6.1\\",
            "v6.1@{0}",
            "v6.1;id",
            "v6.1|id",
            "v6.1&",
            "$(id)",
            "`id`",
            "v6.1'",
            "v6.1\"",
            "v6.1>x",
            "v6.1<x",
            "v6.1(",
            "v6.1{",
            "v6.1!",
            "v6.1#",
            "v６.1",
            "debian/../v6.1",
            "debian/6.1-1/x.lock",
            "refs/tags/",
            "refs/heads/v6.1",
            "refs/tags/refs/tags/v6.1",
        ];
        for text in table {
            assert!(Tag::parse(text).is_err(), "{text:?}");
        }
        assert!(Tag::parse(&format!("v6.{}", "1".repeat(198))).is_err());
    }

    #[test]
    fn messages() {
        let table = [
            ("v6.1;id", "';' cannot stand in a tag name: `v6.1;id`"),
            ("v6.1.lock", "git keeps names that end in .lock for itself: `v6.1.lock`"),
            ("Ubuntu-5.4.0", "not a tag of Ubuntu's kernels, which look like Ubuntu-5.4.0-200.220: `Ubuntu-5.4.0`"),
        ];
        for (text, want) in table {
            assert_eq!(Tag::parse(text).unwrap_err().to_string(), want);
        }
    }

    proptest! {
        #[test]
        fn any_text(text in "(Ubuntu-|v|debian/)?[ -~]{0,30}") {
            if let Ok(tag) = Tag::parse(&text) {
                prop_assert!(!tag.major_minor().is_empty());
                prop_assert_eq!(Tag::parse(tag.name()).unwrap(), tag);
            }
        }
    }
}
