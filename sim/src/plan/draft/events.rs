//! The events of a draft: what each of them is, with the names in it resolved.

use replicator::domain::Resource;
use serde::{Deserialize, Serialize};

use super::meta::MetaValue;
use super::problem::{Problem, Under};
use super::values::Span;
use super::{Names, is_default};
use crate::kernel::time::Millis;
use crate::plan::{Fault, NodeChoice, Target, Toggle};

/// Every key of an event that says what happens.
const WHAT: &str = "kill_node, kill_zone, kill_agent, stop_agent, destroy_session, clock_jump, nomad_outage, \
                    consul_outage, cloud_outage, statistics_outage, no_statistics, no_capacity, never_join, protect, \
                    failsafe, set_count, set_desired, set_eligibility, drain_node, cancel_drain, detach_instance, \
                    standby, odd_node, set_meta, silence_node";

/// An event: when, and exactly one thing that happens.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// When.
    pub at: Span,
    /// For how long, where it is something that lasts.
    #[serde(rename = "for")]
    pub lasting: Option<Span>,
    /// Nodes die.
    pub kill_node: Option<KillNode>,
    /// All nodes of a zone die.
    pub kill_zone: Option<KillZone>,
    /// An agent, or the leader, dies.
    pub kill_agent: Option<String>,
    /// An agent, or the leader, is told to stop.
    pub stop_agent: Option<String>,
    /// An agent's session is destroyed.
    pub destroy_session: Option<String>,
    /// An agent's wall clock jumps.
    pub clock_jump: Option<ClockJump>,
    /// Nomad does not answer.
    pub nomad_outage: Option<Yes>,
    /// Consul does not answer.
    pub consul_outage: Option<Yes>,
    /// The cloud provider does not answer.
    pub cloud_outage: Option<Yes>,
    /// No statistics of a group can be had.
    pub statistics_outage: Option<String>,
    /// A pool cannot launch.
    pub no_capacity: Option<String>,
    /// A pool's new instances never join Nomad.
    pub never_join: Option<String>,
    /// A pool's instances are protected from scale-in.
    pub protect: Option<String>,
    /// An operator enters or lifts failsafe.
    pub failsafe: Option<Failsafe>,
    /// An operator sets a count.
    pub set_count: Option<SetCount>,
    /// An operator sets a desired capacity.
    pub set_desired: Option<SetDesired>,
    /// An operator lets work on a node, or keeps it off.
    pub set_eligibility: Option<SetEligibility>,
    /// An operator drains a node.
    pub drain_node: Option<OneNode>,
    /// An operator calls off all drains of a pool.
    pub cancel_drain: Option<OfPool>,
    /// Somebody detaches an instance.
    pub detach_instance: Option<OfPool>,
    /// Somebody puts an instance into standby.
    pub standby: Option<OfPool>,
    /// A node shows another CPU than its like.
    pub odd_node: Option<OddNode>,
    /// The meta of a node changes.
    pub set_meta: Option<NodeMeta>,
    /// A pool's clients collect no statistics.
    pub no_statistics: Option<String>,
    /// A node's client is cut off from Nomad's servers.
    pub silence_node: Option<OneNode>,
}

/// A pool, where no more needs to be said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfPool {
    /// The pool.
    pub pool: String,
}

/// A node of a pool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OneNode {
    /// The pool.
    pub pool: String,
    /// Which of its living nodes, by when they joined, from 0.
    #[serde(default, skip_serializing_if = "is_default")]
    pub node: u32,
}

/// Whether work may be placed on a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetEligibility {
    /// The pool.
    pub pool: String,
    /// Which of its living nodes, from 0.
    #[serde(default, skip_serializing_if = "is_default")]
    pub node: u32,
    /// Whether work may be placed on it.
    pub eligible: bool,
}

/// What a node shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OddNode {
    /// The pool.
    pub pool: String,
    /// Which of its living nodes, from 0.
    #[serde(default, skip_serializing_if = "is_default")]
    pub node: u32,
    /// MHz.
    pub cpu: u32,
}

