// SPDX-License-Identifier: GPL-2.0-only
//! Programs to run: what each is to be given, the line that does the same in a shell, and a failure told with
//! it, the exit status and the last lines. `child.rs` starts them.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use super::disk::{free_bytes, LITTLE};
use crate::error::{Failure, Kind};

/// How many characters of a command line a failure shows.
const SHOWN: usize = 300;

/// Was it done, or only said?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Did {
    Done,
    Planned,
}

/// What a program printed.
pub struct Output {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub ended: Ended,
}

/// Who ended a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Itself,
    /// It had said all that was asked of it ([`Run::until`]).
    Enough,
    /// It had been silent for too long ([`Run::until_silence`]).
    Silent,
}

impl Output {
    /// stdout as text without the last newline.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end_matches('\n').to_owned()
    }
}

/// Called with each line of output; says when it was enough.
pub(super) type Until<'a> = Box<dyn FnMut(&str) -> bool + 'a>;

/// Called with each line of output.
pub(super) type Watch<'a> = Box<dyn FnMut(&str) + 'a>;

/// A program to run. Made from an [`xshell::Cmd`], so never through a shell.
pub struct Run<'a> {
    pub(super) command: Command,
    /// The program that does the work, whatever starts it.
    pub(super) name: String,
    pub(super) stdin: Option<Vec<u8>>,
    pub(super) log: Option<Utf8PathBuf>,
    pub(super) watch: Option<Watch<'a>>,
    pub(super) until: Option<Until<'a>>,
    pub(super) terminal: bool,
    pub(super) sudo: bool,
    pub(super) any_status: bool,
    /// Is it one of `git.rs` that moves HEAD alone?
    pub(super) moves_head: bool,
    pub(super) silence: Option<Duration>,
    pub(super) may_be_silent: bool,
    /// Since when clean-up is under way, if that is what it is for.
    pub(super) cleaning: Option<Instant>,
    pub(super) kind: Kind,
    pub(super) hint: Option<String>,
    shown: Option<String>,
}

impl From<xshell::Cmd<'_>> for Run<'_> {
    fn from(cmd: xshell::Cmd<'_>) -> Self {
        let command = Command::from(cmd);
        Self {
            name: command.get_program().to_string_lossy().into_owned(),
            command,
            stdin: None,
            log: None,
            watch: None,
            until: None,
            terminal: false,
            sudo: false,
            any_status: false,
            moves_head: false,
            silence: None,
            may_be_silent: false,
            cleaning: None,
            kind: Kind::Machine,
            hint: None,
            shown: None,
        }
    }
}

impl<'a> Run<'a> {
    /// Bytes for standard input (else it is empty).
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    /// The line that stands for it, where its standard input is a file of this repository.
    #[must_use]
    pub fn shown(mut self, line: impl Into<String>) -> Self {
        self.shown = Some(line.into());
        self
    }

