//! Jobs, their allocations, and what Nomad does with them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    AllocationId, DeploymentId, EvaluationId, GroupKey, GroupName, Holdings, JobKey, MebiBytes, MegaHertz, NodeId,
    Requirements, Resources, TaskName,
};

/// The `meta` of a task group or of a node: text to text.
pub type Meta = BTreeMap<String, String>;

/// The type of a job, as far as it matters for scaling (J4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Runs until stopped; the only kind that is scaled.
    Service,
    /// Runs to completion.
    Batch,
    /// One allocation on every node.
    System,
    /// One allocation on every node, to completion.
    Sysbatch,
}

/// A job as a list shows it, without its groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSummary {
    /// Identity.
    pub key: JobKey,
    /// Type.
    pub kind: JobKind,
    /// Whether the job is a periodic or parameterized parent, which runs nothing itself.
    pub is_parent: bool,
    /// Whether somebody stopped the job.
    pub stopped: bool,
    /// The job modify index: changes when, and only when, the job's specification does.
    pub modify_index: u64,
}

/// A job with its groups.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// The job as lists show it.
    pub summary: JobSummary,
    /// Its groups, in the job's order.
    pub groups: Vec<TaskGroup>,
}

impl Job {
    /// The group of that name.
    #[must_use]
    pub fn group(&self, name: &GroupName) -> Option<&TaskGroup> {
        self.groups.iter().find(|group| group.name == *name)
    }
}

/// A task group.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskGroup {
    /// Name.
    pub name: GroupName,
    /// How many allocations the job asks for.
    pub count: u32,
    /// The group's `meta`, where its policy lives.
    pub meta: Meta,
    /// Its tasks.
    pub tasks: Vec<Task>,
    /// Disk that an allocation of the group takes, in MiB.
    pub disk: MebiBytes,
    /// Nomad's own bounds of the count, where the group has a `scaling` block.
    pub scaling: Option<ScalingBlock>,
    /// What it asks of its node beside amounts.
    pub needs: Arc<Requirements>,
}

/// A group's `scaling` block: Nomad refuses a count outside its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScalingBlock {
    /// The fewest allocations.
    pub min: u32,
    /// The most allocations; absent: no bound.
    pub max: Option<u32>,
    /// Whether an autoscaler shall act on the group.
    pub enabled: bool,
}

impl TaskGroup {
    /// What one allocation of this group takes on a node.
    #[must_use]
    pub fn resources(&self) -> Resources {
        let mut sum: Resources = self
            .tasks
            .iter()
            .map(|task| Resources { cpu: task.cpu, memory: task.memory, cores: task.cores, ..Resources::default() })
            .sum();
        sum.disk = self.disk;
        sum
    }

    /// The tasks whose use says something about load: those that run as long as the allocation does (J12), and are not ignored
    /// (J33).
    pub fn heard<'a>(&'a self, ignored: &'a BTreeSet<TaskName>) -> impl Iterator<Item = &'a Task> {
        self.tasks.iter().filter(|task| task.span == TaskSpan::Throughout && !ignored.contains(&task.name))
    }
}

/// A task and what it asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Name.
    pub name: TaskName,
    /// CPU it asks for, in MHz; 0 of a task that asks for whole cores instead.
    pub cpu: MegaHertz,
    /// Whole cores it asks for.
    pub cores: u32,
    /// Memory it asks for, in MiB.
    pub memory: MebiBytes,
    /// Whether it runs as long as its allocation does.
    pub span: TaskSpan,
}

/// How long a task runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskSpan {
    /// As long as its allocation.
    Throughout,
    /// Before, or after, the main tasks (a `lifecycle` hook that is no sidecar). It has no statistics most of the time,
    /// and says nothing about load.
    Briefly,
}

/// What Nomad's servers want of an allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DesiredStatus {
    /// It shall run.
    Run,
    /// It shall stop.
    Stop,
    /// It was evicted for another.
    Evict,
}

/// What the client reports of an allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientStatus {
    /// Not started yet.
    Pending,
    /// Running.
    Running,
    /// Ended well.
    Complete,
    /// Ended badly.
    Failed,
    /// Its node is gone.
    Lost,
    /// Its node is out of touch; it may well run.
    Unknown,
}

