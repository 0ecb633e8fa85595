// SPDX-License-Identifier: GPL-2.0-only
//! The error that ended a build, out of its log.

use super::chain::{Chain, Origin};
use super::remedies::remedy;

/// Where a build went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Number of the line that says so, from 1.
    pub line: usize,
    /// It and the lines around it.
    pub context: Vec<String>,
    /// What make was making, as far as it says.
    pub target: Option<String>,
    /// The command of the packaging that this ended.
    pub command: Option<String>,
    /// What most likely fixes it.
    pub remedy: Option<&'static str>,
}

/// Words by which an error is known, before all that follows from it.
const FAULTS: &[&str] = &[
    ": error:",
    ": fatal error:",
    "ERROR: ",
    "FATAL: ",
    "undefined reference to",
    "No space left on device",
    "Disk quota exceeded",
    "qemu: uncaught target signal",
    "*** No rule to make target",
    "Unexpected EOF in archive",
    "This does not look like a tar archive",
    "Killed",
    "Cannot allocate memory",
    "virtual memory exhausted",
    "Unmet build dependencies",
    "dpkg-checkbuilddeps: error",
    "these did not keep their value",
    " config options have ",
    "Exec format error",
    "Could not resolve host",
    "Temporary failure in name resolution",
];

/// How dpkg-buildpackage tells the command that failed.
const DPKG: &str = "dpkg-buildpackage: error: ";

/// How many lines are shown before and after the error.
const AROUND: (usize, usize) = (3, 6);
/// How far before make's own line the error can be: other jobs write in between.
const BEFORE: usize = 60;
/// How many lines may be between two that belong to one error.
const BETWEEN: usize = 20;

/// Finds the error that ended a build. `None`: nothing in the log says.
pub fn fault(log: &str) -> Option<Fault> {
    let lines: Vec<&str> = log.lines().collect();
    let chain = Chain::of(&lines);
    let origin = chain.origin();
    let at = match &origin {
        Some(origin) => error_of(&lines, origin, chain.ignored_before(origin.line)),
        None => {
            let after = chain.ignored_before(lines.len()).map_or(0, |line| line + 1);
            let first = |is: fn(&str) -> bool| (after..lines.len()).find(|at| is(lines[*at]));
            // The last to say so, whatever it was.
            first(is_error).or_else(|| first(|line| line.starts_with(DPKG)))?
        }
    };
    let around = at.saturating_sub(AROUND.0)..(at + AROUND.1 + 1).min(lines.len());
    let context: Vec<String> = lines[around.clone()].iter().map(|l| (*l).to_owned()).collect();
    // Where make alone says that a program failed, the program has most often said why just before.
    let before =
        || if is_error(lines[at]) { None } else { lines[around.start..at].iter().rev().find_map(|l| remedy(l)) };
    let remedy = remedy(lines[at]).or_else(before).or_else(|| origin.and_then(|o| remedy(lines[o.line])));
    let command = lines.iter().find_map(|l| l.strip_prefix(DPKG)?.split_once(" subprocess returned"));
    let command = command.map(|(command, _)| command.to_owned());
    Some(Fault { line: at + 1, context, target: origin.and_then(|o| o.target).map(str::to_owned), command, remedy })
}

/// Index of the line with the error that made `origin` fail: one that names its source; else the first of the last
/// that were written before; else make's own line.
fn error_of(lines: &[&str], origin: &Origin, ignored: Option<usize>) -> usize {
    let start = ignored.map_or(0, |line| line + 1);
    let mut errors = (start..origin.line).filter(|at| is_error(lines[*at]));
    if let Some(source) = origin.target.and_then(source) {
        if let Some(at) = errors.clone().find(|at| lines[*at].contains(&source)) {
            return at;
        }
    }
    if is_error(lines[origin.line]) {
        return origin.line;
    }
    let mut first = origin.line;
    let mut near = BEFORE;
    while let Some(at) = errors.next_back().filter(|at| first - at <= near) {
        (first, near) = (at, BETWEEN);
    }
    first
}

/// `scripts/Makefile.build:271: init/main.o`: what errors in its source begin with, `init/main.`.
fn source(target: &str) -> Option<String> {
    let path = target.rsplit(' ').next()?;
    let (stem, _) = path.rsplit_once('.')?;
    stem.contains('/').then(|| format!("{stem}."))
}

