// SPDX-License-Identifier: GPL-2.0-only
//! Programs of another architecture run through qemu-user by the kernel's binfmt_misc. The entry needs the
//! F flag: with it the interpreter is opened once, outside, and so is found inside every chroot.

use fs_err as fs;
use std::path::Path;

use super::{Mend, Need, Use};
use crate::arch::{self, Arch, QEMU_CPU};

/// A cross build does without: it makes its own programs in two kinds then.
const NEEDED_BY: &[Use] = &[Use::Emulated, Use::Boot];

const DIR: &str = "/proc/sys/fs/binfmt_misc";

pub(super) fn look(host: &Arch) -> Need {
    let entry = format!("qemu-{}", host.qemu);
    let state = fs::read_to_string(format!("{DIR}/{entry}")).ok();
    if state.as_deref().is_some_and(is_good) {
        return Need::ok("emulation", NEEDED_BY, format!("{entry} is registered with the F flag"));
    }
    let mut mend = Vec::new();
    if !Path::new(DIR).join("register").exists() {
        // What the kernel has registered already is seen only then.
        mend.push(Mend::new(&["mount", "-t", "binfmt_misc", "none", DIR]));
    } else {
        if state.is_some() {
            // There, but switched off or without F: taken out, to be registered anew.
            mend.push(Mend::new(&["tee", &format!("{DIR}/{entry}")]).stdin("-1"));
        }
        match registration(&entry) {
            Some(line) => mend.push(Mend::new(&["tee", &format!("{DIR}/register")]).stdin(line)),
            // Ubuntu 22.04 has it in the database of binfmt-support; neither is there before qemu is installed.
            None if Path::new("/usr/sbin/update-binfmts").exists() => {
                mend.push(Mend::new(&["update-binfmts", "--enable", &entry]));
            }
            None => {}
        }
    }
    let what = format!("{} programs cannot be run (binfmt_misc entry {entry} with the F flag)", host.debian);
    Need::missing("emulation", NEEDED_BY, what)
        .mend(mend)
        .hint("inside a container the host's administrator has to register it")
}

/// Programs of `host` are run as on a processor that is imitated fast, from here on: in everything that this process
/// starts. What the person has set stays; what was set for another architecture before does not, which qemu would
/// refuse for this one.
pub(super) fn imitate(host: &Arch) {
    let theirs = std::env::var(QEMU_CPU).is_ok_and(|cpu| !arch::is_imitated(&cpu));
    match host.imitated.filter(|_| !theirs) {
        Some(cpu) => std::env::set_var(QEMU_CPU, cpu),
        None if theirs => {}
        None => std::env::remove_var(QEMU_CPU),
    }
}

/// The line that the qemu package ships for systemd-binfmt.
fn registration(entry: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/usr/lib/binfmt.d/{entry}.conf")).ok()?;
    text.lines().find(|l| l.starts_with(':')).map(str::to_owned)
}

/// Is an entry, as the kernel shows it, switched on and with the F flag?
fn is_good(state: &str) -> bool {
    state.lines().next() == Some("enabled")
        && state.lines().any(|l| l.strip_prefix("flags:").is_some_and(|f| f.contains('F')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_architecture_is_imitated_as_itself() {
        let (arm64, armhf) = (arch::find("arm64").unwrap(), arch::find("armhf").unwrap());
        let set = || std::env::var(QEMU_CPU).ok();
        std::env::remove_var(QEMU_CPU);
        for (host, cpu) in [(arm64, Some("cortex-a57")), (armhf, None), (arm64, Some("cortex-a57"))] {
            imitate(host);
            assert_eq!(set().as_deref(), cpu);
        }
        std::env::set_var(QEMU_CPU, "theirs");
        for host in [arm64, armhf] {
            imitate(host);
            assert_eq!(set().as_deref(), Some("theirs"));
        }
        std::env::remove_var(QEMU_CPU);
    }

    #[test]
    fn the_flag_and_the_switch_count() {
        assert!(is_good("enabled\ninterpreter /usr/bin/qemu\nflags: POF\noffset 0\n"));
        assert!(!is_good("enabled\ninterpreter /usr/bin/qemu-F\nflags: PO\noffset 0\n"));
        assert!(!is_good("disabled\ninterpreter /usr/bin/qemu\nflags: F\n"));
    }
}
