//! Draining nodes: services migrate a few at a time, batch work ends by itself, system jobs go last.

use replicator::domain::{Eligibility, JobKind, NodeStatus};

use super::World;

impl World {
    /// Starts to drain a node.
    pub(super) fn start_drain(&mut self, node: usize) {
        let it = &mut self.nomad.nodes[node];
        if it.draining {
            return;
        }
        it.draining = true;
        it.eligibility = Eligibility::Ineligible;
        let name = it.name.clone();
        self.node_changed(node);
        self.note(|| format!("node {name} is being drained"));
        self.migrate_from_draining_nodes();
        self.finish_drain(node);
    }

    /// Calls a drain off and lets work in again.
    pub(super) fn cancel_drain(&mut self, node: usize) {
        let it = &mut self.nomad.nodes[node];
        it.draining = false;
        it.eligibility = Eligibility::Eligible;
        let name = it.name.clone();
        self.node_changed(node);
        self.note(|| format!("node {name} takes work again"));
        self.capacity_grew();
        self.run_system_jobs();
    }

    /// Migrates what may be migrated now: of each group, only so many that the healthy ones do not fall below its
    /// count less `max_parallel`.
    pub(super) fn migrate_from_draining_nodes(&mut self) {
        let draining: Vec<usize> =
            (0..self.nomad.nodes.len()).filter(|node| self.nomad.nodes[*node].draining).collect();
        for node in draining {
            for allocation in self.nomad.nodes[node].allocations.clone() {
                let it = &self.nomad.allocations[allocation];
                let plan = &self.plan.groups[it.group];
                if self.plan.jobs[plan.job].kind != JobKind::Service
                    || it.desired != replicator::domain::DesiredStatus::Run
                {
                    continue;
                }
                let group = &self.nomad.groups[it.group];
                let may_go = group.serving > group.count.saturating_sub(plan.migrate_max_parallel);
                // One that takes no load yet costs nothing to move.
                if may_go || !it.serving {
                    let job = plan.job;
                    self.stop_allocation(allocation);
                    self.evaluate_soon(job, false);
                }
            }
        }
    }

    /// Ends a drain once nothing but system jobs runs there, and they have been stopped too.
    pub(super) fn finish_drain(&mut self, node: usize) {
        let it = &self.nomad.nodes[node];
        if !it.draining || it.status == NodeStatus::Down {
            return;
        }
        let system = |allocation: &usize| {
            let group = self.nomad.allocations[*allocation].group;
            self.plan.jobs[self.plan.groups[group].job].kind == JobKind::System
        };
        if it.allocations.is_empty() {
            self.nomad.nodes[node].draining = false;
            self.node_changed(node);
            let name = self.nomad.nodes[node].name.clone();
            self.note(|| format!("node {name} is drained"));
        } else if it.allocations.iter().all(system) {
            for allocation in it.allocations.clone() {
                if self.nomad.allocations[allocation].desired == replicator::domain::DesiredStatus::Run {
                    self.stop_allocation(allocation);
                }
            }
        }
    }
}
