//! Replicator's simulator: the scaling core, bound to a virtual cluster that is the same every time.
//!
//! Rooms, each built on those before it:
//!
//! - `kernel`: time, randomness, the queue of what happens.
//! - [`plan`]: the nouns of a run.
//! - [`judge`]: what happened, how good it was, what must never happen.
//! - [`scenario`]: scenario files, which are translated into plans.
//! - `world`: Nomad, Auto Scaling groups and Consul as a discrete-event model, and the core's ports bound to it.
//! - [`drive`]: that world with its agents, and the executor that plays it.
//! - [`show`]: text, JSON, CSV, pictures.
//! - [`serve`]: the world behind the HTTP APIs of Nomad, Consul and AWS.
//! - [`search`]: many runs: the hunt.
//! - [`replay`]: the decisions of a recorded agent, repeated.
//! - [`command`]: the command line.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test may panic; its numbers are exact"))]

pub mod command;
pub mod drive;
pub mod judge;
mod kernel;
pub mod plan;
pub mod replay;
pub mod scenario;
pub mod search;
pub mod serve;
pub mod show;
mod world;

pub use judge::invariants::Violation;
pub use kernel::time;