/// An allocation as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocation {
    /// Identity.
    pub id: AllocationId,
    /// The group it belongs to.
    pub group: GroupKey,
    /// The kind of its job.
    pub kind: JobKind,
    /// The node it was placed on.
    pub node: NodeId,
    /// What the servers want of it.
    pub desired: DesiredStatus,
    /// What its client reports.
    pub client: ClientStatus,
    /// What it takes on its node.
    pub resources: Resources,
    /// What each of its tasks takes, where the server tells.
    pub tasks: Arc<[TaskShare]>,
    /// Ports and devices that it holds; nothing where it holds none.
    pub holdings: Option<Arc<Holdings>>,
    /// Whether a task of it is alive although it has ended as a whole: a `poststop` task. Lists do not tell.
    pub lingers: bool,
    /// Whether the server did not say what it takes, so that its node may be fuller than it looks.
    pub opaque: bool,
}

/// What a task of an allocation takes on its node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskShare {
    /// The task.
    pub task: TaskName,
    /// CPU in MHz, worked out by the client for a task that asks for cores.
    pub cpu: MegaHertz,
    /// Memory in MiB: what scheduling counts, not what it may reach (`memory_max`).
    pub memory: MebiBytes,
}

/// An allocation of which something may be alive on its node, with what moving it asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Occupant {
    /// The allocation.
    pub allocation: Allocation,
    /// What its group asks of a node beside amounts, in the version of the job that it runs.
    pub needs: Arc<Requirements>,
}

/// An allocation that does not run, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ailing {
    /// The allocation.
    pub allocation: AllocationId,
    /// Its node.
    pub node: NodeId,
    /// The last that is known of it, in Nomad's words.
    pub event: String,
}

impl fmt::Display for Ailing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "allocation {} on node {}: {}", self.allocation, self.node, self.event)
    }
}

/// Allocations of a group that Nomad could not place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BlockedWork {
    /// The group.
    pub group: GroupKey,
    /// How many of them.
    pub count: u32,
    /// What was missing, in Nomad's words, such as `memory exhausted on 2 nodes`.
    pub lacks: String,
}

impl Allocation {
    /// Desired `run` and client `running`: what a group's averages are taken over (J7).
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.desired == DesiredStatus::Run && self.client == ClientStatus::Running
    }

    /// Whether Nomad counts it as ended or ending, so that its resources are free to plan with (P6).
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.desired != DesiredStatus::Run || !self.occupies_node()
    }

    /// Whether something of it may still run on its node. An allocation that shall stop still runs until its client
    /// says otherwise; a node is only empty when nothing occupies it (P22).
    #[must_use]
    pub fn occupies_node(&self) -> bool {
        self.lingers || matches!(self.client, ClientStatus::Pending | ClientStatus::Running | ClientStatus::Unknown)
    }
}

/// The statistics of one allocation at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct AllocationStats {
    /// One entry a task that the client has statistics for.
    pub tasks: Vec<TaskUsage>,
    /// Whether the client collects statistics at all. One that does not (`publish_allocation_metrics` in its `telemetry`
    /// block, off by default since Nomad 1.10.2) answers zeros for ever.
    pub collected: bool,
}

/// What one task uses.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskUsage {
    /// The task.
    pub task: TaskName,
    /// CPU in MHz (Nomad's `TotalTicks`), where the client has a sample.
    pub cpu_mhz: Option<f64>,
    /// Memory, as the client measures it.
    pub memory: MemoryStats,
    /// What the task's driver does not measure at all, while it does measure the other.
    pub unmeasured: Option<Measure>,
}

/// What is measured of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// CPU.
    Cpu,
    /// Memory.
    Memory,
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "CPU",
            Self::Memory => "memory",
        })
    }
}

/// Memory of a task, in bytes: each field only where the client says that it measured it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemoryStats {
    /// Resident set size.
    pub rss: Option<u64>,
    /// Usage of the control group.
    pub usage: Option<u64>,
}