/// A key of a node's meta.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeMeta {
    /// The pool.
    pub pool: String,
    /// Which of its living nodes, from 0.
    #[serde(default, skip_serializing_if = "is_default")]
    pub node: u32,
    /// The key.
    pub key: String,
    /// Its value.
    pub value: MetaValue,
}

/// `true`: an event that needs no more to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Yes;

impl<'de> Deserialize<'de> for Yes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let yes = bool::deserialize(deserializer)?;
        let problem = || serde::de::Error::invalid_value(serde::de::Unexpected::Bool(yes), &"true, or no such key");
        yes.then_some(Self).ok_or_else(problem)
    }
}

impl Serialize for Yes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(true)
    }
}

/// Nodes that die, the first by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KillNode {
    /// The pool.
    pub pool: String,
    /// How many: 1.
    pub count: Option<u32>,
}

/// A zone that fails.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KillZone {
    /// The pool.
    pub pool: String,
    /// The zone.
    pub zone: String,
}

/// How a clock jumps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockJump {
    /// The agent, or `leader`.
    pub agent: String,
    /// Into the future.
    pub ahead: Option<Span>,
    /// Into the past.
    pub back: Option<Span>,
}

/// Failsafe of a pool or of a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failsafe {
    /// The pool.
    pub pool: Option<String>,
    /// The group, as `job/group`.
    pub group: Option<String>,
    /// Whether it is entered or lifted.
    pub set: Toggle,
}

/// A group's count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetCount {
    /// The group, as `job/group`.
    pub group: String,
    /// Its count.
    pub count: u32,
}

/// A pool's desired capacity.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetDesired {
    /// The pool.
    pub pool: String,
    /// Its desired capacity.
    pub desired: u32,
}

impl Event {
    /// An event at this moment, of which is still to be said what happens: one of its fields.
    #[must_use]
    pub fn at(at: impl Into<Span>) -> Self {
        Self { at: at.into(), ..Self::default() }
    }
}

