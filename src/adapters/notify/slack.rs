//! Slack: an incoming webhook.

use secrecy::ExposeSecret;
use serde_json::json;

use super::{Action, Letter, Message, Severity, Slack};

impl Slack {
    pub(super) fn letter(&self, message: &Message) -> Letter {
        let sign = match (message.action, message.severity) {
            (Action::Resolve, _) => ":white_check_mark:",
            (Action::Note, _) | (_, Severity::Info) => ":information_source:",
            (Action::Trigger, Severity::Warning) => ":warning:",
            (Action::Trigger, Severity::Critical | Severity::Error) => ":rotating_light:",
        };
        let details: Vec<String> = message
            .details()
            .into_iter()
            .map(|(name, value)| {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                format!("{name}: {}", escaped(&value))
            })
            .collect();
        let text = format!("{sign} *{}*\n{}", escaped(&message.summary), details.join("\n"));
        let body = json!({ "text": text }).to_string();
        Letter { url: self.url.expose_secret().to_owned(), headers: vec![], body }
    }
}

/// A text of which Slack makes no link, no mention and no markup of its own.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::message::tests::message;
    use super::*;

    #[test]
    fn s9_slack_is_told_in_words_that_it_makes_nothing_else_of() {
        let settings = Slack { url: "https://hooks.slack.com/services/T/B/X".into() };
        let letter = settings.letter(&message(Action::Trigger));
        assert_eq!(letter.url, "https://hooks.slack.com/services/T/B/X");
        let body: serde_json::Value = serde_json::from_str(&letter.body).unwrap();
        let text = body["text"].as_str().unwrap();
        assert!(
            text.starts_with(":rotating_light: *pool workers entered failsafe &lt;after&gt; 3 failures*\n"),
            "{text}"
        );
        assert!(text.contains("\nstate_path: r/state/nodes/workers\n") && text.contains("uid: REP2"), "{text}");
    }
}
