// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask audit [DIR|DEB…]`: is this package set what it should be?

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};

use crate::build::metadata;
use crate::effects::{repository, Effects};
use crate::flavour::packaging;
use crate::formats::config::Config;
use crate::formats::version::Version;
use crate::packages::audit::{audit, releases, Expected};
use crate::packages::finding::{Finding, Severity};
use crate::packages::release::Release;
use crate::packages::set::{Purpose, Set};
use crate::workspace::{fragment_path, Workspace};

/// Say what is wrong with a package set
///
/// Packages are read as files that nobody vouches for, and nothing of them is unpacked or run. Without a
/// path it is the set that was built last.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A directory with packages, or .deb files
    #[arg(value_name = "DIR|DEB")]
    pub paths: Vec<Utf8PathBuf>,
    /// The findings as JSON
    #[arg(long)]
    pub json: bool,
}

/// # Errors
/// Something is wrong with the set (1).
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let workspace = Workspace::here()?;
    let paths = if args.paths.is_empty() { vec![newest(&workspace)?] } else { args.paths };
    let set = read(fx, &paths)?;
    let expected = expected(&workspace, &paths, &set)?;
    let found = audit(&set, &expected);
    if args.json {
        fx.ui.data(&serde_json::to_string_pretty(&found)?);
    } else {
        show(fx, &found);
    }
    verdict(fx, &set, &expected, &found)
}

/// The audit that a build ends with: findings are shown, errors fail it.
///
/// # Errors
/// Something is wrong with the set (1).
pub fn built(fx: &Effects, dir: &Utf8Path, expected: &Expected) -> Result<()> {
    let set = read(fx, &[dir.to_owned()])?;
    let found = audit(&set, expected);
    show(fx, &found);
    verdict(fx, &set, expected, &found)
}

fn read(fx: &Effects, paths: &[Utf8PathBuf]) -> Result<Set> {
    let step = fx.ui.step("read the packages");
    let set = Set::read(paths, Purpose::Audit, &|name| fx.ui.progress(name))?;
    step.done(&format!("{} of them", set.packages.len() + set.broken.len()));
    Ok(set)
}

/// What the repository and the record beside the packages say they should be.
fn expected(workspace: &Workspace, paths: &[Utf8PathBuf], set: &Set) -> Result<Expected> {
    let mut expected = Expected::default();
    let record = paths.first().filter(|p| paths.len() == 1 && p.is_dir()).and_then(|dir| metadata::read(dir));
    let commit = record.as_ref().map(|r| r.commit.clone());
    if let Some(record) = record {
        expected.architecture = Some(record.architecture);
        let abi = Version::parse(&record.version)?.abi()?.uname();
        expected.release = Some(Release { abi, flavour: record.flavour });
    }
    for release in releases(set) {
        if workspace.settings.flavours.contains_key(&release.flavour) {
            let (text, place) = fragment(workspace, &release.flavour, commit.as_deref())?;
            expected.fragments.insert(release.flavour, Config::parse(&text).context(place)?);
        }
    }
    Ok(expected)
}

/// The fragment as it was in the commit that was built, where that is here; else as it lies.
fn fragment(workspace: &Workspace, flavour: &str, commit: Option<&str>) -> Result<(String, String)> {
    let path = fragment_path(flavour);
    let repo = repository(&workspace.root)?;
    let built = commit.and_then(|c| repo.find_commit(git2::Oid::from_str(c).ok()?).ok());
    if let Some(built) = built {
        return Ok((packaging::required(&repo, built.tree_id(), &path)?, path));
    }
    let path = workspace.root.join(path);
    Ok((std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?, path.into_string()))
}

/// The directory of packages whose record was written last.
///
/// # Errors
/// There is none.
pub(super) fn newest(workspace: &Workspace) -> Result<Utf8PathBuf> {
    let top = workspace.sibling("packages")?;
    let below = |dir: &Utf8Path| -> Vec<Utf8PathBuf> {
        dir.read_dir_utf8().into_iter().flatten().flatten().map(|e| e.into_path()).collect()
    };
    let sets = below(&top).iter().flat_map(|version| below(version)).collect::<Vec<_>>();
    let written = |dir: &Utf8PathBuf| std::fs::metadata(dir.join(metadata::FILE)).and_then(|m| m.modified()).ok();
    match sets.into_iter().filter_map(|dir| Some((written(&dir)?, dir))).max() {
        Some((_, dir)) => Ok(dir),
        None => fail!(Input, "there is no package set in {top}"; "cargo xtask build, or name a directory"),
    }
}

fn show(fx: &Effects, found: &[Finding]) {
    if found.is_empty() {
        return;
    }
    let mut rows = vec![["", "CHECK", "WHERE", "WHAT"].map(str::to_owned).to_vec()];
    for finding in found {
        let severity = if finding.severity == Severity::Error { "error" } else { "warning" };
        let place = match (&finding.package[..], &finding.path) {
            ("", None) => "the set".to_owned(),
            (package, None) => package.to_owned(),
            (package, Some(path)) => format!("{package}: {path}"),
        };
        rows.push(vec![severity.to_owned(), finding.check.clone(), place, finding.what.clone()]);
    }
    fx.ui.table(&rows);
    // Once for all findings that share it.
    let mut said: Vec<(&str, &str, &str)> = found.iter().map(|f| (&f.check[..], f.why, &f.mend[..])).collect();
    said.sort_unstable();
    said.dedup();
    for (check, why, mend) in said {
        fx.ui.note(&format!("{check}: {why}; {mend}"));
    }
}

fn verdict(fx: &Effects, set: &Set, expected: &Expected, found: &[Finding]) -> Result<()> {
    let errors = found.iter().filter(|f| f.severity == Severity::Error).count();
    if errors > 0 {
        let things = if errors == 1 { "thing is" } else { "things are" };
        fail!(Check, "{errors} {things} wrong with these packages"; "do not install them; each finding says what to do");
    }
    for release in releases(set).iter().filter(|r| !expected.fragments.contains_key(&r.flavour)) {
        fx.ui.note(&format!("{} is no flavour of this repository: its configuration was not checked", release.flavour));
    }
    fx.ui.note(&format!("  nothing is wrong with these {} packages", set.packages.len()));
    Ok(())
}
