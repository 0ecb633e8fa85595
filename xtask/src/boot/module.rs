// SPDX-License-Identifier: GPL-2.0-only
//! A small module compiled against the headers package, on a system of its architecture that has nothing but a
//! compiler: what DKMS does on the target machine.
//!
//! `commands` calls it. The makefiles and programs of the package run, in the sandbox of [`Root`] alone.

use anyhow::Result;

use super::root::Root;
use crate::arch::Arch;
use crate::effects::Run;
use crate::error::Kind;
use crate::formats::elf;
use crate::packages::finding::Finding;
use crate::packages::release::Release;

/// What the root needs beside what the packages depend on.
pub const NEEDS: &[&str] = &["gcc", "make"];
const CHECK: &str = "build-module";
const SOURCE: &str = "\
// SPDX-License-Identifier: GPL-2.0-only
#include <linux/init.h>
#include <linux/module.h>
#include <linux/kernel.h>

static int __init probe_init(void)
{
\tprintk(\"probe: loaded\\n\");
\treturn 0;
}

static void __exit probe_exit(void)
{
}

module_init(probe_init);
module_exit(probe_exit);
MODULE_LICENSE(\"GPL\");
MODULE_DESCRIPTION(\"Proves that modules can be compiled\");
";

/// What the module is called, with its suffix.
pub const FILE: &str = "probe.ko";

/// What came of it.
#[derive(Default)]
pub struct Made {
    pub found: Vec<Finding>,
    /// Each module that is right, with the `uname -r` that it is for.
    pub modules: Vec<(String, Vec<u8>)>,
}

/// Compiles it for each release whose headers are installed in `root`.
///
/// # Errors
/// The sandbox cannot be started.
pub fn compile(root: &Root, releases: &[Release], host: &Arch) -> Result<Made> {
    let Made { mut found, mut modules } = Made::default();
    for release in releases {
        let uname = release.uname();
        let headers = format!("/usr/src/linux-headers-{uname}");
        let package = format!("linux-headers-{uname}");
        // Outside of the root, where the packages could have a link in its place.
        let dir = root.fx().scratch("module")?;
        dir.put("probe.c", SOURCE)?;
        dir.put("Makefile", "obj-m := probe.o\n")?;
        let make = ["make", "-C", &headers, "M=/mnt/probe", "modules"];
        let mut last = Vec::new();
        let make = root.sandbox().change(dir.path(), "/mnt/probe").run(&root.fx().sh, make);
        let run = Run::from(make).any_status().or(
            Kind::Machine,
            "the build needs a user namespace: `cargo xtask doctor` shows whether this machine has them",
        );
        let made = root.fx().read(run.watch(|line| last.push(line.to_owned())))?;
        let mut say = |what: String| {
            let why = "DKMS, and whoever needs a driver of their own, could not use this kernel";
            found.push(Finding::error(CHECK, &package, what, why, "build the headers again").at(&headers[1..]));
        };
        if !made.status.success() {
            let error = last.iter().rev().find(|l| l.contains("rror") || l.contains("No such"));
            let error: String = error.or(last.last()).map_or("", String::as_str).chars().take(200).collect();
            say(format!("a module cannot be compiled against it: {error}"));
        } else {
            let bytes = dir.take(FILE).unwrap_or_default();
            let magic = elf::module(&bytes).ok().and_then(|m| m.vermagic).unwrap_or_default();
            if elf::machine(&bytes) != Some(host.elf) {
                say(format!("the module that it makes is not for {}", host.debian));
            } else if magic.split(' ').next() != Some(uname.as_str()) {
                say(format!("the module that it makes is for `{magic}`"));
            } else {
                modules.push((uname, bytes));
            }
        }
    }
    Ok(Made { found, modules })
}
