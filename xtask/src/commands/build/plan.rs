// SPDX-License-Identifier: GPL-2.0-only
//! What `build` is to build, decided before anything happens.

use std::collections::BTreeMap;

use anyhow::Result;
use camino::Utf8PathBuf;

use super::super::{audit, replaced};
use super::Args;
use crate::arch::{self, Arch};
use crate::build::launcher::{Fork, Launcher};
use crate::build::metadata::{self, Metadata};
use crate::build::mode::Mode;
use crate::build::objects::Objects;
use crate::build::parts::{self, Build, Parts};
use crate::build::tree::Tree;
use crate::build::{apart, source, trim};
use crate::effects::{repository, Effects};
use crate::flavour::packaging::{self, Packaging};
use crate::fork::history::History;
use crate::fork::{here, stale};
use crate::formats::abi::Abi;
use crate::formats::changelog;
use crate::formats::config::Config;
use crate::formats::date::Snapshot;
use crate::formats::rules_mk;
use crate::formats::vars::Vars;
use crate::formats::version::Version;
use crate::machine::{self, disk::Kernel};
use crate::packages::audit::Expected;
use crate::packages::release::Release;
use crate::settings::{AbiOf, Suite};
use crate::workspace::{fragment_path, vars_path, Workspace};

/// What is to be built, decided before anything happens.
pub struct Plan {
    pub history: History,
    pub packaging: Packaging,
    pub flavour: String,
    pub host: &'static Arch,
    pub mode: Mode,
    pub accelerate: Option<&'static Arch>,
    /// Whose programs run during the build, where others are shipped.
    pub apart: Option<&'static Arch>,
    /// On the machine itself and in no chroot.
    pub direct: bool,
    pub suite: String,
    /// The suite that the vendor made this release for, and recorded its configuration with.
    pub recorded_in: String,
    pub snapshot: Option<Snapshot>,
    pub jobs: usize,
    pub launcher: Launcher,
    pub out: Utf8PathBuf,
    pub version: Version,
    /// What the packages' names and `uname -r` begin with.
    pub abi: Abi,
    /// The file of the flavour's modules, unless all are wanted.
    pub modules: Option<String>,
    /// With the packages of perf and its kind.
    pub tools: bool,
}

impl Plan {
    /// Is the compiler another one than that of the vendor's records? The fork's `series` says nothing about it: a
    /// lab may well have all of its focal kernels built in another suite.
    pub fn has_foreign_compiler(&self) -> bool {
        let own = self.recorded_in.split(['-', ' ']).next().unwrap_or_default();
        self.packaging.is_ubuntu() && self.suite != own
    }

    /// The build as far as the parts of the packaging follow from it. `chroot`: is it built in one?
    pub fn build<'a>(&'a self, suite: &'a Suite, chroot: bool) -> Build<'a> {
        Build {
            flavour: Some(&self.flavour),
            mode: self.mode,
            host: self.host,
            tools: self.tools,
            suite,
            foreign: chroot && self.has_foreign_compiler(),
        }
    }

    /// What the build takes on a disk.
    ///
    /// # Errors
    /// The tree has no configuration of the flavour.
    pub fn kernel(&self, repo: &git2::Repository, tree: git2::Oid) -> Result<Kernel> {
        let config = parts::configured(repo, tree, &self.packaging, &self.flavour, self.host)?;
        let count = |value: &str| config.iter().filter(|(_, v)| v.as_str() == value).count() as u64;
        let modules = match &self.modules {
            Some(listing) => trim::modules(repo, tree, listing)?.lines().count() as u64,
            None => count("m"),
        };
        let debug_info = config.get("DEBUG_INFO").is_some_and(|v| v.as_str() == "y");
        Ok(Kernel { symbols: count("y") + modules, debug_info, tools: self.tools })
    }

    /// Make variables for the packaging.
    ///
    /// # Errors
    /// The version has no ABI number.
    pub fn variables(&self, parts: &Parts) -> Result<Vec<String>> {
        let ubuntu = self.packaging.is_ubuntu();
        let mut variables = source::variables(&self.flavour, ubuntu, self.tools);
        variables.extend(self.mode.variables());
        variables.extend(parts.variables());
        if self.tools && self.has_foreign_compiler() {
            // What a newer compiler warns of is no fault of old tools: perf and its libraries would stop at it.
            variables.push("WERROR=0".to_owned());
        }
        if self.abi != self.version.abi()? {
            variables.push(format!("abinum={}", self.abi.abinum));
        }
        if let Some(own) = self.apart {
            variables.extend(apart::variables(own));
        }
        Ok(variables)
    }

