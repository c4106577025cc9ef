//! The agent under a runtime: what a process around the core adds to it.
//!
//! - `serve`: the loop: an agent that obeys orders.
//! - `signals`: the orders that a process gets.
//! - `vitals`: whether it does what it should, for systemd and the log.

mod serve;
mod signals;
pub mod vitals;

pub use serve::{Order, serve};
pub use signals::{Signal, Signals};
