//! The lines of a recording: who recorded, and the decisions with all that they came from.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::decide::{Case, Decision};

/// The version of the format.
pub const FORMAT: u32 = 1;

/// The first line of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the format.
    pub format: u32,
    /// The version of Replicator.
    pub version: String,
    /// The revision that it was built from.
    pub revision: String,
    /// The agent.
    pub agent: String,
}

/// A decision, and all that it came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decided {
    /// When, by the agent's wall clock.
    pub at: Timestamp,
    /// What it came from.
    pub case: Case,
    /// What it came to, before the agent's limits were looked at.
    pub decision: Decision,
}
