//! What can be seen of taking a node out of a pool. Node and occupants are read from the servers' leader each time: what is
//! watched may be a minute old, and what is done here cannot be undone (P22).

use std::time::Duration;

use crate::agent::tell::Observer;
use crate::agent::term::Term;
use crate::agent::watch::ManagedPool;
use crate::decide::placement::{Misfit, Piece, fits};
use crate::decide::{GroupBounds, NodeLoad, PoolObservation, Rule, Standing, decide_pool, reaches_floor};
use crate::domain::{DesiredStatus, DrainOwner, JobKind, NodeId, Occupant, PoolSnapshot, Resources};
use crate::operation::{Operation, ScaleIn, ScaleInPhase, ScaleInSight};
use crate::ports::{Cloud, ErrorKind, Nomad, PortError, Ports};

/// How far an agent is with calling off the drain of a node.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::agent) struct CallingOff {
    /// Whether Nomad has taken it.
    taken: bool,
    /// How often it refused to.
    refusals: u32,
}

/// A node that leaves, or might, and what is on it.
pub(in crate::agent) struct Leaving<'a> {
    pub(in crate::agent) node: &'a NodeId,
    pub(in crate::agent) occupants: &'a [Occupant],
}

impl Leaving<'_> {
    /// What has to find a place elsewhere: services that should run. Batch work ends where it is, and system jobs leave with
    /// their node.
    fn pieces(&self) -> Vec<Piece> {
        let moves = |occupant: &&Occupant| {
            let allocation = &occupant.allocation;
            allocation.kind == JobKind::Service && allocation.desired == DesiredStatus::Run && !allocation.is_terminal()
        };
        let piece = |occupant: &Occupant| Piece {
            group: occupant.allocation.group.clone(),
            kind: occupant.allocation.kind,
            asks: occupant.allocation.resources,
            needs: occupant.needs.clone(),
        };
        self.occupants.iter().filter(moves).map(piece).collect()
    }
}

