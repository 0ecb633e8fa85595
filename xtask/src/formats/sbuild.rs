// SPDX-License-Identifier: GPL-2.0-only
//! Which sbuild this is, from the first line of `sbuild --version`, and what that one can do. The numbers are
//! those under which Debian's change log has each.

use super::version::Version;
use super::FormatError;

/// What one version of sbuild can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sbuild {
    /// As it says: `0.85.0`, `0.81.2+deb11u1`.
    pub version: String,
    /// `--dsc-dir`; without it the tree's folder inside is called by package and version.
    pub names_folder: bool,
    /// `UNSHARE_BIND_MOUNTS`: directories of the machine can be seen inside.
    pub binds: bool,
    /// It would make chroots by itself where it finds none, unless it is told not to.
    pub makes_chroots: bool,
}

/// The oldest whose unshare mode takes what we say to it (Debian 11, Ubuntu 22.04).
const OLDEST: &str = "0.81.2";
const BINDS: &str = "0.82.0";
const NAMES_FOLDER: &str = "0.85.0";
const MAKES_CHROOTS: &str = "0.87.0";

impl Sbuild {
    /// One that can do everything.
    pub fn newest() -> Self {
        Self { version: String::new(), names_folder: true, binds: true, makes_chroots: true }
    }

    /// Reads what `sbuild --version` says.
    ///
    /// # Errors
    /// It is not sbuild's, or of one that is too old.
    pub fn parse(said: &str) -> Result<Self, FormatError> {
        // 0.87 warns about its own defaults first, on the other stream; both may have come here.
        let line = said.lines().find(|l| l.starts_with("sbuild (")).unwrap_or_default();
        let version = line.split(") ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_default();
        let this = Version::parse(version)
            .map_err(|_| FormatError::new(said.lines().next().unwrap_or_default(), "no version of sbuild"))?;
        let since = |first: &str| Version::parse(first).is_ok_and(|first| this >= first);
        if !since(OLDEST) {
            return Err(FormatError::new(version, format!("sbuild is older than {OLDEST}")));
        }
        Ok(Self {
            version: version.to_owned(),
            names_folder: since(NAMES_FOLDER),
            binds: since(BINDS),
            makes_chroots: since(MAKES_CHROOTS),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Sbuild;

    #[test]
    fn recorded_versions() {
        // Debian 11, 12 and 13 and Ubuntu 24.04's backport as the programs print it; the rest of Ubuntu's (22.04,
        // 24.04, its updates, 26.04) with the versions of their packages and without a date.
        let table = [
            ("sbuild (Debian sbuild) 0.81.2+deb11u1 (31 August 2022)\n\nWritten by Roman Hodek", false, false, false),
            ("sbuild (Debian sbuild) 0.81.2ubuntu6.1", false, false, false),
            ("sbuild (Debian sbuild) 0.85.0 (04 January 2023)\n\nWritten by Roman Hodek", true, true, false),
            ("sbuild (Debian sbuild) 0.85.7", true, true, false),
            ("sbuild (Debian sbuild) 0.85.10ubuntu0.2", true, true, false),
            ("sbuild (Debian sbuild) 0.88.3ubuntu2~bpo24.04.1 (08 July 2025)\n", true, true, true),
            ("sbuild (Debian sbuild) 0.91.2ubuntu3", true, true, true),
            (
                "The Debian buildds switched to\nsbuild (Debian sbuild) 0.89.3+deb13u4 (28 December 2025)\n",
                true,
                true,
                true,
            ),
        ];
        for (said, names_folder, binds, makes_chroots) in table {
            let sbuild = Sbuild::parse(said).unwrap();
            assert_eq!(
                (sbuild.names_folder, sbuild.binds, sbuild.makes_chroots),
                (names_folder, binds, makes_chroots),
                "{said}"
            );
        }
    }

    #[test]
    fn the_old_and_the_strange_are_refused() {
        for (said, why) in [
            ("sbuild (Debian sbuild) 0.79.0 (05 February 2020)", "older than 0.81.2"),
            ("sbuild 1.0.0", "no version"),
            ("", "no version"),
        ] {
            assert!(Sbuild::parse(said).unwrap_err().to_string().contains(why), "{said}");
        }
    }
}
