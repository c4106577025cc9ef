//! The state of one resource, as JSON in Consul: rules S2 and S5.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::go_time;
use crate::decide::{Direction, Until};
use crate::domain::{NodeId, Resource, SessionId};
use crate::operation::Operation;

/// Why an operator entered failsafe: a field of ours. It is written back as it was (S5).
const FAILSAFE_REASON: &str = "failsafe_reason";
/// Which operator did: `user@host`. Ours as well.
const FAILSAFE_BY: &str = "failsafe_by";

/// What kind of resource a state is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceType {
    /// A worker pool.
    WorkerPool,
    /// A task group.
    #[default]
    JobGroup,
}

/// What an operator wants of failsafe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failsafe {
    /// Nobody scales the resource.
    Enabled,
    /// It is scaled as ever.
    Disabled,
}

/// An alert about a failsafe, until it is resolved (S9).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Where it stands.
    pub stage: AlertStage,
    /// Names the alert.
    pub uid: String,
    /// What it is about.
    pub resource: Resource,
    /// When failsafe was entered; what an older version wrote doesn't say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Why: how the last of the failures came about.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// The receivers that have been told that it was entered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<String>,
    /// The receivers that have been told that it was lifted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resolved: Vec<String>,
}

/// What an operator holds back for a while (S17).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Whether scaling in is held.
    #[serde(rename = "in")]
    pub scaling_in: bool,
    /// Whether scaling out is held.
    #[serde(rename = "out")]
    pub scaling_out: bool,
    /// Since when.
    pub since: Timestamp,
    /// Until when; without it, until it is released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Which operator did: `user@host`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

impl Hold {
    /// Whether its time is over.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    /// Until when a direction is held, if it is.
    #[must_use]
    pub fn of(&self, direction: Direction, now: Timestamp) -> Option<Until> {
        let is_held = match direction {
            Direction::In => self.scaling_in,
            Direction::Out => self.scaling_out,
        };
        (is_held && !self.is_over(now)).then(|| self.until.map_or(Until::Released, Until::Time))
    }
}

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertStage {
    /// Failsafe was entered, and not everybody has been told yet.
    Pending,
    /// Everybody was told; a resolve is owed when failsafe is lifted.
    Raised,
}

/// The state of one resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResourceState {
    /// Whether an operator entered failsafe.
    pub failsafe_admin: bool,
    /// Whether the resource is in failsafe.
    pub failsafe_mode: bool,
    /// How many operations in a row failed.
    pub failure_count: u32,
    /// When somebody was last told of a failsafe.
    #[serde(with = "go_time")]
    pub last_notification_event: Option<Timestamp>,
    /// When the resource was last scaled; the cooldown runs from here.
    #[serde(with = "go_time")]
    pub last_scaling_event: Option<Timestamp>,
    /// When this state was last written.
    #[serde(with = "go_time")]
    pub last_updated: Option<Timestamp>,
    /// The pool's or the group's name.
    pub resource_name: String,
    /// What kind of resource it is.
    pub resource_type: ResourceType,
    /// How many evaluations in a row asked for fewer.
    pub scalein_requests: u32,
    /// How many evaluations in a row asked for more.
    pub scaleout_requests: u32,
    /// The key of this state.
    pub state_path: String,
    /// The operation under way. Ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// Where the alert stands. Ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert: Option<Alert>,
    /// What an operator holds back. Ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// The session of the leader that looks after the resource (S13). Ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<SessionId>,
    /// How many scale-ins in a row failed (P36). Ours.
    #[serde(skip_serializing_if = "is_zero")]
    pub scalein_failures: u32,
    /// When the last of them did. Ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_scalein_failure: Option<Timestamp>,
    /// Nodes whose drain failed since a scale-in last succeeded, the latest last (P36). Ours.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub spared: Vec<NodeId>,
    /// When scale-ins of the pool began within the last hour, the latest last (P37). Ours.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removals: Vec<Timestamp>,
    /// Fingerprints of the policies that nodes of the pool had, in the order in which they were seen (P4). Ours.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// Fields that others wrote; they are written back as they were (S5).
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

impl Default for ResourceState {
    fn default() -> Self {
        Self {
            failsafe_admin: false,
            failsafe_mode: false,
            failure_count: 0,
            last_notification_event: None,
            last_scaling_event: None,
            last_updated: None,
            resource_name: String::new(),
            resource_type: ResourceType::default(),
            scalein_requests: 0,
            scaleout_requests: 0,
            state_path: String::new(),
            operation: None,
            alert: None,
            hold: None,
            claim: None,
            scalein_failures: 0,
            last_scalein_failure: None,
            spared: Vec::new(),
            removals: Vec::new(),
            policies: Vec::new(),
            others: Map::new(),
        }
    }
}

impl ResourceState {
    /// The state of a resource that has none yet.
    #[must_use]
    pub fn initial(resource: &Resource, path: &str) -> Self {
        let (resource_name, resource_type) = match resource {
            Resource::Pool(name) => (name.to_string(), ResourceType::WorkerPool),
            Resource::Group(key) => (key.group.to_string(), ResourceType::JobGroup),
        };
        Self { resource_name, resource_type, state_path: path.to_owned(), ..Self::default() }
    }

    /// Reads a state.
    ///
    /// # Errors
    ///
    /// When the value isn't the JSON of a state.
    pub fn from_json(value: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(value)
    }

