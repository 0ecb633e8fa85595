// SPDX-License-Identifier: GPL-2.0-only
//! qemu-user's version: some are known to crash programs that every chroot runs.

use anyhow::Result;
use xshell::cmd;

use super::{Need, State, Use};
use crate::arch::Arch;
use crate::effects::Effects;

type Version = (u32, u32, u32);

/// From the first version to the last: what happens, and where it is told.
const BAD: &[(Version, Version, &str)] = &[
    ((0, 0, 0), (4, 99, 99), "ldconfig crashes in arm64 chroots (moby/moby#43039)"),
    ((9, 2, 0), (9, 2, 0), "libc-bin cannot be configured in arm64 chroots (docker/setup-qemu-action#201)"),
    ((10, 1, 0), (10, 1, 3), "ldconfig crashes in Ubuntu 22.04 chroots (tonistiigi/binfmt#298)"),
];

pub(super) fn look(fx: &Effects, host: &Arch) -> Result<Option<Need>> {
    let program = super::emulator(host)?;
    let Ok(said) = fx.read(cmd!(fx.sh, "{program} --version")) else {
        return Ok(None); // not installed: the packages say so
    };
    let text = said.text();
    let version = text.lines().next().and_then(|l| l.split(' ').nth(2)).unwrap_or_default();
    Ok(Some(match version_of(version).and_then(trouble) {
        None => Need::ok("qemu", Use::FOREIGN, format!("{program} {version}")),
        Some(what) => Need::new("qemu", Use::FOREIGN, State::Advice, format!("{program} {version}: {what}"))
            .hint("where a chroot crashes, take qemu-user of the distribution's backports, or --cross"),
    }))
}

fn trouble(version: Version) -> Option<&'static str> {
    BAD.iter().find(|(first, last, _)| (*first..=*last).contains(&version)).map(|(_, _, what)| *what)
}

fn version_of(text: &str) -> Option<Version> {
    let mut numbers = text.split('.').map(|n| n.parse().ok());
    Some((numbers.next()??, numbers.next()??, numbers.next().flatten().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_known_to_crash_are_known() {
        for (text, bad) in [("4.2.1", true), ("7.2.17", false), ("9.2.0", true), ("9.2.1", false), ("10.1.3", true)] {
            assert_eq!(trouble(version_of(text).unwrap()).is_some(), bad, "{text}");
        }
        assert_eq!(version_of("from source"), None);
    }
}
