//! What a run ended in, as far as two runs of one scenario must agree on it: numbers and states, not identities.

use std::collections::BTreeMap;

use replicator::domain::Lifecycle;

use super::World;

/// A cluster at rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// For each group: its count, and how many allocations take load.
    pub groups: BTreeMap<String, (u32, u32)>,
    /// For each pool: its desired capacity, members, and nodes that take work.
    pub pools: BTreeMap<String, (u32, usize, usize)>,
    /// For each state: failsafe, failures, and whether an operation is under way.
    pub states: BTreeMap<String, (bool, u32, bool)>,
    /// How many things nobody looks after, by kind.
    pub orphans: BTreeMap<&'static str, usize>,
}

impl World {
    pub(crate) fn settled(&self) -> Settled {
        let groups = self.plan.groups.iter().zip(&self.nomad.groups);
        let pools = self.plan.pools.iter().zip(&self.cloud.groups).enumerate();
        let ready = |pool: usize| self.nomad.nodes.iter().filter(|node| node.pool == pool && node.takes_work()).count();
        Settled {
            groups: groups.map(|(plan, group)| (plan.key.to_string(), (group.count, group.serving))).collect(),
            pools: pools
                .map(|(number, (plan, pool))| {
                    (plan.name.to_string(), (pool.desired, pool.members.len(), ready(number)))
                })
                .collect(),
            states: self
                .states()
                .map(|(path, state)| (path, (state.failsafe_mode, state.failure_count, state.operation.is_some())))
                .collect(),
            orphans: self.orphans(),
        }
    }

    fn orphans(&self) -> BTreeMap<&'static str, usize> {
        let mut orphans = BTreeMap::new();
        for node in self.nomad.nodes.iter().filter(|node| node.alive && !node.takes_work()) {
            let kind = if node.draining { "nodes that drain for ever" } else { "nodes that take no work" };
            *orphans.entry(kind).or_default() += 1;
        }
        for (number, instance) in self.cloud.instances.iter().enumerate().filter(|(_, instance)| instance.runs()) {
            let is_member = self.cloud.groups[instance.pool].members.contains(&number);
            if !is_member || instance.lifecycle == Lifecycle::Detaching {
                *orphans.entry("instances that run and belong to no group").or_default() += 1;
            } else if instance.node.is_none() {
                *orphans.entry("instances that never joined").or_default() += 1;
            }
        }
        orphans
    }
}
