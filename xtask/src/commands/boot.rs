// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask boot [DIR]`: do these packages come up, and is the tick gone?

use std::time::Duration;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use crate::arch::{self, Arch};
use crate::boot::console::{self, Said};
use crate::boot::judge::{judge, Verdict, Want};
use crate::boot::qemu::{self, Machine};
use crate::boot::report::{self, Report};
use crate::boot::root::{self, Root};
use crate::boot::ticks::{self, Series};
use crate::build::archive::Archive;
use crate::build::chroot::{Chroot, Recipe};
use crate::build::{metadata, sbuild};
use crate::effects::Effects;
use crate::error::{Failure, Kind};
use crate::formats::config::Config;
use crate::formats::cpu_list::CpuList;
use crate::isolate::parameters::{parameters, version};
use crate::machine::{self, Use};
use crate::packages::audit::releases;
use crate::packages::built;
use crate::packages::release::Release;
use crate::packages::set::{Purpose, Set};
use crate::workspace::Workspace;

/// The flavour that others are compared with, where its packages are beside theirs.
const COMPARED_WITH: &str = "generic";
/// The CPU that is isolated; the other one does everything else.
const ISOLATED: usize = 1;
/// Seconds from the start of the busy loop to the first sample.
const SETTLE: u32 = 5;
/// Seconds that are measured, and those without a word after which a kernel hangs.
const SECONDS: u32 = 30;
const WATCHDOG: u32 = 180;

/// Boot packages in a virtual machine and count the timer interrupts of an isolated CPU
///
/// Installs them with dpkg into a minimal root of the suite, boots image and root in QEMU, loads the modules,
/// and keeps an isolated CPU busy, without and with `nohz_full=`. Without a path it is the set that was built
/// last. Ends with 8 when the kernel panics, 9 when it hangs, 10 when it is another one, 1 when a check fails.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A directory with packages
    pub dir: Option<Utf8PathBuf>,
    /// Architecture of the packages [default: what they say]
    #[arg(long)]
    pub arch: Option<String>,
    /// The suite whose root it is [default: the one they were built in]
    #[arg(long)]
    pub suite: Option<String>,
    /// What was measured, as JSON
    #[arg(long)]
    pub json: bool,
    /// Where the report goes [default: boot.html beside the packages]
    #[arg(long, value_name = "FILE")]
    pub report: Option<Utf8PathBuf>,
    /// How long the tick is measured
    #[arg(long, value_name = "SECONDS", default_value_t = SECONDS, value_parser = clap::value_parser!(u32).range(2..=600))]
    pub seconds: u32,
    /// A kernel that says nothing for so long hangs
    #[arg(long, value_name = "SECONDS", default_value_t = WATCHDOG, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub watchdog: u32,
}

impl Default for Args {
    fn default() -> Self {
        let (seconds, watchdog) = (SECONDS, WATCHDOG);
        Self { dir: None, arch: None, suite: None, json: false, report: None, seconds, watchdog }
    }
}

/// What is booted, decided before anything happens.
struct Plan {
    host: &'static Arch,
    machine: &'static Machine,
    suite: String,
    debs: Vec<Utf8PathBuf>,
    kernels: Vec<Kernel>,
    /// What the root must have beside the packages.
    needs: Vec<String>,
    report: Utf8PathBuf,
}

struct Kernel {
    release: Release,
    hz: Option<u32>,
    tickless: bool,
}

/// One boot. Field names are part of the interface.
#[derive(Debug, Serialize)]
struct Boot {
    release: String,
    nohz_full: bool,
    /// Did the processor itself run it, and not an emulation?
    helped: bool,
    passed: bool,
    wrong: Vec<String>,
    warnings: Vec<String>,
    modules: Vec<String>,
    cpus: Vec<Series>,
    #[serde(skip)]
    kind: Option<Kind>,
    #[serde(skip)]
    said: Said,
    #[serde(skip)]
    console: Vec<String>,
}

