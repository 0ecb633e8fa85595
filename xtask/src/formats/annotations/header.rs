// SPDX-License-Identifier: GPL-2.0-only
//! The header of an annotations file: format, architectures, flavours and what they depend on.
//!
//! `parse` reads it and `edit` adds a flavour to it. It must never rebuild a list: in some series
//! it names more flavours than are built, and the vendor's order stays.

use super::super::text::Text;
use super::super::FormatError;
use super::literal::{read_dict, write_dict, Pairs};

/// More names than any list has, which is some 30; it bounds what looking one up costs.
const LARGEST: usize = 200;

/// The leading comment lines, and what they say (annotations.py of 5.4.0-200.220, lines 165-185).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Header {
    /// The lines, without line ends.
    pub lines: Vec<String>,
    /// `# ARCH:`.
    pub arches: Vec<String>,
    /// `# FLAVOUR:`, each `arch-flavour`.
    pub flavours: Vec<String>,
    /// `# FLAVOUR_DEP:`, flavour and the flavour it takes values from.
    pub dependencies: Pairs,
}

/// Neither empty nor with a sign that a policy has no room for in a key, or that ends an architecture in one.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "._+".contains(c))
}

fn is_flavour(text: &str) -> bool {
    text.split_once('-').is_some_and(|(arch, name)| is_word(arch) && name.split('-').all(is_word))
}

/// The architecture of an `ARCH-FLAVOUR`; that of an architecture is itself.
pub fn arch_of(key: &str) -> &str {
    key.split_once('-').map_or(key, |(arch, _)| arch)
}

impl Header {
    /// Reads the header lines at the top of a file.
    ///
    /// # Errors
    /// No ARCH or no FLAVOUR, and every FORMAT but 4: older ones were read by another tool.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let mut header = Header::default();
        for (number, line) in (1..).zip(text.lines()) {
            if !line.starts_with('#') {
                break;
            }
            let bad = |message: String| FormatError::at(number, 0, line, message);
            let list = |rest: &str, is_one: fn(&str) -> bool, kind: &str| -> Result<Vec<String>, FormatError> {
                let names = rest.trim_end_matches('\r').split(' ').filter(|w| !w.is_empty());
                names
                    .map(|n| if is_one(n) { Ok(n.to_owned()) } else { Err(bad(format!("`{n}` is no {kind}"))) })
                    .collect()
            };
            if let Some(format) = line.strip_prefix("# FORMAT: ") {
                check_format(format.trim()).map_err(bad)?;
            } else if let Some(rest) = line.strip_prefix("# ARCH: ") {
                header.arches = list(rest, is_word, "name of an architecture")?;
            } else if let Some(rest) = line.strip_prefix("# FLAVOUR: ") {
                header.flavours = list(rest, is_flavour, "ARCH-FLAVOUR")?;
            } else if let Some(rest) = line.strip_prefix("# FLAVOUR_DEP: ") {
                let dict = Text::from(rest);
                header.dependencies = read_dict(&dict).map_err(|message| bad(message.to_owned()))?;
            }
            header.lines.push(line.trim_end_matches('\r').to_owned());
        }
        for (list, name) in [(&header.arches, "ARCH"), (&header.flavours, "FLAVOUR")] {
            if list.is_empty() {
                return Err(FormatError::new("", format!("the annotations have no line `# {name}: …`")));
            }
            if list.len() > LARGEST {
                return Err(FormatError::new("", format!("more than 200 names in `# {name}: …`")));
            }
        }
        Ok(header)
    }

    /// Refuses a dependency between flavours that are not there. Targets may stand in the header
    /// of an included file (annotations.py, lines 190-196).
    pub fn check(&self, known: &[String]) -> Result<(), FormatError> {
        for (source, target) in &self.dependencies {
            if !self.flavours.iter().any(|name| **name == **source) {
                let message = "a flavour of FLAVOUR_DEP that FLAVOUR does not name";
                return Err(FormatError::new(source, message));
            }
            if !known.iter().any(|name| **name == **target) {
                let message = "a flavour that FLAVOUR_DEP points at and no FLAVOUR names";
                return Err(FormatError::new(target, message));
            }
        }
        Ok(())
    }

    /// The flavour that `flavour` takes values from where it has none.
    pub fn dependency(&self, flavour: &str) -> Option<&str> {
        self.dependencies.iter().find(|(source, _)| **source == *flavour).map(|(_, target)| target.as_str())
    }

    /// The flavours of an architecture.
    pub fn of_arch<'a>(&'a self, arch: &'a str) -> impl Iterator<Item = &'a String> {
        self.flavours.iter().filter(move |name| arch_of(name) == arch)
    }

    /// Adds a flavour behind the others of its architecture.
    pub fn add(&mut self, flavour: &str, dependency: Option<&str>) {
        if !self.flavours.iter().any(|name| name == flavour) {
            let at = self
                .flavours
                .iter()
                .rposition(|name| arch_of(name) == arch_of(flavour))
                .map_or(self.flavours.len(), |at| at + 1);
            self.flavours.insert(at, flavour.to_owned());
        }
        if let Some(target) = dependency {
            let pair = (Text::from(flavour), Text::from(target));
            self.dependencies.retain(|(source, _)| **source != *flavour);
            let at = self.dependencies.iter().position(|(source, _)| source.as_str() > flavour);
            self.dependencies.insert(at.unwrap_or(self.dependencies.len()), pair);
        }
        self.write();
    }

    /// Takes a flavour out, and its dependency.
    pub fn remove(&mut self, flavour: &str) {
        self.flavours.retain(|name| name != flavour);
        self.dependencies.retain(|(source, _)| **source != *flavour);
        self.write();
    }

    /// Puts both lists into their lines.
    fn write(&mut self) {
        let flavours = format!("# FLAVOUR: {}", self.flavours.join(" "));
        let pairs = self.dependencies.iter().map(|(a, b)| (a.as_str(), b.as_str()));
        let dependencies = format!("# FLAVOUR_DEP: {}", write_dict(pairs));
        let place = |lines: &[String], name: &str| lines.iter().rposition(|line| line.starts_with(name));
        let at = place(&self.lines, "# FLAVOUR: ").unwrap_or_default();
        self.lines[at] = flavours;
        match place(&self.lines, "# FLAVOUR_DEP: ") {
            Some(at) if self.dependencies.is_empty() => drop(self.lines.remove(at)),
            Some(at) => self.lines[at] = dependencies,
            None if self.dependencies.is_empty() => {}
            None => self.lines.insert(at + 1, dependencies),
        }
    }
}

