//! OpsGenie: Alert API v2. An alert is made and closed by its alias, which collapses repeats.

use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use super::{Action, Letter, Message, OpsGenie, Severity, shortened};

/// The longest message, alias and entity that are taken.
const LONGEST_MESSAGE: usize = 130;
const LONGEST_ALIAS: usize = 512;

impl OpsGenie {
    pub(super) fn letter(&self, message: &Message) -> Letter {
        let url = self.url.trim_end_matches('/');
        let headers = vec![("authorization", format!("GenieKey {}", self.api_key.expose_secret()))];
        let alias = super::settings::within(&message.key, LONGEST_ALIAS);
        let (url, body) = match message.action {
            Action::Trigger => (format!("{url}/v2/alerts"), alert(message, &alias)),
            // What is only told has an alias of its own: it must not be taken for a repeat.
            Action::Note => (format!("{url}/v2/alerts"), alert(message, &message.id)),
            Action::Resolve => {
                let body = json!({ "source": message.source(), "note": message.summary });
                (format!("{url}/v2/alerts/{}/close?identifierType=alias", escaped(&alias)), body)
            }
        };
        Letter { url, headers, body: body.to_string() }
    }
}

fn alert(message: &Message, alias: &str) -> Value {
    let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let details: Map<String, Value> =
        message.details().into_iter().map(|(name, value)| (name, text(value).into())).collect();
    json!({
        "message": shortened(&message.summary, LONGEST_MESSAGE),
        "alias": alias,
        "description": message.summary,
        "source": message.source(),
        "entity": shortened(&message.resource, LONGEST_ALIAS),
        "priority": match message.severity {
            Severity::Critical => "P1",
            Severity::Error => "P2",
            Severity::Warning => "P3",
            Severity::Info => "P5",
        },
        "tags": ["replicator", message.kind.to_string()],
        "details": details,
    })
}

/// A text as one segment of a path.
fn escaped(text: &str) -> String {
    let escaped = text.bytes().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    escaped.collect()
}

#[cfg(test)]
mod tests {
    use super::super::message::tests::message;
    use super::*;

    #[test]
    fn s9_opsgenie_makes_an_alert_and_closes_it_by_its_alias() {
        let settings = OpsGenie { api_key: "G3NIE".into(), url: "https://api.eu.opsgenie.com".into() };
        let made = settings.letter(&message(Action::Trigger));
        assert_eq!(made.url, "https://api.eu.opsgenie.com/v2/alerts");
        assert_eq!(made.headers, [("authorization", "GenieKey G3NIE".to_owned())]);
        let body: Value = serde_json::from_str(&made.body).unwrap();
        assert_eq!((&body["priority"], &body["entity"]), (&json!("P1"), &json!("pool workers")));
        assert_eq!(body["details"]["failures"], "3", "details are texts");
        let closed = settings.letter(&message(Action::Resolve));
        assert_eq!(
            closed.url,
            "https://api.eu.opsgenie.com/v2/alerts/replicator%2Fproduction%2Fr%2Fstate%2Fnodes%2Fworkers/close\
             ?identifierType=alias"
        );
    }
}
