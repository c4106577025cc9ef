//! How each resource's size and load went, lately: a bounded number of samples, for pictures.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::{SignedDuration, Timestamp};

use crate::decide::{Case, Decision, Quantity, Rule};
use crate::domain::Resource;

/// The most samples of all resources together.
const MOST_SAMPLES: usize = 50_000;
/// The most of one.
const MOST_OF_ONE: usize = 720;
/// The fewest of one, however many resources there are.
const FEWEST_OF_ONE: usize = 30;
/// The least time between two samples of one resource.
const EVERY: SignedDuration = SignedDuration::from_secs(5);

/// How a resource stood at a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// When.
    pub at: Timestamp,
    /// The count, or the desired capacity.
    pub size: u32,
    /// The bounds.
    pub bounds: (u32, u32),
    /// CPU, and what it was held against: of a pool what is used and what is allowed, in MHz; of a group the busiest task's, and
    /// the threshold for more, in percent.
    pub cpu: Option<Held>,
    /// Memory likewise, in MiB or percent.
    pub memory: Option<Held>,
}

/// What is used, and what it was held against.
pub type Held = (f64, f64);

/// Samples of all resources.
#[derive(Debug, Clone, Default)]
pub struct Series {
    of: BTreeMap<Resource, VecDeque<Sample>>,
}

impl Series {
    /// Takes a decision, with what it came from.
    pub(super) fn take(&mut self, at: Timestamp, case: &Case, decision: &Decision) {
        let resources = self.of.len().max(1);
        let most = (MOST_SAMPLES / resources).clamp(FEWEST_OF_ONE, MOST_OF_ONE);
        let samples = self.of.entry(decision.resource.clone()).or_default();
        if samples.back().is_some_and(|last| at.duration_since(last.at).abs() < EVERY) {
            return;
        }
        let (size, bounds) = match case {
            Case::Group { observation, policy, .. } => (observation.count, (policy.min, policy.max)),
            Case::Pool { observation, .. } => {
                (observation.bounds.desired, (observation.bounds.min, observation.bounds.max))
            }
        };
        let (cpu, memory) = load(decision);
        samples.push_back(Sample { at, size, bounds, cpu, memory });
        let excess = samples.len().saturating_sub(most);
        samples.drain(..excess);
    }

    /// The samples of a resource, the oldest first.
    #[must_use]
    pub fn of(&self, resource: &Resource) -> Vec<Sample> {
        self.of.get(resource).map(|samples| samples.iter().cloned().collect()).unwrap_or_default()
    }

    /// Forgets resources that are gone.
    pub(super) fn retain(&mut self, kept: &BTreeSet<Resource>) {
        self.of.retain(|resource, _| kept.contains(resource));
    }

    pub(super) fn clear(&mut self) {
        self.of.clear();
    }
}

/// What a decision held CPU and memory against.
fn load(decision: &Decision) -> (Option<Held>, Option<Held>) {
    let is_cpu = |quantity: &Quantity| matches!(quantity, Quantity::PoolCpu | Quantity::TaskCpu(_));
    let is_memory = |quantity: &Quantity| matches!(quantity, Quantity::PoolMemory | Quantity::TaskMemory(_));
    let highest = |is_it: &dyn Fn(&Quantity) -> bool| {
        let speaks = |rule: Rule| matches!(rule, Rule::J8 | Rule::J28 | Rule::P10 | Rule::P11);
        let of_it = decision.findings.iter().filter(|it| speaks(it.rule) && is_it(&it.quantity));
        let finite = of_it.filter(|it| it.measured.is_finite() && it.limit.is_finite());
        finite.map(|it| (it.measured, it.limit)).max_by(|a, b| a.0.total_cmp(&b.0))
    };
    (highest(&is_cpu), highest(&is_memory))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::{Finding, GroupObservation, Relation, Standing, Verdict};
    use crate::testing::{group_key, group_policy};

    fn take(series: &mut Series, number: usize, second: i64) {
        let key = group_key("web", &format!("g{number}"));
        let finding = |quantity, measured| Finding {
            rule: Rule::J8,
            quantity,
            measured,
            relation: Relation::Above,
            limit: 80.0,
            holds: measured > 80.0,
        };
        let decision = Decision {
            resource: Resource::Group(key.clone()),
            verdict: Verdict::Stay,
            findings: vec![
                finding(Quantity::TaskCpu("a".into()), 10.0),
                finding(Quantity::TaskCpu("b".into()), 70.0),
                finding(Quantity::TaskMemory("a".into()), f64::INFINITY),
            ],
            scalein_requests: 0,
            scaleout_requests: 0,
        };
        let observation = GroupObservation { count: 3, running: 3, ..GroupObservation::default() };
        let case = Case::Group { key, observation, policy: group_policy(), standing: Standing::default() };
        series.take(Timestamp::from_second(second).unwrap(), &case, &decision);
    }

    #[test]
    fn c14_samples_are_bounded_in_number_and_time() {
        let mut series = Series::default();
        for second in 0..10_000 {
            take(&mut series, 0, second);
        }
        let samples = series.of(&Resource::Group(group_key("web", "g0")));
        assert_eq!(samples.len(), MOST_OF_ONE);
        assert!(samples.windows(2).all(|two| two[1].at.duration_since(two[0].at) >= EVERY));
        assert_eq!((samples[0].size, samples[0].cpu, samples[0].memory), (3, Some((70.0, 80.0)), None));
        for number in 0..1000 {
            for second in 0..100 {
                take(&mut series, number, 20_000 + second * 10);
            }
        }
        // Each shrinks to its share with its next sample.
        (0..1000).for_each(|number| take(&mut series, number, 30_000));
        let all: usize = series.of.values().map(VecDeque::len).sum();
        assert!(all <= MOST_SAMPLES, "{all}");
        series.retain(&BTreeSet::new());
        assert!(series.of.is_empty());
    }
}
