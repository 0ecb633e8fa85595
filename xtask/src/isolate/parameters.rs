// SPDX-License-Identifier: GPL-2.0-only
//! The kernel parameters that set CPUs apart, by what a kernel version understands
//! (Documentation/admin-guide/kernel-parameters.txt and kernel/sched/isolation.c of the kernel).
//!
//! Pure. `isolate` prints them, `boot` measures with them.

use anyhow::Result;

use crate::formats::config::Config;
use crate::formats::cpu_list::CpuList;

/// Version and patch level of a kernel: (5, 4).
pub type Version = (u32, u32);

/// Flags of `isolcpus=` came with this version; before, there is only the list.
const FLAGS: Version = (4, 15);
/// `managed_irq` among them came with this version. One that does not know it ignores the whole parameter.
pub const MANAGED_IRQ: Version = (5, 6);
/// From this version on, kernel threads that are free to move stay off the CPUs of `nohz_full=`.
pub const KTHREADS: Version = (5, 9);

/// Reads `5.4.0-200-tickless`.
///
/// # Errors
/// It does not begin as a kernel release.
pub fn version(release: &str) -> Result<Version> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(version)), Some(Ok(level))) => Ok((version, level)),
        _ => {
            fail!(Input, "`{release}` is no kernel release"; "it reads as `uname -r` prints it, such as 5.4.0-200-tickless")
        }
    }
}

/// Checks a list of CPUs to be isolated against those that the machine has.
///
/// # Errors
/// It is empty, names one that is not there, leaves none over, or takes the one that the machine boots on.
pub fn check(cpus: &CpuList, there: &CpuList) -> Result<()> {
    let missing = cpus.without(there);
    if cpus.is_empty() {
        fail!(Input, "there is no CPU in the list"; "this machine has {there}");
    }
    if !missing.is_empty() {
        fail!(Input, "this machine has no CPU {missing}"; "it has {there}");
    }
    if there.without(cpus).is_empty() {
        fail!(Input, "no CPU would be left for everything else"; "leave at least one of {there} out");
    }
    if let Some(first) = there.iter().next().filter(|first| cpus.contains(*first)) {
        fail!(Input, "CPU {first} is the one that the machine boots on and keeps its time with"; "leave it out");
    }
    Ok(())
}

/// The parameters for `cpus` out of `there`. `nohz_full`: also take their tick away, which is the point; without
/// it the same isolation with a tick, to compare with.
pub fn parameters(cpus: &CpuList, there: &CpuList, version: Version, nohz_full: bool) -> Vec<String> {
    let rest = there.without(cpus);
    // Never the flag `nohz`: a kernel without CONFIG_NO_HZ_FULL ignores the whole parameter for it, and one that has
    // it learns the same from `nohz_full=`. The other parameters do no harm where they are unknown.
    let flags = match version {
        v if v >= MANAGED_IRQ => "domain,managed_irq,",
        v if v >= FLAGS => "domain,",
        _ => "",
    };
    let mut parameters = vec![format!("isolcpus={flags}{cpus}")];
    if nohz_full {
        parameters.push(format!("nohz_full={cpus}"));
    }
    parameters.push(format!("rcu_nocbs={cpus}"));
    parameters.push("rcu_nocb_poll".to_owned());
    parameters.push(format!("irqaffinity={rest}"));
    parameters
}

/// The parameters that a kernel of this configuration and version ignores, each with the symbol that it lacks.
pub fn ignored(config: &Config, version: Version) -> Vec<(&'static str, &'static str)> {
    let needs = [
        ("isolcpus=", "CPU_ISOLATION", FLAGS),
        ("nohz_full=", "NO_HZ_FULL", (0, 0)),
        ("rcu_nocbs=", "RCU_NOCB_CPU", (0, 0)),
    ];
    let lacks = |symbol| config.get(symbol).is_none_or(|v| v.as_str() != "y");
    needs.into_iter().filter(|(_, symbol, since)| version >= *since && lacks(symbol)).map(|(p, s, _)| (p, s)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_configuration_lacks() {
        let of = |text, version| ignored(&Config::parse(text).unwrap(), version);
        let generic = "CONFIG_CPU_ISOLATION=y\n# CONFIG_NO_HZ_FULL is not set\nCONFIG_RCU_NOCB_CPU=y\n";
        assert_eq!(of(generic, (5, 4)), [("nohz_full=", "NO_HZ_FULL")]);
        assert_eq!(of("CONFIG_NO_HZ_FULL=y\n", (4, 4)), [("rcu_nocbs=", "RCU_NOCB_CPU")]);
        assert_eq!(of("", (6, 1)).len(), 3);
    }

    fn list(text: &str) -> CpuList {
        text.parse().unwrap()
    }

    #[test]
    fn what_each_version_understands() {
        let of =
            |release, nohz_full| parameters(&list("47"), &list("0-47"), version(release).unwrap(), nohz_full).join(" ");
        let rest = "nohz_full=47 rcu_nocbs=47 rcu_nocb_poll irqaffinity=0-46";
        assert_eq!(of("4.4.0-1-generic", true), format!("isolcpus=47 {rest}"));
        assert_eq!(of("5.4.0-200-tickless", true), format!("isolcpus=domain,47 {rest}"));
        assert_eq!(of("5.5.19-1-x", true), format!("isolcpus=domain,47 {rest}"));
        assert_eq!(of("5.6.0-1-x", true), format!("isolcpus=domain,managed_irq,47 {rest}"));
        assert_eq!(of("6.1.192-2-slim", true), format!("isolcpus=domain,managed_irq,47 {rest}"));
        let without = "rcu_nocbs=47 rcu_nocb_poll irqaffinity=0-46";
        assert_eq!(of("5.15.0-1-x", false), format!("isolcpus=domain,managed_irq,47 {without}"));
        assert!(version("tickless").is_err() && version("6").is_err());
    }

    #[test]
    fn bad_lists() {
        let table = [
            ("1", "0-3", ""),
            ("2-3", "0-3", ""),
            ("4", "0-3", "has no CPU 4"),
            ("", "0-3", "no CPU in the list"),
            ("0-3", "0-3", "would be left"),
            ("0", "0-3", "boots on"),
            ("1-9", "0-3", "has no CPU 4-9"),
        ];
        for (cpus, there, want) in table {
            let said = check(&list(cpus), &list(there)).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(said.contains(want) && said.is_empty() == want.is_empty(), "{cpus}: {said}");
        }
    }
}
