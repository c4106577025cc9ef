//! A stand-in for the services that alerts go to: it remembers what it was sent, and answers as it is told to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::free_port;

/// Something that was sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Value,
}

/// How a service behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// It takes everything.
    Takes,
    /// It reads, and never answers.
    Hangs,
    /// It refuses with this status, and asks to wait for a second.
    Refuses(u16),
}

#[derive(Default)]
struct Shared {
    sent: Vec<Sent>,
    /// By the beginning of the path; those that are not named take everything.
    moods: BTreeMap<String, Mood>,
}

/// A running receiver.
pub(crate) struct Receiver {
    shared: Arc<Mutex<Shared>>,
    port: u16,
    _runtime: tokio::runtime::Runtime,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let shared = Arc::new(Mutex::new(Shared::default()));
        let port = free_port();
        let routes = Router::new().fallback(take).with_state(shared.clone());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", port))).unwrap();
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Self { shared, port, _runtime: runtime }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How the service whose paths begin so behaves from now on.
    pub(crate) fn set(&self, path: &str, mood: Mood) {
        self.shared.lock().unwrap().moods.insert(path.to_owned(), mood);
    }

    /// What was sent to paths that begin so.
    pub(crate) fn sent(&self, path: &str) -> Vec<Sent> {
        self.shared.lock().unwrap().sent.iter().filter(|sent| sent.path.starts_with(path)).cloned().collect()
    }
}

async fn take(State(shared): State<Arc<Mutex<Shared>>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let path = uri.path_and_query().unwrap().to_string();
    let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()));
    let body = serde_json::from_slice(&body).unwrap();
    let mood = {
        let mut shared = shared.lock().unwrap();
        shared.sent.push(Sent { path: path.clone(), headers: headers.collect(), body });
        shared.moods.iter().find(|(prefix, _)| path.starts_with(*prefix)).map_or(Mood::Takes, |(_, mood)| *mood)
    };
    match mood {
        Mood::Takes => StatusCode::ACCEPTED.into_response(),
        Mood::Hangs => std::future::pending().await,
        Mood::Refuses(status) => {
            (StatusCode::from_u16(status).unwrap(), [("retry-after", "1")], "<html>no</html>").into_response()
        }
    }
}
