//! Load: demand on a group over time, in MHz of CPU and MiB of memory.

use jiff::Timestamp;
use replicator::agent::Spoken;

use crate::kernel::random::Stream;
use crate::kernel::time::Millis;

/// The load on a group.
#[derive(Debug, Clone, Default)]
pub struct GroupLoad {
    /// CPU, in MHz.
    pub cpu: Vec<Shape>,
    /// Memory, in MiB.
    pub memory: Vec<Shape>,
}

/// A shape of load, ready to be evaluated.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// Always so much.
    Constant(f64),
    /// So much from one moment on, for good or until another.
    Step {
        /// From when.
        at: Millis,
        /// How much.
        by: f64,
        /// Until when.
        until: Option<Millis>,
    },
    /// Growing evenly from nothing to so much, and staying there.
    Ramp {
        /// Start.
        from: Millis,
        /// End.
        to: Millis,
        /// How much in the end.
        by: f64,
    },
    /// Up, held, and down again; once or again and again.
    Spike {
        /// When it starts to rise.
        at: Millis,
        /// How high.
        by: f64,
        /// How long it rises.
        rise: Millis,
        /// How long it holds.
        hold: Millis,
        /// How long it falls.
        fall: Millis,
        /// From one start to the next.
        every: Option<Millis>,
    },
    /// A cosine between two levels, a day long unless said otherwise.
    Diurnal {
        /// The lowest.
        low: f64,
        /// The highest.
        high: f64,
        /// When the highest is reached.
        peak_at: Millis,
        /// How long a period is.
        period: Millis,
    },
    /// Multiplies the sum of all others by 1 plus a normal deviate of this standard deviation.
    Noise {
        /// Standard deviation, as a share: 0.05 is 5 %.
        sigma: f64,
    },
    /// Values over time; between two, the earlier one holds.
    Trace(Trace),
}

/// Values over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// Where they come from, for messages.
    pub name: String,
    /// Moments, ascending, and values; one at least.
    pub samples: Vec<(Millis, f64)>,
    /// After how long it begins anew, if it does.
    pub period: Option<Millis>,
    /// When its first sample was, where it has dates.
    pub began: Option<Timestamp>,
}

impl Trace {
    /// How long it is: to its last sample, and as long again as that one is from the one before.
    #[must_use]
    pub fn length(&self) -> Millis {
        match self.samples.as_slice() {
            [.., (before, _), (last, _)] => *last + (*last - *before),
            _ => Millis(0),
        }
    }

    fn level(&self, at: Millis) -> f64 {
        let at = self.period.filter(|period| period.0 > 0).map_or(at, |period| Millis(at.0 % period.0));
        let next = self.samples.partition_point(|(moment, _)| *moment <= at);
        self.samples[next.saturating_sub(1)].1
    }

    /// What is to be said of it, where it does not last as long as a run.
    #[must_use]
    pub fn warning(&self, run: Millis) -> Option<String> {
        let (name, holds) = (&self.name, "its last value holds from there; repeat = true starts it again");
        let length = self.length();
        if self.period.is_some() || length >= run {
            None
        } else if length == Millis(0) {
            Some(format!("the trace {name} has one sample only: its value holds for the whole run"))
        } else {
            let (length, run) = (Spoken(length.into()), Spoken(run.into()));
            Some(format!("the trace {name} ends after {length}, and the run takes {run}: {holds}"))
        }
    }
}

/// The demand that shapes make together at a moment, never negative. Noise draws from `noise`.
pub(crate) fn demand(shapes: &[Shape], at: Millis, noise: &mut Stream) -> f64 {
    let mut sum = 0.0;
    let mut factor = 1.0;
    for shape in shapes {
        match shape {
            Shape::Noise { sigma } => factor *= 1.0 + sigma * noise.normal(),
            other => sum += level(other, at),
        }
    }
    (sum * factor).max(0.0)
}

