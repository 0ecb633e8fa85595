// SPDX-License-Identifier: GPL-2.0-only
//! Host packages, by what wants them.

use std::collections::BTreeMap;

use anyhow::Result;
use xshell::cmd;

use super::{Mend, Need, Use, Wanted};
use crate::arch;
use crate::effects::{Effects, Run};

/// Packages, and what they are for. Names that differ between releases are in `release.rs`.
const GROUPS: &[(&str, &[Use], &[&str])] = &[
    // Kconfig and its sandbox; chroots without root; builds; the archives' keys.
    (
        "packages",
        Use::BUILDS,
        &[
            "git",
            "make",
            "gcc",
            "libc6-dev",
            "flex",
            "bison",
            "bubblewrap",
            "mmdebstrap",
            "uidmap",
            "arch-test",
            "sbuild",
            "dpkg-dev",
            "gnupg",
            "xz-utils",
            "python3",
        ],
    ),
    ("packages-publish", &[Use::Publish], &["apt-utils", "dpkg-dev", "dput", "gnupg"]),
    ("packages-deploy", &[Use::Deploy], &["openssh-client"]),
    (
        "packages-checks",
        &[Use::Checks],
        &[
            "python3-kconfiglib",
            // What the miniature's own build depends on, for a build outside of a chroot.
            "build-essential",
            "debhelper",
            "bc",
            "cpio",
            "kmod",
            "libelf-dev",
            "libssl-dev",
            "rsync",
            "lintian",
            "diffoscope-minimal",
            "libncurses-dev",
            "pkg-config",
            "binutils-aarch64-linux-gnu",
            "python3-venv",
            "openssh-client",
            "apt-utils",
            "gnupg",
            "man-db",
            // ps and kill: containers lack them.
            "procps",
            // systemd-analyze reads a permanent worker's units.
            "systemd",
        ],
    ),
];

/// How packages are installed; what comes behind it are their names. Another apt at work is waited for: a machine that
/// has just been started upgrades itself.
const INSTALL: &[&str] =
    &["apt-get", "install", "--yes", "--no-install-recommends", "--option=DPkg::Lock::Timeout=600"];

/// Commands without those that are there already; all packages are installed by the first that installs any.
pub(super) fn together(commands: impl Iterator<Item = Mend>) -> Vec<Mend> {
    let mut found: Vec<Mend> = Vec::new();
    for mend in commands {
        let names = |m: &Mend| m.words.iter().take(INSTALL.len()).eq(INSTALL.iter());
        if found.contains(&mend) {
            continue;
        }
        match found.iter_mut().find(|f| names(f) && names(&mend)) {
            Some(first) => {
                let new: Vec<String> =
                    mend.words[INSTALL.len()..].iter().filter(|name| !first.words.contains(name)).cloned().collect();
                first.words.extend(new);
            }
            None => found.push(mend),
        }
    }
    found
}