impl Names<'_> {
    pub(super) fn event(
        &self,
        event: &Event,
        agents: usize,
        duration: Millis,
    ) -> Result<(Millis, Option<Millis>, Fault), Problem> {
        let at = event.at.0;
        if at >= duration {
            return Err(Problem::new(format!("the event is at {at}, after the end at {duration}")));
        }
        let lasting = event.lasting.map(|span| span.0);
        match <[Fault; 1]>::try_from(self.faults(event, agents)?) {
            Ok([fault]) => Ok((at, lasting, fault)),
            Err(faults) => {
                let message = format!("an event is one thing, this one is {}; there are {WHAT}", faults.len());
                Err(Problem::new(message))
            }
        }
    }

    /// All that an event says to happen.
    fn faults(&self, event: &Event, agents: usize) -> Result<Vec<Fault>, Problem> {
        let mut faults = Self::of_agents(event, agents)?;
        faults.extend(self.of_pools(event)?);
        faults.extend(self.of_nodes(event)?);
        if let Some(name) = &event.statistics_outage {
            faults.push(Fault::StatisticsOutage(self.group(name).under("statistics_outage")?));
        }
        if let Some(failsafe) = &event.failsafe {
            faults.push(self.failsafe(failsafe).under("failsafe")?);
        }
        if let Some(set) = &event.set_count {
            let group = self.group(&set.group).under("group").under("set_count")?;
            faults.push(Fault::SetCount(group, set.count));
        }
        faults.extend(event.nomad_outage.map(|_| Fault::NomadOutage));
        faults.extend(event.consul_outage.map(|_| Fault::ConsulOutage));
        faults.extend(event.cloud_outage.map(|_| Fault::CloudOutage));
        Ok(faults)
    }

    fn of_agents(event: &Event, agents: usize) -> Result<Vec<Fault>, Problem> {
        let mut faults = Vec::new();
        if let Some(jump) = &event.clock_jump {
            let signed = |span: Option<Span>| span.map_or(0, |span| i64::try_from(span.0.0).unwrap_or(i64::MAX));
            let target = Self::agent(&jump.agent, agents).under("agent").under("clock_jump")?;
            faults.push(Fault::ClockJump(target, signed(jump.ahead) - signed(jump.back)));
        }
        for (key, name, fault) in [
            ("kill_agent", &event.kill_agent, Fault::KillAgent as fn(Target) -> Fault),
            ("stop_agent", &event.stop_agent, Fault::StopAgent),
            ("destroy_session", &event.destroy_session, Fault::DestroySession),
        ] {
            if let Some(name) = name {
                faults.push(fault(Self::agent(name, agents).under(key)?));
            }
        }
        Ok(faults)
    }

    fn of_pools(&self, event: &Event) -> Result<Vec<Fault>, Problem> {
        let mut faults = Vec::new();
        if let Some(kill) = &event.kill_node {
            let pool = self.pool(&kill.pool).under("pool").under("kill_node")?;
            faults.push(Fault::KillNode { pool, count: kill.count.unwrap_or(1) });
        }
        if let Some(kill) = &event.kill_zone {
            let pool = self.pool(&kill.pool).under("pool").under("kill_zone")?;
            let zones = &self.pools[pool].zones;
            if !zones.contains(&kill.zone) {
                let problem = Problem::unknown(&kill.zone, "zone", zones.iter().cloned());
                return Err(problem).under("zone").under("kill_zone");
            }
            faults.push(Fault::KillZone { pool, zone: kill.zone.clone() });
        }
        for (key, name, fault) in [
            ("no_capacity", &event.no_capacity, Fault::NoCapacity as fn(usize) -> Fault),
            ("never_join", &event.never_join, Fault::NeverJoin),
            ("protect", &event.protect, Fault::Protect),
            ("no_statistics", &event.no_statistics, Fault::NoStatistics),
        ] {
            if let Some(name) = name {
                faults.push(fault(self.pool(name).under(key)?));
            }
        }
        for (key, of, fault) in [
            ("cancel_drain", &event.cancel_drain, Fault::CancelDrain as fn(usize) -> Fault),
            ("detach_instance", &event.detach_instance, Fault::DetachInstance),
            ("standby", &event.standby, Fault::Standby),
        ] {
            if let Some(of) = of {
                faults.push(fault(self.pool(&of.pool).under("pool").under(key)?));
            }
        }
        if let Some(set) = &event.set_desired {
            let pool = self.pool(&set.pool).under("pool").under("set_desired")?;
            faults.push(Fault::SetDesired(pool, set.desired));
        }
        Ok(faults)
    }

    fn of_nodes(&self, event: &Event) -> Result<Vec<Fault>, Problem> {
        let node = |key: &str, pool: &str, number| {
            let pool = self.pool(pool).under("pool").under(key)?;
            Ok::<NodeChoice, Problem>(NodeChoice { pool, number })
        };
        let mut faults = Vec::new();
        if let Some(set) = &event.set_eligibility {
            let node = node("set_eligibility", &set.pool, set.node)?;
            faults.push(Fault::SetEligibility { node, eligible: set.eligible });
        }
        if let Some(silent) = &event.silence_node {
            faults.push(Fault::SilenceNode(node("silence_node", &silent.pool, silent.node)?));
        }
        if let Some(drain) = &event.drain_node {
            faults.push(Fault::DrainNode(node("drain_node", &drain.pool, drain.node)?));
        }
        if let Some(odd) = &event.odd_node {
            faults.push(Fault::OddNode { node: node("odd_node", &odd.pool, odd.node)?, cpu: odd.cpu });
        }
        if let Some(set) = &event.set_meta {
            let NodeChoice { pool, number } = node("set_meta", &set.pool, set.node)?;
            faults.push(Fault::SetMeta { pool, node: number, key: set.key.clone(), value: set.value.to_text() });
        }
        Ok(faults)
    }

    fn failsafe(&self, written: &Failsafe) -> Result<Fault, Problem> {
        let resource = match (&written.pool, &written.group) {
            (Some(pool), None) => Resource::Pool(self.pools[self.pool(pool).under("pool")?].name.clone()),
            (None, Some(group)) => Resource::Group(self.groups[self.group(group).under("group")?].key.clone()),
            _ => return Err(Problem::new("failsafe is of a pool or of a group: { pool = \"…\", set = \"on\" }")),
        };
        Ok(Fault::Failsafe(resource, written.set))
    }
}
