//! What the panels of a picture show: two of each pool, two of each group that did something, and in a line what did nothing.

use std::cmp::Ordering;

use replicator::decide::Direction;
use replicator::domain::Resource;
use replicator::policy::GroupStrategy;

use super::View;
use super::panel::{
    BLACK, BLUE, Band, COOL, GREEN, GREY, Line, Look, Mark, ORANGE, PURPLE, Panel, RED, Shade, changes, join,
};
use crate::judge::Outcome;
use crate::judge::record::{Allowed, GroupSample, PoolSample, Record, Stretch};
use crate::plan::{GroupPlan, Plan};

/// The panels of a run, from top to bottom, and who is left out because nothing happened to it.
pub(super) struct Story {
    pub(super) panels: Vec<Panel>,
    pub(super) quiet: Vec<String>,
}

/// Tells the story of a run.
pub(super) fn story(plan: &Plan, outcome: &Outcome, view: &View) -> Story {
    let teller = Teller { plan, record: &outcome.record };
    let mut pools: Vec<usize> = (0..plan.pools.len()).filter(|it| view.shows(plan.pools[*it].name.as_str())).collect();
    pools.sort_by(|a, b| as_people_sort(plan.pools[*a].name.as_str(), plan.pools[*b].name.as_str()));
    let name = |group: &usize| plan.groups[*group].key.to_string();
    let mut groups: Vec<usize> = (0..plan.groups.len()).filter(|it| view.shows(&name(it))).collect();
    groups.sort_by(|a, b| as_people_sort(&name(a), &name(b)));
    // Whoever is asked for by name is shown, whatever it did.
    let (told, quiet): (Vec<usize>, Vec<usize>) =
        groups.into_iter().partition(|group| !view.only.is_empty() || teller.did_something(*group));
    let of_pools = pools.into_iter().flat_map(|pool| [teller.pool_size(pool), teller.pool_use(pool)]);
    let of_groups = told.into_iter().flat_map(|group| [teller.group_count(group), teller.group_use(group)]);
    let mut panels: Vec<Panel> = of_pools.chain(of_groups).collect();
    for panel in &mut panels {
        panel.height = view.scaled(panel.height);
    }
    Story { panels, quiet: quiet.iter().map(name).collect() }
}

struct Teller<'a> {
    plan: &'a Plan,
    record: &'a Record,
}

