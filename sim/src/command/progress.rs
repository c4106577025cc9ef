//! How far a long run is. This is the one place where real time passes: how long a person has waited is no part of a
//! run.

#![allow(clippy::disallowed_types, reason = "real time, for a person; nothing of a run depends on it")]

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use crate::kernel::time::Millis;
use crate::scenario::Scenario;

/// A line that says how far something long is, for a person at a terminal only.
struct Line {
    next: Option<Instant>,
    shown: bool,
}

impl Line {
    /// What takes less than this shows no progress.
    const PATIENCE: Duration = Duration::from_secs(1);
    const EVERY: Duration = Duration::from_millis(200);

    fn begin() -> Self {
        let next = io::stderr().is_terminal().then(|| Instant::now() + Self::PATIENCE);
        Self { next, shown: false }
    }

    fn show(&mut self, text: impl FnOnce() -> String) {
        if self.next.is_some_and(|next| Instant::now() >= next) {
            eprint!("\r\u{1b}[K{}", text());
            self.next = Some(Instant::now() + Self::EVERY);
            self.shown = true;
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.shown {
            eprint!("\r\u{1b}[K");
        }
    }
}

/// How far a run is. The line goes when this is dropped.
pub(super) struct Progress {
    end: Millis,
    line: Line,
}

impl Progress {
    pub(super) fn begin(scenario: &Scenario) -> Self {
        Self { end: scenario.duration(), line: Line::begin() }
    }

    pub(super) fn show(&mut self, now: Millis) {
        let end = self.end;
        self.line.show(|| format!("simulated {now} of {end}"));
    }
}

/// How many of a number of things are done. The line goes when this is dropped.
pub(super) struct Countdown {
    what: &'static str,
    done: usize,
    all: usize,
    line: Line,
}

impl Countdown {
    pub(super) fn begin(all: usize, what: &'static str) -> Self {
        Self { what, done: 0, all, line: Line::begin() }
    }

    pub(super) fn step(&mut self) {
        self.done += 1;
        let (done, all, what) = (self.done, self.all, self.what);
        self.line.show(|| format!("{done} of {all} {what}"));
    }
}
