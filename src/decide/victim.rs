//! Which node leaves when a pool scales in: rules P9, P21 and P36.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::decide::pool::NodeLoad;
use crate::domain::{InstanceId, NodeId, Resources};

/// A node that might leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The node and what it carries.
    pub load: NodeLoad,
    /// The instance it runs on, or why it must stay.
    pub instance: Result<InstanceId, Unfit>,
    /// The zone it is in, where the provider tells.
    pub zone: Option<Arc<str>>,
    /// Whether it was tried of late, and the attempt failed.
    pub spared: bool,
}

/// Why a node must not be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unfit {
    /// The agent that leads runs on it.
    RunsLeader,
    /// Its instance is protected from scale-in.
    Protected,
    /// It is not known to run on an instance of the group.
    NoInstance,
    /// What runs on it cannot be told.
    Opaque,
    /// Its capacity is not to be believed.
    Odd,
}

/// The nodes that may leave, with their instances, the best first: those with the least of the scaling metric; of equals, those
/// in the fullest zone; of these, the first by ID (P21). Those that were tried of late and failed come last (P36).
#[must_use]
pub fn rank_victims(candidates: &[Candidate]) -> Vec<(&NodeId, &InstanceId)> {
    let metric = ScalingMetric::of(candidates);
    let mut in_zone: BTreeMap<&str, usize> = BTreeMap::new();
    for zone in candidates.iter().filter_map(|candidate| candidate.zone.as_deref()) {
        *in_zone.entry(zone).or_default() += 1;
    }
    let crowd = |candidate: &Candidate| candidate.zone.as_deref().and_then(|zone| in_zone.get(zone)).copied();
    let mut fit: Vec<(&Candidate, &InstanceId)> =
        candidates.iter().filter_map(|candidate| Some((candidate, candidate.instance.as_ref().ok()?))).collect();
    fit.sort_by(|(a, _), (b, _)| {
        a.spared
            .cmp(&b.spared)
            .then_with(|| metric.of_load(&a.load).cmp(&metric.of_load(&b.load)))
            .then_with(|| crowd(b).cmp(&crowd(a)))
            .then_with(|| a.load.node.cmp(&b.load.node))
    });
    fit.into_iter().map(|(candidate, instance)| (&candidate.load.node, instance)).collect()
}

/// The more used of CPU and memory, as a share of the pool's capacity (P9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ScalingMetric {
    Cpu,
    Memory,
}

impl ScalingMetric {
    fn of(candidates: &[Candidate]) -> Self {
        let capacity: Resources = candidates.iter().map(|candidate| candidate.load.capacity).sum();
        let used: Resources = candidates.iter().map(|candidate| candidate.load.used).sum();
        // used/capacity of CPU ≥ that of memory, cross-multiplied.
        let cpu = u128::from(used.cpu.0) * u128::from(capacity.memory.0);
        let memory = u128::from(used.memory.0) * u128::from(capacity.cpu.0);
        if cpu >= memory { Self::Cpu } else { Self::Memory }
    }

    /// What a node carries of it; what leaves with the node does not count.
    fn of_load(self, load: &NodeLoad) -> u64 {
        let moving = load.used.less(load.system);
        match self {
            Self::Cpu => moving.cpu.0,
            Self::Memory => moving.memory.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(name: &str, mhz: u64, mib: u64) -> Candidate {
        Candidate {
            load: NodeLoad {
                node: name.into(),
                capacity: Resources::new(1000, 1000, 0),
                used: Resources::new(mhz, mib, 0),
                system: Resources::default(),
            },
            instance: Ok(format!("i-{name}").into()),
            zone: None,
            spared: false,
        }
    }

    fn chosen(candidates: &[Candidate]) -> Option<&str> {
        rank_victims(candidates).first().map(|(node, _)| node.as_str())
    }

    #[test]
    fn p9_p21_takes_the_least_of_the_scaling_metric() {
        // CPU is the more used: 1500 of 3000 MHz against 900 of 3000 MiB.
        let nodes = [candidate("a", 600, 100), candidate("b", 400, 700), candidate("c", 500, 100)];
        assert_eq!(chosen(&nodes), Some("b"));
        // Memory is the more used.
        let nodes = [candidate("a", 100, 600), candidate("b", 400, 500), candidate("c", 50, 700)];
        assert_eq!(chosen(&nodes), Some("b"));
    }

    #[test]
    fn p21_never_passes_over_an_empty_node() {
        assert_eq!(chosen(&[candidate("a", 1, 0), candidate("b", 0, 0), candidate("c", 2, 0)]), Some("b"));
    }

    #[test]
    fn p21_ties_go_to_the_first_by_id() {
        assert_eq!(chosen(&[candidate("c", 5, 5), candidate("b", 5, 5)]), Some("b"));
    }

    #[test]
    fn p21_never_takes_what_must_stay() {
        let mut nodes = [candidate("a", 1, 0), candidate("b", 2, 0), candidate("c", 3, 0)];
        nodes[0].instance = Err(Unfit::RunsLeader);
        nodes[1].instance = Err(Unfit::Protected);
        assert_eq!(chosen(&nodes), Some("c"));
        nodes[2].instance = Err(Unfit::NoInstance);
        assert_eq!(chosen(&nodes), None);
    }

    #[test]
    fn p21_of_equals_one_in_the_fullest_zone_leaves() {
        let zoned = |name, zone: &str| Candidate { zone: Some(zone.into()), ..candidate(name, 5, 5) };
        let nodes = [zoned("a", "1a"), zoned("b", "1b"), zoned("c", "1b"), zoned("d", "1c")];
        assert_eq!(chosen(&nodes), Some("b"));
        let emptier = Candidate { zone: Some("1a".into()), ..candidate("a", 4, 4) };
        assert_eq!(chosen(&[emptier, zoned("b", "1b"), zoned("c", "1b")]), Some("a"), "balance comes after load");
    }

    #[test]
    fn p21_what_leaves_with_the_node_is_no_load() {
        let agents = Resources::new(500, 0, 0);
        let mut nodes = [candidate("a", 600, 0), candidate("b", 500, 0)];
        nodes[0].load.system = agents;
        assert_eq!(chosen(&nodes), Some("a"), "100 MHz to move, against 500");
    }

    #[test]
    fn p36_one_whose_drain_failed_of_late_comes_last() {
        let mut nodes = [candidate("a", 1, 1), candidate("b", 2, 2)];
        nodes[0].spared = true;
        assert_eq!(chosen(&nodes), Some("b"));
        nodes[1].instance = Err(Unfit::Opaque);
        assert_eq!(chosen(&nodes), Some("a"), "and is better than none");
    }
}
