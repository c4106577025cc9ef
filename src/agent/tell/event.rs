//! What an agent tells the world: data for logs, the API, notifications, and the simulator's report.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::spans::Spoken;
use super::vigil::{Course, Matter};
use crate::decide::{Decision, Direction, Step};
use crate::domain::Resource;
use crate::operation::{Failure, Outcome};
use crate::ports::PortError;
use crate::state::ResourceType;

/// Something that happened to or in an agent.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Leadership was won or lost.
    Leadership(Leadership),
    /// The lock cannot be stood for or kept, or can be again.
    Lock {
        /// What is wrong; nothing once it is right again.
        trouble: Option<PortError>,
    },
    /// This agent does not stand for the lock, since it could do nothing with it, or does again (L7).
    Aside {
        /// What is wrong with Nomad; nothing once it is right again.
        trouble: Option<PortError>,
    },
    /// A view stopped being kept current, or is current again.
    Feed {
        /// Which view.
        feed: Feed,
        /// What is wrong; nothing once it is right again.
        trouble: Option<PortError>,
    },
    /// A job or a node cannot be read, or can be again. The others go on.
    Unreadable {
        /// The job or node.
        what: String,
        /// What is wrong; nothing once it is right again.
        error: Option<PortError>,
    },
    /// A policy is wrong, or right again (J3, P24).
    Policy {
        /// Whose.
        resource: Resource,
        /// What is wrong or dubious; nothing once it is right again.
        problem: Option<String>,
    },
    /// An evaluation came to a decision.
    Decided(Arc<Decision>),
    /// There was nothing to decide on, and why.
    Undecided {
        /// Of what.
        resource: Resource,
        /// Why.
        why: String,
    },
    /// An operation began.
    Began {
        /// On what.
        resource: Resource,
        /// Which way.
        direction: Direction,
        /// The count or capacity before.
        from: u32,
        /// The count or capacity wanted.
        to: u32,
        /// Why.
        why: String,
        /// Names the resource's alerts; empty where the policy says nothing.
        uid: String,
    },
    /// An operation entered its next phase.
    Entered {
        /// On what.
        resource: Resource,
        /// The phase.
        phase: &'static str,
        /// What failed before, if anything did.
        failure: Option<Failure>,
    },
    /// An outside call that changes something was made.
    Called {
        /// About what.
        resource: Resource,
        /// The call.
        call: String,
        /// How it failed, if it did. It may have taken effect all the same.
        error: Option<PortError>,
    },
    /// An operation is over.
    Finished {
        /// On what.
        resource: Resource,
        /// Which way.
        direction: Direction,
        /// How it ended.
        outcome: Outcome,
        /// From what to what, where that is known.
        step: Option<Step>,
        /// The node and the instance that it was about, for people; empty of a group.
        about: String,
        /// How long it took.
        took: Duration,
        /// Names the resource's alerts; empty where the policy said nothing.
        uid: String,
    },
    /// Somebody entered or lifted a failsafe, or the agent entered one by itself.
    Failsafe {
        /// On what.
        subject: String,
        /// Whether it was entered.
        entered: bool,
        /// Who did it, where that is known; nothing of what the agents do by themselves.
        by: Option<String>,
        /// Why, where that is known.
        reason: Option<String>,
    },
    /// Something that an operator would want to know lasts: it has begun, goes on, or is over.
    Lasting {
        /// On what; nothing where it is about the whole cluster.
        resource: Option<Resource>,
        /// What it is.
        matter: Matter,
        /// In words, with its numbers.
        words: String,
        /// How far it is.
        course: Course,
    },
    /// Somebody has to be told (S9).
    Alert(AlertNotice),
    /// An evaluation could not be finished.
    Trouble {
        /// Of what.
        resource: Resource,
        /// Why.
        problem: String,
    },
}

