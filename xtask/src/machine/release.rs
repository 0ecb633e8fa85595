// SPDX-License-Identifier: GPL-2.0-only
//! Releases of Debian and Ubuntu that this tool runs on, and where they differ for it. A new release is a row.
//!
//! `packages` and `qemu` ask for names, `doctor` shows the row. Must never change anything.

use anyhow::Result;

use super::{Need, State};

/// One release, as `/etc/os-release` names it.
#[derive(Debug, PartialEq, Eq)]
pub struct Release {
    /// `ID`.
    id: &'static str,
    /// `VERSION_ID`; empty before a release has one.
    version: &'static str,
    /// `VERSION_CODENAME`.
    codename: &'static str,
    /// Has the whole test suite passed on it?
    tested: bool,
    /// Packages with qemu-user and its registration in binfmt_misc.
    pub emulation: &'static [&'static str],
    /// The end of the name of qemu-user's programs, behind `qemu-ARCH`.
    pub emulator_suffix: &'static str,
}

/// Debian merged `qemu-user-static` into `qemu-user` with qemu 11 (after Debian 13).
const STATIC: &[&str] = &["qemu-user-static"];
const SPLIT: &[&str] = &["qemu-user", "qemu-user-binfmt"];

/// Oldest first within a distribution.
const RELEASES: &[Release] = &[
    Release {
        id: "debian",
        version: "12",
        codename: "bookworm",
        tested: true,
        emulation: STATIC,
        emulator_suffix: "-static",
    },
    Release {
        id: "debian",
        version: "13",
        codename: "trixie",
        tested: true,
        emulation: STATIC,
        emulator_suffix: "-static",
    },
    Release { id: "debian", version: "14", codename: "forky", tested: false, emulation: SPLIT, emulator_suffix: "" },
    Release {
        id: "ubuntu",
        version: "22.04",
        codename: "jammy",
        tested: false,
        emulation: STATIC,
        emulator_suffix: "-static",
    },
    Release {
        id: "ubuntu",
        version: "24.04",
        codename: "noble",
        tested: false,
        emulation: STATIC,
        emulator_suffix: "-static",
    },
    Release {
        id: "ubuntu",
        version: "26.04",
        codename: "resolute",
        tested: false,
        emulation: SPLIT,
        emulator_suffix: "",
    },
];

/// The release of this machine; of one that has no row, the newest of its distribution, else of Debian.
///
/// # Errors
/// There is no `/etc/os-release`.
pub fn here() -> Result<&'static Release> {
    let text = super::os_release()?;
    Ok(find(&text).unwrap_or_else(|nearest| nearest))
}

/// `Err` with the nearest row where the text's release has none.
fn find(text: &str) -> Result<&'static Release, &'static Release> {
    let (id, codename) = (super::field(text, "ID"), super::field(text, "VERSION_CODENAME"));
    let of = |id: &str| RELEASES.iter().rfind(|r| r.id == id);
    RELEASES
        .iter()
        .find(|r| r.id == id && r.codename == codename)
        .ok_or_else(|| of(&id).or_else(|| of("debian")).unwrap_or(&RELEASES[0]))
}

pub(super) fn look() -> Result<Need> {
    let text = super::os_release()?;
    let name = super::field(&text, "PRETTY_NAME");
    Ok(match find(&text) {
        Ok(release) if release.tested => Need::ok("release", &[], name),
        Ok(_) => Need::new("release", &[], State::Advice, format!("{name}: known by its packages, not tested"))
            .hint("`cargo xtask ci` tests everything on this machine"),
        Err(nearest) => {
            let what = format!("{name}: not known; treated as {} {}", nearest.id, nearest.version);
            Need::new("release", &[], State::Advice, what).hint("`cargo xtask ci` tests everything on this machine")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(id: &str, codename: &str) -> String {
        format!("PRETTY_NAME=\"X\"\nID={id}\nVERSION_CODENAME=\"{codename}\"\n")
    }

    #[test]
    fn a_release_is_found_by_distribution_and_codename() {
        assert_eq!(find(&text("debian", "trixie")).unwrap().version, "13");
        assert_eq!(find(&text("ubuntu", "noble")).unwrap().version, "24.04");
        // Not a release of Debian's.
        assert!(find(&text("debian", "noble")).is_err());
    }

    #[test]
    fn an_unknown_release_is_like_the_newest_of_its_distribution() {
        assert_eq!(find(&text("debian", "duke")).unwrap_err().codename, "forky");
        assert_eq!(find(&text("ubuntu", "zany")).unwrap_err().codename, "resolute");
        assert_eq!(find(&text("mint", "zara")).unwrap_err().codename, "forky");
    }

    #[test]
    fn readme_names_the_tested_releases() {
        let readme = include_str!("../../../README.md");
        for release in RELEASES.iter().filter(|r| r.tested) {
            let row = format!("| Debian {} | `sudo apt install ", release.version);
            assert!(release.id == "debian" && readme.contains(&row), "{row}");
        }
    }
}
