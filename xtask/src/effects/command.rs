// SPDX-License-Identifier: GPL-2.0-only
//! Running programs: each in a process group of its own, its output to a log and to whoever watches, its
//! failure told with the whole command line, the exit status and the last lines.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};

use super::{signals, Effects};
use crate::error::{Failure, Kind};

/// How long a child may take to clean up after SIGTERM before SIGKILL. sbuild removes its chroot then.
const GRACE: Duration = Duration::from_secs(60);
/// How many of the last lines a failure shows.
const LAST_LINES: usize = 12;

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
}

impl Output {
    /// stdout as text without the last newline.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end_matches('\n').to_owned()
    }
}

/// Called with each line of output.
type Watch<'a> = Box<dyn FnMut(&str) + 'a>;

/// A program to run. Made from an [`xshell::Cmd`], so never through a shell.
pub struct Run<'a> {
    command: Command,
    stdin: Option<Vec<u8>>,
    log: Option<Utf8PathBuf>,
    watch: Option<Watch<'a>>,
    terminal: bool,
    sudo: bool,
    any_status: bool,
    kind: Kind,
    hint: Option<String>,
}

impl From<xshell::Cmd<'_>> for Run<'_> {
    fn from(cmd: xshell::Cmd<'_>) -> Self {
        Self {
            command: cmd.into(),
            stdin: None,
            log: None,
            watch: None,
            terminal: false,
            sudo: false,
            any_status: false,
            kind: Kind::Machine,
            hint: None,
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

    /// The program talks to the person itself (a password, an editor, a test runner's own report).
    #[must_use]
    pub fn on_terminal(mut self) -> Self {
        self.terminal = true;
        self
    }

    /// A status other than 0 is an answer and no failure.
    #[must_use]
    pub fn any_status(mut self) -> Self {
        self.any_status = true;
        self
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

    /// The line that does the same in a shell: directory, environment and quoting included.
    pub fn line(&self) -> String {
        let mut line = String::new();
        if let Some(Ok(text)) = self.stdin.as_deref().filter(|b| b.len() < 4096).map(std::str::from_utf8) {
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

    fn failure(&self, what: &str, last: &VecDeque<String>) -> anyhow::Error {
        let mut message = format!("`{}` {what}", self.line());
        for line in last {
            message.push_str("\n  | ");
            message.push_str(line);
        }
        if let Some(log) = &self.log {
            message.push_str(&format!("\n  (all of it: {log})"));
        }
        Failure { kind: self.kind, message, hint: self.hint.clone() }.into()
    }
}

impl Effects {
    /// Runs a program that only reads, or works inside a scratch.
    ///
    /// # Errors
    /// The program is not there, ends with another status than 0, or the person interrupts.
    pub fn read<'a>(&self, run: impl Into<Run<'a>>) -> Result<Output> {
        let mut run = run.into();
        self.ui.command(&run.line());
        execute(&mut run)
    }

    /// Runs a program that changes something at or below `path`; in a dry run only says so.
    ///
    /// # Errors
    /// As [`Effects::read`].
    pub fn change<'a>(&self, path: impl AsRef<Utf8Path>, run: impl Into<Run<'a>>) -> Result<Did> {
        let mut run = run.into();
        if self.planned(path.as_ref()) {
            self.ui.planned(&run.line());
            return Ok(Did::Planned);
        }
        self.ui.command(&run.line());
        execute(&mut run)?;
        Ok(Did::Done)
    }
}

fn execute(run: &mut Run) -> Result<Output> {
    let line = run.line();
    let program = run.command.get_program().to_string_lossy().into_owned();
    if !run.terminal {
        // sudo asks for the password on the terminal itself, which is for the foreground group only.
        if !run.sudo {
            run.command.process_group(0);
        }
        run.command.stdin(if run.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        run.command.stdout(Stdio::piped()).stderr(Stdio::piped());
    }
    let mut log = match &run.log {
        Some(path) => {
            let mut file = File::create(path).with_context(|| format!("cannot write {path}"))?;
            writeln!(file, "$ {line}")?;
            Some(file)
        }
        None => None,
    };
    let mut child = run.command.spawn().map_err(|e| {
        let hint = run
            .hint
            .clone()
            .unwrap_or_else(|| format!("`cargo xtask quickstart` installs what is missing; here it is `{program}`"));
        anyhow::Error::from(e).context(Failure::new(Kind::Machine, format!("cannot start `{program}`")).hint(hint))
    })?;

    let mut stdout = Vec::new();
    let mut last = VecDeque::new();
    if !run.terminal {
        let feeder = run.stdin.take().zip(child.stdin.take());
        let (send, receive) = mpsc::channel();
        std::thread::scope(|scope| -> Result<()> {
            if let Some((bytes, mut pipe)) = feeder {
                // A program that does not read all of its input is no fault of the feeder.
                scope.spawn(move || drop(pipe.write_all(&bytes)));
            }
            let (out, err) = (child.stdout.take(), child.stderr.take());
            let send_err = send.clone();
            scope.spawn(move || out.map(|o| pump(o, true, &send)));
            scope.spawn(move || err.map(|e| pump(e, false, &send_err)));
            // A child that has left its own children behind with our pipe open would keep us for ever:
            // the wait ends with the process, and the pipes get a moment more.
            let mut ended: Option<Instant> = None;
            loop {
                match receive.recv_timeout(Duration::from_millis(100)) {
                    Ok((is_out, bytes)) => {
                        if let Some(log) = &mut log {
                            log.write_all(&bytes)?;
                        }
                        let text = String::from_utf8_lossy(&bytes).trim_end().to_owned();
                        if is_out {
                            stdout.extend_from_slice(&bytes);
                        }
                        if let Some(watch) = &mut run.watch {
                            watch(&text);
                        }
                        if !text.is_empty() {
                            last.push_back(text);
                            if last.len() > LAST_LINES {
                                last.pop_front();
                            }
                        }
                    }
                    Err(mpsc::RecvTimeoutError::Disconnected) => break,
                    Err(mpsc::RecvTimeoutError::Timeout) => {
                        if ended.is_none() && child.try_wait()?.is_some() {
                            ended = Some(Instant::now());
                        }
                    }
                }
                if signals::interrupted() {
                    end(&mut child);
                    break;
                }
                if ended.is_some_and(|e| e.elapsed() > Duration::from_secs(5)) {
                    kill_group(&child, rustix::process::Signal::KILL);
                }
            }
            Ok(())
        })?;
    }
    let status = child.wait()?;
    if signals::interrupted() {
        fail!(Interrupted, "interrupted during `{program}`");
    }
    if !status.success() && !run.any_status {
        return Err(run.failure(&format!("failed with {status}"), &last));
    }
    Ok(Output { status, stdout })
}

/// Sends each line (or what there is at the end) as it comes.
fn pump(stream: impl Read, is_out: bool, send: &mpsc::Sender<(bool, Vec<u8>)>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut bytes = Vec::new();
        match reader.read_until(b'\n', &mut bytes) {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                if send.send((is_out, bytes)).is_err() {
                    return;
                }
            }
        }
    }
}

/// Asks the child's whole group to end, and makes it.
fn end(child: &mut Child) {
    kill_group(child, rustix::process::Signal::TERM);
    let start = Instant::now();
    while start.elapsed() < GRACE {
        if matches!(child.try_wait(), Ok(Some(_))) {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    kill_group(child, rustix::process::Signal::KILL);
    signals::end_descendants();
}

fn kill_group(child: &Child, signal: rustix::process::Signal) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        // It may be gone already: then there is nothing to end.
        let _ = rustix::process::kill_process_group(pid, signal);
    }
}

/// Quotes a word for a POSIX shell, only where it has to be.
pub(super) fn quote(word: &OsStr) -> String {
    let word = word.to_string_lossy();
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

    #[test]
    fn a_failure_shows_command_status_and_last_lines() {
        let sh = xshell::Shell::new().unwrap();
        let script = "echo one; echo two >&2; exit 3";
        let error = execute(&mut Run::from(cmd!(sh, "sh -c {script}"))).err().unwrap().to_string();
        assert!(error.contains("exit status: 3") && error.contains("| one") && error.contains("| two"), "{error}");
    }

    #[test]
    fn a_daemon_left_behind_does_not_hold_us() {
        let sh = xshell::Shell::new().unwrap();
        let script = "sleep 300 & echo started";
        let start = Instant::now();
        let out = execute(&mut Run::from(cmd!(sh, "sh -c {script}"))).unwrap();
        assert_eq!(out.text(), "started");
        assert!(start.elapsed() < Duration::from_secs(60));
    }
}