impl Event {
    /// What kind of change it is, and of what; nothing where it changed nothing.
    #[must_use]
    pub fn change(&self) -> Option<(&'static str, Option<&Resource>)> {
        Some(match self {
            Self::Leadership(_) => ("leadership", None),
            Self::Lock { .. } => ("lock", None),
            Self::Aside { .. } => ("aside", None),
            Self::Feed { .. } => ("feed", None),
            Self::Unreadable { .. } => ("unreadable", None),
            Self::Policy { resource, .. } => ("policy", Some(resource)),
            Self::Began { resource, .. } => ("began", Some(resource)),
            Self::Entered { resource, .. } => ("phase", Some(resource)),
            Self::Called { resource, .. } => ("call", Some(resource)),
            Self::Finished { resource, .. } => ("finished", Some(resource)),
            Self::Failsafe { .. } => ("failsafe", None),
            Self::Lasting { resource, .. } => ("lasting", resource.as_ref()),
            Self::Alert(alert) => ("alert", Some(&alert.resource)),
            // Decisions come at every evaluation; of those that change nothing the latest is enough.
            Self::Decided(_) | Self::Undecided { .. } | Self::Trouble { .. } => return None,
        })
    }
}

/// A change of leadership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Leadership {
    /// Another agent leads; this one stands by.
    Follows,
    /// This agent leads now.
    Won,
    /// This agent does not lead any more.
    Lost(LossCause),
    /// Nobody leads, and this agent does not stand for the lock (L7).
    Vacant,
    /// This agent gave leadership up because it was told to stop.
    Resigned,
}

/// Why leadership was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LossCause {
    /// The session is gone.
    SessionGone,
    /// The session could not be renewed in time (L2).
    NotRenewed,
    /// The lock is another's, or nobody's.
    LockGone,
    /// It could evaluate nothing any more, and gave leadership up (L7).
    Blind,
}

/// A view that a blocking query keeps current.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Feed {
    /// Jobs and their groups.
    Jobs,
    /// Nodes and their pools.
    Nodes,
    /// Allocations.
    Allocations,
    /// Deployments.
    Deployments,
    /// The resources' states.
    States,
    /// Pools' policies in Consul.
    PoolPolicies,
    /// Work that could not be placed.
    Blocked,
}

/// What an alert does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertAction {
    /// A resource entered failsafe.
    Trigger,
    /// Failsafe was lifted.
    Resolve,
}

/// An alert, with all that the receiver needs. The state path tells repeats of one alert apart from others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlertNotice {
    /// Trigger or resolve.
    pub action: AlertAction,
    /// The `replicator_notification_uid` of the policy.
    pub uid: String,
    /// The name of the cluster.
    pub cluster_identifier: String,
    /// The resource.
    pub resource: Resource,
    /// Its type.
    pub resource_type: ResourceType,
    /// `cluster_failsafe_mode` or `job_group_failsafe_mode`.
    pub reason: &'static str,
    /// The key of its state.
    pub state_path: String,
    /// When failsafe was entered, where that is known.
    pub since: Option<Timestamp>,
    /// How many operations in a row had failed.
    pub failures: u32,
    /// How the last of them came to fail; empty where that is not known.
    pub why: String,
}

impl AlertNotice {
    /// What tells this word from every other, whoever says it again: about which resource, since when, and which word.
    #[must_use]
    pub fn id(&self) -> String {
        let since = self.since.map_or_else(String::new, |since| format!("@{since}"));
        format!("{}{since}/{}", self.state_path, self.action)
    }
}

impl fmt::Display for AlertAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trigger => "trigger",
            Self::Resolve => "resolve",
        })
    }
}

impl fmt::Display for Leadership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Follows => "stands by: another agent leads",
            Self::Won => "leads",
            Self::Lost(LossCause::SessionGone) => "lost leadership: its session is gone",
            Self::Lost(LossCause::NotRenewed) => "lost leadership: its session was not renewed in time",
            Self::Lost(LossCause::LockGone) => "lost leadership: the lock is not its own any more",
            Self::Lost(LossCause::Blind) => {
                "gives up leadership: it could evaluate nothing any more; another agent may see more"
            }
            Self::Vacant => "nobody leads",
            Self::Resigned => "resigned",
        })
    }
}

