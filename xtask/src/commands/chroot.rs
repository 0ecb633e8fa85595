// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask chroot create|list|remove`.

use anyhow::Result;
use clap::Subcommand;

use crate::arch;
use crate::build::archive::Archive;
use crate::build::chroot::{self, Recipe};
use crate::effects::Effects;
use crate::machine;
use crate::ui::bytes;
use crate::workspace::Workspace;

/// Make, list and remove the chroots that builds run in
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make a bare chroot of a suite; `build` makes its own, with the build dependencies in it
    Create {
        /// The suite, such as focal or bookworm
        suite: String,
        /// Architecture of the chroot [default: this machine's]
        arch: Option<String>,
        /// Add a foreign architecture, as a cross chroot has
        #[arg(long, value_name = "ARCH")]
        foreign: Option<String>,
    },
    /// List the chroots
    List,
    /// Remove chroots by name; without a name, list what could go
    Remove { names: Vec<String> },
}

/// # Errors
/// See the README, "When it breaks".
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    match args.what {
        What::Create { suite, arch, foreign } => {
            let own = arch.map_or_else(arch::build, |a| arch::find(&a))?;
            machine::require(fx, own, &[])?;
            let foreign = foreign.map(|a| arch::find(&a)).transpose()?;
            let archs: Vec<_> = [Some(own), foreign].into_iter().flatten().collect();
            let archive = Archive::of(fx, &Workspace::here()?.settings, &suite, &archs)?;
            let recipe =
                Recipe { archive: &archive, archs, depends: String::new(), host: own, accelerate: None, root: None };
            if let Some(chroot) = recipe.make(fx)? {
                fx.ui.data(chroot.tar.as_str());
            }
            Ok(())
        }
        What::List => list(fx),
        What::Remove { names } if names.is_empty() => list(fx),
        What::Remove { names } => {
            let all = chroot::all(fx)?;
            for name in &names {
                let Some(chroot) = all.iter().find(|c| c.name() == name) else {
                    fail!(Input, "there is no chroot `{name}`"; "`cargo xtask chroot list` names them");
                };
                chroot.remove(fx)?;
            }
            Ok(())
        }
    }
}

fn list(fx: &Effects) -> Result<()> {
    let mut rows = vec![["NAME", "SIZE", "FOR"].map(str::to_owned).to_vec()];
    for chroot in chroot::all(fx)? {
        let size = std::fs::metadata(&chroot.tar).map_or(0, |m| m.len());
        let depends = chroot.record.build_depends.split(',').filter(|d| !d.trim().is_empty()).count();
        let what = if depends == 0 { "bare".to_owned() } else { format!("{depends} build dependencies") };
        rows.push(vec![chroot.name().to_owned(), bytes(size), what]);
    }
    if rows.len() == 1 {
        fx.ui.note("There is no chroot yet: `cargo xtask build` makes what it needs.");
    } else {
        fx.ui.table(&rows);
    }
    Ok(())
}