pub(super) fn look(fx: &Effects, wanted: &Wanted) -> Result<Vec<Need>> {
    let mut groups: Vec<(&'static str, Vec<Use>, Vec<String>)> = GROUPS
        .iter()
        .filter(|(_, uses, _)| wanted.has(uses))
        .map(|(name, uses, packages)| (*name, uses.to_vec(), packages.iter().map(|p| (*p).to_owned()).collect()))
        .collect();
    if arch::build()? != wanted.host && wanted.has(Use::FOREIGN) {
        // The cross compiler, for what Kconfig asks of it; its package name has the triplet with dashes.
        let compiler = format!("gcc-{}", wanted.host.triplet.replace('_', "-"));
        let emulation = super::release::here()?.emulation.iter().map(|p| (*p).to_owned());
        groups.push(("packages-foreign", Use::FOREIGN.to_vec(), emulation.chain([compiler]).collect()));
    }
    if let Some(machine) = wanted.host.machine.as_ref().filter(|_| wanted.has(&[Use::Boot])) {
        groups.push(("packages-boot", vec![Use::Boot], vec![machine.package.to_owned()]));
    }
    if !wanted.packages.is_empty() {
        let packages = wanted.packages.iter().map(|p| (*p).to_owned()).collect();
        groups.push(("packages-here", wanted.uses.to_vec(), packages));
    }
    let all: Vec<&String> = groups.iter().flat_map(|(_, _, packages)| packages).collect();
    let format = "${Package} ${db:Status-Status} ${Version}\\n";
    // Packages that dpkg has never heard of make it end with 1 and are simply not listed.
    let listed =
        fx.read(Run::from(cmd!(fx.sh, "dpkg-query --show --showformat {format}").args(all)).any_status())?.text();
    let installed: BTreeMap<&str, &str> = listed
        .lines()
        .filter_map(|l| l.split_once(' ').and_then(|(name, rest)| Some((name, rest.strip_prefix("installed ")?))))
        .collect();
    Ok(groups.into_iter().map(|(name, uses, packages)| group(name, &uses, &packages, &installed)).collect())
}

fn group(name: &'static str, uses: &[Use], packages: &[String], installed: &BTreeMap<&str, &str>) -> Need {
    let (there, lacking): (Vec<_>, Vec<_>) = packages.iter().partition(|p| installed.contains_key(p.as_str()));
    if lacking.is_empty() {
        let versions: Vec<String> = there.iter().map(|p| format!("{p} {}", installed[p.as_str()])).collect();
        let what = if let [one] = there.as_slice() { (*one).clone() } else { format!("all {} of them", there.len()) };
        return Need::ok(name, uses, what).detail(versions.join(", "));
    }
    let lacking: Vec<&str> = lacking.iter().map(|p| p.as_str()).collect();
    let mut install = Mend::new(INSTALL);
    install.words.extend(lacking.iter().map(|p| (*p).to_owned()));
    Need::missing(name, uses, format!("packages {}", lacking.join(", ")))
        .mend(vec![Mend::new(&["apt-get", "update"]), install])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_installed_together() {
        let install = |names: &[&str]| Mend::new(&[INSTALL, names].concat());
        let update = Mend::new(&["apt-get", "update"]);
        let other = Mend::new(&["mount", "x"]);
        let all = [update.clone(), install(&["a", "b"]), other.clone(), update.clone(), install(&["b", "c"])];
        assert_eq!(together(all.into_iter()), [update, install(&["a", "b", "c"]), other]);
    }

    /// Programs that scenarios run and the package of each; `None` where every Debian has it (`Essential: yes` and what
    /// those depend on).
    const RUN: &[(&str, Option<&str>)] = &[
        ("aarch64-linux-gnu-as", Some("binutils-aarch64-linux-gnu")),
        ("aarch64-linux-gnu-objcopy", Some("binutils-aarch64-linux-gnu")),
        ("apt-get", None),
        ("bash", None),
        ("cc", Some("gcc")),
        ("cargo", None), // runs the scenarios
        ("chmod", None),
        ("cp", None),
        ("dpkg-deb", None),
        ("dpkg-query", None),
        ("dpkg-source", Some("dpkg-dev")),
        ("env", None),
        ("git", Some("git")),
        ("gpg", Some("gnupg")),
        ("gpgconf", Some("gnupg")),
        ("id", None),
        ("kill", Some("procps")),
        ("make", Some("make")),
        ("man", Some("man-db")),
        ("mkdir", None),
        ("mkfifo", None),
        ("perl", None),
        ("ps", Some("procps")),
        ("rm", None),
        ("setpriv", None),
        ("sh", None),
        ("sha256sum", None),
        ("sleep", None),
        ("ssh-keygen", Some("openssh-client")),
        ("systemd-analyze", Some("systemd")),
        ("tar", None),
        ("timeout", None),
        ("unshare", None),
    ];

    fn scenarios() -> String {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scenarios");
        let files = fs_err::read_dir(dir).unwrap().map(|f| fs_err::read_to_string(f.unwrap().path()).unwrap());
        files.collect()
    }

    #[test]
    fn what_scenarios_run_is_installed_for_them() {
        let scenarios = scenarios();
        let mut unknown = Vec::new();
        for call in ["lab.run(\"", "Command::new(\"", "lab.command(\""] {
            for rest in scenarios.split(call).skip(1) {
                let program = rest.split('"').next().unwrap();
                let package = RUN.iter().find(|(name, _)| *name == program).map(|(_, package)| *package);
                let listed = |name: &str| GROUPS.iter().any(|(_, _, names)| names.contains(&name));
                if !package.is_some_and(|p| p.is_none_or(listed)) {
                    unknown.push(program);
                }
            }
        }
        assert!(scenarios.contains("lab.run(\"gpg\"") && unknown.is_empty(), "no package is listed for {unknown:?}");
    }

    /// A scenario builds the miniature with what is installed on the machine.
    #[test]
    fn what_the_miniature_builds_with_is_installed_for_scenarios() {
        let own = include_str!("../../mini/debian.master/control.d/build-depends");
        let all = include_str!("../../packaging/debian.master/control.stub.in");
        let all = all.split_once("Build-Depends:\n").unwrap().1.split("\n\n").next().unwrap();
        let names = own.lines().chain(all.lines()).filter(|l| l.starts_with(' ')).map(|l| {
            let name = l.trim().split([',', ':', ' ']).next().unwrap();
            name.strip_suffix("-compat").unwrap_or(name)
        });
        let listed = |name: &str| GROUPS.iter().any(|(_, _, names)| names.contains(&name));
        let (names, lacking): (Vec<_>, Vec<_>) = names.partition(|name| listed(name));
        assert!(names.len() > 8 && lacking.is_empty(), "{lacking:?}");
    }

    #[test]
    fn the_builder_s_image_has_them_all() {
        let image = include_str!("../../../ci/Containerfile");
        let has = |name: &str| image.split_whitespace().any(|w| w == name);
        let all =
            GROUPS.iter().flat_map(|(_, _, names)| names.iter()).chain(&["qemu-user-static", "gcc-aarch64-linux-gnu"]);
        let lacking: Vec<_> = all.filter(|n| !has(n)).collect();
        assert!(lacking.is_empty(), "ci/Containerfile lacks {lacking:?}");
    }
}
