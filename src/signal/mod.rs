//! Samples over time: what a group's use was lately, what it is expected to be, and how long a decision takes to have effect.
//!
//! Pure: whoever samples says when.

mod course;
mod margin;
mod rise;
mod trend;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::decide::{Course, GroupObservation, TaskObservation, Watched};
use crate::domain::{Measure, Monotonic, Task, TaskName};
use crate::policy::{Forecast, Target};

use course::Track;
use rise::Rise;

/// The longest that a sample stands for the time after it. Where the next one comes later, what was needed meanwhile is not
/// known, and following begins anew (J31).
const LONGEST_GAP: Duration = Duration::from_mins(2);

/// How a group's use went since it has been followed.
#[derive(Debug, Default)]
pub struct GroupSignal {
    /// What its tasks ask for: use is kept in allocations, and means something else where that changes.
    tasks: Vec<Task>,
    /// Since when without a gap.
    since: Option<Monotonic>,
    last: Monotonic,
    tracks: BTreeMap<(TaskName, Measure), Track>,
    rise: Rise,
}

impl GroupSignal {
    /// Takes what is seen of the group now, and adds to it how the use went and is expected to go on (J31, J32). Samples come
    /// every `interval`.
    pub fn take(
        &mut self,
        now: Monotonic,
        interval: Duration,
        tasks: &[Task],
        target: &Target,
        observation: &mut GroupObservation,
    ) {
        let gap = now.since(self.last) > LONGEST_GAP.max(interval * 3);
        if self.tasks != tasks || gap {
            *self = Self { tasks: tasks.to_vec(), rise: std::mem::take(&mut self.rise), ..Self::default() };
        }
        let since = *self.since.get_or_insert(now);
        self.last = now;
        self.rise.see(now, observation.running);
        let horizon = self.rise.horizon(interval);
        let running = observation.running;
        for task in &mut observation.tasks {
            let TaskObservation { task, cpu, memory, .. } = task;
            for (measure, average) in [(Measure::Cpu, cpu), (Measure::Memory, memory)] {
                // A part of it would look like a fall.
                let Some(fills) = average.fills(running).filter(|_| average.missing == 0) else { continue };
                let track = self.tracks.entry((task.clone(), measure)).or_default();
                track.take(now, fills);
                let quantile = target.forecast_quantile.0 / 100.0;
                let expected = match target.forecast {
                    Forecast::Off => None,
                    Forecast::Trend => Some(track.expect(now, fills, horizon, quantile)),
                };
                // What was expected counts as needed: a forecast that wavers would have its steps taken back.
                track.need(now, expected.map_or(fills, |expected| expected.max(fills)), target.stabilization);
                average.course = Some(Course { most: track.most(), expected });
            }
        }
        observation.watched = Some(Watched { span: now.since(since), horizon });
    }

    /// A step to so many was begun.
    pub fn asked(&mut self, now: Monotonic, to: u32) {
        self.rise.asked(now, to);
    }

    /// The group may be changed again, for all that is under way on it.
    pub fn is_free(&mut self, now: Monotonic) {
        self.rise.is_free(now);
    }
}

/// The one in the middle; of an even number the later one.
fn median<T: Copy>(values: &mut [T], order: impl FnMut(&T, &T) -> Ordering) -> Option<T> {
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(middle, order).1)
}
