//! Operations: what is done about a decision, as small state machines whose phase is in Consul before the outside
//! call of that phase (S6).
//!
//! This module is pure. `next` looks at a phase and at what can be seen of the world and answers one [`Move`];
//! the agent carries moves out. Every phase can be entered twice without harm: whoever leads after a crash reads the
//! phase, looks at the world, and goes on. An answer that never came is nothing special, since no move depends on
//! what a call returned, only on what can be seen afterwards.

mod group_scale;
mod known;
mod scale_in;
mod scale_out;
mod situation;

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::decide::{Direction, Step};
use crate::domain::{AgentName, Ailing, Hang, InstanceId, NodeId, PoolTarget, Resource};

pub use group_scale::{FOLLOW_LIMIT, GroupPhase, GroupScale, GroupSight, Rollout};
pub use known::Known;
pub use scale_in::{CallOff, DRAIN_DEADLINE, ScaleIn, ScaleInPhase, ScaleInSight};
pub use scale_out::{JOIN_DEADLINE, ScaleOut, ScaleOutPhase, ScaleOutSight};
pub use situation::Situation;

/// How long an outside call may stay without its effect being seen before that counts as a failure.
pub const EFFECT_LIMIT: Duration = Duration::from_mins(10);

/// An operation under way on one resource, as it stands in the resource's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// What is scaled.
    pub resource: Resource,
    /// Names the alerts about the resource, as its policy said when the work began.
    pub notification_uid: String,
    /// When it began.
    pub started: Timestamp,
    /// Who began it.
    pub agent: AgentName,
    /// When the time limit of the present phase began to run.
    pub since: Timestamp,
    /// From what to what, where the version that began it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    /// What is being done, and how far it is.
    #[serde(flatten)]
    pub work: Work,
}

impl Operation {
    /// A name that no other operation has, by which a drain is known again.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}@{}", self.resource, self.started)
    }

    /// What it does, for people who find a trace of it in Nomad.
    #[must_use]
    pub fn words(&self) -> String {
        let direction = self.work.direction();
        let step = self.step.map(|step| format!(" {} -> {}", step.from, step.to)).unwrap_or_default();
        format!("replicator scales {} {direction}{step}", self.resource)
    }
}

/// What an operation does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Work {
    /// Changes the count of a task group and follows its deployment.
    GroupScale(GroupScale),
    /// Adds a node to a pool.
    ScaleOut(ScaleOut),
    /// Takes a node out of a pool.
    ScaleIn(ScaleIn),
}

impl Work {
    /// Which way the resource is scaled.
    #[must_use]
    pub fn direction(&self) -> Direction {
        match self {
            Self::GroupScale(work) => work.direction(),
            Self::ScaleOut(_) => Direction::Out,
            Self::ScaleIn(_) => Direction::In,
        }
    }

    /// The Auto Scaling group that the operation works on, if it is a pool's.
    #[must_use]
    pub fn target(&self) -> Option<&PoolTarget> {
        match self {
            Self::GroupScale(_) => None,
            Self::ScaleOut(work) => Some(&work.target),
            Self::ScaleIn(work) => Some(&work.target),
        }
    }

    /// After how many failures in a row the resource enters failsafe, as its policy said when the work began.
    #[must_use]
    pub fn retry_threshold(&self) -> u32 {
        match self {
            Self::GroupScale(work) => work.retry_threshold,
            Self::ScaleOut(work) => work.retry_threshold,
            Self::ScaleIn(work) => work.retry_threshold,
        }
    }

    /// Whether entering this phase starts its time limit anew. Following counts from the action (J16), joining from the
    /// request (P18) unless the launch came late (P29), emptying from the drain, and a detachment that got its name goes
    /// on.
    #[must_use]
    pub fn starts_timer(&self) -> bool {
        match self {
            Self::GroupScale(_) => false,
            Self::ScaleOut(work) => !matches!(work.phase, ScaleOutPhase::Joining { late: false, .. }),
            Self::ScaleIn(work) => {
                !matches!(work.phase, ScaleInPhase::Emptying | ScaleInPhase::Detaching { activity: Some(_) })
            }
        }
    }

