//! Who hears what the agent tells: one observer, many hearers. None of them decides anything, and none can hold the core up.
//!
//! - `log`: as log lines.
//! - `record`: the same, and what was decided from, as JSON lines.
//! - `meter`: as numbers, for Prometheus and statsd.
//! - `board`: as what hangs on a board, for the API.
//! - `series`: as samples of how it went, for pictures.
//! - `alerts`: as messages to services that people are called by.

pub mod alerts;
pub mod board;
pub mod log;
pub mod meter;
pub mod record;
pub mod series;
