// SPDX-License-Identifier: GPL-2.0-only
//! A child process from its start to its end: its output as it comes, an interruption, what it leaves behind.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use camino::Utf8Path;
use fs_err::File;
use rustix::process::{kill_process, kill_process_group, Pid, Signal};

use super::command::{Did, Ended, Output, Run};
use super::{signals, Effects};
use crate::error::{Failure, Kind};

/// How long clean-up may take: a child's after SIGTERM and before SIGKILL (sbuild removes its chroot then), and ours
/// after an interruption.
const GRACE: Duration = Duration::from_secs(60);
/// How many of the last lines a failure shows.
const LAST_LINES: usize = 12;

impl Effects {
    /// Runs a program that only reads, or works inside a scratch.
    ///
    /// # Errors
    /// The program is not there, ends with another status than 0, or the person interrupts.
    pub fn read<'a>(&self, run: impl Into<Run<'a>>) -> Result<Output> {
        let mut run = run.into();
        self.moves_no_branch(&run)?;
        self.ui.command(&run.line());
        self.execute(&mut run, None)
    }

    /// Takes away what was begun: an interruption, which may be the reason, ends none of the programs that `f` runs
    /// before they have had their time.
    pub fn cleanup<T>(&self, f: impl FnOnce() -> T) -> T {
        let before = self.cleaning.replace(Some(Instant::now()));
        let outcome = f();
        self.cleaning.set(before);
        outcome
    }

    /// Runs a program that changes something at or below `path`; in a dry run only says so.
    ///
    /// # Errors
    /// As [`Effects::read`].
    pub fn change<'a>(&self, path: impl AsRef<Utf8Path>, run: impl Into<Run<'a>>) -> Result<Did> {
        Ok(self.output(path, run)?.map_or(Did::Planned, |_| Did::Done))
    }

    /// As [`Effects::change`], with what it printed; `None` in a dry run.
    ///
    /// # Errors
    /// As there.
    pub fn output<'a>(&self, path: impl AsRef<Utf8Path>, run: impl Into<Run<'a>>) -> Result<Option<Output>> {
        let mut run = run.into();
        self.moves_no_branch(&run)?;
        if self.planned(path.as_ref()) {
            self.plan(&run.line());
            return Ok(None);
        }
        self.ui.command(&run.line());
        Ok(Some(self.execute(&mut run, Some(path.as_ref()))?))
    }

    /// `at`: where it changes something beside a scratch.
    fn execute(&self, run: &mut Run, at: Option<&Utf8Path>) -> Result<Output> {
        run.cleaning = self.cleaning.get();
        let _running = (!run.terminal).then(|| self.ui.running(&run.name));
        let mut last = VecDeque::new();
        execute(run, &mut last).map_err(|e| if run.found_no_room(&last, at) { self.no_room(e, at) } else { e })
    }
}

