//! A request as the handlers want it, and their answers.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::Write;
use std::pin::Pin;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::Stream;
use http_body_util::{BodyExt, Either, Full, Limited, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};

pub(super) type HttpRequest = Request<Incoming>;
pub(super) type HttpResponse = Response<Either<Full<Bytes>, StreamBody<Pieces>>>;
/// A body that comes piece by piece, for as long as its reader likes.
pub(super) type Pieces = Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, Infallible>>>>;

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
    /// Of a parameter that is given more than once, the last.
    pub(super) query: BTreeMap<String, String>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    target: String,
    query_text: String,
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
            query_text: head.uri.query().unwrap_or_default().to_owned(),
        })
    }

    /// The path as it was asked for.
    pub(super) fn target(&self) -> &str {
        &self.target
    }

    /// The query as it was asked, with its question mark where there is one.
    pub(super) fn query_text(&self) -> String {
        if self.query_text.is_empty() { String::new() } else { format!("?{}", self.query_text) }
    }

    /// The path's segments, for matching.
    pub(super) fn segments(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }

    pub(super) fn param(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    /// All values of a parameter that may be given more than once.
    pub(super) fn values(&self, name: &str) -> Vec<String> {
        let all = form_urlencoded::parse(self.query_text.as_bytes()).into_owned();
        all.filter(|(found, _)| found == name).map(|(_, value)| value).collect()
    }

    /// Whether a parameter is there and not `false`.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.query.get(name).is_some_and(|value| value != "false")
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The token after `Authorization: Bearer`.
    pub(super) fn bearer(&self) -> &str {
        self.header("authorization").strip_prefix("Bearer ").unwrap_or_default()
    }

    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Reply> {
        serde_json::from_slice(&self.body).map_err(|error| Reply::text(400, self.words_of(&error)))
    }

    /// What is wrong with a body, in Go's words where they are known.
    fn words_of(&self, error: &serde_json::Error) -> String {
        if error.is_eof() {
            return "unexpected EOF".to_owned();
        }
        let said = error.to_string();
        let line = self.body.split(|byte| *byte == b'\n').nth(error.line().saturating_sub(1));
        match line.and_then(|line| line.get(error.column().checked_sub(1)?)) {
            Some(byte) if said.starts_with("key must be a string") => {
                format!("invalid character {:?} looking for beginning of object key string", char::from(*byte))
            }
            _ => said,
        }
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
    body: Content,
}

enum Content {
    Whole(Vec<u8>),
    Json(Value),
    Pieces(Pieces),
}

impl Reply {
    fn of(status: u16, kind: &str, body: Content) -> Self {
        Self { status, headers: vec![("content-type", kind.to_owned())], body }
    }

    pub(super) fn text(status: u16, word: impl Into<String>) -> Self {
        Self::of(status, "text/plain; charset=utf-8", Content::Whole(word.into().into_bytes()))
    }

    /// Nothing but a status.
    pub(super) fn bare(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Content::Whole(Vec::new()) }
    }

    pub(super) fn json(page: impl Into<Value>) -> Self {
        Self::of(200, "application/json", Content::Json(page.into()))
    }

    pub(super) fn xml(status: u16, page: String) -> Self {
        Self::of(status, "text/xml", Content::Whole(page.into_bytes()))
    }

    /// The value of a key as it is.
    pub(super) fn raw(body: Vec<u8>) -> Self {
        Self::of(200, "text/plain", Content::Whole(body))
            .with("content-security-policy", "sandbox")
            .with("x-content-type-options", "nosniff")
    }

    /// A body that goes on.
    pub(super) fn pieces(pieces: Pieces) -> Self {
        Self::of(200, "application/json", Content::Pieces(pieces))
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

    /// The answer's words, where it is short and in words.
    pub(super) fn words(&self) -> Option<String> {
        match &self.body {
            Content::Whole(bytes) => String::from_utf8(bytes.clone()).ok(),
            Content::Json(page) => Some(page.to_string()),
            Content::Pieces(_) => None,
        }
    }

    /// As both servers answer who asks for it: with indented JSON, with less to carry.
    pub(super) fn fit(mut self, asked: &Asked) -> Self {
        if let Content::Json(page) = &self.body {
            self.body = Content::Whole(written(page, asked.is_set("pretty")));
        }
        self.headers.push(("vary", "Accept-Encoding".to_owned()));
        if let Content::Whole(body) = &mut self.body
            && self.status == 200
            && !body.is_empty()
            && asked.header("accept-encoding").contains("gzip")
        {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            // Writing into memory cannot fail.
            if encoder.write_all(body).is_ok()
                && let Ok(smaller) = encoder.finish()
            {
                *body = smaller;
                self.headers.push(("content-encoding", "gzip".to_owned()));
            }
        }
        self
    }

    pub(super) fn into_http(self) -> HttpResponse {
        let mut response = Response::builder().status(self.status);
        for (name, value) in &self.headers {
            response = response.header(*name, value);
        }
        let body = match self.body {
            Content::Whole(body) => Either::Left(Full::from(body)),
            Content::Json(page) => Either::Left(Full::from(written(&page, false))),
            Content::Pieces(pieces) => Either::Right(StreamBody::new(pieces)),
        };
        response.body(body).unwrap_or_else(|_| {
            // What stands in a header came from outside, and is none.
            let mut broken = Response::new(Either::Left(Full::default()));
            *broken.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            broken
        })
    }
}

fn written(page: &Value, pretty: bool) -> Vec<u8> {
    if !pretty {
        return page.to_string().into_bytes();
    }
    let mut out = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut out, PrettyFormatter::with_indent(b"    "));
    // Writing into memory cannot fail.
    page.serialize(&mut serializer).ok();
    out.push(b'\n');
    out
}
