//! The jobs of a draft.

use std::collections::BTreeMap;

use replicator::domain::{GroupKey, JobKey, JobKind, Namespace};
use serde::{Deserialize, Serialize};

use super::meta::{MetaValue, group_policy};
use super::problem::{Problem, Under, within};
use super::values::Span;
use super::{Names, each, is_default};
use crate::kernel::time::Millis;
use crate::plan::{self, Delay, GroupPlan, JobPlan, Operator, PoolPlan, ScalingBlock, TaskPlan, Wants};

const MOST_ALLOCATIONS: u32 = 100_000;
/// Allocations of a group times nodes of its pool: placing looks at every node for every allocation.
const MOST_PLACEMENT: u64 = 100_000_000;

/// What Nomad does with a job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobType {
    /// It runs for good.
    #[default]
    Service,
    /// Its allocations end by themselves.
    Batch,
    /// One of each group on every node.
    System,
}

/// A job.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// Its type.
    #[serde(default, skip_serializing_if = "is_default")]
    pub r#type: JobType,
    /// Its namespace: `default`.
    pub namespace: Option<String>,
    /// Its pool; need not be said where there is only one.
    pub pool: Option<String>,
    /// Its `update` block; without one it has no deployments.
    pub update: Option<Update>,
    /// What it asks of its nodes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub constraint: Vec<Constraint>,
    /// Whether no two of its allocations may be on one node.
    #[serde(default, skip_serializing_if = "is_default")]
    pub distinct_hosts: bool,
    /// Its groups, by name; one at least.
    pub groups: BTreeMap<String, Group>,
}

/// A job's `update` block.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Update {
    /// How long an allocation must run to count as healthy: 10 s.
    pub min_healthy_time: Option<Span>,
    /// How long a deployment may go without progress: 10 min.
    pub progress_deadline: Option<Span>,
}

/// What is asked of nodes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constraint {
    /// What of the node is looked at, such as `${meta.rack}`.
    pub attribute: String,
    /// How it is compared: with `=`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub operator: Operator,
    /// With what.
    pub value: Option<String>,
}

/// A group.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// How many allocations it starts with.
    pub count: u32,
    /// From placement to running: 5 s.
    pub start: Option<Delay>,
    /// From being told to stop to having stopped: 5 s.
    pub kill_timeout: Option<Span>,
    /// How long an allocation of a batch job runs: 10 min.
    pub runtime: Option<Delay>,
    /// How many are migrated at once: 1.
    pub migrate_max_parallel: Option<u32>,
    /// Disk of an allocation, MiB.
    #[serde(default, skip_serializing_if = "is_default")]
    pub disk: u32,
    /// What it asks of its nodes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub constraint: Vec<Constraint>,
    /// Whether no two of its allocations may be on one node.
    #[serde(default, skip_serializing_if = "is_default")]
    pub distinct_hosts: bool,
    /// Static ports.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ports: Vec<u16>,
    /// How long a task of it lives on after its allocation has ended.
    pub poststop: Option<Span>,
    /// Its `disconnect` block's `lost_after`.
    pub disconnect: Option<Span>,
    /// Its tasks, by name; one at least.
    pub tasks: BTreeMap<String, Task>,
    /// Its meta, in which its policy stands.
    #[serde(default, skip_serializing_if = "is_default")]
    pub meta: BTreeMap<String, MetaValue>,
    /// Its `scaling` block.
    pub scaling: Option<Scaling>,
}

/// A group's `scaling` block.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scaling {
    /// The fewest: the count that the group starts with.
    pub min: Option<u32>,
    /// The most.
    pub max: u32,
    /// Whether an autoscaler shall act on it: it shall.
    pub enabled: Option<bool>,
    /// What it says to an autoscaler.
    pub policy: Option<toml::Table>,
}

/// A task.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// What it asks for, MHz.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cpu: u32,
    /// Whole cores, in place of MHz.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cores: u32,
    /// What it asks for, MiB.
    pub memory: u32,
    /// Whether it can have no more CPU than it asks for: it can not. Where it can, it has what its node has left as well.
    pub cpu_hard_limit: Option<bool>,
    /// What it uses without load, MHz.
    #[serde(default, skip_serializing_if = "is_default")]
    pub idle_cpu: u32,
    /// What it uses without load, MiB.
    #[serde(default, skip_serializing_if = "is_default")]
    pub idle_memory: u32,
}

