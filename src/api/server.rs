//! Connections, and what keeps them from costing too much: how many there are, how long a request may take to come, and how
//! large it may be.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{Access, Site, TlsFiles, pages};

/// How many connections there may be; further ones wait.
const MOST_CONNECTIONS: usize = 256;
/// How long the head of a request may take to come.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may take for one request and what follows, before it is looked at as forgotten.
const CONNECTION_TIMEOUT: Duration = Duration::from_mins(5);
/// How large the head of a request may be, in bytes.
const LARGEST_HEAD: usize = 16 * 1024;
/// How many headers it may have.
const MOST_HEADERS: usize = 64;

/// Serves the API for as long as the process lives, on a thread of its own: the scaling core has the other one to itself.
///
/// # Errors
///
/// When the address is taken, or is none of this machine's.
pub fn serve(site: Site, address: SocketAddr, access: &Access) -> io::Result<SocketAddr> {
    let tls = access.tls.as_ref().map(acceptor).transpose()?;
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let bound = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let thread = std::thread::Builder::new().name("api".to_owned());
    thread.spawn(move || runtime.block_on(answer(site, listener, (hosts(bound.ip()), tls))))?;
    Ok(bound)
}

/// By which names the API may be asked for. Where it is open to the network nobody can tell.
fn hosts(address: IpAddr) -> Option<Vec<String>> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "[::1]".to_owned()];
    let bound = address.to_string();
    if !names.contains(&bound) && address.is_ipv4() {
        names.push(bound);
    }
    address.is_loopback().then_some(names)
}

/// What makes connections encrypted.
fn acceptor(files: &TlsFiles) -> io::Result<TlsAcceptor> {
    let told = |path: &Path, error: &dyn std::fmt::Display| io::Error::other(format!("{}: {error}", path.display()));
    let of = |path: &Path| std::fs::read(path).map_err(|error| told(path, &error));
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&of(&files.certificate)?)
        .collect::<Result<_, _>>()
        .map_err(|error| told(&files.certificate, &error))?;
    let key = PrivateKeyDer::from_pem_slice(&of(&files.key)?).map_err(|error| told(&files.key, &error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.and_then(|config| config.with_no_client_auth().with_single_cert(certificates, key));
    Ok(TlsAcceptor::from(Arc::new(config.map_err(|error| told(&files.certificate, &error))?)))
}

async fn answer(
    site: Site,
    listener: TcpListener,
    (hosts, tls): (Option<Vec<String>>, Option<TlsAcceptor>),
) -> io::Result<Infallible> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let router = pages::router(site, hosts);
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { continue };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: that passes when a connection ends.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let service = TowerToHyperService::new(router.clone());
        let tls = tls.clone();
        tokio::spawn(async move {
            let mut protocol = http1::Builder::new();
            protocol.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
            protocol.max_buf_size(LARGEST_HEAD).max_headers(MOST_HEADERS);
            // What goes wrong with a connection is its client's business.
            if let Some(tls) = tls {
                if let Ok(Ok(stream)) = timeout(HEAD_TIMEOUT, tls.accept(stream)).await {
                    timeout(CONNECTION_TIMEOUT, protocol.serve_connection(TokioIo::new(stream), service)).await.ok();
                }
            } else {
                timeout(CONNECTION_TIMEOUT, protocol.serve_connection(TokioIo::new(stream), service)).await.ok();
            }
            drop(place);
        });
    }
}
