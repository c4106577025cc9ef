//! The axes: round times, round values.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::kernel::time::Millis;

/// How far apart labels of time are, about, in pixels.
const LABEL_EVERY: f64 = 110.0;
/// The most labels of values.
const MOST_VALUES: f64 = 4.0;

/// The time axis of a run, from its start to its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeAxis {
    pub(super) end: Millis,
    /// When the run's load began, where it has dates.
    pub(super) began: Option<Timestamp>,
    /// Pixels from its start to its end.
    pub(super) width: u32,
}

impl TimeAxis {
    /// Where a moment is, in pixels from the start.
    #[expect(clippy::cast_possible_truncation, reason = "pixels of a picture")]
    pub(super) fn x(self, seconds: f64) -> i32 {
        (seconds / self.end.as_secs_f64().max(1e-9) * f64::from(self.width)).round() as i32
    }

    /// Seconds between two labels: a round number.
    fn step(self) -> f64 {
        const ROUND: [u64; 16] =
            [10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800];
        let wanted = self.end.as_secs_f64() / (f64::from(self.width) / LABEL_EVERY);
        let round = ROUND.iter().map(|step| *step as f64).find(|step| *step >= wanted);
        round.unwrap_or((wanted / 604_800.0).ceil() * 604_800.0)
    }

    /// Seconds and labels.
    pub(super) fn labels(self) -> Vec<(f64, String)> {
        let step = self.step();
        let first = self.first(step);
        let times = (0..).map(|number| first + f64::from(number) * step);
        times.take_while(|at| *at <= self.end.as_secs_f64()).map(|at| (at, self.label(at))).collect()
    }

    /// With dates, labels are at round times of the day.
    fn first(self, step: f64) -> f64 {
        let Some(began) = self.began else { return 0.0 };
        let into = began.as_second().rem_euclid(86_400) as f64 % step;
        if into == 0.0 { 0.0 } else { step - into }
    }

    /// `1:30`, or `2d 6:00` in a run of more than two days, or `0:00:30` in a very short one; `30 Jun 14:00` where the load
    /// has dates.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "labels are within the run")]
    fn label(self, seconds: f64) -> String {
        let whole = seconds.max(0.0).round() as u64;
        if let Some(began) = self.began {
            let at = Timestamp::from_second(began.as_second().saturating_add_unsigned(whole)).unwrap_or(began);
            return at.to_zoned(TimeZone::UTC).strftime("%-d %b %H:%M").to_string();
        }
        let (hours, minutes) = (whole / 3600, whole / 60 % 60);
        if self.end > Millis::secs(2 * 86_400) {
            format!("{}d {}:{minutes:02}", hours / 24, hours % 24)
        } else if self.step() < 60.0 {
            format!("{hours}:{minutes:02}:{:02}", whole % 60)
        } else {
            format!("{hours}:{minutes:02}")
        }
    }

    /// What its numbers are.
    pub(super) fn name(self) -> &'static str {
        if self.began.is_some() { "time (UTC)" } else { "time since the start (h:mm)" }
    }
}

/// Round values from 0 up: whole ones where a half is none.
pub(super) fn values(top: f64) -> Vec<f64> {
    let wanted = top / MOST_VALUES;
    let magnitude = libm::pow(10.0, libm::floor(libm::log10(wanted.max(1e-9))));
    let round = [1.0, 2.0, 5.0, 10.0].into_iter().map(|it| it * magnitude).find(|it| *it >= wanted);
    let step = round.unwrap_or(wanted).max(1.0);
    (0..=10).map(|number| f64::from(number) * step).take_while(|value| *value <= top).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(seconds: u64, began: Option<&str>) -> TimeAxis {
        let began = began.map(|it| it.parse().unwrap());
        TimeAxis { end: Millis::secs(seconds), began, width: 1100 }
    }

    fn first_labels(axis: TimeAxis) -> Vec<String> {
        axis.labels().into_iter().take(3).map(|(_, label)| label).collect()
    }

    #[test]
    fn times_are_round() {
        assert_eq!(first_labels(axis(7200, None)), ["0:00", "0:15", "0:30"]);
        assert_eq!(first_labels(axis(86_400, None)), ["0:00", "3:00", "6:00"]);
        assert_eq!(first_labels(axis(7 * 86_400, None)), ["0d 0:00", "1d 0:00", "2d 0:00"]);
        assert_eq!(first_labels(axis(60, None)), ["0:00:00", "0:00:10", "0:00:20"]);
        assert_eq!(
            first_labels(axis(86_400, Some("1998-06-30T08:10:00Z"))),
            ["30 Jun 09:00", "30 Jun 12:00", "30 Jun 15:00"]
        );
    }

    #[test]
    fn values_are_whole_and_few() {
        assert_eq!(values(5.6), [0.0, 2.0, 4.0]);
        assert_eq!(values(1.0), [0.0, 1.0]);
        assert_eq!(values(24.0), [0.0, 10.0, 20.0]);
        assert_eq!(values(112.0), [0.0, 50.0, 100.0]);
        assert!(values(1e9).len() <= 6);
    }
}
