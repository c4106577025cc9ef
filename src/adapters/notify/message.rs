//! What is told, as data.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A resource entered failsafe by itself, or its failsafe was lifted.
    Failsafe,
    /// Something is scaled.
    Scaling,
    /// An operation failed.
    Failure,
    /// A policy is wrong.
    Policy,
    /// Nobody leads.
    Leadership,
    /// A person tries whether messages arrive.
    Test,
}

impl Kind {
    /// Those that are only told where somebody asks for them.
    pub const ON_REQUEST: [Self; 4] = [Self::Scaling, Self::Failure, Self::Policy, Self::Leadership];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Failsafe => "failsafe",
            Self::Scaling => "scaling",
            Self::Failure => "failure",
            Self::Policy => "policy",
            Self::Leadership => "leadership",
            Self::Test => "test",
        })
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ON_REQUEST.into_iter().find(|kind| kind.to_string() == text);
        found.ok_or_else(|| format!("{text:?} is none of scaling, failure, policy and leadership"))
    }
}

/// How bad it is, in PagerDuty's words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Wake somebody.
    #[default]
    Critical,
    /// Somebody has to look.
    Error,
    /// Something looks wrong.
    Warning,
    /// For information.
    Info,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Critical => "critical",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        })
    }
}

impl FromStr for Severity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const ALL: [Severity; 4] = [Severity::Critical, Severity::Error, Severity::Warning, Severity::Info];
        let found = ALL.into_iter().find(|severity| severity.to_string() == text.to_ascii_lowercase());
        found.ok_or_else(|| format!("{text:?} is none of critical, error, warning and info"))
    }
}

/// What a message does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Something has begun that is to be looked after.
    Trigger,
    /// It is over.
    Resolve,
    /// For information: nothing has to be done, and nothing follows.
    Note,
}

/// Something that somebody has to be told of. Its JSON is what a webhook gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// The same for the same message, whoever sends it again.
    pub id: String,
    /// What it is about: a trigger and its resolve have the same.
    pub key: String,
    /// What it is about.
    pub kind: Kind,
    /// Whether something begins, or is over.
    pub action: Action,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence.
    pub summary: String,
    /// When it happened.
    pub at: Timestamp,
    /// The name of the cluster; empty where it has none.
    pub cluster_identifier: String,
    /// The `replicator_notification_uid` of the policy, or the agent's own; empty where neither is set.
    pub uid: String,
    /// The pool or the group; empty where it is about none.
    pub resource: String,
    /// `worker_pool` or `job_group`; empty where it is about none.
    pub resource_type: &'static str,
    /// Why it is told: `cluster_failsafe_mode`, `job_group_failsafe_mode`, or the kind.
    pub reason: String,
    /// The key of the resource's state in Consul; empty where it is about none.
    pub state_path: String,
    /// The numbers: failures, counts and so on.
    pub numbers: Map<String, Value>,
    /// The agent that tells.
    pub agent: String,
}

impl Message {
    /// Who or what it comes from, for services that ask: the cluster where it has a name.
    pub(super) fn source(&self) -> String {
        if self.cluster_identifier.is_empty() { "replicator".to_owned() } else { self.cluster_identifier.clone() }
    }

    /// All of it, by name, for services that show further details. Nothing that is empty.
    pub(super) fn details(&self) -> Map<String, Value> {
        let mut details = Map::new();
        let fields = [
            ("id", self.id.as_str()),
            ("cluster_identifier", &self.cluster_identifier),
            ("uid", &self.uid),
            ("resource", &self.resource),
            ("resource_type", self.resource_type),
            ("reason", &self.reason),
            ("state_path", &self.state_path),
            ("agent", &self.agent),
        ];
        for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
            details.insert(name.to_owned(), value.into());
        }
        details.extend(self.numbers.clone());
        details
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A pool that entered failsafe.
    pub(in crate::adapters::notify) fn message(action: Action) -> Message {
        Message {
            id: "r/state/nodes/workers@2026-11-28T03:00:00Z/trigger".to_owned(),
            key: "replicator/production/r/state/nodes/workers".to_owned(),
            kind: Kind::Failsafe,
            action,
            severity: Severity::Critical,
            summary: "pool workers entered failsafe <after> 3 failures".to_owned(),
            at: "2026-11-28T03:00:00Z".parse().unwrap(),
            cluster_identifier: "production".to_owned(),
            uid: "REP2".to_owned(),
            resource: "pool workers".to_owned(),
            resource_type: "worker_pool",
            reason: "cluster_failsafe_mode".to_owned(),
            state_path: "r/state/nodes/workers".to_owned(),
            numbers: Map::from_iter([("failures".to_owned(), 3.into())]),
            agent: "ops-1-77".to_owned(),
        }
    }

    #[test]
    fn s9_kinds_and_severities_are_read_by_their_names() {
        for kind in Kind::ON_REQUEST {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        assert!("failsafe".parse::<Kind>().is_err(), "always told");
        assert_eq!("Warning".parse(), Ok(Severity::Warning));
        assert!("bad".parse::<Severity>().is_err());
    }
}
