//! A decision's whole input, as data: what a recording keeps, and what the decision can be repeated from.

use serde::{Deserialize, Serialize};

use super::{Decision, GroupObservation, PoolObservation, Standing, decide_group, decide_pool};
use crate::domain::GroupKey;
use crate::policy::{GroupPolicy, PoolPolicy};

/// What a decision came from. Nothing else has a say in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Case {
    /// About a task group.
    Group {
        /// Which.
        key: GroupKey,
        /// What was seen.
        observation: GroupObservation,
        /// What is wanted.
        policy: GroupPolicy,
        /// What its state was.
        standing: Standing,
    },
    /// About a worker pool.
    Pool {
        /// What was seen.
        observation: PoolObservation,
        /// What is wanted; it names the pool.
        policy: PoolPolicy,
        /// What other nodes of it want.
        #[serde(default)]
        others: Vec<PoolPolicy>,
        /// What its state was.
        standing: Standing,
    },
}

impl Case {
    /// The decision; the same every time.
    pub fn decide(&self) -> Decision {
        match self {
            Self::Group { key, observation, policy, standing } => decide_group(key, observation, policy, standing),
            Self::Pool { observation, policy, others, standing } => decide_pool(observation, policy, others, standing),
        }
    }
}
