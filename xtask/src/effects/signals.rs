// SPDX-License-Identifier: GPL-2.0-only
//! SIGINT (Ctrl-C), SIGTERM, SIGQUIT and SIGHUP set a flag; whoever waits for a child looks at it.
//!
//! So an interruption becomes an ordinary error, and every destructor (scratch directories above all)
//! runs on the way out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use anyhow::Result;
use fs_err as fs;

static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();
static TO_END: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Registers the flag. A second signal does nothing more: `timeout` and CI runners send each one twice, to
/// the process and to its group, and clean-up must survive that.
pub fn install() -> Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    let flag = INTERRUPTED.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM, SIGQUIT, SIGHUP] {
        // `nohup` means that a terminal which goes away is no reason to end.
        if signal == SIGHUP && ignored(signal) {
            continue;
        }
        signal_hook::flag::register(signal, Arc::clone(flag))?;
        if matches!(signal, SIGTERM | SIGHUP) {
            signal_hook::flag::register(signal, Arc::clone(TO_END.get_or_init(Arc::default)))?;
        }
    }
    // What a child leaves behind when it is killed becomes our child, and so can be found.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    Ok(())
}

/// Was this process started with the signal ignored?
fn ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).map(str::trim);
    mask.and_then(|mask| u64::from_str_radix(mask, 16).ok()).is_some_and(|mask| (mask >> (signal - 1)) & 1 == 1)
}

/// Kills every process below this one: those that a killed sbuild leaves running in its chroot, above all.
pub fn end_descendants() {
    // A process that is killed hands its children up, so one look is not enough.
    for _ in 0..50 {
        let below = descendants();
        if below.is_empty() {
            return;
        }
        for pid in below {
            if let Some(pid) = rustix::process::Pid::from_raw(pid) {
                // It may have ended in the meantime.
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
                let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::NOHANG);
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// The processes below this one that run (a zombie has ended).
fn descendants() -> Vec<i32> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<i32>().ok()) else { continue };
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        // The name in parentheses may hold anything; behind the last one come state and parent.
        let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let (state, parent) = (fields.next(), fields.next().and_then(|p| p.parse::<i32>().ok()));
        if let (Some(state), Some(parent)) = (state, parent) {
            parents.push((pid, parent, state != "Z"));
        }
    }
    let mut below = vec![rustix::process::getpid().as_raw_nonzero().get()];
    let mut at = 0;
    while let Some(pid) = below.get(at).copied() {
        below.extend(parents.iter().filter(|(_, parent, _)| *parent == pid).map(|(child, _, _)| *child));
        at += 1;
    }
    below.iter().skip(1).copied().filter(|pid| parents.iter().any(|(p, _, runs)| p == pid && *runs)).collect()
}

/// Was this process told to end, other than by a key, which a program on the terminal sees itself?
pub fn told_to_end() -> bool {
    TO_END.get().is_some_and(|f| f.load(Ordering::Relaxed))
}

/// For unit tests, which share a process: whoever ends all that runs below it writes, whoever starts a program reads.
#[cfg(test)]
pub static CHILDREN: std::sync::RwLock<()> = std::sync::RwLock::new(());

/// Has the person asked to stop?
pub fn interrupted() -> bool {
    INTERRUPTED.get().is_some_and(|f| f.load(Ordering::Relaxed))
}