impl Teller<'_> {
    /// Whether a group was scaled, or had load, or moved: else its panels are straight lines.
    fn did_something(&self, group: usize) -> bool {
        let resource = Resource::Group(self.plan.groups[group].key.clone());
        let samples = &self.record.groups[group];
        let moved = samples.windows(2).any(|pair| pair[0].count != pair[1].count);
        let held = self.record.holds.stretches().any(|(held, _)| held.resource == resource && held.by_bound);
        let unmet = samples.iter().any(|it| it.unmet_cpu > 0.0 || it.unmet_memory > 0.0);
        moved || held || unmet || self.record.actions.iter().any(|action| action.resource == resource)
    }

    fn pool_size(&self, pool: usize) -> Panel {
        let plan = &self.plan.pools[pool];
        let resource = Resource::Pool(plan.name.clone());
        let samples = &self.record.pools[pool];
        let line = |name: &str, colour, look, of: fn(&PoolSample) -> f64| self.line(name, colour, look, samples, of);
        let mut lines = vec![
            line("ready", BLUE, Look::Area, |it| it.ready.into()),
            line("desired", BLACK, Look::Bold, |it| it.desired.into()),
            line("whole nodes that would do", ORANGE, Look::Dashed, |it| it.oracle.into()),
        ];
        let (min, max) =
            (plan.min.max(plan.policy.min.unwrap_or(0)), plan.max.min(plan.policy.max.unwrap_or(u32::MAX)));
        self.add_bounds(&mut lines, min, max);
        Panel {
            title: format!("pool {}", plan.name),
            unit: "nodes",
            height: 130,
            lines,
            bands: vec![],
            marks: self.marks(&resource),
            shades: self.shades(&resource),
        }
    }

    fn pool_use(&self, pool: usize) -> Panel {
        let samples = &self.record.pools[pool];
        let share = |part: f64, whole: u64| if whole == 0 { 0.0 } else { 100.0 * part / whole as f64 };
        let used = |name: &str, colour, look, of: fn(&PoolSample) -> (u64, u64)| {
            self.line(name, colour, look, samples, move |it| {
                let (used, capacity) = of(it);
                share(used as f64, capacity)
            })
        };
        let limit = |name: &str, colour, of: fn(&Allowed) -> (f64, u64)| {
            let points = self.record.allowed[pool].iter().enumerate().filter_map(|(tick, allowed)| {
                let (allowed, offered) = of(allowed.as_ref()?);
                Some((self.seconds(tick), share(allowed, offered).max(0.0)))
            });
            Line { name: name.to_owned(), colour, look: Look::Dotted, points: changes(points) }
        };
        // What an agent outside allows itself is not known here.
        let is_known = self.record.allowed[pool].iter().any(Option::is_some);
        let allowed = if is_known { ", and allowed by the rules" } else { "" };
        Panel {
            title: format!("pool {}: allocated{allowed}", self.plan.pools[pool].name),
            unit: "% of capacity",
            height: 90,
            lines: vec![
                used("CPU", GREEN, Look::Solid, |it| (it.used_cpu, it.capacity_cpu)),
                limit("CPU allowed", GREEN, |it| (it.cpu, it.of_cpu)),
                used("memory", PURPLE, Look::Dashed, |it| (it.used_memory, it.capacity_memory)),
                limit("memory allowed", PURPLE, |it| (it.memory, it.of_memory)),
            ],
            bands: vec![],
            marks: vec![],
            shades: vec![],
        }
    }

    fn group_count(&self, group: usize) -> Panel {
        let plan = &self.plan.groups[group];
        let resource = Resource::Group(plan.key.clone());
        let samples = &self.record.groups[group];
        let line = |name: &str, colour, look, of: fn(&GroupSample) -> f64| self.line(name, colour, look, samples, of);
        let mut lines = vec![
            line("serving", BLUE, Look::Area, |it| it.serving.into()),
            line("count", BLACK, Look::Bold, |it| it.count.into()),
            line("needed by the load", ORANGE, Look::Dashed, |it| it.needed.into()),
        ];
        if let Some(policy) = &plan.policy {
            self.add_bounds(&mut lines, policy.min, policy.max);
        }
        Panel {
            title: format!("group {}", plan.key),
            unit: "allocations",
            height: 100,
            lines,
            bands: vec![],
            marks: self.marks(&resource),
            shades: self.shades(&resource),
        }
    }

    /// The load as a share of what the allocations that take it can carry.
    fn group_use(&self, group: usize) -> Panel {
        let plan = &self.plan.groups[group];
        let samples = &self.record.groups[group];
        let asks = plan.resources();
        let used = |name: &str, colour, look, of: fn(&GroupSample) -> f64, each: u64| {
            self.line(name, colour, look, samples, move |it| {
                100.0 * of(it) / (f64::from(it.serving.max(1)) * each as f64)
            })
        };
        let unmet = samples.iter().enumerate().filter(|(_, it)| it.unmet_cpu > 0.0 || it.unmet_memory > 0.0);
        let tick = self.plan.tick.as_secs_f64();
        let unmet = join(unmet.map(|(number, _)| (self.seconds(number), self.seconds(number) + tick)));
        let unmet = Shade { name: "unmet demand", colour: RED, stretches: unmet };
        Panel {
            title: format!("group {}: load, of what can carry it", plan.key),
            unit: "%",
            height: 90,
            lines: vec![
                used("CPU", GREEN, Look::Solid, |it| it.demand_cpu, asks.cpu.0),
                used("memory", PURPLE, Look::Dashed, |it| it.demand_memory, asks.memory.0),
            ],
            bands: bands(plan),
            marks: vec![],
            shades: [unmet].into_iter().filter(|shade| !shade.stretches.is_empty()).collect(),
        }
    }

    fn line<S>(
        &self,
        name: &str,
        colour: plotters::style::RGBColor,
        look: Look,
        samples: &[S],
        of: impl Fn(&S) -> f64,
    ) -> Line {
        let points = samples.iter().enumerate().map(|(tick, sample)| (self.seconds(tick), of(sample)));
        Line { name: name.to_owned(), colour, look, points: changes(points) }
    }

    /// The bounds, where the values come near them: a maximum far above would flatten all else.
    fn add_bounds(&self, lines: &mut Vec<Line>, min: u32, max: u32) {
        let highest = lines.iter().flat_map(|line| &line.points).map(|point| point.1).fold(0.0, f64::max);
        let ends = [0.0, self.plan.duration.as_secs_f64()];
        let bound = |name: &str, at: u32| Line {
            name: format!("{name} {at}"),
            colour: GREY,
            look: Look::Dotted,
            points: ends.map(|seconds| (seconds, at.into())).to_vec(),
        };
        lines.push(bound("min", min));
        if f64::from(max) <= highest * 1.6 {
            lines.push(bound("max", max));
        }
    }

    fn marks(&self, resource: &Resource) -> Vec<Mark> {
        let of_it = self.record.actions.iter().filter(|action| action.resource == *resource);
        of_it.map(|action| Mark { at: action.at.as_secs_f64(), direction: action.direction }).collect()
    }

    fn shades(&self, resource: &Resource) -> Vec<Shade> {
        let seconds = |it: &Stretch| (it.from.as_secs_f64(), it.to.as_secs_f64());
        let held = |direction| {
            let of_it =
                self.record.holds.stretches().filter(move |(held, _)| {
                    held.by_bound && held.resource == *resource && held.direction == direction
                });
            join(of_it.flat_map(|(_, of)| of).map(seconds))
        };
        let of = |stretches: Option<&Vec<Stretch>>| join(stretches.into_iter().flatten().map(seconds));
        [
            Shade { name: "cooldown", colour: COOL, stretches: of(self.record.cooldown.get(resource)) },
            Shade { name: "at its most, and more is asked for", colour: ORANGE, stretches: held(Direction::Out) },
            Shade { name: "failsafe", colour: RED, stretches: of(self.record.failsafe.get(resource)) },
        ]
        .into_iter()
        .filter(|shade| !shade.stretches.is_empty())
        .collect()
    }

    fn seconds(&self, tick: usize) -> f64 {
        tick as f64 * self.plan.tick.as_secs_f64()
    }
}

