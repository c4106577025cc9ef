//! What can be wrong with a policy, in words that name the key.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

/// What is wrong with one key.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// It is required and not there.
    Missing,
    /// The value is not what the key takes.
    Unreadable {
        /// The value as written.
        value: String,
        /// What the key takes.
        expected: Cow<'static, str>,
    },
    /// The value cannot be used.
    Told {
        /// Why not, in words.
        why: String,
    },
    /// The value contradicts that of another key.
    Contradicts {
        /// The value as read.
        value: String,
        /// What it must be, in words.
        must_be: &'static str,
        /// The other key.
        other: &'static str,
        /// The other key's value.
        other_value: String,
    },
    /// In the pool's object in Consul, the value has a form that no key takes.
    WrongForm {
        /// The value, as JSON.
        json: String,
    },
    /// What is at this key in Consul holds no policy at all.
    NotAnObject {
        /// Why not.
        reason: String,
    },
    /// The bounds of a group leave room for nothing.
    NoRoom,
    /// No size within the bounds of a pool could lose so many nodes.
    TooTolerant {
        /// How many nodes may fail.
        tolerance: u32,
        /// The most nodes.
        max: u32,
    },
    /// A target is asked for and none is given.
    NoTarget {
        /// The key that would do as well.
        other: &'static str,
    },
    /// The policy's strategy does not look at the key. Advice.
    NotLookedAt {
        /// The strategy.
        strategy: &'static str,
    },
    /// It says something of a forecast that is not made. Advice.
    NoForecast,
    /// A group may shrink to nothing. Advice.
    ToNothing,
    /// Both bounds are the same. Advice.
    OneSize {
        /// That size.
        size: u32,
        /// The key of the lower bound.
        min: &'static str,
    },
    /// Nothing is below this threshold. Advice.
    NeverBelow,
    /// Hardly anything is above this threshold. Advice.
    HardlyAbove {
        /// The threshold.
        threshold: f64,
    },
    /// No key of that name means anything.
    Unknown {
        /// The key that may have been meant.
        meant: Option<&'static str>,
    },
}

/// A key and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeyProblem {
    /// The key.
    pub key: String,
    /// What is wrong.
    pub problem: Problem,
}

impl KeyProblem {
    /// Whether the value means what it says, and hardly what was wanted.
    #[must_use]
    pub fn is_advice(&self) -> bool {
        use Problem::{HardlyAbove, NeverBelow, NoForecast, NotLookedAt, OneSize, ToNothing};
        matches!(
            self.problem,
            ToNothing | OneSize { .. } | NeverBelow | HardlyAbove { .. } | NotLookedAt { .. } | NoForecast
        )
    }
}

impl fmt::Display for KeyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match &self.problem {
            Problem::Missing => write!(f, "{key} is missing"),
            Problem::Unreadable { value, expected } => write!(f, "{key} = {value:?} is not {expected}"),
            Problem::Told { why } => write!(f, "{key}: {why}"),
            Problem::Contradicts { value, must_be, other, other_value } => {
                write!(f, "{key} = {value} must be {must_be} {other} = {other_value}")
            }
            Problem::WrongForm { json } => write!(f, "{key} = {json} is not a text, a number or a boolean"),
            Problem::NotAnObject { reason } => write!(f, "{key} is not a JSON object: {reason}"),
            Problem::NoRoom => write!(
                f,
                "{key} = 0 leaves room for nothing: a group of none has no statistics and would never be scaled; \
                 replicator_enabled = false is what keeps a group as it is"
            ),
            Problem::TooTolerant { tolerance, max } => write!(
                f,
                "{key} = {tolerance} must be less than replicator_max = {max}: no pool within its bounds could lose so \
                 many nodes"
            ),
            Problem::NoTarget { other } => write!(f, "{key} is missing, and so is {other}: one of them is needed"),
            Problem::NotLookedAt { strategy } => write!(f, "{key} is not looked at by the strategy {strategy:?}"),
            Problem::NoForecast => write!(f, "{key} has no effect without replicator_forecast"),
            Problem::ToNothing => write!(
                f,
                "{key} = 0: a group at 0 has no statistics and would never come back: it is not scaled in below 1"
            ),
            Problem::OneSize { size, min } => {
                write!(f, "{min} = {key} = {size}: with one size there is none to scale to")
            }
            Problem::NeverBelow => write!(f, "{key} = 0 can never fire: nothing uses less than 0 %"),
            Problem::HardlyAbove { threshold } => write!(
                f,
                "{key} = {threshold} can hardly fire: Nomad kills a task that uses more memory than it asked for"
            ),
            Problem::Unknown { meant: Some(meant) } => write!(f, "{key} means nothing; did you mean {meant}?"),
            Problem::Unknown { meant: None } => write!(f, "{key} means nothing"),
        }
    }
}

/// All that is wrong with a policy (J3).
#[derive(Debug, Clone, PartialEq, Serialize, thiserror::Error)]
#[error("{}", .problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct PolicyError {
    /// Every key that is wrong, in the order of the table in the book.
    pub problems: Vec<KeyProblem>,
}
