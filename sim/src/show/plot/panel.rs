//! What a panel is: values over time, stretches, marks; as data, before anything is drawn.

use plotters::style::RGBColor;
use replicator::decide::Direction;

pub(super) const BLACK: RGBColor = RGBColor(20, 20, 20);
pub(super) const BLUE: RGBColor = RGBColor(31, 110, 170);
pub(super) const GREEN: RGBColor = RGBColor(30, 120, 50);
pub(super) const ORANGE: RGBColor = RGBColor(215, 95, 10);
pub(super) const RED: RGBColor = RGBColor(200, 35, 40);
pub(super) const PURPLE: RGBColor = RGBColor(120, 70, 165);
pub(super) const GREY: RGBColor = RGBColor(130, 130, 130);
pub(super) const COOL: RGBColor = RGBColor(170, 190, 215);

/// One panel.
pub(super) struct Panel {
    pub(super) title: String,
    pub(super) unit: &'static str,
    /// Pixels of its body.
    pub(super) height: u32,
    pub(super) lines: Vec<Line>,
    pub(super) bands: Vec<Band>,
    pub(super) shades: Vec<Shade>,
    pub(super) marks: Vec<Mark>,
}

/// How a line is drawn. Those of one panel differ in more than colour, so that they are told apart in grey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// A solid line.
    Solid,
    /// A solid line of twice the weight.
    Bold,
    /// A dashed line.
    Dashed,
    /// A thin line of dots.
    Dotted,
    /// The area below it, filled lightly.
    Area,
}

/// Values over time.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) colour: RGBColor,
    pub(super) look: Look,
    /// Seconds and values: where a value holds until the next one, only where it changes.
    pub(super) points: Vec<(f64, f64)>,
}

/// A stretch of values.
pub(super) struct Band {
    pub(super) name: String,
    pub(super) from: f64,
    pub(super) to: f64,
}

/// An action.
pub(super) struct Mark {
    pub(super) at: f64,
    pub(super) direction: Direction,
}

/// A kind of stretch of time.
pub(super) struct Shade {
    pub(super) name: &'static str,
    pub(super) colour: RGBColor,
    pub(super) stretches: Vec<(f64, f64)>,
}

impl Panel {
    /// A little above the highest value, and never nothing.
    pub(super) fn top(&self) -> f64 {
        let lines = self.lines.iter().flat_map(|line| &line.points).map(|point| point.1);
        let highest = lines.chain(self.bands.iter().map(|band| band.to)).fold(0.0, f64::max);
        (highest * 1.12).max(1.25)
    }
}

/// Only the points at which a value changes, and the last one.
pub(super) fn changes(points: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    let mut last = None;
    for point in points {
        #[expect(clippy::float_cmp, reason = "the very same value")]
        if kept.last().is_none_or(|before| before.1 != point.1) {
            kept.push(point);
            last = None;
        } else {
            last = Some(point);
        }
    }
    kept.extend(last);
    kept
}

/// Stretches that overlap become one, so that their shades do not darken.
pub(super) fn join(stretches: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let mut joined: Vec<(f64, f64)> = Vec::new();
    for (from, to) in stretches {
        match joined.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => joined.push((from, to)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_are_kept() {
        let points = [(0.0, 1.0), (1.0, 1.0), (2.0, 2.0), (3.0, 2.0), (4.0, 2.0)];
        assert_eq!(changes(points.into_iter()), [(0.0, 1.0), (2.0, 2.0), (4.0, 2.0)]);
        assert_eq!(changes([].into_iter()), []);
    }

    #[test]
    fn overlapping_stretches_are_one() {
        assert_eq!(join([(0.0, 5.0), (4.0, 9.0), (10.0, 11.0)].into_iter()), [(0.0, 9.0), (10.0, 11.0)]);
    }
}
