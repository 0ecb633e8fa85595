// SPDX-License-Identifier: GPL-2.0-only
//! What Ubuntu's kernel rules make of a version, and the suffix that a fork may add to one.
//!
//! `fork`, `rebase` and the stages that name packages call it. It must never accept a suffix that
//! changes the ABI number, for then every package is named wrongly.

use std::fmt;

use super::version::Version;
use super::FormatError;

/// The first kernel whose rules cut the ABI number at the first dot: noble's.
const FIRST_DOT: (u64, u64) = (6, 8);

impl Version {
    /// The names that Ubuntu's kernel rules derive from the version.
    ///
    /// Source: `debian/rules.d/0-common-vars.mk`, of 5.4.0-200.220 in lines 82 and 86 and the same in 5.15; of
    /// 6.8.0-79.79 in lines 61 and 65, and the same since. The first cuts the ABI number at the last dot, the second
    /// at the first: `6.17.0-14.14.1` is ABI 14, `5.4.0-200.220.1` is 200.220.
    ///
    /// # Errors
    /// A version that is not shaped `5.4.0-200.220`, Debian's and mainline's among them.
    pub fn abi(&self) -> Result<Abi, FormatError> {
        let bad = |message: &str| FormatError::new(self.as_str(), message);
        let revision = self.revision().ok_or_else(|| bad("a version without a revision has no abi number"))?;
        if self.upstream().contains('-') {
            return Err(bad("a second `-` moves the abi number into the release"));
        }
        let head = &revision[..revision.find(['+', '~']).unwrap_or(revision.len())];
        let dot = if self.cuts_at_first_dot() { head.find('.') } else { head.rfind('.') };
        let dot = dot
            .filter(|&dot| dot > 0 && dot + 1 < head.len())
            .ok_or_else(|| bad("the revision is not an abi number, a dot and an upload number"))?;
        Ok(Abi {
            release: self.upstream().to_owned(),
            abinum: revision[..dot].to_owned(),
            uploadnum: revision[dot + 1..].to_owned(),
        })
    }

    /// Is it of noble's rules or later ones?
    fn cuts_at_first_dot(&self) -> bool {
        let mut numbers = self.upstream().split('.').map(|part| part.parse().unwrap_or(u64::MAX));
        (numbers.next(), numbers.next()) >= (Some(FIRST_DOT.0), Some(FIRST_DOT.1))
    }

    /// This version with the fork's suffix at its end.
    pub fn with_suffix(&self, suffix: &Suffix) -> Version {
        self.appended(&suffix.0)
    }
}

/// What the kernel packaging derives from a version such as `5.4.0-200.220+lab`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Abi {
    /// `5.4.0`.
    pub release: String,
    /// `200`.
    pub abinum: String,
    /// `220+lab`.
    pub uploadnum: String,
}

impl Abi {
    /// The same with an ABI number that only builds of the commit `id` have: nine digits of it behind the
    /// vendor's. It stays a number, for Ubuntu's rules calculate with it and modules compare it
    /// (`UTS_UBUNTU_RELEASE_ABI`), and keeps the vendor's order.
    pub fn unique(self, id: &[u8]) -> Abi {
        let number = id.iter().take(8).fold(0u64, |number, byte| (number << 8) | u64::from(*byte));
        Abi { abinum: format!("{}{:09}", self.abinum, number % 1_000_000_000), ..self }
    }

    /// `5.4.0-200`: what `uname -r` prints, less `-` and the flavour.
    pub fn uname(&self) -> String {
        format!("{}-{}", self.release, self.abinum)
    }
}

/// What a fork appends to the vendor's version: `+lab`, `~rc1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suffix(String);

impl Suffix {
    /// Reads a suffix: `+` or `~`, then letters, digits, `+`, `.`, `~`.
    ///
    /// # Errors
    /// Everything after which [`Version::abi`] would answer differently than before.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let bad = |message: &str| Err(FormatError::new(text, message));
        if text.contains('-') {
            return bad("a `-` in the version suffix would end the release there, and the abi number with it");
        }
        if text.starts_with('.') {
            return bad("a version suffix `.N` would push the upload number into the abi number; begin it with `+`");
        }
        if !text.starts_with(['+', '~']) {
            return bad("a version suffix begins with `+` or `~`");
        }
        if text.len() == 1 || text.len() > 64 {
            return bad("a version suffix has 1 to 63 characters after its `+` or `~`");
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || "+.~".contains(c);
        if let Some(c) = text.chars().find(|&c| !allowed(c)) {
            return bad(&format!("{c:?} cannot stand in a version suffix"));
        }
        Ok(Suffix(text.to_owned()))
    }

