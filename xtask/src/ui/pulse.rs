// SPDX-License-Identifier: GPL-2.0-only
//! Signs of life for a log that nobody watches: CI systems end a job that is silent for long.
//!
//! Knows what runs and since when, and says when a line about it is due. It must never print: `ui.rs` does.

use std::sync::{mpsc, Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long there may be silence.
const INTERVAL: Duration = Duration::from_secs(60);
/// The variable that sets it, in seconds; with 0 every line of progress is shown.
const VARIABLE: &str = "KERNEL_FORK_PROGRESS";

/// What is under way.
pub struct Pulse {
    interval: Duration,
    state: Mutex<State>,
}

struct State {
    running: Vec<Running>,
    next: u64,
    /// When something was last printed.
    heard: Instant,
}

/// A step, or a program outside of any.
struct Running {
    id: u64,
    name: String,
    since: Instant,
    at: String,
}

impl Pulse {
    /// One with the interval of the environment.
    pub fn new() -> Self {
        let set = std::env::var(VARIABLE).ok().and_then(|v| v.trim().parse().ok());
        Self::every(set.map_or(INTERVAL, Duration::from_secs))
    }

    fn every(interval: Duration) -> Self {
        let state = State { running: Vec::new(), next: 0, heard: Instant::now() };
        Self { interval, state: Mutex::new(state) }
    }

    /// Something has begun; its number, for [`Pulse::end`].
    pub fn begin(&self, name: &str) -> u64 {
        let mut state = self.lock();
        state.next += 1;
        let id = state.next;
        state.running.push(Running { id, name: name.to_owned(), since: Instant::now(), at: String::new() });
        id
    }

    /// It has ended.
    pub fn end(&self, id: u64) {
        self.lock().running.retain(|running| running.id != id);
    }

    /// Is anything under way?
    pub fn is_running(&self) -> bool {
        !self.lock().running.is_empty()
    }

    /// What the last that has begun is at.
    pub fn at(&self, text: &str) {
        if let Some(last) = self.lock().running.last_mut() {
            text.clone_into(&mut last.at);
        }
    }

    /// Something was printed.
    pub fn heard(&self) {
        self.lock().heard = Instant::now();
    }

    /// What is to be printed now, if anything is: what runs, what it is at, and for how long.
    pub fn due(&self, now: Instant) -> Option<(String, Duration)> {
        let mut state = self.lock();
        if now.saturating_duration_since(state.heard) < self.interval {
            return None;
        }
        let last = state.running.last()?;
        let colon = if last.at.is_empty() { "" } else { ": " };
        let line = (format!("{}{colon}{}", last.name, last.at), now.saturating_duration_since(last.since));
        state.heard = now;
        Some(line)
    }

    /// Calls `say` whenever a line is due, in a thread that ends with what is returned.
    pub fn watch(self: &Arc<Self>, say: impl Fn(String, Duration) + Send + 'static) -> mpsc::Sender<()> {
        let (stop, stopped) = mpsc::channel();
        let pulse = Arc::clone(self);
        std::thread::spawn(move || loop {
            let left = (pulse.lock().heard + pulse.interval).saturating_duration_since(Instant::now());
            // Not in haste where there is nothing to say.
            let wait = left.max(Duration::from_secs(1).min(pulse.interval.max(Duration::from_millis(10))));
            if stopped.recv_timeout(wait) != Err(mpsc::RecvTimeoutError::Timeout) {
                return;
            }
            if let Some((line, time)) = pulse.due(Instant::now()) {
                say(line, time);
            }
        });
        stop
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_due_after_an_interval_of_silence() {
        let (pulse, minute) = (Pulse::every(INTERVAL), INTERVAL);
        let start = Instant::now() + Duration::from_secs(1);
        assert_eq!(pulse.due(start + 9 * minute), None, "nothing runs");
        let step = pulse.begin("build slim");
        pulse.at("compile: 310 of 1240 objects");
        let said = |now| pulse.due(now).map(|(line, _)| line);
        assert_eq!(said(start + minute).as_deref(), Some("build slim: compile: 310 of 1240 objects"));
        assert_eq!(said(start + minute + minute / 2), None);
        // A program that a step runs is told in the step's place, and then the step again.
        let inner = pulse.begin("sbuild");
        assert_eq!(said(start + 2 * minute).as_deref(), Some("sbuild"));
        pulse.end(inner);
        assert!(said(start + 3 * minute).unwrap().starts_with("build slim"));
        pulse.end(step);
        assert_eq!(said(start + 9 * minute), None);
        assert!(!pulse.is_running());
    }

    #[test]
    fn the_thread_says_it_and_ends() {
        let pulse = Arc::new(Pulse::every(Duration::ZERO));
        pulse.begin("fetch");
        let (send, receive) = mpsc::channel();
        let stop = pulse.watch(move |line, _| drop(send.send(line)));
        assert_eq!(receive.recv().unwrap(), "fetch");
        drop(stop);
        // The sender goes with the thread.
        while receive.recv().is_ok() {}
    }
}