/// # Errors
/// See the README, "When it breaks".
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let workspace = Workspace::here()?;
    let dir = match &args.dir {
        Some(dir) => dir.clone(),
        None => built::newest(&workspace)?,
    };
    boot(fx, &workspace, &dir, &args)
}

/// Boots the packages in `dir` and reports.
///
/// # Errors
/// The kernel panics, hangs, is another one, or fails a check: each its own [`Kind`].
pub fn boot(fx: &Effects, workspace: &Workspace, dir: &Utf8Path, args: &Args) -> Result<()> {
    let plan = plan(fx, workspace, dir, args)?;
    machine::require(fx, plan.host, &[Use::of_chroot(plan.host)?, Use::Boot])?;
    let Some(chroot) = chroot(fx, workspace, &plan)? else { return planned(fx, &plan) };
    let step = fx.ui.step(&format!("install {} packages into a root of {}", plan.debs.len(), plan.suite));
    let root = Root::unpack(fx, &chroot.tar)?;
    let installed = root.install(&plan.debs)?;
    step.done("");

    let mut boots: Vec<Boot> = Vec::new();
    for kernel in &plan.kernels {
        let uname = kernel.release.uname();
        let (image, initrd) = (root.image(&uname)?, root.initrd(&uname)?);
        // Without the tick's own configuration there is nothing to switch off and on.
        for nohz_full in [false, true].into_iter().filter(|on| *on || kernel.tickless) {
            let seconds = if nohz_full { args.seconds } else { args.seconds.div_ceil(3) };
            let mut words = parameters(&cpus([ISOLATED]), &cpus(0..qemu::CPUS), version(&uname)?, nohz_full);
            words.push(format!("fork.cpu={ISOLATED} fork.settle={SETTLE} fork.seconds={seconds}"));
            let watchdog = Duration::from_secs(args.watchdog.into());
            let job = qemu::Job { image: &image, initrd: &initrd, parameters: &words, watchdog };
            let boot = one(fx, &plan, kernel, nohz_full, &job)?;
            let came_up = matches!(boot.kind, None | Some(Kind::Check));
            boots.push(boot);
            if !came_up {
                break;
            }
        }
    }
    let names: Vec<(String, String)> = installed.into_iter().collect();
    fx.write(&plan.report, report::html(&report_of(&plan, &boots, names)))?;
    if args.json {
        fx.ui.data(&serde_json::to_string_pretty(&boots)?);
    } else {
        show(fx, &boots);
    }
    fx.ui.note(&format!("  the report is {}", plan.report));
    verdict(&boots)
}

fn plan(fx: &Effects, workspace: &Workspace, dir: &Utf8Path, args: &Args) -> Result<Plan> {
    let record = metadata::read(dir);
    let mut dirs = vec![dir.to_owned()];
    dirs.extend(record.as_ref().and_then(|r| compared_with(dir, &r.architecture)));
    let step = fx.ui.step("read the packages");
    let set = Set::read(&dirs, Purpose::Audit, &|name| fx.ui.progress(name))?;
    step.done("");
    if let Some((file, error)) = set.broken.first() {
        fail!(Check, "{file} cannot be read: {error}"; "cargo xtask audit {dir}");
    }
    let Some(said) = set.architecture() else {
        fail!(Input, "there is no kernel for any architecture in {dir}"; "name a directory of packages that `cargo xtask build` made");
    };
    let host = arch::find(args.arch.as_deref().unwrap_or(said))?;
    if host.debian != said {
        fail!(Input, "the packages are for {said} and not for {}", host.debian; "leave --arch out");
    }
    let kernels: Vec<Kernel> =
        releases(&set).into_iter().filter(|r| has_image(&set, r)).map(|r| kernel(&set, r)).collect();
    if kernels.is_empty() {
        fail!(Input, "there is no image in {dir}"; "name a directory of packages that `cargo xtask build` made");
    }
    let suite = args.suite.clone().or(record.map(|r| r.suite)).unwrap_or_else(|| workspace.settings.series.clone());
    Ok(Plan {
        host,
        machine: qemu::machine(host)?,
        suite,
        debs: debs(&dirs)?,
        kernels,
        needs: root::needs(set.packages.iter(), &set),
        report: args.report.clone().unwrap_or_else(|| dir.join("boot.html")),
    })
}

