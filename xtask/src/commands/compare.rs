// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask compare A B`: are two package sets the same?

use anyhow::Result;
use camino::Utf8PathBuf;
use xshell::cmd;

use crate::effects::{Effects, Run};
use crate::error::Kind;
use crate::packages::compare::{compare, Comparison, Verdict};
use crate::packages::set::{Purpose, Set};

/// Differences of one package that are listed.
const LISTED: usize = 10;

/// Set two package sets side by side
///
/// A package is identical, equal in code (all but signatures, build ids, times and banners), or different.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask compare OLD NEW                         # two directories of packages
  cargo xtask compare OLD NEW --detail                # and diffoscope's view of them")]
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
    /// Have diffoscope show the packages that are different, in detail
    #[arg(long, conflicts_with = "json")]
    pub detail: bool,
}

/// # Errors
/// A package is different, or only in one of the sets (1).
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let read = |path: &Utf8PathBuf| {
        let step = fx.ui.step(&format!("read {path}"));
        let set = Set::read(std::slice::from_ref(path), Purpose::Compare, &|name| fx.ui.progress(name))?;
        step.done("");
        if let Some((one, other)) = set.twice() {
            let (name, version, architecture) = one.id();
            fail!(Input, "`{}` and `{}` in {path} are the same package: {name} {version} {architecture}", one.file, other.file;
                "take one of the files away");
        }
        anyhow::Ok(set)
    };
    let sets = (read(&args.first)?, read(&args.second)?);
    let found = compare(&sets.0, &sets.1);
    if args.json {
        fx.ui.data(&serde_json::to_string_pretty(&found)?);
    } else {
        show(fx, &found);
    }
    for comparison in found.iter().filter(|c| args.detail && c.verdict == Verdict::Different) {
        detail(fx, &args, comparison)?;
    }
    let different = found.iter().filter(|c| c.verdict == Verdict::Different).count();
    if different > 0 {
        let packages = if different == 1 { "package is" } else { "packages are" };
        fail!(Check, "{different} {packages} different"; "--json lists everything; --detail shows it");
    }
    Ok(())
}

/// What diffoscope makes of a package that both sets have.
fn detail(fx: &Effects, args: &Args, comparison: &Comparison) -> Result<()> {
    let file = |path: &Utf8PathBuf, file: &String| if path.is_dir() { path.join(file) } else { path.clone() };
    let [Some(a), Some(b)] = &comparison.files else { return Ok(()) };
    let (a, b) = (file(&args.first, a), file(&args.second, b));
    let hint = "it is in the package diffoscope, or with fewer helpers diffoscope-minimal";
    let diffoscope = cmd!(fx.sh, "diffoscope --text-color=never --no-progress {a} {b}");
    // It ends with 1 where there is a difference.
    let shown = fx.read(Run::from(diffoscope).any_status().or(Kind::Machine, hint).watch(|l| fx.ui.progress(l)))?;
    fx.ui.data(&shown.text());
    Ok(())
}

fn show(fx: &Effects, found: &[Comparison]) {
    let mut rows = vec![["PACKAGE", "VERDICT", "WHERE", "WHAT"].map(str::to_owned).to_vec()];
    for comparison in found {
        let mut name = comparison.package.clone();
        if found.iter().filter(|c| c.package == name).count() > 1 {
            name = format!("{name} {} {}", comparison.version, comparison.architecture);
        }
        rows.push(vec![name, comparison.verdict.to_string()]);
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
