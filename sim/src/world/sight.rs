//! What invariants see at every tick, and what must be in order once all that went wrong is over.

use jiff::Timestamp;
use replicator::domain::{JobKind, NodeId, Resource};
use replicator::operation::{Operation, Work};
use replicator::state::ResourceState;

use super::World;
use crate::judge::invariants::{PoolSight, Sight};
use crate::kernel::keys::state_key;
use crate::kernel::time::Millis;
use crate::plan::GroupPlan;

impl World {
    /// Lets the invariants look at what there is.
    pub(super) fn watch(&mut self) {
        let sight = self.sight();
        if let Err(violation) = self.invariants.watch(self.now, &sight) {
            self.record.violate(self.now, violation);
        }
    }

    fn sight(&self) -> Sight {
        let reachable = self.outages.nomad == 0 && self.outages.consul == 0 && self.outages.cloud == 0;
        Sight {
            calm: reachable && self.tells_the_truth() && self.leading_agent().is_some(),
            forsaken: self.forsaken_nodes(),
            pools: (0..self.plan.pools.len()).map(|pool| self.pool_sight(pool)).collect(),
        }
    }

    /// Whether agents are told what is so.
    pub(super) fn tells_the_truth(&self) -> bool {
        self.plan.odd.as_ref().is_none_or(|odd| self.now >= odd.until)
    }

    /// The agent that has the leader's lock, where an agent has it.
    pub(super) fn leading_agent(&self) -> Option<usize> {
        let leader = self.leader_session()?;
        self.agents.iter().position(|slot| slot.session.as_ref() == Some(leader))
    }

    fn pool_sight(&self, pool: usize) -> PoolSight {
        let name = self.plan.pools[pool].name.clone();
        let waiting = self.nomad.blocked.values().flat_map(|number| &self.nomad.evaluations[*number].shortages);
        let of_pool = waiting.filter(|it| self.plan.jobs[self.plan.groups[it.group].job].pool == pool);
        let helped = of_pool.filter(|it| self.another_node_helps(it.group, pool));
        let unplaced = helped.map(|shortage| shortage.queued).sum();
        let hindered = unplaced > 0 && self.is_hindered(pool);
        PoolSight { pool: name, desired: self.cloud.groups[pool].desired, unplaced, hindered }
    }

    /// Whether a new node of the pool would surely take an allocation: nodes do not differ for the group, and it fits beside
    /// what runs on every node.
    fn another_node_helps(&self, group: usize, pool: usize) -> bool {
        let of_pool = |group: &&GroupPlan| self.plan.jobs[group.job].pool == pool;
        let is_everywhere = |group: &&GroupPlan| self.plan.jobs[group.job].kind == JobKind::System;
        let everywhere = self.plan.groups.iter().filter(of_pool).filter(is_everywhere);
        let left = everywhere.fold(self.plan.pools[pool].capacity(), |left, it| left.less(it.resources()));
        let asking = &self.plan.groups[group];
        asking.wants.constraints.is_empty() && left.holds(asking.resources())
    }

    fn is_hindered(&self, pool: usize) -> bool {
        let (group, plan) = (&self.cloud.groups[pool], &self.plan.pools[pool]);
        let failsafe = self.state_of(&Resource::Pool(plan.name.clone())).is_some_and(|state| state.failsafe_mode);
        let most = plan.max.min(plan.policy.max.unwrap_or(u32::MAX));
        let at_its_maximum = group.desired >= most;
        let no_launch = group.no_capacity > 0 || group.never_join > 0 || !group.zones_down.is_empty();
        failsafe || no_launch || at_its_maximum || plan.weighted
    }

    fn state_of(&self, resource: &Resource) -> Option<ResourceState> {
        ResourceState::from_json(&self.consul.keys.get(&state_key(resource))?.value).ok()
    }

    /// Nodes that an agent drained, that take no work yet run, and that no operation is about.
    fn forsaken_nodes(&self) -> Vec<NodeId> {
        let forsaken = |node: &&super::nomad::SimNode| {
            if !(node.alive && node.drained_by_agent) || node.takes_work() {
                return false;
            }
            let pool = Resource::Pool(self.plan.pools[node.pool].name.clone());
            let operation = self.state_of(&pool).and_then(|state| state.operation);
            !operation.is_some_and(|operation| is_about(&operation, &node.id))
        };
        self.nomad.nodes.iter().filter(forsaken).map(|node| node.id.clone()).collect()
    }

    /// What is not in order although nothing has gone wrong for long. An operation may take so long, and no longer. Nothing
    /// where no agent is left that could heal it.
    pub(crate) fn unhealed(&self, within: Millis) -> Option<Vec<String>> {
        if !self.agents_live() {
            return None;
        }
        let mut problems = Vec::new();
        if self.leading_agent().is_none() {
            problems.push("no agent leads".to_owned());
        }
        problems.extend(
            self.forsaken_nodes().iter().map(|node| format!("{node} was drained, and no operation is about it")),
        );
        let latest = self.calendar.time_off_by(self.now - within, 0);
        problems.extend(self.states().filter_map(|(path, state)| unfinished(&path, &state, latest)));
        for instance in self.cloud.instances.iter().filter(|it| it.taken_out && it.runs()) {
            if !self.is_operated(instance.pool) {
                problems.push(format!("{} was detached by an agent, and runs on", instance.id));
            }
        }
        Some(problems)
    }

    /// Whether any agent is there to lead: those inside the cluster need room.
    fn agents_live(&self) -> bool {
        let inside = self.plan.agents.runs_in;
        self.plan.agents.count > 0 && inside.is_none_or(|group| self.nomad.groups[group].serving > 0)
    }

    /// Whether an operation is under way on a pool.
    fn is_operated(&self, pool: usize) -> bool {
        let state = self.state_of(&Resource::Pool(self.plan.pools[pool].name.clone()));
        state.is_some_and(|state| state.operation.is_some())
    }
}

fn is_about(operation: &Operation, node: &NodeId) -> bool {
    matches!(&operation.work, Work::ScaleIn(work) if work.node == *node)
}

/// An operation that began before `latest` and goes on, although nothing freezes it.
fn unfinished(path: &str, state: &ResourceState, latest: Timestamp) -> Option<String> {
    let operation = state.operation.as_ref().filter(|it| it.started < latest && !state.failsafe_mode)?;
    let (started, phase) = (operation.started, operation.work.phase_name());
    Some(format!("{path}: an operation of {started} is still {phase}"))
}
