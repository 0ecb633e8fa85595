// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask audit [DIR|DEB…]`: is this package set what it should be?

pub mod expected;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use crate::arch;
use crate::boot::module;
use crate::boot::root::{self, Root};
use crate::build::archive::Archive;
use crate::build::chroot::Recipe;
use crate::build::metadata::{self, Metadata};
use crate::build::sbuild;
use crate::effects::Effects;
use crate::error::{self, Kind};
use crate::machine;
use crate::packages::audit::{audit, releases, Expected};
use crate::packages::built;
use crate::packages::finding::{Finding, Severity};
use crate::packages::identity::Identity;
use crate::packages::lintian;
use crate::packages::set::{Purpose, Set};
use crate::packages::solve::Solver;
use crate::ui::count;
use crate::workspace::Workspace;

/// Say what is wrong with a package set
///
/// Packages are read as files that nobody vouches for, and nothing of them is unpacked or run: only
/// --build-module, after all else was right, installs headers in a sandbox. Without a path it is the set that was
/// built last.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask audit                                   # the set built last
  cargo xtask audit ~/Downloads/*.deb --suite focal   # packages of anybody's
  cargo xtask audit --build-module --lintian          # everything that can be looked at")]
pub struct Args {
    /// A directory with packages, or .deb files
    #[arg(value_name = "DIR|DEB")]
    pub paths: Vec<Utf8PathBuf>,
    /// Ask apt whether this suite can install them [default: the one they were built in, where a record says so]
    #[arg(long)]
    pub suite: Option<String>,
    /// Also compile a small module against the headers, on a minimal system of the suite; not where there are errors
    #[arg(long)]
    pub build_module: bool,
    /// Also ask lintian, whose errors are warnings here
    #[arg(long)]
    pub lintian: bool,
    /// The findings as JSON
    #[arg(long)]
    pub json: bool,
}

/// # Errors
/// Something is wrong with the set (1).
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let workspace = Workspace::here()?;
    let paths = if args.paths.is_empty() { vec![built::newest(&workspace)?] } else { args.paths };
    let set = read(fx, &paths)?;
    let record = paths.first().filter(|p| paths.len() == 1 && p.is_dir()).and_then(|dir| metadata::read(dir));
    let suite = args.suite.clone().or(record.as_ref().map(|r| r.suite.clone()));
    let wrong = record.as_ref().map_or_else(Vec::new, |record| recorded(record, &set));
    let mut expected = expected::expected(&workspace, record, &set)?;
    let mut found = match &suite {
        Some(suite) => in_suite(fx, &workspace, suite, &set, &mut expected)?,
        None => audit(&set, &expected),
    };
    found.extend(wrong);
    // What is wrong may be what it would do there.
    if args.build_module && !found.iter().any(|f| f.severity == Severity::Error) {
        let suite = suite.as_ref().unwrap_or(&workspace.settings.series);
        found.extend(build_module(fx, &workspace, suite, &paths, &set)?.found);
    }
    if args.lintian && set.broken.is_empty() {
        let step = fx.ui.step("ask lintian");
        found.extend(lintian::check(fx, &debs(&paths)?)?);
        step.done("");
    }
    if args.json {
        fx.ui.data(&serde_json::to_string_pretty(&found)?);
    } else {
        show(fx, &found);
    }
    if suite.is_none() {
        fx.ui.note("Nothing says which suite they are for: whether it can install them was not asked (--suite).");
    }
    verdict(fx, &set, &expected, &found)
}

/// The audit that a build ends with: findings are shown, errors fail it.
///
/// # Errors
/// Something is wrong with the set (1).
pub fn built(fx: &Effects, workspace: &Workspace, dir: &Utf8Path, suite: &str, mut expected: Expected) -> Result<()> {
    let set = read(fx, &[dir.to_owned()])?;
    let found = match in_suite(fx, workspace, suite, &set, &mut expected) {
        Ok(found) => found,
        // The build itself needed no network; what it made is no worse for there being none.
        Err(e) if error::exit_code(&e) == Kind::Network as i32 => {
            fx.ui.warn(&format!("whether {suite} can install them was not asked: {}", error::sentence(&e)));
            audit(&set, &expected)
        }
        Err(e) => return Err(e),
    };
    show(fx, &found);
    verdict(fx, &set, &expected, &found)
}

/// The audit with what a suite says to it.
fn in_suite(
    fx: &Effects,
    workspace: &Workspace,
    suite: &str,
    set: &Set,
    expected: &mut Expected,
) -> Result<Vec<Finding>> {
    let Ok(host) = arch::find(set.architecture().unwrap_or(&workspace.settings.architecture)) else {
        return Ok(audit(set, expected));
    };
    let archive = Archive::of(fx, &workspace.settings, suite, &[host], None)?;
    let step = fx.ui.step(&format!("ask apt what {suite} makes of them"));
    let solver = Solver::new(fx, &archive, host, set)?;
    expected.offered = Some(solver.offered(set)?);
    let mut found = audit(set, expected);
    // Where it is clear why it cannot be, the solver would only say it again.
    let explained = ["too-new", "not-in-suite", "depends", "complete", "source", "control"];
    if set.broken.is_empty() && !found.iter().any(|f| explained.contains(&f.check.as_str())) {
        found.extend(solver.installable(set)?);
    }
    step.done("");
    Ok(found)
}

/// The files that are meant.
fn debs(paths: &[Utf8PathBuf]) -> Result<Vec<Utf8PathBuf>> {
    let mut debs = Vec::new();
    for path in paths {
        debs.extend(if path.is_dir() { sbuild::packages(path)? } else { vec![path.clone()] });
    }
    Ok(debs)
}

/// Compiles a module on a minimal system of the suite that has the set's headers installed; `paths` are its files,
/// or their directory.
///
/// # Errors
/// The system cannot be made, or the headers not be installed in it.
pub fn build_module(
    fx: &Effects,
    workspace: &Workspace,
    suite: &str,
    paths: &[Utf8PathBuf],
    set: &Set,
) -> Result<module::Made> {
    let host = arch::find(set.architecture().unwrap_or(&workspace.settings.architecture))?;
    machine::require_chroot(fx, host)?;
    let archive = Archive::of(fx, &workspace.settings, suite, &[host], None)?;
    let headers = |name: &str| name.contains("headers-");
    let mut needs = root::needs(set.packages.iter().filter(|p| headers(&p.name)), set);
    needs.extend(module::NEEDS.iter().map(|n| (*n).to_owned()));
    let recipe = Recipe { root: Some(needs), ..Recipe::bare(&archive, vec![host]) };
    let Some(chroot) = recipe.make(fx)? else { return Ok(module::Made::default()) };
    let step = fx.ui.step("compile a module against the headers");
    let debs = debs(paths)?.into_iter().filter(|p| p.file_name().is_some_and(headers)).collect::<Vec<_>>();
    let root = Root::unpack(fx, &chroot.tar)?;
    root.install(&debs)?;
    let made = module::compile(&root, &releases(set), host)?;
    step.done("");
    Ok(made)
}

/// The audit before something is done with a set: the set, where it passes.
///
/// # Errors
/// Something is wrong with it, or the record is of another one (1).
pub fn passes(fx: &Effects, workspace: &Workspace, dir: &Utf8Path, record: Metadata) -> Result<Set> {
    let set = read(fx, &[dir.to_owned()])?;
    let expected = expected::expected(workspace, Some(record.clone()), &set)?;
    let found = audit(&set, &expected);
    show(fx, &found);
    verdict(fx, &set, &expected, &found)?;
    if let Some((field, says, is)) = Identity::of(&set)?.differences(&record).into_iter().next() {
        fail!(Check, "`{}` of {dir} gives the {field} as `{says}`, and its packages are of `{is}`", metadata::FILE;
            "build it again: the record is of other packages");
    }
    Ok(set)
}

/// Where the record beside a set says something else than its packages.
fn recorded(record: &Metadata, set: &Set) -> Vec<Finding> {
    let differences = Identity::of(set).map_or_else(|_| Vec::new(), |of| of.differences(record));
    let found = differences.into_iter().map(|(field, says, is)| {
        let what = format!("{} gives the {field} as `{says}`, and the packages are of `{is}`", metadata::FILE);
        Finding::error("record", "", what, "the record is of other packages: nothing in it holds", "build it again")
    });
    found.collect()
}

fn read(fx: &Effects, paths: &[Utf8PathBuf]) -> Result<Set> {
    let step = fx.ui.step("read the packages");
    let set = Set::read(paths, Purpose::Audit, &|name| fx.ui.progress(name))?;
    step.done(&format!("{} of them", set.packages.len() + set.broken.len()));
    Ok(set)
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
    let which = if set.packages.len() == 1 { "this" } else { "these" };
    fx.ui.note(&format!("  nothing is wrong with {which} {}", count(set.packages.len(), "package")));
    Ok(())
}
