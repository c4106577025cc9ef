//! Policies, as they stand in the meta of groups and nodes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use replicator::domain::Meta;
use replicator::policy::{GroupPolicy, KeyProblem, POOL_KEY, PolicyError, PoolPolicy, Reading};
use serde::{Deserialize, Serialize};

use super::problem::{Problem, Under};

/// A value of `meta`: text in Nomad, but numbers and booleans may be written as such.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a text, a number or a boolean")]
pub enum MetaValue {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// Text.
    Text(String),
}

impl MetaValue {
    pub(super) fn to_text(&self) -> String {
        match self {
            Self::Boolean(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::Text(value) => value.clone(),
        }
    }
}

impl From<bool> for MetaValue {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<u32> for MetaValue {
    fn from(value: u32) -> Self {
        Self::Integer(value.into())
    }
}

impl From<f64> for MetaValue {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<&str> for MetaValue {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

/// Meta as it is written.
pub(super) type Written = BTreeMap<String, MetaValue>;

/// A pool's meta, completed with its name, and the policy that the core reads from it.
pub(super) fn pool_policy(name: &str, written: &Written) -> Result<(Meta, PoolPolicy), Problem> {
    let mut meta = plain(written);
    let named = meta.entry(POOL_KEY.to_owned()).or_insert_with(|| name.to_owned());
    if named != name {
        let message = format!("{POOL_KEY} must be the pool's name, {name:?}, or be left out");
        return Err(Problem::new(message)).under(POOL_KEY);
    }
    match PoolPolicy::read(&meta) {
        Reading::Policy(policy, warnings) => refuse(&mistakes(warnings)).map(|()| (meta, policy)),
        Reading::Invalid(PolicyError { problems }) => refuse(&problems).and(Err(none())),
        Reading::NotOurs => Err(none()),
    }
}

/// A group's meta, and the policy that the core reads from it, if it is one of ours.
pub(super) fn group_policy(written: &Written) -> Result<(Meta, Option<GroupPolicy>), Problem> {
    let meta = plain(written);
    match GroupPolicy::read(&meta) {
        Reading::Policy(policy, warnings) => refuse(&mistakes(warnings)).map(|()| (meta, Some(policy))),
        Reading::Invalid(PolicyError { problems }) => refuse(&problems).and(Err(none())),
        Reading::NotOurs => Ok((meta, None)),
    }
}

fn none() -> Problem {
    Problem::new("no policy can be read from this meta")
}

fn plain(written: &Written) -> Meta {
    written.iter().map(|(key, value)| (key.clone(), value.to_text())).collect()
}

/// The warnings without the advice: a scenario may be about what is legal and hardly wise.
fn mistakes(warnings: Vec<KeyProblem>) -> Vec<KeyProblem> {
    warnings.into_iter().filter(|warning| !warning.is_advice()).collect()
}

/// An error for the problems of a policy, at the first one's key.
fn refuse(problems: &[KeyProblem]) -> Result<(), Problem> {
    let Some(first) = problems.first() else { return Ok(()) };
    let mut message = first.to_string();
    for problem in &problems[1..] {
        let _ = write!(message, "; {problem}");
    }
    Err(Problem::new(message)).under(&first.key)
}
