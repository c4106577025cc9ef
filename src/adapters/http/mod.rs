//! What the HTTP APIs of Nomad and Consul have in common: addresses, TLS, tokens, time-outs, blocking queries, retries
//! of reads, and answers that a server without a leader gave (S11).
//!
//! - `endpoint`: where a server is and how to speak to it.
//! - `connect`: the client made of that.
//! - `gate`: how much is asked at once, and when nothing is.
//! - `token`: a token that stands in a file.
//! - `request`: one call.

mod connect;
mod endpoint;
mod gate;
mod request;
mod token;

pub use connect::{ConnectError, Http};
pub use endpoint::{Address, AddressError, Endpoint, Tls, Verify};
pub(super) use request::{Answer, Refusal, Request};

/// An error of reqwest with its causes, without the address that it puts in: that may hold a password.
pub(super) fn without_address(error: reqwest::Error) -> String {
    with_causes(&error.without_url())
}

/// Renders an error with its causes, the outermost first.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let word = error.to_string();
        if !text.ends_with(&word) {
            text = format!("{text}: {word}");
        }
        cause = error.source();
    }
    text
}
