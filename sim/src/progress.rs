//! How far a long run is. This is the one place where real time passes: how long a person has waited is no part of a
//! run.

#![allow(clippy::disallowed_types, reason = "real time, for a person; nothing of a run depends on it")]

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use replicator_sim::scenario::Scenario;
use replicator_sim::time::Millis;

/// A line that says how far a long run is, for a person at a terminal only.
pub(crate) struct Progress {
    end: Millis,
    next: Option<Instant>,
    shown: bool,
}

impl Progress {
    /// A run that takes less than this shows no progress.
    const PATIENCE: Duration = Duration::from_secs(1);
    const EVERY: Duration = Duration::from_millis(200);

    pub(crate) fn begin(scenario: &Scenario) -> Self {
        let next = io::stderr().is_terminal().then(|| Instant::now() + Self::PATIENCE);
        Self { end: scenario.duration(), next, shown: false }
    }

    pub(crate) fn show(&mut self, now: Millis) {
        if self.next.is_some_and(|next| Instant::now() >= next) {
            eprint!("\r\u{1b}[Ksimulated {now} of {}", self.end);
            self.next = Some(Instant::now() + Self::EVERY);
            self.shown = true;
        }
    }

    pub(crate) fn clear(&self) {
        if self.shown {
            eprint!("\r\u{1b}[K");
        }
    }
}
