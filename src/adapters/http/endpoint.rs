//! Where a server is and how to speak to it.

use std::fmt;
use std::path::PathBuf;

use reqwest::Url;
use secrecy::SecretString;

/// A server of Nomad or Consul.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Where it is.
    pub address: Address,
    /// Where the address came from, for errors: `NOMAD_ADDR`, `the default` …
    pub source: Option<String>,
    /// How to make sure that it is the right one, and to show who we are.
    pub tls: Tls,
    /// The ACL token.
    pub token: Option<SecretString>,
    /// A file that holds it instead, read again when it changes.
    pub token_file: Option<PathBuf>,
}

/// Where a server is.
#[derive(Clone, PartialEq, Eq)]
pub enum Address {
    /// At this URL.
    Url(Url),
    /// Behind this Unix domain socket.
    Socket(PathBuf),
}

/// TLS, as the environment of the Nomad and Consul tools describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// A file of CA certificates in PEM; instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// A folder of such files.
    pub ca_path: Option<PathBuf>,
    /// Our own certificate in PEM.
    pub client_cert: Option<PathBuf>,
    /// Its key in PEM.
    pub client_key: Option<PathBuf>,
    /// The name that the server's certificate must be for, where it is not the address.
    pub server_name: Option<String>,
    /// Whether the server's certificate is looked at.
    pub verify: Verify,
}

/// Whether a server's certificate is verified.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Verify {
    /// It must be valid.
    #[default]
    Yes,
    /// Anybody may claim to be the server.
    Skip,
}

/// An address that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}; expected host:port, http://host:port, https://host:port or unix:///path")]
pub struct AddressError {
    problem: String,
}

impl Address {
    /// Reads an address as the Nomad and Consul tools do (C9); one without a scheme gets `scheme`.
    ///
    /// # Errors
    ///
    /// When it is none of `host:port`, `http://…`, `https://…` or `unix://…`.
    pub fn parse(text: &str, scheme: &str) -> Result<Self, AddressError> {
        let error = |problem: &str| AddressError { problem: problem.to_owned() };
        let text = text.trim();
        if text.is_empty() {
            return Err(error("the address is empty"));
        }
        if let Some(path) = text.strip_prefix("unix://") {
            return if path.is_empty() { Err(error("no path to the socket")) } else { Ok(Self::Socket(path.into())) };
        }
        let full = if text.contains("://") { text.to_owned() } else { format!("{scheme}://{text}") };
        let url = Url::parse(&full).map_err(|problem| error(&problem.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(error(&format!("unknown scheme {:?}", url.scheme())));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(error("no host"));
        }
        Ok(Self::Url(url))
    }

    /// The address of the server itself, whatever path calls begin with.
    pub(super) fn without_path(&self) -> Self {
        let mut address = self.clone();
        if let Self::Url(url) = &mut address {
            url.set_path("");
        }
        address
    }

    /// Whether the connection is encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        matches!(self, Self::Url(url) if url.scheme() == "https")
    }
}

/// The address without a password that somebody may have put in (C10).
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "unix://{}", path.display()),
            Self::Url(url) => {
                write!(f, "{}://{}", url.scheme(), url.host_str().unwrap_or_default())?;
                url.port_or_known_default().map_or(Ok(()), |port| write!(f, ":{port}"))?;
                f.write_str(url.path().trim_end_matches('/'))
            }
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c9_addresses_are_read_as_the_tools_read_them() {
        let read = |text: &str| Address::parse(text, "http").map(|address| address.to_string());
        assert_eq!(read("localhost:8500").unwrap(), "http://localhost:8500");
        assert_eq!(read("127.0.0.1:8500").unwrap(), "http://127.0.0.1:8500");
        assert_eq!(read("[::1]:4646").unwrap(), "http://[::1]:4646");
        assert_eq!(read("https://nomad.example").unwrap(), "https://nomad.example:443");
        assert_eq!(read(" http://a:1/ ").unwrap(), "http://a:1");
        assert_eq!(read("http://a:1/ui/").unwrap(), "http://a:1/ui");
        assert_eq!(read("unix:///run/consul.sock").unwrap(), "unix:///run/consul.sock");
        assert_eq!(Address::parse("consul:8501", "https").unwrap().to_string(), "https://consul:8501");
        for wrong in ["", "unix://", "ftp://a", "http://", "local host:1", "a:notaport"] {
            assert!(read(wrong).is_err(), "{wrong:?} is no address");
        }
    }

    #[test]
    fn c10_a_password_in_an_address_is_never_shown() {
        let address = Address::parse("https://me:hunter2@nomad:4646", "http").unwrap();
        assert_eq!(format!("{address} {address:?}"), "https://nomad:4646 https://nomad:4646");
    }
}
