// SPDX-License-Identifier: GPL-2.0-only
//! Which Debian architectures a name in a relation means.
//!
//! `relation` asks it. It must never be asked about a kernel's own names (`x86`, `aarch64`).

/// Whether `pattern` (`arm64`, `any`, `linux-any`, `any-arm64`) means the architecture `arch`.
///
/// Source: Debian Policy §11.1 and dpkg's architecture tables, for the architectures that kernels
/// are built for.
pub fn matches(pattern: &str, arch: &str) -> bool {
    if pattern == arch || pattern == "any" {
        return true;
    }
    let (os, cpu) = split(arch);
    match pattern.split_once('-') {
        Some(("any", wanted)) => wanted == cpu,
        Some((wanted, "any")) => wanted == os,
        _ => false,
    }
}

/// Kernel and processor of an architecture, as wildcards name them.
fn split(arch: &str) -> (&str, &str) {
    let (os, cpu) = arch.split_once('-').unwrap_or(("linux", arch));
    let cpu = match cpu {
        "armel" | "armhf" => "arm",
        "x32" => "amd64",
        other => other,
    };
    (os, cpu)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        let table = [
            ("arm64", "arm64", true),
            ("arm64", "amd64", false),
            ("any", "s390x", true),
            ("linux-any", "arm64", true),
            ("linux-any", "hurd-i386", false),
            ("hurd-any", "hurd-i386", true),
            ("any-arm", "armhf", true),
            ("any-amd64", "x32", true),
            ("any-arm64", "armhf", false),
            ("all", "arm64", false),
        ];
        for (pattern, arch, want) in table {
            assert_eq!(matches(pattern, arch), want, "{pattern} {arch}");
        }
    }
}
