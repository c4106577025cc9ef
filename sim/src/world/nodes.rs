//! The life of nodes: they join, their clients die, Nomad notices.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use replicator::domain::{ClientStatus, Eligibility, NodeStatus};

use super::evaluations::Trigger;
use super::nomad::{Contact, SimNode, uuid};
use super::stream::{NODE_EVENT, NODE_REGISTRATION};
use super::{Happening, Topic, World};
use crate::kernel::time::Millis;

/// Nomad's heartbeat TTL with its grace: between these, after a client dies, its node is down.
const MISSED_AFTER: (Millis, Millis) = (Millis::secs(15), Millis::secs(35));
/// How many events a node keeps, as in Nomad.
const MOST_EVENTS: usize = 10;

/// Something that happened to a node.
#[derive(Debug, Clone)]
pub(super) struct NodeEvent {
    pub(super) at: Millis,
    pub(super) index: u64,
    pub(super) subsystem: &'static str,
    pub(super) message: &'static str,
    pub(super) details: Option<BTreeMap<&'static str, &'static str>>,
}

/// Until when a drain waits for what runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DrainDeadline {
    /// As long as it takes.
    None,
    /// A while; then all stop at once.
    After {
        /// As it was asked for, by the clock of who did.
        asked: Duration,
        /// In the world's time.
        span: Millis,
    },
    /// Not at all.
    Force,
}

/// How far a drain came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DrainCourse {
    Draining,
    Complete,
    Cancelled,
}

/// A drain.
#[derive(Debug, Clone, Copy)]
pub(super) struct LastDrain {
    pub(super) started: Millis,
    pub(super) changed: Millis,
    pub(super) course: DrainCourse,
    pub(super) deadline: DrainDeadline,
    /// When everything stops at once, if it does.
    pub(super) force_at: Option<Millis>,
    /// Whether system jobs stay.
    pub(super) spares_system_jobs: bool,
    /// Whether its deadline was reached.
    pub(super) forced: bool,
}

impl World {
    pub(super) fn node_changed(&mut self, node: usize) {
        let index = self.nomad_changed(Topic::Nodes);
        self.nomad.classes.unsort(node);
        let it = &mut self.nomad.nodes[node];
        (it.modify_index, it.changed) = (index, self.now);
        if it.create_index == 0 {
            it.create_index = index;
        }
    }

    /// Notes what happened to a node, with its last change.
    pub(super) fn node_event(
        &mut self,
        node: usize,
        subsystem: &'static str,
        message: &'static str,
        details: Option<BTreeMap<&'static str, &'static str>>,
    ) {
        let it = &mut self.nomad.nodes[node];
        it.events.push(NodeEvent { at: self.now, index: it.modify_index, subsystem, message, details });
        if it.events.len() > MOST_EVENTS {
            it.events.remove(0);
        }
    }

    /// A node joins, ready.
    pub(super) fn node_joins(&mut self, instance: usize) {
        if !self.cloud.may_join(instance) {
            return;
        }
        let pool = self.cloud.instances[instance].pool;
        let number = self.nomad.nodes.len();
        let (name, free) = (format!("{}-{number}", self.plan.pools[pool].name), self.plan.pools[pool].capacity());
        let node = SimNode {
            id: uuid(1, number).into(),
            name: name.clone(),
            pool,
            instance,
            alive: true,
            status: NodeStatus::Ready,
            draining: false,
            eligibility: Eligibility::Eligible,
            create_index: 0,
            modify_index: 0,
            joined: self.now,
            changed: self.now,
            last_drain: None,
            drain_meta: BTreeMap::new(),
            events: Vec::new(),
            free,
            dynamic: BTreeMap::new(),
            meta: BTreeMap::new(),
            contact: Contact::Open,
            shown_cpu: None,
            drained_by_agent: false,
            allocations: BTreeSet::new(),
            lingering: BTreeSet::new(),
        };
        self.cloud.instances[instance].node = Some(number);
        self.nomad.nodes.push(node);
        self.node_changed(number);
        self.node_event(number, "Cluster", "Node registered", None);
        self.publish_node(number, NODE_REGISTRATION);
        let id = self.cloud.instances[instance].id.clone();
        self.note(|| format!("node {name} joins on {id}"));
        self.capacity_grew();
        self.run_system_jobs();
    }

    /// The client of a node is gone: what runs there serves nobody any more, though Nomad does not know yet.
    pub(super) fn client_dies(&mut self, node: usize) {
        self.touch();
        if !std::mem::replace(&mut self.nomad.nodes[node].alive, false) {
            return;
        }
        for allocation in self.nomad.nodes[node].allocations.clone() {
            self.stops_serving(allocation);
        }
        self.misses_heartbeats(node);
    }

