//! Draining nodes: services migrate a few at a time, batch work ends by itself, system jobs go last; at a deadline, if there
//! is one, all stop.

use std::collections::BTreeMap;

use replicator::domain::{DesiredStatus, Eligibility, JobKind, NodeStatus};

use super::evaluations::Trigger;
use super::nodes::{DrainCourse, DrainDeadline, LastDrain};
use super::nomad::StopReason;
use super::stream::NODE_DRAIN;
use super::{Happening, World};

impl World {
    /// Starts to drain a node, without a deadline.
    pub(super) fn start_drain(&mut self, node: usize, says: BTreeMap<String, String>) {
        if !self.nomad.nodes[node].draining {
            self.drain_with(node, DrainDeadline::None, false, says);
        }
    }

    /// Starts to drain a node, or changes how. The index of that: the drain may have an end with another one already.
    /// It keeps what it said of itself where the change says nothing.
    pub(super) fn drain_with(
        &mut self,
        node: usize,
        deadline: DrainDeadline,
        spares_system_jobs: bool,
        says: BTreeMap<String, String>,
    ) -> u64 {
        let now = self.now;
        let it = &mut self.nomad.nodes[node];
        let before = it.last_drain.filter(|_| it.draining);
        let started = before.map_or(now, |drain| drain.started);
        // A drain that is changed has its whole time again.
        let force_at = match deadline {
            DrainDeadline::After { span, .. } => Some(now + span),
            DrainDeadline::None | DrainDeadline::Force => None,
        };
        it.last_drain = Some(LastDrain {
            started,
            changed: now,
            course: DrainCourse::Draining,
            deadline,
            force_at,
            spares_system_jobs,
            forced: false,
        });
        if before.is_none() || !says.is_empty() {
            it.drain_meta = says;
        }
        it.draining = true;
        it.eligibility = Eligibility::Ineligible;
        let name = it.name.clone();
        self.node_changed(node);
        // Nomad has the second so, too.
        let word = if before.is_some() { "Node drain stategy updated" } else { "Node drain strategy set" };
        self.node_event(node, "Drain", word, None);
        self.publish_node(node, NODE_DRAIN);
        self.note(|| format!("node {name} is being drained"));
        let index = self.nomad.nodes[node].modify_index;
        if let Some(at) = force_at {
            self.schedule(at, Happening::DrainIsDue(node));
        }
        if deadline == DrainDeadline::Force {
            self.force_drain(node);
        } else {
            self.migrate_from_draining_nodes();
            self.finish_drain(node);
        }
        index
    }

    /// The deadline of a drain may be over.
    pub(super) fn drain_is_due(&mut self, node: usize) {
        let it = &self.nomad.nodes[node];
        let is_due = |drain: LastDrain| drain.force_at.is_some_and(|at| at <= self.now);
        if it.draining && it.last_drain.is_some_and(is_due) {
            self.force_drain(node);
        }
    }

    /// Everything that runs on a node stops at once.
    fn force_drain(&mut self, node: usize) {
        let spares_system_jobs = self.nomad.nodes[node].last_drain.is_some_and(|drain| drain.spares_system_jobs);
        for allocation in self.nomad.nodes[node].allocations.clone() {
            let it = &self.nomad.allocations[allocation];
            let job = self.plan.groups[it.group].job;
            let spared = spares_system_jobs && self.plan.jobs[job].kind == JobKind::System;
            if it.desired == DesiredStatus::Run && !spared {
                self.stop_allocation(allocation, StopReason::Migrates);
                self.evaluate_soon(job, Trigger::Drain);
            }
        }
        if let Some(drain) = &mut self.nomad.nodes[node].last_drain {
            drain.forced = true;
        }
        self.finish_drain(node);
    }

    /// Calls a drain off and lets work in again.
    pub(super) fn cancel_drain(&mut self, node: usize) {
        self.nomad.nodes[node].drained_by_agent = false;
        let name = self.nomad.nodes[node].name.clone();
        self.end_drain(node, DrainCourse::Cancelled, Some(Eligibility::Eligible));
        self.note(|| format!("node {name} takes work again"));
        self.capacity_grew();
        self.run_system_jobs();
    }

    /// Ends a drain, one way or the other.
    pub(super) fn end_drain(&mut self, node: usize, course: DrainCourse, eligibility: Option<Eligibility>) {
        let now = self.now;
        let it = &mut self.nomad.nodes[node];
        let was_draining = std::mem::replace(&mut it.draining, false);
        it.eligibility = eligibility.unwrap_or(it.eligibility);
        let mut forced = false;
        if let Some(drain) = it.last_drain.as_mut().filter(|_| was_draining) {
            (drain.course, drain.changed) = (course, now);
            forced = drain.forced;
        }
        self.node_changed(node);
        if was_draining {
            let word = if course == DrainCourse::Complete { "Node drain complete" } else { "Node drain disabled" };
            let details = forced.then(|| BTreeMap::from([("deadline_reached", "true")]));
            self.node_event(node, "Drain", word, details);
        }
        self.publish_node(node, NODE_DRAIN);
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
                if self.plan.jobs[plan.job].kind != JobKind::Service || it.desired != DesiredStatus::Run {
                    continue;
                }
                let group = &self.nomad.groups[it.group];
                let may_go = group.serving > group.count.saturating_sub(plan.migrate_max_parallel);
                // One that takes no load yet costs nothing to move.
                if may_go || !it.serving {
                    let job = plan.job;
                    self.stop_allocation(allocation, StopReason::Migrates);
                    self.evaluate_soon(job, Trigger::Drain);
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
        let only_system_jobs = it.allocations.iter().all(system);
        let spares_system_jobs = it.last_drain.is_some_and(|drain| drain.spares_system_jobs);
        if it.allocations.is_empty() || only_system_jobs && spares_system_jobs {
            self.end_drain(node, DrainCourse::Complete, None);
            let name = self.nomad.nodes[node].name.clone();
            self.note(|| format!("node {name} is drained"));
        } else if only_system_jobs {
            for allocation in it.allocations.clone() {
                if self.nomad.allocations[allocation].desired == DesiredStatus::Run {
                    self.stop_allocation(allocation, StopReason::Migrates);
                }
            }
        }
    }
}
