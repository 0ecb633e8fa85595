// SPDX-License-Identifier: GPL-2.0-only
//! Room on the disk, asked for before a long step begins.

use anyhow::{Context, Result};
use camino::Utf8Path;

use super::{Need, Use};
use crate::effects::{free_bytes, Effects};
use crate::error::{Failure, Kind};
use crate::ui::bytes;

/// What a step takes at its largest, in bytes.
#[derive(Debug, Clone, Copy)]
pub enum Room {
    /// A checked-out kernel with its objects.
    Fork,
    /// An unpacked source tree and twice its objects.
    Source,
    /// A chroot while it is made: the tree, its packages and the tar.
    Chroot,
    /// The kept tree, the unpacked chroot with a copy of it, the objects of a kernel, and its packages.
    Build(Kernel),
}

/// A kernel by what its objects take.
#[derive(Debug, Clone, Copy)]
pub struct Kernel {
    /// How many symbols are on, as modules or not. There are about three objects for each.
    pub symbols: u64,
    /// An object is several times as large with it, and every module holds it once more.
    pub debug_info: bool,
    /// They are built in a second copy of the tree.
    pub tools: bool,
}

impl Kernel {
    /// One that is built in minutes.
    pub const SMALL: Kernel = Kernel { symbols: 500, debug_info: false, tools: false };

    const fn bytes(self) -> u64 {
        let each = if self.debug_info { 3_500_000 } else { 700_000 };
        let tools = if self.tools { 2_500_000_000 } else { 0 };
        5_500_000_000 + self.symbols * each + tools
    }
}

impl Room {
    const fn bytes(self) -> u64 {
        match self {
            Room::Fork => 3_000_000_000,
            Room::Source | Room::Chroot => 4_000_000_000,
            Room::Build(kernel) => kernel.bytes(),
        }
    }

    fn what(self) -> &'static str {
        match self {
            Room::Fork => "a fork",
            Room::Source => "unpacking a kernel's source",
            Room::Chroot => "making a chroot",
            Room::Build(_) => "a build",
        }
    }

    /// Fails where the file system of `path` has not that much room.
    ///
    /// # Errors
    /// It has not ([`Kind::Machine`]), in a dry run neither.
    pub fn require(self, path: &Utf8Path, hint: &str) -> Result<()> {
        let free = free_bytes(path)?;
        if free >= self.bytes() {
            return Ok(());
        }
        let text =
            format!("{} needs {} on the disk, and {path} has {} free", self.what(), bytes(self.bytes()), bytes(free));
        Err(Failure::new(Kind::Machine, text).hint(hint).into())
    }
}

/// A chroot and a build, one after the other: where they are kept, and where users of a chroot work.
pub(super) fn look(fx: &Effects) -> Result<Need> {
    let mut free = Vec::new();
    for place in [fx.cache().to_owned(), fx.shared_cache()?] {
        free.push((free_bytes(&place)?, place));
    }
    let (free, place) = free.into_iter().min().context("there are two")?;
    let enough = Room::Chroot.bytes() + Room::Build(Kernel::SMALL).bytes();
    if free >= enough {
        return Ok(Need::ok("disk", Use::BUILDS, format!("{} free in {place}", bytes(free))));
    }
    let what =
        format!("{place} has {} free, and a first build of a small kernel takes up to {}", bytes(free), bytes(enough));
    // A later build, with its chroot made, may still fit: each step asks for its own room.
    Ok(Need::new("disk", &[], super::State::Advice, what)
        .hint("`cargo xtask chroot remove` lists what could go; KERNEL_FORK_CACHE puts the cache on another disk"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_needs_room_for_its_objects() {
        let gb = |symbols, debug_info, tools| Kernel { symbols, debug_info, tools }.bytes() / 1_000_000_000;
        assert_eq!(Kernel::SMALL.bytes() / 1_000_000_000, 5);
        // A slim flavour, a vendor's whole one, the same without debug information.
        assert_eq!((gb(437, false, false), gb(8710, true, true), gb(8710, false, false)), (5, 38, 11));
    }
}
