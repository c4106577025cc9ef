//! What can happen in the world.

use std::task::Waker;

use replicator::domain::SessionId;

/// Something that happens. Numbers are indices into the world's tables.
#[derive(Debug)]
pub(crate) enum Happening {
    /// A sleep or a wait of an agent is over.
    Wake(Waker),
    /// Load changes, and everything is recorded.
    Tick,
    /// The scheduler takes up an evaluation.
    Evaluate(usize),
    /// An allocation starts to run.
    AllocationStarts(usize),
    /// An allocation has run long enough to be healthy.
    AllocationTurnsHealthy(usize),
    /// A batch allocation is done.
    AllocationCompletes(usize),
    /// An allocation that was told to stop has stopped.
    AllocationStopped(usize),
    /// What was left of an allocation that has ended is gone too.
    AllocationIsGone(usize),
    /// The deadline of a node's drain may be over.
    DrainIsDue(usize),
    /// A deployment may have ended, one way or the other.
    DeploymentIsDue(usize),
    /// An Auto Scaling group compares what it has with what it should have.
    GroupReconciles(usize),
    /// An instance is in service.
    InstanceInService(usize),
    /// The node of an instance joins Nomad.
    NodeJoins(usize),
    /// What a client was told of its meta reaches the servers.
    MetadataArrives(usize),
    /// An allocation that its servers have not heard of for long counts as lost.
    UnknownIsLost(usize),
    /// Nomad has missed the heartbeats of a node.
    NodeMissed(usize),
    /// An instance that was shutting down is terminated.
    InstanceGone(usize),
    /// An Auto Scaling group notices that a member died.
    GroupNotices(usize),
    /// An instance has been detached.
    InstanceDetached(usize),
    /// A session's time is up, unless it was renewed.
    SessionExpires(SessionId),
    /// An agent that crashed is started again.
    AgentStarts(usize),
    /// An event of the scenario begins.
    FaultBegins(usize),
    /// An event of the scenario is over.
    FaultEnds(usize),
}
