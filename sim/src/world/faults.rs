//! What the scenario's events do, when they begin and when they are over.

use std::collections::BTreeMap;

use super::evaluations::Trigger;
use replicator::domain::Eligibility;

use super::{Signal, World};
use crate::plan::{Fault, NodeChoice, Target, agent_name};

impl World {
    pub(super) fn fault_begins(&mut self, number: usize) {
        let (_, lasting, fault) = self.plan.events[number].clone();
        let words = self.describe(&fault);
        self.note(|| format!("event: {words}"));
        match fault {
            Fault::KillNode { pool, count } => self.kill_nodes(pool, count),
            Fault::KillZone { pool, zone } => self.kill_zone(pool, &zone),
            Fault::KillAgent(target) => self.signal(&target, Signal::Kill, lasting.is_some(), number),
            Fault::StopAgent(target) => self.signal(&target, Signal::Stop, lasting.is_some(), number),
            Fault::DestroySession(target) => {
                if let Some(agent) = self.find_agent(&target) {
                    self.destroy_session_of(agent);
                }
            }
            Fault::ClockJump(target, by) => {
                if let Some(agent) = self.find_agent(&target) {
                    self.agents[agent].clock_off += by;
                }
            }
            Fault::NomadOutage => self.outages.nomad += 1,
            Fault::ConsulOutage => self.outages.consul += 1,
            Fault::CloudOutage => self.outages.cloud += 1,
            Fault::StatisticsOutage(group) => self.outages.statistics[group] += 1,
            Fault::NoCapacity(pool) => self.cloud.groups[pool].no_capacity += 1,
            Fault::NeverJoin(pool) => self.cloud.groups[pool].never_join += 1,
            Fault::Protect(pool) => self.set_protection(pool, Protection::Protected),
            Fault::Failsafe(resource, toggle) => self.operate_failsafe(&resource, toggle),
            Fault::SetCount(group, count) => self.operator_sets_count(group, count),
            Fault::SetDesired(pool, desired) => self.set_desired(pool, desired),
            Fault::NoStatistics(pool) => self.outages.uncollected[pool] += 1,
            Fault::CancelDrain(pool) => self.operator_cancels_drains(pool),
            Fault::DetachInstance(pool) => self.somebody_detaches(pool),
            Fault::Standby(pool) => self.somebody_puts_into_standby(number, pool),
            fault => self.node_fault_begins(number, &fault),
        }
        self.wake_waiters();
    }

    pub(super) fn fault_ends(&mut self, number: usize) {
        let (_, _, fault) = self.plan.events[number].clone();
        let words = self.describe(&fault);
        self.note(|| format!("event over: {words}"));
        match fault {
            Fault::KillZone { pool, zone } => self.zone_is_back(pool, &zone),
            Fault::KillAgent(_) | Fault::StopAgent(_) => {
                for agent in self.record.take_absent(number) {
                    let start = self.start_of(agent);
                    self.signals.push(start);
                }
            }
            Fault::NomadOutage => self.outages.nomad -= 1,
            Fault::ConsulOutage => self.outages.consul -= 1,
            Fault::CloudOutage => self.outages.cloud -= 1,
            Fault::StatisticsOutage(group) => self.outages.statistics[group] -= 1,
            Fault::NoCapacity(pool) => self.cloud.groups[pool].no_capacity -= 1,
            Fault::NeverJoin(pool) => self.cloud.groups[pool].never_join -= 1,
            Fault::Protect(pool) => self.set_protection(pool, Protection::Unprotected),
            Fault::ClockJump(target, by) => {
                if let Some(agent) = self.find_agent(&target) {
                    self.agents[agent].clock_off -= by;
                }
            }
            Fault::NoStatistics(pool) => self.outages.uncollected[pool] -= 1,
            Fault::Standby(pool) => self.standby_is_over(number, pool),
            Fault::SetEligibility { .. }
            | Fault::DrainNode(_)
            | Fault::OddNode { .. }
            | Fault::SetMeta { .. }
            | Fault::SilenceNode(_) => {
                self.node_fault_ends(number, &fault);
            }
            Fault::KillNode { .. }
            | Fault::CancelDrain(_)
            | Fault::DetachInstance(_)
            | Fault::DestroySession(_)
            | Fault::Failsafe(..)
            | Fault::SetCount(..)
            | Fault::SetDesired(..) => {}
        }
        self.wake_waiters();
    }

