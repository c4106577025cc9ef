//! What the HTTP APIs of Nomad and Consul have in common: addresses, TLS, tokens, time-outs, blocking queries, retries
//! of reads, and answers that a server without a leader gave (S11).
//!
//! - `endpoint`: where a server is and how to speak to it.
//! - `connect`: the client made of that.
//! - `request`: one call.

mod connect;
mod endpoint;
mod request;

pub use connect::{ConnectError, Http};
pub use endpoint::{Address, AddressError, Endpoint, Tls, Verify};
pub(super) use request::{Answer, Refusal, Request};

/// Renders an error with its causes, the outermost first, without the address that reqwest puts in: it may hold a
/// password.
fn with_causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        let word = error.to_string();
        if !text.ends_with(&word) {
            text = format!("{text}: {word}");
        }
        cause = error.source();
    }
    text
}
