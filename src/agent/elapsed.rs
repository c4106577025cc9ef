//! How long ago something in the state was, whatever the wall clock does since: rule S10.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::Monotonic;
use crate::ports::Clock;

/// Which time of a resource's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    /// Its last scaling event.
    ScalingEvent,
    /// The start of its operation's time limit.
    Phase,
}

/// Translates wall times from the state into spans. A wall time is compared with the wall clock once, when it is
/// first seen; from then on the monotonic clock counts. So a clock that jumps later changes nothing, and a time that
/// lies in the future, which a clock put back leaves behind, counts as just now rather than never.
#[derive(Debug, Default)]
pub(super) struct Elapsed {
    seen: BTreeMap<(String, Mark), Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    time: Timestamp,
    at: Monotonic,
    ago: Duration,
}

impl Elapsed {
    /// How long ago `time` was.
    pub(super) fn since(&mut self, path: &str, mark: Mark, time: Timestamp, clock: &impl Clock) -> Duration {
        let now = clock.monotonic();
        let key = (path.to_owned(), mark);
        let first_sight = || Seen { time, at: now, ago: wall_difference(time, clock.wall()) };
        let seen = self.seen.entry(key).or_insert_with(first_sight);
        if seen.time != time {
            *seen = first_sight();
        }
        seen.ago + now.since(seen.at)
    }

    /// How long ago a time was first seen here.
    pub(super) fn watched(&self, path: &str, mark: Mark, clock: &impl Clock) -> Duration {
        let seen = self.seen.get(&(path.to_owned(), mark));
        seen.map_or(Duration::ZERO, |seen| clock.monotonic().since(seen.at))
    }

    /// Lets `time` count as just now.
    pub(super) fn restart(&mut self, path: &str, mark: Mark, time: Timestamp, clock: &impl Clock) {
        let seen = Seen { time, at: clock.monotonic(), ago: Duration::ZERO };
        self.seen.insert((path.to_owned(), mark), seen);
    }
}

fn wall_difference(earlier: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(earlier)).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    struct Hands {
        wall: Cell<i64>,
        monotonic: Cell<u64>,
    }

    impl Clock for Hands {
        fn wall(&self) -> Timestamp {
            Timestamp::from_second(self.wall.get()).unwrap()
        }

        fn monotonic(&self) -> Monotonic {
            Monotonic::at(Duration::from_secs(self.monotonic.get()))
        }

        async fn sleep_until(&self, _: Monotonic) {}
    }

    fn since(elapsed: &mut Elapsed, event: i64, clock: &Hands) -> u64 {
        let time = Timestamp::from_second(event).unwrap();
        elapsed.since("path", Mark::ScalingEvent, time, clock).as_secs()
    }

    #[test]
    fn s10_a_clock_that_jumps_neither_ends_nor_prolongs_a_cooldown() {
        let clock = Hands { wall: Cell::new(1000), monotonic: Cell::new(5) };
        let mut elapsed = Elapsed::default();
        assert_eq!(since(&mut elapsed, 940, &clock), 60);
        clock.monotonic.set(15);
        clock.wall.set(999_999);
        assert_eq!(since(&mut elapsed, 940, &clock), 70, "a jump ahead");
        clock.wall.set(0);
        assert_eq!(since(&mut elapsed, 940, &clock), 70, "a jump back");
    }

    #[test]
    fn s10_an_event_in_the_future_counts_as_just_now_not_for_ever() {
        let clock = Hands { wall: Cell::new(1000), monotonic: Cell::new(5) };
        let mut elapsed = Elapsed::default();
        assert_eq!(since(&mut elapsed, 500_000, &clock), 0);
        clock.monotonic.set(305);
        assert_eq!(since(&mut elapsed, 500_000, &clock), 300);
        assert_eq!(since(&mut elapsed, 1000, &clock), 0, "another event is looked at afresh");
    }

    #[test]
    fn s7_a_frozen_phase_starts_its_limit_anew() {
        let clock = Hands { wall: Cell::new(1000), monotonic: Cell::new(5) };
        let mut elapsed = Elapsed::default();
        assert_eq!(since(&mut elapsed, 100, &clock), 900);
        assert_eq!(elapsed.watched("path", Mark::ScalingEvent, &clock), Duration::ZERO, "but seen only now");
        elapsed.restart("path", Mark::ScalingEvent, Timestamp::from_second(100).unwrap(), &clock);
        clock.monotonic.set(7);
        assert_eq!(since(&mut elapsed, 100, &clock), 2);
    }
}
