// SPDX-License-Identifier: GPL-2.0-only
//! Indexes of an apt repository: the digests in a `Release`, and the packages in a `Packages`.

use super::control::{Control, Operator, Relations};
use super::FormatError;

/// A package as an index lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub name: String,
    pub version: String,
    /// Below the repository's root.
    pub file: String,
    /// In hexadecimal digits.
    pub sha256: String,
    /// Names and versions of the packages that it depends on by their exact version.
    pub exactly: Vec<(String, String)>,
}

/// Reads a `Packages` file.
///
/// # Errors
/// It is not of deb822; a package lacks its name, version, file or digest.
pub fn packages(text: &str) -> Result<Vec<Listed>, FormatError> {
    let control = Control::parse(text)?;
    let listed = control.paragraphs().map(|paragraph| {
        let field = |name: &str| {
            let value = paragraph.get(name).filter(|v| !v.is_empty());
            value.ok_or_else(|| FormatError::new("Packages", format!("a package has no {name}")))
        };
        let depends = paragraph.get("Depends").and_then(|d| Relations::parse(&d).ok()).unwrap_or_default();
        let exact = depends.iter().filter_map(|a| {
            let constraint = a.constraint.as_ref().filter(|c| c.operator == Operator::Equal)?;
            Some((a.name.clone(), constraint.version.clone()))
        });
        Ok(Listed {
            exactly: exact.collect(),
            name: field("Package")?,
            version: field("Version")?,
            file: field("Filename")?,
            sha256: field("SHA256")?,
        })
    });
    listed.collect()
}

/// Paths and SHA-256 digests of the files that a `Release` lists; the paths are below its directory.
///
/// # Errors
/// It is not of deb822.
pub fn release(text: &str) -> Result<Vec<(String, String)>, FormatError> {
    let control = Control::parse(text)?;
    let sums = control.paragraphs().next().and_then(|p| p.get("SHA256")).unwrap_or_default();
    let lines = sums.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (sum, _size, path) = (words.next()?, words.next()?, words.next()?);
        Some((path.to_owned(), sum.to_owned()))
    });
    Ok(lines.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_index_lists() {
        let text = "Package: linux-image-slim\nVersion: 1\nFilename: pool/x/a.deb\nSHA256: ab\n\
                    Depends: a (= 1), b (>= 2), c\nDescription: x\n more\n\n";
        let exactly = vec![("a".to_owned(), "1".to_owned())];
        let [name, version, file, sha256] = ["linux-image-slim", "1", "pool/x/a.deb", "ab"].map(str::to_owned);
        assert_eq!(packages(text), Ok(vec![Listed { name, version, file, sha256, exactly }]));
        assert_eq!(packages(""), Ok(vec![]));
        assert!(packages(&text.replace("SHA256", "SHA1")).is_err() && packages("no field\n").is_err());
        let text = "Suite: x\nSHA256:\n aa 12 main/binary-arm64/Packages\n bb  3 main/binary-arm64/Packages.gz\n";
        let pair = |path: &str, sum: &str| (format!("main/binary-arm64/{path}"), sum.to_owned());
        assert_eq!(release(text), Ok(vec![pair("Packages", "aa"), pair("Packages.gz", "bb")]));
        assert_eq!(release("Suite: x\n"), Ok(vec![]));
    }
}
