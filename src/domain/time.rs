//! Monotonic time. Wall time is [`jiff::Timestamp`].

use std::ops::Add;
use std::time::Duration;

/// A reading of a clock that never jumps and never goes back. It says nothing about the date: only differences
/// between readings of one process mean anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Monotonic(Duration);

impl Monotonic {
    /// The reading that lies `since_start` after the clock's arbitrary start.
    #[must_use]
    pub const fn at(since_start: Duration) -> Self {
        Self(since_start)
    }

    /// Time from the clock's arbitrary start to this reading.
    #[must_use]
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// Time from `earlier` to this reading; zero where `earlier` is the later one.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Monotonic {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        Self(self.0.saturating_add(later))
    }
}
