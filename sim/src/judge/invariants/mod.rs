//! What must never happen, checked at every act of every run. One file an invariant; each keeps what it needs to
//! know, from what agents tell and do, and knows nothing of how the core works.

mod bounds;
mod cooldown;
mod decided;
mod failsafe;
mod forgiven;
mod forsaken;
mod members;
mod no_kill;
mod one_actor;
mod own_node;
#[cfg(test)]
mod proof;
mod refused;
mod shrunk;
mod state_forward;

use replicator::agent::Event;
use replicator::domain::{GroupKey, InstanceId, NodeId, PoolName, Resource};
use replicator::state::ResourceState;

use crate::judge::record::Source;
use crate::kernel::time::Millis;
use crate::plan::Plan;

/// Something that is done to the world.
#[derive(Debug, Clone)]
pub(crate) enum Act<'a> {
    /// An agent sets a group's count.
    Scale { agent: usize, group: &'a GroupKey, from: u32, to: u32 },
    /// An agent sets a pool's desired capacity. `undoes`: it takes back what it asked for before.
    SetDesired { agent: usize, pool: &'a PoolName, from: u32, to: u32, undoes: bool },
    /// An agent drains a node. `own`: the one that it runs on itself.
    Drain { agent: usize, pool: &'a PoolName, own: bool },
    /// An agent detaches an instance, which lowers the desired capacity.
    /// `undoes`: the member was launched by the operation under way, and never joined.
    Detach { agent: usize, pool: &'a PoolName, from: u32, undoes: bool },
    /// An agent terminates an instance.
    Terminate(Termination<'a>),
    /// An agent does something else to a pool.
    Other { agent: usize, pool: &'a PoolName },
    /// An agent acts while the lock is another's.
    WhileAnotherLeads { agent: usize, leader: Option<usize> },
    /// Somebody writes a resource's state.
    WriteState { writer: Source, before: Option<&'a ResourceState>, after: &'a ResourceState },
    /// An agent's write of a key is refused: the key is another than the agent knows.
    WriteRefused { agent: usize, key: &'a str },
    /// An agent reads all states as they are.
    ReadStates { agent: usize },
}

/// An agent terminates an instance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Termination<'a> {
    pub(crate) agent: usize,
    pub(crate) pool: &'a PoolName,
    pub(crate) instance: &'a InstanceId,
    /// Whether it was terminating already.
    pub(crate) again: bool,
    /// Whether its group has it as a member still, and would have another for it.
    pub(crate) member: bool,
    /// How many allocations of services live on it.
    pub(crate) migratable: usize,
}

/// What there is at a tick, for what is wrong only once it has lasted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sight {
    /// Whether an agent leads, reaches everything, and is told nothing but the truth.
    pub(crate) calm: bool,
    /// Nodes that drain or take no work because an agent drained them, and that no operation is about.
    pub(crate) forsaken: Vec<NodeId>,
    /// The pools.
    pub(crate) pools: Vec<PoolSight>,
}

/// A pool at a tick.
#[derive(Debug, Clone)]
pub(crate) struct PoolSight {
    pub(crate) pool: PoolName,
    pub(crate) desired: u32,
    /// Allocations that wait for room in it.
    pub(crate) unplaced: u32,
    /// Whether something keeps it from growing: failsafe, or a provider that has nothing to give.
    pub(crate) hindered: bool,
}

impl Act<'_> {
    /// The resource that an agent acts on. Writing state is not acting.
    fn acted_on(&self) -> Option<Resource> {
        match self {
            Self::Scale { group, .. } => Some(Resource::Group((*group).clone())),
            Self::SetDesired { pool, .. }
            | Self::Drain { pool, .. }
            | Self::Detach { pool, .. }
            | Self::Terminate(Termination { pool, .. })
            | Self::Other { pool, .. } => Some(Resource::Pool((*pool).clone())),
            Self::WhileAnotherLeads { .. }
            | Self::WriteState { .. }
            | Self::WriteRefused { .. }
            | Self::ReadStates { .. } => None,
        }
    }

    fn agent(&self) -> Option<usize> {
        match self {
            Self::Scale { agent, .. }
            | Self::SetDesired { agent, .. }
            | Self::Drain { agent, .. }
            | Self::Detach { agent, .. }
            | Self::Terminate(Termination { agent, .. })
            | Self::Other { agent, .. }
            | Self::WhileAnotherLeads { agent, .. }
            | Self::WriteRefused { agent, .. }
            | Self::ReadStates { agent } => Some(*agent),
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

    /// Looks at what there is, at a tick; the evidence if it has been wrong for too long.
    fn watch(&mut self, _now: Millis, _sight: &Sight) -> Result<(), String> {
        Ok(())
    }
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
                Box::new(members::NoMemberEnded::default()),
                Box::new(own_node::OwnNodeStays),
                Box::new(forgiven::SuccessForgives::default()),
                Box::new(refused::NothingOnOldState::default()),
                Box::new(forsaken::NoNodeForsaken::default()),
                Box::new(shrunk::NotShrunkTooFar::default()),
            ],
        }
    }

    pub(crate) fn hear(&mut self, event: &Event) {
        for invariant in &mut self.all {
            invariant.hear(event);
        }
    }

    pub(crate) fn watch(&mut self, now: Millis, sight: &Sight) -> Result<(), Violation> {
        for invariant in &mut self.all {
            let invariant_name = invariant.name();
            let broken = |evidence| Violation { invariant: invariant_name, evidence };
            invariant.watch(now, sight).map_err(broken)?;
        }
        Ok(())
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