    /// The record of the build, as far as it is known before.
    pub fn metadata(
        &self,
        inputs: String,
        chroot: String,
        variables: Vec<String>,
        tools: BTreeMap<String, String>,
    ) -> Metadata {
        Metadata {
            inputs,
            tag: self.history.root.tag.name().to_owned(),
            commit: self.history.tip.to_string(),
            version: self.version.as_str().to_owned(),
            flavour: self.flavour.clone(),
            architecture: self.host.debian.to_owned(),
            mode: self.mode.to_string(),
            suite: self.suite.clone(),
            chroot,
            tools,
            variables,
            ..Metadata::default()
        }
    }

    /// The command that makes the same packages.
    pub fn reproduce(&self, args: &Args) -> String {
        let options = [
            (self.mode == Mode::Emulated && self.accelerate.is_none(), " --no-accelerate"),
            (self.direct, " --host"),
            (args.no_trim, " --no-trim"),
            (self.tools, " --tools"),
        ];
        format!(
            "git checkout {} && cargo xtask build {} --{}{} --flavour {} --suite {}{}",
            self.history.tip,
            self.host.debian,
            self.mode,
            options.iter().filter(|(on, _)| *on).map(|(_, option)| *option).collect::<String>(),
            self.flavour,
            self.suite,
            self.snapshot.as_ref().map_or(String::new(), |date| format!(" --snapshot {}", date.as_str())),
        )
    }

    /// The objects that earlier builds of this flavour, architecture and mode have left.
    ///
    /// # Errors
    /// Another build is using them, or the kept tree.
    pub fn objects<'a>(
        &self,
        fx: &'a Effects,
        workspace: &Workspace,
        tree: &Tree,
        chroot: &str,
        variables: &[String],
    ) -> Result<Objects<'a>> {
        if !tree.is_kept() {
            fail!(Repository, "another build is using the kept tree for another commit"; "wait for it to end, or build without --incremental");
        }
        let Plan { flavour, host, mode, .. } = self;
        let key = format!("{flavour} {} {mode}", host.debian);
        // The tree's own place: kept anew, all its files are new too.
        let made_by = format!("1 {chroot} {} {variables:?} {}", self.history.root.tag.name(), tree.path);
        Objects::ready(fx, &workspace.root, &key, made_by)
    }
}

