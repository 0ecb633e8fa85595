// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask boot [DIR]`: do these packages come up, and is the tick gone?

mod plan;

use std::time::Duration;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use self::plan::{Kernel, Plan};
use super::audit;
use crate::boot::console::{self, Said};
use crate::boot::judge::{judge, Verdict, Want};
use crate::boot::module::{self, Made};
use crate::boot::qemu;
use crate::boot::report::{self, Report};
use crate::boot::root::Root;
use crate::boot::ticks::{self, Series};
use crate::build::archive::Archive;
use crate::build::chroot::{Chroot, Recipe};
use crate::build::metadata;
use crate::effects::{text_plain, Effects};
use crate::error::{Failure, Kind};
use crate::formats::cpu_list::CpuList;
use crate::isolate::parameters::{parameters, version};
use crate::machine::{self, Use};
use crate::packages::built;
use crate::ui::count;
use crate::workspace::Workspace;

/// The CPU that is isolated; the other one does everything else.
const ISOLATED: usize = 1;
/// Seconds from the start of the busy loop to the first sample.
const SETTLE: u32 = 5;
/// Seconds that are measured, and those without a word after which a kernel hangs.
const SECONDS: u32 = 30;
const WATCHDOG: u32 = 180;
/// The report, beside the packages.
const REPORT: &str = "boot.html";

/// Boot packages in a virtual machine and count the timer interrupts of an isolated CPU
///
/// Installs them with dpkg into a minimal root of the suite, boots image and root in QEMU, loads the modules,
/// and keeps an isolated CPU busy, without and with `nohz_full=`. Without a path it is the set that was built
/// last. Ends with 8 when the kernel panics, 9 when it hangs, 10 when it is another one, 1 when a check fails.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask boot                                    # the set built last
  cargo xtask boot DIR --report /tmp/boot.html --seconds 60")]
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
    /// Also compile a small module against the headers, and load it
    #[arg(long)]
    pub build_module: bool,
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
        Self { dir: None, arch: None, suite: None, json: false, report: None, build_module: false, seconds, watchdog }
    }
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

impl Boot {
    /// Timer interrupts a second on the isolated CPU, or on one of the others.
    fn rate(&self, isolated: bool) -> Option<f64> {
        self.cpus.iter().find(|s| (s.cpu == ISOLATED) == isolated).map(|s| s.rate)
    }

    fn name(&self) -> String {
        name(&self.release, self.nohz_full)
    }

    fn tick(&self) -> String {
        format!("{:.2} timer interrupts a second on the busy isolated CPU", self.rate(true).unwrap_or_default())
    }
}

/// What a boot is called.
fn name(release: &str, nohz_full: bool) -> String {
    format!("{release} {} nohz_full=", if nohz_full { "with" } else { "without" })
}

/// # Errors
/// See the README, "When it breaks".
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let workspace = Workspace::here()?;
    let dir = match &args.dir {
        Some(dir) => dir.clone(),
        None => built::newest(&workspace)?,
    };
    boot(fx, &workspace, &dir, &args)?;
    Ok(())
}

/// Boots the packages in `dir` and reports; a sentence for each boot.
///
/// # Errors
/// The kernel panics, hangs, is another one, or fails a check: each its own [`Kind`].
pub fn boot(fx: &Effects, workspace: &Workspace, dir: &Utf8Path, args: &Args) -> Result<Vec<String>> {
    let plan = plan::plan(fx, workspace, dir, args)?;
    machine::require(fx, plan.host, &[Use::of_chroot(plan.host)?, Use::Boot])?;
    let Some(chroot) = chroot(fx, workspace, &plan)? else {
        planned(fx, &plan)?;
        return Ok(Vec::new());
    };
    let mut made = Made::default();
    if args.build_module {
        made = audit::build_module(fx, workspace, &plan.suite, &plan.debs, &plan.set)?;
    }
    if let Some(finding) = made.found.first() {
        fail!(Check, "{}: {}", finding.package, finding.what; "cargo xtask audit --build-module {dir}");
    }
    let step = fx.ui.step(&format!("install {} into a root of {}", count(plan.debs.len(), "package"), plan.suite));
    let root = Root::unpack(fx, &chroot.tar)?;
    let installed = root.install(&plan.debs)?;
    for (uname, module) in &made.modules {
        root.add_module(uname, module::FILE, module)?;
    }
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
    let measured = serde_json::to_string_pretty(&boots)?;
    fx.write(&plan.report, report::html(&report_of(&plan, &boots, names)))?;
    fx.write(plan.report.with_extension("json"), &measured)?;
    if args.json {
        fx.ui.data(&measured);
    } else {
        show(fx, &boots);
    }
    fx.ui.note(&format!("  the report is {}", plan.report));
    verdict(&boots)?;
    Ok(boots.iter().map(|boot| format!("{}: {}", boot.name(), boot.tick())).collect())
}

/// Have the packages in `dir` come up since they were built, with every check passed?
pub fn passed_before(dir: &Utf8Path) -> bool {
    #[derive(serde::Deserialize)]
    struct Verdict {
        passed: bool,
    }
    let written = |file: &str| fs_err::metadata(dir.join(file)).and_then(|m| m.modified()).ok();
    let verdicts = text_plain(&dir.join(REPORT).with_extension("json")).unwrap_or_default();
    let verdicts: Vec<Verdict> = serde_json::from_str(&verdicts).unwrap_or_default();
    let passed = !verdicts.is_empty() && verdicts.iter().all(|v| v.passed);
    passed && written(REPORT) > written(metadata::FILE)
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
    let step = fx.ui.step(&format!("boot {}", name(&uname, nohz_full)));
    let (console, ended) = plan.machine.run(fx, job)?;
    let said = console::read(console.iter().map(String::as_str));
    let series = ticks::series(&said.samples);
    let want = Want { uname: uname.clone(), hz: kernel.hz, tickless: kernel.tickless, nohz_full, isolated: ISOLATED };
    let Verdict { kind, wrong, remarks } = judge(&said, ended, &series, &want);
    let boot = Boot {
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
    };
    if boot.passed {
        step.done(&boot.tick());
    }
    Ok(boot)
}

fn show(fx: &Effects, boots: &[Boot]) {
    let heading = ["KERNEL", "nohz_full=", "ISOLATED CPU, TIMER/S", "OTHER CPU", "MODULES", "VERDICT"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    for boot in boots {
        let rate = |isolated| boot.rate(isolated).map_or("-".to_owned(), |rate| format!("{rate:.2}"));
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
            name: boot.name(),
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
        let message = format!("{}: {}", boot.name(), boot.wrong.join("; "));
        return Err(Failure::new(kind, message).hint("the report has the whole console").into());
    }
    Ok(())
}
