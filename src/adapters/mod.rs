//! The ports, bound to real servers. An adapter's whole job is translation, time-outs, retries of what is safe to
//! retry, and telling errors apart; it decides nothing.
//!
//! - [`clock`]: time, by tokio and the machine's clock.
//! - [`http`]: what the HTTP APIs of Nomad and Consul have in common.
//! - [`nomad`], [`consul`]: their APIs.
//! - [`providers`]: cloud providers, by the name that pools give.
//! - `aws`: Auto Scaling groups and EC2 instances; only in a build with the feature `aws`.
//! - [`notify`]: services that are told of alerts.
//! - [`rehearsal`]: ports of which nothing is changed.
//! - [`ports`]: all of them, bundled for the agent.

#[cfg(feature = "aws")]
pub mod aws;
pub mod clock;
pub mod consul;
pub mod http;
pub mod nomad;
pub mod notify;
pub mod ports;
pub mod providers;
pub mod rehearsal;

use crate::ports::{ErrorKind, PortError, Service};

/// Counts a call by what became of it.
fn counted(service: Service, error: Option<&PortError>) {
    let outcome = match error.map(|error| error.kind) {
        None => "ok",
        Some(ErrorKind::NotFound) => "not_found",
        Some(ErrorKind::Conflict) => "conflict",
        Some(ErrorKind::Refused) => "refused",
        Some(ErrorKind::Denied) => "denied",
        Some(ErrorKind::Unreachable) => "unreachable",
        Some(ErrorKind::RateLimited) => "rate_limited",
        Some(ErrorKind::Other) => "error",
    };
    metrics::counter!("replicator_calls_total", "server" => service.to_string(), "outcome" => outcome).increment(1);
}
