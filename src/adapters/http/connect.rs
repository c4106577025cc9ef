//! The client that speaks to one endpoint.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderName};
use reqwest::{Certificate, Client, ClientBuilder, Identity, Url};
use secrecy::ExposeSecret;

use super::endpoint::{Address, Endpoint, Tls, Verify};
use super::gate::Gate;
use super::token::{TokenFile, header_value};
use super::without_address;
use crate::ports::Service;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an idle connection is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);

/// Why no client could be made of an endpoint.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// A file of certificates or keys cannot be read.
    #[error("cannot read {}, which is to secure the connection to {service}", path.display())]
    File {
        /// Whose.
        service: Service,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{} holds no {what}: {problem}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What was expected.
        what: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// A certificate without its key, or a key without its certificate.
    #[error("a client certificate needs its key: set both {service}'s certificate and key, or neither")]
    HalfIdentity {
        /// Whose.
        service: Service,
    },
    /// A name that cannot stand in an address.
    #[error("the TLS server name {name:?} is no host name; leave it out where the certificate is for the address")]
    ServerName {
        /// The name.
        name: String,
    },
    /// The token cannot be sent.
    #[error("the {service} ACL token holds characters that cannot be sent in a header")]
    Token {
        /// Whose.
        service: Service,
    },
    /// TLS could not be set up.
    #[error("cannot set up the connection to {service}: {problem}")]
    Client {
        /// To whom.
        service: Service,
        /// Why.
        problem: String,
    },
}

/// A client of one server.
#[derive(Debug, Clone)]
pub struct Http {
    pub(super) service: Service,
    pub(super) client: Client,
    pub(super) base: Url,
    /// The address without its path, and where it came from, for errors.
    pub(super) host: Address,
    pub(super) source: Option<String>,
    pub(super) gate: Arc<Gate>,
    pub(super) token_file: Option<Arc<TokenFile>>,
}

impl Http {
    /// A client for an endpoint. The token goes into `token_header`.
    ///
    /// # Errors
    ///
    /// When a certificate, a key or the token is of no use.
    pub fn new(service: Service, endpoint: &Endpoint, token_header: &'static str) -> Result<Self, ConnectError> {
        let mut headers = HeaderMap::new();
        let token_file = endpoint.token_file.clone().map(|path| Arc::new(TokenFile::new(path, token_header)));
        if let Some(token) = endpoint.token.as_ref().filter(|_| token_file.is_none()) {
            let value = header_value(token.expose_secret()).ok_or(ConnectError::Token { service })?;
            headers.insert(HeaderName::from_static(token_header), value);
        }
        let builder = Client::builder()
            .user_agent(concat!("replicator/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            // Agents are on this machine or near; a proxy for the web has no business with their tokens.
            .no_proxy();
        let (builder, base) = match &endpoint.address {
            Address::Socket(path) => (builder.unix_socket(path.as_path()), socket_base()),
            Address::Url(url) if url.scheme() == "https" => with_tls(service, builder, url, &endpoint.tls)?,
            Address::Url(url) => (builder.tls_certs_only([]), url.clone()),
        };
        let client =
            builder.build().map_err(|error| ConnectError::Client { service, problem: without_address(error) })?;
        let (host, source) = (endpoint.address.without_path(), endpoint.source.clone());
        Ok(Self { service, client, base, host, source, gate: Arc::new(Gate::new()), token_file })
    }
}

/// The URL that requests through a socket carry; nobody looks its host up.
fn socket_base() -> Url {
    #[expect(clippy::unwrap_used, reason = "the text is ours")]
    Url::parse("http://localhost").unwrap()
}

fn with_tls(
    service: Service,
    mut builder: ClientBuilder,
    url: &Url,
    tls: &Tls,
) -> Result<(ClientBuilder, Url), ConnectError> {
    let mut authorities = Vec::new();
    for path in ca_files(service, tls)? {
        let parsed = Certificate::from_pem_bundle(&read(service, &path)?);
        let found = parsed.map_err(|error| content(&path, "CA certificate in PEM", without_address(error)))?;
        if found.is_empty() {
            return Err(content(&path, "CA certificate in PEM", "it has no certificate"));
        }
        authorities.extend(found);
    }
    if !authorities.is_empty() {
        builder = builder.tls_certs_only(authorities);
    }
    match (&tls.client_cert, &tls.client_key) {
        (None, None) => {}
        (Some(certificate), Some(key)) => {
            let mut pem = read(service, certificate)?;
            pem.push(b'\n');
            pem.extend(read(service, key)?);
            let identity = Identity::from_pem(&pem);
            let identity = identity
                .map_err(|error| content(certificate, "certificate that fits its key", without_address(error)))?;
            builder = builder.identity(identity);
        }
        _ => return Err(ConnectError::HalfIdentity { service }),
    }
    if tls.verify == Verify::Skip {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    let mut base = url.clone();
    if let Some(name) = &tls.server_name {
        // An address as a name would be connected to.
        if name.parse::<std::net::IpAddr>().is_ok() {
            return Err(ConnectError::ServerName { name: name.clone() });
        }
        let real = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        base.set_host(Some(name)).map_err(|_| ConnectError::ServerName { name: name.clone() })?;
        builder = builder.dns_resolver(Arc::new(Renamed { real }));
    }
    Ok((builder, base))
}

fn ca_files(service: Service, tls: &Tls) -> Result<Vec<PathBuf>, ConnectError> {
    let mut files: Vec<PathBuf> = tls.ca_file.iter().cloned().collect();
    if let Some(folder) = &tls.ca_path {
        let error = |source| ConnectError::File { service, path: folder.clone(), source };
        let mut found = Vec::new();
        for entry in folder.read_dir().map_err(error)? {
            let path = entry.map_err(error)?.path();
            if path.is_file() {
                found.push(path);
            }
        }
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

fn read(service: Service, path: &Path) -> Result<Vec<u8>, ConnectError> {
    std::fs::read(path).map_err(|source| ConnectError::File { service, path: path.to_owned(), source })
}

fn content(path: &Path, what: &'static str, problem: impl Into<String>) -> ConnectError {
    ConnectError::Content { path: path.to_owned(), what, problem: problem.into() }
}

/// Resolves the TLS server name to where the server really is, so that the name is asked for and verified.
struct Renamed {
    real: String,
}

impl Resolve for Renamed {
    fn resolve(&self, _: Name) -> Resolving {
        let real = self.real.clone();
        Box::pin(async move {
            // The port is the URL's; this one is only there because the call wants one.
            let found: Vec<_> = tokio::net::lookup_host((real, 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