/// Starts it and stays with it to the end; its last lines are in `last` then.
///
/// # Errors
/// As [`super::Effects::read`].
fn execute(run: &mut Run, last: &mut VecDeque<String>) -> Result<Output> {
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
            .unwrap_or_else(|| format!("`cargo xtask doctor --fix` installs what is missing; here it is `{program}`"));
        anyhow::Error::from(e).context(Failure::new(Kind::Machine, format!("cannot start `{program}`")).hint(hint))
    })?;

    let cleaning = run.cleaning;
    let interrupted = || signals::interrupted() && cleaning.is_none_or(|since| since.elapsed() > GRACE);
    let mut stdout = Vec::new();
    let mut by = Ended::Itself;
    if run.terminal {
        // The keys for SIGINT and SIGQUIT are the program's own, and mean what it makes of them.
        while child.try_wait()?.is_none() {
            if signals::told_to_end() {
                end(&mut child, GRACE);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    } else {
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
            let mut heard = Instant::now();
            loop {
                match receive.recv_timeout(Duration::from_millis(100)) {
                    Ok((is_out, bytes)) => {
                        heard = Instant::now();
                        if let Some(Err(e)) = log.as_mut().map(|log| log.write_all(&bytes)) {
                            end(&mut child, GRACE);
                            return Err(e).context("cannot write the log");
                        }
                        let text = String::from_utf8_lossy(&bytes).trim_end().to_owned();
                        if is_out {
                            stdout.extend_from_slice(&bytes);
                        }
                        if let Some(watch) = &mut run.watch {
                            watch(&text);
                        }
                        if run.until.as_mut().is_some_and(|enough| enough(&text)) {
                            by = Ended::Enough;
                        }
                        // A carriage return is progress that the next line writes over.
                        if !text.is_empty() && !bytes.ends_with(b"\r") {
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
                let silent = ended.is_none() && run.silence.is_some_and(|limit| heard.elapsed() > limit);
                if silent && by == Ended::Itself {
                    by = Ended::Silent;
                }
                if interrupted() || by != Ended::Itself {
                    end(&mut child, GRACE);
                    break;
                }
                if ended.is_some_and(|e| e.elapsed() > Duration::from_secs(5)) {
                    kill_group(&child);
                }
            }
            Ok(())
        })?;
    }
    let status = child.wait();
    // Then it may have been waited for already, with all that it had started.
    if interrupted() {
        fail!(Interrupted, "interrupted during `{}`", run.name);
    }
    let status = status?;
    if by == Ended::Silent && !run.may_be_silent {
        let limit = run.silence.unwrap_or_default().as_secs();
        return Err(run.failure(&format!("said nothing for {limit} s and was ended"), last));
    }
    if !status.success() && !run.any_status && by == Ended::Itself {
        return Err(run.failure(&format!("failed with {status}"), last));
    }
    Ok(Output { status, stdout, ended: by })
}

/// Sends each line (or what there is at the end) as it comes; a line of progress ends in a carriage return.
fn pump(stream: impl Read, is_out: bool, send: &mpsc::Sender<(bool, Vec<u8>)>) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        let Ok(read) = reader.fill_buf() else { return };
        let end = read.iter().position(|b| matches!(b, b'\n' | b'\r')).map(|at| at + 1);
        let (taken, over) = (end.unwrap_or(read.len()), read.is_empty());
        line.extend_from_slice(&read[..taken]);
        reader.consume(taken);
        if (end.is_some() || over) && !line.is_empty() && send.send((is_out, std::mem::take(&mut line))).is_err() {
            return;
        }
        if over {
            return;
        }
    }
}

/// Asks the child's whole group to end, and makes it.
fn end(child: &mut Child, grace: Duration) {
    signal(child, Signal::TERM);
    let start = Instant::now();
    let mut gone = false;
    while !gone && start.elapsed() < grace {
        std::thread::sleep(Duration::from_millis(50));
        gone = matches!(child.try_wait(), Ok(Some(_)));
    }
    // Before anybody else waits for it: its status is asked for later. A failure to wait comes up there.
    if !gone && signal(child, Signal::KILL) {
        let _ = child.wait();
    }
    kill_group(child);
    signals::end_descendants();
}

/// Signals a child that has not been waited for: its group, or where that is ours (on the terminal) the child alone.
/// `false`: it may not be signalled, as sudo.
fn signal(child: &Child, signal: Signal) -> bool {
    pid(child).is_some_and(|pid| kill_process_group(pid, signal).or_else(|_| kill_process(pid, signal)).is_ok())
}

/// Kills what is left of the child's group. There may be nothing.
fn kill_group(child: &Child) {
    let _ = pid(child).map(|pid| kill_process_group(pid, Signal::KILL));
}

