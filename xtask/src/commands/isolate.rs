// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask isolate --cpus LIST`: kernel parameters that set CPUs apart, and what still disturbs them.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use camino::Utf8PathBuf;

use crate::effects::Effects;
use crate::formats::cpu_list::CpuList;
use crate::isolate::look::{counted, Disturbance, Machine};
use crate::isolate::parameters::{check, ignored, parameters, version};
use crate::isolate::plot::{self, Row};

/// Where the bootloader looks for the drop-in.
const DROP_IN: &str = "/etc/default/grub.d/50-isolate.cfg";

/// Set CPUs apart: the kernel's command line for it, and what still disturbs them
///
/// Prints the parameters and a drop-in for grub. With --check, on the machine that runs: tasks, kernel threads,
/// interrupts, timers and work queues that are still on those CPUs, each with what would move it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask isolate --cpus 47                       # kernel parameters, and a drop-in for grub
  cargo xtask isolate --cpus 47 --check               # what still disturbs it")]
pub struct Args {
    /// The CPUs, such as 47 or 2-5,7
    #[arg(long, value_name = "LIST")]
    pub cpus: CpuList,
    /// Look at this machine as it runs
    #[arg(long, conflicts_with_all = ["watch", "present", "release"])]
    pub check: bool,
    /// Plot the interrupts of the CPUs until Ctrl-C, or as long as --seconds says
    #[arg(long, conflicts_with_all = ["present", "release"])]
    pub watch: bool,
    /// For how long interrupts are counted [default: 5 for --check]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub seconds: Option<u32>,
    /// Print for another machine, which has these CPUs
    #[arg(long, value_name = "LIST")]
    pub present: Option<CpuList>,
    /// Print for this kernel release [default: the one that runs]
    #[arg(long)]
    pub release: Option<String>,
    /// What was found, as JSON
    #[arg(long, requires = "check")]
    pub json: bool,
    /// Read /proc and /sys below this directory
    #[arg(long, hide = true, default_value = "/")]
    pub root: Utf8PathBuf,
}

/// # Errors
/// The list does not fit the machine (3); something disturbs the CPUs (1).
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let machine =
        Machine::at(&args.root).with_context(|| format!("{} does not say which CPUs there are", args.root))?;
    let there = args.present.as_ref().unwrap_or(&machine.there);
    check(&args.cpus, there)?;
    let running = || machine.release().context("the machine does not say which kernel runs");
    let release = args.release.clone().map_or_else(running, Ok)?;
    let version = version(&release)?;
    if args.watch {
        return watch(fx, &machine, &args);
    }
    if !args.check {
        // Of another machine's kernel nothing is known here but its release.
        let config = machine.config(&release).filter(|_| args.present.is_none());
        for (parameter, symbol) in config.iter().flat_map(|c| ignored(c, version)) {
            fx.ui.warn(&format!("{release} is built without CONFIG_{symbol} and ignores `{parameter}`"));
        }
        let siblings = machine.siblings(&args.cpus);
        if args.present.is_none() && !siblings.is_empty() {
            fx.ui.warn(&format!(
                "CPU {siblings} shares a core with one of {}: isolate it too, or switch SMT off (`nosmt`)",
                args.cpus
            ));
        }
        let words = parameters(&args.cpus, there, version, true).join(" ");
        fx.ui.data(&words);
        fx.ui.data(&format!("\n# {DROP_IN}, then: update-grub"));
        fx.ui.data(&format!("GRUB_CMDLINE_LINUX_DEFAULT=\"$GRUB_CMDLINE_LINUX_DEFAULT {words}\""));
        return Ok(());
    }
    let mut found = machine.disturbances(&args.cpus, version);
    let seconds = args.seconds.unwrap_or(5);
    let step = fx.ui.step(&format!("count interrupts for {seconds} s"));
    let (before, start) = (machine.interrupts(), Instant::now());
    fx.wait(Duration::from_secs(seconds.into()))?;
    let both = before.zip(machine.interrupts()).context("/proc/interrupts cannot be read")?;
    found.extend(counted(&both.0, &both.1, &args.cpus, start.elapsed().as_secs_f64()));
    step.done("");
    if args.json {
        fx.ui.data(&serde_json::to_string_pretty(&found)?);
    } else if !found.is_empty() {
        show(fx, &found);
    }
    let things = if found.len() == 1 { "thing disturbs" } else { "things disturb" };
    if !found.is_empty() {
        fail!(Check, "{} {things} CPU {}", found.len(), args.cpus; "each line says what would move it");
    }
    fx.ui.note(&format!("  nothing disturbs CPU {}", args.cpus));
    Ok(())
}

fn show(fx: &Effects, found: &[Disturbance]) {
    let mut rows = vec![["CPU", "KIND", "WHAT", "WHAT WOULD MOVE IT"].map(str::to_owned).to_vec()];
    for one in found {
        let kind = format!("{:?}", one.kind).to_lowercase();
        rows.push(vec![one.cpus.clone(), kind, one.what.clone(), one.mend.clone()]);
    }
    fx.ui.table(&rows);
}

fn watch(fx: &Effects, machine: &Machine, args: &Args) -> Result<()> {
    let read = || machine.interrupts().context("/proc/interrupts cannot be read");
    let mut rows: Vec<Row> = args.cpus.iter().map(Row::new).collect();
    let (mut before, mut then) = (read()?, Instant::now());
    let mut drawn = 0;
    for _ in 0..args.seconds.unwrap_or(u32::MAX) {
        fx.wait(Duration::from_secs(1))?;
        let (after, now) = (read()?, Instant::now());
        let seconds = now.duration_since(then).as_secs_f64();
        for row in &mut rows {
            row.push(after.total(row.cpu()).saturating_sub(before.total(row.cpu())) as f64 / seconds);
        }
        drawn = fx.ui.redraw(&plot::lines(&rows), drawn);
        (before, then) = (after, now);
    }
    Ok(())
}
