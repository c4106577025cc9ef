//! The HTTP API: what hangs on the board, as JSON.
//!
//! It is served by a thread of its own, so that no number of clients holds the scaling core up.
//!
//! - `model`: what answers look like; the OpenAPI document is made from it.
//! - `view`: from the board to the model. Nothing is worked out there that a decision does not carry.
//! - `events`: what happens, as a stream.
//! - `gauges`: the same as metrics.
//! - `pages`: which path answers what.
//! - `peers`: the other agents, and who of them leads.
//! - `server`: connections, limits, time-outs.

mod events;
pub mod gauges;
pub mod model;
mod pages;
pub mod peers;
mod server;
mod view;

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;

use crate::domain::AgentName;
use crate::outlet::alerts::Standing;
use crate::outlet::board::Board;
use peers::Peers;

pub use pages::document;
pub use server::serve;

/// Where the API listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiSettings {
    /// The address.
    pub address: IpAddr,
    /// The port; nothing where there is to be no API.
    pub port: Option<u16>,
}

/// How many may follow what happens, at once.
pub const MOST_STREAMS: usize = 128;

/// Who answers, and what from.
#[derive(Clone)]
pub struct Site {
    /// The agent.
    pub agent: AgentName,
    /// When it started.
    pub started: Timestamp,
    /// How often groups and pools are evaluated, the longer of both.
    pub interval: Duration,
    /// What it tells.
    pub board: Board,
    /// The others.
    pub peers: Peers,
    /// Places for those who follow what happens.
    pub streams: Arc<Semaphore>,
    /// What was counted.
    pub counted: PrometheusHandle,
    /// How those are doing whom alerts go to.
    pub receivers: Arc<Mutex<Vec<Standing>>>,
}
