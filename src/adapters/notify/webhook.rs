//! A webhook of one's own: the message as JSON, signed. The book's chapter "Alerts" tells receivers how to check it.

use aws_lc_rs::hmac;
use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::{Letter, Message, Webhook, hex};

impl Webhook {
    /// The signature covers the time of sending, so that a letter that was caught cannot be sent again later.
    pub(super) fn letter(&self, message: &Message, now: Timestamp) -> Letter {
        // Texts, numbers and maps by text: nothing that JSON could not hold.
        let body = serde_json::to_string(message).unwrap_or_default();
        let mut headers = vec![("x-replicator-event-id", header(&message.id))];
        if let Some(secret) = &self.secret {
            let sent = now.as_second().to_string();
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
            let signature = hmac::sign(&key, format!("{sent}.{body}").as_bytes());
            headers.push(("x-replicator-timestamp", sent));
            headers.push(("x-replicator-signature", format!("v1={}", hex(signature.as_ref()))));
        }
        Letter { url: self.url.expose_secret().to_owned(), headers, body }
    }
}

/// A text as a header can carry it.
fn header(text: &str) -> String {
    text.chars().map(|character| if character.is_ascii_graphic() { character } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Action;
    use super::super::message::tests::message;
    use super::*;

    #[test]
    fn s9_a_webhook_gets_all_of_it_signed() {
        let now = Timestamp::from_second(1_795_000_000).unwrap();
        let settings = Webhook { url: "https://ops.example/hook".into(), secret: Some("hunter2".into()) };
        let letter = settings.letter(&message(Action::Trigger), now);
        let names: Vec<&str> = letter.headers.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["x-replicator-event-id", "x-replicator-timestamp", "x-replicator-signature"]);
        assert_eq!(letter.headers[1].1, "1795000000");
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"hunter2");
        let signed = letter.headers[2].1.strip_prefix("v1=").unwrap();
        let tag: Vec<u8> =
            (0..signed.len()).step_by(2).map(|at| u8::from_str_radix(&signed[at..at + 2], 16).unwrap()).collect();
        hmac::verify(&key, format!("1795000000.{}", letter.body).as_bytes(), &tag).unwrap();
        let body: serde_json::Value = serde_json::from_str(&letter.body).unwrap();
        assert_eq!((body["action"].as_str(), body["numbers"]["failures"].as_u64()), (Some("trigger"), Some(3)));
        let unsigned = Webhook { secret: None, ..settings }.letter(&message(Action::Trigger), now);
        assert_eq!(unsigned.headers.len(), 1);
    }

    #[test]
    fn rfc_4231_s_second_case() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"Jefe");
        let signature = hmac::sign(&key, b"what do ya want for nothing?");
        assert_eq!(hex(signature.as_ref()), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
