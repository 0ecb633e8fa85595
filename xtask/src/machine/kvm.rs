// SPDX-License-Identifier: GPL-2.0-only
//! What kernels are booted in: a virtual machine, and KVM, with which one of this machine's own architecture
//! boots at full speed.

use super::{Need, State, Use};
use crate::arch::Arch;

pub(super) fn look(host: &Arch, foreign: bool) -> Need {
    if host.machine.is_none() {
        return Need::missing("kvm", &[Use::Boot], format!("there is no virtual machine here for {}", host.debian))
            .hint("boot its kernels on a machine of that kind");
    }
    if foreign {
        return Need::ok("kvm", &[Use::Boot], format!("not used: {} is not this machine's architecture", host.debian));
    }
    match fs_err::OpenOptions::new().read(true).write(true).open("/dev/kvm") {
        Ok(_) => Need::ok("kvm", &[Use::Boot], "/dev/kvm can be used"),
        Err(e) => Need::new(
            "kvm",
            &[Use::Boot],
            State::Advice,
            format!("/dev/kvm: {e}: kernels boot without it, many times slower"),
        )
        .hint("add yourself to the group kvm; in a virtual machine its host has to allow nesting"),
    }
}