/// The directory of the flavour to compare with, beside this one, for the same architecture.
fn compared_with(dir: &Utf8Path, architecture: &str) -> Option<Utf8PathBuf> {
    let beside = dir.canonicalize_utf8().ok()?.parent()?.read_dir_utf8().ok()?;
    let is_it = |path: &Utf8PathBuf| {
        metadata::read(path).is_some_and(|r| r.flavour == COMPARED_WITH && r.architecture == architecture)
    };
    beside.flatten().map(|e| e.into_path()).filter(|p| p.file_name() != dir.file_name()).find(is_it)
}

/// The files, each name once, without debugging symbols.
fn debs(dirs: &[Utf8PathBuf]) -> Result<Vec<Utf8PathBuf>> {
    let mut debs: Vec<Utf8PathBuf> = Vec::new();
    for dir in dirs {
        for deb in sbuild::packages(dir)? {
            let name = deb.file_name().unwrap_or_default();
            if !name.contains("-dbgsym_") && !debs.iter().any(|d| d.file_name() == Some(name)) {
                debs.push(deb);
            }
        }
    }
    Ok(debs)
}

fn has_image(set: &Set, release: &Release) -> bool {
    let uname = release.uname();
    ["linux-image-unsigned-", "linux-image-"].iter().any(|start| set.package(&format!("{start}{uname}")).is_some())
}

fn kernel(set: &Set, release: Release) -> Kernel {
    let path = format!("boot/config-{}", release.uname());
    let text = set.files().find(|(_, e, _)| e.path == path).and_then(|(_, _, c)| c.text.as_deref());
    let config = Config::parse_lenient(text.unwrap_or_default());
    let value = |symbol| config.get(symbol).map(|v| v.as_str().to_owned());
    let hz = value("HZ").and_then(|v| v.parse().ok());
    Kernel { release, hz, tickless: value("NO_HZ_FULL").as_deref() == Some("y") }
}

fn cpus(list: impl IntoIterator<Item = usize>) -> CpuList {
    list.into_iter().collect()
}

fn chroot(fx: &Effects, workspace: &Workspace, plan: &Plan) -> Result<Option<Chroot>> {
    let archive = Archive::of(fx, &workspace.settings, &plan.suite, &[plan.host], None)?;
    let recipe = Recipe { root: Some(plan.needs.clone()), ..Recipe::bare(&archive, vec![plan.host]) };
    recipe.make(fx)
}

/// The rest of a dry run, where there is no root yet.
fn planned(fx: &Effects, plan: &Plan) -> Result<()> {
    let names: Vec<&str> = plan.debs.iter().map(|d| d.as_str()).collect();
    fx.ui.planned(&format!("dpkg --install {}", names.join(" ")));
    for kernel in &plan.kernels {
        let uname = kernel.release.uname();
        let (image, initrd) = (format!("vmlinuz-{uname}"), format!("initrd-{uname}"));
        let parameters = parameters(&cpus([ISOLATED]), &cpus(0..qemu::CPUS), version(&uname)?, true);
        let (image, initrd, watchdog) = (Utf8Path::new(&image), Utf8Path::new(&initrd), Duration::ZERO);
        let job = qemu::Job { image, initrd, parameters: &parameters, watchdog };
        fx.ui.planned(&plan.machine.command(fx, &job).to_string());
    }
    Ok(())
}

