// SPDX-License-Identifier: GPL-2.0-only
//! Which of the failures that make reports ended the build.
//!
//! A make that fails says so, and the make that started it says so next, with `Error 2`. A step whose failure the
//! packaging ignores (`|| true`) leaves the same lines of the inner makes, and the outer one goes on: nobody takes
//! those lines up, and a new make enters a directory.

/// What one make said when something that it ran failed.
#[derive(Debug, Clone, Copy)]
struct Said<'a> {
    /// Index of the line.
    line: usize,
    /// How many makes are around it.
    level: u32,
    /// What it was making.
    target: Option<&'a str>,
    /// Index of the failure of an inner make that led to it.
    cause: Option<usize>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No outer make has said anything yet.
    Open,
    /// It led to the failure of an outer make.
    TakenUp,
    /// The outer make has gone on.
    Ignored,
}

/// The failure that ended a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'a> {
    /// Index of the line in which the innermost make says so.
    pub line: usize,
    pub target: Option<&'a str>,
}

/// Make's failures in a log.
pub struct Chain<'a> {
    said: Vec<Said<'a>>,
}

impl<'a> Chain<'a> {
    pub fn of(lines: &[&'a str]) -> Self {
        let mut said: Vec<Said<'a>> = Vec::new();
        // Failures before this one are settled: nothing open is before it.
        let mut open = 0;
        for (line, text) in lines.iter().enumerate() {
            let Some((level, text)) = of_make(text) else { continue };
            if text.starts_with("Entering directory") {
                let gone_on = |s: &&mut Said| s.level >= level && s.state == State::Open;
                said[open..].iter_mut().filter(gone_on).for_each(|s| s.state = State::Ignored);
            } else if let Some(text) = text.strip_prefix("*** ").filter(|t| !t.starts_with("Waiting for ")) {
                let cause = if failed_as_make(text) { take_up(&mut said[open..], level) } else { None };
                let cause = cause.map(|at| at + open);
                said.push(Said { line, level, target: target(text), cause, state: State::Open });
            }
            while said.get(open).is_some_and(|s| s.state != State::Open) {
                open += 1;
            }
        }
        Self { said }
    }

    /// The failure that ended the build: the outermost make's first, followed inwards.
    pub fn origin(&self) -> Option<Origin<'a>> {
        let open = || self.said.iter().filter(|s| s.state == State::Open);
        let outermost = open().map(|s| s.level).min()?;
        let mut at = open().find(|s| s.level == outermost)?;
        while let Some(inner) = at.cause {
            at = &self.said[inner];
        }
        Some(Origin { line: at.line, target: at.target })
    }

    /// The last line before `line` that tells of a failure which was ignored.
    pub fn ignored_before(&self, line: usize) -> Option<usize> {
        self.said.iter().rev().find(|s| s.line < line && s.state == State::Ignored).map(|s| s.line)
    }
}

/// The first open failure of the next inner level; all of that level and of those further in are settled with it.
fn take_up(said: &mut [Said], level: u32) -> Option<usize> {
    let inner = said.iter().filter(|s| s.level > level && s.state == State::Open).map(|s| s.level).min()?;
    let first = said.iter().position(|s| s.level == inner && s.state == State::Open);
    let settled = |s: &&mut Said| s.level >= inner && s.state == State::Open;
    said.iter_mut().filter(settled).for_each(|s| s.state = State::TakenUp);
    first
}

/// `make[3]: text`: the level and the text.
fn of_make(line: &str) -> Option<(u32, &str)> {
    let rest = line.strip_prefix("make")?;
    if let Some(text) = rest.strip_prefix(": ") {
        return Some((0, text));
    }
    let (level, text) = rest.strip_prefix('[')?.split_once("]: ")?;
    Some((level.parse().ok()?, text))
}

/// A make that fails ends with 2.
fn failed_as_make(text: &str) -> bool {
    text.starts_with('[') && text.trim_end().ends_with("] Error 2")
}

/// `[scripts/Makefile.build:271: init/main.o] Error 1`: what is in the brackets.
fn target(text: &str) -> Option<&str> {
    Some(text.strip_prefix('[')?.rsplit_once("] ")?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(log: &str) -> Option<(usize, Option<String>)> {
        let lines: Vec<&str> = log.lines().collect();
        Chain::of(&lines).origin().map(|o| (o.line + 1, o.target.map(str::to_owned)))
    }

    #[test]
    fn the_first_of_parallel_failures_is_the_origin() {
        let log = "\
make[1]: Entering directory '/build/fork/linux'
make[4]: *** [scripts/Makefile.build:271: drivers/a/x.o] Error 1
make[4]: *** Waiting for unfinished jobs....
  CC      fs/b.o
make[4]: *** [scripts/Makefile.build:271: fs/y.o] Error 1
make[4]: *** [scripts/Makefile.build:271: drivers/a/z.o] Error 1
make[3]: *** [scripts/Makefile.build:500: fs] Error 2
make[3]: *** Waiting for unfinished jobs....
make[3]: *** [scripts/Makefile.build:500: drivers/a] Error 2
make[2]: *** [Makefile:1755: drivers] Error 2
make[2]: Leaving directory '/tmp/kernel-objects/tree/build-slim'
make[1]: *** [Makefile:185: __sub-make] Error 2
make: *** [debian/rules.d/2-binary-arch.mk:32: debian/stamps/stamp-build-slim] Error 2
";
        assert_eq!(origin(log), Some((2, Some("scripts/Makefile.build:271: drivers/a/x.o".to_owned()))));
    }

    #[test]
    fn a_make_that_was_ignored_is_not_taken_for_the_origin() {
        let ignored = "\
make[1]: Entering directory '/build/fork/linux'
make[3]: *** [/build/fork/linux/Makefile:1854: rustavailable] Error 1
make[2]: *** [/build/fork/linux/Makefile:234: __sub-make] Error 2
make[2]: Leaving directory '/build/fork/linux'
make[1]: *** [Makefile:234: __sub-make] Error 2
make[1]: Leaving directory '/build/fork/linux'
make[1]: Entering directory '/build/fork/linux'
";
        assert_eq!(origin(ignored), None);
        // By a program that is no make, and by a make.
        let plain = format!("{ignored}make: *** [debian/rules.d/2-binary-arch.mk:52: x] Error 1\n");
        assert_eq!(origin(&plain).unwrap().0, 8);
        let inner =
            format!("{ignored}make[3]: *** [a: b.o] Error 1\nmake[1]: *** [c] Error 2\nmake: *** [d] Error 2\n");
        assert_eq!(origin(&inner).unwrap().0, 8);
        // Nobody has entered a directory since.
        let last = "make[1]: *** [a: rustavailable] Error 1\nmake: *** [debian/rules:9: x] Error 1\n";
        assert_eq!(origin(last), Some((2, Some("debian/rules:9: x".to_owned()))));
    }

    #[test]
    fn other_lines_are_none_of_make_s() {
        assert_eq!(origin("makefile: *** x\nmake[x]: *** [a] Error 1\nmake[1]: [b] Error 1 (ignored)\n"), None);
        let rule = "make[1]: *** No rule to make target 'a.c', needed by 'a.o'.  Stop.\nmake: *** [x] Error 2\n";
        assert_eq!(origin(rule), Some((1, None)));
    }
}
