// SPDX-License-Identifier: GPL-2.0-only
//! The one place that talks to the terminal.
//!
//! Data (tables, lists, JSON) goes to stdout, everything else to stderr. On a terminal a running step has
//! a spinner with the time that has passed; elsewhere (a pipe, CI) a step is one line when it starts and
//! one when it has ended, and one a minute between (`ui/pulse.rs`). Nothing here decides anything.
//!
//! Much of what is said has words of packages, logs and trees in it, which are anybody's: what a terminal would act
//! on is taken out here, once for all. Only data for another program is left as it is. Data that could not be written
//! is an error, which [`Ui::written`] tells `main`.

mod pulse;
mod text;

use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::{mpsc, Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use self::pulse::Pulse;
pub use self::text::{ago, bytes, count, seconds};
use self::text::{columns, fold, harmless, on_one_line, WIDTH};

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
    /// Where nobody watches: what runs, and the thread that tells it.
    pulse: Option<(Arc<Pulse>, mpsc::Sender<()>)>,
}

/// Something that runs, until it is dropped.
pub struct Running<'a> {
    ui: &'a Ui,
    id: Option<u64>,
}

/// A step that is under way; says how long it took when it is dropped through [`Step::done`].
pub struct Step<'a> {
    ui: &'a Ui,
    name: String,
    start: Instant,
    ended: bool,
    _running: Running<'a>,
}

impl Ui {
    pub fn new(verbose: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        let pulse = (!terminal).then(|| {
            let pulse = Arc::new(Pulse::new());
            let thread = pulse.watch(|line, time| say(&still(&line, time)));
            (pulse, thread)
        });
        Self { verbose, terminal, colour, bar: Mutex::new(None), unwritten: Mutex::new(None), pulse }
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
        let running = Running { ui: self, id: self.pulse.as_ref().map(|(pulse, _)| pulse.begin(&name)) };
        Step { ui: self, name, start: Instant::now(), ended: false, _running: running }
    }

    /// A program runs, which is told where it is in no step.
    pub fn running(&self, program: &str) -> Running<'_> {
        let outside = self.pulse.as_ref().filter(|(pulse, _)| !pulse.is_running());
        Running { ui: self, id: outside.map(|(pulse, _)| pulse.begin(&harmless(program))) }
    }

    /// What the running step is at: shown beside the spinner, elsewhere from time to time.
    pub fn progress(&self, text: &str) {
        self.at(text);
        if let Some(bar) = self.lock().as_ref() {
            bar.set_message(on_one_line(text));
        }
    }

    /// How far the running step is: a bar where `of` is known (not 0), and what it is at.
    pub fn fraction(&self, done: u64, of: u64, text: &str) {
        self.at(text);
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

    fn at(&self, text: &str) {
        if let Some((pulse, _)) = &self.pulse {
            pulse.at(&on_one_line(text));
            if let Some((line, time)) = pulse.due(Instant::now()) {
                say(&still(&line, time));
            }
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
        self.heard();
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
        self.quietly(|| say(line));
        self.heard();
    }

    fn heard(&self) {
        if let Some((pulse, _)) = &self.pulse {
            pulse.heard();
        }
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

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some((id, (pulse, _))) = self.id.zip(self.ui.pulse.as_ref()) {
            pulse.end(id);
        }
    }
}

fn say(line: &str) {
    // Whole, whatever other thread writes.
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// The line of something that goes on.
fn still(line: &str, time: Duration) -> String {
    format!("  .. {line} ({})", seconds(time))
}