    /// The node and the instance that it is about, for people; empty where there is none, or none yet.
    #[must_use]
    pub fn about(&self) -> String {
        match self {
            Self::GroupScale(_) => String::new(),
            Self::ScaleOut(work) => work.phase.instance().map(|instance| format!("on {instance}")).unwrap_or_default(),
            Self::ScaleIn(ScaleIn { node, node_name, instance, .. }) => {
                let name = if node_name.is_empty() { node.as_str() } else { node_name };
                format!("node {name} on {instance}")
            }
        }
    }

    /// The name of the present phase.
    #[must_use]
    pub fn phase_name(&self) -> &'static str {
        match self {
            Self::GroupScale(work) => work.phase.name(),
            Self::ScaleOut(work) => work.phase.name(),
            Self::ScaleIn(work) => work.phase.name(),
        }
    }
}

/// The next thing to do about an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Move<W> {
    /// Nothing can be done until the world has moved.
    Wait,
    /// Make the outside call of the present phase, which is in the state already.
    Call(Call),
    /// Write this into the state, count a failure where there is one, then look again.
    Enter(W, Option<Failure>),
    /// The operation is over.
    Finish(Outcome),
}

impl<W> Move<W> {
    /// The same move, of work that is part of something larger.
    #[must_use]
    pub fn map<V>(self, whole: impl FnOnce(W) -> V) -> Move<V> {
        match self {
            Self::Wait => Move::Wait,
            Self::Call(call) => Move::Call(call),
            Self::Enter(work, failure) => Move::Enter(whole(work), failure),
            Self::Finish(outcome) => Move::Finish(outcome),
        }
    }
}

/// An outside call that changes something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// Set a group's count, on the job as it is at this index.
    Scale {
        /// The new count.
        count: u32,
        /// The job modify index that must not have changed.
        modify_index: u64,
    },
    /// Let the pool grow to this desired capacity.
    Grow(u32),
    /// Put the desired capacity back, since nothing came of it.
    Ungrow(u32),
    /// Terminate an instance.
    End(InstanceId),
    /// Take an instance out of the pool, which lowers the desired capacity, to terminate it next.
    TakeOut(InstanceId),
    /// Let an instance go from the pool, which lowers the desired capacity, and keep it for troubleshooting.
    LetGo(InstanceId),
    /// Drain a node.
    Drain(NodeId),
    /// Call a drain off.
    CancelDrain(NodeId),
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// As intended. The failure count goes back to 0.
    Succeeded,
    /// Not as intended. Counts as a failure; at the threshold the resource enters failsafe.
    Failed(Failure),
    /// Given up because the world moved on; nobody's failure (P28).
    Abandoned(Abandonment),
}

/// Why something failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The deployment failed or was cancelled; and an allocation that does not run, if there is one.
    DeploymentFailed(Option<Ailing>),
    /// The evaluation failed.
    EvaluationFailed,
    /// The deployment, or the change of count itself, took too long; and an allocation that does not run, if there is one.
    TookTooLong(Option<Ailing>),
    /// The Auto Scaling group launched no instance in time; the message is the provider's, where it gave one.
    NoLaunch(String),
    /// The instance's node did not join Nomad in time.
    DidNotJoin(InstanceId),
    /// The instance was gone before its node joined.
    DiedBeforeJoining(InstanceId),
    /// The drain did not end by its deadline and was called off (P23).
    DrainOverran(NodeId),
    /// The instance could not be detached.
    NotDetached(InstanceId),
    /// The instance was not seen to terminate.
    NotTerminated(InstanceId),
    /// The Auto Scaling group does not exist any more.
    GroupVanished,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DeploymentFailed(None) => f.write_str("the deployment failed or was cancelled"),
            Self::DeploymentFailed(Some(ailing)) => write!(f, "the deployment failed: {ailing}"),
            Self::EvaluationFailed => f.write_str("the evaluation failed"),
            Self::TookTooLong(ailing) => {
                write!(f, "not done within {} minutes", FOLLOW_LIMIT.as_secs() / 60)?;
                ailing.as_ref().map_or(Ok(()), |ailing| write!(f, ": {ailing}"))
            }
            Self::NoLaunch(message) if message.is_empty() => f.write_str("the group launched no instance in time"),
            Self::NoLaunch(message) => write!(f, "the group launched no instance in time: {message}"),
            Self::DidNotJoin(instance) => {
                write!(f, "the node of {instance} did not join within {} minutes", JOIN_DEADLINE.as_secs() / 60)
            }
            Self::DiedBeforeJoining(instance) => write!(f, "{instance} was gone before its node joined"),
            Self::DrainOverran(node) => {
                write!(f, "the drain of {node} did not end within {} minutes", DRAIN_DEADLINE.as_secs() / 60)
            }
            Self::NotDetached(instance) => write!(f, "{instance} could not be detached"),
            Self::NotTerminated(instance) => write!(f, "{instance} was not seen to terminate"),
            Self::GroupVanished => f.write_str("the Auto Scaling group is gone"),
        }
    }
}