impl Task {
    /// A task that asks for so much CPU, in MHz, and memory, in MiB.
    #[must_use]
    pub fn new(cpu: u32, memory: u32) -> Self {
        Self { cpu, memory, ..Self::default() }
    }

    /// One that asks for cores takes their MHz, as its client works them out.
    fn plan(&self, name: &str, pool: &PoolPlan) -> TaskPlan {
        let of_cores = u64::from(self.cores) * pool.size.cpu.0 / u64::from(pool.size.cores.max(1));
        let cores = if pool.size.cores > 0 { self.cores } else { 0 };
        TaskPlan {
            name: name.into(),
            cpu: if cores > 0 { u32::try_from(of_cores).unwrap_or(u32::MAX) } else { self.cpu },
            cores,
            memory: self.memory,
            cpu_hard_limit: self.cpu_hard_limit.unwrap_or(true),
            idle_cpu: self.idle_cpu,
            idle_memory: self.idle_memory,
        }
    }
}

impl Job {
    /// A service job of one group.
    #[must_use]
    pub fn service(group: &str, of: Group) -> Self {
        Self { groups: [(group.to_owned(), of)].into(), ..Self::default() }
    }
}

impl Group {
    /// A group of so many allocations of one task.
    #[must_use]
    pub fn new(count: u32, task: Task) -> Self {
        Self { count, tasks: [("main".to_owned(), task)].into(), ..Self::default() }
    }

    /// With a policy that is enabled and keeps the count within these bounds. Its thresholds are still to be said, by
    /// [`Group::meta`]: `replicator_scaleout_cpu`, `…_scalein_cpu`, `…_scaleout_mem` and `…_scalein_mem`.
    #[must_use]
    pub fn scaled(self, min: u32, max: u32) -> Self {
        self.meta("replicator_enabled", true)
            .meta("replicator_notification_uid", "nobody")
            .meta("replicator_min", min)
            .meta("replicator_max", max)
    }

    /// With this key in its meta.
    #[must_use]
    pub fn meta(mut self, key: &str, value: impl Into<MetaValue>) -> Self {
        self.meta.insert(key.to_owned(), value.into());
        self
    }

    fn check(&self, key: GroupKey, job: usize, pool: &PoolPlan, of_job: &Wants) -> Result<GroupPlan, Problem> {
        let count = within(self.count, 0..=MOST_ALLOCATIONS, "allocations").under("count")?;
        if u64::from(count) * u64::from(pool.nodes) > MOST_PLACEMENT {
            let nodes = pool.nodes;
            let message = format!("{count} allocations on {nodes} nodes are too many; at most {MOST_PLACEMENT} pairs");
            return Err(Problem::new(message)).under("count");
        }
        let tasks: Vec<TaskPlan> = self.tasks.iter().map(|(name, task)| task.plan(name, pool)).collect();
        if tasks.is_empty() || tasks.iter().any(|task| task.cpu == 0 || task.memory == 0) {
            let message = "a group needs a task, and a task needs cpu (MHz) and memory (MiB); cores in place of cpu \
                           where its pool has some";
            return Err(Problem::new(message)).under("tasks");
        }
        let (meta, policy) = group_policy(&self.meta).under("meta")?;
        let own = constraints(&self.constraint, true)?;
        let delay = |written: Option<Delay>, seconds| {
            written.unwrap_or(Delay::Constant(Millis::secs(seconds))).sound().map_err(Problem::new)
        };
        let migrated = within(self.migrate_max_parallel.unwrap_or(1), 1..=MOST_ALLOCATIONS, "allocations");
        let group = GroupPlan {
            key,
            job,
            count,
            start: delay(self.start, 5).under("start")?,
            kill_timeout: self.kill_timeout.map_or(Millis::secs(5), |span| span.0),
            runtime: delay(self.runtime, 600).under("runtime")?,
            migrate_max_parallel: migrated.under("migrate_max_parallel")?,
            disk: self.disk,
            wants: Wants {
                constraints: [of_job.constraints.clone(), own].concat(),
                job_apart: of_job.job_apart,
                group_apart: self.distinct_hosts,
                ports: self.ports.clone(),
            },
            poststop: self.poststop.map(|span| span.0),
            disconnect: self.disconnect.map(|span| span.0),
            tasks,
            meta,
            policy,
            scaling: self.scaling.as_ref().map(|block| block.check(count).under("scaling")).transpose()?,
        };
        if !pool.capacity().holds(group.resources()) {
            let message = format!("an allocation of this group does not fit on a node of pool {}", pool.name);
            return Err(Problem::new(message)).under("tasks");
        }
        Ok(group)
    }
}

