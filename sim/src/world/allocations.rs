//! The life of allocations: they are placed, start, turn healthy and take load, are told to stop, and end.

use replicator::domain::{ClientStatus, DesiredStatus, JobKind};

use super::evaluations::Trigger;
use super::nomad::{Contact, StopReason};
use super::stream::{ALLOCATION_UPDATED, DESIRED_STATUS, PLAN_RESULT};
use super::{Happening, Signal, Topic, World};
use crate::kernel::time::Millis;

/// How long a running allocation of a job without `update` takes to count as healthy: Nomad's default.
const DEFAULT_HEALTHY_AFTER: Millis = Millis::secs(10);
/// How soon a client tries again to tell what it could not.
const TOLD_AGAIN_AFTER: Millis = Millis::secs(5);

impl World {
    /// Something about an allocation is other than before which the simulated agents do not look at: only who is served
    /// hears of it, as from a real server.
    pub(super) fn allocation_is_told(&mut self, allocation: usize, kind: &'static str) {
        if self.stream.is_some() {
            self.allocation_changed(allocation, kind);
        }
    }

    pub(super) fn allocation_changed(&mut self, allocation: usize, kind: &'static str) {
        self.touch();
        let index = self.nomad_changed(Topic::Allocations);
        let it = &mut self.nomad.allocations[allocation];
        (it.listed, it.modify_index, it.changed) = (None, index, self.now);
        self.publish_allocation(allocation, kind);
    }

    pub(super) fn allocation_name(&self, allocation: usize) -> String {
        let it = &self.nomad.allocations[allocation];
        format!("{}[{}]", self.plan.groups[it.group].key, it.number)
    }

    /// What happens to an allocation whose client is cut off is told once it is heard again.
    fn is_untold(&mut self, allocation: usize, what: fn(usize) -> Happening) -> bool {
        let node = &self.nomad.nodes[self.nomad.allocations[allocation].node];
        let untold = node.alive && node.contact != Contact::Open;
        if untold {
            self.schedule(self.now + TOLD_AGAIN_AFTER, what(allocation));
        }
        untold
    }

    pub(super) fn allocation_starts(&mut self, allocation: usize) {
        if self.is_untold(allocation, Happening::AllocationStarts) {
            return;
        }
        let it = &mut self.nomad.allocations[allocation];
        if it.client != ClientStatus::Pending || it.desired != DesiredStatus::Run {
            return;
        }
        if !self.nomad.nodes[it.node].alive {
            return;
        }
        (it.client, it.started) = (ClientStatus::Running, Some(self.now));
        let group = it.group;
        self.allocation_changed(allocation, ALLOCATION_UPDATED);
        let name = self.allocation_name(allocation);
        self.note(|| format!("allocation {name} runs"));
        let job = &self.plan.jobs[self.plan.groups[group].job];
        let healthy_after = job.update.map_or(DEFAULT_HEALTHY_AFTER, |update| update.min_healthy_time);
        let kind = job.kind;
        self.schedule(self.now + healthy_after, Happening::AllocationTurnsHealthy(allocation));
        if kind == JobKind::Batch {
            let runtime = self.plan.groups[group].runtime;
            let at = self.now + runtime.draw(&mut self.streams.start[group]);
            self.schedule(at, Happening::AllocationCompletes(allocation));
        }
        self.agent_may_start(allocation);
    }

    pub(super) fn allocation_turns_healthy(&mut self, allocation: usize) {
        if self.is_untold(allocation, Happening::AllocationTurnsHealthy) {
            return;
        }
        let it = &mut self.nomad.allocations[allocation];
        let well = it.client == ClientStatus::Running && it.desired == DesiredStatus::Run;
        if !well || it.serving || !self.nomad.nodes[it.node].alive {
            return;
        }
        (it.serving, it.healthy) = (true, Some(self.now));
        let group = it.group;
        self.nomad.groups[group].serving += 1;
        self.allocation_is_told(allocation, ALLOCATION_UPDATED);
        self.deployment_progresses(self.plan.groups[group].job);
        self.migrate_from_draining_nodes();
    }

    pub(super) fn allocation_completes(&mut self, allocation: usize) {
        if self.is_untold(allocation, Happening::AllocationCompletes) {
            return;
        }
        let it = &self.nomad.allocations[allocation];
        if it.client != ClientStatus::Running || !self.nomad.nodes[it.node].alive {
            return;
        }
        let group = it.group;
        self.nomad.groups[group].completed += 1;
        let name = self.allocation_name(allocation);
        self.note(|| format!("allocation {name} is complete"));
        self.allocation_ends(allocation, ClientStatus::Complete);
    }

    /// Tells an allocation to stop.
    pub(super) fn stop_allocation(&mut self, allocation: usize, reason: StopReason) {
        let it = &mut self.nomad.allocations[allocation];
        (it.desired, it.stop_reason) = (DesiredStatus::Stop, Some(reason));
        let group = it.group;
        self.leaves_group(allocation);
        self.stops_serving(allocation);
        self.allocation_changed(allocation, if reason == StopReason::Migrates { DESIRED_STATUS } else { PLAN_RESULT });
        let at = self.now + self.plan.groups[group].kill_timeout;
        self.schedule(at, Happening::AllocationStopped(allocation));
        if let Some(agent) = self.agent_of(allocation) {
            self.agents[agent].allocation = None;
            self.signals.push(Signal::Stop(agent));
        }
    }

