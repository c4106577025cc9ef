//! What the core asks of Nomad.

use std::sync::Arc;

use super::{Indexed, PortError, Wait};
use crate::domain::{
    AgentName, Ailing, Allocation, AllocationId, AllocationStats, BlockedWork, Deployment, Evaluation, EvaluationId,
    GroupKey, InstanceId, Job, JobKey, JobSummary, Node, NodeId, NodeSummary, Occupant,
};

/// Nomad, one region of it.
///
/// The lists are blocking queries where a [`Wait`] is given. A list from a server without a leader is not a list: it
/// is an error of kind unreachable (S11).
#[allow(async_fn_in_trait, reason = "the core is one task and asks no Send of its futures")]
pub trait Nomad {
    /// Whether a server answers and knows who leads the servers: the cheapest question there is.
    async fn is_led(&self) -> Result<(), PortError>;

    /// All jobs.
    async fn jobs(&self, wait: Option<Wait>) -> Result<Indexed<Arc<[JobSummary]>>, PortError>;

    /// One job with its groups.
    async fn job(&self, key: &JobKey) -> Result<Arc<Job>, PortError>;

    /// All nodes that may belong to a pool. A server that cannot choose lists all there are.
    async fn nodes(&self, wait: Option<Wait>) -> Result<Indexed<Arc<[NodeSummary]>>, PortError>;

    /// One node with its meta, capacity and instance.
    async fn node(&self, id: &NodeId) -> Result<Arc<Node>, PortError>;

    /// The nodes that say that they run on this instance, as the leader knows them now, of a pool or not.
    async fn nodes_on(&self, instance: &InstanceId) -> Result<Vec<Arc<Node>>, PortError>;

    /// All allocations, with what they take.
    async fn allocations(&self, wait: Option<Wait>) -> Result<Indexed<Arc<[Arc<Allocation>]>>, PortError>;

    /// All allocations of a node of which something may be alive, as the leader knows them now: what an act rests on (P22).
    async fn occupants(&self, node: &NodeId) -> Result<Vec<Occupant>, PortError>;

    /// An allocation of a group that should run and does not, the latest of them, and why; for people.
    async fn ailing(&self, group: &GroupKey) -> Result<Option<Ailing>, PortError>;

    /// All work that could not be placed: one call, whatever its amount. Servers that cannot tell answer with nothing.
    async fn blocked(&self) -> Result<Vec<BlockedWork>, PortError>;

    /// What an allocation uses right now. Only its own client knows; this is the one call per allocation there is.
    async fn allocation_stats(&self, id: &AllocationId) -> Result<AllocationStats, PortError>;

    /// What each of these allocations uses right now, in their order. Who knows of all at once overrides this; Nomad's servers
    /// do not, so that each is asked for in its turn.
    async fn statistics(&self, of: &Arc<[Arc<Allocation>]>, in_turn: &impl InTurn) -> Arc<[StatsAnswer]> {
        in_turn.each(of, |allocation| self.allocation_stats(&allocation.id)).await.into()
    }

    /// All deployments.
    async fn deployments(&self, wait: Option<Wait>) -> Result<Indexed<Arc<[Deployment]>>, PortError>;

    /// The latest deployment of a job, if it ever had one.
    async fn latest_deployment(&self, key: &JobKey) -> Result<Option<Deployment>, PortError>;

    /// One evaluation of a job.
    async fn evaluation(&self, job: &JobKey, id: &EvaluationId) -> Result<Evaluation, PortError>;

    /// Sets the count of a group (J15). A job that changed since `modify_index` is a conflict, and so is one with an
    /// active deployment.
    async fn scale(&self, request: &ScaleRequest) -> Result<ScaleAccepted, PortError>;

    /// Starts to drain a node, system jobs last, without a deadline of Nomad's own: at a deadline Nomad kills what
    /// still runs, and nothing of ours may do that (P23). Asking again is harmless.
    async fn drain(&self, order: &DrainOrder) -> Result<(), PortError>;

    /// Calls a drain off, and makes the node eligible again. Asking again is harmless.
    async fn cancel_drain(&self, node: &NodeId) -> Result<(), PortError>;
}

/// What was answered about the statistics of an allocation; nothing where no answer came in time.
pub type StatsAnswer = Option<Result<Arc<AllocationStats>, PortError>>;

/// Asks about one allocation after the other, or about several at once, within what servers and clients can take.
#[allow(async_fn_in_trait, reason = "the core is one task and asks no Send of its futures")]
pub trait InTurn {
    /// Makes a call about each allocation. The answers, in the order of the allocations.
    async fn each<'a, F>(&self, of: &'a [Arc<Allocation>], call: impl Fn(&'a Allocation) -> F) -> Vec<StatsAnswer>
    where
        F: Future<Output = Result<AllocationStats, PortError>>;
}

/// The key of a drain's meta that names the operation it belongs to.
pub const DRAIN_OPERATION: &str = "replicator_operation";

/// A node to be drained, and what its drain says of itself to whoever looks at the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrainOrder {
    /// The node.
    pub node: NodeId,
    /// The operation, by which it is known again.
    pub operation: String,
    /// Which agent asks for it.
    pub agent: AgentName,
    /// Why, for people.
    pub message: String,
}

/// A change of a group's count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScaleRequest {
    /// The group.
    pub group: GroupKey,
    /// The count it shall have.
    pub count: u32,
    /// The job modify index that the decision was made on.
    pub modify_index: u64,
    /// Why, for Nomad's own history.
    pub message: String,
}

/// Nomad took a change of count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScaleAccepted {
    /// The evaluation that carries it out.
    pub evaluation: EvaluationId,
    /// The job modify index that the change made.
    pub modify_index: u64,
}
