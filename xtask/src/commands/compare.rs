// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask compare A B`: are two package sets the same?

use anyhow::Result;
use camino::Utf8PathBuf;

use crate::effects::Effects;
use crate::packages::compare::{compare, Comparison, Verdict};
use crate::packages::set::{Purpose, Set};

/// Differences of one package that are listed.
const LISTED: usize = 10;

/// Set two package sets side by side
///
/// A package is identical, equal in code (all but signatures, build ids, times and banners), or different.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A directory with packages, or a .deb file
    #[arg(value_name = "A")]
    pub first: Utf8PathBuf,
    /// The one to compare it with
    #[arg(value_name = "B")]
    pub second: Utf8PathBuf,
    /// Everything that differs, as JSON
    #[arg(long)]
    pub json: bool,
}

/// # Errors
/// A package is different, or only in one of the sets (1).
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let read = |path: &Utf8PathBuf| {
        let step = fx.ui.step(&format!("read {path}"));
        let set = Set::read(std::slice::from_ref(path), Purpose::Compare, &|name| fx.ui.progress(name))?;
        step.done("");
        anyhow::Ok(set)
    };
    let found = compare(&read(&args.first)?, &read(&args.second)?);
    if args.json {
        fx.ui.data(&serde_json::to_string_pretty(&found)?);
    } else {
        show(fx, &found);
    }
    let different = found.iter().filter(|c| c.verdict == Verdict::Different).count();
    if different > 0 {
        let packages = if different == 1 { "package is" } else { "packages are" };
        fail!(Check, "{different} {packages} different"; "--json lists everything; diffoscope shows two files in detail");
    }
    Ok(())
}

fn show(fx: &Effects, found: &[Comparison]) {
    let mut rows = vec![["PACKAGE", "VERDICT", "WHERE", "WHAT"].map(str::to_owned).to_vec()];
    for comparison in found {
        rows.push(vec![comparison.package.clone(), comparison.verdict.to_string()]);
        // Of a package that is different, what makes it so.
        let worth = |expected: bool| !expected || comparison.verdict == Verdict::EqualInCode;
        let all: Vec<_> = comparison.differences.iter().filter(|d| worth(d.expected)).collect();
        for difference in all.iter().take(LISTED) {
            rows.push(vec![String::new(), String::new(), difference.place.clone(), difference.what.clone()]);
        }
        if all.len() > LISTED {
            rows.push(vec![String::new(), String::new(), format!("and {} more", all.len() - LISTED)]);
        }
    }
    fx.ui.table(&rows);
}