/// The level of one shape at a moment.
fn level(shape: &Shape, at: Millis) -> f64 {
    match *shape {
        Shape::Constant(level) => level,
        Shape::Noise { .. } => 0.0,
        Shape::Step { at: start, by, until } => {
            if at >= start && until.is_none_or(|until| at < until) {
                by
            } else {
                0.0
            }
        }
        Shape::Ramp { from, to, by } => by * progress(at, from, to - from),
        Shape::Spike { at: start, by, rise, hold, fall, every } => {
            let Some(since) = at.0.checked_sub(start.0) else { return 0.0 };
            let since = Millis(every.map_or(since, |every| since % every.0.max(1)));
            let falling = rise + hold;
            if since < falling {
                by * progress(since, Millis(0), rise)
            } else {
                by * (1.0 - progress(since, falling, fall))
            }
        }
        Shape::Diurnal { low, high, peak_at, period } => {
            let turn = (at.0 as f64 - peak_at.0 as f64) / period.0 as f64;
            let height = 0.5 + 0.5 * libm::cos(turn * std::f64::consts::TAU);
            low + (high - low) * height
        }
        Shape::Trace(ref trace) => trace.level(at),
    }
}

/// How far `at` is on the way that starts at `from` and takes `span`: 0 to 1.
fn progress(at: Millis, from: Millis, span: Millis) -> f64 {
    if at < from {
        0.0
    } else if span.0 == 0 {
        1.0
    } else {
        ((at - from).0 as f64 / span.0 as f64).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::random::Streams;

    fn levels(shape: &Shape, minutes: &[u64]) -> Vec<i64> {
        #[expect(clippy::cast_possible_truncation, reason = "test values are small")]
        minutes.iter().map(|minute| level(shape, Millis::secs(minute * 60)).round() as i64).collect()
    }

    fn minutes(count: u64) -> Millis {
        Millis::secs(count * 60)
    }

    #[test]
    fn every_shape_has_its_form() {
        assert_eq!(levels(&Shape::Constant(7.0), &[0, 99]), [7, 7]);
        let step = Shape::Step { at: minutes(10), by: 5.0, until: Some(minutes(20)) };
        assert_eq!(levels(&step, &[9, 10, 19, 20]), [0, 5, 5, 0]);
        let ramp = Shape::Ramp { from: minutes(10), to: minutes(20), by: 100.0 };
        assert_eq!(levels(&ramp, &[0, 10, 15, 20, 99]), [0, 0, 50, 100, 100]);
        let spike = Shape::Spike {
            at: minutes(10),
            by: 100.0,
            rise: minutes(2),
            hold: minutes(5),
            fall: minutes(4),
            every: Some(minutes(60)),
        };
        assert_eq!(levels(&spike, &[9, 11, 12, 17, 19, 21, 30, 71]), [0, 50, 100, 100, 50, 0, 0, 50]);
        let day = Shape::Diurnal { low: 10.0, high: 30.0, peak_at: minutes(60), period: minutes(240) };
        assert_eq!(levels(&day, &[60, 120, 180, 240, 300]), [30, 20, 10, 20, 30]);
        let samples = vec![(minutes(0), 1.0), (minutes(5), 2.0), (minutes(50), 3.0)];
        let once = Trace { name: "t".into(), samples, period: None, began: None };
        let trace = Shape::Trace(once.clone());
        assert_eq!(levels(&trace, &[0, 4, 5, 49, 50, 500]), [1, 1, 2, 2, 3, 3], "gaps hold the last value");
        let again = Trace { period: Some(once.length()), ..once.clone() };
        assert_eq!(levels(&Shape::Trace(again.clone()), &[0, 50, 94, 95, 99, 100]), [1, 3, 3, 1, 1, 2]);
        assert_eq!(once.warning(minutes(95)), None);
        assert_eq!(again.warning(minutes(500)), None);
        let words = once.warning(minutes(120)).unwrap();
        assert!(
            words.starts_with("the trace t ends after 1 h 35 min, and the run takes 2 h: its last value holds"),
            "{words}"
        );
        let one = Trace { samples: vec![(minutes(0), 1.0)], ..once };
        assert!(one.warning(minutes(1)).unwrap().contains("has one sample only"));
    }

    #[test]
    fn shapes_add_up_and_noise_multiplies() {
        let mut noise = Streams::of(1).load(0);
        let sum = demand(&[Shape::Constant(5.0), Shape::Constant(6.0)], Millis(0), &mut noise);
        assert_eq!(sum, 11.0);
        let shapes = [Shape::Constant(100.0), Shape::Noise { sigma: 0.1 }];
        let mean = (0..4000).map(|_| demand(&shapes, Millis(0), &mut noise)).sum::<f64>() / 4000.0;
        assert!((mean - 100.0).abs() < 1.0, "{mean}");
        let wild = [Shape::Constant(1.0), Shape::Noise { sigma: 10.0 }];
        assert!((0..100).all(|_| demand(&wild, Millis(0), &mut noise) >= 0.0), "demand is never negative");
    }
}
