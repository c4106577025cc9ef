//! The events of a scenario: what each of them is, with the names in it resolved.

use replicator::domain::Resource;
use toml::Spanned;

use super::check::{Names, unknown};
use super::error::Problem;
use super::schema;
use super::values::Span;
use crate::kernel::time::Millis;
use crate::plan::{Fault, NodeChoice, Target};

/// Every key of an event that says what happens.
const WHAT: &str = "kill_node, kill_zone, kill_agent, stop_agent, destroy_session, clock_jump, nomad_outage, \
                    consul_outage, cloud_outage, statistics_outage, no_statistics, no_capacity, never_join, protect, \
                    failsafe, set_count, set_desired, set_eligibility, drain_node, cancel_drain, detach_instance, \
                    standby, odd_node, set_meta, silence_node";

impl Names<'_> {
    pub(super) fn event(
        &self,
        written: Spanned<schema::Event>,
        agents: usize,
        duration: Millis,
    ) -> Result<(Millis, Option<Millis>, Fault), Problem> {
        let span = written.span();
        let event = written.into_inner();
        if event.at.0 >= duration {
            return Err(Problem::at(span, format!("the event is at {}, after the end at {duration}", event.at.0)));
        }
        let at = event.at.0;
        let lasting = event.lasting.map(|span| span.0);
        let faults = self.faults(event, agents)?;
        match <[Fault; 1]>::try_from(faults) {
            Ok([fault]) => Ok((at, lasting, fault)),
            Err(faults) => {
                Err(Problem::at(span, format!("an event is one thing, this one is {}; there are {WHAT}", faults.len())))
            }
        }
    }

    fn faults(&self, event: schema::Event, agents: usize) -> Result<Vec<Fault>, Problem> {
        let mut faults = Vec::new();
        if let Some(kill) = event.kill_node {
            faults.push(Fault::KillNode { pool: self.pool(&kill.pool)?, count: kill.count.unwrap_or(1) });
        }
        if let Some(kill) = event.kill_zone {
            let pool = self.pool(&kill.pool)?;
            if !self.pools[pool].zones.contains(kill.zone.get_ref()) {
                return Err(unknown(&kill.zone, "zone", self.pools[pool].zones.iter().cloned()));
            }
            faults.push(Fault::KillZone { pool, zone: kill.zone.into_inner() });
        }
        if let Some(jump) = event.clock_jump {
            let signed = |span: Option<Span>| span.map_or(0, |span| i64::try_from(span.0.0).unwrap_or(i64::MAX));
            let target = Self::agent(&jump.agent, agents)?;
            faults.push(Fault::ClockJump(target, signed(jump.ahead) - signed(jump.back)));
        }
        for (name, fault) in [
            (event.kill_agent, Fault::KillAgent as fn(Target) -> Fault),
            (event.stop_agent, Fault::StopAgent),
            (event.destroy_session, Fault::DestroySession),
        ] {
            if let Some(name) = name {
                faults.push(fault(Self::agent(&name, agents)?));
            }
        }
        for (name, fault) in [
            (event.no_capacity, Fault::NoCapacity as fn(usize) -> Fault),
            (event.never_join, Fault::NeverJoin),
            (event.protect, Fault::Protect),
            (event.no_statistics, Fault::NoStatistics),
            (event.cancel_drain.map(|of| of.pool), Fault::CancelDrain),
            (event.detach_instance.map(|of| of.pool), Fault::DetachInstance),
            (event.standby.map(|of| of.pool), Fault::Standby),
        ] {
            if let Some(name) = name {
                faults.push(fault(self.pool(&name)?));
            }
        }
        if let Some(name) = event.statistics_outage {
            faults.push(Fault::StatisticsOutage(self.group(&name)?));
        }
        if let Some(failsafe) = event.failsafe {
            faults.push(self.failsafe(failsafe)?);
        }
        if let Some(set) = event.set_count {
            faults.push(Fault::SetCount(self.group(&set.group)?, set.count));
        }
        if let Some(set) = event.set_desired {
            faults.push(Fault::SetDesired(self.pool(&set.pool)?, set.desired));
        }
        if let Some(set) = event.set_eligibility {
            let node = self.node(&set.pool, set.node)?;
            faults.push(Fault::SetEligibility { node, eligible: set.eligible });
        }
        if let Some(silent) = event.silence_node {
            faults.push(Fault::SilenceNode(self.node(&silent.pool, silent.node)?));
        }
        if let Some(drain) = event.drain_node {
            faults.push(Fault::DrainNode(self.node(&drain.pool, drain.node)?));
        }
        if let Some(odd) = event.odd_node {
            faults.push(Fault::OddNode { node: self.node(&odd.pool, odd.node)?, cpu: odd.cpu });
        }
        if let Some(set) = event.set_meta {
            let (pool, value) = (self.pool(&set.pool)?, set.value.to_text());
            faults.push(Fault::SetMeta { pool, node: set.node, key: set.key, value });
        }
        faults.extend(event.nomad_outage.map(|_| Fault::NomadOutage));
        faults.extend(event.consul_outage.map(|_| Fault::ConsulOutage));
        faults.extend(event.cloud_outage.map(|_| Fault::CloudOutage));
        Ok(faults)
    }

    fn node(&self, pool: &Spanned<String>, number: u32) -> Result<NodeChoice, Problem> {
        Ok(NodeChoice { pool: self.pool(pool)?, number })
    }

    fn failsafe(&self, written: schema::Failsafe) -> Result<Fault, Problem> {
        let resource = match (written.pool, written.group) {
            (Some(pool), None) => Resource::Pool(self.pools[self.pool(&pool)?].name.clone()),
            (None, Some(group)) => Resource::Group(self.groups[self.group(&group)?].key.clone()),
            _ => return Err(Problem::anywhere("failsafe is of a pool or of a group: { pool = \"…\", set = \"on\" }")),
        };
        Ok(Fault::Failsafe(resource, written.set))
    }
}
