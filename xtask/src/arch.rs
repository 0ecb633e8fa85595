// SPDX-License-Identifier: GPL-2.0-only
//! Architectures as data: one row each, in Debian's, the kernel's and QEMU's words.

use anyhow::Result;

/// One architecture.
#[derive(Debug, PartialEq, Eq)]
pub struct Arch {
    /// Debian's name.
    pub debian: &'static str,
    /// The kernel's `ARCH=`.
    pub kernel: &'static str,
    /// The folder below `arch/`.
    pub srcarch: &'static str,
    /// The GNU triplet; with `-` appended, the kernel's `CROSS_COMPILE`.
    pub triplet: &'static str,
    /// QEMU's name: `qemu-<name>` runs its programs, and it is the binfmt entry's.
    pub qemu: &'static str,
    /// Rust's name and byte order, by which a program knows what it was compiled for.
    rust: (&'static str, Endian),
    /// The processor that qemu-user is to imitate ([`QEMU_CPU`]), where its own choice is slow. For arm64 that is one
    /// with pointer authentication, whose ciphers qemu computes: python3 of Debian 13, which signs its return
    /// addresses as everything does there and in Ubuntu from 24.04 on, runs twelve times as fast on one without.
    pub imitated: Option<&'static str>,
    /// `e_machine` of its ELF files.
    pub elf: u16,
    /// Does the Ubuntu archive (not ports) carry it?
    pub in_archive: bool,
    /// What its kernels are booted in, if anything.
    pub machine: Option<Machine>,
}

/// Byte order: Rust names both kinds of powerpc64 alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endian {
    Little,
    Big,
}

/// The environment variable by which qemu-user is told [`Arch::imitated`]; everything between us and it lets it through.
pub const QEMU_CPU: &str = "QEMU_CPU";

/// A virtual machine: `qemu-system-<qemu>`.
#[derive(Debug, PartialEq, Eq)]
pub struct Machine {
    /// The package that has the program.
    pub package: &'static str,
    /// Options for a machine that is emulated. The oldest kernel that is built here boots on this CPU: 5.4 for
    /// arm64 does not on `max`.
    pub emulated: &'static [&'static str],
    /// The same with the processor's own help.
    pub helped: &'static [&'static str],
    pub console: &'static str,
}

// A table is read by column.
#[rustfmt::skip]
const ALL: &[Arch] = &[
    Arch { debian: "amd64", kernel: "x86_64", srcarch: "x86", triplet: "x86_64-linux-gnu", qemu: "x86_64", rust: ("x86_64", Endian::Little), imitated: None, elf: 62, in_archive: true,
        machine: Some(Machine { package: "qemu-system-x86", emulated: &["-M", "q35", "-cpu", "max"], helped: &["-M", "q35", "-cpu", "host"], console: "ttyS0" }) },
    Arch { debian: "arm64", kernel: "arm64", srcarch: "arm64", triplet: "aarch64-linux-gnu", qemu: "aarch64", rust: ("aarch64", Endian::Little), imitated: Some("cortex-a57"), elf: 183, in_archive: false,
        machine: Some(Machine { package: "qemu-system-arm", emulated: &["-M", "virt", "-cpu", "cortex-a57"], helped: &["-M", "virt,gic-version=host", "-cpu", "host"], console: "ttyAMA0" }) },
    Arch { debian: "armhf", kernel: "arm", srcarch: "arm", triplet: "arm-linux-gnueabihf", qemu: "arm", rust: ("arm", Endian::Little), imitated: None, elf: 40, in_archive: false,
        machine: Some(Machine { package: "qemu-system-arm", emulated: &["-M", "virt", "-cpu", "cortex-a15"], helped: &["-M", "virt", "-cpu", "host"], console: "ttyAMA0" }) },
    Arch { debian: "riscv64", kernel: "riscv", srcarch: "riscv", triplet: "riscv64-linux-gnu", qemu: "riscv64", rust: ("riscv64", Endian::Little), imitated: None, elf: 243, in_archive: false,
        machine: Some(Machine { package: "qemu-system-misc", emulated: &["-M", "virt"], helped: &["-M", "virt"], console: "ttyS0" }) },
    Arch { debian: "ppc64el", kernel: "powerpc", srcarch: "powerpc", triplet: "powerpc64le-linux-gnu", qemu: "ppc64le", rust: ("powerpc64", Endian::Little), imitated: None, elf: 21, in_archive: false, machine: None },
    Arch { debian: "s390x", kernel: "s390", srcarch: "s390", triplet: "s390x-linux-gnu", qemu: "s390x", rust: ("s390x", Endian::Big), imitated: None, elf: 22, in_archive: false, machine: None },
];

/// The architecture of that Debian name.
///
/// # Errors
/// It is none of those known.
pub fn find(debian: &str) -> Result<&'static Arch> {
    match ALL.iter().find(|a| a.debian == debian) {
        Some(a) => Ok(a),
        None => fail!(Input, "unknown architecture `{debian}`";
            "Debian's names: {}", ALL.iter().map(|a| a.debian).collect::<Vec<_>>().join(", ")),
    }
}

/// The architecture whose ELF files have that `e_machine`.
pub fn of_elf(machine: u16) -> Option<&'static Arch> {
    ALL.iter().find(|a| a.elf == machine)
}

/// Is that the processor which qemu-user imitates for one of them?
pub fn is_imitated(cpu: &str) -> bool {
    ALL.iter().any(|a| a.imitated == Some(cpu))
}

/// The build architecture: that of this machine.
///
/// # Errors
/// This program was compiled for one that is not in the table.
pub fn build() -> Result<&'static Arch> {
    let endian = if cfg!(target_endian = "big") { Endian::Big } else { Endian::Little };
    match compiled_for(std::env::consts::ARCH, endian) {
        Some(a) => Ok(a),
        None => fail!(Machine, "this machine's architecture ({}) is not known here", std::env::consts::ARCH),
    }
}

fn compiled_for(rust: &str, endian: Endian) -> Option<&'static Arch> {
    ALL.iter().find(|a| a.rust == (rust, endian))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_known_by_what_the_tool_was_compiled_for() {
        // Names as the documentation of `std::env::consts::ARCH` lists them.
        let table = [
            ("x86_64", Endian::Little, Some("amd64")),
            ("aarch64", Endian::Little, Some("arm64")),
            ("arm", Endian::Little, Some("armhf")),
            ("riscv64", Endian::Little, Some("riscv64")),
            ("powerpc64", Endian::Little, Some("ppc64el")),
            ("powerpc64", Endian::Big, None),
            ("s390x", Endian::Big, Some("s390x")),
            ("mips", Endian::Big, None),
        ];
        for (rust, endian, debian) in table {
            assert_eq!(compiled_for(rust, endian).map(|a| a.debian), debian, "{rust}");
        }
        assert_eq!(ALL.len(), table.iter().filter(|(_, _, debian)| debian.is_some()).count());
    }
}
