//! Who may change something by the API: whoever has the token, and no page of another site (C15).

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, Uri, header};
use secrecy::{ExposeSecret, SecretString};

/// What is asked of those who change something, and whether others can listen.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// What they must know; nothing where there is no such secret.
    pub token: Option<SecretString>,
    /// The certificate and its key, where connections are encrypted.
    pub tls: Option<TlsFiles>,
}

/// Files in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and those between it and its authority.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl PartialEq for Access {
    fn eq(&self, other: &Self) -> bool {
        let token = |access: &Self| access.token.as_ref().map(|token| token.expose_secret().to_owned());
        self.tls == other.tls && token(self) == token(other)
    }
}

impl Eq for Access {}

/// Lets through what may change something.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    token: Option<SecretString>,
    /// Whether only this machine can ask.
    is_private: bool,
}

/// Why something may not be changed.
pub(super) type Refusal = (StatusCode, String);

impl Gate {
    pub(super) fn new(access: &Access, bound: IpAddr) -> Arc<Self> {
        Arc::new(Self { token: access.token.clone(), is_private: bound.is_loopback() })
    }

    /// Whether whoever sends these headers may change something.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let text = |name: header::HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        if let Some(origin) = text(header::ORIGIN) {
            let asked = text(header::HOST).unwrap_or_default();
            let is_ours = origin.parse::<Uri>().is_ok_and(|uri| {
                uri.authority().is_some_and(|authority| authority.as_str().eq_ignore_ascii_case(asked))
            });
            if !is_ours {
                return Err((StatusCode::FORBIDDEN, format!("a page of {origin} may change nothing here")));
            }
            if self.token.is_none() && !means_this_machine(asked) {
                let words = format!(
                    "a page at {asked} may change nothing without http_token: anybody's name can be made to mean this machine; \
                     open it by its address, or as localhost"
                );
                return Err((StatusCode::FORBIDDEN, words));
            }
        }
        let Some(token) = &self.token else {
            let words = "without http_token something can be changed from this machine only, where bind_address is 127.0.0.1; \
                         the commands replicator failsafe, hold and release write to Consul themselves";
            return if self.is_private { Ok(()) } else { Err((StatusCode::FORBIDDEN, words.to_owned())) };
        };
        let given = text(header::AUTHORIZATION).and_then(|given| given.strip_prefix("Bearer ")).unwrap_or_default();
        // In a time that tells nothing of how much of it was right.
        let equal = aws_lc_rs::constant_time::verify_slices_are_equal;
        equal(given.as_bytes(), token.expose_secret().as_bytes()).map_err(|_| {
            let words = "changing something takes the agent's http_token, as the header authorization: Bearer <token>";
            (StatusCode::UNAUTHORIZED, words.to_owned())
        })
    }
}

/// Whether a `Host` is an address, or the one name that no name server is asked for.
fn means_this_machine(host: &str) -> bool {
    let Ok(uri) = host.parse::<Uri>() else { return false };
    let name = uri.host().unwrap_or_default();
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn asks(headers: &[(&'static str, &str)], token: Option<&str>, bound: Ipv4Addr) -> Option<u16> {
        let access = Access { token: token.map(SecretString::from), tls: None };
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let headers: HeaderMap =
            [("host".parse().unwrap(), "agent:1313".parse().unwrap())].into_iter().chain(headers).collect();
        Gate::new(&access, bound.into()).check(&headers).err().map(|(status, _)| status.as_u16())
    }

    #[test]
    fn c15_only_who_may_changes_something() {
        const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;
        const ALL: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
        assert_eq!(asks(&[], None, HERE), None, "on this machine only");
        assert_eq!(asks(&[], None, ALL), Some(403), "nobody knows who asks");
        let right = [("authorization", "Bearer right")];
        for bound in [HERE, ALL] {
            assert_eq!(asks(&right, Some("right"), bound), None);
            for wrong in ["Bearer wrong", "Bearer righ", "Bearer right ", "right", "Basic right", "bearer", "Bearer "] {
                assert_eq!(asks(&[("authorization", wrong)], Some("right"), bound), Some(401), "{wrong:?}");
            }
            assert_eq!(asks(&[], Some("right"), bound), Some(401));
        }
        for origin in
            ["http://evil.example", "null", "http://agent:1314", "http://agent:1313.evil.example", "agent", ""]
        {
            assert_eq!(asks(&[("origin", origin), right[0]], Some("right"), HERE), Some(403), "{origin:?}");
        }
        for origin in ["http://agent:1313", "https://AGENT:1313"] {
            assert_eq!(asks(&[("origin", origin), right[0]], Some("right"), HERE), None, "{origin}");
        }
    }

    #[test]
    fn c15_without_a_token_no_name_that_may_be_anybodys_is_answered_to() {
        let asked_as = |host: &'static str, token| {
            let origin = format!("http://{host}");
            let headers = [(header::HOST, host), (header::ORIGIN, &origin), (header::AUTHORIZATION, "Bearer right")];
            let headers = headers.map(|(name, value)| (name, value.parse().unwrap()));
            let access = Access { token, tls: None };
            let gate = Gate::new(&access, Ipv4Addr::LOCALHOST.into());
            gate.check(&headers.into_iter().collect()).err().map(|(status, _)| status.as_u16())
        };
        for host in ["127.0.0.1:1313", "127.0.0.1", "[::1]:1313", "localhost:1313", "LOCALHOST"] {
            assert_eq!(asked_as(host, None), None, "{host}");
        }
        for host in ["evil.example:1313", "localhost.evil.example", "agent"] {
            assert_eq!(asked_as(host, None), Some(403), "{host} may have been made to mean this machine");
            assert_eq!(asked_as(host, Some("right".into())), None, "whoever has the token may call it as they like");
        }
    }

    #[test]
    fn c12_a_token_is_not_shown() {
        let access = Access { token: Some("s3cret".into()), tls: None };
        assert!(!format!("{access:?}{:?}", Gate::new(&access, Ipv4Addr::LOCALHOST.into())).contains("s3cret"));
    }
}
