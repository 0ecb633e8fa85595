// SPDX-License-Identifier: GPL-2.0-only
//! The one place that talks to the terminal.
//!
//! Data (tables, lists, JSON) goes to stdout, everything else to stderr. On a terminal a running step has
//! a spinner with the time that has passed; elsewhere (a pipe, CI) a step is one line when it starts and
//! one when it has ended. Nothing here decides anything.
//!
//! Much of what is said has words of packages, logs and trees in it, which are anybody's: what a terminal would act
//! on is taken out here, once for all. Only data for another program is left as it is. Data that could not be written
//! is an error, which [`Ui::written`] tells `main`.

use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::formats::printable;

/// What a spinner goes through; the last one is for its end.
const TICKS: &[&str] = &["|", "/", "-", "\\", " "];

/// How to talk. One per process; shared by reference.
pub struct Ui {
    verbose: bool,
    terminal: bool,
    colour: bool,
    bar: Mutex<Option<ProgressBar>>,
    /// The first failure of stdout ([`Ui::written`]).
    unwritten: Mutex<Option<std::io::Error>>,
}

/// A step that is under way; says how long it took when it is dropped through [`Step::done`].
pub struct Step<'a> {
    ui: &'a Ui,
    name: String,
    start: Instant,
    ended: bool,
}

impl Ui {
    pub fn new(verbose: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        Self { verbose, terminal, colour, bar: Mutex::new(None), unwritten: Mutex::new(None) }
    }

    /// Does the person want to see more?
    pub fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// A line of data on stdout.
    pub fn data(&self, line: &str) {
        if std::io::stdout().is_terminal() {
            self.out(&harmless(line));
        } else {
            self.out(line);
        }
    }

    /// A text of this program's own on stdout, as it is.
    pub fn raw(&self, text: &str) {
        self.write(text);
    }

    /// A remark on stderr.
    pub fn note(&self, text: &str) {
        self.err(&harmless(text));
    }

    /// A warning on stderr.
    pub fn warn(&self, text: &str) {
        self.err(&format!("{} {}", self.paint("33", "warning:"), harmless(text)));
    }

    /// The command line of something that is run, for `--verbose`.
    pub fn command(&self, line: &str) {
        if self.verbose {
            self.err(&format!("{} {}", self.paint("2", "$"), harmless(line)));
        }
    }

    /// What a dry run would do: to stdout, since here it is the answer.
    pub fn planned(&self, line: &str) {
        self.data(line);
    }

    /// The final words of a failure.
    pub fn failure(&self, sentence: &str, hint: Option<&str>) {
        self.end_bar();
        self.err(&format!("{} {}", self.paint("1;31", "error:"), harmless(sentence)));
        if let Some(hint) = hint {
            self.err(&format!("{} {}", self.paint("1;36", "hint:"), harmless(hint)));
        }
    }

    /// Starts a step. One at a time: a step inside a step takes over the line.
    pub fn step(&self, name: &str) -> Step<'_> {
        let name = harmless(name);
        if self.terminal {
            let bar = ProgressBar::new_spinner();
            let style = ProgressStyle::with_template("{spinner} {prefix} [{elapsed}] {wide_msg:.dim}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()).tick_strings(TICKS));
            bar.set_prefix(name.clone());
            bar.enable_steady_tick(Duration::from_millis(200));
            *self.lock() = Some(bar);
        } else {
            self.err(&format!("  .. {name}"));
        }
        Step { ui: self, name, start: Instant::now(), ended: false }
    }

    /// What the running step is at: shown beside the spinner, nowhere else.
    pub fn progress(&self, text: &str) {
        if let Some(bar) = self.lock().as_ref() {
            bar.set_message(on_one_line(text));
        }
    }

    /// How far the running step is: a bar where `of` is known (not 0), and what it is at.
    pub fn fraction(&self, done: u64, of: u64, text: &str) {
        if let Some(bar) = self.lock().as_ref() {
            if of > 0 && bar.length().is_none() {
                let style = ProgressStyle::with_template("{spinner} {prefix} [{elapsed}] [{bar:20}] {wide_msg:.dim}");
                bar.set_style(
                    style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ").tick_strings(TICKS),
                );
                bar.set_length(of);
            }
            bar.set_position(done.min(of));
            bar.set_message(on_one_line(text));
        }
    }