    /// The text as it was read.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Suffix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Suffix, Version};

    #[test]
    fn unique() {
        let abi = Version::parse("5.4.0-200.220+lab").unwrap().abi().unwrap();
        let of = |id: &[u8]| abi.clone().unique(id).uname();
        assert_eq!(of(&[0; 20]), "5.4.0-200000000000");
        assert_eq!(of(&[0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 1]), "5.4.0-200463790320");
        assert_ne!(of(&[1; 20]), of(&[2; 20]));
    }

    #[test]
    fn abi() {
        // The last column is what the rules of that series print.
        let table = [
            ("5.4.0-200.220", "5.4.0 200 220"),
            ("5.4.0-200.220+lab", "5.4.0 200 220+lab"),
            ("5.4.0-200.220~20.04.1+x", "5.4.0 200 220~20.04.1+x"),
            ("5.4.0-200.220+a.b~1", "5.4.0 200 220+a.b~1"),
            ("5.4.0-200.220.1", "5.4.0 200.220 1"),
            ("5.15.0-1103.110", "5.15.0 1103 110"),
            ("5.15.0-1014.16.1", "5.15.0 1014.16 1"),
            ("6.5.0-14.14.1", "6.5.0 14.14 1"),
            ("6.8.0-79.79.1", "6.8.0 79 79.1"),
            ("6.8.0-40.40~22.04.1+lab", "6.8.0 40 40~22.04.1+lab"),
            ("6.17.0-14.14.1", "6.17.0 14 14.1"),
            ("6.17.0-14.14.1+lab.2", "6.17.0 14 14.1+lab.2"),
            ("7.0.0-30.30", "7.0.0 30 30"),
            ("10.1.0-1.2.3", "10.1.0 1 2.3"),
        ];
        for (text, want) in table {
            let abi = Version::parse(text).unwrap().abi().unwrap();
            assert_eq!(format!("{} {} {}", abi.release, abi.abinum, abi.uploadnum), want);
            assert_eq!(abi.uname(), format!("{}-{}", abi.release, abi.abinum));
        }
        for text in [
            "6.1.5",
            "6.1.192-2",
            "5.4.0-53.55+t-2",
            "5.4.0-53.55+t-2.3",
            "1-.5",
            "1-5.",
            "1-5+a.b",
            "6.8.0-.5",
            "7.0.0-5+a.b",
        ] {
            assert!(Version::parse(text).unwrap().abi().is_err(), "{text}");
        }
    }

    #[test]
    fn a_suffix_leaves_the_abi_alone() {
        for text in ["5.4.0-200.220", "5.15.0-43.46~20.04.1", "5.4.0-200.220+old", "6.17.0-14.14.1"] {
            let vendor = Version::parse(text).unwrap();
            for suffix in ["+lab", "+lab.1", "~lab", "~rc1+x.y", "+1.2.3"] {
                let suffix = Suffix::parse(suffix).unwrap();
                let ours = vendor.with_suffix(&suffix);
                assert_eq!(ours, Version::parse(&format!("{text}{suffix}")).unwrap());
                let (a, b) = (ours.abi().unwrap(), vendor.abi().unwrap());
                assert_eq!((a.release, a.abinum), (b.release, b.abinum));
                assert_eq!(ours.revision().unwrap(), format!("{}{suffix}", vendor.revision().unwrap()));
            }
        }
    }

    #[test]
    fn suffix_refused() {
        let table = [
            ("", "a version suffix begins with `+` or `~`"),
            ("lab", "a version suffix begins with `+` or `~`: `lab`"),
            ("+", "a version suffix has 1 to 63 characters after its `+` or `~`: `+`"),
            ("+a_b", "'_' cannot stand in a version suffix: `+a_b`"),
            ("+a b", "' ' cannot stand in a version suffix: `+a b`"),
            ("+t-2", "a `-` in the version suffix would end the release there, and the abi number with it: `+t-2`"),
            (".1", "a version suffix `.N` would push the upload number into the abi number; begin it with `+`: `.1`"),
        ];
        for (text, want) in table {
            assert_eq!(Suffix::parse(text).unwrap_err().to_string(), want);
        }
    }
}
