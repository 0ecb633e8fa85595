// SPDX-License-Identifier: GPL-2.0-only
//! What is still on CPUs that are to be left alone, and what would move it.
//!
//! `commands` shows it. Reads only; what a user may not read is said to be unknown and never taken for fine.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use serde::Serialize;

use super::parameters::{Version, KTHREADS, MANAGED_IRQ};
use super::tasks::{self, Task};
use crate::formats::config::Config;
use crate::formats::cpu_list::CpuList;
use crate::formats::interrupts::Interrupts;

/// What is in the way. The words are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The kernel was started without the parameter.
    Parameter,
    Task,
    Kthread,
    Irq,
    Timer,
    Workqueue,
    Interrupts,
    /// Could not be looked at.
    Unknown,
}

/// One thing that disturbs, or may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Disturbance {
    pub kind: Kind,
    pub cpus: String,
    pub what: String,
    /// What would move it.
    pub mend: String,
}

/// The machine's CPUs.
pub struct Machine {
    root: Utf8PathBuf,
    pub there: CpuList,
}

impl Machine {
    /// The machine whose root directory this is; `None` where it does not say which CPUs it has.
    pub fn at(root: &Utf8Path) -> Option<Self> {
        let text = fs::read_to_string(root.join("sys/devices/system/cpu/online")).ok()?;
        Some(Self { root: root.to_owned(), there: text.parse().ok()? })
    }

    /// What `uname -r` says.
    pub fn release(&self) -> Option<String> {
        self.read("proc/sys/kernel/osrelease")
    }

    /// The configuration of a kernel that is installed here, where its package left one.
    pub fn config(&self, release: &str) -> Option<Config> {
        Some(Config::parse_lenient(&self.read(&format!("boot/config-{release}"))?))
    }

    /// Other CPUs of the same cores: what runs there takes half of a core from these.
    pub fn siblings(&self, cpus: &CpuList) -> CpuList {
        let of = |cpu| self.read(&format!("sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"));
        let all = cpus.iter().filter_map(|cpu| of(cpu)?.parse::<CpuList>().ok());
        all.flat_map(|list| list.iter().collect::<Vec<_>>()).collect::<CpuList>().without(cpus)
    }

    /// `/proc/interrupts` as it is now.
    pub fn interrupts(&self) -> Option<Interrupts> {
        Interrupts::parse(&fs::read_to_string(self.root.join("proc/interrupts")).ok()?)
    }

    /// Everything that stands still to be looked at.
    pub fn disturbances(&self, cpus: &CpuList, version: Version) -> Vec<Disturbance> {
        let rest = self.there.without(cpus);
        let mut found = self.parameters(cpus);
        found.extend(tasks::all(&self.root).iter().filter_map(|t| task(t, cpus, &rest, version)));
        found.extend(self.irqs(cpus, &rest, version));
        found.extend(self.timers(cpus));
        found.extend(self.workqueues(cpus, &rest));
        found
    }

    fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.root.join(path)).ok().map(|t| t.trim().to_owned())
    }

    fn parameters(&self, cpus: &CpuList) -> Vec<Disturbance> {
        let mut found = Vec::new();
        for (file, parameter, symbol) in
            [("isolated", "isolcpus=", "CPU_ISOLATION"), ("nohz_full", "nohz_full=", "NO_HZ_FULL")]
        {
            // A kernel without the feature has no such file; one without the parameter has one that says `(null)`.
            let text = self.read(&format!("sys/devices/system/cpu/{file}"));
            let has: CpuList = text.as_deref().unwrap_or_default().parse().unwrap_or_default();
            let missing = cpus.without(&has);
            if !missing.is_empty() {
                let what = format!("the kernel runs without {parameter} for them");
                let mend = match text {
                    Some(_) => "start it with what `cargo xtask isolate --cpus` prints".to_owned(),
                    None => format!("start a kernel with CONFIG_{symbol}; this one ignores the parameter"),
                };
                found.push(Disturbance { kind: Kind::Parameter, cpus: missing.to_string(), what, mend });
            }
        }
        found
    }

    /// Interrupts that are handled on these CPUs.
    fn irqs(&self, cpus: &CpuList, rest: &CpuList, version: Version) -> Vec<Disturbance> {
        let mut found = Vec::new();
        let entries = self.root.join("proc/irq").read_dir_utf8().into_iter().flatten().flatten();
        let mut numbers: Vec<u32> = entries.filter_map(|e| e.file_name().parse().ok()).collect();
        numbers.sort_unstable();
        for number in numbers {
            let list =
                |name: &str| self.read(&format!("proc/irq/{number}/{name}")).and_then(|t| t.parse::<CpuList>().ok());
            // Where it really goes; older kernels only say where it may.
            let effective = list("effective_affinity_list").filter(|l| !l.is_empty());
            let Some(on) = effective.or_else(|| list("smp_affinity_list")).map(|l| l.and(cpus)) else { continue };
            let handlers = self.handlers(number);
            if on.is_empty() || handlers.is_empty() {
                continue;
            }
            let what = format!("interrupt {number} ({handlers})");
            let managed = match version {
                v if v < MANAGED_IRQ => "a managed one cannot be moved before Linux 5.6",
                _ => "a managed one needs isolcpus=managed_irq",
            };
            let mend = format!("echo {rest} >/proc/irq/{number}/smp_affinity_list; {managed}");
            found.push(Disturbance { kind: Kind::Irq, cpus: on.to_string(), what, mend });
        }
        found
    }

    /// The names of what handles an interrupt: each has a directory.
    fn handlers(&self, number: u32) -> String {
        let entries = self.root.join(format!("proc/irq/{number}")).read_dir_utf8().into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.filter(|e| e.file_type().is_ok_and(|t| t.is_dir())).map(|e| e.file_name().to_owned()).collect();
        names.sort();
        names.join(", ")
    }

    /// Timers that are armed there, other than the tick itself.
    fn timers(&self, cpus: &CpuList) -> Vec<Disturbance> {
        let Some(text) = self.read("proc/timer_list") else {
            let what = "timers: /proc/timer_list cannot be read".to_owned();
            return vec![Disturbance {
                kind: Kind::Unknown,
                cpus: cpus.to_string(),
                what,
                mend: "run it as root".into(),
            }];
        };
        let mut found: Vec<(usize, BTreeMap<String, usize>)> = Vec::new();
        let mut here = None;
        for line in text.lines() {
            if let Some(cpu) = line.strip_prefix("cpu: ") {
                here = cpu.trim().parse::<usize>().ok().filter(|c| cpus.contains(*c));
                found.extend(here.map(|c| (c, BTreeMap::new())));
            } else if let (Some(_), Some((_, rest))) =
                (here, line.trim_start().strip_prefix('#').and_then(|l| l.split_once(": <")))
            {
                let function = rest.split(", ").nth(1).unwrap_or_default();
                if let Some((_, functions)) = found.last_mut().filter(|_| !function.starts_with("tick_")) {
                    *functions.entry(function.to_owned()).or_default() += 1;
                }
            }
        }
        let named = found.into_iter().filter(|(_, functions)| !functions.is_empty());
        named
            .map(|(cpu, functions)| Disturbance {
                kind: Kind::Timer,
                cpus: cpu.to_string(),
                what: format!("timers: {}", many(&functions)),
                mend: "end the task that set it, or set it on another CPU; echo 0 >/proc/sys/kernel/watchdog for the watchdog's".into(),
            })
            .collect()
    }

    /// Queues of work that is bound to no CPU and may run on these.
    fn workqueues(&self, cpus: &CpuList, rest: &CpuList) -> Vec<Disturbance> {
        let dir = "sys/devices/virtual/workqueue";
        let mut found = Vec::new();
        let mut paths = vec![format!("{dir}/cpumask")];
        let entries = self.root.join(dir).read_dir_utf8().into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.map(|e| e.file_name().to_owned()).collect();
        names.sort();
        paths.extend(names.iter().map(|name| format!("{dir}/{name}/cpumask")));
        for path in paths {
            let Some(mask) = self.read(&path).and_then(|text| CpuList::of_mask(&text)) else { continue };
            let on = mask.and(cpus);
            if !on.is_empty() {
                let name = path.trim_start_matches(dir).trim_matches('/').trim_end_matches("cpumask").trim_matches('/');
                let what = if name.is_empty() { "unbound work".to_owned() } else { format!("unbound work of {name}") };
                let mend = format!("echo {} >/{path}", rest.to_mask());
                found.push(Disturbance { kind: Kind::Workqueue, cpus: on.to_string(), what, mend });
            }
        }
        found
    }
}

