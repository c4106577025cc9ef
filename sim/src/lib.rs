//! Replicator's simulator: the scaling core, bound to a virtual cluster that is the same every time.
//!
//! - [`scenario`]: scenario files.
//! - [`load`]: demand over time.
//! - `world`: Nomad, Auto Scaling groups and Consul as a discrete-event model.
//! - [`stage`]: that world with its agents, for whoever drives it; [`run`]: the executor, which does.
//! - `invariants`: what must never happen; [`crash`]: the leader killed at every call of an operation.
//! - [`odd`]: an agent that is told other things than the truth now and then.
//! - [`hunt`]: scenarios that are made up from a seed, run and judged.
//! - [`record`]: what happened; [`measure`]: how good it was; [`expect`]: whether it was as expected.
//! - [`report`], [`plot`]: what is shown.
//! - [`replay`]: the decisions of a recorded agent, repeated.
//! - [`serve`]: the world behind the HTTP APIs of Nomad, Consul and AWS.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test may panic; its numbers are exact"))]

pub mod crash;
pub mod expect;
pub mod hunt;
mod invariants;
mod keys;
pub mod load;
pub mod measure;
pub mod odd;
pub mod plot;
mod random;
pub mod record;
pub mod replay;
pub mod report;
pub mod run;
pub mod scenario;
pub mod serve;
pub mod stage;
pub mod time;
mod world;

pub use invariants::Violation;
