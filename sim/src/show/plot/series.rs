//! What the panels of a picture show, taken from the record of a run.

use plotters::style::RGBColor;
use replicator::decide::Direction;
use replicator::domain::Resource;

use crate::judge::Outcome;
use crate::judge::record::{Allowed, GroupSample, PoolSample, Record};
use crate::kernel::time::Millis;
use crate::scenario::Scenario;

const BLUE: RGBColor = RGBColor(31, 119, 180);
const GREEN: RGBColor = RGBColor(44, 140, 60);
const ORANGE: RGBColor = RGBColor(230, 110, 20);
const RED: RGBColor = RGBColor(205, 40, 45);
const PURPLE: RGBColor = RGBColor(125, 80, 170);
/// Colours of groups, in their order.
const GROUP_COLOURS: [RGBColor; 6] = [BLUE, ORANGE, GREEN, PURPLE, RGBColor(140, 86, 75), RGBColor(23, 170, 190)];
/// More groups than these are not told apart at a glance: they are drawn as one.
const MOST_GROUPS: usize = GROUP_COLOURS.len();
/// More points than these a line are not seen.
const MOST_POINTS: usize = 2400;

/// One panel.
pub(super) struct Panel {
    pub(super) title: String,
    pub(super) unit: &'static str,
    pub(super) height: u32,
    pub(super) lines: Vec<Line>,
    pub(super) marks: Vec<Mark>,
    pub(super) shades: Vec<Shade>,
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// A solid line.
    Solid,
    /// A thin, dashed line.
    Dashed,
    /// The area below it, filled lightly.
    Area,
}

/// Values over time.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) colour: RGBColor,
    pub(super) look: Look,
    /// Seconds and values.
    pub(super) points: Vec<(f64, f64)>,
}

/// An action.
pub(super) struct Mark {
    pub(super) at: f64,
    pub(super) direction: Direction,
    /// Which line's value it sits on.
    pub(super) value: f64,
}

/// A kind of stretch of time.
pub(super) struct Shade {
    pub(super) name: &'static str,
    pub(super) colour: RGBColor,
    pub(super) stretches: Vec<(f64, f64)>,
}

/// All panels of a run, from top to bottom.
pub(super) fn panels(scenario: &Scenario, outcome: &Outcome) -> Vec<Panel> {
    let view = View { scenario, record: &outcome.record };
    let pools = (0..scenario.plan.pools.len()).flat_map(|pool| [view.pool_size(pool), view.pool_use(pool)]);
    pools.chain([view.groups(), view.unmet()]).collect()
}

struct View<'a> {
    scenario: &'a Scenario,
    record: &'a Record,
}

