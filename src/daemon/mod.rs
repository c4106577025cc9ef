//! The agent under a runtime: what a process around the core adds to it.
//!
//! - `serve`: the loop: an agent that obeys orders.
//! - `signals`: the orders that a process gets.
//! - `log`: what the agent tells, as log lines; `record`: the same and what it decided from, as JSON lines.

pub mod log;
pub mod record;
mod serve;
mod signals;

pub use serve::{Order, serve};
pub use signals::{Signal, Signals};
