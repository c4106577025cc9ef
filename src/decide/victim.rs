//! Which node leaves when a pool scales in: rules P9 and P21.

use std::cmp::Ordering;

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
}

/// The node with the least of the scaling metric, and its instance; of several, the first by ID (P21). An empty node
/// has the least there is.
#[must_use]
pub fn choose_victim(candidates: &[Candidate]) -> Option<(&NodeId, &InstanceId)> {
    let metric = ScalingMetric::of(candidates);
    candidates
        .iter()
        .filter_map(|candidate| Some((candidate, candidate.instance.as_ref().ok()?)))
        .min_by(|(a, _), (b, _)| metric.compare(&a.load, &b.load))
        .map(|(candidate, instance)| (&candidate.load.node, instance))
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

    fn compare(self, a: &NodeLoad, b: &NodeLoad) -> Ordering {
        let used = |load: &NodeLoad| match self {
            Self::Cpu => load.used.cpu.0,
            Self::Memory => load.used.memory.0,
        };
        used(a).cmp(&used(b)).then_with(|| a.node.cmp(&b.node))
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
            },
            instance: Ok(format!("i-{name}").into()),
        }
    }

    fn chosen(candidates: &[Candidate]) -> Option<&str> {
        choose_victim(candidates).map(|(node, _)| node.as_str())
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
}
