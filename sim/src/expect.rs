//! What a scenario expects of its run.

use crate::measure::{Measures, series_at};
use crate::record::Record;
use crate::scenario::{Expectation, Plan};

/// An expectation that was checked.
#[derive(Debug, Clone)]
pub struct Check {
    /// What was expected.
    pub expectation: Expectation,
    /// What was measured.
    pub measured: f64,
    /// Whether it is within the limits.
    pub met: bool,
}

/// Checks all expectations of a plan.
pub(crate) fn check(plan: &Plan, record: &Record, measures: &Measures) -> Vec<Check> {
    let check = |expectation: &Expectation| {
        let measured = match expectation.at {
            Some(at) => series_at(plan, record, &expectation.measure, at),
            None => measures.get(&expectation.measure).copied(),
        };
        // Names were checked when the scenario was read; what is not there all the same is not met.
        let measured = measured.unwrap_or(f64::NAN);
        let limit = expectation.limit;
        let met = measured >= limit.at_least && measured <= limit.at_most;
        Check { expectation: expectation.clone(), measured, met }
    };
    plan.expectations.iter().map(check).collect()
}

impl std::fmt::Display for Expectation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.measure)?;
        if let Some(at) = self.at {
            write!(f, " at {at}")?;
        }
        let limit = self.limit;
        match (limit.at_least.is_finite(), limit.at_most.is_finite()) {
            (true, true) if limit.at_least >= limit.at_most => write!(f, " = {}", limit.at_least),
            (true, true) => write!(f, " from {} to {}", limit.at_least, limit.at_most),
            (true, false) => write!(f, " ≥ {}", limit.at_least),
            _ => write!(f, " ≤ {}", limit.at_most),
        }
    }
}