impl MemoryStats {
    /// Resident memory in bytes (J14): the RSS that a cgroup v1 client measures, or, where that is absent or zero as
    /// on cgroup v2 clients, the usage. Readings above `i64::MAX` are a client's arithmetic gone below zero; they
    /// count as missing.
    #[must_use]
    pub fn resident_bytes(self) -> Option<u64> {
        let sane = |bytes: &u64| i64::try_from(*bytes).is_ok();
        match self.rss {
            Some(rss) if rss > 0 => self.rss.filter(sane),
            _ if self.usage.is_some() => self.usage.filter(sane),
            _ => self.rss,
        }
    }
}

/// The state of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentStatus {
    /// Not begun.
    Pending,
    /// Under way.
    Running,
    /// Paused by somebody.
    Paused,
    /// Waits for another region.
    Blocked,
    /// Ended well.
    Successful,
    /// Ended badly.
    Failed,
    /// Overtaken or called off.
    Cancelled,
}

impl DeploymentStatus {
    /// Whether the job is still moving, so that it must neither be evaluated nor scaled (J6).
    #[must_use]
    pub fn is_active(self) -> bool {
        matches!(self, Self::Pending | Self::Running | Self::Paused | Self::Blocked)
    }
}

/// A deployment of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// Identity.
    pub id: DeploymentId,
    /// The job it deploys.
    pub job: JobKey,
    /// The modify index of the job's specification that it deploys.
    pub job_modify_index: u64,
    /// When it was made: the latest deployment of a job is the one with the highest.
    pub create_index: u64,
    /// State.
    pub status: DeploymentStatus,
    /// Why it will not end by itself, if that can be seen.
    pub hang: Option<Hang>,
}

/// Why a deployment stays active without anything to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hang {
    /// Its canaries wait for somebody to promote them.
    AwaitsPromotion,
    /// All that it wants is healthy, and yet Nomad does not end it.
    AllHealthy,
}

/// The state of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvaluationStatus {
    /// Not yet done, or blocked for want of capacity.
    Pending,
    /// Done.
    Complete,
    /// Failed.
    Failed,
    /// A newer one has taken its place.
    Cancelled,
}

/// An evaluation: Nomad's answer to a change of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// Identity.
    pub id: EvaluationId,
    /// State.
    pub status: EvaluationStatus,
    /// The deployment that it made, if any.
    pub deployment: Option<DeploymentId>,
    /// When Nomad last changed it, where the server says so.
    pub modified: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn j14_memory_is_the_field_that_the_client_measures() {
        let stats = |rss, usage| MemoryStats { rss, usage }.resident_bytes();
        assert_eq!(stats(Some(33_509_376), Some(0)), Some(33_509_376), "cgroup v1 reports RSS");
        assert_eq!(stats(Some(33_509_376), None), Some(33_509_376), "cgroup v1 does not measure usage");
        assert_eq!(stats(Some(0), Some(8_564_736)), Some(8_564_736), "cgroup v2 reports RSS 0 and usage");
        assert_eq!(stats(None, Some(8_564_736)), Some(8_564_736));
        assert_eq!(stats(None, None), None, "nothing measured is missing, not zero");
        assert_eq!(stats(Some(0), None), Some(0));
        assert_eq!(stats(Some(u64::MAX - 4095), None), None, "an absurd reading is missing");
        assert_eq!(stats(None, Some(u64::MAX)), None);
        assert_eq!(stats(Some(0), Some(u64::MAX)), None, "and not zero");
    }

    #[test]
    fn p22_an_allocation_told_to_stop_still_occupies_its_node() {
        let mut allocation = Allocation { desired: DesiredStatus::Stop, ..crate::testing::allocation("a", "n") };
        assert!(allocation.is_terminal() && allocation.occupies_node() && !allocation.is_running());
        allocation.client = ClientStatus::Complete;
        assert!(allocation.is_terminal() && !allocation.occupies_node());
        allocation.client = ClientStatus::Failed;
        allocation.lingers = true;
        assert!(allocation.occupies_node(), "a poststop task of it is alive");
    }
}
