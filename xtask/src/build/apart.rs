// SPDX-License-Identifier: GPL-2.0-only
//! Programs that the kernel's make makes for itself (fixdep, modpost, sign-file) run during the build, fixdep once for
//! each object, and are shipped in linux-headers, too. Where the packages are of another architecture they are made
//! twice, by a script of the bundled packaging, which Ubuntu's gets lent: the first ones run at this machine's own
//! speed, the second ones are packed. Under qemu-user fixdep alone would take a ninth of the compilation.
//!
//! What they are linked with is asked for in both architectures then. On a machine that cannot run the host
//! architecture's programs at all, build dependencies that run are asked for in this machine's.

use anyhow::Result;

use crate::arch::Arch;
use crate::formats::control::{self, Relations, Substitute};

/// Build dependencies whose programs run.
const RUN: &[&str] = &["dwarves", "pahole", "default-jdk-headless"];
/// Those that are linked into programs of both kinds.
const LINKED: &[&str] = &["libssl-dev", "libelf-dev"];

/// Where the wrapper is in the build's copy.
pub const WRAPPER: &str = "debian/fork-twice";
/// Its text.
pub const WRAPPER_TEXT: &str = include_str!("../../packaging/debian/scripts/twice");

/// The build dependencies with `:native` behind those that run, and which ones got it.
///
/// # Errors
/// They are no relations.
pub fn run_natively(depends: &str) -> Result<(String, Vec<String>)> {
    let changes: Vec<_> = RUN.iter().map(|name| (*name, Substitute::Native)).collect();
    let made = control::substitute(depends, &changes)?;
    Ok((made.text, made.changed))
}

/// The build dependencies with what is linked asked for twice: as it stands, and as `NAME:qualifier`.
///
/// # Errors
/// They are no relations.
pub fn link_twice(depends: &str, qualifier: &str) -> Result<String> {
    let relations = Relations::parse(depends)?;
    let has = |name: &str, qualified: bool| {
        relations.iter().any(|a| a.name == name && (a.qualifier.as_deref() == Some(qualifier)) == qualified)
    };
    let missing = LINKED.iter().filter(|name| has(name, false) && !has(name, true));
    Ok(missing.fold(depends.to_owned(), |text, name| format!("{text}, {name}:{qualifier}")))
}

/// Make variables: what runs is made by programs for `own`.
pub fn variables(own: &Arch) -> Vec<String> {
    let programs = [("HOSTCC", "gcc"), ("HOSTLD", "ld"), ("HOSTAR", "ar")];
    programs.iter().map(|(variable, program)| format!("{variable}={}-{program}", own.triplet)).collect()
}

/// Lines for the makefile around Ubuntu's rules: the second programs take the place of the first in linux-headers, and
/// what is recorded there of how they were made is of the second.
pub fn makefile(flavour: &str, own: &Arch, host: &Arch) -> String {
    format!(
        "\
twice = $(CURDIR)/{WRAPPER} {own}-$(1) {host}-$(1)
kmake += HOSTCC='$(call twice,gcc)' HOSTLD='$(call twice,ld)' HOSTAR='$(call twice,ar)'
.PHONY: ship-{flavour}
ship-{flavour}: install-{flavour}
\tset -e; find debian/linux-headers-* -name '*.ship' | while read -r made; do \\
\t\tif [ -e \"$${{made%.ship}}\" ]; then mv \"$$made\" \"$${{made%.ship}}\"; else rm \"$$made\"; fi; done
\tfind debian/linux-headers-* -type f -name '*.cmd' -exec sed -i \\
\t\t-e 's|$(call twice,gcc)|gcc|g' -e 's|$(call twice,ld)|ld|g' -e 's|$(call twice,ar)|ar|g' \\
\t\t-e 's/{own}/{host}/g' {{}} +
binary-{flavour}: ship-{flavour}
",
        own = own.triplet,
        host = host.triplet,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::find;

    #[test]
    fn what_runs_is_this_machines_own() {
        let (depends, marked) = run_natively("bc, pahole:any | dwarves, dwarves [amd64 arm64], libssl-dev").unwrap();
        assert_eq!(depends, "bc, pahole:any | dwarves:native, dwarves:native [amd64 arm64], libssl-dev");
        assert_eq!(marked, ["dwarves"]);
    }

    #[test]
    fn what_is_linked_is_there_twice() {
        let table = [
            ("bc, libssl-dev", "native", "bc, libssl-dev, libssl-dev:native"),
            ("libelf-dev, libelf-dev:native", "native", "libelf-dev, libelf-dev:native"),
            ("libelf-dev, libelf-dev:native", "amd64", "libelf-dev, libelf-dev:native, libelf-dev:amd64"),
            ("bc, gcc", "amd64", "bc, gcc"),
        ];
        for (asked, qualifier, want) in table {
            assert_eq!(link_twice(asked, qualifier).unwrap(), want);
        }
    }

    #[test]
    fn the_second_programs_are_shipped_by_a_rule_of_make() {
        let lines = makefile("slim", find("amd64").unwrap(), find("arm64").unwrap());
        assert!(lines.starts_with("twice = $(CURDIR)/debian/fork-twice x86_64-linux-gnu-$(1) aarch64-linux-gnu-$(1)\n"));
        assert!(lines.contains("\nbinary-slim: ship-slim\n"), "{lines}");
    }
}
