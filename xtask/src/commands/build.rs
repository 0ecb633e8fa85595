// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask build [ARCH]`: packages of one flavour out of the commit that is checked out.

mod outcome;
mod plan;

use std::num::NonZeroUsize;
use std::time::Instant;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use self::plan::Plan;
use super::audit;
use crate::arch::Arch;
use crate::build::archive::Archive;
use crate::build::chroot::{Chroot, Recipe};
use crate::build::compiler::{self, Adapted, Configured};
use crate::build::farm::worker::Worker;
use crate::build::metadata::{self, Metadata};
use crate::build::objects::Objects;
use crate::build::parts::{self, Parts};
use crate::build::progress::Progress;
use crate::build::sbuild::Builder as Sbuild;
use crate::build::source::{Makefile, Source};
use crate::build::tree::Tree;
use crate::build::{apart, depends, direct, sbuild, source, tree as build_tree, trim};
use crate::effects::{repository, Did, Effects};
use crate::flavour::packaging;
use crate::fork::left_out::LeftOut;
use crate::formats::config::Config;
use crate::formats::date::Snapshot;
use crate::machine::{self, disk::Room};
use crate::ui::bytes;
use crate::workspace::{fragment_path, Workspace};

/// Build the packages of one flavour
#[derive(Debug, clap::Args, Clone, Default)]
#[command(after_help = "Examples:
  cargo xtask build                                   # as the settings say
  cargo xtask build --cross --flavour slim            # minutes instead of an hour
  cargo xtask build --incremental                     # only what a change needs
  cargo xtask build --farm big1/16,big2/16            # where `farm serve` runs")]
pub struct Args {
    /// Architecture of the packages [default: the settings' `architecture`]
    pub arch: Option<String>,
    /// In a chroot of this machine's own architecture
    #[arg(long, group = "mode")]
    pub native: bool,
    /// Right on this machine and in no chroot, where it runs the series itself
    #[arg(long, conflicts_with_all = ["farm", "ccache", "incremental", "snapshot"])]
    pub host: bool,
    /// With a cross compiler
    #[arg(long, group = "mode")]
    pub cross: bool,
    /// In a chroot of the other architecture, under qemu-user
    #[arg(long, group = "mode")]
    pub emulated: bool,
    /// Which flavour [default: the first that is built on one of the vendor's]
    #[arg(long)]
    pub flavour: Option<String>,
    /// How many compilers at once [default: as many as there are processors]
    #[arg(long, short)]
    pub jobs: Option<NonZeroUsize>,
    /// Where the packages go [default: beside the repository]
    #[arg(long, value_name = "DIR")]
    pub out: Option<Utf8PathBuf>,
    /// Build in this suite's chroot [default: the settings' `series`]
    #[arg(long)]
    pub suite: Option<String>,
    /// With the packages of that day, from the distribution's snapshot service
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub snapshot: Option<Snapshot>,
    /// Leave the compiler and tools of an emulated build to qemu-user too: many times slower
    #[arg(long, requires = "emulated")]
    pub no_accelerate: bool,
    /// Use the objects of the last build with this option, for the same flavour, architecture and mode
    #[arg(long)]
    pub incremental: bool,
    /// Spread the compilation over machines where `farm serve` runs
    #[arg(long, value_name = "HOST/SLOTS,…", value_delimiter = ',')]
    pub farm: Vec<Worker>,
    /// Remember what was compiled, between builds and releases
    #[arg(long)]
    pub ccache: bool,
    /// Build linux-tools too: perf, and what else the tree has of the kind
    #[arg(long)]
    pub tools: bool,
    /// Build all modules, whatever the flavour's `modules` says
    #[arg(long)]
    pub no_trim: bool,
    /// Build again even where the same packages are there
    #[arg(long)]
    pub again: bool,
}

/// # Errors
/// See the README, "When it breaks".
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let workspace = Workspace::here()?;
    build(fx, &workspace, &args)?;
    Ok(())
}

