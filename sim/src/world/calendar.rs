//! Wall time: what a moment of the run is called.

use jiff::Timestamp;

use crate::kernel::time::Millis;

/// The wall time at which every simulated run starts: 2026-01-05, a Monday, 00:00 UTC.
const USUAL_START: Timestamp = Timestamp::constant(1_767_571_200, 0);

/// When the run began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Calendar {
    start: Timestamp,
}

impl Calendar {
    /// Of a run that begins when all simulated ones do.
    pub(super) fn usual() -> Self {
        Self { start: USUAL_START }
    }

    /// Of a run that begins at this moment.
    pub(crate) fn from(start: Timestamp) -> Self {
        Self { start }
    }

    /// The wall time of a moment, by a clock that is off by so many milliseconds.
    pub(super) fn time_off_by(self, at: Millis, off: i64) -> Timestamp {
        let since = i64::try_from(at.0).unwrap_or(i64::MAX);
        let millis = self.start.as_millisecond().saturating_add(since).saturating_add(off);
        Timestamp::from_millisecond(millis).unwrap_or_default()
    }

    /// In nanoseconds, as Nomad stores it.
    pub(super) fn nanos(self, at: Millis) -> i64 {
        self.time_off_by(at, 0).as_millisecond().saturating_mul(1_000_000)
    }

    /// As text.
    pub(super) fn stamp(self, at: Millis) -> String {
        self.time_off_by(at, 0).to_string()
    }

    /// The same without fractions of a second, as Nomad writes some.
    pub(super) fn stamp_to_the_second(self, at: Millis) -> String {
        Timestamp::from_second(self.time_off_by(at, 0).as_second()).unwrap_or_default().to_string()
    }
}
