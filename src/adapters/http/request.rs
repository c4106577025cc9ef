//! One call: what is sent, how long it may take, whether it may be tried again, and what came back.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Method, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::endpoint::Address;
use super::gate::Priority;
use super::{Http, without_address};
use crate::adapters::counted;
use crate::ports::{ErrorKind, PortError, Service, Wait};

/// How long a call may take: a server without a leader answers after 5 to 7 seconds.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often a read is tried again.
const RETRIES: usize = 2;
/// The first pause before a read is tried again; the next is twice as long. Both are jittered.
const RETRY_PAUSE: Duration = Duration::from_millis(150);
/// A read that has taken this long already is not tried again.
const RETRY_WITHIN: Duration = Duration::from_secs(3);
/// Answers above this many bytes are refused.
const LARGEST_ANSWER: usize = 1 << 30;
/// An answer from a server that has not heard of its leader for longer than this is not believed (S11).
const OLDEST_CONTACT: Duration = Duration::from_secs(10);
/// The longest word of a server that is passed on.
const LONGEST_WORD: usize = 400;

/// What Go's servers say of a path that they do not serve.
const NO_PAGE: &str = "404 page not found";

/// What a server said when it refused: the text tells more than the status.
#[derive(Debug, Clone, Copy)]
pub(in crate::adapters) struct Refusal<'a> {
    pub(in crate::adapters) status: u16,
    pub(in crate::adapters) body: &'a str,
}

/// What came back.
pub(in crate::adapters) struct Answer {
    service: Service,
    call: String,
    /// The URL, for errors.
    asked: String,
    pub(in crate::adapters) status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// A call to be made.
pub(in crate::adapters) struct Request<'a> {
    http: &'a Http,
    call: String,
    method: Method,
    url: Url,
    body: Option<Vec<u8>>,
    content_type: &'static str,
    wait: Option<Wait>,
    priority: Priority,
    accepted: &'static [u16],
    kind: fn(Refusal<'_>) -> ErrorKind,
}

impl Http {
    /// A call of `method` on the path made of these segments, each of which is escaped. `call` names it in errors,
    /// `kind` tells refusals apart.
    pub(in crate::adapters) fn request(
        &self,
        method: Method,
        segments: &[&str],
        call: String,
        kind: fn(Refusal<'_>) -> ErrorKind,
    ) -> Request<'_> {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        Request {
            http: self,
            call,
            method,
            url,
            body: None,
            content_type: "application/octet-stream",
            wait: None,
            priority: Priority::First,
            accepted: &[],
            kind,
        }
    }
}

