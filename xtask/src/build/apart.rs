// SPDX-License-Identifier: GPL-2.0-only
//! A cross build on a machine that cannot run the host architecture's programs: what runs during the build and
//! what is shipped are apart then.
//!
//! Build dependencies that run get `:native`, in the build's copy alone. Programs that are both run and shipped
//! (fixdep, modpost and their kind in linux-headers) are made twice, by the compiler wrapper of the bundled
//! packaging, which Ubuntu's gets lent; the second ones take their place in the package.

use anyhow::Result;

use crate::arch::Arch;
use crate::formats::control::{self, Relations, Substitute};

/// Build dependencies whose programs run.
const RUN: &[&str] = &["dwarves", "pahole", "default-jdk-headless"];
/// Those that are linked into programs of both kinds.
const LINKED: &[&str] = &["libssl-dev", "libelf-dev"];

/// Where the wrapper is in the build's copy.
pub const WRAPPER: &str = "debian/fork-hostcc";
/// Its text.
pub const WRAPPER_TEXT: &str = include_str!("../../packaging/debian/scripts/hostcc");

/// The build dependencies with `:native` where it belongs, and which ones got it.
///
/// # Errors
/// They are no relations.
pub fn depends(depends: &str) -> Result<(String, Vec<String>)> {
    let changes: Vec<_> = RUN.iter().map(|name| (*name, Substitute::Native)).collect();
    let made = control::substitute(depends, &changes)?;
    let mut marked = made.changed;
    let mut text = made.text;
    let relations = Relations::parse(&text)?;
    let has = |name: &str, native: bool| {
        relations.iter().any(|a| a.name == name && (a.qualifier.as_deref() == Some("native")) == native)
    };
    for name in LINKED.iter().filter(|name| has(name, false) && !has(name, true)) {
        text.push_str(&format!(", {name}:native"));
        marked.push((*name).to_owned());
    }
    Ok((text, marked))
}

/// Make variables for Ubuntu's rules; the build's folder is `folder`.
pub fn variables(folder: &str) -> Vec<String> {
    vec![format!("HOSTCC={folder}/{WRAPPER}"), "shlibdeps_opts=".to_owned()]
}

/// Lines for the makefile around Ubuntu's rules.
pub fn makefile(flavour: &str, host: &Arch) -> String {
    format!(
        "export HOSTCC_RUN := gcc\nexport HOSTCC_SHIP := {triplet}-gcc\n\
         .PHONY: ship-{flavour}\n\
         ship-{flavour}: install-{flavour}\n\
         \tset -e; find debian/linux-headers-* -name '*.ship' | while read -r made; do \\\n\
         \t\tif [ -e \"$${{made%.ship}}\" ]; then mv \"$$made\" \"$${{made%.ship}}\"; else rm \"$$made\"; fi; done\n\
         binary-{flavour}: ship-{flavour}\n",
        triplet = host.triplet
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn native_stands_where_it_belongs() {
        let table = [
            (
                "bc, dwarves [amd64 arm64], libssl-dev",
                "bc, dwarves:native [amd64 arm64], libssl-dev, libssl-dev:native",
                "dwarves libssl-dev",
            ),
            (
                "libelf-dev, libelf-dev:native, pahole:any | dwarves",
                "libelf-dev, libelf-dev:native, pahole:any | dwarves:native",
                "dwarves",
            ),
            ("bc, gcc", "bc, gcc", ""),
        ];
        for (asked, want, marked) in table {
            assert_eq!(
                depends(asked).unwrap(),
                (want.to_owned(), marked.split_whitespace().map(str::to_owned).collect())
            );
        }
    }

    #[test]
    fn the_second_programs_are_shipped_by_a_rule_of_make() {
        let lines = makefile("slim", crate::arch::find("arm64").unwrap());
        assert!(lines.contains("HOSTCC_SHIP := aarch64-linux-gnu-gcc\n"), "{lines}");
        assert!(lines.contains("\nbinary-slim: ship-slim\n"), "{lines}");
    }
}
