//! What a run came to.

use super::expect::Check;
use super::measure::Measures;
use super::record::Record;
use crate::kernel::time::Millis;

/// What a run came to.
pub struct Outcome {
    /// What happened.
    pub record: Record,
    /// The measures.
    pub measures: Measures,
    /// The expectations, met or not.
    pub checks: Vec<Check>,
    /// How many calls the agents made on their ports.
    pub calls: u64,
    /// When the run ended: at its end, or when an invariant broke.
    pub ended: Millis,
}

impl Outcome {
    /// Whether every invariant held and every expectation was met, as far as the run came.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.record.violation.is_none() && self.checks.iter().all(|check| check.met || !check.reached)
    }
}