    fn misses_heartbeats(&mut self, node: usize) {
        let (soonest, latest) = MISSED_AFTER;
        let spread = crate::plan::Delay::Uniform { min: soonest, max: latest };
        let at = self.now + spread.draw(&mut self.streams.heartbeat);
        self.schedule(at, Happening::NodeMissed(node));
    }

    /// Whether a node's client can be asked.
    pub(crate) fn client_answers(&self, node: usize) -> bool {
        let it = &self.nomad.nodes[node];
        it.alive && it.contact == Contact::Open
    }

    /// The client of a node is cut off from the servers. What runs there goes on, and serves.
    pub(super) fn client_falls_silent(&mut self, node: usize) {
        let it = &mut self.nomad.nodes[node];
        if it.alive && it.contact == Contact::Open {
            it.contact = Contact::CutOff;
            self.misses_heartbeats(node);
        }
    }

    /// A client that was cut off is heard again. What was unknown runs, and what was placed in its stead stops; what was
    /// given up for lost stays so.
    pub(super) fn client_is_heard_again(&mut self, node: usize) {
        let it = &mut self.nomad.nodes[node];
        let before = std::mem::replace(&mut it.contact, Contact::Open);
        if before == Contact::Open || it.status == NodeStatus::Ready {
            return;
        }
        it.status = NodeStatus::Ready;
        self.node_changed(node);
        self.node_event(node, "Cluster", "Node reregistered by heartbeat", None);
        self.publish_node(node, NODE_REGISTRATION);
        let name = self.nomad.nodes[node].name.clone();
        self.note(|| format!("node {name} is heard again"));
        for allocation in self.unknown_on(node) {
            self.allocation_is_heard_again(allocation);
        }
        self.capacity_grew();
        self.run_system_jobs();
    }

    fn unknown_on(&self, node: usize) -> Vec<usize> {
        let unknown = |it: &&usize| self.nomad.allocations[**it].client == ClientStatus::Unknown;
        self.nomad.nodes[node].allocations.iter().filter(unknown).copied().collect()
    }

    /// Nothing was heard of an allocation for as long as its group's `disconnect` block gives it.
    pub(super) fn unknown_is_lost(&mut self, allocation: usize) {
        let it = &self.nomad.allocations[allocation];
        if it.client != ClientStatus::Unknown {
            return;
        }
        let node = it.node;
        self.allocation_ends(allocation, ClientStatus::Lost);
        if self.unknown_on(node).is_empty() && self.nomad.nodes[node].status == NodeStatus::Disconnected {
            self.nomad.nodes[node].status = NodeStatus::Down;
            self.node_changed(node);
            self.publish_node(node, NODE_EVENT);
        }
    }

    /// Nomad has not heard of a node for long: it is down, or disconnected where something on it may be missed for a while.
    pub(super) fn node_missed(&mut self, node: usize) {
        let it = &self.nomad.nodes[node];
        if it.alive && it.contact != Contact::CutOff || it.status != NodeStatus::Ready {
            return;
        }
        let patience = |allocation: &usize| self.plan.groups[self.nomad.allocations[*allocation].group].disconnect;
        let missed: Vec<(usize, Millis)> = it.allocations.iter().filter_map(|it| Some((*it, patience(it)?))).collect();
        let status = if missed.is_empty() { NodeStatus::Down } else { NodeStatus::Disconnected };
        self.nomad.nodes[node].status = status;
        self.nomad.nodes[node].draining = false;
        self.node_changed(node);
        self.node_event(node, "Cluster", "Node heartbeat missed", None);
        self.publish_node(node, NODE_EVENT);
        let name = self.nomad.nodes[node].name.clone();
        let word = if status == NodeStatus::Down { "down" } else { "disconnected" };
        self.note(|| format!("node {name} is {word}"));
        let mut jobs = BTreeSet::new();
        for (allocation, lost_after) in missed {
            jobs.insert(self.plan.groups[self.nomad.allocations[allocation].group].job);
            self.allocation_is_unknown(allocation);
            self.schedule(self.now + lost_after, Happening::UnknownIsLost(allocation));
        }
        for allocation in self.nomad.nodes[node].allocations.clone() {
            if self.nomad.allocations[allocation].client == ClientStatus::Unknown {
                continue;
            }
            jobs.insert(self.plan.groups[self.nomad.allocations[allocation].group].job);
            self.allocation_ends(allocation, ClientStatus::Lost);
        }
        for job in jobs {
            self.evaluate_now(job, Trigger::NodeUpdate);
        }
    }
}