impl Scaling {
    /// As in Nomad the least is the count that the group starts with, where none is given.
    fn check(&self, count: u32) -> Result<ScalingBlock, Problem> {
        let (min, max) = (self.min.unwrap_or(count), self.max);
        if !(min..=max).contains(&count) {
            let message = format!("the group's count, {count}, must be within min, {min}, and max, {max}");
            return Err(Problem::new(message));
        }
        let policy = self.policy.as_ref().map_or(Ok(serde_json::Value::Null), serde_json::to_value);
        let policy = policy.map_err(|error| Problem::new(format!("policy has no form in JSON: {error}")))?;
        Ok(ScalingBlock { min, max, enabled: self.enabled.unwrap_or(true), policy })
    }
}

pub(super) fn jobs(
    written: &BTreeMap<String, Job>,
    pools: &[PoolPlan],
) -> Result<(Vec<JobPlan>, Vec<GroupPlan>), Problem> {
    let mut jobs = Vec::new();
    let mut groups = Vec::new();
    for (id, job) in written {
        let (plan, of_job) = self::job(id, job, pools, jobs.len(), groups.len()).under(id)?;
        jobs.push(plan);
        groups.extend(of_job);
    }
    Ok((jobs, groups))
}

/// A job and its groups. `number` is its own, `first` that of its first group.
fn job(
    id: &str,
    job: &Job,
    pools: &[PoolPlan],
    number: usize,
    first: usize,
) -> Result<(JobPlan, Vec<GroupPlan>), Problem> {
    if job.groups.is_empty() {
        return Err(Problem::new(format!("job {id:?} needs a group: [jobs.{id}.groups.NAME]"))).under("groups");
    }
    let pool = home_of(id, job.pool.as_deref(), pools)?;
    let of_job =
        Wants { constraints: constraints(&job.constraint, false)?, job_apart: job.distinct_hosts, ..Wants::default() };
    let namespace = job.namespace.as_deref().unwrap_or(Namespace::DEFAULT);
    let key = JobKey { namespace: Namespace::of(namespace), id: id.into() };
    let group = |(name, group): (&String, &Group)| {
        let key = GroupKey { job: key.clone(), group: name.as_str().into() };
        group.check(key, number, &pools[pool], &of_job).under(name).under("groups")
    };
    let groups = job.groups.iter().map(group).collect::<Result<Vec<_>, _>>()?;
    let seconds = |span: Option<Span>, default| span.map_or(Millis::secs(default), |span| span.0);
    let plan = JobPlan {
        key,
        kind: match job.r#type {
            JobType::Service => JobKind::Service,
            JobType::Batch => JobKind::Batch,
            JobType::System => JobKind::System,
        },
        pool,
        update: job.update.as_ref().map(|update| plan::Update {
            min_healthy_time: seconds(update.min_healthy_time, 10),
            progress_deadline: seconds(update.progress_deadline, 600),
        }),
        groups: first..first + groups.len(),
    };
    Ok((plan, groups))
}

/// The pool that a job runs in. Where there is only one, it need not be said.
fn home_of(id: &str, named: Option<&str>, pools: &[PoolPlan]) -> Result<usize, Problem> {
    match (named, pools) {
        (None, [_]) => Ok(0),
        (None, _) => {
            let message = format!("with several pools, job {id:?} must name its own: pool = \"…\"");
            Err(Problem::new(message)).under("groups")
        }
        (Some(name), pools) => Names { pools, groups: &[] }.pool(name).under("pool"),
    }
}

fn constraints(written: &[Constraint], of_group: bool) -> Result<Vec<plan::Constraint>, Problem> {
    let constraint = |Constraint { attribute, operator, value }: &Constraint| {
        if !(attribute.starts_with("${") && attribute.ends_with('}')) {
            let message = "an attribute is written as in a job, such as \"${meta.rack}\"";
            return Err(Problem::new(message)).under("attribute");
        }
        if value.is_none() && matches!(operator, Operator::Is | Operator::IsNot) {
            return Err(Problem::new("a constraint that compares needs a value")).under("attribute");
        }
        let (attribute, value) = (attribute.clone(), value.clone().unwrap_or_default());
        Ok(plan::Constraint { attribute, operator: *operator, value, of_group })
    };
    each(written, constraint).under("constraint")
}
