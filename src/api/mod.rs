//! The HTTP API: what hangs on the board, as JSON.
//!
//! It is served by a thread of its own, so that no number of clients holds the scaling core up.
//!
//! - `model`: what answers look like; the OpenAPI document is made from it.
//! - `view`: from the board to the model. Nothing is worked out there that a decision does not carry.
//! - `access`: who may change something; `change`: pages that do.
//! - `events`: what happens, as a stream.
//! - `gauges`: the same as metrics.
//! - `pages`: which path answers what.
//! - `peers`: the other agents, and who of them leads.
//! - `ui`: the web page; `ui/` has what browsers get.
//! - `server`: connections, limits, time-outs.

mod access;
mod change;
mod events;
pub mod gauges;
pub mod model;
mod pages;
pub mod peers;
mod server;
mod ui;
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
use access::Gate;
use peers::Peers;

pub use access::{Access, TlsFiles};
pub use change::{MOST_ORDERS, Order, Orders, obey};
pub use pages::document;
pub use server::serve;
pub use view::known;

/// Where the API listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiSettings {
    /// The address.
    pub address: IpAddr,
    /// The port; nothing where there is to be no API.
    pub port: Option<u16>,
    /// Who may change something, and how connections are encrypted.
    pub access: Access,
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
    /// Lets through what may change something.
    gate: Arc<Gate>,
    /// Where it is carried out.
    orders: Orders,
    /// How those are doing whom alerts go to.
    pub receivers: Arc<Mutex<Vec<Standing>>>,
}

impl Site {
    /// What the API of an agent answers from, of which nothing is known yet.
    ///
    /// # Errors
    ///
    /// When something counts already.
    pub fn new(
        agent: AgentName,
        (started, interval): (Timestamp, Duration),
        board: Board,
        settings: &ApiSettings,
        orders: Orders,
    ) -> Result<Self, metrics_exporter_prometheus::BuildError> {
        Ok(Self {
            agent,
            started,
            interval,
            board,
            peers: Peers::default(),
            streams: Arc::new(Semaphore::new(MOST_STREAMS)),
            counted: gauges::count()?,
            gate: Gate::new(&settings.access, settings.address),
            orders,
            receivers: Arc::default(),
        })
    }
}