    /// What is done to one node.
    fn node_fault_begins(&mut self, number: usize, fault: &Fault) {
        let choice = match fault {
            Fault::SetEligibility { node, .. }
            | Fault::DrainNode(node)
            | Fault::OddNode { node, .. }
            | Fault::SilenceNode(node) => *node,
            Fault::SetMeta { pool, node, .. } => NodeChoice { pool: *pool, number: *node },
            _ => return,
        };
        let Some(node) = self.choose_node(number, choice) else { return };
        match fault {
            Fault::SetEligibility { eligible, .. } => self.operator_sets_eligibility(node, eligibility(*eligible)),
            Fault::DrainNode(_) => self.start_drain(node, BTreeMap::new()),
            Fault::OddNode { cpu, .. } => self.show_cpu(node, Some(*cpu)),
            Fault::SetMeta { key, value, .. } => self.change_meta(node, key, Some(value)),
            Fault::SilenceNode(_) => self.client_falls_silent(node),
            _ => {}
        }
    }

    fn node_fault_ends(&mut self, number: usize, fault: &Fault) {
        let Some(node) = self.chosen_node(number) else { return };
        match fault {
            Fault::SetEligibility { eligible, .. } => self.operator_sets_eligibility(node, eligibility(!*eligible)),
            Fault::DrainNode(_) => self.cancel_drain(node),
            Fault::OddNode { .. } => self.show_cpu(node, None),
            Fault::SetMeta { key, .. } => self.change_meta(node, key, None),
            Fault::SilenceNode(_) => self.client_is_heard_again(node),
            _ => {}
        }
    }

    /// An event in words, for the log.
    fn describe(&self, fault: &Fault) -> String {
        let pool = |pool: &usize| &self.plan.pools[*pool].name;
        let group = |group: &usize| &self.plan.groups[*group].key;
        let agent = |target: &Target| self.find_agent(target).map_or("no agent".to_owned(), agent_name);
        match fault {
            Fault::KillNode { pool: of, count } => format!("{count} nodes of pool {} die", pool(of)),
            Fault::KillZone { pool: of, zone } => format!("zone {zone} of pool {} is lost", pool(of)),
            Fault::KillAgent(target) => format!("{} is killed", agent(target)),
            Fault::StopAgent(target) => format!("{} is told to stop", agent(target)),
            Fault::DestroySession(target) => format!("the session of {} is destroyed", agent(target)),
            Fault::ClockJump(target, by) => format!("the wall clock of {} jumps by {by} ms", agent(target)),
            Fault::NomadOutage => "Nomad does not answer".to_owned(),
            Fault::ConsulOutage => "Consul does not answer".to_owned(),
            Fault::CloudOutage => "the cloud provider does not answer".to_owned(),
            Fault::StatisticsOutage(of) => format!("no statistics of group {}", group(of)),
            Fault::NoCapacity(of) => format!("no capacity for pool {}", pool(of)),
            Fault::NeverJoin(of) => format!("what pool {} launches never joins", pool(of)),
            Fault::Protect(of) => format!("the instances of pool {} are protected", pool(of)),
            Fault::Failsafe(resource, toggle) => format!("an operator sets failsafe of {resource} {toggle:?}"),
            Fault::SetCount(of, count) => format!("an operator sets the count of {} to {count}", group(of)),
            Fault::SetDesired(of, desired) => format!("somebody sets {} to {desired}", pool(of)),
            Fault::SetEligibility { node, eligible } => {
                let word = if *eligible { "lets work on" } else { "keeps work off" };
                format!("an operator {word} node {} of pool {}", node.number, pool(&node.pool))
            }
            Fault::DrainNode(node) => format!("an operator drains node {} of pool {}", node.number, pool(&node.pool)),
            Fault::CancelDrain(of) => format!("an operator calls off the drains of pool {}", pool(of)),
            Fault::DetachInstance(of) => format!("somebody detaches an instance of pool {}", pool(of)),
            Fault::Standby(of) => format!("somebody puts an instance of pool {} into standby", pool(of)),
            Fault::OddNode { node, cpu } => {
                format!("node {} of pool {} shows {cpu} MHz", node.number, pool(&node.pool))
            }
            Fault::SetMeta { pool: of, node, key, value } => {
                format!("node {node} of pool {} has {key} = {value:?} in its meta", pool(of))
            }
            Fault::SilenceNode(node) => {
                format!("node {} of pool {} is cut off from the servers", node.number, pool(&node.pool))
            }
            Fault::NoStatistics(of) => format!("the clients of pool {} collect no statistics", pool(of)),
        }
    }

