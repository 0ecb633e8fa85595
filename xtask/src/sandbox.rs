// SPDX-License-Identifier: GPL-2.0-only
//! bubblewrap's arguments: a root directory to see, read-only, with private `/dev`, `/proc` and `/tmp`, an empty
//! environment and no network. Kconfig, a chroot's compiler, a farm's worker, a shell in a chroot and packages that are
//! tried run in one, each with what it needs beside.

use camino::Utf8Path;

use crate::arch::QEMU_CPU;

/// What is let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Let {
    /// The machine's network.
    Network,
    /// Changes to the root directory.
    Write,
    /// To be root, inside.
    Root,
}

/// Everything up to what the caller adds.
pub fn arguments(root: &Utf8Path, allowed: &[Let]) -> Vec<String> {
    let mut args: Vec<&str> = vec!["--die-with-parent", "--unshare-all", "--clearenv"];
    if allowed.contains(&Let::Network) {
        args.push("--share-net");
    }
    if allowed.contains(&Let::Root) {
        args.extend(["--unshare-user", "--uid", "0", "--gid", "0"]);
    }
    args.extend(["--setenv", "PATH", "/usr/sbin:/usr/bin:/sbin:/bin", "--setenv", "LC_ALL", "C"]);
    let bind = if allowed.contains(&Let::Write) { "--bind" } else { "--ro-bind" };
    args.extend([bind, root.as_str(), "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]);
    for home in ["/root", "/home"] {
        if root.join(&home[1..]).is_dir() {
            args.extend(["--tmpfs", home]);
        }
    }
    // Programs of another architecture want it.
    let cpu = std::env::var(QEMU_CPU).unwrap_or_default();
    if !cpu.is_empty() {
        args.extend(["--setenv", QEMU_CPU, &cpu]);
    }
    args.into_iter().map(str::to_owned).collect()
}

/// The same of this machine itself, where things can be mounted that it has no place for.
///
/// # Errors
/// The root directory cannot be read.
pub fn machine() -> std::io::Result<Vec<String>> {
    let mut args: Vec<String> = ["--die-with-parent", "--unshare-all", "--clearenv"].map(str::to_owned).to_vec();
    args.extend(
        ["--setenv", "PATH", "/usr/sbin:/usr/bin:/sbin:/bin", "--setenv", "LC_ALL", "C.UTF-8"].map(str::to_owned),
    );
    for entry in Utf8Path::new("/").read_dir_utf8()? {
        let entry = entry?;
        let path = entry.path();
        if path.is_symlink() {
            args.extend(["--symlink", path.read_link_utf8()?.as_str(), path.as_str()].map(str::to_owned));
        } else if path.is_dir() && SEEN.contains(&entry.file_name()) {
            args.extend(["--ro-bind", path.as_str(), path.as_str()].map(str::to_owned));
        }
    }
    args.extend(["--dev", "/dev", "--proc", "/proc"].map(str::to_owned));
    Ok(args)
}

/// Where a machine keeps what is installed on it.
const SEEN: &[&str] = &["bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "etc", "opt", "var"];