/// `hrtimer_wakeup (12), watchdog_timer_fn`.
fn many(counted: &BTreeMap<String, usize>) -> String {
    let one = |(name, count): (&String, &usize)| if *count == 1 { name.clone() } else { format!("{name} ({count})") };
    counted.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// A task that ran on one of the CPUs and need not have.
fn task(task: &Task, cpus: &CpuList, rest: &CpuList, version: Version) -> Option<Disturbance> {
    // One that may only run there was put there.
    if !cpus.contains(task.cpu) || task.allowed.and(rest).is_empty() {
        return None;
    }
    let (kind, more) = match task.kernel {
        true if version < KTHREADS => (Kind::Kthread, "; from Linux 5.9 on nohz_full= does it"),
        true => (Kind::Kthread, "; nohz_full= on the command line does it for all"),
        false => (Kind::Task, ""),
    };
    Some(Disturbance {
        kind,
        cpus: task.cpu.to_string(),
        what: format!("{} ({})", task.name, task.id),
        mend: format!("taskset --cpu-list --pid {rest} {}{more}", task.id),
    })
}

/// What interrupted the CPUs between two looks, the most frequent first.
pub fn counted(before: &Interrupts, after: &Interrupts, cpus: &CpuList, seconds: f64) -> Vec<Disturbance> {
    let mut found = Vec::new();
    for line in &after.lines {
        let old = before.lines.iter().find(|l| l.name == line.name);
        let mut sum = 0;
        let mut on = Vec::new();
        for (column, cpu) in after.cpus.iter().enumerate().filter(|(_, cpu)| cpus.contains(**cpu)) {
            let was =
                before.cpus.iter().position(|c| c == cpu).and_then(|at| old?.counts.get(at)).copied().unwrap_or(0);
            let new = line.counts.get(column).map_or(0, |n| n.saturating_sub(was));
            sum += new;
            on.extend((new > 0).then_some(*cpu));
        }
        if sum > 0 {
            found.push((sum, line, on.into_iter().collect::<CpuList>()));
        }
    }
    found.sort_by_key(|(sum, ..)| std::cmp::Reverse(*sum));
    let per = |sum: u64| sum as f64 / seconds;
    let named = |(sum, line, on): (u64, &crate::formats::interrupts::Line, CpuList)| Disturbance {
        kind: Kind::Interrupts,
        cpus: on.to_string(),
        what: format!("{:.1} a second: {} {}", per(sum), line.name, line.what),
        mend: match line.name.as_str() {
            _ if line.is_timer() => "nohz_full=, and one task alone on the CPU",
            "RES" | "CAL" | "TLB" | "IWI" => "threads of one process on other CPUs too: keep it to its own",
            name if name.starts_with("IPI") => "threads of one process on other CPUs too: keep it to its own",
            name if name.bytes().all(|b| b.is_ascii_digit()) => "its smp_affinity_list, see above",
            "PMI" | "NMI" => "echo 0 >/proc/sys/kernel/nmi_watchdog",
            _ => "the kernel's own",
        }
        .to_owned(),
    };
    found.into_iter().map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(root: &Utf8Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn thread(root: &Utf8Path, id: u32, name: &str, flags: u64, cpu: usize, allowed: &str) {
        let zeros = "0 ".repeat(29);
        put(
            root,
            &format!("proc/{id}/task/{id}/stat"),
            &format!("{id} ({name}) S 2 0 0 0 -1 {flags} {zeros}{cpu} 0 0\n"),
        );
        put(root, &format!("proc/{id}/task/{id}/status"), &format!("Name:\t{name}\nCpus_allowed_list:\t{allowed}\n"));
    }

    /// A machine of four CPUs as it was recorded, CPU 3 isolated but for what each test adds.
    fn machine() -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from(dir.path().to_str().unwrap());
        put(&root, "sys/devices/system/cpu/online", "0-3\n");
        put(&root, "sys/devices/system/cpu/isolated", "3\n");
        put(&root, "sys/devices/system/cpu/nohz_full", "3\n");
        put(&root, "proc/timer_list", "cpu: 0\n #0: <0>, it_real_fn, S:01\ncpu: 3\n #0: <0>, tick_sched_timer, S:01\n");
        put(&root, "sys/devices/virtual/workqueue/cpumask", "7\n");
        put(&root, "sys/devices/virtual/workqueue/writeback/cpumask", "00000007\n");
        put(&root, "proc/irq/9/smp_affinity_list", "0-3\n");
        put(&root, "proc/irq/9/effective_affinity_list", "1\n");
        put(&root, "proc/irq/9/acpi/x", "");
        thread(&root, 20, "migration/3", KTHREAD, 3, "3");
        thread(&root, 21, "measure", 0, 3, "3");
        thread(&root, 22, "shell", 0, 1, "0-3");
        (dir, root)
    }

    const KTHREAD: u64 = 0x0020_0000;

    #[test]
    fn a_parameter_is_not_recommended_to_a_kernel_that_ignores_it() {
        let (_dir, root) = machine();
        fs::remove_file(root.join("sys/devices/system/cpu/nohz_full")).unwrap();
        let found = Machine::at(&root).unwrap().disturbances(&"3".parse().unwrap(), (5, 4));
        assert!(found.len() == 1 && found[0].mend.contains("CONFIG_NO_HZ_FULL"), "{found:?}");
    }

    fn found(root: &Utf8Path) -> Vec<(Kind, String)> {
        let machine = Machine::at(root).unwrap();
        machine.disturbances(&"3".parse().unwrap(), (5, 4)).into_iter().map(|d| (d.kind, d.what)).collect()
    }

    #[test]
    fn a_quiet_machine() {
        let (_dir, root) = machine();
        assert_eq!(found(&root), []);
    }

    #[test]
    fn each_disturbance_is_found() {
        type Change = fn(&Utf8Path);
        let table: &[(Change, Kind, &str)] = &[
            (|r| put(r, "sys/devices/system/cpu/nohz_full", "(null)\n"), Kind::Parameter, "nohz_full="),
            (|r| put(r, "sys/devices/system/cpu/isolated", "2\n"), Kind::Parameter, "isolcpus="),
            (|r| thread(r, 30, "browser", 0, 3, "0-3"), Kind::Task, "browser (30)"),
            (|r| thread(r, 31, "kswapd0", KTHREAD, 3, "0-3"), Kind::Kthread, "kswapd0 (31)"),
            (|r| put(r, "proc/irq/9/effective_affinity_list", "3\n"), Kind::Irq, "interrupt 9 (acpi)"),
            (|r| put(r, "proc/irq/9/effective_affinity_list", "\n"), Kind::Irq, "interrupt 9 (acpi)"),
            (
                |r| {
                    put(
                        r,
                        "proc/timer_list",
                        "cpu: 3\n #0: <0>, tick_nohz_handler, S:01\n #1: <0>, hrtimer_wakeup, S:01\n #2: <0>, hrtimer_wakeup, S:01\n",
                    )
                },
                Kind::Timer,
                "timers: hrtimer_wakeup (2)",
            ),
            (|r| fs::remove_file(r.join("proc/timer_list")).unwrap(), Kind::Unknown, "cannot be read"),
            (|r| put(r, "sys/devices/virtual/workqueue/cpumask", "f\n"), Kind::Workqueue, "unbound work"),
            (
                |r| put(r, "sys/devices/virtual/workqueue/writeback/cpumask", "f\n"),
                Kind::Workqueue,
                "unbound work of writeback",
            ),
        ];
        for (number, (change, kind, words)) in table.iter().enumerate() {
            let (_dir, root) = machine();
            change(&root);
            let found = found(&root);
            assert!(found.len() == 1 && found[0].0 == *kind && found[0].1.contains(words), "{number}: {found:?}");
        }
    }

    #[test]
    fn interrupts_are_counted_on_those_cpus_alone() {
        let before = Interrupts::parse("  CPU0 CPU3\n LOC: 10 10 Local timer\n 9: 0 5 chip acpi\n").unwrap();
        let after =
            Interrupts::parse("  CPU0 CPU3\n LOC: 999 30 Local timer\n 9: 7 6 chip acpi\n RES: 3 0 Resched\n").unwrap();
        let found = counted(&before, &after, &"3".parse().unwrap(), 10.0);
        let said: Vec<&str> = found.iter().map(|d| d.what.as_str()).collect();
        assert_eq!(said, ["2.0 a second: LOC Local timer", "0.1 a second: 9 chip acpi"]);
    }
}