fn check_format(format: &str) -> Result<(), String> {
    match format.parse::<u32>() {
        Ok(4) => Ok(()),
        Ok(0..=3) => Err(format!(
            "annotations of FORMAT {format}, which Ubuntu's older perl tool reads; FORMAT 4 begins \
             with Ubuntu-5.4.0-166.183 and Ubuntu-5.15.0-78.85"
        )),
        _ => Err("annotations of an unknown FORMAT; 4 is known".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::Header;

    const TEXT: &str = "# Menu: HEADER\n# FORMAT: 4\n# ARCH: amd64 arm64\n# FLAVOUR: amd64-generic \
                        arm64-generic armhf-generic\n\n# FLAVOUR: late\n";

    #[test]
    fn read() {
        let header = Header::parse(TEXT).unwrap();
        assert_eq!(header.arches, ["amd64", "arm64"]);
        assert_eq!(header.flavours, ["amd64-generic", "arm64-generic", "armhf-generic"]);
        assert_eq!(header.lines.len(), 4);
        assert_eq!(header.dependency("arm64-generic"), None);
    }

    #[test]
    fn refused() {
        let table = [
            ("\n# ARCH: a\n# FLAVOUR: a-b\n", "the annotations have no line `# ARCH: …`"),
            ("# ARCH: a\n", "the annotations have no line `# FLAVOUR: …`"),
            (
                "# FORMAT: 3\n",
                "line 1: annotations of FORMAT 3, which Ubuntu's older perl tool reads; FORMAT 4 begins with \
                 Ubuntu-5.4.0-166.183 and Ubuntu-5.15.0-78.85: `# FORMAT: 3`",
            ),
            ("# ARCH: arm64-a\n", "line 1: `arm64-a` is no name of an architecture: `# ARCH: arm64-a`"),
            ("# FLAVOUR: arm64\n", "line 1: `arm64` is no ARCH-FLAVOUR: `# FLAVOUR: arm64`"),
            ("# FORMAT: 5\n", "line 1: annotations of an unknown FORMAT; 4 is known: `# FORMAT: 5`"),
            ("# FLAVOUR_DEP: x\n", "line 1: not a dict, which begins with `{`: `# FLAVOUR_DEP: x`"),
        ];
        for (text, want) in table {
            assert_eq!(Header::parse(text).unwrap_err().to_string(), want);
        }
    }

    #[test]
    fn flavours_come_and_go() {
        let mut header = Header::parse(TEXT).unwrap();
        let before = header.clone();
        header.add("arm64-tickless", Some("arm64-generic"));
        assert_eq!(
            header.lines[3..],
            [
                "# FLAVOUR: amd64-generic arm64-generic arm64-tickless armhf-generic",
                "# FLAVOUR_DEP: {'arm64-tickless': 'arm64-generic'}"
            ]
        );
        let once = header.clone();
        header.add("arm64-tickless", Some("arm64-generic"));
        assert_eq!(header, once);
        header.add("arm64-slim", Some("arm64-generic"));
        assert_eq!(
            header.lines[4],
            "# FLAVOUR_DEP: {'arm64-slim': 'arm64-generic', 'arm64-tickless': 'arm64-generic'}"
        );
        assert_eq!(header.check(&header.flavours), Ok(()));
        assert!(header.check(&["arm64-tickless".to_owned()]).is_err());
        header.remove("arm64-slim");
        assert_eq!(header, once);
        header.remove("arm64-tickless");
        assert_eq!(header, before);
    }
}
