//! A proxy in front of the API server: it keeps a list of the calls, and makes them fail in the ways that AWS and the
//! network have.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::watch;

use crate::free_port;

/// How a call fails.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    /// It is asked to slow down.
    Throttled,
    /// The server is in trouble.
    ServerError,
    /// Something in between answers, with a page for people.
    Html,
    /// The answer comes after this long.
    Slow(Duration),
    /// It takes effect, and the connection breaks before the answer is there.
    AnswerLost,
    /// It takes effect, and no answer comes for as long as the proxy lives.
    Held,
}

/// A call that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) action: String,
    pub(super) body: String,
    /// Whether it reached the server.
    pub(super) took_effect: bool,
}

/// How often which action fails, and how. The first that fits is taken.
type Plan = Vec<(Option<&'static str>, Fault, usize)>;

struct Shared {
    upstream: String,
    client: reqwest::Client,
    plan: Mutex<Plan>,
    calls: watch::Sender<Vec<Call>>,
}

/// A running proxy.
pub(super) struct Proxy {
    shared: Arc<Shared>,
    port: u16,
    _runtime: tokio::runtime::Runtime,
}

impl Proxy {
    pub(super) fn before(upstream: String) -> Self {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let shared = Arc::new(Shared { upstream, client, plan: Mutex::default(), calls: watch::Sender::default() });
        let routes = Router::new().fallback(pass).with_state(shared.clone());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let port = free_port();
        let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", port))).unwrap();
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Self { shared, port, _runtime: runtime }
    }

    pub(super) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The next calls fail so; only those of one action, where one is named.
    pub(super) fn fail(&self, action: Option<&'static str>, fault: Fault, times: usize) {
        self.shared.plan.lock().unwrap().push((action, fault, times));
    }

    /// Whether all planned faults have happened.
    pub(super) fn has_failed_enough(&self) -> bool {
        self.shared.plan.lock().unwrap().iter().all(|(_, _, times)| *times == 0)
    }

    /// All calls so far.
    pub(super) fn calls(&self) -> Vec<Call> {
        self.shared.calls.borrow().clone()
    }

    /// How many calls of an action took effect.
    pub(super) fn effects(&self, action: &str) -> usize {
        self.shared.calls.borrow().iter().filter(|call| call.took_effect && call.action == action).count()
    }
}

impl Shared {
    fn next_fault(&self, action: &str) -> Option<Fault> {
        let mut plan = self.plan.lock().unwrap();
        let next = plan.iter_mut().find(|(of, _, times)| *times > 0 && of.is_none_or(|of| of == action))?;
        next.2 -= 1;
        Some(next.1)
    }

    fn note(&self, action: &str, body: &str, took_effect: bool) {
        let call = Call { action: action.to_owned(), body: body.to_owned(), took_effect };
        self.calls.send_modify(|calls| calls.push(call));
    }

    async fn forward(&self, headers: &HeaderMap, body: String) -> Response {
        let mut request = self.client.post(&self.upstream).body(body);
        for name in ["authorization", "content-type", "x-amz-date"] {
            if let Some(value) = headers.get(name) {
                request = request.header(name, value);
            }
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let kind = answer.headers().get("content-type").cloned();
        let mut response = (status, answer.bytes().await.unwrap()).into_response();
        if let Some(kind) = kind {
            response.headers_mut().insert("content-type", kind);
        }
        response
    }
}

async fn pass(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: String) -> Response {
    let action = body.strip_prefix("Action=").and_then(|rest| rest.split('&').next()).unwrap_or("?").to_owned();
    let fault = shared.next_fault(&action);
    let reaches = !matches!(fault, Some(Fault::Throttled | Fault::ServerError | Fault::Html));
    let kept = body.clone();
    let answer = if reaches { Some(shared.forward(&headers, body).await) } else { None };
    shared.note(&action, &kept, reaches);
    let xml = |status: StatusCode, text: &'static str| (status, [("content-type", "text/xml")], text).into_response();
    match (fault, answer) {
        (Some(Fault::Throttled), _) if action.ends_with("Instances") && action != "DetachInstances" => xml(
            StatusCode::SERVICE_UNAVAILABLE,
            "<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>Request limit exceeded.</Message></Error></Errors></Response>",
        ),
        (Some(Fault::Throttled), _) => xml(
            StatusCode::BAD_REQUEST,
            "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>",
        ),
        (Some(Fault::ServerError), _) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "<h1>Internal Server Error</h1>").into_response()
        }
        (Some(Fault::Html), _) => (StatusCode::OK, "<html><body>Sign in to continue</body></html>").into_response(),
        (Some(Fault::Slow(pause)), Some(answer)) => {
            tokio::time::sleep(pause).await;
            answer
        }
        (Some(Fault::AnswerLost), _) => {
            let broken = stream::iter([Ok(Bytes::from_static(b"<Det")), Err(std::io::Error::other("broken"))]);
            Body::from_stream(broken).into_response()
        }
        (Some(Fault::Held), _) => std::future::pending().await,
        (_, Some(answer)) => answer,
        (_, None) => unreachable!("what did not reach the server was answered above"),
    }
}
