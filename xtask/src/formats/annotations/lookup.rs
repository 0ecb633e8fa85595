// SPDX-License-Identifier: GPL-2.0-only
//! What annotations say of a flavour: one symbol, a whole `.config`, and how another differs.
//!
//! `resolve` exports with it and checks what Kconfig made of that; `audit` checks what a package
//! holds. It must never answer for a flavour that the header does not name: the Python tool does,
//! and silently gives the architecture's values.

use super::super::config::{Config, Value};
use super::super::text::Text;
use super::super::FormatError;
use super::literal;
use super::parse::Annotations;
use super::table::Entry;

/// Symbols that a check passes over, for they come from the build and its tools (`SKIP_CONFIGS`,
/// kconfig/run.py of 5.4.0-200.220, lines 24-37).
pub const SKIPPED: [&str; 10] = [
    "VERSION_SIGNATURE",
    "GCC_VERSION",
    "CC_VERSION_TEXT",
    "AS_VERSION",
    "LD_VERSION",
    "LLD_VERSION",
    "CLANG_VERSION",
    "PAHOLE_VERSION",
    "RUSTC_VERSION_TEXT",
    "BINDGEN_VERSION_TEXT",
];

/// A symbol that a `.config` has otherwise than the annotations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Its name without `CONFIG_`.
    pub symbol: String,
    /// What the annotations say; `None` for absent.
    pub expected: Option<String>,
    /// What the `.config` says; `None` for absent.
    pub actual: Option<String>,
}

/// The keys under which a flavour's values are looked for.
pub(super) struct Keys<'a> {
    pub own: String,
    pub dependency: Option<&'a str>,
    pub arch: &'a str,
}

impl Keys<'_> {
    /// The value as it is written, `-` included.
    pub fn of<'e>(&self, entry: &'e Entry) -> Option<&'e str> {
        self.text_of(entry).map(Text::as_str)
    }

    fn text_of<'e>(&self, entry: &'e Entry) -> Option<&'e Text> {
        entry.resolved(&self.own, self.dependency, self.arch)
    }
}

impl Annotations {
    /// The architectures of the header.
    pub fn architectures(&self) -> &[String] {
        &self.header.arches
    }

    /// The flavours of the header, each `arch-flavour`; there may be more than are built.
    pub fn flavours(&self) -> &[String] {
        &self.header.flavours
    }

    /// The `arch-flavour` that this one takes values from where it has none.
    pub fn dependency(&self, flavour: &str) -> Option<&str> {
        self.header.dependency(flavour)
    }

    /// The value of a symbol, named without `CONFIG_`; `None` where the flavour's `.config` does
    /// not mention it.
    ///
    /// # Errors
    /// An architecture or a flavour that the header does not name.
    pub fn lookup(&self, symbol: &str, arch: &str, flavour: &str) -> Result<Option<&str>, FormatError> {
        let keys = self.keys(arch, Some(flavour))?;
        let value = self.table.get(symbol).and_then(|entry| keys.of(entry));
        Ok(value.filter(|value| *value != "-"))
    }

    /// The `.config` of a flavour, in the order of the files.
    ///
    /// # Errors
    /// An architecture or a flavour that the header does not name.
    pub fn export(&self, arch: &str, flavour: &str) -> Result<Config, FormatError> {
        let keys = self.keys(arch, Some(flavour))?;
        let mut entries = Vec::with_capacity(self.table.iter().len());
        for (symbol, entry) in self.table.texts() {
            if let Some(value) = keys.text_of(entry).filter(|value| ***value != *"-") {
                entries.push((symbol.clone(), Value::of(value.clone())?));
            }
        }
        Ok(Config::of(entries))
    }

    /// How a `.config` differs from what the annotations say, in the order of names, without the
    /// symbols of [`SKIPPED`].
    ///
    /// # Errors
    /// An architecture or a flavour that the header does not name.
    pub fn check(&self, config: &Config, arch: &str, flavour: &str) -> Result<Vec<Mismatch>, FormatError> {
        let keys = self.keys(arch, Some(flavour))?;
        let mut found = Vec::new();
        let mut compare = |symbol: &str, expected: Option<&str>, actual: Option<&Value>| {
            let (expected, actual) = (expected.filter(|value| *value != "-"), actual.map(Value::as_str));
            if !same(expected, actual) && !SKIPPED.contains(&symbol) {
                found.push(Mismatch {
                    symbol: symbol.to_owned(),
                    expected: expected.map(str::to_owned),
                    actual: actual.map(str::to_owned),
                });
            }
        };
        let mut met = 0;
        for (symbol, entry) in self.table.iter() {
            let actual = config.get(symbol);
            met += usize::from(actual.is_some());
            compare(symbol, keys.of(entry), actual);
        }
        // Most often the annotations know all of them.
        let others = config.iter().filter(|(symbol, _)| met < config.len() && self.table.get(symbol).is_none());
        others.for_each(|(symbol, value)| compare(symbol, None, Some(value)));
        found.sort_by(|a, b| a.symbol.cmp(&b.symbol));
        Ok(found)
    }

