// SPDX-License-Identifier: GPL-2.0-only
//! Kernel releases in the names of packages: `5.4.0-200-tickless` is ABI `5.4.0-200` and its flavour.

use std::collections::BTreeSet;

/// Packages whose names end in a release, the longest beginning first.
const NAMED: &[&str] = &[
    "linux-image-unsigned-",
    "linux-image-",
    "linux-modules-extra-",
    "linux-modules-",
    "linux-headers-",
    "linux-buildinfo-",
    "linux-tools-",
];

/// What `uname -r` will say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release {
    /// Version and ABI number: `5.4.0-200`.
    pub abi: String,
    pub flavour: String,
}

impl Release {
    /// Reads `VERSION-NUMBER-FLAVOUR`; `None` for anything else, `5.4.0-200` too.
    pub fn parse(text: &str) -> Option<Self> {
        let (version, rest) = text.split_once('-')?;
        let (number, flavour) = rest.split_once('-')?;
        let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        let word = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let whole =
            version.split('.').all(digits) && digits(number) && !flavour.is_empty() && flavour.chars().all(word);
        whole.then(|| Release { abi: format!("{version}-{number}"), flavour: flavour.to_owned() })
    }

    /// The release that a package is named after.
    pub fn of_package(name: &str) -> Option<Self> {
        let rest = NAMED.iter().find_map(|start| name.strip_prefix(start))?;
        Self::parse(rest.strip_suffix("-dbgsym").unwrap_or(rest))
    }

    /// The releases of all these packages.
    pub fn all<'a>(names: impl Iterator<Item = &'a str>) -> BTreeSet<Self> {
        names.filter_map(Self::of_package).collect()
    }

    /// As `uname -r` says it.
    pub fn uname(&self) -> String {
        format!("{}-{}", self.abi, self.flavour)
    }
}

#[cfg(test)]
mod tests {
    use super::Release;

    #[test]
    fn names() {
        let table = [
            ("linux-image-unsigned-5.4.0-200-slim", Some("5.4.0-200 slim")),
            ("linux-image-5.4.0-200-generic-lpae", Some("5.4.0-200 generic-lpae")),
            ("linux-image-unsigned-6.1.42-2-slim-dbgsym", Some("6.1.42-2 slim")),
            ("linux-headers-5.4.0-200", None),
            ("linux-aws-headers-5.4.0-200", None),
            ("linux-headers-generic", None),
            ("linux-libc-dev", None),
        ];
        for (name, want) in table {
            let got = Release::of_package(name).map(|r| format!("{} {}", r.abi, r.flavour));
            assert_eq!(got.as_deref(), want, "{name}");
        }
    }
}