impl View<'_> {
    fn pool_size(&self, pool: usize) -> Panel {
        let plan = &self.scenario.plan.pools[pool];
        let resource = Resource::Pool(plan.name.clone());
        let samples = &self.record.pools[pool];
        let line = |name: &str, colour, look, of: fn(&PoolSample) -> f64| self.line(name, colour, look, samples, of);
        Panel {
            title: format!("pool {}: size", plan.name),
            unit: "nodes",
            height: 230,
            lines: vec![
                line("ready", BLUE, Look::Area, |it| it.ready.into()),
                line("desired", RGBColor(20, 20, 20), Look::Solid, |it| it.desired.into()),
                line("needed by the demand", ORANGE, Look::Dashed, |it| it.needed.into()),
            ],
            marks: self.marks(&resource, |tick| samples.get(tick).map_or(0.0, |it| it.desired.into())),
            shades: self.shades(&resource),
        }
    }

    fn pool_use(&self, pool: usize) -> Panel {
        let plan = &self.scenario.plan.pools[pool];
        let samples = &self.record.pools[pool];
        let allowed = &self.record.allowed[pool];
        let share = |part: f64, whole: u64| if whole == 0 { 0.0 } else { 100.0 * part / whole as f64 };
        let used = |name: &str, colour, look, of: fn(&PoolSample) -> (u64, u64)| {
            self.line(name, colour, look, samples, move |it| {
                let (used, capacity) = of(it);
                share(used as f64, capacity)
            })
        };
        let limit = |name: &str, colour, of: fn(&Allowed) -> (f64, u64)| {
            let points = allowed.iter().enumerate().filter_map(|(tick, allowed)| {
                let (allowed, offered) = of(allowed.as_ref()?);
                Some((self.seconds(tick), share(allowed, offered).max(0.0)))
            });
            let points = thin(points.collect(), |points| points[points.len() - 1]);
            Line { name: name.to_owned(), colour, look: Look::Dashed, points }
        };
        Panel {
            title: format!("pool {}: allocated, and allowed by the rules", plan.name),
            unit: "% of capacity",
            height: 200,
            lines: vec![
                used("CPU used", GREEN, Look::Solid, |it| (it.used_cpu, it.capacity_cpu)),
                limit("CPU allowed", GREEN, |it| (it.cpu, it.of_cpu)),
                used("memory used", PURPLE, Look::Solid, |it| (it.used_memory, it.capacity_memory)),
                limit("memory allowed", PURPLE, |it| (it.memory, it.of_memory)),
            ],
            marks: Vec::new(),
            shades: Vec::new(),
        }
    }

    fn groups(&self) -> Panel {
        let plan = &self.scenario.plan;
        let is_managed = |group: &usize| plan.groups[*group].policy.is_some();
        let all = 0..plan.groups.len();
        // Where all can be shown, those that are not scaled are shown too.
        let shown: Vec<usize> = if all.len() <= MOST_GROUPS { all.collect() } else { all.filter(is_managed).collect() };
        let mut lines = Vec::new();
        let mut marks = Vec::new();
        let mut shades = Vec::new();
        if shown.len() > MOST_GROUPS {
            let sum = |of: fn(&GroupSample) -> u32| {
                let at = |tick: usize| shown.iter().map(|it| f64::from(of(&self.record.groups[*it][tick]))).sum();
                let ticks = self.record.groups.first().map_or(0, Vec::len);
                thin((0..ticks).map(|tick| (self.seconds(tick), at(tick))).collect(), |points| points[points.len() - 1])
            };
            let name = format!("allocations of {} groups", shown.len());
            lines.push(Line { name, colour: BLUE, look: Look::Solid, points: sum(|it| it.count) });
            let name = "needed by the demand".to_owned();
            lines.push(Line { name, colour: ORANGE, look: Look::Dashed, points: sum(|it| it.needed) });
        } else {
            for (number, group) in shown.into_iter().enumerate() {
                let (key, samples) = (&plan.groups[group].key, &self.record.groups[group]);
                let resource = Resource::Group(key.clone());
                let colour = GROUP_COLOURS[number];
                lines.push(self.line(&format!("{key} count"), colour, Look::Solid, samples, |it| it.count.into()));
                if is_managed(&group) {
                    lines.push(self.line("needed", colour, Look::Dashed, samples, |it| it.needed.into()));
                }
                marks.extend(self.marks(&resource, |tick| samples.get(tick).map_or(0.0, |it| it.count.into())));
                shades.extend(self.shades(&resource).into_iter().filter(|shade| shade.name == "failsafe"));
            }
        }
        Panel { title: "groups".to_owned(), unit: "allocations", height: 230, lines, marks, shades }
    }

    fn unmet(&self) -> Panel {
        let ticks = self.record.groups.first().map_or(0, Vec::len);
        let sum = |of: fn(&GroupSample) -> f64| {
            let at = |tick: usize| self.record.groups.iter().map(|samples| of(&samples[tick])).sum();
            let highest =
                |points: &[(f64, f64)]| points.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or_default();
            thin((0..ticks).map(|tick| (self.seconds(tick), at(tick))).collect(), highest)
        };
        let line = |name: &str, colour, look, points| Line { name: name.to_owned(), colour, look, points };
        Panel {
            title: "unmet demand, all groups".to_owned(),
            unit: "MHz, MiB",
            height: 150,
            lines: vec![
                line("CPU (MHz)", RED, Look::Area, sum(|it| it.unmet_cpu)),
                line("memory (MiB)", PURPLE, Look::Solid, sum(|it| it.unmet_memory)),
            ],
            marks: Vec::new(),
            shades: Vec::new(),
        }
    }

    fn line<S>(&self, name: &str, colour: RGBColor, look: Look, samples: &[S], of: impl Fn(&S) -> f64) -> Line {
        let points = samples.iter().enumerate().map(|(tick, sample)| (self.seconds(tick), of(sample))).collect();
        Line { name: name.to_owned(), colour, look, points: thin(points, |points| points[points.len() - 1]) }
    }

    fn marks(&self, resource: &Resource, value: impl Fn(usize) -> f64) -> Vec<Mark> {
        let of_it = self.record.actions.iter().filter(|action| action.resource == *resource);
        of_it
            .map(|action| Mark {
                at: action.at.as_secs_f64(),
                direction: action.direction,
                value: value(self.tick(action.at)),
            })
            .collect()
    }

    fn shades(&self, resource: &Resource) -> Vec<Shade> {
        let kinds =
            [("cooldown", RGBColor(170, 190, 215), &self.record.cooldown), ("failsafe", RED, &self.record.failsafe)];
        kinds
            .into_iter()
            .filter_map(|(name, colour, of)| {
                let stretches = of.get(resource).filter(|stretches| !stretches.is_empty())?;
                let seconds = |it: &crate::judge::record::Stretch| (it.from.as_secs_f64(), it.to.as_secs_f64());
                Some(Shade { name, colour, stretches: join(stretches.iter().map(seconds)) })
            })
            .collect()
    }

    fn seconds(&self, tick: usize) -> f64 {
        tick as f64 * self.scenario.plan.tick.as_secs_f64()
    }

    fn tick(&self, at: Millis) -> usize {
        usize::try_from(at.0.div_ceil(self.scenario.plan.tick.0)).unwrap_or(usize::MAX)
    }
}

/// Stretches that overlap become one, so that their shades do not darken.
fn join(stretches: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let mut joined: Vec<(f64, f64)> = Vec::new();
    for (from, to) in stretches {
        match joined.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => joined.push((from, to)),
        }
    }
    joined
}

/// Fewer points where there are more than can be seen: of each run of neighbours, the one that `pick` picks.
fn thin(points: Vec<(f64, f64)>, pick: impl Fn(&[(f64, f64)]) -> (f64, f64)) -> Vec<(f64, f64)> {
    if points.len() <= MOST_POINTS {
        return points;
    }
    points.chunks(points.len().div_ceil(MOST_POINTS)).map(pick).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_what_matters() {
        let points: Vec<(f64, f64)> =
            (0..10_000).map(|tick| (f64::from(tick), f64::from(u8::from(tick == 5001)))).collect();
        let highest =
            |points: &[(f64, f64)]| points.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or_default();
        let thinned = thin(points, highest);
        assert!(thinned.len() <= MOST_POINTS && thinned.contains(&(5001.0, 1.0)), "a short peak stays");
    }

    #[test]
    fn overlapping_stretches_are_one() {
        assert_eq!(join([(0.0, 5.0), (4.0, 9.0), (10.0, 11.0)].into_iter()), [(0.0, 9.0), (10.0, 11.0)]);
    }
}