    /// Writes a state.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Maps with text keys, numbers and texts only: there is nothing here that JSON could not hold.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Notes who entered failsafe, and why; when it is lifted, neither stays.
    pub fn sign_failsafe(&mut self, failsafe: Failsafe, reason: Option<&str>, by: Option<&str>) {
        for (key, text) in [(FAILSAFE_REASON, reason), (FAILSAFE_BY, by)] {
            self.others.remove(key);
            if let Some(text) = text.filter(|_| failsafe == Failsafe::Enabled) {
                self.others.insert(key.to_owned(), text.into());
            }
        }
    }

    /// Why an operator entered failsafe, where one said.
    #[must_use]
    pub fn failsafe_reason(&self) -> Option<&str> {
        self.others.get(FAILSAFE_REASON).and_then(Value::as_str)
    }

    /// Which operator did, where that is known.
    #[must_use]
    pub fn failsafe_by(&self) -> Option<&str> {
        self.others.get(FAILSAFE_BY).and_then(Value::as_str)
    }

    /// An operator's word about failsafe, as `replicator failsafe` writes it. Lifting it sets the failure count to 0
    /// (S8).
    pub fn set_failsafe(&mut self, failsafe: Failsafe, now: Timestamp) {
        self.failsafe_mode = failsafe == Failsafe::Enabled;
        self.failsafe_admin = self.failsafe_mode;
        if failsafe == Failsafe::Disabled {
            self.failure_count = 0;
            self.scalein_failures = 0;
            self.spared.clear();
        }
        self.last_updated = Some(now);
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{GroupKey, JobKey};

    /// Recorded from the Go daemon.
    const GO_STATE: &str = r#"{"eligible_nodes":["n1"],"failsafe_admin":false,"failsafe_mode":false,"failure_count":0,"last_notification_event":"0001-01-01T00:00:00Z","last_scaling_event":"2026-11-22T07:08:46.533353872Z","last_updated":"2026-11-22T07:08:49.018722937Z","resource_name":"g","resource_type":"job_group","scalein_requests":0,"scaleout_requests":1,"state_path":"replicator/config/state/jobs/burner/g"}"#;

    #[test]
    fn s2_reads_what_the_go_daemon_wrote() {
        let state = ResourceState::from_json(GO_STATE.as_bytes()).unwrap();
        assert_eq!(state.last_notification_event, None, "Go's zero time is never");
        assert_eq!(state.last_scaling_event, Some("2026-11-22T07:08:46.533353872Z".parse().unwrap()));
        assert_eq!((state.scaleout_requests, state.resource_type), (1, ResourceType::JobGroup));
        assert_eq!(state.operation, None);
    }

    #[test]
    fn s2_s5_writes_every_field_that_the_go_daemon_reads_and_keeps_the_others() {
        let state = ResourceState::from_json(GO_STATE.as_bytes()).unwrap();
        let written: Value = serde_json::from_slice(&state.to_json()).unwrap();
        let original: Value = serde_json::from_str(GO_STATE).unwrap();
        assert_eq!(written, original);
    }

    #[test]
    fn s2_null_and_missing_fields_are_defaults() {
        let state = ResourceState::from_json(br#"{"last_updated":null,"eligible_nodes":null}"#).unwrap();
        assert_eq!(state.last_updated, None);
        assert!(ResourceState::from_json(b"").is_err(), "an empty value is not a state");
        assert!(ResourceState::from_json(br#"{"failure_count":"x"}"#).is_err());
    }

    #[test]
    fn s2_an_initial_state_names_its_resource() {
        let group = Resource::Group(GroupKey { job: JobKey::in_default("burner"), group: "g".into() });
        let state = ResourceState::initial(&group, "root/state/jobs/burner/g");
        let value: Value = serde_json::from_slice(&state.to_json()).unwrap();
        assert_eq!(value["resource_type"], "job_group");
        assert_eq!(value["resource_name"], "g");
        assert_eq!(value["last_scaling_event"], "0001-01-01T00:00:00Z");
        let pool = ResourceState::initial(&Resource::Pool("p".into()), "root/state/nodes/p");
        assert_eq!(pool.resource_type, ResourceType::WorkerPool);
    }

    #[test]
    fn s7_a_failsafe_is_signed_until_it_is_lifted() {
        let mut state = ResourceState { failsafe_mode: true, ..ResourceState::default() };
        state.others.insert("eligible_nodes".into(), Value::Null);
        state.sign_failsafe(Failsafe::Enabled, Some("new disks"), Some("ann@ops-1"));
        let read = ResourceState::from_json(&state.to_json()).unwrap();
        assert_eq!((read.failsafe_reason(), read.failsafe_by()), (Some("new disks"), Some("ann@ops-1")));
        state.sign_failsafe(Failsafe::Enabled, None, Some("bob@ops-1"));
        assert_eq!(state.failsafe_reason(), None, "an earlier reason is not the later one's");
        state.sign_failsafe(Failsafe::Disabled, None, Some("ann@ops-1"));
        assert_eq!(state.others.keys().collect::<Vec<_>>(), ["eligible_nodes"]);
    }

    #[test]
    fn s8_lifting_a_failsafe_forgets_the_failures() {
        let now = Timestamp::UNIX_EPOCH;
        let mut state = ResourceState { failure_count: 3, failsafe_mode: true, ..ResourceState::default() };
        state.set_failsafe(Failsafe::Disabled, now);
        assert_eq!((state.failsafe_mode, state.failsafe_admin, state.failure_count), (false, false, 0));
        assert_eq!(state.last_updated, Some(now));
        state.failure_count = 2;
        state.set_failsafe(Failsafe::Enabled, now);
        assert_eq!((state.failsafe_mode, state.failsafe_admin, state.failure_count), (true, true, 2));
    }
}
