//! What must never happen, checked at every act of every run. One file an invariant; each keeps what it needs to
//! know, from what agents tell and do, and knows nothing of how the core works.

mod bounds;
mod cooldown;
mod decided;
mod failsafe;
mod no_kill;
mod one_actor;
#[cfg(test)]
mod proof;
mod state_forward;

use replicator::agent::Event;
use replicator::domain::{GroupKey, InstanceId, PoolName, Resource};
use replicator::state::ResourceState;

use crate::record::Source;
use crate::scenario::Plan;
use crate::time::Millis;

/// Something that is done to the world.
#[derive(Debug, Clone)]
pub(crate) enum Act<'a> {
    /// An agent sets a group's count.
    Scale { agent: usize, group: &'a GroupKey, to: u32 },
    /// An agent sets a pool's desired capacity.
    SetDesired { agent: usize, pool: &'a PoolName, to: u32 },
    /// An agent drains a node.
    Drain { agent: usize, pool: &'a PoolName },
    /// An agent detaches an instance, which lowers the desired capacity.
    Detach { agent: usize, pool: &'a PoolName, from: u32 },
    /// An agent terminates an instance. `again`: it was terminating already.
    Terminate { agent: usize, pool: &'a PoolName, instance: &'a InstanceId, again: bool, migratable: usize },
    /// An agent does something else to a pool.
    Other { agent: usize, pool: &'a PoolName },
    /// An agent acts while the lock is another's.
    WhileAnotherLeads { agent: usize, leader: Option<usize> },
    /// Somebody writes a resource's state.
    WriteState { writer: Source, before: Option<&'a ResourceState>, after: &'a ResourceState },
}

impl Act<'_> {
    /// The resource that an agent acts on. Writing state is not acting.
    fn acted_on(&self) -> Option<Resource> {
        match self {
            Self::Scale { group, .. } => Some(Resource::Group((*group).clone())),
            Self::SetDesired { pool, .. }
            | Self::Drain { pool, .. }
            | Self::Detach { pool, .. }
            | Self::Terminate { pool, .. }
            | Self::Other { pool, .. } => Some(Resource::Pool((*pool).clone())),
            Self::WhileAnotherLeads { .. } | Self::WriteState { .. } => None,
        }
    }

    fn agent(&self) -> Option<usize> {
        match self {
            Self::Scale { agent, .. }
            | Self::SetDesired { agent, .. }
            | Self::Drain { agent, .. }
            | Self::Detach { agent, .. }
            | Self::Terminate { agent, .. }
            | Self::Other { agent, .. }
            | Self::WhileAnotherLeads { agent, .. } => Some(*agent),
            Self::WriteState { .. } => None,
        }
    }
}

/// An invariant that broke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which one.
    pub invariant: &'static str,
    /// What was seen.
    pub evidence: String,
}

/// One invariant.
trait Invariant {
    /// Its name.
    fn name(&self) -> &'static str;

    /// Takes what an agent tells.
    fn hear(&mut self, _event: &Event) {}

    /// Checks an act; the evidence if it breaks the invariant.
    fn check(&mut self, now: Millis, act: &Act<'_>) -> Result<(), String>;
}

/// All of them.
pub(crate) struct Invariants {
    all: Vec<Box<dyn Invariant>>,
}

impl Invariants {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            all: vec![
                Box::new(bounds::WithinBounds::new(plan)),
                Box::new(one_actor::OneActor),
                Box::new(failsafe::NothingInFailsafe::default()),
                Box::new(cooldown::NothingInCooldown::new(plan)),
                Box::new(no_kill::NoKill::default()),
                Box::new(decided::NothingUndecided::default()),
                Box::new(state_forward::StateForward::default()),
            ],
        }
    }

    pub(crate) fn hear(&mut self, event: &Event) {
        for invariant in &mut self.all {
            invariant.hear(event);
        }
    }

    pub(crate) fn check(&mut self, now: Millis, act: &Act<'_>) -> Result<(), Violation> {
        for invariant in &mut self.all {
            let invariant_name = invariant.name();
            invariant.check(now, act).map_err(|evidence| {
                let actor = act.agent().map_or_else(String::new, |agent| format!("agent-{agent}: "));
                Violation { invariant: invariant_name, evidence: format!("{actor}{evidence}") }
            })?;
        }
        Ok(())
    }
}