/// Why an operation was given up without a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Abandonment {
    /// Somebody else set another count or capacity.
    Overruled {
        /// What we were about to set, or had set.
        wanted: u32,
        /// What is there.
        found: u32,
    },
    /// The job or group is gone.
    JobGone,
    /// The job changed before we acted.
    JobChanged,
    /// A deployment began before we acted.
    DeploymentBegan,
    /// Somebody else drains the node.
    DrainedByAnother(NodeId),
    /// Somebody called the drain off.
    DrainCancelled(NodeId),
    /// The node or its instance went away by itself.
    NodeGone(NodeId),
    /// We called the drain off, for this reason.
    CalledOff(CallOff),
    /// Somebody suspended this process of the group, without which nothing is launched.
    Suspended(String),
    /// Nomad, or the provider, refused the call for good.
    Refused(String),
    /// The policy was disabled, or is gone.
    Withdrawn,
    /// There is no room for what the count asks for; it is placed once there is.
    NoRoom,
    /// The deployment goes on by itself: nothing that we could wait for ends it.
    Hanging(Hang),
    /// A new node cannot be told to run on the instance that was launched, and may well be its own.
    Unmatched {
        /// The instance.
        instance: InstanceId,
        /// The node's name.
        node: String,
    },
}

impl fmt::Display for Abandonment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overruled { wanted, found } => write!(f, "somebody set {found} where {wanted} was wanted"),
            Self::JobGone => f.write_str("the group is gone"),
            Self::JobChanged => f.write_str("the job changed meanwhile"),
            Self::DeploymentBegan => f.write_str("a deployment began first"),
            Self::DrainedByAnother(node) => {
                write!(f, "somebody else drains {node}, or has drained it: it is left to them")
            }
            Self::DrainCancelled(node) => write!(f, "somebody called off the drain of {node}"),
            Self::NodeGone(node) => write!(f, "node {node} went away by itself"),
            Self::CalledOff(why) => write!(f, "the drain was called off: {why}"),
            Self::Suspended(process) => write!(f, "the group's process {process} is suspended (P28)"),
            Self::Refused(words) => write!(f, "refused for good: {words}"),
            Self::Withdrawn => f.write_str("its policy was disabled, or is gone"),
            Self::NoRoom => f.write_str("there is no room yet; Nomad places the rest once there is (J25)"),
            Self::Hanging(Hang::AwaitsPromotion) => {
                f.write_str("its deployment waits for somebody to promote its canaries (J26)")
            }
            Self::Hanging(Hang::AllHealthy) => {
                f.write_str("its deployment is all healthy, and Nomad does not end it (J26)")
            }
            Self::Unmatched { instance, node } => write!(
                f,
                "node {node} is new and cannot be told to run on {instance}, which is left alone; does the client know its \
                 instance ID or an address of it?"
            ),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Succeeded => f.write_str("succeeded"),
            Self::Failed(failure) => write!(f, "failed: {failure}"),
            Self::Abandoned(why) => write!(f, "abandoned: {why}"),
        }
    }
}
