//! What can be wrong with a policy, in words that name the key.

use std::fmt;

use serde::Serialize;

/// What is wrong with one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// It is required and not there.
    Missing,
    /// The value is not what the key takes.
    Unreadable {
        /// The value as written.
        value: String,
        /// What the key takes.
        expected: &'static str,
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
    /// No key of that name means anything.
    Unknown {
        /// The key that may have been meant.
        meant: Option<&'static str>,
    },
}

/// A key and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyProblem {
    /// The key.
    pub key: String,
    /// What is wrong.
    pub problem: Problem,
}

impl fmt::Display for KeyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match &self.problem {
            Problem::Missing => write!(f, "{key} is missing"),
            Problem::Unreadable { value, expected } => write!(f, "{key} = {value:?} is not {expected}"),
            Problem::Contradicts { value, must_be, other, other_value } => {
                write!(f, "{key} = {value} must be {must_be} {other} = {other_value}")
            }
            Problem::Unknown { meant: Some(meant) } => write!(f, "{key} means nothing; did you mean {meant}?"),
            Problem::Unknown { meant: None } => write!(f, "{key} means nothing"),
        }
    }
}

/// All that is wrong with a policy (J3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{}", .problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct PolicyError {
    /// Every key that is wrong, in the order of the table in the book.
    pub problems: Vec<KeyProblem>,
}
