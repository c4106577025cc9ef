//! How long ago something in the state was, whatever the wall clock does since, and whoever's clock it was: rule S10.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::Monotonic;
use crate::ports::Clock;

/// By how much another agent's clock may be off for what it wrote to be understood.
const MOST_SKEW: Duration = Duration::from_hours(2);

/// Which time of a resource's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::agent) enum Mark {
    /// Its last scaling event.
    ScalingEvent,
    /// Its last scale-in that failed.
    ScaleInFailure,
    /// The start of its operation's time limit.
    Phase,
}

/// Translates wall times from the state into spans.
///
/// What this agent wrote itself is seen at that moment, and counts from there. What another one wrote is compared with the wall clock
/// once, when it is first seen, and believed only beyond [`MOST_SKEW`]: by the other's clock, or ours, it may be that much
/// younger. A limit that counts as a failure is not shortened by anybody's clock at all: it runs from the first sight. From
/// then on the monotonic clock counts, so that a clock that jumps later changes nothing.
#[derive(Debug, Default)]
pub(in crate::agent) struct Elapsed {
    seen: BTreeMap<(String, Mark), Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    time: Timestamp,
    at: Monotonic,
    ago: Duration,
}

impl Elapsed {
    /// How long ago `time` was, at least.
    pub(in crate::agent) fn since(&mut self, path: &str, mark: Mark, time: Timestamp, clock: &impl Clock) -> Duration {
        let now = clock.monotonic();
        let first_sight = || Seen { time, at: now, ago: believed(mark, time, clock.wall()) };
        let seen = self.seen.entry((path.to_owned(), mark)).or_insert_with(first_sight);
        if seen.time != time {
            *seen = first_sight();
        }
        seen.ago + now.since(seen.at)
    }

    /// Lets `time` count as just now: its limit is to run anew.
    pub(in crate::agent) fn restart(&mut self, path: &str, mark: Mark, time: Timestamp, clock: &impl Clock) {
        let seen = Seen { time, at: clock.monotonic(), ago: Duration::ZERO };
        self.seen.insert((path.to_owned(), mark), seen);
    }

    /// Forgets what is not kept any more.
    pub(in crate::agent) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.seen.retain(|(path, _), _| keep(path));
    }
}

/// How long ago a time is believed to have been when it is first seen.
fn believed(mark: Mark, time: Timestamp, now: Timestamp) -> Duration {
    let by_the_clocks = Duration::try_from(now.duration_since(time)).unwrap_or(Duration::ZERO);
    match mark {
        Mark::Phase => Duration::ZERO,
        Mark::ScalingEvent | Mark::ScaleInFailure => by_the_clocks.saturating_sub(MOST_SKEW),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::testing::Hands;

    fn time(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn since(elapsed: &mut Elapsed, event: i64, clock: &Hands) -> u64 {
        elapsed.since("path", Mark::ScalingEvent, time(event), clock).as_secs()
    }

    #[test]
    fn s10_a_clock_that_jumps_neither_ends_nor_prolongs_a_cooldown() {
        let clock = Hands::at(1000, 5);
        let mut elapsed = Elapsed::default();
        assert_eq!(since(&mut elapsed, 1000, &clock), 0, "just written");
        clock.monotonic.set(15);
        clock.wall.set(999_999);
        assert_eq!(since(&mut elapsed, 1000, &clock), 10, "a jump ahead");
        clock.wall.set(0);
        assert_eq!(since(&mut elapsed, 1000, &clock), 10, "a jump back");
    }

    #[test]
    fn s10_what_another_agents_clock_said_is_believed_within_bounds() {
        let clock = Hands::at(100_000, 5);
        let mut elapsed = Elapsed::default();
        assert_eq!(since(&mut elapsed, 100_000 - 3600, &clock), 0, "an hour ago, or an hour's difference of clocks");
        clock.monotonic.set(65);
        assert_eq!(since(&mut elapsed, 100_000 - 3600, &clock), 60, "from then on our own clock counts");
        assert_eq!(since(&mut elapsed, 100_000 - 10_000, &clock), 2800, "long ago by any clock");
        let phase = elapsed.since("path", Mark::Phase, time(0), &clock);
        assert_eq!(phase, Duration::ZERO, "nobody's clock makes an operation overdue");
    }

    #[test]
    fn s10_an_event_in_the_future_counts_as_just_now_not_for_ever() {
        let clock = Hands::at(1000, 5);
        let mut elapsed = Elapsed::default();
        assert_eq!(since(&mut elapsed, 500_000, &clock), 0);
        clock.monotonic.set(305);
        assert_eq!(since(&mut elapsed, 500_000, &clock), 300);
        assert_eq!(since(&mut elapsed, 1000, &clock), 0, "another event is looked at afresh");
    }

    #[test]
    fn s7_a_frozen_phase_starts_its_limit_anew() {
        let clock = Hands::at(1000, 5);
        let mut elapsed = Elapsed::default();
        let phase = |elapsed: &mut Elapsed| elapsed.since("path", Mark::Phase, time(100), &clock).as_secs();
        assert_eq!(phase(&mut elapsed), 0);
        clock.monotonic.set(905);
        assert_eq!(phase(&mut elapsed), 900);
        elapsed.restart("path", Mark::Phase, time(100), &clock);
        clock.monotonic.set(907);
        assert_eq!(phase(&mut elapsed), 2);
    }

    #[test]
    fn s15_what_is_gone_is_forgotten() {
        let clock = Hands::at(1000, 5);
        let mut elapsed = Elapsed::default();
        elapsed.since("gone", Mark::Phase, time(1), &clock);
        elapsed.since("kept", Mark::Phase, time(1), &clock);
        elapsed.retain(|path| path == "kept");
        assert_eq!(elapsed.seen.len(), 1);
    }
}
