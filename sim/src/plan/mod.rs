//! The nouns of a run: what a cluster is, what load it gets, what goes wrong and what is expected. A [`draft`] is how
//! somebody writes them.

mod agents;
mod delay;
pub mod draft;
mod event;
mod expectation;
mod job;
mod load;
pub(crate) mod measures;
mod names;
mod pool;

pub(crate) use agents::agent_name;
pub use agents::{AgentPlan, OddKind, OddPlan};
pub use delay::Delay;
pub use event::{Fault, NodeChoice, Target, Toggle};
pub use expectation::{Expectation, Limit};
pub use job::{Constraint, GroupPlan, JobPlan, Operator, ScalingBlock, TaskPlan, Update, Wants};
pub(crate) use load::demand;
pub use load::{GroupLoad, Shape, Trace};
pub(crate) use names::{nearest, no_such};
pub use pool::{PolicyHome, PoolPlan};

use crate::kernel::time::Millis;

/// Everything that a run needs.
#[derive(Debug, Clone)]
pub struct Plan {
    /// One line about it.
    pub title: String,
    /// What randomness starts from.
    pub seed: u64,
    /// How long it runs.
    pub duration: Millis,
    /// How often load changes and is recorded.
    pub tick: Millis,
    /// The agents.
    pub agents: AgentPlan,
    /// The pools, by name.
    pub pools: Vec<PoolPlan>,
    /// The jobs, by name.
    pub jobs: Vec<JobPlan>,
    /// All groups of all jobs, job by job.
    pub groups: Vec<GroupPlan>,
    /// The load on each group, in the groups' order.
    pub loads: Vec<GroupLoad>,
    /// What happens, by time: when, for how long, what.
    pub events: Vec<(Millis, Option<Millis>, Fault)>,
    /// What reads answer beside the truth, if they do.
    pub odd: Option<OddPlan>,
    /// What is expected in the end.
    pub expectations: Vec<Expectation>,
}
