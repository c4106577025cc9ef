//! Pools of a run.

use replicator::domain::{Meta, PoolName, Resources};
use replicator::policy::PoolPolicy;

use super::delay::Delay;

/// Where a pool's policy stands (P3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyHome {
    /// In the nodes' meta.
    Meta,
    /// In Consul; the nodes only name their pool.
    Consul,
}

/// A pool of a scenario.
#[derive(Debug, Clone)]
pub struct PoolPlan {
    /// Name of pool and Auto Scaling group.
    pub name: PoolName,
    /// What an instance has.
    pub size: Resources,
    /// What a node keeps for itself.
    pub reserved: Resources,
    /// How many nodes it starts with.
    pub nodes: u32,
    /// `MinSize`.
    pub min: u32,
    /// `MaxSize`.
    pub max: u32,
    /// Zones that instances are spread over.
    pub zones: Vec<String>,
    /// From the desired capacity's change to the instance.
    pub launch: Delay,
    /// From the instance to the node that is ready.
    pub boot: Delay,
    /// What an instance costs an hour.
    pub price_per_hour: f64,
    /// Whether members count with weights of their own towards the desired capacity.
    pub weighted: bool,
    /// The class of its nodes; none where it is empty.
    pub class: String,
    /// Where the policy stands.
    pub policy_in: PolicyHome,
    /// The policy as written.
    pub meta: Meta,
    /// The policy as read.
    pub policy: PoolPolicy,
}

impl PoolPlan {
    /// What a node offers.
    #[must_use]
    pub fn capacity(&self) -> Resources {
        self.size.less(self.reserved)
    }
}
