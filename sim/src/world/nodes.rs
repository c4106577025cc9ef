//! The life of nodes: they join, their clients die, Nomad notices.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use replicator::domain::{ClientStatus, Eligibility, NodeStatus};

use super::evaluations::Trigger;
use super::nomad::{SimNode, uuid};
use super::stream::{NODE_EVENT, NODE_REGISTRATION};
use super::{Happening, Topic, World};
use crate::time::Millis;

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
            meta: BTreeMap::new(),
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
        if !std::mem::replace(&mut self.nomad.nodes[node].alive, false) {
            return;
        }
        for allocation in self.nomad.nodes[node].allocations.clone() {
            self.stops_serving(allocation);
        }
        let (soonest, latest) = MISSED_AFTER;
        let spread = crate::scenario::Delay::Uniform { min: soonest, max: latest };
        let at = self.now + self.streams.heartbeat.delay(spread);
        self.schedule(at, Happening::NodeMissed(node));
    }

    pub(super) fn node_missed(&mut self, node: usize) {
        self.nomad.nodes[node].status = NodeStatus::Down;
        self.nomad.nodes[node].draining = false;
        self.node_changed(node);
        self.node_event(node, "Cluster", "Node heartbeat missed", None);
        self.publish_node(node, NODE_EVENT);
        let name = self.nomad.nodes[node].name.clone();
        self.note(|| format!("node {name} is down"));
        let mut jobs = BTreeSet::new();
        for allocation in self.nomad.nodes[node].allocations.clone() {
            jobs.insert(self.plan.groups[self.nomad.allocations[allocation].group].job);
            self.allocation_ends(allocation, ClientStatus::Lost);
        }
        for job in jobs {
            self.evaluate_now(job, Trigger::NodeUpdate);
        }
    }
}
