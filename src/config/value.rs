//! Text to values, as Go's weak decoding reads it (C4).

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use secrecy::SecretString;

use crate::adapters::notify::Kind;
use crate::policy::weak;

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What a human must act on.
    Error,
    /// And what recovered, or looks wrong.
    Warn,
    /// And what was done.
    Info,
    /// And every evaluation.
    Debug,
    /// And everything.
    Trace,
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_uppercase().as_str() {
            "TRACE" => Ok(Self::Trace),
            "DEBUG" => Ok(Self::Debug),
            "INFO" => Ok(Self::Info),
            "WARN" | "WARNING" => Ok(Self::Warn),
            // The Go daemon's levels above ERROR.
            "ERROR" | "ERR" | "FATAL" | "PANIC" | "CRITICAL" => Ok(Self::Error),
            _ => Err(format!("{text:?} is no level; use DEBUG, INFO, WARN or ERROR")),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "ERROR",
            Self::Warn => "WARN",
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
            Self::Trace => "TRACE",
        })
    }
}

/// A switch.
///
/// # Errors
///
/// When the text is none of Go's words for true and false.
pub fn boolean(text: &str) -> Result<bool, String> {
    weak::boolean(text).ok_or_else(|| format!("{text:?} is neither true nor false"))
}

/// A span in whole seconds, 1 at least.
pub(super) fn seconds(text: &str) -> Result<u32, String> {
    at_least_one(text).ok_or_else(|| format!("{text:?} is no number of seconds; use a whole number from 1"))
}

/// A number of things, 1 at least.
pub(super) fn positive(text: &str) -> Result<u32, String> {
    at_least_one(text).ok_or_else(|| format!("{text:?} is no whole number from 1"))
}

/// A number of things, or none.
pub(super) fn count(text: &str) -> Result<u32, String> {
    weak::count(text).ok_or_else(|| format!("{text:?} is no whole number from 0"))
}

/// A port.
pub(super) fn port(text: &str) -> Result<u16, String> {
    let port = at_least_one(text).and_then(|port| u16::try_from(port).ok());
    port.ok_or_else(|| format!("{text:?} is no port; use a number from 1 to 65535"))
}

/// The address of something that listens by UDP.
pub(super) fn host_and_port(text: &str) -> Result<String, String> {
    let is_one = text.rsplit_once(':').is_some_and(|(host, number)| !host.is_empty() && port(number).is_ok());
    is_one.then(|| text.to_owned()).ok_or_else(|| format!("{text:?} is no address like localhost:8125"))
}

/// A port, or 0 for none.
pub(super) fn port_or_none(text: &str) -> Result<u16, String> {
    if weak::count(text) == Some(0) { Ok(0) } else { port(text) }
}

fn at_least_one(text: &str) -> Option<u32> {
    weak::count(text).filter(|number| *number >= 1)
}

/// The root of keys in Consul, without slashes around it.
pub(super) fn key_root(text: &str) -> Result<String, String> {
    let root = text.trim_matches('/');
    if root.is_empty() { Err("the root of the keys is empty".to_owned()) } else { Ok(root.to_owned()) }
}

/// Kinds of alerts: a type of its own, since clap takes a set for a list of flags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kinds(pub BTreeSet<Kind>);

/// Kinds of alerts, with commas between.
pub(super) fn kinds(text: &str) -> Result<Kinds, String> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    let mut kinds = BTreeSet::new();
    for name in names {
        match name {
            "all" => kinds.extend(Kind::ON_REQUEST),
            // Always told, so that it may stand there for completeness.
            "failsafe" => {}
            _ => drop(kinds.insert(name.parse()?)),
        }
    }
    Ok(Kinds(kinds))
}

/// The address of a web service.
pub(super) fn url(text: &str) -> Result<String, String> {
    let is_web = is_web(text);
    is_web.then(|| text.to_owned()).ok_or_else(|| format!("{text:?} is no address like https://host/path"))
}

/// The same where it holds a secret: nothing of it is shown.
pub(super) fn secret_url(text: &str) -> Result<SecretString, String> {
    is_web(text).then(|| text.into()).ok_or_else(|| "it is no address like https://host/path".to_owned())
}

fn is_web(text: &str) -> bool {
    let parsed = reqwest::Url::parse(text);
    parsed.is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// A secret: any text, since an error could show it.
#[expect(clippy::unnecessary_wraps, reason = "a parser of values has this form")]
pub(super) fn secret(text: &str) -> Result<SecretString, Infallible> {
    Ok(SecretString::from(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c4_values_are_read_as_go_reads_them() {
        assert_eq!(boolean("T"), Ok(true));
        assert!(boolean("yes").is_err());
        assert_eq!((seconds("30"), seconds("0x10")), (Ok(30), Ok(16)));
        for wrong in ["0", "-1", "1.5", "ten", "10s", ""] {
            assert!(seconds(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!((port("1313"), port("65536").is_err(), port("0").is_err()), (Ok(1313), true, true));
        assert_eq!(key_root("/replicator/config/").as_deref(), Ok("replicator/config"));
        assert!(key_root("/").is_err());
        assert_eq!(
            ("warn".parse(), "Warning".parse(), "ERR".parse()),
            (Ok(Level::Warn), Ok(Level::Warn), Ok(Level::Error))
        );
        assert!("SILLY".parse::<Level>().is_err());
        assert_eq!(kinds("policy, scaling,failsafe"), Ok(Kinds([Kind::Scaling, Kind::Policy].into())));
        assert_eq!(kinds("all").unwrap().0.len(), Kind::ON_REQUEST.len());
        assert!(kinds("everything").is_err());
        assert!(url("https://events.eu.pagerduty.com").is_ok() && url("events.pagerduty.com").is_err());
        assert!(host_and_port("[::1]:8125").is_ok() && host_and_port("localhost").is_err());
        assert_eq!(secret_url("hooks/T0KEN").unwrap_err(), "it is no address like https://host/path");
    }
}