/// Reads the branch, its settings and the arguments.
///
/// # Errors
/// The branch is no fork or has no flavours; a name or a wish that makes no sense.
pub fn plan(fx: &Effects, workspace: &Workspace, args: &Args) -> Result<Plan> {
    let settings = &workspace.settings;
    let host = arch::find(args.arch.as_deref().unwrap_or(&settings.architecture))?;
    let mode = Mode::choose(args.native, args.cross, args.emulated, host)?;
    let flavour = match &args.flavour {
        Some(f) => f.clone(),
        None => workspace.first_flavour()?.to_owned(),
    };
    let setting = settings.flavour(&flavour)?;
    let suite = args.suite.clone().unwrap_or_else(|| settings.series.clone());
    settings.suite(&suite)?;
    if args.host {
        if mode != Mode::Native {
            fail!(Input, "--host builds on this machine, which is not {}", host.debian; "--cross or --emulated");
        }
        let runs = machine::codename()?;
        if runs != suite {
            fail!(Input, "--host builds with what is installed here, and this machine runs {runs}, not {suite}";
                "without --host it is built in a chroot of {suite}");
        }
    }

    let repo = repository(&workspace.root)?;
    let (head, history) = (here::commit(&repo)?, here::history(&repo)?);
    stale::generated(&repo, &history)?;
    let packaging = Packaging::of(&repo, head.tree_id())?;
    let changelog = packaging::required(&repo, head.tree_id(), &format!("{}/changelog", packaging.dir()))?;
    let header = changelog::top(&changelog)?.header;
    let version = header.version;
    let vars = packaging::required(&repo, head.tree_id(), &vars_path(&flavour))?;
    let vars = Vars::parse(&vars)?;
    if !vars.architectures().any(|a| a == host.debian) {
        fail!(Input, "flavour `{flavour}` is not for {}", host.debian;
            "`arch` in {} says what it is for", vars_path(&flavour));
    }
    let accelerate = mode.accelerate(!args.no_accelerate)?;
    let plain = if mode == Mode::Emulated && accelerate.is_none() { "-plain" } else { "" };
    let direct = if args.host { "-host" } else { "" };
    let name = format!("{flavour}-{}-{mode}{plain}{direct}", host.debian);
    let out = match &args.out {
        Some(out) => out.clone(),
        None => workspace.sibling("packages")?.join(version.as_str()).join(name),
    };
    let out = replaced::directory(&out, metadata::FILE, "--out", &workspace.root)?;
    let abi = match setting.abi {
        AbiOf::Vendor => version.abi()?,
        AbiOf::Unique => version.abi()?.unique(history.tip.as_bytes()),
    };
    let apart = mode.apart(accelerate)?;
    if args.tools {
        has_tools(&repo, head.tree_id(), &packaging, host)?;
        if mode == Mode::Cross && !machine::runs(host)? {
            fail!(Machine, "programs of {} do not run here, and perf makes and runs some on the way", host.debian;
                "`cargo xtask doctor --fix` registers qemu for them; without --tools it is built as it is");
        }
    }
    let modules = setting.modules.clone().filter(|_| !args.no_trim);
    if let Some(listing) = &modules {
        trim::modules(&repo, head.tree_id(), listing)?;
    }
    let fork = Fork { repository: workspace.root.clone(), vendor: settings.url.clone() };
    let launcher = Launcher { farm: args.farm.clone(), ccache: args.ccache.then_some(fork) };
    let jobs = args
        .jobs
        .map(usize::from)
        .or(launcher.jobs())
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let plan = Plan {
        history,
        packaging,
        flavour,
        host,
        mode,
        accelerate,
        apart,
        direct: args.host,
        suite,
        recorded_in: header.distribution,
        snapshot: args.snapshot.clone(),
        jobs,
        launcher,
        out,
        version,
        abi,
        modules,
        tools: args.tools,
    };
    if plan.direct && plan.has_foreign_compiler() {
        fail!(Input, "the vendor has recorded the configuration in {}, and {} has another compiler", plan.recorded_in, plan.suite;
            "without --host it is built in a chroot, where the configuration is adapted to the compiler");
    }
    stale::current(fx, &repo, &plan.history)?;
    Ok(plan)
}

/// Whether the tree has tools to build, for this architecture.
fn has_tools(repo: &git2::Repository, tree: git2::Oid, packaging: &Packaging, host: &Arch) -> Result<()> {
    if packaging::text(repo, tree, "tools/perf/Makefile")?.is_none() {
        fail!(Input, "this tree has no tools/perf"; "build without --tools");
    }
    let rules = packaging::text(repo, tree, &format!("{}/rules.d/{}.mk", packaging.dir(), host.debian))?;
    if rules.and_then(|rules| rules_mk::variable(&rules, "do_tools")).as_deref() == Some("false") {
        fail!(Input, "the vendor builds no tools for {}", host.debian; "build without --tools");
    }
    Ok(())
}

/// Names everything that the packages follow from.
///
/// # Errors
/// None that one would see.
pub fn inputs(plan: &Plan, chroot: &str, variables: &[String]) -> Result<String> {
    let Plan { history, flavour, host, mode, modules, .. } = plan;
    let text = format!("1 {} {flavour} {} {mode} {chroot} {variables:?} {modules:?}", history.tip, host.debian);
    Ok(git2::Oid::hash_object(git2::ObjectType::Blob, text.as_bytes())?.to_string())
}

/// What the audit is to find: a set that is not this is not built.
///
/// # Errors
/// The fragment or the annotations cannot be read.
pub fn expected(plan: &Plan, repo: &git2::Repository, tree: git2::Oid) -> Result<Expected> {
    let fragment = Config::parse(&packaging::required(repo, tree, &fragment_path(&plan.flavour))?)?;
    let annotated = audit::expected::annotated(repo, tree, &plan.flavour, plan.host.debian, &BTreeMap::new())?;
    Ok(Expected {
        release: Some(Release { abi: plan.abi.uname(), flavour: plan.flavour.clone() }),
        architecture: Some(plan.host.debian.to_owned()),
        fragments: BTreeMap::from([(plan.flavour.clone(), fragment)]),
        annotations: annotated.into_iter().collect(),
        tools: plan.tools,
        offered: None,
    })
}
