//! A private CA, with a server for `nomad.internal` that wants to see a client's certificate.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// The name in the server's certificate.
pub(crate) const SERVER_NAME: &str = "nomad.internal";

/// The files of the CA, of a client and of a stranger.
pub(crate) struct Site {
    folder: TempDir,
}

impl Site {
    /// Makes the certificates, and what the server shows and asks for.
    pub(crate) fn open() -> (Self, TlsAcceptor) {
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let server_key = KeyPair::generate().unwrap();
        let server = CertificateParams::new(vec![SERVER_NAME.to_owned()]).unwrap();
        let server = server.signed_by(&server_key, &authority).unwrap();
        let client_key = KeyPair::generate().unwrap();
        let client = CertificateParams::new(vec!["replicator".to_owned()]).unwrap();
        let client = client.signed_by(&client_key, &authority).unwrap();
        let files = [
            ("ca.pem", authority.pem()),
            ("client.pem", client.pem()),
            ("client-key.pem", client_key.serialize_pem()),
            ("other-key.pem", KeyPair::generate().unwrap().serialize_pem()),
        ];
        for (name, pem) in files {
            fs::write(folder.path().join(name), pem).unwrap();
        }
        fs::create_dir(folder.path().join("cas")).unwrap();
        fs::write(folder.path().join("cas/one.pem"), authority.pem()).unwrap();

        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
        let key = PrivateKeyDer::try_from(server_key.serialize_der()).unwrap();
        let config = ServerConfig::builder().with_client_cert_verifier(verifier);
        let config = config.with_single_cert(vec![server.der().clone()], key).unwrap();
        (Self { folder }, TlsAcceptor::from(Arc::new(config)))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
