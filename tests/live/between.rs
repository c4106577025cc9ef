//! What may stand between an agent and a server: a connection that is slow, an answer that is none, one that breaks off, and
//! TLS.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// How connections are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Passed on.
    Fair,
    /// Passed on after this long.
    Slow(Duration),
    /// Answered with a page for people.
    Garbage,
    /// Answered, and cut in the middle of the body.
    CutOff,
    /// Refused.
    Refused,
}

/// Something in front of a server.
pub(crate) struct Between {
    address: SocketAddr,
    manner: watch::Sender<Manner>,
    _runtime: tokio::runtime::Runtime,
}

impl Between {
    pub(crate) fn before(upstream: SocketAddr) -> Self {
        Self::start(upstream, None)
    }

    /// With TLS towards the client, who must show a certificate.
    pub(crate) fn with_tls(upstream: SocketAddr, acceptor: TlsAcceptor) -> Self {
        Self::start(upstream, Some(acceptor))
    }

    fn start(upstream: SocketAddr, acceptor: Option<TlsAcceptor>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (manner, seen) = watch::channel(Manner::Fair);
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, seen) = (acceptor.clone(), seen.clone());
                tokio::spawn(async move {
                    match acceptor {
                        None => treat(stream, upstream, seen).await,
                        Some(acceptor) => match acceptor.accept(stream).await {
                            Ok(stream) => treat(stream, upstream, seen).await,
                            Err(_) => None,
                        },
                    }
                });
            }
        });
        Self { address, manner, _runtime: runtime }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Treats connections so from now on, and ends those that there are.
    pub(crate) fn turn(&self, manner: Manner) {
        self.manner.send_replace(manner);
    }
}

/// Something of a request; nothing where the client hung up.
async fn heard(stream: &mut (impl AsyncRead + Unpin)) -> Option<()> {
    let heard = stream.read(&mut [0; 4096]).await.ok()?;
    (heard > 0).then_some(())
}

/// Treats one connection; nothing comes of it.
async fn treat(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    upstream: SocketAddr,
    mut seen: watch::Receiver<Manner>,
) -> Option<()> {
    let manner = *seen.borrow_and_update();
    match manner {
        Manner::Refused => {}
        Manner::Garbage => {
            heard(&mut stream).await?;
            let page = "<html><body>Sign in to continue</body></html>";
            let answer =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}", page.len());
            stream.write_all(answer.as_bytes()).await.ok()?;
            stream.shutdown().await.ok()?;
        }
        Manner::CutOff => {
            heard(&mut stream).await?;
            let answer =
                "HTTP/1.1 200 OK\r\nX-Nomad-Index: 9\r\nX-Consul-Index: 9\r\nContent-Length: 4000\r\n\r\n[{\"ID\":";
            stream.write_all(answer.as_bytes()).await.ok()?;
            stream.shutdown().await.ok()?;
        }
        Manner::Fair | Manner::Slow(_) => {
            if let Manner::Slow(pause) = manner {
                tokio::time::sleep(pause).await;
            }
            let mut server = TcpStream::connect(upstream).await.ok()?;
            tokio::select! {
                _ = copy_bidirectional(&mut stream, &mut server) => {}
                _ = seen.changed() => {}
            }
        }
    }
    Some(())
}