    /// The directory that it runs in.
    #[must_use]
    pub fn at(mut self, dir: &Utf8Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// All output, stdout and stderr together, also goes to this file; its first line is the command.
    #[must_use]
    pub fn log(mut self, path: impl Into<Utf8PathBuf>) -> Self {
        self.log = Some(path.into());
        self
    }

    /// Called with every line of output as it comes.
    #[must_use]
    pub fn watch(mut self, f: impl FnMut(&str) + 'a) -> Self {
        self.watch = Some(Box::new(f));
        self
    }

    /// Called with every line as it comes; once it says yes the program has done its work and is ended.
    #[must_use]
    pub fn until(mut self, f: impl FnMut(&str) -> bool + 'a) -> Self {
        self.until = Some(Box::new(f));
        self
    }

    /// The program talks to the person itself (a password, an editor, a test runner's own report).
    #[must_use]
    pub fn on_terminal(mut self) -> Self {
        self.terminal = true;
        self
    }

    /// It moves HEAD and no branch. Only for `git.rs`.
    #[must_use]
    pub(super) fn moves_head(mut self) -> Self {
        self.moves_head = true;
        self
    }

    /// A status other than 0 is an answer and no failure.
    #[must_use]
    pub fn any_status(mut self) -> Self {
        self.any_status = true;
        self
    }

    /// Ends a program that has said nothing for so long: it waits for somebody who does not answer. That is a
    /// failure.
    #[must_use]
    pub fn silence(mut self, limit: Duration) -> Self {
        self.silence = Some(limit);
        self
    }

    /// As [`Run::silence`], and no failure: the answer is [`Ended::Silent`].
    #[must_use]
    pub fn until_silence(mut self, limit: Duration) -> Self {
        self.may_be_silent = true;
        self.silence(limit)
    }

    /// What a failure of this program means to the person, and what to do then.
    #[must_use]
    pub fn or(mut self, kind: Kind, hint: impl Into<String>) -> Self {
        self.kind = kind;
        self.hint = Some(hint.into());
        self
    }

    /// Run as root: through sudo where this process is not.
    #[must_use]
    pub fn as_root(mut self) -> Self {
        if !rustix::process::geteuid().is_root() {
            let mut sudo = Command::new("sudo");
            sudo.arg("--");
            // sudo keeps none of its caller's environment.
            let mut set = self.command.get_envs().filter_map(|(key, value)| Some((key, value?))).peekable();
            if set.peek().is_some() {
                sudo.arg("env");
            }
            for (key, value) in set {
                let mut pair = key.to_owned();
                pair.push("=");
                pair.push(value);
                sudo.arg(pair);
            }
            sudo.arg(self.command.get_program()).args(self.command.get_args());
            if let Some(dir) = self.command.get_current_dir() {
                sudo.current_dir(dir);
            }
            self.command = sudo;
            self.sudo = true;
        }
        self
    }

    /// Never runs as root: where this process is root, as the user `nobody`, who can get no privilege back.
    #[must_use]
    pub fn never_as_root(mut self) -> Self {
        if rustix::process::geteuid().is_root() {
            let user = ["--reuid=65534", "--regid=65534", "--clear-groups"];
            let rights = ["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--"];
            self.wrap("setpriv", &[user.as_slice(), rights.as_slice()].concat());
        }
        self
    }

    /// What it writes can be read by everybody, whatever umask the person has: a chroot's users are others.
    #[must_use]
    pub fn for_everybody(mut self) -> Self {
        self.wrap("sh", &["-c", "umask 022 && exec \"$0\" \"$@\""]);
        self
    }

    /// Is asked to end when this process is killed and can ask no more: it would go on for hours, or leave mounts.
    #[must_use]
    pub fn ends_with_us(mut self) -> Self {
        self.wrap("setpriv", &["--pdeathsig", "TERM", "--"]);
        self
    }

    /// Has it started by another program, in the same place and environment.
    fn wrap(&mut self, program: &str, args: &[&str]) {
        let mut outer = Command::new(program);
        outer.args(args).arg(self.command.get_program()).args(self.command.get_args());
        for (key, value) in self.command.get_envs() {
            match value {
                Some(value) => outer.env(key, value),
                None => outer.env_remove(key),
            };
        }
        if let Some(dir) = self.command.get_current_dir() {
            outer.current_dir(dir);
        }
        self.command = outer;
    }

    /// The line that does the same in a shell: directory, environment and quoting included.
    pub fn line(&self) -> String {
        if let Some(line) = &self.shown {
            return line.clone();
        }
        let mut line = String::new();
        if let Some(Ok(text)) =
            self.stdin.as_deref().filter(|b| b.len() < 4096 && !b.contains(&0)).map(std::str::from_utf8)
        {
            line.push_str(&format!("printf %s {} | ", quote(OsStr::new(text))));
        }
        if let Some(dir) = self.command.get_current_dir() {
            if std::env::current_dir().ok().as_deref() != Some(dir) {
                line.push_str(&format!("cd {} && ", quote(dir.as_os_str())));
            }
        }
        for (key, value) in self.command.get_envs() {
            match value {
                Some(v) => line.push_str(&format!("{}={} ", key.to_string_lossy(), quote(v))),
                None => line.push_str(&format!("env -u {} ", quote(key))),
            }
        }
        line.push_str(&quote(self.command.get_program()));
        for arg in self.command.get_args() {
            line.push(' ');
            line.push_str(&quote(arg));
        }
        line
    }

    /// The failure of this program: which one and how it ended, its last lines, and how to run it again.
    pub(super) fn failure(&self, what: &str, last: &VecDeque<String>) -> anyhow::Error {
        let mut message = format!("`{}` {what}", self.name);
        for line in last {
            message.push_str("\n  | ");
            message.push_str(line);
        }
        let line = self.line();
        let shown: String = line.chars().take(SHOWN).collect();
        message.push_str(&format!("\n  $ {shown}"));
        if shown.len() < line.len() {
            message.push_str(" … (all of it with --verbose)");
        }
        Failure { kind: self.kind, message, hint: self.hint.clone() }.into()
    }

    /// Did a program of this machine run out of room on a disk, as far as its last lines tell?
    /// `at`: where it was to change something.
    pub(super) fn found_no_room(&self, last: &VecDeque<String>, at: Option<&Utf8Path>) -> bool {
        // What a build says is read in its log; ssh shows another machine's words, and so does git's `remote:`.
        let elsewhere = self.kind == Kind::Build || ["ssh", "scp"].contains(&self.name.as_str());
        let full = ["No space left on device", "Disk quota exceeded"];
        let says = |line: &String| !line.starts_with("remote:") && full.iter().any(|words| line.contains(words));
        // git does not say why it could not write a file.
        let unsaid = |line: &String| line.contains("error: unable to write file");
        let is_full = || at.is_some_and(|at| free_bytes(at).is_ok_and(|free| free < LITTLE));
        !elsewhere && (last.iter().any(says) || self.name == "git" && last.iter().any(unsaid) && is_full())
    }
}

/// Quotes a word for a POSIX shell, only where it has to be.
pub fn quote(word: impl AsRef<OsStr>) -> String {
    let word = word.as_ref().to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-+=:,./@%^".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use xshell::cmd;

    #[test]
    fn the_line_can_be_pasted() {
        let sh = xshell::Shell::new().unwrap();
        let odd = "a b'c";
        let run = Run::from(cmd!(sh, "printf %s {odd}").env("X", "1 2"));
        assert_eq!(run.line(), r"X='1 2' printf %s 'a b'\''c'");
        let _children = crate::effects::CHILDREN.read();
        let out = std::process::Command::new("sh").arg("-c").arg(run.line()).output().unwrap();
        assert_eq!(out.stdout, odd.as_bytes());
    }

    #[test]
    fn sudo_hands_on_environment_and_input() {
        let sh = xshell::Shell::new().unwrap();
        let run = Run::from(cmd!(sh, "tee /file").env("LANG", "C")).stdin("x").as_root();
        let root = rustix::process::geteuid().is_root();
        let line = if root { "printf %s x | LANG=C tee /file" } else { "printf %s x | sudo -- env LANG=C tee /file" };
        assert_eq!(run.line(), line);
        assert!(!run.terminal, "a program on the terminal would not get its input");
    }
}
