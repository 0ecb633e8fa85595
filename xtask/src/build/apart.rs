// SPDX-License-Identifier: GPL-2.0-only
//! Programs that the kernel's make makes for itself (fixdep, modpost, sign-file) run during the build, fixdep once for
//! each object, and are shipped in linux-headers, too. Where the packages are of another architecture they are made
//! twice, by a script of the bundled packaging, which Ubuntu's gets lent: the first ones run at this machine's own
//! speed, the second ones are packed. Under qemu-user fixdep alone would take a ninth of the compilation.
//!
//! What they are linked with is asked for in both architectures then. A cross build asks for what it runs in this
//! machine's architecture, and for what it links in the host architecture.

use anyhow::Result;

use super::hooks::Rules;
use crate::arch::Arch;
use crate::formats::control::Relations;

/// debhelper reads these in the control file, where it knows no other form. All are `Multi-Arch: foreign`.
const OF_DEBHELPER: &[&str] = &["debhelper", "dh-"];
/// Development packages of what runs: headers for the interpreter or the compiler itself.
const RUN_THOUGH_DEV: &[(&str, &str)] = &[("python3", "-dev"), ("gcc-", "-plugin-dev")];
/// Those that are linked into programs of both kinds.
const LINKED: &[&str] = &["libssl-dev", "libelf-dev"];

/// Where the wrapper is in the build's copy.
pub const WRAPPER: &str = "debian/fork-twice";
/// Its text.
pub const WRAPPER_TEXT: &str = include_str!("../../packaging/debian/scripts/twice");

/// Is a build dependency run by the build? What ends in `-dev` is linked; everything else is a program or data that
/// programs read, whatever its version is: clang-18, rust-src, gcc-13.
fn is_run(name: &str) -> bool {
    let runs = |(start, end): &(&str, &str)| name.starts_with(start) && name.ends_with(end);
    let linked = name.ends_with("-dev") && !RUN_THOUGH_DEV.iter().any(runs);
    !linked && !OF_DEBHELPER.iter().any(|start| name.starts_with(start))
}

/// The build dependencies with `NAME:native` before those that run, and which ones those are.
///
/// Both stay: dpkg takes the first for packages of one architecture, and the second for those with
/// `Multi-Arch: foreign`, to which `:native` never applies. So nobody has to know which they are in a suite.
///
/// # Errors
/// They are no relations.
pub fn run_natively(depends: &str) -> Result<(String, Vec<String>)> {
    let mut relations = Relations::parse(depends)?;
    let mut changed: Vec<String> = Vec::new();
    for entry in &mut relations.entries {
        let mut alternatives = Vec::new();
        for alternative in std::mem::take(&mut entry.alternatives) {
            if alternative.qualifier.is_none() && is_run(&alternative.name) {
                changed.push(alternative.name.clone());
                let mut native = alternative.clone();
                native.qualifier = Some("native".to_owned());
                alternatives.push(native);
            }
            alternatives.push(alternative);
        }
        entry.alternatives = alternatives;
    }
    changed.sort();
    changed.dedup();
    Ok((relations.to_string(), changed))
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
///
/// # Errors
/// The rules have no target that installs a flavour.
pub fn makefile(flavour: &str, own: &Arch, host: &Arch, rules: &Rules) -> Result<String> {
    let installed = rules.install(flavour)?;
    Ok(format!(
        "\
twice = $(CURDIR)/{WRAPPER} {own}-$(1) {host}-$(1)
kmake += HOSTCC='$(call twice,gcc)' HOSTLD='$(call twice,ld)' HOSTAR='$(call twice,ar)'
.PHONY: ship-{flavour}
ship-{flavour}: {installed}
\tset -e; find debian/linux-headers-* -name '*.ship' | while read -r made; do \\
\t\tif [ -e \"$${{made%.ship}}\" ]; then mv \"$$made\" \"$${{made%.ship}}\"; else rm \"$$made\"; fi; done
\tfind debian/linux-headers-* -type f -name '*.cmd' -exec sed -i \\
\t\t-e 's|$(call twice,gcc)|gcc|g' -e 's|$(call twice,ld)|ld|g' -e 's|$(call twice,ar)|ar|g' \\
\t\t-e 's/{own}/{host}/g' {{}} +
binary-{flavour}: ship-{flavour}
",
        own = own.triplet,
        host = host.triplet,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::find;

    #[test]
    fn what_runs_is_this_machines_own() {
        // Of noble's, jammy's, focal's and newer ones.
        let run = "autoconf automake bc bindgen-0.65 bison clang-18 cpio curl default-jdk-headless dkms dwarfdump \
            dwarves flex gawk gcc gcc-13 gcc-13-plugin-dev java-common kernel-wedge kmod libtool lz4 makedumpfile openssl \
            pahole pkg-config python3 python3-dev python3-setuptools python3.12-dev rsync rust-1.80-src rust-src rustc \
            rustc-1.80 rustfmt zstd";
        let not =
            "binutils-dev debhelper debhelper-compat dh-sequence-dkms dh-systemd libaudit-dev libcap-dev libdw-dev \
            libelf-dev libiberty-dev liblzma-dev libnewt-dev libnuma-dev libpci-dev libssl-dev libstdc++-13-dev \
            libstdc++-dev libtraceevent-dev libudev-dev libunwind8-dev linux-libc-dev uuid-dev zlib1g-dev";
        for (names, want) in [(run, true), (not, false)] {
            for name in names.split_whitespace() {
                assert_eq!(is_run(name), want, "{name}");
            }
        }
        let table = [
            ("libssl-dev, debhelper-compat (= 10)", "libssl-dev, debhelper-compat (= 10)", ""),
            ("clang-18 [arm64]", "clang-18:native [arm64] | clang-18 [arm64]", "clang-18"),
            ("bc:native, python3:any", "bc:native, python3:any", ""),
            (
                "pahole:any | dwarves (>= 1.21), gcc-13",
                "pahole:any | dwarves:native (>= 1.21) | dwarves (>= 1.21), gcc-13:native | gcc-13",
                "dwarves gcc-13",
            ),
        ];
        for (asked, want, changed) in table {
            let (depends, marked) = run_natively(asked).unwrap();
            assert_eq!((depends.as_str(), marked.join(" ").as_str()), (want, changed));
        }
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
        let lines =
            |rules: &str| makefile("slim", find("amd64").unwrap(), find("arm64").unwrap(), &Rules::from_text(rules));
        let focal = lines("install-%: a = b\ninstall-%: c install-headers\n").unwrap();
        assert!(focal.starts_with("twice = $(CURDIR)/debian/fork-twice x86_64-linux-gnu-$(1) aarch64-linux-gnu-$(1)\n"));
        assert!(focal.contains("\nbinary-slim: ship-slim\n"), "{focal}");
        assert!(focal.contains("\nship-slim: install-slim\n"), "{focal}");
        let jammy = lines("$(stampdir)/stamp-install-%: $(stampdir)/stamp-build-%\ninstall-perarch: x\n").unwrap();
        assert!(jammy.contains("\nship-slim: $(stampdir)/stamp-install-slim\n"), "{jammy}");
        assert!(lines("install-perarch: x\n# install-%:\n").is_err());
    }
}
