// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask chroot remove NAME…`.

use anyhow::Result;

use crate::effects::Effects;

/// # Errors
/// There is none of that name; it cannot be removed.
pub fn run(fx: &Effects, names: &[String]) -> Result<()> {
    super::named(fx, names)?.iter().try_for_each(|chroot| chroot.remove(fx))
}