/// Where a group's policy leaves it as it is: between its thresholds, or about its target.
fn bands(plan: &GroupPlan) -> Vec<Band> {
    let Some(policy) = &plan.policy else { return vec![] };
    let band = |name: String, from: f64, to: f64| Band { name, from, to };
    match &policy.strategy {
        GroupStrategy::Threshold(thresholds) => {
            let (low, high) = (thresholds.scalein_cpu.0, thresholds.scaleout_cpu.0);
            vec![band(format!("CPU thresholds {low} to {high} %"), low, high)]
        }
        GroupStrategy::Target(target) => {
            let Some(cpu) = target.cpu else { return vec![] };
            let off = cpu.0 * target.tolerance.0 / 100.0;
            vec![band(format!("CPU target {} ± {off} %", cpu.0), cpu.0 - off, cpu.0 + off)]
        }
    }
}

/// Numbers within names by their value: `web2` before `web10`.
pub(super) fn as_people_sort(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let ((text_a, number_a, rest_a), (text_b, number_b, rest_b)) = (first_part(left), first_part(right));
        let order = text_a.cmp(text_b).then(number_a.cmp(&number_b));
        if order != Ordering::Equal || rest_a.is_empty() || rest_b.is_empty() {
            return order.then(rest_a.cmp(rest_b)).then(a.cmp(b));
        }
        (left, right) = (rest_a, rest_b);
    }
}

/// The text before the first number, that number, and what follows.
fn first_part(text: &str) -> (&str, Option<u64>, &str) {
    let begins = text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len());
    let (before, rest) = text.split_at(begins);
    let ends = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, rest) = rest.split_at(ends);
    (before, digits.parse().ok(), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_as_people_do() {
        let mut names = ["web10/a", "web2/b", "web2/a", "api", "web", "web1", "10", "9"];
        names.sort_by(|a, b| as_people_sort(a, b));
        assert_eq!(names, ["9", "10", "api", "web", "web1", "web2/a", "web2/b", "web10/a"]);
    }
}