fn pid(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{PoisonError, RwLockWriteGuard};
    use xshell::cmd;

    /// To end a child is to end all that runs below this process, so those of another test too.
    fn alone() -> RwLockWriteGuard<'static, ()> {
        signals::CHILDREN.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended(run: &mut Run) -> Result<Output> {
        execute(run, &mut VecDeque::new())
    }

    #[test]
    fn a_failure_shows_program_status_last_lines_and_command() {
        let (_alone, sh) = (alone(), xshell::Shell::new().unwrap());
        let script = "echo one; echo two >&2; exit 3";
        let error = ended(&mut Run::from(cmd!(sh, "sh -c {script}"))).err().unwrap().to_string();
        let lines: Vec<&str> = error.lines().collect();
        assert_eq!(lines[0], "`sh` failed with exit status: 3");
        assert!(error.contains("| one") && error.contains("| two"), "{error}");
        assert_eq!(*lines.last().unwrap(), format!("  $ sh -c '{script}'"));
        // However long the command is, the reader gets to see what it said.
        let long = format!("{script} # {}", "x".repeat(5000));
        let error = ended(&mut Run::from(cmd!(sh, "sh -c {long}"))).err().unwrap().to_string();
        assert!(error.contains("| one") && error.ends_with("--verbose)") && error.len() < 600, "{error}");
    }

    #[test]
    fn a_program_that_has_said_enough_is_ended() {
        let (_alone, sh) = (alone(), xshell::Shell::new().unwrap());
        let script = "echo one; echo two; sleep 300";
        let enough = ended(&mut Run::from(cmd!(sh, "sh -c {script}")).until(|l| l == "two")).unwrap();
        assert_eq!((enough.ended, enough.stdout), (Ended::Enough, b"one\ntwo\n".to_vec()));
        let mut silent = Run::from(cmd!(sh, "sh -c {script}")).until_silence(Duration::from_secs(1));
        assert_eq!(ended(&mut silent).unwrap().ended, Ended::Silent);
    }

    #[test]
    fn a_program_that_is_silent_is_ended() {
        let (_alone, sh) = (alone(), xshell::Shell::new().unwrap());
        let script = "printf 'one\\rtwo\\n'; sleep 300";
        let mut seen = Vec::new();
        let run = Run::from(cmd!(sh, "sh -c {script}")).silence(Duration::from_secs(1));
        let mut run = run.watch(|line| seen.push(line.to_owned()));
        let error = ended(&mut run).err().unwrap().to_string();
        assert!(error.contains("said nothing for 1 s") && error.contains("\n  | two\n  $ sh"), "{error}");
        drop(run);
        assert_eq!(seen, ["one", "two"]);
    }

    #[test]
    fn a_full_disk_of_this_machine_is_told_from_another_s() {
        let (_alone, sh) = (alone(), xshell::Shell::new().unwrap());
        let full = |kind: Kind, words: &str| {
            let script = format!("echo '{words}' >&2; exit 128");
            let (mut run, mut last) =
                (Run::from(cmd!(sh, "sh -c {script}")).or(kind, "is the address right?"), VecDeque::new());
            assert!(execute(&mut run, &mut last).is_err());
            run.found_no_room(&last, None)
        };
        assert!(full(Kind::Network, "fatal: write error: No space left on device"));
        assert!(full(Kind::Machine, "tar: x: Cannot write: Disk quota exceeded"));
        assert!(!full(Kind::Network, "remote: fatal: write error: No space left on device"));
        assert!(!full(Kind::Build, "ld: No space left on device"));
        assert!(!full(Kind::Network, "fatal: unable to access"));
    }

    #[test]
    fn a_child_that_ignores_sigterm_is_killed_and_has_a_status() {
        let (_alone, sh) = (alone(), xshell::Shell::new().unwrap());
        let script = "trap '' TERM; echo ready; while :; do sleep 300; done";
        let mut command = std::process::Command::from(cmd!(sh, "sh -c {script}"));
        let mut child = command.process_group(0).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        end(&mut child, Duration::from_millis(200));
        let status = child.wait().unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9), "{status}");
    }

    #[test]
    fn a_daemon_left_behind_does_not_hold_us() {
        let (_alone, sh) = (alone(), xshell::Shell::new().unwrap());
        let script = "sleep 300 & echo started";
        let start = Instant::now();
        let out = ended(&mut Run::from(cmd!(sh, "sh -c {script}"))).unwrap();
        assert_eq!(out.text(), "started");
        assert!(start.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn a_log_that_cannot_be_written_ends_the_child() {
        let (_alone, sh) = (alone(), xshell::Shell::new().unwrap());
        let dir = tempfile::tempdir().unwrap();
        let log = Utf8Path::from_path(dir.path()).unwrap().join("log");
        let (cwd, pipe, mode) = (rustix::fs::CWD, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU);
        rustix::fs::mknodat(cwd, log.as_std_path(), pipe, mode, 0).unwrap();
        // It is closed behind its second line, which is the child's first.
        let reader = {
            let log = log.clone();
            std::thread::spawn(move || BufReader::new(File::open(log).unwrap()).lines().nth(1).unwrap().unwrap())
        };
        let script = "echo $$; while :; do sleep 0.1; echo x; done";
        let error = ended(&mut Run::from(cmd!(sh, "sh -c {script}")).log(log)).err().unwrap();
        assert_eq!(error.to_string(), "cannot write the log");
        assert!(!Utf8Path::new("/proc").join(reader.join().unwrap()).exists(), "the child goes on");
        // There is no child yet where not even the command can be written.
        let error = ended(&mut Run::from(cmd!(sh, "sh -c {script}")).log("/dev/full")).err().unwrap();
        assert_eq!(crate::error::exit_code(&error), 4, "{error:#}");
    }
}
