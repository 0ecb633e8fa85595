// SPDX-License-Identifier: GPL-2.0-only
//! The log of a kernel build: how far it is, and where it went wrong. Text in, values out.

/// What a line says about how far a build is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// Something was compiled, linked or generated for the kernel itself: its path.
    Object(&'a str),
    /// Another part of the build has begun.
    Part(&'static str),
}

/// The words that kbuild says (two spaces, a word, a path) when it makes something worth counting.
const MAKES: &[&str] = &["AR", "AS", "CC", "HOSTCC", "HOSTLD", "LD"];

/// How lines begin with which another part of a build begins.
const PARTS: &[(&str, &str)] = &[
    ("Unpacking /", "unpack the chroot"),
    ("| Install package build", "look at the chroot"),
    ("dpkg-buildpackage: info: source package", "copy the tree"),
    ("debian/rules clean", "prepare the packaging"),
    ("Debug: prepare", "configure"),
    ("  UPD     include/config/kernel.release", "configure"),
    ("Debug: build", "compile"),
    ("  CC      init/main.o", "compile"),
    ("  LD      vmlinux", "link"),
    ("  MODPOST", "link modules"),
    ("dh_prep", "install"),
    ("dh_gencontrol", "make packages"),
    ("dpkg-deb: building package", "make packages"),
    ("| Post Build", "finish"),
];

/// What a line says, if it says anything about how far the build is.
pub fn event(line: &str) -> Option<Event<'_>> {
    if let Some((_, part)) = PARTS.iter().find(|(begin, _)| line.trim_end().starts_with(begin)) {
        return Some(Event::Part(part));
    }
    let mut words = line.strip_prefix("  ")?.split_whitespace();
    let made = MAKES.contains(&words.next()?);
    // `CC [M]  drivers/net/dummy.o`
    let path = words.find(|w| !w.starts_with('['))?;
    (made && words.next().is_none()).then_some(Event::Object(path))
}

/// Did the build say itself that it failed, with nothing of it killed? Then every file is whole that is there.
pub fn ended_by_itself(log: &str) -> bool {
    let killed = ["Killed", "Terminated", "Hangup", "Interrupt", "Error 137", "Error 143", "Segmentation fault"];
    log.lines().any(|l| l.starts_with("make: *** [")) && !log.lines().any(|l| killed.iter().any(|k| l.contains(k)))
}

/// Where a build went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Number of the first line that says so, from 1.
    pub line: usize,
    /// It and the lines around it.
    pub context: Vec<String>,
    /// What make was making, as far as it says.
    pub target: Option<String>,
    /// The command of the packaging that this ended.
    pub command: Option<String>,
    /// What most likely mends it.
    pub remedy: Option<&'static str>,
}

/// Words that only a failure says, with what mends it. The first that fits a line counts, so what is more
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
    ("No rule to make target", "a file is missing in the commit: is it ignored by .gitignore, and so never added?"),
    ("No such file or directory", "a file is missing in the commit: is it ignored by .gitignore, and so never added?"),
    ("undefined reference to", "a symbol is used that nothing in this configuration defines: a missing `select` or `depends on`"),
    ("undefined!", "a module uses a symbol that nothing exports: EXPORT_SYMBOL, or a missing `depends on`"),
    ("unrecognized command", "the compiler of this suite does not know that option: build in the series' own --suite"),
    ("implicit declaration of function", "a header is missing, or the function is gone in this release"),
    ("Temporary failure in name resolution", "a build has no network: what it needs has to be in the tree or the build dependencies"),
    ("Could not resolve host", "a build has no network: what it needs has to be in the tree or the build dependencies"),
    ("Clock skew detected", "the machine's clock went back: build without --incremental"),
];

/// Words by which the first thing that went wrong is known, before all that follows from it.
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
    "*** the tree could not",
];

/// How dpkg-buildpackage tells the command that failed.
const DPKG: &str = "dpkg-buildpackage: error: ";

/// How many lines are shown before and after the first one.
const AROUND: (usize, usize) = (3, 6);

