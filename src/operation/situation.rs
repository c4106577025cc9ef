//! A move's whole input, as data: what a recording keeps, and what the move can be repeated from.

use serde::{Deserialize, Serialize};

use super::{GroupScale, GroupSight, Move, ScaleIn, ScaleInSight, ScaleOut, ScaleOutSight, Work};

/// What a move comes from: an operation, how far it is, and what can be seen of the world. Nothing else has a say in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Situation {
    /// Of a change of a group's count.
    GroupScale {
        /// The operation.
        work: GroupScale,
        /// What can be seen.
        sight: GroupSight,
    },
    /// Of adding a node to a pool.
    ScaleOut {
        /// The operation.
        work: ScaleOut,
        /// What can be seen.
        sight: ScaleOutSight,
    },
    /// Of taking a node out of a pool.
    ScaleIn {
        /// The operation.
        work: ScaleIn,
        /// What can be seen.
        sight: ScaleInSight,
    },
}

impl Situation {
    /// The next move; the same every time.
    #[must_use]
    pub fn next(&self) -> Move<Work> {
        match self {
            Self::GroupScale { work, sight } => work.next(sight).map(Work::GroupScale),
            Self::ScaleOut { work, sight } => work.next(sight).map(Work::ScaleOut),
            Self::ScaleIn { work, sight } => work.next(sight).map(Work::ScaleIn),
        }
    }

    /// The name of the phase that the operation is in.
    #[must_use]
    pub fn phase_name(&self) -> &'static str {
        match self {
            Self::GroupScale { work, .. } => work.phase.name(),
            Self::ScaleOut { work, .. } => work.phase.name(),
            Self::ScaleIn { work, .. } => work.phase.name(),
        }
    }
}
