//! Evaluations: what is observed, what is decided about it, and whether something begins.
//!
//! - `rounds`: every resource at its interval, each on its own.
//! - `group`, `pool`: one evaluation of a task group, of a pool.
//! - `statistics`: samples of a group's allocations, bounded for all groups together.
//! - `clients`: clients that collect no statistics.
//! - `fleet`: all pools together, for the limits that an operator sets.
//! - `candidates`: which nodes of a pool may leave, and which one does.
//! - `waiting`: work that could not be placed, and which pool it waits for.
//! - `shadow`: the state of what is not enabled, as it would be.
//! - `housekeeping`: what is done now and then, about nothing in particular.

mod candidates;
pub(super) mod clients;
mod fleet;
mod following;
mod group;
pub(super) mod housekeeping;
mod pool;
pub(super) mod rounds;
mod shadow;
pub(super) mod statistics;
mod waiting;