    /// One line of a report on stdout: a mark, a name, and a text that is folded to the terminal's width.
    pub fn entry(&self, mark: &str, name: &str, text: &str) {
        let mark = match mark {
            "MISSING" => self.paint_data("1;31", &format!("{mark:<8}")),
            "look" => self.paint_data("33", &format!("{mark:<8}")),
            _ => self.paint_data("32", &format!("{mark:<8}")),
        };
        let name = on_one_line(name);
        for (i, line) in fold(&on_one_line(text), WIDTH - 28).iter().enumerate() {
            self.out(
                match i {
                    0 => format!("{mark}{name:<17} {line}"),
                    _ => format!("{:26}{line}", ""),
                }
                .trim_end(),
            );
        }
    }

    /// Rows as aligned columns on stdout, the first row the heading.
    pub fn table(&self, rows: &[Vec<String>]) {
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(|cell| on_one_line(cell)).collect()).collect();
        for line in columns(&rows) {
            self.out(&line);
        }
    }

    /// Lines of data in the place of the `above` lines that were drawn before, where stdout is a terminal; else
    /// below them. Returns how many there are.
    pub fn redraw(&self, lines: &[String], above: usize) -> usize {
        if above > 0 && std::io::stdout().is_terminal() {
            // Up by so many lines, and clear from there to the end of the screen.
            self.write(&format!("\x1b[{above}A\x1b[J"));
        }
        lines.iter().for_each(|line| self.data(line));
        lines.len()
    }

    /// Asks a yes-or-no question; without a terminal the answer is no.
    pub fn ask(&self, question: &str) -> bool {
        if !self.terminal || !std::io::stdin().is_terminal() {
            return false;
        }
        self.quietly(|| {
            let _ = write!(std::io::stderr(), "{} [y/N] ", harmless(question));
            let _ = std::io::stderr().flush();
            let mut answer = String::new();
            let read = std::io::stdin().read_line(&mut answer).is_ok();
            read && matches!(answer.trim(), "y" | "Y" | "yes")
        })
    }

    /// Colour for stdout, which may go elsewhere than stderr.
    fn paint_data(&self, code: &str, text: &str) -> String {
        if std::io::stdout().is_terminal() {
            self.paint(code, text)
        } else {
            text.to_owned()
        }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn out(&self, line: &str) {
        self.quietly(|| self.write(&format!("{line}\n")));
    }

    /// All of stdout goes through here.
    fn write(&self, text: &str) {
        self.keep(std::io::stdout().write_all(text.as_bytes()));
    }

    /// Notes the first failure. A closed pipe (`… | head`) is none: whoever reads has seen enough.
    fn keep(&self, outcome: std::io::Result<()>) {
        if let Err(e) = outcome.or_else(|e| if e.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(e) }) {
            self.unwritten.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(e);
        }
    }

    /// Has all data got to stdout? Asked once, when the command has ended, so no command can forget it.
    ///
    /// # Errors
    /// It has not: a full disk, a terminal that is gone.
    pub fn written(&self) -> anyhow::Result<()> {
        self.keep(std::io::stdout().flush());
        match self.unwritten.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(e) => Err(anyhow::Error::from(e).context("cannot write to standard output")),
            None => Ok(()),
        }
    }

    fn err(&self, line: &str) {
        self.quietly(|| {
            let _ = writeln!(std::io::stderr(), "{line}");
        });
    }

    /// Runs `f` with the spinner out of the way.
    fn quietly<T>(&self, f: impl FnOnce() -> T) -> T {
        let bar = self.lock().clone();
        match bar {
            Some(bar) => bar.suspend(f),
            None => f(),
        }
    }

    fn end_bar(&self) {
        if let Some(bar) = self.lock().take() {
            bar.finish_and_clear();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<ProgressBar>> {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Step<'_> {
    /// The step has ended well: one line with its time.
    pub fn done(self, result: &str) {
        let colon = if result.is_empty() { "" } else { ": " };
        let text = format!("{}{colon}{}", self.name, harmless(result));
        self.finish(&text);
    }

    fn finish(mut self, text: &str) {
        self.ended = true;
        self.ui.end_bar();
        self.ui.err(&format!("  {} {text} ({})", self.ui.paint("32", "ok"), seconds(self.start.elapsed())));
    }
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.ui.end_bar();
            self.ui.err(&format!("  {} {} ({})", self.ui.paint("31", "--"), self.name, seconds(self.start.elapsed())));
        }
    }
}