/// Finds where a build went wrong. `None`: nothing in the log says.
pub fn fault(log: &str) -> Option<Fault> {
    let lines: Vec<&str> = log.lines().collect();
    // The last to say so, whatever it was.
    let dpkg = |line: &&str| line.starts_with(DPKG);
    let says = |line: &&str| FAULTS.iter().any(|f| line.contains(f)) && !harmless(line) && !dpkg(line);
    let ended = |line: &&str| line.contains("*** [") && (line.contains("Error") || line.contains("Killed"));
    let first = |is: &dyn Fn(&&str) -> bool| lines.iter().position(is);
    let at = first(&says).or_else(|| first(&ended)).or_else(|| first(&dpkg))?;
    let stopped = lines.iter().skip(at).find(|l| ended(l));
    let target =
        stopped.and_then(|l| l.split_once("*** [")).map(|(_, rest)| rest.split(']').next().unwrap_or(rest).to_owned());
    let around = at.saturating_sub(AROUND.0)..(at + AROUND.1 + 1).min(lines.len());
    let context: Vec<String> = lines[around].iter().map(|l| (*l).to_owned()).collect();
    let known = |lines: &[String]| {
        REMEDIES.iter().find(|(words, _)| lines.iter().any(|l| l.contains(words))).map(|(_, remedy)| *remedy)
    };
    let remedy = known(&[lines[at].to_owned()]).or_else(|| known(&context));
    let command = lines.iter().find_map(|l| l.strip_prefix(DPKG)?.split_once(" subprocess returned"));
    let command = command.map(|(command, _)| command.to_owned());
    Some(Fault { line: at + 1, context, target, command, remedy })
}

/// Lines with the words of a failure that every good build has too.
fn harmless(line: &str) -> bool {
    // Commands that are shown, kbuild's files named so, and make's answer to a test.
    line.starts_with("  ") || line.contains("(ignored)") || line.starts_with("$ ") || line.contains("ERROR: ld.so")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_it_is() {
        assert_eq!(event("  CC      kernel/fork.o"), Some(Event::Object("kernel/fork.o")));
        assert_eq!(event("  CC [M]  drivers/net/dummy.o"), Some(Event::Object("drivers/net/dummy.o")));
        assert_eq!(event("  LD      vmlinux.o"), Some(Event::Part("link")));
        assert_eq!(event("dpkg-deb: building package 'a' in '../a.deb'."), Some(Event::Part("make packages")));
        assert_eq!(event("  INSTALL a.ko"), None);
        assert_eq!(event("CC is a compiler"), None);
        assert_eq!(event(""), None);
    }

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
    ];

    #[test]
    fn known_failures_have_their_remedy() {
        for (log, line, target, remedy) in SEEN {
            let fault = fault(log).unwrap_or_else(|| panic!("nothing in {log}"));
            assert_eq!((fault.line, fault.target.as_deref()), (*line, *target), "{log}");
            assert!(fault.remedy.unwrap_or_default().contains(remedy), "{log}: {:?}", fault.remedy);
            assert!(fault.context.len() <= AROUND.0 + 1 + AROUND.1);
        }
    }

    #[test]
    fn the_command_is_named() {
        assert_eq!(fault(SEEN[0].0).and_then(|f| f.command).as_deref(), Some("make build"));
    }

    #[test]
    fn a_good_build_has_no_fault() {
        let log = "$ sbuild 'a ERROR: b'\n  CC      lib/error.o\nmake[1]: [Makefile:3: x] Error 1 (ignored)\n";
        assert_eq!(fault(log), None);
        assert!(!ended_by_itself(log));
    }

    #[test]
    fn what_was_killed_did_not_end_by_itself() {
        assert!(ended_by_itself("a.c:1: error: x\nmake[1]: *** [a] Error 1\nmake: *** [debian/fork.mk:1] Error 2\n"));
        assert!(!ended_by_itself("make[1]: *** [a] Error 137\nmake: *** [debian/fork.mk:1] Error 2\n"));
        assert!(!ended_by_itself("  CC      a.o\n"));
    }
}
