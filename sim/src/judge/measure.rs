//! Judgement of a run: the measures whose formulas are in the book's chapter "The measures".
//!
//! Elasticity after Herbst et al., "Quantifying Cloud Performance and Dependability" (2018), the SPEC Research
//! Group's measures: accuracy and time share of under- and over-provisioning, and instability.

use std::collections::BTreeMap;

use replicator::decide::Direction;
use replicator::domain::Resource;
use replicator::operation::Outcome;

use super::cost;
use super::headroom::Headroom;
use crate::judge::record::{Action, GroupSample, PoolSample, Record};
use crate::kernel::time::Millis;
use crate::plan::Plan;
use crate::plan::measures::{GROUP_SERIES, POOL_SERIES};

/// All measures of a run by name, such as `pool.workers.under_accuracy`.
pub type Measures = BTreeMap<String, f64>;

/// The values of a pool's sample, in the order of the series' names.
pub(crate) fn pool_values(sample: &PoolSample) -> [f64; 9] {
    let it = sample;
    let counts = [it.desired, it.instances, it.ready, it.needed].map(f64::from);
    let sums = [it.capacity_cpu, it.capacity_memory, it.used_cpu, it.used_memory].map(|sum| sum as f64);
    [counts[0], counts[1], counts[2], counts[3], sums[0], sums[1], sums[2], sums[3], it.oracle.into()]
}

/// The values of a group's sample, in the order of the series' names.
pub(crate) fn group_values(sample: &GroupSample) -> [f64; 7] {
    let it = sample;
    let counts = [it.count, it.serving, it.needed].map(f64::from);
    [counts[0], counts[1], counts[2], it.demand_cpu, it.demand_memory, it.unmet_cpu, it.unmet_memory]
}

/// The value of a series at a moment: that of the last tick before it.
pub(crate) fn series_at(plan: &Plan, record: &Record, name: &str, at: Millis) -> Option<f64> {
    let tick = usize::try_from(at.0 / plan.tick.0).unwrap_or(usize::MAX);
    for (number, pool) in plan.pools.iter().enumerate() {
        if let Some(series) = name.strip_prefix(&format!("pool.{}.", pool.name)) {
            let index = POOL_SERIES.iter().position(|known| *known == series)?;
            let samples = &record.pools[number];
            return samples.get(tick.min(samples.len().saturating_sub(1))).map(|it| pool_values(it)[index]);
        }
    }
    for (number, group) in plan.groups.iter().enumerate() {
        if let Some(series) = name.strip_prefix(&format!("group.{}.", group.key)) {
            let index = GROUP_SERIES.iter().position(|known| *known == series)?;
            let samples = &record.groups[number];
            return samples.get(tick.min(samples.len().saturating_sub(1))).map(|it| group_values(it)[index]);
        }
    }
    None
}

/// All measures of a run.
pub(crate) fn measure(plan: &Plan, record: &Record) -> Measures {
    let mut measures = Measures::new();
    for (number, pool) in plan.pools.iter().enumerate() {
        let samples = &record.pools[number];
        let mut put = |name: &str, value: f64| measures.insert(format!("pool.{}.{name}", pool.name), value);
        let curve = samples.iter().map(|sample| (sample.needed, sample.ready)).collect::<Vec<_>>();
        common(plan, record, &Resource::Pool(pool.name.clone()), &curve, &mut put);
        let ready = samples.iter().map(|sample| f64::from(sample.ready));
        put("ready_min", ready.clone().fold(f64::INFINITY, f64::min));
        put("ready_max", ready.clone().fold(0.0, f64::max));
        put("ready_mean", ready.sum::<f64>() / samples.len().max(1) as f64);
        put("desired_max", samples.iter().map(|sample| f64::from(sample.desired)).fold(0.0, f64::max));
    }
    for (number, group) in plan.groups.iter().enumerate() {
        let samples = &record.groups[number];
        let mut put = |name: &str, value: f64| measures.insert(format!("group.{}.{name}", group.key), value);
        let curve = samples.iter().map(|sample| (sample.needed, sample.serving)).collect::<Vec<_>>();
        common(plan, record, &Resource::Group(group.key.clone()), &curve, &mut put);
        let hours = plan.tick.as_hours();
        let share = |unmet: f64, demand: f64| if demand > 0.0 { 100.0 * unmet / demand } else { 0.0 };
        let sum = |of: fn(&GroupSample) -> f64| timed(samples).iter().map(of).sum::<f64>();
        let (cpu, memory) = (sum(|it| it.unmet_cpu), sum(|it| it.unmet_memory));
        put("unmet_cpu", cpu * hours);
        put("unmet_cpu_share", share(cpu, sum(|it| it.demand_cpu)));
        put("unmet_memory", memory * hours);
        put("unmet_memory_share", share(memory, sum(|it| it.demand_memory)));
        let headroom = Headroom::of(group, samples);
        put("utilisation_p50", headroom.p50);
        put("utilisation_p95", headroom.p95);
        put("utilisation_p99", headroom.p99);
        put("busy_time", headroom.busy_time);
        let count = samples.iter().map(|sample| f64::from(sample.count));
        put("count_min", count.clone().fold(f64::INFINITY, f64::min));
        put("count_max", count.fold(0.0, f64::max));
        put("serving_min", samples.iter().map(|sample| f64::from(sample.serving)).fold(f64::INFINITY, f64::min));
    }
    cost::measure(plan, record, &mut measures);
    let leaders = record.lines.iter().filter(|line| line.text == "leads").count();
    measures.insert("run.alerts".to_owned(), record.alerts.into());
    measures.insert("run.leaders".to_owned(), leaders as f64);
    measures.insert("run.evaluations".to_owned(), record.evaluations as f64);
    measures
}

