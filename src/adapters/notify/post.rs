//! Sending a message, and what came of it.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, StatusCode, Url};
use secrecy::ExposeSecret;

use super::{Letter, Message, Receiver, shortened};
use crate::adapters::http::without_address;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long all of it may take.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Of an answer, no more than this is read.
const LONGEST_ANSWER: usize = 4096;
/// Of what a service says, no more than this is passed on.
const LONGEST_WORD: usize = 200;
/// The longest pause that a service may ask for.
const LONGEST_PAUSE: Duration = Duration::from_mins(15);

/// Why a message was not taken. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Undelivered {
    /// Why.
    pub why: String,
    /// How long the service asks to wait.
    pub retry_after: Option<Duration>,
}

/// Sends messages.
#[derive(Debug, Clone)]
pub struct Post {
    client: Client,
}

impl Post {
    /// A sender that goes through the proxy that the environment names.
    ///
    /// # Errors
    ///
    /// When TLS cannot be set up.
    pub fn new() -> Result<Self, Undelivered> {
        let client = Client::builder()
            .user_agent(concat!("replicator/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build();
        let client = client.map_err(|error| Undelivered {
            why: format!("cannot set up connections to whom alerts go: {}", without_address(error)),
            retry_after: None,
        })?;
        Ok(Self { client })
    }

    /// Sends a message; any status of 2xx says that it was taken.
    ///
    /// # Errors
    ///
    /// When it was not taken, or nobody knows. It may be sent again.
    pub async fn send(&self, receiver: &Receiver, message: &Message, now: Timestamp) -> Result<(), Undelivered> {
        let letter = match receiver {
            Receiver::PagerDuty(settings) => settings.letter(message),
            Receiver::OpsGenie(settings) => settings.letter(message),
            Receiver::Slack(settings) => settings.letter(message),
            Receiver::Webhook(settings) => settings.letter(message, now),
        };
        let sent = self.post(letter).await;
        sent.map_err(|undelivered| Undelivered { why: without_secrets(undelivered.why, receiver), ..undelivered })
    }

    async fn post(&self, letter: Letter) -> Result<(), Undelivered> {
        let unanswered = |error: reqwest::Error| Undelivered { why: without_address(error), retry_after: None };
        let wrong = |what: &str| Undelivered { why: format!("the {what} cannot be sent"), retry_after: None };
        let url = Url::parse(&letter.url).map_err(|_| wrong("address is none, and"))?;
        let mut request =
            self.client.post(url).header(reqwest::header::CONTENT_TYPE, "application/json").body(letter.body);
        for (name, value) in letter.headers {
            let mut value = HeaderValue::from_str(&value).map_err(|_| wrong(name))?;
            value.set_sensitive(name == "authorization");
            request = request.header(HeaderName::from_static(name), value);
        }
        let mut response = request.send().await.map_err(unanswered)?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = asked.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
        let mut said = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            said.extend_from_slice(&chunk);
            if said.len() >= LONGEST_ANSWER {
                break;
            }
        }
        said.truncate(LONGEST_ANSWER);
        Err(refused(status, &String::from_utf8_lossy(&said), retry_after))
    }
}

fn refused(status: StatusCode, said: &str, retry_after: Option<Duration>) -> Undelivered {
    let word: String = said.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
    let word = shortened(word.trim(), LONGEST_WORD);
    let why = if word.is_empty() { format!("refused with {status}") } else { format!("refused with {status}: {word}") };
    Undelivered { why, retry_after: retry_after.map(|pause| pause.min(LONGEST_PAUSE)) }
}

/// What a service says may repeat what it was sent: a key, or the path and the query of an address that is one.
fn without_secrets(text: String, receiver: &Receiver) -> String {
    let secrets = receiver.secrets().into_iter().map(ExposeSecret::expose_secret);
    secrets.fold(text, |text, secret| {
        let url = Url::parse(secret).ok();
        let parts = url.iter().flat_map(|url| [Some(url.path()).filter(|path| path.len() > 1), url.query()]);
        std::iter::once(secret)
            .chain(parts.flatten())
            .filter(|secret| !secret.is_empty())
            .fold(text, |text, secret| text.replace(secret, "…"))
    })
}

#[cfg(test)]
mod tests {
    use super::super::{PagerDuty, Slack};
    use super::*;

    #[test]
    fn c10_no_secret_comes_back() {
        let receiver = Receiver::PagerDuty(PagerDuty { routing_key: "R0UTE".into(), url: "https://p.example".into() });
        let said = refused(StatusCode::BAD_REQUEST, "{\n\"key\":\"R0UTE\"}", None).why;
        assert_eq!(without_secrets(said, &receiver), "refused with 400 Bad Request: { \"key\":\"…\"}");
        let slack = Receiver::Slack(Slack { url: "https://h.example/T0KEN/x?key=hunter2".into() });
        let said = refused(StatusCode::NOT_FOUND, "Cannot POST /T0KEN/x?key=hunter2, nor /T0KEN/x", None).why;
        assert_eq!(without_secrets(said, &slack), "refused with 404 Not Found: Cannot POST …?…, nor …");
        assert!(!format!("{receiver:?} {slack:?}").contains("T0KEN"));
        assert!(!format!("{receiver:?}").contains("R0UTE"));
    }

    #[test]
    fn s9_a_pause_is_as_long_as_asked_within_limits() {
        let asked = |seconds| refused(StatusCode::TOO_MANY_REQUESTS, "", Some(Duration::from_secs(seconds)));
        assert_eq!(asked(7).retry_after, Some(Duration::from_secs(7)));
        assert_eq!(asked(86_400).retry_after, Some(LONGEST_PAUSE));
    }
}