impl<P: Ports, O: Observer> Term<'_, P, O> {
    pub(super) async fn look_in(
        &self,
        work: &ScaleIn,
        managed: Option<&ManagedPool>,
        operation: &Operation,
        in_phase: Duration,
        failures: u32,
    ) -> Result<ScaleInSight, PortError> {
        let (nomad, cloud) = (self.ports.nomad(), self.ports.cloud());
        let instance = self.instance(&work.target, &work.instance).await?.map(|instance| instance.state);
        let activity = match &work.phase {
            ScaleInPhase::Detaching { activity: Some(id) } => match cloud.activities(&work.target).await {
                Ok(listed) => listed.into_iter().find(|activity| activity.id == *id).map(|activity| activity.status),
                // A group that is gone has no activities; the drain is to be called off all the same.
                Err(error) if error.kind == ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            },
            _ => None,
        };
        let occupants = nomad.occupants(&work.node).await?;
        let node = match nomad.node(&work.node).await {
            Ok(node) => Some(node),
            Err(error) if error.kind == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        // Last, so that what a call rests on, above all who is a member, is as fresh as can be.
        let group = match self.look_at_pool(&work.target).await {
            Ok(group) => Some(group),
            Err(error) if error.kind == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let CallingOff { taken: called_off, refusals } = self.calling_off(work);
        let leaving = Leaving { node: &work.node, occupants: &occupants };
        let pool = managed.zip(group.as_deref());
        Ok(ScaleInSight {
            at_floor: pool.is_some_and(|(managed, group)| at_floor(managed, group, work)),
            drained_by_another: node.as_ref().is_some_and(|node| is_anothers(&node.drained_by, operation)),
            node: node.map(|node| node.summary.clone()),
            occupants: occupants.len(),
            instance,
            activity,
            // A pool of which nothing is known any more needs what it has left.
            demand_returned: pool.is_none_or(|(managed, group)| self.needs_back(managed, group, &leaving)),
            no_place: managed.is_some_and(|managed| self.place_elsewhere(managed, &leaving).is_err()),
            withdrawn: managed.is_none_or(|managed| !managed.policy.enabled),
            called_off,
            refusals,
            in_phase,
            failures,
            group,
        })
    }

    /// How far this agent is with calling the drain off. What it knows of an earlier operation on the node is forgotten when
    /// another begins.
    fn calling_off(&self, work: &ScaleIn) -> CallingOff {
        let mut known = self.called_off.borrow_mut();
        if let ScaleInPhase::CallingOff { .. } = work.phase {
            return known.get(&work.node).copied().unwrap_or_default();
        }
        known.remove(&work.node);
        CallingOff::default()
    }

    /// Notes what came of calling off the drain of a node.
    pub(super) fn note_calling_off(&self, node: NodeId, result: &Result<(), PortError>) {
        let mut known = self.called_off.borrow_mut();
        let it = known.entry(node).or_default();
        match result {
            Ok(()) => it.taken = true,
            // Nobody has said no.
            Err(error) if matches!(error.kind, ErrorKind::Unreachable | ErrorKind::RateLimited) => {}
            Err(_) => it.refusals += 1,
        }
    }

    /// Whether what has to move has a place on the nodes of the pool that really remain (P31).
    pub(in crate::agent) fn place_elsewhere(&self, managed: &ManagedPool, leaving: &Leaving<'_>) -> Result<(), Misfit> {
        let pieces = leaving.pieces();
        if pieces.is_empty() {
            return Ok(());
        }
        fits(&pieces, &self.views.borrow().sites(managed, |node| node == leaving.node))
    }

    /// Whether the pool would have to scale out without the node that is leaving (P25, P10, P30). What still runs on that node
    /// has to find room on the others.
    pub(in crate::agent) fn needs_back(
        &self,
        managed: &ManagedPool,
        group: &PoolSnapshot,
        leaving: &Leaving<'_>,
    ) -> bool {
        let bounds = GroupBounds::of(&managed.policy, group);
        if bounds.desired > bounds.max {
            // On its way down towards its bounds, whatever is used (P33).
            return false;
        }
        let waiting = self.waiting_for(managed, 0);
        let moving = leaving.pieces().iter().map(|piece| piece.asks).sum();
        let observation = without(managed.observe(bounds, 0, waiting), leaving.node, moving);
        if observation.nodes.is_empty() {
            return true;
        }
        let decision = decide_pool(&observation, &managed.policy, &[], &Standing::default());
        decision.findings.iter().any(|finding| finding.holds && matches!(finding.rule, Rule::P10 | Rule::P30))
    }
}

/// Whether a drain is surely not that of the operation.
fn is_anothers(owner: &DrainOwner, operation: &Operation) -> bool {
    match owner {
        DrainOwner::Untold => false,
        DrainOwner::Operation(name) => *name != operation.name(),
        DrainOwner::Another => true,
    }
}

/// Whether one node fewer would be below what policy and group allow.
fn at_floor(managed: &ManagedPool, group: &PoolSnapshot, work: &ScaleIn) -> bool {
    let now = GroupBounds::of(&managed.policy, group);
    let bounds = GroupBounds { min: now.min.max(work.floor), ..now };
    let leaving = &work.node;
    let remaining = managed.nodes.iter().filter(|load| load.node != *leaving).count();
    let after = bounds.desired.checked_sub(1);
    after.is_none_or(|after| reaches_floor(remaining, after, &bounds).is_some())
}

/// The pool as it would be without a node, with what moves from there on the others.
fn without(observation: PoolObservation, leaving: &NodeId, moving: Resources) -> PoolObservation {
    let mut nodes: Vec<NodeLoad> = observation.nodes.iter().filter(|load| load.node != *leaving).cloned().collect();
    if let Some(first) = nodes.first_mut() {
        first.used += moving;
    }
    PoolObservation { nodes: nodes.into(), ..observation }
}
