//! How full groups were: what the load asks of what their allocations that take it can carry.

use super::record::GroupSample;
use crate::plan::GroupPlan;

/// From this share on, in percent, a group has no room to speak of.
const BUSY: f64 = 90.0;

/// How full a group was over a run, in percent.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Headroom {
    pub(super) p50: f64,
    pub(super) p95: f64,
    pub(super) p99: f64,
    /// The share of time in which it had no room to speak of.
    pub(super) busy_time: f64,
}

impl Headroom {
    pub(super) fn of(plan: &GroupPlan, samples: &[GroupSample]) -> Self {
        let asks = plan.resources();
        let each = (asks.cpu.0 as f64, asks.memory.0 as f64);
        Self::over(samples.iter().map(|sample| utilisation(sample, each)).collect())
    }

    fn over(mut shares: Vec<f64>) -> Self {
        if shares.is_empty() {
            return Self::default();
        }
        shares.sort_unstable_by(f64::total_cmp);
        let busy = shares.iter().filter(|share| **share > BUSY).count();
        Self {
            p50: at(&shares, 50),
            p95: at(&shares, 95),
            p99: at(&shares, 99),
            busy_time: 100.0 * busy as f64 / shares.len() as f64,
        }
    }
}

/// The nearest rank: the least of these that so many percent do not exceed.
fn at(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted[rank.saturating_sub(1)]
}

/// The higher of CPU and memory. Where nothing takes load it counts as one that does, so that a load without anybody is not
/// taken for an idle one.
fn utilisation(sample: &GroupSample, (cpu, memory): (f64, f64)) -> f64 {
    let serving = f64::from(sample.serving.max(1));
    let share = |demand: f64, each: f64| 100.0 * demand / (serving * each);
    share(sample.demand_cpu, cpu).max(share(sample.demand_memory, memory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_what_they_are_by_hand() {
        let shares: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(Headroom::over(shares), Headroom { p50: 50.0, p95: 95.0, p99: 99.0, busy_time: 10.0 });
        assert_eq!(Headroom::over(vec![95.0]), Headroom { p50: 95.0, p95: 95.0, p99: 95.0, busy_time: 100.0 });
        assert_eq!(Headroom::over(vec![]), Headroom::default());
    }

    #[test]
    fn the_fuller_of_both_counts() {
        let sample = |serving, cpu, memory| GroupSample {
            serving,
            demand_cpu: cpu,
            demand_memory: memory,
            ..GroupSample::default()
        };
        let each = (1000.0, 500.0);
        assert_eq!(utilisation(&sample(2, 1000.0, 100.0), each), 50.0);
        assert_eq!(utilisation(&sample(2, 1000.0, 900.0), each), 90.0);
        assert_eq!(utilisation(&sample(2, 3000.0, 0.0), each), 150.0, "more than can be served");
        assert_eq!(utilisation(&sample(0, 500.0, 0.0), each), 50.0, "as if there were one");
    }
}