fn one(fx: &Effects, plan: &Plan, kernel: &Kernel, nohz_full: bool, job: &qemu::Job) -> Result<Boot> {
    let uname = kernel.release.uname();
    let with = if nohz_full { "with" } else { "without" };
    let step = fx.ui.step(&format!("boot {uname} {with} nohz_full="));
    let (console, ended) = plan.machine.run(fx, job)?;
    let said = console::read(console.iter().map(String::as_str));
    let series = ticks::series(&said.samples);
    let want = Want { uname: uname.clone(), hz: kernel.hz, tickless: kernel.tickless, nohz_full, isolated: ISOLATED };
    let Verdict { kind, wrong, remarks } = judge(&said, ended, &series, &want);
    if kind.is_none() {
        let rate = series.iter().find(|s| s.cpu == ISOLATED).map_or(0.0, |s| s.rate);
        step.done(&format!("{rate:.2} timer interrupts a second on the busy isolated CPU"));
    }
    Ok(Boot {
        release: uname,
        nohz_full,
        helped: plan.machine.helped(),
        passed: kind.is_none(),
        wrong,
        warnings: remarks,
        modules: said.modules.iter().filter(|(_, answer)| answer.is_none()).map(|(name, _)| name.clone()).collect(),
        cpus: series,
        kind,
        said,
        console,
    })
}

fn show(fx: &Effects, boots: &[Boot]) {
    let heading = ["KERNEL", "nohz_full=", "ISOLATED CPU, TIMER/S", "OTHER CPU", "MODULES", "VERDICT"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    for boot in boots {
        let rate = |isolated: bool| {
            let series = boot.cpus.iter().find(|s| (s.cpu == ISOLATED) == isolated);
            series.map_or("-".to_owned(), |s| format!("{:.2}", s.rate))
        };
        rows.push(vec![
            boot.release.clone(),
            if boot.nohz_full { "yes" } else { "no" }.to_owned(),
            rate(true),
            rate(false),
            format!("{} of {}", boot.modules.len(), boot.said.installed),
            if boot.passed { "passed" } else { "failed" }.to_owned(),
        ]);
    }
    fx.ui.table(&rows);
}

fn report_of<'a>(plan: &Plan, boots: &'a [Boot], packages: Vec<(String, String)>) -> Report<'a> {
    let good = boots.iter().all(|b| b.passed);
    let names: Vec<String> = plan.kernels.iter().map(|k| k.release.uname()).collect();
    let runs = boots.iter().map(|boot| {
        let modules = if boot.modules.is_empty() { "none".to_owned() } else { boot.modules.join(", ") };
        report::Run {
            name: format!("{} {} nohz_full=", boot.release, if boot.nohz_full { "with" } else { "without" }),
            facts: vec![
                ("uname -r", boot.said.uname.clone().unwrap_or_default()),
                ("Command line", boot.said.cmdline.clone()),
                ("Machine", format!("{} CPUs, {}", qemu::CPUS, if boot.helped { "KVM" } else { "emulated" })),
                ("Modules", format!("{} installed; loaded: {modules}", boot.said.installed)),
            ],
            wrong: boot.wrong.clone(),
            remarks: boot.warnings.clone(),
            series: &boot.cpus,
            isolated: ISOLATED,
            console: &boot.console,
        }
    });
    Report {
        title: format!("Boot of {} ({})", names.join(" and "), plan.host.debian),
        verdict: if good { "Everything passed." } else { "Not everything passed." }.to_owned(),
        good,
        runs: runs.collect(),
        packages,
    }
}

/// The worst of them decides.
fn verdict(boots: &[Boot]) -> Result<()> {
    for kind in [Kind::Panic, Kind::Hang, Kind::WrongKernel, Kind::Check] {
        let Some(boot) = boots.iter().find(|b| b.kind == Some(kind)) else { continue };
        let with = if boot.nohz_full { "with" } else { "without" };
        let message = format!("{} {with} nohz_full=: {}", boot.release, boot.wrong.join("; "));
        return Err(Failure::new(kind, message).hint("the report has the whole console").into());
    }
    Ok(())
}
