//! What a run cost, against what it need not have cost: the oracle's nodes, and a fleet of one size.

use super::measure::{Measures, timed};
use super::record::{GroupSample, PoolSample, Record};
use crate::plan::Plan;

/// Node hours, and what somebody would have paid who knew the load.
struct Hours {
    had: f64,
    oracle: f64,
}

impl Hours {
    fn of(samples: &[PoolSample], tick_hours: f64) -> Self {
        let sum = |of: fn(&PoolSample) -> u32| samples.iter().map(|it| f64::from(of(it))).sum::<f64>() * tick_hours;
        Self { had: sum(|it| it.instances), oracle: sum(|it| it.oracle) }
    }

    /// How many times what was needed; 0 where nothing was.
    fn ratio(&self) -> f64 {
        over(self.had, self.oracle)
    }
}

/// A quotient, and 0 where there is nothing to divide by.
fn over(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// Measures what each pool cost, and all of them.
pub(super) fn measure(plan: &Plan, record: &Record, measures: &mut Measures) {
    let tick = plan.tick.as_hours();
    let (mut had, mut oracle) = (0.0, 0.0);
    for (number, pool) in plan.pools.iter().enumerate() {
        let samples = timed(&record.pools[number]);
        let hours = Hours::of(samples, tick);
        let mut put = |name: &str, value: f64| measures.insert(format!("pool.{}.{name}", pool.name), value);
        put("node_hours", hours.had);
        put("cost", hours.had * pool.price_per_hour);
        put("oracle_node_hours", hours.oracle);
        put("cost_ratio", hours.ratio());
        let unserved = unserved_ticks(plan, record, number);
        let nodes = fleet_as_good(samples, unserved);
        let fleet = f64::from(nodes) * samples.len() as f64 * tick;
        put("static_nodes", nodes.into());
        put("static_node_hours", fleet);
        put("static_ratio", over(hours.had, fleet));
        had += hours.had;
        oracle += hours.oracle;
    }
    let all = Hours { had, oracle };
    measures.insert("run.node_hours".to_owned(), all.had);
    measures.insert("run.oracle_node_hours".to_owned(), all.oracle);
    measures.insert("run.cost_ratio".to_owned(), all.ratio());
    let samples = || record.groups.iter().flat_map(|samples| timed(samples));
    let sum = |of: fn(&GroupSample) -> f64| samples().map(of).sum::<f64>();
    let (cpu, memory) = (sum(|it| it.unmet_cpu), sum(|it| it.unmet_memory));
    measures.insert("run.unmet_cpu".to_owned(), cpu * tick);
    measures.insert("run.unmet_cpu_share".to_owned(), 100.0 * over(cpu, sum(|it| it.demand_cpu)));
    measures.insert("run.unmet_memory".to_owned(), memory * tick);
    measures.insert("run.unmet_memory_share".to_owned(), 100.0 * over(memory, sum(|it| it.demand_memory)));
}

/// At how many ticks some load of a pool's groups was not served.
fn unserved_ticks(plan: &Plan, record: &Record, pool: usize) -> usize {
    let groups: Vec<&Vec<GroupSample>> = (plan.groups.iter().zip(&record.groups))
        .filter(|(group, _)| plan.jobs[group.job].pool == pool)
        .map(|(_, samples)| samples)
        .collect();
    let short = |tick: &usize| {
        groups.iter().filter_map(|samples| samples.get(*tick)).any(|it| it.unmet_cpu > 0.0 || it.unmet_memory > 0.0)
    };
    (0..timed(&record.pools[pool]).len()).filter(short).count()
}

/// The smallest fleet that, kept all the time, is too small at no more than so many ticks.
fn fleet_as_good(samples: &[PoolSample], unserved: usize) -> u32 {
    let mut needed: Vec<u32> = samples.iter().map(|it| it.oracle).collect();
    needed.sort_unstable_by(|a, b| b.cmp(a));
    needed.get(unserved).or(needed.last()).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(of: &[(u32, u32)]) -> Vec<PoolSample> {
        of.iter().map(|&(instances, oracle)| PoolSample { instances, oracle, ..PoolSample::default() }).collect()
    }

    #[test]
    fn the_cost_ratio_is_what_it_is_by_hand() {
        // Four half hours: 2 + 3 + 3 + 2 nodes where 1 + 2 + 1 + 1 would have done: 5 hours against 2.5.
        let hours = Hours::of(&samples(&[(2, 1), (3, 2), (3, 1), (2, 1)]), 0.5);
        assert_eq!((hours.had, hours.oracle, hours.ratio()), (5.0, 2.5, 2.0));
        assert_eq!(Hours::of(&samples(&[(2, 0)]), 1.0).ratio(), 0.0, "nothing had to be carried");
    }

    #[test]
    fn a_static_fleet_may_be_short_as_often_as_the_run_was() {
        let samples = samples(&[(0, 4), (0, 9), (0, 7), (0, 5)]);
        for (unserved, nodes) in [(0, 9), (1, 7), (2, 5), (3, 4), (4, 4)] {
            assert_eq!(fleet_as_good(&samples, unserved), nodes, "short at {unserved} of four ticks");
        }
        assert_eq!(fleet_as_good(&[], 0), 0);
    }
}
