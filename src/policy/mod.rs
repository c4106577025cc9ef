//! Scaling policies: what people write in `meta`, read and checked. The keys and their meaning are rules J1 to J5
//! and P2 to P5 of the book.
//!
//! Reading is pure. It names every key that is wrong, not only the first (J3).

mod group;
mod pool;
mod problem;
mod reader;
mod schedule;
mod strategy;
pub(crate) mod weak;

pub use group::{GROUP_KEYS, GroupPolicy};
pub use pool::{POOL_KEY, POOL_KEYS, PoolPolicy, wants_stored_policy, with_stored_policy};
pub use problem::{KeyProblem, PolicyError, Problem};
pub use schedule::{InForce, Schedule};
pub use strategy::{Forecast, GroupStrategy, Target, Thresholds};

/// The prefix of every key of ours in `meta`.
pub const KEY_PREFIX: &str = "replicator_";

/// What reading `meta` came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading<P> {
    /// No key of ours is there: not ours to scale (J2).
    NotOurs,
    /// A policy, and what is dubious about it: keys of our prefix that mean nothing, likely misspelt, and values that do
    /// what they say and hardly what was wanted.
    Policy(P, Vec<KeyProblem>),
    /// Keys are missing or wrong: not scaled, and said so (J3).
    Invalid(PolicyError),
}
