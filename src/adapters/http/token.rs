//! A token that stands in a file. Whoever wrote it there renews it there: a workload identity's file changes at half its
//! time, and nothing tells of that.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use tokio::time::Instant;

/// How long what was read is used: a token is renewed long before it expires.
const FRESH_FOR: Duration = Duration::from_secs(1);

/// A file with a token, and the header that carries it.
#[derive(Debug)]
pub(super) struct TokenFile {
    path: PathBuf,
    header: HeaderName,
    read: Mutex<Option<(Instant, HeaderValue)>>,
}

impl TokenFile {
    pub(super) fn new(path: PathBuf, header: &'static str) -> Self {
        Self { path, header: HeaderName::from_static(header), read: Mutex::default() }
    }

    /// The header, with the token that stands in the file now.
    pub(super) fn header(&self) -> Result<(HeaderName, HeaderValue), String> {
        let now = Instant::now();
        // A lock that somebody died with holds a token as good as any.
        let mut read = self.read.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let fresh = read.as_ref().filter(|(at, _)| now.duration_since(*at) < FRESH_FOR);
        let token = match fresh {
            Some((_, token)) => token.clone(),
            None => self.load()?,
        };
        if fresh.is_none() {
            *read = Some((now, token.clone()));
        }
        Ok((self.header.clone(), token))
    }

    fn load(&self) -> Result<HeaderValue, String> {
        let path = self.path.display();
        let text =
            std::fs::read_to_string(&self.path).map_err(|error| format!("cannot read the token in {path}: {error}"))?;
        let token = text.trim();
        if token.is_empty() {
            return Err(format!("{path}, which is to hold the token, is empty"));
        }
        header_value(token)
            .ok_or_else(|| format!("the token in {path} holds characters that cannot be sent in a header"))
    }
}

/// A token as a header carries it, hidden from whoever prints it; nothing where it cannot be sent.
pub(super) fn header_value(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(token).ok()?;
    value.set_sensitive(true);
    Some(value)
}
