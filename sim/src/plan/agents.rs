//! The agents of a run, and what they are told beside the truth.

use replicator::decide::Limits;
use serde::{Deserialize, Serialize};

use crate::kernel::time::Millis;

/// The agents of a scenario.
#[derive(Debug, Clone)]
pub struct AgentPlan {
    /// How many.
    pub count: usize,
    /// How often groups are evaluated.
    pub job_interval: Millis,
    /// How often pools are evaluated.
    pub cluster_interval: Millis,
    /// How long a call on Nomad, Consul or the provider takes, there and back.
    pub call_takes: Millis,
    /// The most operations under way at once.
    pub concurrency: usize,
    /// What is allowed of all pools together.
    pub limits: Limits,
    /// The group whose allocations the agents are; index into the groups.
    pub runs_in: Option<usize>,
}

/// The name of the agent of that number.
pub(crate) fn agent_name(number: usize) -> String {
    format!("agent-{number}")
}

/// Answers beside the truth.
#[derive(Debug, Clone)]
pub struct OddPlan {
    /// Until when there are any.
    pub until: Millis,
    /// How many of the answers, while a kind of them has its time.
    pub share: f64,
    /// The kinds of them.
    pub kinds: Vec<OddKind>,
}

/// A way in which an answer is not the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OddKind {
    /// A number is 0.
    Zeros,
    /// Something is left out.
    Absences,
    /// An earlier answer comes again.
    Stale,
    /// A list is empty.
    Empty,
    /// Something is there twice.
    Twins,
    /// A number is huge.
    Huge,
    /// A state is none that anybody knows.
    States,
    /// The client says that it collects no statistics.
    Uncollected,
    /// The call fails.
    Errors,
    /// The answer takes long.
    Slow,
}

impl OddKind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Zeros,
        Self::Absences,
        Self::Stale,
        Self::Empty,
        Self::Twins,
        Self::Huge,
        Self::States,
        Self::Uncollected,
        Self::Errors,
        Self::Slow,
    ];

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Zeros => "zeros",
            Self::Absences => "absences",
            Self::Stale => "stale",
            Self::Empty => "empty",
            Self::Twins => "twins",
            Self::Huge => "huge",
            Self::States => "states",
            Self::Uncollected => "uncollected",
            Self::Errors => "errors",
            Self::Slow => "slow",
        }
    }
}
