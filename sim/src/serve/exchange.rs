//! A request as the handlers want it, and their answers.

use std::collections::BTreeMap;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{HeaderMap, Method, Request, Response};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(super) type HttpRequest = Request<Incoming>;

/// Bodies above this many bytes are refused.
const LARGEST_BODY: usize = 1 << 20;
/// How long a blocking query waits where it does not say.
const USUAL_WAIT: Duration = Duration::from_mins(5);
/// The longest that one waits.
const LONGEST_WAIT: Duration = Duration::from_mins(10);

/// A request.
pub(super) struct Asked {
    pub(super) method: Method,
    /// The path's segments, unescaped.
    pub(super) path: Vec<String>,
    pub(super) query: BTreeMap<String, String>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    target: String,
}

impl Asked {
    pub(super) async fn read(request: HttpRequest) -> Result<Self, String> {
        let (head, body) = request.into_parts();
        let path = head.uri.path().trim_start_matches('/').split('/').map(unescaped).collect();
        let query = form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes());
        let body = Limited::new(body, LARGEST_BODY).collect().await.map_err(|error| error.to_string())?;
        Ok(Self {
            method: head.method,
            path,
            query: query.into_owned().collect(),
            headers: head.headers,
            body: body.to_bytes(),
            target: head.uri.path().to_owned(),
        })
    }

    pub(super) fn target(&self) -> &str {
        &self.target
    }

    /// The path's segments, for matching.
    pub(super) fn segments(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }

    pub(super) fn param(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    /// Whether a parameter is there and not `false`.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.query.get(name).is_some_and(|value| value != "false")
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Reply> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let word = if error.is_eof() { "unexpected EOF".to_owned() } else { error.to_string() };
            Reply::text(400, word)
        })
    }

    /// The index and wait of a blocking query; nothing where it is none.
    pub(super) fn blocking(&self) -> Result<Option<(u64, Duration)>, Reply> {
        let wait = match self.param("wait") {
            "" => USUAL_WAIT,
            wait => humantime::parse_duration(wait).map_err(|_| Reply::text(400, "Invalid wait time"))?,
        };
        let past = match self.param("index") {
            "" => 0,
            index => index.parse::<u64>().map_err(|_| Reply::text(400, "Invalid index"))?,
        };
        Ok((past > 0).then_some((past, wait.min(LONGEST_WAIT))))
    }
}

fn unescaped(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

/// An answer.
pub(super) struct Reply {
    pub(super) status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Reply {
    pub(super) fn text(status: u16, word: impl Into<String>) -> Self {
        let headers = vec![("content-type", "text/plain; charset=utf-8".to_owned())];
        Self { status, headers, body: word.into().into_bytes() }
    }

    pub(super) fn json(page: &Value) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self { status: 200, headers, body: page.to_string().into_bytes() }
    }

    pub(super) fn xml(status: u16, page: String) -> Self {
        Self { status, headers: vec![("content-type", "text/xml".to_owned())], body: page.into_bytes() }
    }

    pub(super) fn bytes(body: Vec<u8>) -> Self {
        Self { status: 200, headers: vec![("content-type", "application/octet-stream".to_owned())], body }
    }

    /// What this server does not do, in words.
    pub(super) fn not_modelled(what: &str) -> Self {
        Self::text(501, format!("this simulated server does not model {what}"))
    }

    pub(super) fn with(mut self, name: &'static str, value: impl std::fmt::Display) -> Self {
        self.headers.push((name, format!("{value}")));
        self
    }

    pub(super) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(super) fn into_http(self) -> Response<Full<Bytes>> {
        let mut response = Response::builder().status(self.status);
        for (name, value) in &self.headers {
            response = response.header(*name, value);
        }
        // Statuses and headers are our own constants and numbers.
        response.body(Full::from(self.body)).unwrap_or_default()
    }
}
