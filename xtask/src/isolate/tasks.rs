// SPDX-License-Identifier: GPL-2.0-only
//! The tasks of a machine and the CPUs they are on: `/proc/PID/task/TID/{stat,status}`.
//!
//! `look` asks. A task may be gone in the next moment: what cannot be read is left out.

use camino::Utf8Path;
use fs_err as fs;

use crate::formats::cpu_list::CpuList;

/// PF_KTHREAD of include/linux/sched.h.
const KTHREAD: u64 = 0x0020_0000;

/// One thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    pub id: u32,
    pub name: String,
    /// Is it one of the kernel's own?
    pub kernel: bool,
    /// The CPU that it ran on last.
    pub cpu: usize,
    /// Where it may run.
    pub allowed: CpuList,
}

/// All threads of the machine whose root directory this is.
pub fn all(root: &Utf8Path) -> Vec<Task> {
    let numbers = |dir: &Utf8Path| -> Vec<u32> {
        let entries = dir.read_dir_utf8().into_iter().flatten().flatten();
        entries.filter_map(|e| e.file_name().parse().ok()).collect()
    };
    let proc = root.join("proc");
    let mut tasks = Vec::new();
    for process in numbers(&proc) {
        let dir = proc.join(process.to_string()).join("task");
        for id in numbers(&dir) {
            let read = |name: &str| fs::read_to_string(dir.join(id.to_string()).join(name)).ok();
            let task = read("stat").zip(read("status")).and_then(|(stat, status)| task(id, &stat, &status));
            tasks.extend(task);
        }
    }
    tasks.sort_by_key(|t| t.id);
    tasks
}

/// proc_pid_stat(5): the name in parentheses may hold anything; behind the last one come state, parent, group,
/// session, terminal, its group, flags (the 9th field of all), and the CPU as the 39th.
fn task(id: u32, stat: &str, status: &str) -> Option<Task> {
    let (before, after) = stat.rsplit_once(')')?;
    let name = before.split_once('(')?.1.to_owned();
    let fields: Vec<&str> = after.split_whitespace().collect();
    let flags: u64 = fields.get(6)?.parse().ok()?;
    let cpu = fields.get(36)?.parse().ok()?;
    let allowed = status.lines().find_map(|l| l.strip_prefix("Cpus_allowed_list:"))?.parse().ok()?;
    Some(Task { id, name, kernel: flags & KTHREAD != 0, cpu, allowed })
}

#[cfg(test)]
mod tests {
    use super::task;

    #[test]
    fn a_name_may_hold_anything() {
        let rest = "S 2 0 0 0 -1 69238880 0 0 0 0 0 9 0 0 20 0 1 0 3 0 0 18446744073709551615 0 0 0 0 0 0 0 2147483647 0 0 0 0 17 3 0 0";
        let status = "Name:\tx\nCpus_allowed:\t8\nCpus_allowed_list:\t3\n";
        let found = task(7, &format!("7 (kwork) 1 (er) {rest}"), status).unwrap();
        assert_eq!((found.name.as_str(), found.cpu, found.allowed.to_string()), ("kwork) 1 (er", 3, "3".to_owned()));
        assert!(found.kernel);
        for (stat, status) in [("", status), ("7 (x) S 1", status), (&format!("7 (x) {rest}"), "Name:\tx\n")] {
            assert_eq!(task(7, stat, status), None);
        }
    }
}
