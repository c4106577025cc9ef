//! How one measure of one task went: the most of late, and where it leads.

use std::collections::VecDeque;
use std::time::Duration;

use super::margin::Margin;
use super::trend;
use crate::domain::Monotonic;

/// Over how long a trend is taken.
const TREND_OVER: Duration = Duration::from_mins(5);
/// Of how many samples at the most, the newest: the work grows with their square.
const TREND_OF: usize = 40;

/// Samples, in allocations that the use would fill.
#[derive(Debug, Default)]
pub(super) struct Track {
    /// Those that no later one reaches, so that the first is the most of all.
    highest: VecDeque<(Monotonic, f64)>,
    recent: VecDeque<(Monotonic, f64)>,
    margin: Margin,
}

impl Track {
    /// Takes what is needed, by a sample or by what is expected, of which the most within `window` is wanted.
    pub(super) fn need(&mut self, now: Monotonic, fills: f64, window: Duration) {
        while self.highest.pop_back_if(|(_, before)| *before <= fills).is_some() {}
        self.highest.push_back((now, fills));
        while self.highest.pop_front_if(|(at, _)| now.since(*at) > window).is_some() {}
    }

    /// Takes a sample.
    pub(super) fn take(&mut self, now: Monotonic, fills: f64) {
        self.recent.push_back((now, fills));
        let excess = self.recent.len().saturating_sub(TREND_OF);
        self.recent.drain(..excess);
        while self.recent.pop_front_if(|(at, _)| now.since(*at) > TREND_OVER).is_some() {}
        self.margin.judge(now, fills);
    }

    /// The most of the window.
    pub(super) fn most(&self) -> f64 {
        self.highest.front().map_or(0.0, |(_, most)| *most)
    }

    /// What is expected after `horizon`, with the margin that covers `quantile` of the errors made so far.
    pub(super) fn expect(&mut self, now: Monotonic, fills: f64, horizon: Duration, quantile: f64) -> f64 {
        let points: Vec<(f64, f64)> =
            self.recent.iter().map(|(at, fills)| (-now.since(*at).as_secs_f64(), *fills)).collect();
        // What is relied on is never less than what is used now, and is judged as that: a line that falls too far misleads nobody.
        let forecast = trend::line_at(&points, horizon.as_secs_f64()).map_or(fills, |line| line.max(fills));
        let expected = forecast + self.margin.of(quantile);
        self.margin.note(now + horizon, forecast);
        expected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Monotonic {
        Monotonic::at(Duration::from_secs(second))
    }

    #[test]
    fn j31_the_most_of_the_window_and_nothing_older() {
        let mut track = Track::default();
        let mut most = Vec::new();
        for (number, fills) in [3.0, 7.0, 2.0, 5.0, 1.0, 1.0, 1.0, 1.0].into_iter().enumerate() {
            track.need(at(10 * number as u64), fills, Duration::from_secs(30));
            most.push(track.most());
        }
        assert_eq!(most, [3.0, 7.0, 7.0, 7.0, 7.0, 5.0, 5.0, 1.0]);
    }

    #[test]
    fn j32_what_falls_is_needed_until_it_has_fallen_and_leaves_no_margin() {
        let mut track = Track::default();
        let mut expected = 0.0;
        for number in 0..60_u32 {
            let fills = if number < 30 { 9.0 } else { f64::from(40_u32.saturating_sub(number)).max(2.0) };
            track.take(at(u64::from(number) * 10), fills);
            expected = track.expect(at(u64::from(number) * 10), fills, Duration::from_mins(1), 0.95);
        }
        assert!((expected - 2.0).abs() < 1e-9, "{expected}");
    }

    #[test]
    fn j32_what_rises_is_expected_to_rise_on() {
        let mut track = Track::default();
        let mut expected = 0.0;
        for number in 0..60_u32 {
            let fills = 2.0 + f64::from(number) * 0.1;
            track.take(at(u64::from(number) * 10), fills);
            expected = track.expect(at(u64::from(number) * 10), fills, Duration::from_mins(1), 0.95);
        }
        assert!((expected - 8.5).abs() < 0.01, "7.9 and six steps of 0.1: {expected}");
        assert!(track.recent.len() <= TREND_OF);
    }
}
