//! A decision's whole input, as data: what a recording keeps, and what the decision can be repeated from.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Decision, GroupObservation, PoolObservation, Standing, decide_group, decide_pool};
use crate::domain::{GroupKey, Resource};
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
    /// What it is about.
    #[must_use]
    pub fn resource(&self) -> Resource {
        match self {
            Self::Group { key, .. } => Resource::Group(key.clone()),
            Self::Pool { policy, .. } => Resource::Pool(policy.target.name.clone()),
        }
    }

    /// How much of the cooldown is left, if any (J19, P16): of the longer one, where they differ by direction (J27).
    #[must_use]
    pub fn cooldown_left(&self) -> Option<Duration> {
        let (standing, span) = match self {
            Self::Group { standing, policy, .. } => (standing, policy.longest_cooldown()),
            Self::Pool { standing, policy, .. } => (standing, policy.cooldown),
        };
        super::cooldown_left(standing, span)
    }

    /// The decision; the same every time.
    pub fn decide(&self) -> Decision {
        match self {
            Self::Group { key, observation, policy, standing } => decide_group(key, observation, policy, standing),
            Self::Pool { observation, policy, others, standing } => decide_pool(observation, policy, others, standing),
        }
    }
}
