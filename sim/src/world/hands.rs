//! What people do to single nodes and instances, beside the agents' work.

use replicator::domain::{Eligibility, Lifecycle, MegaHertz};

use super::World;
use super::stream::NODE_REGISTRATION;
use crate::plan::NodeChoice;

impl World {
    /// The node that an event is about, remembered until the event is over.
    pub(super) fn choose_node(&mut self, event: usize, choice: NodeChoice) -> Option<usize> {
        let mut of_pool = (0..self.nomad.nodes.len())
            .filter(|node| self.nomad.nodes[*node].alive && self.nomad.nodes[*node].pool == choice.pool);
        let node = of_pool.nth(choice.number as usize)?;
        self.chosen.insert(event, node);
        Some(node)
    }

    /// What an event chose, if it still lives.
    pub(super) fn chosen_node(&mut self, event: usize) -> Option<usize> {
        self.chosen.remove(&event).filter(|node| self.nomad.nodes[*node].alive)
    }

    /// As Nomad has it, a node that is being drained cannot be made eligible.
    pub(super) fn operator_sets_eligibility(&mut self, node: usize, eligibility: Eligibility) {
        if !self.nomad.nodes[node].draining {
            self.set_eligibility(node, eligibility);
        }
    }

    pub(super) fn operator_cancels_drains(&mut self, pool: usize) {
        for node in 0..self.nomad.nodes.len() {
            if self.nomad.nodes[node].pool == pool && self.nomad.nodes[node].draining {
                self.cancel_drain(node);
            }
        }
    }

    /// The longest in service of a pool's members.
    fn oldest_in_service(&self, pool: usize) -> Option<usize> {
        let in_service = |member: &&usize| self.cloud.instances[**member].lifecycle == Lifecycle::InService;
        self.cloud.groups[pool].members.iter().find(in_service).copied()
    }

    pub(super) fn somebody_detaches(&mut self, pool: usize) {
        if let Some(instance) = self.oldest_in_service(pool) {
            self.detach_instance(instance);
        }
    }

    /// A member goes into standby, and the group wants one fewer meanwhile.
    pub(super) fn somebody_puts_into_standby(&mut self, event: usize, pool: usize) {
        let Some(instance) = self.oldest_in_service(pool) else { return };
        self.chosen.insert(event, instance);
        self.cloud.instances[instance].lifecycle = Lifecycle::Standby;
        self.set_desired(pool, self.cloud.groups[pool].desired.saturating_sub(1));
    }

    pub(super) fn standby_is_over(&mut self, event: usize, pool: usize) {
        let Some(instance) = self.chosen.remove(&event) else { return };
        let it = &mut self.cloud.instances[instance];
        if it.lifecycle == Lifecycle::Standby {
            it.lifecycle = Lifecycle::InService;
            self.set_desired(pool, self.cloud.groups[pool].desired + 1);
        }
    }

    /// A node shows so much CPU, or its own again.
    pub(super) fn show_cpu(&mut self, node: usize, cpu: Option<u32>) {
        self.nomad.nodes[node].shown_cpu = cpu.map(|mhz| MegaHertz(mhz.into()));
        self.node_changed(node);
        self.publish_node(node, NODE_REGISTRATION);
        self.capacity_grew();
    }

    /// A key of a node's meta has another value, or its pool's again.
    pub(super) fn change_meta(&mut self, node: usize, key: &str, value: Option<&str>) {
        let it = &mut self.nomad.nodes[node];
        for meta in [&mut it.dynamic, &mut it.meta] {
            match value {
                Some(value) => meta.insert(key.to_owned(), Some(value.to_owned())),
                None => meta.remove(key),
            };
        }
        self.meta_has_changed(node);
    }

    /// What a client was told of its meta reaches the servers.
    pub(super) fn metadata_arrives(&mut self, node: usize) {
        let answers = self.client_answers(node);
        let it = &mut self.nomad.nodes[node];
        if answers && it.meta != it.dynamic {
            it.meta.clone_from(&it.dynamic);
            self.meta_has_changed(node);
        }
    }

    fn meta_has_changed(&mut self, node: usize) {
        self.node_changed(node);
        self.publish_node(node, NODE_REGISTRATION);
        self.capacity_grew();
        self.run_system_jobs();
    }
}
