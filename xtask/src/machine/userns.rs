// SPDX-License-Identifier: GPL-2.0-only
//! User namespaces: chroots without root, and Kconfig's sandbox.
//!
//! Tried and not read from a switch: distributions have had four different ones. Ubuntu 24.04 lets anybody
//! make a user namespace and then has AppArmor take its rights away, so the try is one that needs them.

use anyhow::Result;
use fs_err as fs;
use xshell::cmd;

use super::{Mend, Need, Use};
use crate::effects::{Effects, Run};
use crate::sandbox::Sandbox;

/// Switches that forbid them: the value that does, and the one that mends it.
const SWITCHES: &[(&str, &str, &str)] = &[
    ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
    ("kernel.unprivileged_userns_clone", "0", "1"),
    ("user.max_user_namespaces", "0", "65536"),
];

pub(super) fn look(fx: &Effects) -> Result<Need> {
    let works = |program: &str, args: &[&str]| {
        // A program that is missing is the packages' matter.
        fx.read(Run::from(fx.sh.cmd(program).args(args)).any_status()).is_ok_and(|o| o.status.success())
    };
    let unshare = works("unshare", &["--user", "--map-root-user", "--mount", "true"]);
    let sandbox = fx.read(cmd!(fx.sh, "bwrap --version")).is_err()
        || fx.read(Run::from(Sandbox::machine()?.run(&fx.sh, ["true"])).any_status()).is_ok_and(|o| o.status.success());
    if unshare && sandbox {
        return Ok(Need::ok("namespaces", Use::BUILDS, "this user can make user namespaces"));
    }
    let mend: Vec<Mend> = SWITCHES
        .iter()
        .filter(|(name, bad, _)| setting(name).as_deref() == Some(*bad))
        .map(|(name, _, good)| Mend::new(&["sysctl", "--write", &format!("{name}={good}")]))
        .collect();
    let who = if unshare { "bubblewrap" } else { "this user" };
    Ok(Need::missing("namespaces", Use::BUILDS, format!("{who} cannot make user namespaces for chroots and sandboxes"))
        .mend(mend)
        .hint("a container needs --privileged, or a seccomp profile that allows unshare and mount"))
}

fn setting(name: &str) -> Option<String> {
    let path = format!("/proc/sys/{}", name.replace('.', "/"));
    fs::read_to_string(path).ok().map(|v| v.trim().to_owned())
}