impl Request<'_> {
    /// Adds a parameter.
    pub(in crate::adapters) fn query(mut self, name: &str, value: &str) -> Self {
        self.url.query_pairs_mut().append_pair(name, value);
        self
    }

    /// Adds a parameter where it has a value.
    pub(in crate::adapters) fn query_some(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// Makes it a blocking query. The wait is cut by a random part of up to a sixteenth, so that many agents do not
    /// come back at the same moment.
    pub(in crate::adapters) fn wait(mut self, wait: Option<Wait>) -> Self {
        if let Some(wait) = wait {
            let jitter = wait.at_most.mul_f64(fastrand::f64() / 16.0);
            let millis = wait.at_most.saturating_sub(jitter).as_millis();
            self = self.query("index", &wait.past.to_string()).query("wait", &format!("{millis}ms"));
        }
        self.wait = wait;
        self
    }

    /// Sends this as JSON.
    pub(in crate::adapters) fn json(mut self, body: &impl Serialize) -> Result<Self, PortError> {
        let json = serde_json::to_vec(body);
        let json = json.map_err(|error| {
            PortError::new(self.http.service, self.call.clone(), ErrorKind::Other, error.to_string())
        })?;
        self.body = Some(json);
        self.content_type = "application/json";
        Ok(self)
    }

    /// Sends these bytes.
    pub(in crate::adapters) fn bytes(mut self, body: &[u8]) -> Self {
        self.body = Some(body.to_vec());
        self
    }

    /// Takes an answer of this status for an answer, not for an error.
    pub(in crate::adapters) fn accept(mut self, statuses: &'static [u16]) -> Self {
        self.accepted = statuses;
        self
    }

    /// Lets all others go first.
    pub(in crate::adapters) fn last(mut self) -> Self {
        self.priority = Priority::Last;
        self
    }

    /// Makes the call. Reads that fail at once are tried again; writes and blocking queries never. Where the server
    /// asked to slow down, that is after the pause, if it is short.
    pub(in crate::adapters) async fn send(self) -> Result<Answer, PortError> {
        let is_read = self.method == Method::GET && self.wait.is_none();
        if !is_read {
            return self.once().await;
        }
        let began = Instant::now();
        let passes = |error: &PortError| {
            let is_soon = self.http.gate.closed_until().is_none_or(|until| until - began < RETRY_WITHIN);
            let passes = matches!(error.kind, ErrorKind::Unreachable | ErrorKind::RateLimited);
            passes && is_soon && began.elapsed() < RETRY_WITHIN
        };
        let backoff = ExponentialBuilder::new().with_min_delay(RETRY_PAUSE).with_max_times(RETRIES).with_jitter();
        (|| self.once()).retry(backoff).sleep(tokio::time::sleep).when(passes).await
    }

    /// Makes the call, and counts it by what became of it.
    async fn once(&self) -> Result<Answer, PortError> {
        let answer = self.uncounted().await;
        counted(self.http.service, answer.as_ref().err());
        answer
    }

    async fn uncounted(&self) -> Result<Answer, PortError> {
        // Blocking queries wait at the server, a handful of them, and take no place of others.
        let _place = match self.wait {
            Some(_) => {
                self.http.gate.pass().await;
                None
            }
            None => Some(self.http.gate.enter(self.priority).await),
        };
        // A server adds a jitter of its own, of up to a sixteenth.
        let patience = self.wait.map_or(Duration::ZERO, |wait| wait.at_most + wait.at_most / 16);
        let mut request = self.http.client.request(self.method.clone(), self.url.clone()).timeout(TIMEOUT + patience);
        if let Some(file) = &self.http.token_file {
            let (name, token) = file.header().map_err(|problem| self.error(ErrorKind::Denied, problem))?;
            request = request.header(name, token);
        }
        if let Some(body) = &self.body {
            request = request.header(CONTENT_TYPE, self.content_type).body(body.clone());
        }
        let unreachable =
            |error| self.error(ErrorKind::Unreachable, format!("{}; {}", without_address(error), self.asked()));
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let headers = response.headers().clone();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(self.error(ErrorKind::Other, format!("the answer is longer than {LARGEST_ANSWER} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        let (service, call, asked) = (self.http.service, self.call.clone(), self.asked());
        let answer = Answer { service, call, asked, status: status.as_u16(), headers, body };
        if status.is_success() || self.accepted.contains(&answer.status) {
            answer.believed()
        } else {
            Err(self.refused(status, &answer))
        }
    }

    fn refused(&self, status: StatusCode, answer: &Answer) -> PortError {
        let text = String::from_utf8_lossy(&answer.body);
        let word = text.trim();
        // What has no words of its own is nobody's verdict about the thing asked for.
        let is_page = word.is_empty() || word.starts_with('<') || word == NO_PAGE;
        let kind = match status {
            StatusCode::TOO_MANY_REQUESTS => ErrorKind::RateLimited,
            _ if status.is_redirection() => ErrorKind::Other,
            // Somebody else's word, or that of a server which does not know the call: nothing is missing by it.
            StatusCode::NOT_FOUND if is_page => ErrorKind::Other,
            _ => (self.kind)(Refusal { status: answer.status, body: word }),
        };
        let mut message =
            if word.is_empty() { status.to_string() } else { format!("{}: {}", status.as_u16(), cut(word)) };
        if let Some(target) = answer.headers.get(LOCATION).filter(|_| status.is_redirection()) {
            message = format!("{status}: redirects to {}, which is not followed", self.target(target));
        }
        let after = answer.headers.get(RETRY_AFTER).and_then(|after| after.to_str().ok());
        if let Some(after) = after {
            message = format!("{message} (asks to retry after {after})");
        }
        if kind == ErrorKind::RateLimited {
            self.http.gate.close(after.and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs));
        }
        // The server's own word about the thing asked for, or about who may ask, needs no address.
        let is_no_verdict = matches!(kind, ErrorKind::Unreachable | ErrorKind::RateLimited | ErrorKind::Other);
        if is_page || is_no_verdict {
            message = format!("{message}; {}", self.asked());
        }
        self.error(kind, message)
    }

    /// Where a redirect leads, without what may be a secret.
    fn target(&self, location: &HeaderValue) -> String {
        let target = location.to_str().ok().and_then(|location| self.url.join(location).ok());
        target.map_or_else(|| "somewhere".to_owned(), |url| shown(&Address::Url(url.clone()).without_path(), &url))
    }

    /// What was asked, and where the address came from. Without the query: it may differ from call to call.
    fn asked(&self) -> String {
        let source = self.http.source.as_ref().map_or_else(String::new, |source| format!(" (address from {source})"));
        format!("asked {}{source}", shown(&self.http.host, &self.url))
    }

    fn error(&self, kind: ErrorKind, message: String) -> PortError {
        PortError::new(self.http.service, self.call.clone(), kind, message)
    }
}

fn shown(host: &Address, url: &Url) -> String {
    let gap = if matches!(host, Address::Socket(_)) { " " } else { "" };
    format!("{host}{gap}{}", url.path())
}

/// A server's word, not longer than a log line can bear.
fn cut(word: &str) -> String {
    let line = word.lines().next().unwrap_or_default();
    match line.char_indices().nth(LONGEST_WORD) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line.to_owned(),
    }
}

impl Answer {
    /// The answer, unless the server that gave it does not know its leader, or has not heard of it for long (S11).
    fn believed(self) -> Result<Self, PortError> {
        let about = |name: &str| self.either_header(name);
        if about("KnownLeader").is_some_and(|known| known == "false") {
            return Err(self.error(ErrorKind::Unreachable, "the server that answered knows no leader"));
        }
        let contact = about("LastContact").and_then(|millis| millis.parse().ok()).map(Duration::from_millis);
        if contact.is_some_and(|contact| contact > OLDEST_CONTACT) {
            return Err(self.error(ErrorKind::Unreachable, "the server that answered lost touch with its leader"));
        }
        Ok(self)
    }

    /// The index that a later blocking query continues from; 0 where the server gave none.
    pub(in crate::adapters) fn index(&self) -> u64 {
        self.either_header("Index").and_then(|index| index.parse().ok()).unwrap_or(0)
    }

    fn either_header(&self, name: &str) -> Option<&str> {
        let prefix = if self.service == Service::Nomad { "X-Nomad" } else { "X-Consul" };
        self.headers.get(format!("{prefix}-{name}"))?.to_str().ok()
    }

    /// What was asked.
    pub(in crate::adapters) fn call(&self) -> &str {
        &self.call
    }

    /// Whether it is a list without anything in it.
    pub(in crate::adapters) fn is_empty_list(&self) -> bool {
        self.body.iter().filter(|byte| !byte.is_ascii_whitespace()).eq(b"[]")
    }

    /// Reads the JSON.
    pub(in crate::adapters) fn json<T: DeserializeOwned>(&self) -> Result<T, PortError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let start = cut(&String::from_utf8_lossy(&self.body[..self.body.len().min(80)]));
            self.error(
                ErrorKind::Unreachable,
                format!("not the JSON that was expected: {error}; it begins {start:?}; {}", self.asked),
            )
        })
    }

    /// An error about this answer.
    pub(in crate::adapters) fn error(&self, kind: ErrorKind, message: impl Into<String>) -> PortError {
        PortError::new(self.service, self.call.clone(), kind, message)
    }
}
