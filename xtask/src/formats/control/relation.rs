// SPDX-License-Identifier: GPL-2.0-only
//! Relation fields: `a (>= 1) [arm64] <!stage1> | b:native, c`.
//!
//! Reached through `control`. It must never refuse a placeholder of Ubuntu's templates or a
//! substitution variable where a name or a version stands, nor look one up.

use std::fmt;
use std::ops::Range;

use super::super::version::Version;
use super::architecture;

/// All that a relation field asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Relations {
    /// What is joined by commas.
    pub entries: Vec<Entry>,
}

/// What is joined by `|`: one of them is enough.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// The first is the one that build tools take.
    pub alternatives: Vec<Alternative>,
}

/// One package, with what limits it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Alternative {
    /// The package, or a placeholder such as `linux-headers-PKGVER-ABINUM` or `${misc:Depends}`.
    pub name: String,
    /// What follows a colon: `native`, `any`, an architecture.
    pub qualifier: Option<String>,
    /// The version that is asked for.
    pub constraint: Option<Constraint>,
    /// The architectures in `[]`, each with whether a `!` stands before it.
    pub architectures: Vec<(bool, String)>,
    /// The groups in `<>`, whose terms have whether a `!` stands before them.
    pub profiles: Vec<Vec<(bool, String)>>,
    /// Where name and qualifier stand in the text that was read.
    pub(super) span: Range<usize>,
}

/// `(>= 9)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constraint {
    /// How the versions are to compare.
    pub operator: Operator,
    /// The version, or a placeholder.
    pub version: String,
}

/// How a package's version compares with the one in the relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `<<`
    Less,
    /// `<=`
    LessEqual,
    /// `=`
    Equal,
    /// `>=`
    GreaterEqual,
    /// `>>`
    Greater,
}

impl Relations {
    /// All alternatives of all entries.
    pub fn iter(&self) -> impl Iterator<Item = &Alternative> {
        self.entries.iter().flat_map(|entry| &entry.alternatives)
    }
}

impl Alternative {
    /// Whether it counts for an architecture and under build profiles.
    ///
    /// Groups in `<>` are alternatives, the terms within one all have to hold.
    pub fn applies(&self, arch: &str, profiles: &[&str]) -> bool {
        let here = match self.architectures.first() {
            None => true,
            // All carry a `!`, or none does.
            Some((true, _)) => !self.architectures.iter().any(|(_, p)| architecture::matches(p, arch)),
            Some((false, _)) => self.architectures.iter().any(|(_, p)| architecture::matches(p, arch)),
        };
        let holds = |(not, profile): &(bool, String)| profiles.contains(&profile.as_str()) != *not;
        here && (self.profiles.is_empty() || self.profiles.iter().any(|group| group.iter().all(holds)))
    }
}

impl Constraint {
    /// Whether a version is one that is asked for; `None` where a placeholder stands.
    pub fn accepts(&self, version: &Version) -> Option<bool> {
        let order = version.cmp(&Version::parse(&self.version).ok()?);
        Some(match self.operator {
            Operator::Less => order.is_lt(),
            Operator::LessEqual => order.is_le(),
            Operator::Equal => order.is_eq(),
            Operator::GreaterEqual => order.is_ge(),
            Operator::Greater => order.is_gt(),
        })
    }
}

impl fmt::Display for Relations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.entries.iter().map(Entry::to_string).collect();
        f.write_str(&all.join(", "))
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.alternatives.iter().map(Alternative::to_string).collect();
        f.write_str(&all.join(" | "))
    }
}

impl fmt::Display for Alternative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let terms = |all: &[(bool, String)]| {
            let terms = all.iter().map(|(not, term)| format!("{}{term}", if *not { "!" } else { "" }));
            terms.collect::<Vec<_>>().join(" ")
        };
        f.write_str(&self.name)?;
        if let Some(qualifier) = &self.qualifier {
            write!(f, ":{qualifier}")?;
        }
        if let Some(Constraint { operator, version }) = &self.constraint {
            write!(f, " ({operator} {version})")?;
        }
        if !self.architectures.is_empty() {
            write!(f, " [{}]", terms(&self.architectures))?;
        }
        for group in &self.profiles {
            write!(f, " <{}>", terms(group))?;
        }
        Ok(())
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Operator::Less => "<<",
            Operator::LessEqual => "<=",
            Operator::Equal => "=",
            Operator::GreaterEqual => ">=",
            Operator::Greater => ">>",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::version::Version;
    use super::Relations;

    #[test]
    fn applies() {
        let table = [
            ("a", "arm64", "", true),
            ("a [arm64 armhf]", "arm64", "", true),
            ("a [arm64 armhf]", "amd64", "", false),
            ("a [!arm64 !armhf]", "arm64", "", false),
            ("a [!arm64]", "amd64", "", true),
            ("a [linux-any]", "amd64", "", true),
            ("a <!stage1>", "arm64", "", true),
            ("a <!stage1>", "arm64", "stage1", false),
            ("a <!stage1 cross>", "arm64", "", false),
            ("a <!stage1 cross>", "arm64", "cross", true),
            ("a <stage1> <cross>", "arm64", "cross", true),
            ("a <stage1> <cross>", "arm64", "nocheck", false),
            ("a [amd64] <cross>", "arm64", "cross", false),
        ];
        for (text, arch, profile, want) in table {
            let relations = Relations::parse(text).unwrap();
            let got = relations.iter().all(|a| a.applies(arch, &[profile]));
            assert_eq!(got, want, "{text} {arch} {profile}");
        }
    }

    #[test]
    fn constraints() {
        let table = [
            ("<< 2", "1.9", Some(true)),
            ("<< 2", "2", Some(false)),
            ("<= 2", "2", Some(true)),
            ("< 2", "2", Some(true)),
            ("= 2", "2-0", Some(true)),
            (">= 2", "2~rc1", Some(false)),
            ("> 2", "2", Some(true)),
            (">> 2", "2", Some(false)),
            ("= ${binary:Version}", "2", None),
        ];
        for (constraint, version, want) in table {
            let relations = Relations::parse(&format!("a ({constraint})")).unwrap();
            let constraint = relations.iter().next().unwrap().constraint.as_ref().unwrap();
            assert_eq!(constraint.accepts(&Version::parse(version).unwrap()), want);
        }
    }
}
