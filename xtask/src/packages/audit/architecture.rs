// SPDX-License-Identifier: GPL-2.0-only
//! Check: every ELF file is of the package's architecture, the tools in the headers above all.

use super::super::finding::Finding;
use super::super::set::Set;
use super::Expected;
use crate::arch;
use crate::formats::elf::EM_BPF;

const CHECK: &str = "architecture";

pub(super) fn check(set: &Set, expected: &Expected) -> Vec<Finding> {
    let mut found = Vec::new();
    if let (Some(want), Some(have)) = (expected.architecture.as_deref(), set.architecture()) {
        if want != have {
            let what = format!("the packages are for {have} and not for {want}");
            found.push(Finding::error(CHECK, "", what, "they could not be installed there", "build for the right one"));
        }
    }
    for (package, entry, content) in set.files() {
        let Some(machine) = content.machine.filter(|m| *m != EM_BPF) else { continue };
        // The kernel maps these into programs of its 32-bit sister.
        if entry.path.contains("/vdso/vdso32") {
            continue;
        }
        let mend = "have what is shipped made by the host architecture's compiler, as `cargo xtask build` does";
        if package.architecture == "all" {
            let why = "a package for all architectures has no programs of one";
            let what = format!("it is {}", named(machine));
            found.push(Finding::error(CHECK, &package.name, what, why, mend).at(&entry.path));
            continue;
        }
        let Ok(own) = arch::find(&package.architecture) else { continue };
        if machine != own.elf {
            let why = match entry.path.starts_with("usr/src/") {
                true => "the module build runs it on the target machine, where it does not start",
                false => "the target machine cannot run or load it",
            };
            let what = format!("it is {} in a package for {}", named(machine), own.debian);
            found.push(Finding::error(CHECK, &package.name, what, why, mend).at(&entry.path));
        }
    }
    found
}

fn named(machine: u16) -> String {
    arch::of_elf(machine)
        .map_or_else(|| format!("an ELF file of machine {machine}"), |a| format!("an ELF file for {}", a.debian))
}
