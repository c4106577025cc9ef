//! How calls on a port fail, told apart as far as the core acts on it.

use std::fmt;

use serde::Serialize;

/// Which service a call went to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// HashiCorp Nomad.
    Nomad,
    /// HashiCorp Consul.
    Consul,
    /// The cloud provider.
    Cloud,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nomad => "Nomad",
            Self::Consul => "Consul",
            Self::Cloud => "cloud",
        })
    }
}

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The thing asked for does not exist.
    NotFound,
    /// The thing changed meanwhile, or is in a state that forbids the call.
    Conflict,
    /// Refused for good: the same call will be refused again.
    Refused,
    /// Not permitted.
    Denied,
    /// No answer, or one from a server that does not know the truth (no leader, S11). The call may have taken effect.
    Unreachable,
    /// Asked to slow down.
    RateLimited,
    /// Anything else; the message says what.
    Other,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "not found",
            Self::Conflict => "conflict",
            Self::Refused => "refused",
            Self::Denied => "permission denied",
            Self::Unreachable => "unreachable",
            Self::RateLimited => "rate limited",
            Self::Other => "error",
        })
    }
}

/// A call that failed. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize)]
#[error("{service}: {call}: {kind}: {message}")]
pub struct PortError {
    /// Where the call went.
    pub service: Service,
    /// What was asked, with its object: `scale web/cache`.
    pub call: String,
    /// What kind of failure.
    pub kind: ErrorKind,
    /// What the server or the connection said.
    pub message: String,
}

impl PortError {
    /// An error of that kind.
    pub fn new(service: Service, call: impl Into<String>, kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { service, call: call.into(), kind, message: message.into() }
    }
}
