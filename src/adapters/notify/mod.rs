//! Who is told of alerts, and in whose words.
//!
//! - `message`: what is told, as data.
//! - `pagerduty`, `opsgenie`, `slack`, `webhook`: one service each: what it is sent. Pure.
//! - `settings`: which of them there are, with their keys.
//! - `post`: sending it, and what came of that.

mod message;
mod opsgenie;
mod pagerduty;
mod post;
mod settings;
mod slack;
mod webhook;

pub use message::{Action, Kind, Message, Severity};
pub use post::{Post, Undelivered};
pub use settings::{NotifySettings, OpsGenie, PagerDuty, Receiver, Slack, Webhook};

/// What a service is sent: a POST with a body of JSON. It holds secrets, and is never printed.
pub(super) struct Letter {
    /// Where it goes. It may hold a secret.
    pub(super) url: String,
    /// Further headers; those that are secret are marked so.
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

/// The first so many characters of a text, with an ellipsis where there were more.
fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
