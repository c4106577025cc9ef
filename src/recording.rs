//! The lines of a recording: who recorded, the decisions with all that they came from, and the moves of operations likewise.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::decide::{Case, Decision};
use crate::domain::Resource;
use crate::operation::{Move, Situation, Work};

/// The version of the format.
pub const FORMAT: u32 = 3;

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

/// A move of an operation, and all that it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Moved<'a> {
    /// When, by the agent's wall clock.
    pub at: Timestamp,
    /// What the operation is about.
    pub resource: &'a Resource,
    /// What the move came from.
    pub situation: &'a Situation,
    /// The move.
    pub next: &'a Move<Work>,
}