/// A text that a terminal only shows; its lines and columns are ours.
fn harmless(text: &str) -> String {
    text.chars().map(|c| if matches!(c, '\n' | '\t') { c } else { printable(c) }).collect()
}

/// The same where a line of its own would be taken for one of ours.
fn on_one_line(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { ' ' } else { printable(c) }).collect()
}

/// A duration as a person reads it: `0.4 s`, `12 s`, `3 min 05 s`.
pub fn seconds(d: Duration) -> String {
    let s = d.as_secs_f64();
    if s < 10.0 {
        format!("{s:.1} s")
    } else if s < 59.5 {
        format!("{s:.0} s")
    } else {
        let s = s.round() as u64;
        format!("{} min {:02} s", s / 60, s % 60)
    }
}

/// How long ago something was, in the one unit that counts: `40 s`, `12 min`, `5 h`, `3 days`.
pub fn ago(d: Duration) -> String {
    match d.as_secs() {
        s if s < 60 => format!("{s} s"),
        s if s < 2 * 3600 => format!("{} min", s / 60),
        s if s < 2 * 86_400 => format!("{} h", s / 3600),
        s => format!("{} days", s / 86_400),
    }
}

/// Bytes as a person reads them, in powers of 1000 as disks are sold: `812 kB`, `4.2 GB`.
pub fn bytes(n: u64) -> String {
    let n = n as f64;
    match n {
        n if n < 1e3 => format!("{n} B"),
        n if n < 1e6 => format!("{:.0} kB", n / 1e3),
        n if n < 1e9 => format!("{:.1} MB", n / 1e6),
        n => format!("{:.1} GB", n / 1e9),
    }
}

/// So many of a thing: `1 commit`, `3 commits`.
pub fn count(n: usize, thing: &str) -> String {
    format!("{n} {thing}{}", if n == 1 { "" } else { "s" })
}

/// What a report is folded to: a terminal as it opens.
const WIDTH: usize = 80;

/// Breaks a text into lines of at most `width` characters at its blanks; a longer word stands alone.
fn fold(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.len() - 1;
        let line = &mut lines[last];
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

fn columns(rows: &[Vec<String>]) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count)
        .map(|i| rows.iter().filter_map(|r| r.get(i)).map(|c| c.chars().count()).max().unwrap_or(0))
        .collect();
    rows.iter()
        .map(|row| {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(&format!("{cell:<width$}  "));
            }
            line.trim_end().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes() {
        assert_eq!(seconds(Duration::from_millis(420)), "0.4 s");
        assert_eq!(seconds(Duration::from_secs(12)), "12 s");
        assert_eq!(seconds(Duration::from_secs(185)), "3 min 05 s");
        assert_eq!(
            ["40 s", "76 min", "5 h", "3 days"],
            [40, 4600, 20_000, 260_000].map(|s| ago(Duration::from_secs(s)))
        );
        assert_eq!(bytes(812_000), "812 kB");
        assert_eq!(bytes(4_200_000_000), "4.2 GB");
        assert_eq!([0, 1, 2].map(|n| count(n, "commit")), ["0 commits", "1 commit", "2 commits"]);
    }

    #[test]
    fn terminals_only_show() {
        let text = "a\x1b[2J\u{202e}b\u{9b}c\r\x07\n\té";
        assert_eq!(harmless(text), "a\u{fffd}[2J\u{fffd}b\u{fffd}c\u{fffd}\u{fffd}\n\té");
        assert_eq!(on_one_line(text), "a\u{fffd}[2J\u{fffd}b\u{fffd}c\u{fffd}\u{fffd}  é");
    }

    #[test]
    fn long_texts_fold() {
        assert_eq!(fold("one two three", 7), ["one two", "three"]);
        assert_eq!(fold("a very-long-word b", 6), ["a", "very-long-word", "b"]);
        assert_eq!(fold("", 6), [""]);
    }

    #[test]
    fn columns_align() {
        let rows = vec![vec!["a".into(), "long".into()], vec!["bbb".into(), "c".into()]];
        assert_eq!(columns(&rows), ["a    long", "bbb  c"]);
    }
}
