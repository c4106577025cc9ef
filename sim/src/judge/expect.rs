//! What a scenario expects of its run.

use crate::judge::measure::{Measures, series_at};
use crate::judge::record::Record;
use crate::kernel::time::Millis;
use crate::plan::{Expectation, Plan};

/// An expectation that was checked.
#[derive(Debug, Clone)]
pub struct Check {
    /// What was expected.
    pub expectation: Expectation,
    /// What was measured.
    pub measured: f64,
    /// Whether it is within the limits.
    pub met: bool,
    /// Whether the run came to the moment that it is about: one that was ended early may not have.
    pub reached: bool,
}

/// Checks all expectations of a plan.
pub(crate) fn check(plan: &Plan, record: &Record, measures: &Measures, ended: Millis) -> Vec<Check> {
    let check = |expectation: &Expectation| {
        let measured = match expectation.at {
            Some(at) => series_at(plan, record, &expectation.measure, at),
            None => measures.get(&expectation.measure).copied(),
        };
        // Names were checked when the scenario was read; what is not there all the same is not met.
        let measured = measured.unwrap_or(f64::NAN);
        let limit = expectation.limit;
        let met = measured >= limit.at_least && measured <= limit.at_most;
        let reached = expectation.at.unwrap_or(plan.duration) <= ended;
        Check { expectation: expectation.clone(), measured, met, reached }
    };
    plan.expectations.iter().map(check).collect()
}