    pub(super) fn allocation_stopped(&mut self, allocation: usize) {
        if self.nomad.live.contains(&allocation) && self.is_untold(allocation, Happening::AllocationStopped) {
            return;
        }
        if self.nomad.live.contains(&allocation) && self.nomad.nodes[self.nomad.allocations[allocation].node].alive {
            let name = self.allocation_name(allocation);
            self.note(|| format!("allocation {name} has stopped"));
            self.allocation_ends(allocation, ClientStatus::Complete);
        }
    }

    /// An allocation has ended: its resources are free, and others may take them.
    pub(super) fn allocation_ends(&mut self, allocation: usize, client: ClientStatus) {
        self.stops_serving(allocation);
        let it = &mut self.nomad.allocations[allocation];
        (it.client, it.ended) = (client, Some(self.now));
        let (group, node) = (it.group, it.node);
        match client {
            ClientStatus::Lost => {
                (it.desired, it.stop_reason) = (DesiredStatus::Stop, Some(StopReason::Lost));
                self.nomad.groups[group].lost += 1;
            }
            _ if it.desired != DesiredStatus::Run => self.nomad.groups[group].stopped += 1,
            _ => {}
        }
        self.leaves_group(allocation);
        self.nomad.live.remove(&allocation);
        let resources = self.plan.groups[group].resources();
        let node_state = &mut self.nomad.nodes[node];
        node_state.allocations.remove(&allocation);
        node_state.free += resources;
        self.nomad.groups[group].occupying.remove(&allocation);
        self.nomad.classes.unsort(node);
        let node_state = &mut self.nomad.nodes[node];
        if let Some(poststop) = self.plan.groups[group].poststop.filter(|_| client != ClientStatus::Lost) {
            node_state.lingering.insert(allocation);
            self.schedule(self.now + poststop, Happening::AllocationIsGone(allocation));
        }
        self.allocation_changed(allocation, ALLOCATION_UPDATED);
        if let Some(agent) = self.agent_of(allocation) {
            self.agents[agent].allocation = None;
            self.signals.push(Signal::Kill(agent));
        }
        self.capacity_grew();
        self.finish_drain(node);
    }

    /// Nobody hears of an allocation any more: another is placed in its stead.
    pub(super) fn allocation_is_unknown(&mut self, allocation: usize) {
        self.nomad.allocations[allocation].client = ClientStatus::Unknown;
        self.leaves_group(allocation);
        self.allocation_changed(allocation, ALLOCATION_UPDATED);
    }

    /// It runs as it did: what was placed in its stead stops.
    pub(super) fn allocation_is_heard_again(&mut self, allocation: usize) {
        let it = &mut self.nomad.allocations[allocation];
        // One that had not begun is told to begin by its client.
        it.client = if it.started.is_some() { ClientStatus::Running } else { ClientStatus::Pending };
        let (group, number) = (it.group, it.number);
        self.allocation_changed(allocation, ALLOCATION_UPDATED);
        let stead = |it: &&usize| self.nomad.allocations[**it].number == number;
        if let Some(stead) = self.nomad.groups[group].allocations.iter().find(stead).copied() {
            self.stop_allocation(stead, StopReason::NotNeeded);
        }
        self.nomad.groups[group].allocations.insert(allocation);
        self.nomad.groups[group].numbers.insert(number);
        if self.nomad.allocations[allocation].client == ClientStatus::Pending {
            self.schedule(self.now, Happening::AllocationStarts(allocation));
        }
        self.evaluate_soon(self.plan.groups[group].job, Trigger::Reconnect);
    }

    pub(super) fn allocation_is_gone(&mut self, allocation: usize) {
        let node = self.nomad.allocations[allocation].node;
        self.nomad.nodes[node].lingering.remove(&allocation);
        let name = self.allocation_name(allocation);
        self.note(|| format!("the last task of allocation {name} has ended"));
    }

    /// An allocation does not count for its group any more; its number is free.
    fn leaves_group(&mut self, allocation: usize) {
        let it = &self.nomad.allocations[allocation];
        let group = &mut self.nomad.groups[it.group];
        if group.allocations.remove(&allocation) {
            group.numbers.remove(&it.number);
        }
    }

    pub(super) fn stops_serving(&mut self, allocation: usize) {
        self.touch();
        let it = &mut self.nomad.allocations[allocation];
        if std::mem::replace(&mut it.serving, false) {
            self.nomad.groups[it.group].serving -= 1;
        }
    }

    fn agent_of(&self, allocation: usize) -> Option<usize> {
        self.agents.iter().position(|slot| slot.allocation == Some(allocation))
    }

    /// An allocation of the group that agents run in starts an agent that has none.
    fn agent_may_start(&mut self, allocation: usize) {
        let it = &self.nomad.allocations[allocation];
        if self.plan.agents.runs_in != Some(it.group) {
            return;
        }
        let id = it.id.clone();
        if let Some(agent) = self.agents.iter().position(|slot| slot.allocation.is_none()) {
            self.agents[agent].allocation = Some(allocation);
            self.signals.push(Signal::Start(agent, Some(id)));
        }
    }

    /// At the start of a run, what was placed runs already.
    pub(super) fn start_with_allocations_running(&mut self) {
        for allocation in 0..self.nomad.allocations.len() {
            self.allocation_starts(allocation);
            self.allocation_turns_healthy(allocation);
        }
    }
}
