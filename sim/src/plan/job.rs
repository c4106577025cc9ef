//! Jobs, groups and tasks of a run.

use std::ops::Range;

use replicator::domain::{GroupKey, JobKey, Meta, Resources};
use replicator::policy::GroupPolicy;
use serde::{Deserialize, Serialize};

use super::delay::Delay;
use crate::kernel::time::Millis;

/// A job of a scenario.
#[derive(Debug, Clone)]
pub struct JobPlan {
    /// Identity.
    pub key: JobKey,
    /// Type.
    pub kind: replicator::domain::JobKind,
    /// Index of the pool that it runs in.
    pub pool: usize,
    /// Its `update` block, if it has one.
    pub update: Option<Update>,
    /// Its groups: a range of the plan's.
    pub groups: Range<usize>,
}

/// A group of a scenario.
#[derive(Debug, Clone)]
pub struct GroupPlan {
    /// Identity.
    pub key: GroupKey,
    /// Index of its job.
    pub job: usize,
    /// How many it starts with.
    pub count: u32,
    /// From placement to running.
    pub start: Delay,
    /// From being told to stop to having stopped.
    pub kill_timeout: Millis,
    /// How long a batch allocation runs.
    pub runtime: Delay,
    /// How many may be migrated at once when a node is drained.
    pub migrate_max_parallel: u32,
    /// Disk of an allocation, MiB.
    pub disk: u32,
    /// What it asks of its node beside amounts.
    pub wants: Wants,
    /// How long a task of it lives on after its allocation has ended.
    pub poststop: Option<Millis>,
    /// How long an allocation whose client is cut off may be missed before it counts as lost: its `disconnect` block's
    /// `lost_after`. Without one it is lost at once.
    pub disconnect: Option<Millis>,
    /// Its tasks.
    pub tasks: Vec<TaskPlan>,
    /// Its `meta`.
    pub meta: Meta,
    /// Its policy, if it has one.
    pub policy: Option<GroupPolicy>,
    /// Its `scaling` block, if it has one.
    pub scaling: Option<ScalingBlock>,
}

impl GroupPlan {
    /// What an allocation takes.
    #[must_use]
    pub fn resources(&self) -> Resources {
        let sum = |of: fn(&TaskPlan) -> u32| self.tasks.iter().map(|task| u64::from(of(task))).sum();
        let cores = self.tasks.iter().map(|task| task.cores).sum();
        Resources { cores, ..Resources::new(sum(|task| task.cpu), sum(|task| task.memory), self.disk.into()) }
    }
}

/// What a group asks of its node beside amounts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wants {
    /// Constraints, its job's first.
    pub constraints: Vec<Constraint>,
    /// Whether no two allocations of the job may be on one node.
    pub job_apart: bool,
    /// Whether no two allocations of the group may be on one node.
    pub group_apart: bool,
    /// Static ports.
    pub ports: Vec<u16>,
}

impl Wants {
    /// Whether it asks for anything beside amounts.
    #[must_use]
    pub fn anything(&self) -> bool {
        !self.constraints.is_empty() || self.job_apart || self.group_apart || !self.ports.is_empty()
    }
}

/// A constraint on nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constraint {
    /// What of the node is looked at, such as `${meta.rack}`.
    pub attribute: String,
    /// How it is compared.
    pub operator: Operator,
    /// With what.
    pub value: String,
    /// Whether it stands in the group rather than in the job.
    pub of_group: bool,
}

/// A task of a scenario.
#[derive(Debug, Clone)]
pub struct TaskPlan {
    /// Name.
    pub name: replicator::domain::TaskName,
    /// What it takes, MHz; of one that asks for cores, what these come to.
    pub cpu: u32,
    /// Whole cores that it asks for, in place of MHz.
    pub cores: u32,
    /// What it asks for, MiB.
    pub memory: u32,
    /// Whether it can have no more CPU than it asks for, rather than what its node has left as well.
    pub cpu_hard_limit: bool,
    /// What it uses without load, MHz.
    pub idle_cpu: u32,
    /// What it uses without load, MiB.
    pub idle_memory: u32,
}

/// A job's `update` block: it has deployments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Update {
    /// How long an allocation must run to count as healthy.
    pub min_healthy_time: crate::kernel::time::Millis,
    /// How long a deployment may go without progress before it fails.
    pub progress_deadline: crate::kernel::time::Millis,
}

/// How a constraint compares what a node has with what is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operator {
    /// The same text.
    #[default]
    #[serde(rename = "=")]
    Is,
    /// Another text, or none.
    #[serde(rename = "!=")]
    IsNot,
    /// Any text.
    #[serde(rename = "is_set")]
    IsSet,
    /// None.
    #[serde(rename = "is_not_set")]
    IsNotSet,
}

impl Operator {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Is => "=",
            Self::IsNot => "!=",
            Self::IsSet => "is_set",
            Self::IsNotSet => "is_not_set",
        }
    }
}

/// A group's `scaling` block: Nomad keeps the count within it, and shows it to autoscalers.
#[derive(Debug, Clone, PartialEq)]
pub struct ScalingBlock {
    /// The fewest that may be asked for.
    pub min: u32,
    /// The most.
    pub max: u32,
    /// Whether an autoscaler shall act on it.
    pub enabled: bool,
    /// What it says to an autoscaler, as JSON; Nomad does not look at it.
    pub policy: serde_json::Value,
}
