// SPDX-License-Identifier: GPL-2.0-only
//! What fixes the failures that are known.

/// Words that only a failure says, with what fixes it. The first that fits a line counts, so what is more
/// particular comes first.
const REMEDIES: &[(&str, &str)] = &[
    ("No space left on device", "the disk is full: free room, or let KERNEL_FORK_CACHE name another one"),
    ("Disk quota exceeded", "your quota is used up: free room, or let KERNEL_FORK_CACHE name another disk"),
    ("Cannot allocate memory", "the machine ran out of memory: fewer compilers at once, --jobs 2"),
    ("out of memory", "the machine ran out of memory: fewer compilers at once, --jobs 2"),
    ("ld terminated with signal 9", "the machine ran out of memory in a link: fewer at once, --jobs 1, or more memory"),
    ("Killed signal terminated program", "the machine ran out of memory: fewer compilers at once, --jobs 2"),
    ("Error 137", "a program was killed, most often for want of memory: fewer at once, --jobs 2"),
    ("Killed", "a program was killed, most often for want of memory: fewer at once, --jobs 2"),
    ("qemu: uncaught target signal", "qemu-user crashed: try again; if it stays, --cross does without most of it, or a newer qemu-user-static"),
    ("unpack_from_tarball", "the chroot's tar file is damaged: `cargo xtask chroot remove` it, and build again"),
    ("Unexpected EOF in archive", "the chroot's tar file is damaged: `cargo xtask chroot remove` it, and build again"),
    ("This does not look like a tar archive", "the chroot's tar file is damaged: `cargo xtask chroot remove` it, and build again"),
    ("the tree could not be copied into the chroot", "the lines above say why: most often the disk is full"),
    ("Exec format error", "programs of the host architecture cannot be run: `cargo xtask quickstart` registers the emulation"),
    ("config options have ", "the configuration is not what the annotations say: `cargo xtask flavour regen`, or another compiler needs another --suite"),
    ("config-check", "the configuration is not what was asked for: `cargo xtask flavour check`"),
    ("these did not keep their value", "Kconfig refused these symbols: look for what they depend on in the fragment"),
    ("dpkg-checkbuilddeps: error", "build dependencies changed: `cargo xtask chroot remove` this build's chroot and build again"),
    ("Unmet build dependencies", "build dependencies changed: `cargo xtask chroot remove` this build's chroot and build again"),
    (": Permission denied", "a script of the tree is not executable: `git update-index --chmod=+x FILE`, and commit"),
    ("Error 127", "a program is missing in the chroot: a build dependency that was left out or renamed"),
    ("undefined reference to", "a symbol is used that nothing in this configuration defines: a missing `select` or `depends on`"),
    ("undefined!", "a module uses a symbol that nothing exports: EXPORT_SYMBOL, or a missing `depends on`"),
    ("unrecognized command", "the compiler of this suite does not know that option: build in the series' own --suite"),
    ("implicit declaration of function", "a header is missing, or the function is gone in this release"),
    ("Temporary failure in name resolution", "a build has no network: what it needs has to be in the tree or the build dependencies"),
    ("Could not resolve host", "a build has no network: what it needs has to be in the tree or the build dependencies"),
    ("Clock skew detected", "the machine's clock went back: build without --incremental"),
];

/// A file that make or a compiler cannot find.
const NO_FILE: &str = "a file is missing in the commit: is it ignored by .gitignore, and so never added?";
/// A target that is no file.
const NO_TARGET: &str =
    "the packaging's rules have no such target: they are of another series than those that this version knows";

/// What most likely fixes a failure that a line tells of.
pub fn remedy(line: &str) -> Option<&'static str> {
    if let Some((_, rest)) = line.split_once("No rule to make target ") {
        let name = rest.trim_start_matches(['\'', '`', '‘']).split(['\'', '’']).next().unwrap_or_default();
        return Some(if name.contains(['/', '.']) { NO_FILE } else { NO_TARGET });
    }
    if line.contains(": fatal error: ") && line.contains("No such file or directory") {
        return Some(NO_FILE);
    }
    REMEDIES.iter().find(|(words, _)| line.contains(words)).map(|(_, remedy)| *remedy)
}
