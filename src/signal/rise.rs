//! How long it takes from a decision until it has effect: measured, not guessed (J32).

use std::collections::VecDeque;
use std::time::Duration;

use super::median;
use crate::domain::Monotonic;

/// What is taken for it until it was measured.
const UNTIL_MEASURED: Duration = Duration::from_mins(1);

/// Of how many steps out it is kept.
const KEPT: usize = 5;

/// The longest that is believed: an allocation that came later waited for something else.
const LONGEST: Duration = Duration::from_mins(15);

/// Times from a decision to go out until its allocations run, and until the next decision could be made.
#[derive(Debug, Default)]
pub(super) struct Rise {
    asked: Option<(Monotonic, u32)>,
    busy_since: Option<Monotonic>,
    served_after: VecDeque<Duration>,
    free_after: VecDeque<Duration>,
}

impl Rise {
    pub(super) fn asked(&mut self, now: Monotonic, to: u32) {
        (self.asked, self.busy_since) = (Some((now, to)), Some(now));
    }

    /// So many run.
    pub(super) fn see(&mut self, now: Monotonic, running: usize) {
        if let Some((asked, _)) = self.asked.take_if(|(_, to)| running >= *to as usize) {
            keep(&mut self.served_after, now.since(asked));
        }
    }

    /// Nothing is under way.
    pub(super) fn is_free(&mut self, now: Monotonic) {
        if let Some(since) = self.busy_since.take() {
            keep(&mut self.free_after, now.since(since));
        }
    }

    /// How far ahead must be looked: until what is decided now serves, and on until what could be decided next does.
    pub(super) fn horizon(&self, interval: Duration) -> Duration {
        let usual = |spans: &VecDeque<Duration>| median(&mut Vec::from(spans.clone()), Duration::cmp);
        let served = usual(&self.served_after).unwrap_or(UNTIL_MEASURED);
        served + usual(&self.free_after).unwrap_or_default().max(interval)
    }
}

fn keep(spans: &mut VecDeque<Duration>, span: Duration) {
    spans.push_back(span.min(LONGEST));
    if spans.len() > KEPT {
        spans.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Monotonic {
        Monotonic::at(Duration::from_secs(second))
    }

    #[test]
    fn j32_the_horizon_is_what_was_measured_not_what_is_guessed() {
        let interval = Duration::from_secs(10);
        let mut rise = Rise::default();
        assert_eq!(rise.horizon(interval).as_secs(), 70, "nothing was measured");
        for (begins, to, serves, free) in [(100, 4, 130, 140), (200, 6, 240, 250), (300, 9, 325, 340)] {
            rise.asked(at(begins), to);
            rise.see(at(begins + 10), to as usize - 1);
            rise.see(at(serves), to as usize);
            rise.see(at(serves + 500), to as usize);
            rise.is_free(at(free));
        }
        assert_eq!(rise.horizon(interval).as_secs(), 30 + 40);
    }

    #[test]
    fn j32_one_that_waited_for_ever_does_not_stretch_it_without_end() {
        let mut rise = Rise::default();
        rise.asked(at(0), 4);
        rise.see(at(90_000), 4);
        rise.is_free(at(90_000));
        assert_eq!(rise.horizon(Duration::ZERO), LONGEST * 2);
    }
}