impl fmt::Display for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jobs => "jobs",
            Self::Nodes => "nodes",
            Self::Allocations => "allocations",
            Self::Deployments => "deployments",
            Self::States => "states",
            Self::PoolPolicies => "pool policies",
            Self::Blocked => "work that waits for room",
        })
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leadership(leadership) => leadership.fmt(f),
            Self::Lock { trouble: Some(trouble) } => write!(f, "cannot reach the lock: {trouble}"),
            Self::Lock { trouble: None } => f.write_str("reaches the lock again"),
            Self::Aside { trouble: Some(trouble) } => write!(f, "does not stand for the lock: {trouble}"),
            Self::Aside { trouble: None } => f.write_str("stands for the lock again: Nomad answers"),
            Self::Feed { feed, trouble: Some(trouble) } => write!(f, "cannot watch {feed}: {trouble}"),
            Self::Feed { feed, trouble: None } => write!(f, "watches {feed} again"),
            Self::Unreadable { what, error: Some(error) } => write!(f, "cannot read {what}: {error}"),
            Self::Unreadable { what, error: None } => write!(f, "can read {what} again"),
            Self::Policy { resource, problem: Some(problem) } => write!(f, "{resource}: policy: {problem}"),
            Self::Policy { resource, problem: None } => write!(f, "{resource}: policy is in order again"),
            Self::Decided(decision) => decision.fmt(f),
            Self::Undecided { resource, why } => write!(f, "{resource}: {why}"),
            Self::Began { resource, direction, from, to, why, .. } => {
                write!(f, "{resource}: begins to scale {direction} {from} -> {to}: {why}")
            }
            Self::Entered { resource, phase, failure: None } => write!(f, "{resource}: {phase}"),
            Self::Entered { resource, phase, failure: Some(failure) } => {
                write!(f, "{resource}: {phase} after a failure: {failure}")
            }
            Self::Called { resource, call, error: None } => write!(f, "{resource}: {call}"),
            Self::Called { resource, call, error: Some(error) } => write!(f, "{resource}: {call}: {error}"),
            Self::Finished { resource, direction, outcome, step, about, took, .. } => {
                write!(f, "{resource}: scaling {direction} {outcome}")?;
                if let Some(Step { from, to }) = step {
                    write!(f, "; {from} -> {to}")?;
                }
                write!(f, ", after {}", Spoken(*took))?;
                if about.is_empty() { Ok(()) } else { write!(f, " ({about})") }
            }
            Self::Failsafe { subject, entered, by, reason } => {
                let verb = if *entered { "entered" } else { "lifted" };
                let by = by.as_deref().unwrap_or(if *entered { "an operator or another agent" } else { "an operator" });
                write!(f, "{subject}: failsafe {verb} by {by}")?;
                reason.as_ref().map_or(Ok(()), |reason| write!(f, ": {reason}"))
            }
            Self::Lasting { resource, words, course, .. } => {
                resource.as_ref().map_or(Ok(()), |resource| write!(f, "{resource}: "))?;
                match course {
                    Course::Begins { since } if since.is_zero() => f.write_str(words),
                    Course::Begins { since } => write!(f, "{words}, for {} now", Spoken(*since)),
                    Course::GoesOn { since } => write!(f, "still, after {}: {words}", Spoken(*since)),
                    Course::IsOver { lasted } => write!(f, "over after {}: {words}", Spoken(*lasted)),
                }
            }
            Self::Alert(alert) => {
                let action = match alert.action {
                    AlertAction::Trigger => "alert",
                    AlertAction::Resolve => "resolve",
                };
                write!(f, "{action} {}: {} ({})", alert.uid, alert.resource, alert.reason)
            }
            Self::Trouble { resource, problem } => write!(f, "{resource}: {problem}"),
        }
    }
}
