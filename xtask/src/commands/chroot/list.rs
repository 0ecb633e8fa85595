// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask chroot list`.

use anyhow::Result;

use crate::build::chroot;
use crate::effects::Effects;
use crate::ui::bytes;

/// # Errors
/// A chroot without its record.
pub fn run(fx: &Effects) -> Result<()> {
    let mut rows = vec![["NAME", "SIZE", "USED", "FOR"].map(str::to_owned).to_vec()];
    for chroot in chroot::all(fx)? {
        let size = fs_err::metadata(&chroot.tar).map_or(0, |m| m.len());
        let depends = chroot.record.build_depends.split(',').filter(|d| !d.trim().is_empty()).count();
        let what = if depends == 0 { "bare".to_owned() } else { format!("{depends} build dependencies") };
        let used = match chroot.unused_days() {
            0 => "today".to_owned(),
            days => format!("{days} days ago"),
        };
        rows.push(vec![chroot.name().to_owned(), bytes(size), used, what]);
    }
    if rows.len() == 1 {
        fx.ui.note("There is no chroot yet: `cargo xtask build` makes what it needs.");
    } else {
        fx.ui.table(&rows);
    }
    Ok(())
}
