//! Time: tokio's clock for what is monotonic, the machine's for the date.
//!
//! A machine that is suspended, or a virtual one that is paused, stops tokio's clock. The lease runs on meanwhile (L2): another
//! agent may lead by the time that the machine wakes up. So the time that the machine was suspended is counted on top,
//! where the kernel tells it. A sleep that a suspension falls into is longer by that; whoever acts looks at the reading
//! first (L4).

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::domain::Monotonic;
use crate::ports::Clock;

/// The time of the machine.
#[derive(Debug, Clone, Copy)]
pub struct TokioClock {
    start: Instant,
    readings: Option<Readings>,
}

impl TokioClock {
    /// A clock whose monotonic readings count from now.
    #[must_use]
    pub fn start() -> Self {
        Self { start: Instant::now(), readings: Readings::now() }
    }

    /// How long the machine was suspended since the start, as far as it tells.
    fn suspended(&self) -> Duration {
        let (Some(start), Some(now)) = (self.readings, Readings::now()) else { return Duration::ZERO };
        now.suspended_since(start)
    }
}

/// The kernel's clock that counts suspensions, read between two readings of the one that does not.
#[derive(Debug, Clone, Copy)]
struct Readings {
    before: Duration,
    boot: Duration,
    after: Duration,
}

impl Readings {
    #[cfg(target_os = "linux")]
    fn now() -> Option<Self> {
        use rustix::time::{ClockId, clock_gettime};
        let read = |clock| Duration::try_from(clock_gettime(clock)).ok();
        let before = read(ClockId::Monotonic)?;
        let boot = read(ClockId::Boottime)?;
        Some(Self { before, boot, after: read(ClockId::Monotonic)? })
    }

    /// Elsewhere nobody is asked, and a suspension goes by unseen.
    #[cfg(not(target_os = "linux"))]
    fn now() -> Option<Self> {
        None
    }

    /// How long the machine was suspended between two readings: at least. What passed between the single readings is no
    /// suspension, so that without one it is nothing at all, to the nanosecond.
    fn suspended_since(self, start: Self) -> Duration {
        let at_most_before = start.boot.saturating_sub(start.before);
        self.boot.saturating_sub(self.after).saturating_sub(at_most_before)
    }
}

impl Clock for TokioClock {
    #[expect(clippy::disallowed_methods, reason = "this is the port that gives the core its wall time")]
    fn wall(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Monotonic {
        // In this order, so that a pause between the two is in the second, and no reading is before an earlier one.
        let suspended = self.suspended();
        Monotonic::at(self.start.elapsed() + suspended)
    }

    async fn sleep_until(&self, deadline: Monotonic) {
        // Far beyond any sleep of ours, and within what an Instant can hold.
        let span = deadline.since_start().saturating_sub(self.suspended()).min(Duration::from_hours(24 * 365 * 100));
        tokio::time::sleep_until(self.start + span).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn sleeps_until_its_own_reading() {
        let clock = TokioClock::start();
        let began = clock.monotonic();
        clock.sleep(Duration::from_secs(90)).await;
        assert_eq!(clock.monotonic().since(began), Duration::from_secs(90));
        clock.sleep_until(Monotonic::at(Duration::from_secs(1))).await;
        assert_eq!(clock.monotonic().since(began), Duration::from_secs(90), "what is past is not waited for");
    }

    #[test]
    fn l2_time_spent_suspended_counts() {
        let at = |before: u64, boot: u64, after: u64| Readings {
            before: Duration::from_millis(before),
            boot: Duration::from_millis(boot),
            after: Duration::from_millis(after),
        };
        // The machine had been suspended for 1000 ms before the start.
        let start = at(5000, 6001, 5003);
        let cases = [
            (at(5000, 6001, 5003), 0, "the same moment"),
            (at(9000, 10000, 9000), 0, "no suspension since"),
            (at(9000, 10400, 9500), 0, "the program was held up between the readings"),
            (at(9000, 70000, 9000), 59_999, "a minute, less the millisecond that the start is not sure of"),
            (at(9000, 70000, 9500), 59_499, "at least so much"),
        ];
        for (now, millis, why) in cases {
            assert_eq!(now.suspended_since(start), Duration::from_millis(millis), "{why}");
        }
    }

    #[tokio::test]
    async fn l2_readings_never_go_back() {
        let clock = TokioClock::start();
        let mut last = clock.monotonic();
        for _ in 0..10_000 {
            let now = clock.monotonic();
            assert!(now >= last, "{now:?} after {last:?}");
            last = now;
        }
        assert!(last.since_start() < Duration::from_mins(5), "nothing is taken for a suspension: {last:?}");
    }
}
