//! Replicator's scaling core: everything that decides and acts, written against four [ports].
//!
//! The map of the house, from the inside out:
//!
//! - [`domain`]: the field's nouns and their units.
//! - [`policy`]: scaling policies, read from `meta`.
//! - [`decide`]: pure decisions, with their reasons as data.
//! - [`operation`]: what is done about a decision, as persisted state machines; pure too.
//! - [`state`]: what is kept in Consul, readable by the Go daemon.
//! - [`ports`]: what the core asks of the world.
//! - [`agent`]: the loops that watch, decide and act through the ports.
//!
//! Rules cited as J1, P1, L1 or S1 are the numbered statements of the book's chapter "The rules".

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

pub mod agent;
pub mod decide;
pub mod domain;
pub mod operation;
pub mod policy;
pub mod ports;
pub mod state;
