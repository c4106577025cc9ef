//! Demand on groups, and what they cannot serve.

use replicator::domain::Resources;

use super::World;
use crate::judge::record::{GroupSample, PoolSample};
use crate::kernel::random::{Stream, Streams};
use crate::plan::demand;
use crate::plan::{GroupPlan, Plan};

/// The demand on every group now.
pub(super) struct Load {
    pub(super) demands: Vec<Demand>,
    noise: Vec<Stream>,
    pub(super) asks: Vec<Resources>,
    /// Of each group, whether one of its tasks may have more CPU than it asks for.
    pub(super) soft: Vec<bool>,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Demand {
    pub(super) cpu_mhz: f64,
    pub(super) memory_mib: f64,
}

impl Load {
    pub(super) fn new(plan: &Plan, streams: Streams) -> Self {
        Self {
            demands: vec![Demand::default(); plan.groups.len()],
            noise: (0..plan.groups.len()).map(|group| streams.load(group)).collect(),
            asks: plan.groups.iter().map(GroupPlan::resources).collect(),
            soft: plan.groups.iter().map(|group| group.tasks.iter().any(|task| !task.cpu_hard_limit)).collect(),
        }
    }
}

impl World {
    pub(super) fn sample_load(&mut self) {
        for (group, load) in self.plan.loads.iter().enumerate() {
            let noise = &mut self.load.noise[group];
            self.load.demands[group] = Demand {
                cpu_mhz: demand(&load.cpu, self.now, noise),
                memory_mib: demand(&load.memory, self.now, noise),
            };
        }
    }

    /// The load is over.
    pub(super) fn end_load(&mut self) {
        self.load.demands.fill(Demand::default());
    }

    pub(super) fn record_sample(&mut self) {
        for group in 0..self.plan.groups.len() {
            let sample = self.sample_group(group);
            self.record.sample_group(group, sample);
        }
        for pool in 0..self.plan.pools.len() {
            let sample = self.sample_pool(pool);
            self.record.sample_pool(pool, sample);
        }
        self.record.end_sample();
    }

    fn sample_group(&self, group: usize) -> GroupSample {
        let (state, demand, ask) = (&self.nomad.groups[group], self.load.demands[group], self.load.asks[group]);
        let serving = f64::from(state.serving);
        GroupSample {
            count: state.count,
            serving: state.serving,
            needed: self.needed_allocations(group),
            demand_cpu: demand.cpu_mhz,
            demand_memory: demand.memory_mib,
            unmet_cpu: self.unmet_cpu(group),
            unmet_memory: (demand.memory_mib - serving * ask.memory.0 as f64).max(0.0),
        }
    }

    fn sample_pool(&self, pool: usize) -> PoolSample {
        let ready = self.nomad.nodes.iter().filter(|node| node.pool == pool && node.takes_work());
        let capacity = self.plan.pools[pool].capacity();
        let (mut nodes, mut free) = (0, Resources::default());
        for node in ready {
            nodes += 1;
            free += node.free;
        }
        let whole = |of: fn(&Resources) -> u64| nodes * of(&capacity);
        let state = &self.cloud.groups[pool];
        PoolSample {
            desired: state.desired,
            instances: u32::try_from(self.running_instances(pool)).unwrap_or(u32::MAX),
            ready: u32::try_from(nodes).unwrap_or(u32::MAX),
            needed: self.needed_nodes(pool),
            capacity_cpu: whole(|it| it.cpu.0),
            capacity_memory: whole(|it| it.memory.0),
            used_cpu: whole(|it| it.cpu.0).saturating_sub(free.cpu.0),
            used_memory: whole(|it| it.memory.0).saturating_sub(free.memory.0),
            oracle: 0,
        }
    }

    /// Instances that run, and are paid for, whether or not they are members still.
    fn running_instances(&self, pool: usize) -> usize {
        self.cloud.instances.iter().filter(|instance| instance.pool == pool && instance.runs()).count()
    }

    /// The fewest allocations that would serve the demand on a group, at least as many as it must have anyway.
    fn needed_allocations(&self, group: usize) -> u32 {
        let plan = &self.plan.groups[group];
        let Some(policy) = &plan.policy else { return self.nomad.groups[group].count };
        let (demand, ask) = (self.load.demands[group], self.load.asks[group]);
        let whole = |demand: f64, ask: u64| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast saturates")]
            let count = (demand / ask as f64).ceil() as u32;
            count
        };
        whole(demand.cpu_mhz, ask.cpu.0).max(whole(demand.memory_mib, ask.memory.0)).max(policy.min)
    }

    /// The fewest nodes that would hold those allocations of all groups of a pool, by sums of CPU and memory; at
    /// least as many as the pool must have anyway.
    fn needed_nodes(&self, pool: usize) -> u32 {
        let mut sum = Resources::default();
        for (group, plan) in self.plan.groups.iter().enumerate() {
            if self.plan.jobs[plan.job].pool != pool {
                continue;
            }
            let (count, ask) = (u64::from(self.needed_allocations(group)), self.load.asks[group]);
            sum += Resources::new(ask.cpu.0 * count, ask.memory.0 * count, 0);
        }
        let plan = &self.plan.pools[pool];
        let node = plan.capacity();
        let nodes = sum.cpu.0.div_ceil(node.cpu.0.max(1)).max(sum.memory.0.div_ceil(node.memory.0.max(1)));
        let floor = plan.min.max(plan.policy.min.unwrap_or(0)).max(1);
        u32::try_from(nodes).unwrap_or(u32::MAX).max(floor)
    }
}
