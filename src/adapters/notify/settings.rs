//! Which services are told, with their keys.

use secrecy::SecretString;

use super::Severity;

/// How to reach PagerDuty.
#[derive(Debug, Clone)]
pub struct PagerDuty {
    /// The key of the integration: what `pagerduty_service_key` holds.
    pub routing_key: SecretString,
    /// The address of the Events API.
    pub url: String,
}

/// How to reach OpsGenie.
#[derive(Debug, Clone)]
pub struct OpsGenie {
    /// The key of an API integration.
    pub api_key: SecretString,
    /// The address of the API; accounts in the EU have another.
    pub url: String,
}

/// How to reach Slack.
#[derive(Debug, Clone)]
pub struct Slack {
    /// The address of an incoming webhook. Whoever knows it may write.
    pub url: SecretString,
}

/// How to reach a webhook of one's own.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Its address. It may hold a key.
    pub url: SecretString,
    /// What messages are signed with.
    pub secret: Option<SecretString>,
}

/// Who is told, and of what.
#[derive(Debug, Clone, Default)]
pub struct NotifySettings {
    /// The services.
    pub receivers: Vec<Receiver>,
    /// What is told beside failsafe.
    pub kinds: std::collections::BTreeSet<super::Kind>,
    /// The uid of alerts whose policy has none.
    pub uid: String,
    /// How bad a failsafe is, and that nobody leads.
    pub severity: Severity,
}

/// A service that is told.
#[derive(Debug, Clone)]
pub enum Receiver {
    /// PagerDuty.
    PagerDuty(PagerDuty),
    /// OpsGenie.
    OpsGenie(OpsGenie),
    /// Slack.
    Slack(Slack),
    /// A webhook of one's own.
    Webhook(Webhook),
}

impl Receiver {
    /// All that there can be, by name.
    pub const NAMES: [&str; 4] = ["pagerduty", "opsgenie", "slack", "webhook"];

    /// Its name, for logs and states.
    #[must_use]
    pub fn name(&self) -> &'static str {
        Self::NAMES[match self {
            Self::PagerDuty(_) => 0,
            Self::OpsGenie(_) => 1,
            Self::Slack(_) => 2,
            Self::Webhook(_) => 3,
        }]
    }

    /// What must never be shown, whoever says it.
    pub(super) fn secrets(&self) -> Vec<&SecretString> {
        match self {
            Self::PagerDuty(settings) => vec![&settings.routing_key],
            Self::OpsGenie(settings) => vec![&settings.api_key],
            Self::Slack(settings) => vec![&settings.url],
            Self::Webhook(settings) => std::iter::once(&settings.url).chain(&settings.secret).collect(),
        }
    }
}

/// A key that is within what a service takes: a longer one keeps its beginning, and what tells it from others.
pub(super) fn within(key: &str, most: usize) -> String {
    if key.len() <= most {
        return key.to_owned();
    }
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, key.as_bytes());
    let tail = super::hex(&digest.as_ref()[..16]);
    let head = key.floor_char_boundary(most - tail.len() - 1);
    format!("{}~{tail}", &key[..head])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s9_long_keys_stay_apart() {
        let (a, b) = ("ü".repeat(300) + "a", "ü".repeat(300) + "b");
        assert!(within(&a, 255).len() <= 255 && within(&a, 255) != within(&b, 255));
        assert_eq!(within("short", 255), "short");
    }
}
