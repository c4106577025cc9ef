//! The adapters against what real servers said: recordings of Nomad 0.8.7 and 1.1.2, of Consul 1.8.7 and of moto 5.2.5, in
//! `tests/recorded`, trimmed; and against connections that fail in every way.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[cfg(feature = "aws")]
mod aws;
mod consul;
mod faults;
mod nomad;
mod nomad_scale;
mod recording;
#[path = "../support/site.rs"]
mod site;
mod tls;

use replicator::adapters::consul::{ConsulClient, ConsulSettings};
use replicator::adapters::http::{Address, Endpoint, Tls};
use replicator::adapters::nomad::{NomadClient, NomadSettings};
use wiremock::MockServer;

/// An endpoint without TLS and token.
fn endpoint(uri: &str) -> Endpoint {
    Endpoint { address: Address::parse(uri, "http").unwrap(), source: None, tls: Tls::default(), token: None }
}

fn nomad_settings(uri: &str) -> NomadSettings {
    NomadSettings { endpoint: endpoint(uri), region: None, namespace: None }
}

fn nomad(server: &MockServer) -> NomadClient {
    NomadClient::new(nomad_settings(&server.uri())).unwrap()
}

fn consul_settings(uri: &str) -> ConsulSettings {
    ConsulSettings { endpoint: endpoint(uri), datacenter: None, namespace: None }
}

fn consul(server: &MockServer) -> ConsulClient {
    ConsulClient::new(consul_settings(&server.uri())).unwrap()
}
