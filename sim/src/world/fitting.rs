//! Whether a node will do for a group's work beside amounts, as Nomad's feasibility checks have it: constraints, work that
//! must stay apart, static ports. This is the simulator's own; it knows nothing of what the core takes for a fit.

use std::collections::BTreeMap;
use std::sync::Arc;

use replicator::domain::{Meta, Resources};

use super::World;
use super::listed::DATACENTER;
use crate::plan::{Constraint, Operator};

/// What keeps work from a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misfit {
    /// A constraint does not hold, or other work that it must stay apart from is there.
    Constraint,
    /// A static port is taken.
    Port,
}

impl World {
    /// What keeps a group's work from a node of its pool, beside amounts.
    pub(super) fn misfit(&self, group: usize, node: usize) -> Option<Misfit> {
        let wants = &self.plan.groups[group].wants;
        if !wants.anything() {
            return None;
        }
        let holds = |constraint: &Constraint| self.constraint_holds(constraint, node);
        if !wants.constraints.iter().all(holds) || self.must_stay_apart(group, node) {
            return Some(Misfit::Constraint);
        }
        let taken = |port: &u16| {
            let mut there = self.nomad.nodes[node].allocations.iter();
            there.any(|it| self.plan.groups[self.nomad.allocations[*it].group].wants.ports.contains(port))
        };
        wants.ports.iter().any(taken).then_some(Misfit::Port)
    }

    fn must_stay_apart(&self, group: usize, node: usize) -> bool {
        let (plan, there) = (&self.plan.groups[group], &self.nomad.nodes[node].allocations);
        let mut groups = there.iter().map(|it| self.nomad.allocations[*it].group);
        let of_job = |other: usize| self.plan.groups[other].job == plan.job;
        groups.any(|other| plan.wants.group_apart && other == group || plan.wants.job_apart && of_job(other))
    }

    fn constraint_holds(&self, constraint: &Constraint, node: usize) -> bool {
        let value = self.value_of(&constraint.attribute, node);
        match constraint.operator {
            Operator::Is => value.as_ref() == Some(&constraint.value),
            Operator::IsNot => value.as_ref() != Some(&constraint.value),
            Operator::IsSet => value.is_some(),
            Operator::IsNotSet => value.is_none(),
        }
    }

    /// What a node has for `${…}`, if it has that.
    fn value_of(&self, attribute: &str, node: usize) -> Option<String> {
        let name = attribute.strip_prefix("${")?.strip_suffix('}')?;
        let it = &self.nomad.nodes[node];
        if let Some(key) = name.strip_prefix("meta.") {
            return self.meta_of(node).get(key).cloned();
        }
        if let Some(key) = name.strip_prefix("attr.") {
            return self.place_of(node).attributes.get(key).cloned();
        }
        match name {
            "node.unique.id" => Some(it.id.to_string()),
            "node.unique.name" => Some(it.name.clone()),
            "node.datacenter" => Some(DATACENTER.to_owned()),
            "node.class" => Some(self.plan.pools[it.pool].class.clone()).filter(|class| !class.is_empty()),
            _ => None,
        }
    }

    /// A node's meta: its pool's, with what was changed on this one.
    pub(super) fn meta_of(&self, node: usize) -> Arc<Meta> {
        let it = &self.nomad.nodes[node];
        if it.meta.is_empty() { self.fixed.metas[it.pool].clone() } else { Arc::new(self.meta_with(node, &it.meta)) }
    }

    /// A node's meta as its client's configuration has it.
    pub(super) fn configured_meta_of(&self, node: usize) -> Meta {
        self.meta_with(node, &BTreeMap::new())
    }

    pub(super) fn meta_with(&self, node: usize, changed: &BTreeMap<String, Option<String>>) -> Meta {
        let mut meta = Meta::clone(&self.fixed.metas[self.nomad.nodes[node].pool]);
        for (key, value) in changed {
            match value {
                Some(value) => meta.insert(key.clone(), value.clone()),
                None => meta.remove(key),
            };
        }
        meta
    }

    /// What a node offers, by what it shows.
    pub(super) fn capacity_of(&self, node: usize) -> Resources {
        let it = &self.nomad.nodes[node];
        let pool = &self.plan.pools[it.pool];
        let mut size = pool.size;
        if let Some(cpu) = it.shown_cpu {
            size.cpu = cpu;
        }
        size.less(pool.reserved)
    }

    /// What is free on a node, by what it shows.
    pub(super) fn free_on(&self, node: usize) -> Resources {
        let it = &self.nomad.nodes[node];
        if it.shown_cpu.is_none() {
            return it.free;
        }
        let taken = self.plan.pools[it.pool].capacity().less(it.free);
        self.capacity_of(node).less(taken)
    }
}