/// The samples that stand for the time up to the next one: all but the last, which is taken at the end.
pub(super) fn timed<S>(samples: &[S]) -> &[S] {
    if samples.len() > 1 { &samples[..samples.len() - 1] } else { samples }
}

/// What is measured of pools and groups alike. `curve` has demand and supply at every tick.
fn common(
    plan: &Plan,
    record: &Record,
    resource: &Resource,
    curve: &[(u32, u32)],
    put: &mut impl FnMut(&str, f64) -> Option<f64>,
) {
    let elasticity = Elasticity::of(curve);
    put("under_accuracy", elasticity.under_accuracy);
    put("over_accuracy", elasticity.over_accuracy);
    put("under_time", elasticity.under_time);
    put("over_time", elasticity.over_time);
    put("instability", elasticity.instability);
    let actions: Vec<&Action> = record.actions.iter().filter(|action| action.resource == *resource).collect();
    let going = |direction| actions.iter().filter(|action| action.direction == direction).count() as f64;
    put("actions_out", going(Direction::Out));
    put("actions_in", going(Direction::In));
    let failed = |action: &&&Action| matches!(action.ended, Some((_, Outcome::Failed(_))));
    put("failed", actions.iter().filter(failed).count() as f64);
    put("reversals", actions.windows(2).filter(|pair| pair[0].direction != pair[1].direction).count() as f64);
    let episodes = episodes_below(curve);
    let seconds = |ticks: usize| ticks as f64 * plan.tick.as_secs_f64();
    let total: usize = episodes.iter().sum();
    put("capacity_mean", if episodes.is_empty() { 0.0 } else { seconds(total) / episodes.len() as f64 });
    put("capacity_worst", seconds(episodes.iter().copied().max().unwrap_or(0)));
    let failsafe = record.failsafe.get(resource).map(Vec::as_slice).unwrap_or_default();
    put("failsafe_time", failsafe.iter().fold(0.0, |sum, it| sum + (it.to - it.from).as_secs_f64()));
}

/// The SPEC elasticity measures of one curve of demand and supply, all in percent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Elasticity {
    /// `θ_U`: mean of max(demand − supply, 0) ÷ demand.
    pub under_accuracy: f64,
    /// `θ_O`: mean of max(supply − demand, 0) ÷ demand.
    pub over_accuracy: f64,
    /// `τ_U`: share of time with supply < demand.
    pub under_time: f64,
    /// `τ_O`: share of time with supply > demand.
    pub over_time: f64,
    /// υ: share of time in which demand and supply change in different directions, or only one of them does.
    pub instability: f64,
}

impl Elasticity {
    /// The measures of a curve of (demand, supply), one pair a tick. Demand of 0 counts as 1, so that every supply
    /// can be weighed.
    #[must_use]
    pub fn of(curve: &[(u32, u32)]) -> Self {
        let ticks = curve.len().max(1) as f64;
        let share = |count: usize, of: f64| 100.0 * count as f64 / of.max(1.0);
        let weigh = |lack: fn(u32, u32) -> u32| {
            let relative = |&(demand, supply): &(u32, u32)| f64::from(lack(demand, supply)) / f64::from(demand.max(1));
            100.0 * curve.iter().map(relative).sum::<f64>() / ticks
        };
        let unstable = curve.windows(2).filter(|pair| pair[1].0.cmp(&pair[0].0) != pair[1].1.cmp(&pair[0].1)).count();
        Self {
            under_accuracy: weigh(u32::saturating_sub),
            over_accuracy: weigh(|demand, supply| supply.saturating_sub(demand)),
            under_time: share(curve.iter().filter(|(demand, supply)| supply < demand).count(), ticks),
            over_time: share(curve.iter().filter(|(demand, supply)| supply > demand).count(), ticks),
            instability: share(unstable, ticks - 1.0),
        }
    }
}

/// The lengths, in ticks, of all stretches in which supply is below demand: how long it takes to have capacity.
fn episodes_below(curve: &[(u32, u32)]) -> Vec<usize> {
    curve
        .chunk_by(|a, b| (a.1 < a.0) == (b.1 < b.0))
        .filter(|stretch| stretch[0].1 < stretch[0].0)
        .map(<[_]>::len)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elasticity_by_hand() {
        // Demand 2 2 4 4, supply 2 4 2 4: half of the time right, a quarter below, a quarter above.
        let measured = Elasticity::of(&[(2, 2), (2, 4), (4, 2), (4, 4)]);
        assert_eq!(measured.under_accuracy, 12.5, "(4-2)/4 in one tick of four");
        assert_eq!(measured.over_accuracy, 25.0, "(4-2)/2 in one tick of four");
        assert_eq!((measured.under_time, measured.over_time), (25.0, 25.0));
        assert_eq!(measured.instability, 100.0, "every change goes apart");
    }

    #[test]
    fn what_fits_exactly_measures_zero() {
        let measured = Elasticity::of(&[(1, 1), (2, 2), (2, 2), (1, 1)]);
        let zero =
            Elasticity { under_accuracy: 0.0, over_accuracy: 0.0, under_time: 0.0, over_time: 0.0, instability: 0.0 };
        assert_eq!(measured, zero);
        assert_eq!(Elasticity::of(&[]), zero);
        assert_eq!(Elasticity::of(&[(0, 3)]).over_accuracy, 300.0);
    }

    #[test]
    fn time_to_capacity_counts_each_stretch_below_demand() {
        assert_eq!(episodes_below(&[(1, 1), (3, 1), (3, 2), (3, 3), (4, 3), (4, 4)]), [2, 1]);
        assert_eq!(episodes_below(&[(1, 2)]), [0usize; 0]);
    }
}
