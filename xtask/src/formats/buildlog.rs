// SPDX-License-Identifier: GPL-2.0-only
//! The log of a kernel build: how far it is, and where it went wrong. Text in, values out.

mod chain;
mod fault;
mod remedies;

pub use fault::{fault, Fault};

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

    #[test]
    fn what_was_killed_did_not_end_by_itself() {
        assert!(ended_by_itself("a.c:1: error: x\nmake[1]: *** [a] Error 1\nmake: *** [debian/fork.mk:1] Error 2\n"));
        assert!(!ended_by_itself("make[1]: *** [a] Error 137\nmake: *** [debian/fork.mk:1] Error 2\n"));
        assert!(!ended_by_itself("  CC      a.o\n"));
    }
}
