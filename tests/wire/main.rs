//! The adapters against what real servers said: recordings of Nomad 0.8.7, 1.1.2 and 2.0.5, of Consul 1.8.7 and of moto 5.2.5, in
//! `tests/recorded`, trimmed; and against connections that fail in every way.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[cfg(feature = "aws")]
mod aws;
mod believed;
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
    Endpoint {
        address: Address::parse(uri, "http").unwrap(),
        source: None,
        tls: Tls::default(),
        token: None,
        token_file: None,
    }
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

/// What was logged as a warning meanwhile, on this thread.
async fn warned<T>(work: impl Future<Output = T>) -> (String, T) {
    #[derive(Clone, Default)]
    struct Lines(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);
    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let lines = Lines::default();
    let to = lines.clone();
    let log = tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_ansi(false);
    let guard = tracing::subscriber::set_default(log.with_writer(move || to.clone()).finish());
    let value = work.await;
    drop(guard);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    (text, value)
}
