//! What is expected of a run.

use crate::kernel::time::Millis;

/// What a measure is expected to be.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// The measure.
    pub measure: String,
    /// When, for what changes over time.
    pub at: Option<Millis>,
    /// Within what.
    pub limit: Limit,
    /// Its line in the scenario, where it is one of a file.
    pub line: Option<usize>,
}

/// The limits of an expectation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// At least so much.
    pub at_least: f64,
    /// At most so much.
    pub at_most: f64,
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
