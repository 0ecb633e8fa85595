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
        let what = match depends {
            0 => "bare".to_owned(),
            1 => "1 build dependency".to_owned(),
            _ => format!("{depends} build dependencies"),
        };
        rows.push(vec![chroot.name().to_owned(), bytes(size), chroot.last_used(), what]);
    }
    if rows.len() == 1 {
        // Where none can ever be, that is not the answer.
        fx.create_dir(fx.cache())?;
        fx.ui.note("There is no chroot yet: `cargo xtask build` makes what it needs.");
    } else {
        fx.ui.table(&rows);
    }
    Ok(())
}
