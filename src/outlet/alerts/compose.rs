//! Messages, from what the agent tells.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::adapters::notify::{Action, Kind, Message, Severity};
use crate::agent::{AlertAction, AlertNotice, Spoken};
use crate::decide::{Direction, Step};
use crate::domain::{AgentName, Resource};

/// Who writes messages, and what stands in all of them.
pub struct Composer {
    /// The agent that tells.
    pub agent: AgentName,
    /// The name of the cluster.
    pub cluster: String,
    /// The uid where a policy has none.
    pub uid: String,
    /// How bad a failsafe is, and that nobody leads.
    pub severity: Severity,
}

impl Composer {
    /// The same, with the uid of a policy where it has one.
    pub(super) fn named(self, uid: &str) -> Self {
        if uid.is_empty() { self } else { Self { uid: uid.to_owned(), ..self } }
    }

    /// A failsafe that was entered or lifted.
    pub(super) fn failsafe(&self, now: Timestamp, notice: &AlertNotice) -> Message {
        let AlertNotice { resource, failures, why, since, .. } = notice;
        let (action, summary) = match notice.action {
            AlertAction::Trigger => {
                let after = match (failures, why.as_str()) {
                    (0, "") => String::new(),
                    (0, why) => format!(" after {why}"),
                    (1, why) => format!(" after a failure: {why}"),
                    (failures, why) => format!(" after {failures} failures in a row, the last of them: {why}"),
                };
                (Action::Trigger, format!("{resource} entered failsafe and is not scaled any more{after}"))
            }
            AlertAction::Resolve => (Action::Resolve, format!("failsafe of {resource} was lifted")),
        };
        let mut numbers = Map::new();
        if notice.action == AlertAction::Trigger {
            numbers.insert("failures".to_owned(), (*failures).into());
        }
        if !why.is_empty() {
            numbers.insert("last_failure".to_owned(), why.as_str().into());
        }
        Message {
            id: notice.id(),
            key: self.key(&notice.state_path),
            action,
            severity: self.severity,
            at: since.filter(|_| notice.action == AlertAction::Trigger).unwrap_or(now),
            reason: notice.reason.to_owned(),
            state_path: notice.state_path.clone(),
            ..self.about(Kind::Failsafe, now, resource, summary, numbers)
        }
    }

    /// Something begins to be scaled.
    pub(super) fn scaling(
        &self,
        at: Timestamp,
        resource: &Resource,
        direction: Direction,
        (from, to): (u32, u32),
        why: &str,
    ) -> Message {
        let summary = format!("{resource} is scaled {direction} from {from} to {to}: {why}");
        let numbers = Map::from_iter([("from".to_owned(), from.into()), ("to".to_owned(), to.into())]);
        let message = self.about(Kind::Scaling, at, resource, summary, numbers);
        Message { action: Action::Note, severity: Severity::Info, ..message }
    }

    /// An operation failed.
    pub(super) fn failure(
        &self,
        at: Timestamp,
        resource: &Resource,
        direction: Direction,
        step: Option<Step>,
        why: &str,
    ) -> Message {
        let steps = step.map_or_else(String::new, |Step { from, to }| format!(" from {from} to {to}"));
        let summary = format!("scaling {resource} {direction}{steps} failed: {why}");
        let numbers = step.iter().flat_map(|step| [("from", step.from), ("to", step.to)]);
        let numbers = numbers.map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
        let message = self.about(Kind::Failure, at, resource, summary, numbers);
        Message { severity: Severity::Warning, ..message }
    }

    /// Scaling something that failed before succeeded.
    pub(super) fn failure_is_over(&self, at: Timestamp, resource: &Resource) -> Message {
        let summary = format!("scaling {resource} succeeded after it had failed");
        let message = self.about(Kind::Failure, at, resource, summary, Map::new());
        Message { action: Action::Resolve, severity: Severity::Info, ..message }
    }

    /// A policy is wrong, or right again.
    pub(super) fn policy(&self, at: Timestamp, resource: &Resource, problem: Option<&str>) -> Message {
        let (action, severity, summary) = match problem {
            Some(problem) => (Action::Trigger, Severity::Warning, format!("policy of {resource}: {problem}")),
            None => (Action::Resolve, Severity::Info, format!("the policy of {resource} is in order again")),
        };
        Message { action, severity, ..self.about(Kind::Policy, at, resource, summary, Map::new()) }
    }

    /// Nobody leads, as far as this agent knows.
    pub(super) fn leaderless(&self, at: Timestamp, lasted: Duration) -> Message {
        let summary = format!(
            "nobody has led for {}, as far as {} knows: nothing is scaled. Is Consul in reach?",
            Spoken(lasted),
            self.agent
        );
        Message { severity: self.severity, ..self.message(Kind::Leadership, Action::Trigger, at, summary) }
    }

    /// Somebody leads again.
    pub(super) fn led_again(&self, at: Timestamp) -> Message {
        self.message(Kind::Leadership, Action::Resolve, at, "somebody leads again".to_owned())
    }

    /// A person tries it.
    #[must_use]
    pub fn test(&self, at: Timestamp, action: Action) -> Message {
        let summary = match action {
            Action::Resolve => "the test of Replicator's alerts is over",
            Action::Trigger | Action::Note => "a test of Replicator's alerts: nothing is wrong",
        };
        self.message(Kind::Test, action, at, summary.to_owned())
    }

    fn about(
        &self,
        kind: Kind,
        at: Timestamp,
        resource: &Resource,
        summary: String,
        numbers: Map<String, Value>,
    ) -> Message {
        let resource_type = match resource {
            Resource::Pool(_) => "worker_pool",
            Resource::Group(_) => "job_group",
        };
        let message = self.message(kind, Action::Trigger, at, summary);
        Message {
            id: format!("{resource}@{at}/{kind}"),
            key: format!("{}/{resource}", message.key),
            resource: resource.to_string(),
            resource_type,
            numbers,
            ..message
        }
    }

    fn message(&self, kind: Kind, action: Action, at: Timestamp, summary: String) -> Message {
        Message {
            id: format!("{}@{at}/{kind}", self.agent),
            key: self.key(&kind.to_string()),
            kind,
            action,
            severity: Severity::Info,
            summary,
            at,
            cluster_identifier: self.cluster.clone(),
            uid: self.uid.clone(),
            resource: String::new(),
            resource_type: "",
            reason: kind.to_string(),
            state_path: String::new(),
            numbers: Map::new(),
            agent: self.agent.to_string(),
        }
    }

    /// What tells this cluster's alerts about something from all others of the same receiver.
    fn key(&self, about: &str) -> String {
        format!("replicator/{}/{about}", self.cluster)
    }
}
