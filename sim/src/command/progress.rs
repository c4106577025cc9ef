//! How far a long run is. This is the one place where real time passes: how long a person has waited is no part of a
//! run.

#![allow(clippy::disallowed_types, reason = "real time, for a person; nothing of a run depends on it")]

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use replicator::agent::Spoken;

use crate::kernel::time::Millis;
use crate::scenario::Scenario;

/// A line that says how far something long is: at a terminal the same line again and again, elsewhere a new one now and
/// then, or none at all.
struct Line {
    next: Option<Instant>,
    to: Reader,
    shown: bool,
}

/// Who reads it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    Terminal,
    File,
}

impl Line {
    /// What takes less than this shows no progress.
    const PATIENCE: Duration = Duration::from_secs(1);
    const EVERY: Duration = Duration::from_millis(200);
    const EVERY_IN_A_FILE: Duration = Duration::from_secs(10);

    /// For a person at a terminal only.
    fn begin() -> Self {
        let next = io::stderr().is_terminal().then(|| Instant::now() + Self::PATIENCE);
        Self { next, to: Reader::Terminal, shown: false }
    }

    /// For what takes so long that a file is worth a line, too.
    fn begin_for_all() -> Self {
        if io::stderr().is_terminal() {
            return Self::begin();
        }
        Self { next: Some(Instant::now() + Self::EVERY_IN_A_FILE), to: Reader::File, shown: false }
    }

    fn show(&mut self, text: impl FnOnce() -> String) {
        if self.next.is_none_or(|next| Instant::now() < next) {
            return;
        }
        match self.to {
            Reader::Terminal => {
                eprint!("\r\u{1b}[K{}", text());
                self.next = Some(Instant::now() + Self::EVERY);
                self.shown = true;
            }
            Reader::File => {
                eprintln!("{}", text());
                self.next = Some(Instant::now() + Self::EVERY_IN_A_FILE);
            }
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

/// How many of a number of things are done, and how long the rest will take. The line goes when this is dropped.
pub(super) struct Countdown {
    what: &'static str,
    done: usize,
    all: usize,
    began: Instant,
    line: Line,
}

impl Countdown {
    pub(super) fn begin(all: usize, what: &'static str) -> Self {
        Self { what, done: 0, all, began: Instant::now(), line: Line::begin_for_all() }
    }

    pub(super) fn step(&mut self) {
        self.done += 1;
        let (done, all, what) = (self.done, self.all, self.what);
        let left = time_left(self.began.elapsed(), done, all);
        self.line.show(|| format!("{done} of {all} {what}, {} left", Spoken(left)));
    }
}

/// How long the rest will take if it goes on like this.
fn time_left(so_far: Duration, done: usize, all: usize) -> Duration {
    so_far.mul_f64(all.saturating_sub(done) as f64 / done.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_takes_as_long_as_what_was_done() {
        let left = |done, all| time_left(Duration::from_secs(60), done, all).as_secs();
        assert_eq!((left(1, 3), left(30, 40), left(40, 40)), (120, 20, 0));
    }
}
