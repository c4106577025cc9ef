//! What the scenario's events do, when they begin and when they are over.

use super::evaluations::Trigger;
use super::{Signal, World};
use crate::scenario::{Fault, Target, agent_name};

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
                    self.signals.push(Signal::Start(agent, None));
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
            Fault::KillNode { .. }
            | Fault::DestroySession(_)
            | Fault::Failsafe(..)
            | Fault::SetCount(..)
            | Fault::SetDesired(..) => {}
        }
        self.wake_waiters();
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
        }
    }

    /// Whoever waits for a change looks again: the server it waits on may be gone.
    fn wake_waiters(&mut self) {
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protection {
    Protected,
    Unprotected,
}