/// Builds, or finds built, and reports. Returns the directory of the packages.
///
/// # Errors
/// See the README, "When it breaks".
pub fn build(fx: &Effects, workspace: &Workspace, args: &Args) -> Result<Utf8PathBuf> {
    let plan = plan::plan(fx, workspace, args)?;
    machine::require(fx, plan.host, &[plan.mode.into()])?;
    let builder = Sbuild::here(fx)?;
    builder.has(plan.launcher.needs_binds(), "--farm and --ccache")?;
    builder.has(args.incremental, "--incremental")?;
    let archs = plan.mode.chroot_archs(plan.host)?;
    // Programs of another architecture come with that architecture's packages.
    let chroot_archs: Vec<_> = archs.iter().copied().chain(plan.accelerate).collect();
    let archive = || Archive::of(fx, &workspace.settings, &plan.suite, &chroot_archs, plan.snapshot.as_ref());
    let archive = (!plan.direct).then(archive).transpose()?;
    let (suite, _) = workspace.settings.suite(&plan.suite)?;
    uncommitted(fx, workspace)?;

    let repo = repository(&workspace.root)?;
    let tree = repo.find_commit(plan.history.tip)?.tree_id();
    let offered = |names: &_| match &archive {
        Some(archive) => depends::offered(fx, archive, &chroot_archs, names),
        None => Ok(std::collections::BTreeSet::clone(names)),
    };
    let of = plan.build(suite, archive.is_some());
    let (parts, rules) = parts::read(&repo, tree, &plan.packaging, &of, offered)?;
    let source = source::read(&repo, tree, &plan.packaging, plan.tools, &parts, plan.mode, plan.host)?;
    let source = match plan.apart {
        Some(own) => source.apart(plan.mode, own)?,
        None => source,
    };
    let lent = plan.apart.and_then(|own| Some((own, rules.as_ref()?)));
    let after = lent.map(|(own, rules)| apart::makefile(&plan.flavour, own, plan.host, rules)).transpose()?;
    let mut expected = plan::expected(&plan, &repo, tree)?;
    let recipe = archive.as_ref().map(|archive| Recipe {
        archive,
        archs: chroot_archs.clone(),
        depends: source.depends.clone(),
        host: plan.host,
        accelerate: plan.accelerate,
        compiler: parts.compiler.clone(),
        root: None,
        extra: plan.launcher.packages(),
    });
    let room = recipe.as_ref().map_or_else(|| Ok("this-machine".to_owned()), Recipe::name)?;
    let variables = plan.variables(&parts)?;
    let found = recipe.as_ref().map(|r| r.find(fx)).transpose()?.flatten();
    let content = |chroot: Option<&Chroot>| chroot.map_or_else(|| room.clone(), Chroot::content);
    let before = plan::inputs(&plan, &content(found.as_ref()), &variables)?;
    if let Some(old) = metadata::read(&plan.out).filter(|m| m.inputs == before && !args.again) {
        fx.ui.note(&format!("The same packages were built before, in {} s: {}", old.seconds, plan.out));
        report(fx, &plan.out)?;
        return Ok(plan.out);
    }
    plan.launcher.reachable(fx, plan.host)?;
    let start = Instant::now();
    let fresh = fx.scratch_for("packages", &plan.out)?;
    let scratch = fx.shared_scratch("build")?;
    let needed = Room::Build(plan.kernel(&repo, tree)?);
    needed.require(scratch.path(), "KERNEL_FORK_CACHE puts it on another disk")?;
    let mut chroot = None;
    if let Some(recipe) = &recipe {
        let check = || depends::check(fx, recipe.archive, &recipe.archs, plan.host, &source.depends);
        let lists = if found.is_none() { Some(check()?) } else { None };
        chroot = recipe.make_from(fx, lists.as_ref())?;
        if chroot.is_none() {
            return planned(fx, &plan, &room, &variables);
        }
    }
    let content = content(chroot.as_ref());
    let inputs = plan::inputs(&plan, &content, &variables)?;
    say_substituted(fx, &plan.suite, &source);
    if let Some(gcc) = &parts.compiler {
        fx.ui.note(&format!("     compiled with {gcc}, which the packaging pins"));
    }

    let Some(ready) = build_tree::ready(fx, &repo, &workspace.root, plan.history.tip)? else {
        return planned(fx, &plan, &room, &variables);
    };
    let objects = args.incremental.then(|| plan.objects(fx, workspace, &ready, &content, &variables)).transpose()?;

    let adapted = adapt(fx, &plan, &parts, &repo, tree, chroot.as_ref().map(|c| (c, archs[0])), &ready)?;
    let launcher = plan.launcher.open(fx, chroot.as_ref(), plan.mode, plan.host, scratch.path())?;
    let changelog = packaging::required(&repo, tree, &format!("{}/changelog", plan.packaging.dir()))?;
    let step = fx.ui.step("pack what stands for the tree");
    let mut own = adapted.files;
    if after.is_some() {
        own.insert(apart::WRAPPER.to_owned(), apart::WRAPPER_TEXT.to_owned());
    }
    if parts.lists_sources {
        own.insert(parts::STAND_IN.to_owned(), parts::STAND_IN_TEXT.to_owned());
        fx.ui.note("     no debug information: the packaging's list of sources is made of what kbuild recorded");
    }
    let after = after.unwrap_or_default();
    let whole = (!builder.abilities.binds).then_some(ready.path.as_path());
    let makefile = Makefile {
        changed: plan.history.changed(&repo)?,
        suite: &plan.suite,
        before: &launcher.makefile(),
        after: &after,
    };
    let dsc = source::pack(fx, scratch.path(), &changelog, &source, &own, &makefile, whole)?;
    step.done("");

    let log = fresh.join("build.log");
    let step = fx.ui.step(&format!("build {} {} ({})", plan.flavour, plan.version.as_str(), plan.mode));
    let mut mounts = Vec::new();
    if builder.abilities.binds {
        mounts.push((ready.path.clone(), source::MOUNTED));
    }
    mounts.extend(launcher.mounts());
    mounts.extend(objects.iter().map(|o| (o.mounted(), source::OBJECTS)));
    let job = sbuild::Job {
        dsc: &dsc,
        chroot: chroot.as_ref().map(|c| c.tar.as_path()),
        build: archs[0],
        host: plan.host,
        suite: &plan.suite,
        variables: &variables,
        jobs: plan.jobs,
        mounts: &mounts,
        commands: launcher.commands(),
        abilities: &builder.abilities,
        scratch: scratch.path(),
        out: fresh.path(),
        log: &log,
    };
    let mut progress = Progress::new(fx, &format!("{} {} {}", workspace.root, plan.flavour, plan.host.debian))?;
    let clean = objects.as_ref().is_none_or(|o| !o.any());
    let run = if plan.direct { direct::run } else { sbuild::run };
    objects.as_ref().map_or(Ok(()), Objects::begin)?;
    let ended = run(fx, &job, &mut progress);
    if let Some(objects) = objects.filter(|_| ended.is_ok() || outcome::by_itself(&log)) {
        objects.whole()?;
    }
    if ended.map_err(|e| outcome::failed(fx, &plan.out, &log, e))? == Did::Planned {
        return Ok(plan.out);
    }
    step.done("");
    if clean {
        progress.learn()?;
    }
    let (shares, cached) = launcher.report(fx, &log)?;
    expected.follow_compiler(adapted.symbols.keys());
    audit::built(fx, workspace, fresh.path(), &plan.suite, expected)
        .map_err(|e| outcome::keep_refused(fx, &plan.out, fresh.path(), e))?;

    let metadata = Metadata {
        substituted: source.substituted,
        compiler: parts.compiler,
        from_compiler: adapted.symbols,
        compiled_at: shares.into_iter().map(|s| (s.at, s.jobs)).collect(),
        cached: cached.map(|rate| (rate.hits, rate.hits + rate.misses)),
        files: metadata::sizes(fresh.path())?,
        seconds: start.elapsed().as_secs(),
        reproduce: plan.reproduce(args),
        ..plan.metadata(inputs, room, variables, metadata::tools(fx, plan.host)?)
    };
    fx.write(fresh.join(metadata::FILE), metadata::text(&metadata)?)?;
    fx.replace_dir(fresh.path(), &plan.out)?;
    fx.remove(outcome::failed_log(&plan.out))?;
    fx.remove(outcome::refused(&plan.out))?;
    report(fx, &plan.out)?;
    Ok(plan.out)
}

