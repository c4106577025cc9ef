//! What a forecast's own errors of late say how much it lacks (J32).

use std::collections::VecDeque;
use std::time::Duration;

use crate::domain::Monotonic;

/// For how long errors count.
const KEPT_FOR: Duration = Duration::from_hours(1);
/// The fewest errors that say something.
const FEWEST: usize = 6;

/// Forecasts that are yet to be judged, and by how much those before fell short.
#[derive(Debug, Default)]
pub(super) struct Margin {
    pending: VecDeque<(Monotonic, f64)>,
    errors: VecDeque<(Monotonic, f64)>,
}

impl Margin {
    /// Judges what was forecast for a moment that has come.
    pub(super) fn judge(&mut self, now: Monotonic, actual: f64) {
        while let Some((_, forecast)) = self.pending.pop_front_if(|(due, _)| *due <= now) {
            self.errors.push_back((now, actual - forecast));
        }
        while self.errors.pop_front_if(|(at, _)| now.since(*at) > KEPT_FOR).is_some() {}
    }

    /// Notes a forecast for a later moment.
    pub(super) fn note(&mut self, due: Monotonic, forecast: f64) {
        // Where the horizon shrinks, those for later moments are overtaken.
        while self.pending.pop_back_if(|(later, _)| *later >= due).is_some() {}
        self.pending.push_back((due, forecast));
    }

    /// What must be added so that this share of the forecasts of late would have sufficed. Never less than nothing.
    pub(super) fn of(&self, quantile: f64) -> f64 {
        if self.errors.len() < FEWEST {
            return 0.0;
        }
        let mut errors: Vec<f64> = self.errors.iter().map(|(_, error)| *error).collect();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
        let place = ((errors.len() as f64 * quantile).ceil() as usize).clamp(1, errors.len()) - 1;
        errors.select_nth_unstable_by(place, f64::total_cmp).1.max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Monotonic {
        Monotonic::at(Duration::from_secs(second))
    }

    #[test]
    fn j32_the_margin_covers_the_share_of_the_errors_that_the_policy_names() {
        let mut margin = Margin::default();
        for second in 0..100 {
            margin.note(at(second), 5.0);
            let short = if second % 10 == 0 { 3.0 } else { 0.5 };
            margin.judge(at(second), 5.0 + short);
        }
        assert_eq!((margin.of(0.90), margin.of(0.91), margin.of(1.0)), (0.5, 3.0, 3.0));
        margin.judge(at(100 + 3600), 0.0);
        assert!(margin.of(1.0) <= 0.0, "what is long ago says nothing");
    }

    #[test]
    fn j32_a_forecast_of_too_much_takes_nothing_away() {
        let mut margin = Margin::default();
        for second in 0..20 {
            margin.note(at(second), 9.0);
            margin.judge(at(second), 5.0);
        }
        assert!(margin.of(0.95) <= 0.0);
    }
}
