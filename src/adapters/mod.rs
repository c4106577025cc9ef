//! The ports, bound to real servers. An adapter's whole job is translation, time-outs, retries of what is safe to
//! retry, and telling errors apart; it decides nothing.
//!
//! - [`clock`]: time, by tokio and the machine's clock.
//! - [`http`]: what the HTTP APIs of Nomad and Consul have in common.
//! - [`nomad`], [`consul`]: their APIs.
//! - [`no_cloud`]: the cloud port of a build without a provider.
//! - [`ports`]: all of them, bundled for the agent.

pub mod clock;
pub mod consul;
pub mod http;
pub mod no_cloud;
pub mod nomad;
pub mod ports;
