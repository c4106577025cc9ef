//! PagerDuty: Events API v2. Alerts by `enqueue`, which collapses repeats by `dedup_key`; what is only told by change events,
//! which open no incident.

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{Action, Letter, Message, PagerDuty, shortened};

/// The longest `dedup_key` and summary that are taken.
const LONGEST_KEY: usize = 255;
const LONGEST_SUMMARY: usize = 1024;

impl PagerDuty {
    pub(super) fn letter(&self, message: &Message) -> Letter {
        let url = self.url.trim_end_matches('/');
        let (path, body) = match message.action {
            Action::Trigger => ("v2/enqueue", self.trigger(message)),
            Action::Resolve => ("v2/enqueue", self.resolve(message)),
            Action::Note => ("v2/change/enqueue", self.change(message)),
        };
        Letter { url: format!("{url}/{path}"), headers: vec![], body: body.to_string() }
    }

    fn trigger(&self, message: &Message) -> Value {
        json!({
            "routing_key": self.routing_key.expose_secret(),
            "event_action": "trigger",
            "dedup_key": key(message),
            "client": "Replicator",
            "payload": {
                "summary": shortened(&message.summary, LONGEST_SUMMARY),
                "source": message.source(),
                "severity": message.severity,
                "timestamp": message.at.to_string(),
                "component": message.resource,
                "group": message.source(),
                "class": message.reason,
                "custom_details": message.details(),
            },
        })
    }

    fn resolve(&self, message: &Message) -> Value {
        let routing_key = self.routing_key.expose_secret();
        json!({ "routing_key": routing_key, "event_action": "resolve", "dedup_key": key(message) })
    }

    fn change(&self, message: &Message) -> Value {
        json!({
            "routing_key": self.routing_key.expose_secret(),
            "payload": {
                "summary": shortened(&message.summary, LONGEST_SUMMARY),
                "source": message.source(),
                "timestamp": message.at.to_string(),
                "custom_details": message.details(),
            },
        })
    }
}

fn key(message: &Message) -> String {
    super::settings::within(&message.key, LONGEST_KEY)
}

#[cfg(test)]
mod tests {
    use super::super::message::tests::message;
    use super::*;

    fn sent(action: Action) -> (String, Value) {
        let settings = PagerDuty { routing_key: "R0UTE".into(), url: "https://events.pagerduty.com/".into() };
        let letter = settings.letter(&message(action));
        (letter.url, serde_json::from_str(&letter.body).unwrap())
    }

    #[test]
    fn s9_pagerduty_is_sent_events_of_its_second_version() {
        let (url, body) = sent(Action::Trigger);
        assert_eq!(url, "https://events.pagerduty.com/v2/enqueue");
        assert_eq!((&body["routing_key"], &body["event_action"]), (&json!("R0UTE"), &json!("trigger")));
        assert_eq!(body["dedup_key"], "replicator/production/r/state/nodes/workers");
        let payload = &body["payload"];
        assert_eq!((&payload["severity"], &payload["source"]), (&json!("critical"), &json!("production")));
        assert_eq!(payload["custom_details"]["failures"], 3);
        let (_, resolve) = sent(Action::Resolve);
        assert_eq!((&resolve["event_action"], &resolve["dedup_key"]), (&json!("resolve"), &body["dedup_key"]));
        let (url, note) = sent(Action::Note);
        assert_eq!(url, "https://events.pagerduty.com/v2/change/enqueue");
        assert!(note.get("dedup_key").is_none() && note["payload"]["summary"].is_string());
    }
}
