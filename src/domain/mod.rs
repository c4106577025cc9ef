//! The field's nouns, as the core sees them: jobs and groups, allocations, nodes, deployments, instances.
//!
//! Nothing here knows the JSON of Nomad or the XML of AWS; adapters translate into these types.

mod ids;
mod job;
mod node;
mod placement;
mod pool;
mod price;
mod time;
mod units;

pub use ids::{
    ActivityId, AgentName, AllocationId, DeploymentId, EvaluationId, GroupKey, GroupName, InstanceId, JobId, JobKey,
    Namespace, NodeId, PoolName, ProviderName, RegionName, Resource, SessionId, TaskName,
};
pub use job::{
    Ailing, Allocation, AllocationStats, BlockedWork, ClientStatus, Deployment, DeploymentStatus, DesiredStatus,
    Evaluation, EvaluationStatus, Hang, Job, JobKind, JobSummary, Measure, MemoryStats, Meta, Occupant, ScalingBlock,
    Task, TaskGroup, TaskShare, TaskSpan, TaskUsage,
};
pub use node::{DrainOwner, Eligibility, Node, NodeStatus, NodeSummary};
pub use placement::{Constraint, Holdings, INSTANCE_TYPE, Place, Requirements};
pub use pool::{Activity, ActivityStatus, Instance, InstanceState, Lifecycle, PoolInstance, PoolSnapshot, PoolTarget};
pub use price::Price;
pub use time::Monotonic;
pub use units::{MebiBytes, MegaHertz, Percent, Resources};
