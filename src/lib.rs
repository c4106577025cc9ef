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
//! - [`recording`]: decisions with all that they came from, to be repeated later.
//! - [`agent`]: the loops that watch, decide and act through the ports.
//!
//! With the feature `agent`, the daemon as well:
//!
//! - `adapters`: the ports, bound to real servers.
//! - `api`: what the agent is doing, over HTTP.
//! - `config`: flags, files and environment, settled into one configuration.
//! - `outlet`: who hears what the agent tells: logs, recordings, alerts.
//! - `daemon`: the agent under a runtime: signals, reloading.
//! - `command`: the commands that a person types.
//!
//! Rules cited as J1, P1, L1 or S1 are the numbered statements of the book's chapter "The rules".

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

/// The revision of the source that this was built from.
pub const REVISION: &str = env!("REPLICATOR_REVISION");

#[cfg(feature = "agent")]
pub mod adapters;
pub mod agent;
#[cfg(feature = "agent")]
pub mod api;
#[cfg(feature = "agent")]
pub mod command;
#[cfg(feature = "agent")]
pub mod config;
#[cfg(feature = "agent")]
pub mod daemon;
pub mod decide;
pub mod domain;
pub mod operation;
#[cfg(feature = "agent")]
pub mod operator;
#[cfg(feature = "agent")]
pub mod outlet;
pub mod policy;
pub mod ports;
pub mod recording;
pub mod signal;
pub mod state;
#[cfg(test)]
mod testing;
