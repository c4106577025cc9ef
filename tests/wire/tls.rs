//! TLS: a private CA, client certificates, server names, and what is refused.

use std::fs;
use std::path::PathBuf;

use replicator::adapters::http::{Address, ConnectError, Endpoint, Tls, Verify};
use replicator::adapters::nomad::{NomadClient, NomadSettings};
use replicator::ports::{ErrorKind, Nomad, PortError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::site::{SERVER_NAME, Site as Certificates};

/// A server for `nomad.internal` that wants to see a client's certificate.
struct Site {
    certificates: Certificates,
    port: u16,
}

impl Site {
    async fn open() -> Self {
        let (certificates, acceptor) = Certificates::open();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut request = vec![0; 1024];
                if stream.read(&mut request).await.unwrap_or(0) == 0 {
                    continue;
                }
                let answer = b"HTTP/1.1 200 OK\r\nX-Nomad-Index: 4\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]";
                stream.write_all(answer).await.ok();
                stream.shutdown().await.ok();
            }
        });
        Self { certificates, port }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.certificates.path(name)
    }

    /// What it takes to be let in.
    fn good(&self) -> Tls {
        Tls {
            ca_file: Some(self.path("ca.pem")),
            client_cert: Some(self.path("client.pem")),
            client_key: Some(self.path("client-key.pem")),
            server_name: Some(SERVER_NAME.to_owned()),
            ..Tls::default()
        }
    }

    fn client(&self, tls: Tls) -> Result<NomadClient, ConnectError> {
        let address = Address::parse(&format!("https://127.0.0.1:{}", self.port), "https").unwrap();
        let endpoint = Endpoint { address, source: None, tls, token: None, token_file: None };
        NomadClient::new(NomadSettings { endpoint, region: None, namespace: None })
    }

    async fn ask(&self, tls: Tls) -> Result<u64, PortError> {
        self.client(tls).unwrap().jobs(None).await.map(|listed| listed.index)
    }
}

#[tokio::test]
async fn c6_a_private_ca_a_client_certificate_and_a_server_name() {
    let site = Site::open().await;
    assert_eq!(site.ask(site.good()).await, Ok(4));
    let by_folder = Tls { ca_file: None, ca_path: Some(site.path("cas")), ..site.good() };
    assert_eq!(site.ask(by_folder).await, Ok(4));
    let unverified = Tls { ca_file: None, server_name: None, verify: Verify::Skip, ..site.good() };
    assert_eq!(site.ask(unverified).await, Ok(4));
}

#[tokio::test]
async fn without_them_the_connection_is_refused() {
    let site = Site::open().await;
    let cases = [
        ("no CA", Tls { ca_file: None, ..site.good() }, "UnknownIssuer"),
        ("wrong name", Tls { server_name: None, ..site.good() }, "certificate not valid for name"),
        ("no client certificate", Tls { client_cert: None, client_key: None, ..site.good() }, "ertificate"),
    ];
    for (case, tls, word) in cases {
        let error = site.ask(tls).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unreachable, "{case}: {error}");
        assert!(error.message.contains(word), "{case}: {error}");
    }
}

#[tokio::test]
async fn files_that_are_of_no_use_are_named() {
    let site = Site::open().await;
    fs::write(site.path("empty.pem"), "nothing").unwrap();
    let cases = [
        (Tls { ca_file: Some(site.path("nowhere.pem")), ..site.good() }, "nowhere.pem"),
        (Tls { ca_file: Some(site.path("empty.pem")), ..site.good() }, "empty.pem"),
        (Tls { client_key: Some(site.path("empty.pem")), ..site.good() }, "client.pem"),
        (Tls { client_key: None, ..site.good() }, "certificate needs its key"),
        (Tls { server_name: Some("not a name".into()), ..site.good() }, "not a name"),
        (Tls { server_name: Some("127.0.0.2".into()), ..site.good() }, "127.0.0.2"),
        (Tls { ca_path: Some(site.path("nofolder")), ..site.good() }, "nofolder"),
    ];
    for (tls, word) in cases {
        let Err(error) = site.client(tls) else { panic!("{word}: accepted") };
        assert!(error.to_string().contains(word), "{error}");
    }
}