/// Is a line an error that can end a build?
fn is_error(line: &str) -> bool {
    // `debian/rules:7: *** text.  Stop.`
    let of_a_makefile = line.contains(": *** ") && line.trim_end().ends_with("Stop.");
    (of_a_makefile || FAULTS.iter().any(|f| line.contains(f))) && !harmless(line) && !line.starts_with(DPKG)
}

/// Lines with the words of a failure that every good build has too.
fn harmless(line: &str) -> bool {
    // Commands that are shown, kbuild's files named so, and make's answer to a test.
    line.starts_with("  ") || line.contains("(ignored)") || line.starts_with("$ ") || line.contains("ERROR: ld.so")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was seen in logs, and what is to be made of each.
    const SEEN: &[(&str, usize, Option<&str>, &str)] = &[
        (
            "  CC      init/main.o\ninit/main.c:1:2: error: #error broken\n    1 | #error broken\nmake[3]: *** [scripts/Makefile.build:271: init/main.o] Error 1\nmake: *** [debian/rules:9: build] Error 2\ndpkg-buildpackage: error: make build subprocess returned exit status 2\n",
            2, Some("scripts/Makefile.build:271: init/main.o"), "",
        ),
        (
            "  LD      vmlinux\ncollect2: fatal error: ld terminated with signal 9 [Killed]\nmake[1]: *** [Makefile:1] Error 1\n",
            2, Some("Makefile:1"), "memory in a link",
        ),
        (
            "  AR      a\n/usr/bin/ld: final link failed: No space left on device\nmake[1]: *** [Makefile:1] Error 1\n",
            2, Some("Makefile:1"), "the disk is full",
        ),
        ("qemu: uncaught target signal 11 (Segmentation fault) - core dumped\n", 1, None, "qemu-user crashed"),
        ("Unpacking /c.tar to /x...\ntar: Unexpected EOF in archive\ntar: Error is not recoverable\n", 2, None, "damaged"),
        ("make[2]: *** No rule to make target 'drivers/x/y.o', needed by 'a'.  Stop.\n", 1, None, ".gitignore"),
        ("make: *** No rule to make target 'install-slim', needed by 'ship-slim'.  Stop.\n", 1, None, "no such target"),
        ("drivers/x.c:3:10: fatal error: y.h: No such file or directory\n", 1, None, ".gitignore"),
        ("ERROR: modpost: \"foo\" [drivers/x.ko] undefined!\n", 1, None, "EXPORT_SYMBOL"),
        ("ld: main.o: in function `a':\nmain.c:(.text+0x8): undefined reference to `b'\n", 2, None, "select"),
        ("make[1]: *** [Makefile:7: x] Error 137\n", 1, Some("Makefile:7: x"), "memory"),
        (
            "check-config: CONFIG_CC_HAS_X changed from - to y: undefined)\ncheck-config: 5 config options have changed\nmake: *** [debian/rules.d/4-checks.mk:7: config-prepare-check-slim] Error 1\n",
            2, Some("debian/rules.d/4-checks.mk:7: config-prepare-check-slim"), "another compiler",
        ),
        (
            "modpost: a.o is no ELF file\nmake[2]: *** [Makefile:9: vmlinux] Error 1\nmake: *** [debian/rules:9: build] Error 2\ndpkg-buildpackage: error: make build subprocess returned exit status 2\n",
            2, Some("Makefile:9: vmlinux"), "",
        ),
        ("dpkg-buildpackage: error: source tree has no debian/changelog\n", 1, None, ""),
        ("slim: these did not keep their value:\n  CONFIG_A: asked for y, is n\n", 1, None, "Kconfig refused"),
        ("debian/fork.mk:30: *** the tree could not be copied into the chroot.  Stop.\n", 1, None, "disk is full"),
        (
            "/bin/sh: 1: /build/fork/linux/scripts/pahole-flags.sh: Permission denied\nmake[1]: *** [Makefile:1: x] Error 126\nmake: *** [y] Error 2\n",
            2, Some("Makefile:1: x"), "not executable",
        ),
        // The error that ended it is the one of the target that failed first, whatever another job has said.
        (
            "drivers/a.c:1:1: error: first\nfs/b.c:1:1: error: second\nmake[2]: *** [Makefile.build:243: fs/b.o] Error 1\nmake[2]: *** [Makefile.build:243: drivers/a.o] Error 1\nmake[1]: *** [Makefile:1: fs] Error 2\nmake: *** [x] Error 2\n",
            2, Some("Makefile.build:243: fs/b.o"), "",
        ),
    ];

    #[test]
    fn known_failures_have_their_remedy() {
        for (log, line, target, remedy) in SEEN {
            let fault = fault(log).unwrap_or_else(|| panic!("nothing in {log}"));
            assert_eq!((fault.line, fault.target.as_deref()), (*line, *target), "{log}");
            assert!(fault.remedy.unwrap_or_default().contains(remedy), "{log}: {:?}", fault.remedy);
            assert_eq!(fault.remedy.is_none(), remedy.is_empty(), "{log}: {:?}", fault.remedy);
            assert!(fault.context.len() <= AROUND.0 + 1 + AROUND.1);
        }
    }

    /// What noble's rules do before anything is compiled, and ignore.
    const RUST: &str = "\
make[1]: Entering directory '/build/fork/linux'
make[2]: Entering directory '/tmp/kernel-objects/tree/build-slim'
***
*** Rust compiler 'rustc' could not be found.
***
make[3]: *** [/build/fork/linux/Makefile:1854: rustavailable] Error 1
make[2]: *** [/build/fork/linux/Makefile:234: __sub-make] Error 2
make[2]: Leaving directory '/tmp/kernel-objects/tree/build-slim'
make[1]: *** [Makefile:234: __sub-make] Error 2
make[1]: Leaving directory '/build/fork/linux'
make ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- O=/tmp/kernel-objects/tree/build-slim -j2 olddefconfig
make[1]: Entering directory '/build/fork/linux'
make[2]: Entering directory '/tmp/kernel-objects/tree/build-slim'
";

    #[test]
    fn a_step_whose_failure_is_ignored_is_no_fault() {
        let end = "dpkg-buildpackage: error: make -f debian/fork.mk binary subprocess returned exit status 2\n";
        let compiler = "\
/build/fork/linux/scripts/Kconfig.include:40: C compiler 'aarch64-linux-gnu-gcc-13' not found
make[4]: *** [/build/fork/linux/scripts/kconfig/Makefile:77: olddefconfig] Error 1
make[3]: *** [/build/fork/linux/Makefile:685: olddefconfig] Error 2
make[2]: *** [/build/fork/linux/Makefile:234: __sub-make] Error 2
make[2]: Leaving directory '/tmp/kernel-objects/tree/build-slim'
make[1]: *** [Makefile:234: __sub-make] Error 2
make[1]: Leaving directory '/build/fork/linux'
make: *** [debian/rules.d/2-binary-arch.mk:24: debian/stamps/stamp-prepare-tree-slim] Error 2
";
        let sources = "\
make[2]: Leaving directory '/tmp/kernel-objects/tree/build-slim'
make[1]: Leaving directory '/build/fork/linux'
test -s /tmp/kernel-objects/tree/build-slim/sources.list
make: *** [debian/rules.d/2-binary-arch.mk:52: debian/stamps/stamp-build-slim] Error 1
";
        for (log, shown) in [(compiler, "aarch64-linux-gnu-gcc-13' not found"), (sources, "test -s")] {
            let log = format!("{RUST}{log}{end}");
            let fault = fault(&log).unwrap();
            assert!(fault.line > RUST.lines().count(), "{fault:?}");
            assert!(fault.context.iter().any(|l| l.contains(shown)), "{fault:?}");
            assert!(!fault.target.unwrap().contains("rustavailable"));
        }
        assert_eq!(super::fault(RUST), None);
        let old = format!("a.c:1:1: error: ignored\n{RUST}make: *** [debian/rules:9: x] Error 1\n");
        assert_eq!(super::fault(&old).unwrap().line, 1 + RUST.lines().count() + 1);
    }

    #[test]
    fn an_error_of_long_ago_is_not_taken_for_the_last() {
        let log = format!(
            "conftest.c:1:1: error: x\n{}make: *** [debian/rules:9: a] Error 1\n",
            "  CC      a.o\n".repeat(99)
        );
        assert_eq!(fault(&log).unwrap().line, 101);
    }

    #[test]
    fn the_command_is_named() {
        assert_eq!(fault(SEEN[0].0).and_then(|f| f.command).as_deref(), Some("make build"));
    }

    #[test]
    fn a_good_build_has_no_fault() {
        let log = "$ sbuild 'a ERROR: b'\n  CC      lib/error.o\nmake[1]: [Makefile:3: x] Error 1 (ignored)\n";
        assert_eq!(fault(log), None);
        assert!(!crate::formats::buildlog::ended_by_itself(log));
    }
}