    /// Whoever waits for a change looks again: the server it waits on may be gone.
    fn wake_waiters(&mut self) {
        self.revisions.iter_mut().for_each(|revision| *revision += 1);
        for waker in std::mem::take(&mut self.waiters).into_values().flatten() {
            waker.wake();
        }
    }

    fn find_agent(&self, target: &Target) -> Option<usize> {
        match target {
            Target::Agent(agent) => Some(*agent),
            Target::Leader => {
                let leader = self.leader_session()?;
                self.agents.iter().position(|slot| slot.session.as_ref() == Some(leader))
            }
        }
    }

    fn signal(&mut self, target: &Target, signal: fn(usize) -> Signal, comes_back: bool, number: usize) {
        let Some(agent) = self.find_agent(target) else { return };
        self.signals.push(signal(agent));
        if comes_back {
            self.record.note_absent(number, agent);
        }
    }

    fn kill_nodes(&mut self, pool: usize, count: u32) {
        let alive = |node: &usize| {
            let node = &self.nomad.nodes[*node];
            node.pool == pool && node.alive
        };
        let doomed: Vec<usize> = (0..self.nomad.nodes.len()).filter(alive).take(count as usize).collect();
        for node in doomed {
            self.kill_instance(self.nomad.nodes[node].instance);
        }
    }

    fn kill_zone(&mut self, pool: usize, zone: &str) {
        *self.cloud.groups[pool].zones_down.entry(zone.to_owned()).or_default() += 1;
        let number = self.plan.pools[pool].zones.iter().position(|name| name == zone);
        let doomed: Vec<usize> = self.cloud.groups[pool]
            .members
            .iter()
            .copied()
            .filter(|member| Some(self.cloud.instances[*member].zone) == number)
            .collect();
        for instance in doomed {
            self.kill_instance(instance);
        }
    }

    fn zone_is_back(&mut self, pool: usize, zone: &str) {
        let zones = &mut self.cloud.groups[pool].zones_down;
        if let Some(faults) = zones.get_mut(zone) {
            *faults -= 1;
            if *faults == 0 {
                zones.remove(zone);
            }
        }
    }

    fn set_protection(&mut self, pool: usize, protection: Protection) {
        for member in self.cloud.groups[pool].members.clone() {
            self.cloud.instances[member].protected = protection == Protection::Protected;
        }
    }

    fn operator_sets_count(&mut self, group: usize, count: u32) {
        let job = self.plan.groups[group].job;
        self.set_count(group, count);
        self.evaluate_soon(job, Trigger::Registration);
    }
}

fn eligibility(eligible: bool) -> Eligibility {
    if eligible { Eligibility::Eligible } else { Eligibility::Ineligible }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protection {
    Protected,
    Unprotected,
}
