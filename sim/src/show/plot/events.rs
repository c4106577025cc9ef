//! The lane of events: what went wrong, what people did, who led; in rows in which no two labels meet.

use replicator::domain::Resource;

use super::axis::TimeAxis;
use crate::judge::record::{Record, Source};
use crate::plan::Plan;

/// Pixels of a row.
pub(super) const ROW: u32 = 17;
/// More rows than these are not read.
const MOST_ROWS: usize = 6;
/// Pixels between two labels.
const GAP: i32 = 14;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Happened {
    pub(super) at: f64,
    /// When it was over, where it lasted.
    pub(super) until: Option<f64>,
    pub(super) words: String,
}

/// A label with its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    pub(super) happened: Happened,
    pub(super) row: usize,
    /// Where the label begins, in pixels.
    pub(super) x: i32,
}

/// All that happened, by time.
pub(super) fn happened(plan: &Plan, record: &Record) -> Vec<Happened> {
    let mut all: Vec<Happened> = Vec::new();
    let mut faults = plan.events.iter();
    let mut would: Option<usize> = None;
    let mut leaders = 0;
    for line in &record.lines {
        let at = line.at.as_secs_f64();
        let once = |words: &str| Happened { at, until: None, words: words.to_owned() };
        match line.source {
            Source::World => {
                if let Some(words) = line.text.strip_prefix("event: ") {
                    let lasting = faults.next().and_then(|(_, lasting, _)| *lasting);
                    all.push(Happened { until: lasting.map(|it| at + it.as_secs_f64()), ..once(words) });
                }
            }
            Source::Agent(_) if line.text == "leads" => {
                leaders += 1;
                if leaders > 1 {
                    all.push(once(&format!("{} leads", line.source)));
                }
            }
            // The first of many would-be steps stands for all of them.
            Source::Agent(_) if line.text.contains("would go ") && would.is_none() => {
                would = Some(all.len());
                all.push(once("would-be steps begin"));
            }
            Source::Agent(_) => {}
        }
    }
    if let Some(number) = would {
        all[number].words = format!("first of {} steps that would have been taken", record.would_be);
    }
    for (resource, stretches) in &record.failsafe {
        let name = match resource {
            Resource::Pool(name) => name.to_string(),
            Resource::Group(key) => key.to_string(),
        };
        all.extend(stretches.iter().map(|it| Happened {
            at: it.from.as_secs_f64(),
            until: Some(it.to.as_secs_f64()),
            words: format!("failsafe of {name}"),
        }));
    }
    all.sort_by(|a, b| a.at.total_cmp(&b.at));
    all
}

/// Gives each label a row in which it has room. How many found none.
pub(super) fn placed(happened: Vec<Happened>, axis: TimeAxis, width_of: impl Fn(&str) -> i32) -> (Vec<Placed>, usize) {
    let mut ends: Vec<i32> = Vec::new();
    let mut all = Vec::new();
    let mut left_out = 0;
    let right = axis.x(axis.end.as_secs_f64());
    for it in happened {
        let width = width_of(&it.words);
        // A label that would leave the picture is moved left.
        let x = (axis.x(it.at) + 8).min(right - width).max(0);
        let row = ends.iter().position(|end| *end + GAP <= x).unwrap_or(ends.len());
        if row == MOST_ROWS {
            left_out += 1;
            continue;
        }
        if row == ends.len() {
            ends.push(0);
        }
        let bar = it.until.map_or(0, |until| axis.x(until));
        ends[row] = (x + width).max(bar.min(right));
        all.push(Placed { happened: it, row, x });
    }
    (all, left_out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::time::Millis;

    #[test]
    fn labels_that_would_meet_are_in_rows_of_their_own() {
        let axis = TimeAxis { end: Millis::secs(100), began: None, width: 1000 };
        let at = |at: f64| Happened { at, until: None, words: "0123456789".into() };
        let (all, left_out) = placed(vec![at(0.0), at(5.0), at(50.0), at(99.0)], axis, |_| 100);
        let places: Vec<_> = all.iter().map(|it| (it.row, it.x)).collect();
        assert_eq!(places, [(0, 8), (1, 58), (0, 508), (0, 900)], "the last one ends within the picture");
        assert_eq!(left_out, 0);
        let (all, left_out) = placed(vec![at(0.0); 9], axis, |_| 100);
        assert_eq!((all.len(), left_out), (6, 3));
    }
}