/// What the build's copy has instead of the tree's own: what another compiler than the series' answers, and the
/// modules that are wanted. `chroot`: where it is built, and the architecture of its programs.
fn adapt(
    fx: &Effects,
    plan: &Plan,
    parts: &Parts,
    repo: &git2::Repository,
    tree: git2::Oid,
    chroot: Option<(&Chroot, &'static Arch)>,
    ready: &Tree,
) -> Result<Adapted> {
    let fragment = Config::parse(&packaging::required(repo, tree, &fragment_path(&plan.flavour))?)?;
    let (dir, flavour) = (plan.packaging.dir(), plan.flavour.as_str());
    let configured = Configured {
        repo,
        tree,
        dir,
        flavour,
        host: plan.host,
        compiler: parts.compiler.as_deref(),
        fragment: &fragment,
    };
    let mut adapted = match chroot.filter(|_| plan.has_foreign_compiler()) {
        Some((chroot, own)) => compiler::adapt(fx, chroot, own, &configured, &ready.path)?,
        None => Adapted::default(),
    };
    if let Some(listing) = &plan.modules {
        trim::trim(fx, &configured, listing, &ready.path, &mut adapted.files)?;
    }
    Ok(adapted)
}

/// Only commits are built, and whoever edits a file and builds wants to know.
fn uncommitted(fx: &Effects, workspace: &Workspace) -> Result<()> {
    if let Some(left_out) = LeftOut::of(fx, &workspace.root)?.sentence() {
        fx.ui.warn(&format!("the build takes the last commit: {left_out}"));
    }
    Ok(())
}

/// The rest of a dry run, where there is no chroot yet to build in.
fn planned(fx: &Effects, plan: &Plan, chroot: &str, variables: &[String]) -> Result<Utf8PathBuf> {
    fx.ui.planned(&format!(
        "sbuild --chroot-mode=unshare --chroot={chroot}.tar --host={} '--debbuildopt=-Rmake -f {} {}' …",
        plan.host.debian,
        source::RULES,
        variables.join(" ")
    ));
    Ok(plan.out.clone())
}

fn say_substituted(fx: &Effects, suite: &str, source: &Source) {
    if !source.native.is_empty() {
        fx.ui.note(&format!(
            "     in this build's copy of the control file alone, what the build runs is asked for as `:native`: {}",
            source.native.join(" ")
        ));
    }
    let (dropped, renamed): (Vec<_>, Vec<_>) = source.substituted.iter().partition(|(_, by)| by.is_empty());
    for (name, by) in renamed {
        fx.ui.note(&format!("     {name} is {by} in {suite}"));
    }
    if !dropped.is_empty() {
        let names: Vec<&str> = dropped.iter().map(|(name, _)| name.as_str()).collect();
        fx.ui.note(&format!("     build dependencies of parts that are not built: {}", names.join(" ")));
    }
}

fn report(fx: &Effects, dir: &Utf8Path) -> Result<()> {
    let mut rows = vec![["PACKAGE", "SIZE"].map(str::to_owned).to_vec()];
    for deb in sbuild::packages(dir)? {
        rows.push(vec![deb.file_name().unwrap_or_default().to_owned(), bytes(fs_err::metadata(&deb)?.len())]);
    }
    fx.ui.table(&rows);
    fx.ui.note(&format!("in {dir}"));
    Ok(())
}
