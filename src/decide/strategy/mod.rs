//! Strategies: what the numbers of a group ask for, before its state is looked at. Each answers a wish; what stands against it
//! otherwise is the same for all.

pub(super) mod target;
pub(super) mod threshold;

use super::finding::Finding;
use super::{GroupObservation, Step, Stop, Verdict};
use crate::policy::GroupPolicy;

/// The fewest that scaling in leaves, whatever the policy says: a group at 0 has no statistics, and no rule leads back from
/// there (J24).
pub(super) const LEAST: u32 = 1;

/// What the numbers ask for.
pub(super) struct Wish {
    pub(super) step: Option<Step>,
    /// The verdict where no step is asked for.
    pub(super) otherwise: Verdict,
    /// What of the numbers and the bounds stands against the step.
    pub(super) stops: Vec<Stop>,
    pub(super) findings: Vec<Finding>,
}

impl Wish {
    /// There is nothing to measure (J13).
    pub(super) fn undecided() -> Self {
        Self { step: None, otherwise: Verdict::Undecided, stops: vec![], findings: vec![] }
    }
}

/// J10: a group that has the most that it may have.
fn at_maximum(count: u32, policy: &GroupPolicy) -> Option<Stop> {
    (count >= policy.max).then_some(Stop::AtMaximum { max: policy.max })
}

/// J10, J24: a group that has the fewest that it may have.
fn at_minimum(count: u32, policy: &GroupPolicy) -> Option<Stop> {
    let min = policy.min.max(LEAST);
    (count <= min).then_some(Stop::AtMinimum { min })
}

/// J12: a group of which not all is known cannot be said to be idle.
fn missing_samples(observation: &GroupObservation) -> Option<Stop> {
    let missing = observation.tasks.iter().map(|task| task.cpu.missing.max(task.memory.missing)).max().unwrap_or(0);
    (missing > 0).then_some(Stop::MissingSamples { missing })
}