    /// The keys of a flavour that the header names. Without a flavour, those that Ubuntu's tool takes then:
    /// `generic`, and the architecture's own where there is none of that name, as for many derivatives.
    pub(super) fn keys<'a>(&'a self, arch: &'a str, flavour: Option<&str>) -> Result<Keys<'a>, FormatError> {
        let own = format!("{arch}-{}", flavour.unwrap_or("generic"));
        if !self.header.arches.iter().any(|name| name == arch) {
            let message = "an architecture that the annotations do not name in ARCH";
            return Err(FormatError::new(arch, message));
        }
        if flavour.is_some() && !self.header.flavours.contains(&own) {
            let message = "a flavour that the annotations do not name in FLAVOUR";
            return Err(FormatError::new(&own, message));
        }
        let dependency = self.header.dependency(&own);
        Ok(Keys { own, dependency, arch })
    }
}

/// Whether a `.config` has what is expected. The Python tool takes the backslashes out of a
/// `.config` before it compares, and so out of what it imports: both readings count.
fn same(expected: Option<&str>, actual: Option<&str>) -> bool {
    expected == actual
        || actual.is_some_and(|actual| actual.contains('\\') && literal::unescape(actual).as_deref() == expected)
}

#[cfg(test)]
mod tests {
    use super::super::super::config::Config;
    use super::super::super::FormatError;
    use super::Annotations;

    const TEXT: &str = "# ARCH: amd64 arm64\n# FLAVOUR: amd64-generic arm64-generic arm64-t arm64-u\n\
                        # FLAVOUR_DEP: {'arm64-t': 'arm64-generic'}\n\n\
                        CONFIG_Z policy<{'amd64': 'y', 'arm64': 'm'}>\n\
                        CONFIG_A policy<{'arm64': '4', 'arm64-generic': '5', 'arm64-u': '-'}>\n\
                        CONFIG_B policy<{'arm64-generic': 'n', 'arm64-t': 'y'}>\n\
                        CONFIG_S policy<{'arm64': '\"x\\\\\\\\y\"'}>\n\
                        CONFIG_GCC_VERSION policy<{'arm64': '90400'}>\n";

    fn read() -> Annotations {
        let none = |_: &str| Err(FormatError::new("", "no file"));
        Annotations::parse(TEXT, "annotations", &none).unwrap()
    }

    #[test]
    fn looked_up() {
        let annotations = read();
        let table = [
            ("Z", "amd64", "generic", Some("y")),
            ("A", "arm64", "generic", Some("5")),
            ("A", "arm64", "t", Some("5")),
            ("A", "arm64", "u", None),
            ("B", "arm64", "t", Some("y")),
            ("B", "arm64", "u", None),
            ("NONE", "arm64", "t", None),
        ];
        for (symbol, arch, flavour, want) in table {
            assert_eq!(annotations.lookup(symbol, arch, flavour), Ok(want), "{symbol} {arch}-{flavour}");
        }
        let refused = [
            ("arm64", "none", "a flavour that the annotations do not name in FLAVOUR: `arm64-none`"),
            ("s390x", "generic", "an architecture that the annotations do not name in ARCH: `s390x`"),
        ];
        for (arch, flavour, want) in refused {
            assert_eq!(annotations.lookup("A", arch, flavour).unwrap_err().to_string(), want);
            assert!(annotations.export(arch, flavour).is_err());
        }
    }

    #[test]
    fn exported_in_the_order_of_the_file() {
        let want = "CONFIG_Z=m\nCONFIG_A=5\n# CONFIG_B is not set\nCONFIG_S=\"x\\\\y\"\nCONFIG_GCC_VERSION=90400\n";
        assert_eq!(read().export("arm64", "generic").unwrap().to_text(), want);
    }

    #[test]
    fn checked() {
        let annotations = read();
        let mut config = annotations.export("arm64", "t").unwrap();
        assert_eq!(annotations.check(&config, "arm64", "t"), Ok(Vec::new()));
        let other = "CONFIG_Z=y\nCONFIG_GCC_VERSION=1\nCONFIG_NEW=y\nCONFIG_S=\"x\\\\\\\\y\"\nCONFIG_B=y\n";
        config = Config::parse_lenient(other);
        let found: Vec<String> = annotations
            .check(&config, "arm64", "t")
            .unwrap()
            .iter()
            .map(|m| format!("{} {:?} {:?}", m.symbol, m.expected.as_deref(), m.actual.as_deref()))
            .collect();
        let want = ["A Some(\"5\") None", "NEW None Some(\"y\")", "Z Some(\"m\") Some(\"y\")"];
        assert_eq!(found, want);
    }
}
