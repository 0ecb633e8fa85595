// SPDX-License-Identifier: GPL-2.0-only
//! Host packages.

use std::collections::BTreeSet;

use anyhow::Result;
use xshell::cmd;

use super::{Mend, Need};
use crate::arch::{self, Arch};
use crate::effects::{Effects, Run};

/// Packages, and what each is for. The names are the same from Debian 12 and Ubuntu 22.04 on.
const ALWAYS: &[&str] = &[
    "git",
    "make",
    "gcc",
    "libc6-dev",
    "flex",
    "bison",      // Kconfig
    "bubblewrap", // Kconfig's sandbox
    "mmdebstrap",
    "uidmap",
    "arch-test", // chroots without root
    "sbuild",
    "dpkg-dev", // builds
    "gnupg",    // archive keys
    "xz-utils",
    "python3",
];

pub(super) fn missing(fx: &Effects, host: &Arch, extra: &[&str]) -> Result<Option<Need>> {
    let mut wanted: Vec<String> = ALWAYS.iter().chain(extra).map(|p| (*p).to_owned()).collect();
    if arch::build()? != host {
        wanted.push("qemu-user-static".to_owned());
        // The cross compiler, for what Kconfig asks of it; its package name has the triplet with dashes.
        wanted.push(format!("gcc-{}", host.triplet.replace('_', "-")));
    }
    let format = "${Package} ${db:Status-Status}\\n";
    // Packages that dpkg has never heard of make it end with 1 and are simply not listed.
    let listed =
        fx.read(Run::from(cmd!(fx.sh, "dpkg-query --show --showformat {format}").args(&wanted)).any_status())?.text();
    let installed: BTreeSet<&str> = listed.lines().filter_map(|l| l.strip_suffix(" installed")).collect();
    wanted.retain(|p| !installed.contains(p.as_str()));
    if wanted.is_empty() {
        return Ok(None);
    }
    let mut install = Mend::new(&["apt-get", "install", "--yes", "--no-install-recommends"]);
    install.words.extend(wanted.iter().cloned());
    let mend = vec![Mend::new(&["apt-get", "update"]), install];
    Ok(Some(Need { what: format!("packages {}", wanted.join(", ")), mend }))
}
