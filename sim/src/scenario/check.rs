//! What a scenario means as a whole: names resolved, policies read by the core's own parser, impossible values found.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

use replicator::domain::{GroupKey, JobKey, Meta, Namespace, PoolName, Resources};
use replicator::policy::{GroupPolicy, KeyProblem, POOL_KEY, PolicyError, PoolPolicy, Reading};
use toml::Spanned;

use super::error::Problem;
use super::schema::{
    self, Fault, File, Home, JobType, OddKind, Operator, ScalingBlock, Target, Update, WrittenConstraint, WrittenMeta,
};
use super::values::{Amount, Delay, Shape, Span, WrittenShape, WrittenTrace};
use crate::load::read_trace;
use crate::time::Millis;

const SHORTEST_TICK: Millis = Millis(100);
const MOST_TICKS: u64 = 5_000_000;
const MOST_NODES: u32 = 10_000;
const MOST_ALLOCATIONS: u32 = 100_000;
const MOST_AGENTS: u32 = 9;
/// Allocations of a group times nodes of its pool: placing looks at every node for every allocation.
const MOST_PLACEMENT: u64 = 100_000_000;
const SHORTEST_INTERVAL: Millis = Millis::secs(1);
const DAY: Millis = Millis::secs(86_400);

/// Everything that a run needs.
#[derive(Debug, Clone)]
pub struct Plan {
    /// One line about it.
    pub title: String,
    /// What randomness starts from.
    pub seed: u64,
    /// How long it runs.
    pub duration: Millis,
    /// How often load changes and is recorded.
    pub tick: Millis,
    /// The agents.
    pub agents: AgentPlan,
    /// The pools, by name.
    pub pools: Vec<PoolPlan>,
    /// The jobs, by name.
    pub jobs: Vec<JobPlan>,
    /// All groups of all jobs, job by job.
    pub groups: Vec<GroupPlan>,
    /// The load on each group, in the groups' order.
    pub loads: Vec<GroupLoad>,
    /// What happens, by time: when, for how long, what.
    pub events: Vec<(Millis, Option<Millis>, Fault)>,
    /// What reads answer beside the truth, if they do.
    pub odd: Option<OddPlan>,
    /// What is expected in the end.
    pub expectations: Vec<Expectation>,
}

/// The agents of a scenario.
#[derive(Debug, Clone)]
pub struct AgentPlan {
    /// How many.
    pub count: usize,
    /// How often groups are evaluated.
    pub job_interval: Millis,
    /// How often pools are evaluated.
    pub cluster_interval: Millis,
    /// How long a call on Nomad, Consul or the provider takes, there and back.
    pub call_takes: Millis,
    /// The most operations under way at once.
    pub concurrency: usize,
    /// The group whose allocations the agents are; index into the groups.
    pub runs_in: Option<usize>,
}

/// Where a pool's policy stands (P3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyHome {
    /// In the nodes' meta.
    Meta,
    /// In Consul; the nodes only name their pool.
    Consul,
}

/// A pool of a scenario.
#[derive(Debug, Clone)]
pub struct PoolPlan {
    /// Name of pool and Auto Scaling group.
    pub name: PoolName,
    /// What an instance has.
    pub size: Resources,
    /// What a node keeps for itself.
    pub reserved: Resources,
    /// How many nodes it starts with.
    pub nodes: u32,
    /// `MinSize`.
    pub min: u32,
    /// `MaxSize`.
    pub max: u32,
    /// Zones that instances are spread over.
    pub zones: Vec<String>,
    /// From the desired capacity's change to the instance.
    pub launch: Delay,
    /// From the instance to the node that is ready.
    pub boot: Delay,
    /// What an instance costs an hour.
    pub price_per_hour: f64,
    /// Whether members count with weights of their own towards the desired capacity.
    pub weighted: bool,
    /// The class of its nodes; none where it is empty.
    pub class: String,
    /// Where the policy stands.
    pub policy_in: PolicyHome,
    /// The policy as written.
    pub meta: Meta,
    /// The policy as read.
    pub policy: PoolPolicy,
}

impl PoolPlan {
    /// What a node offers.
    #[must_use]
    pub fn capacity(&self) -> Resources {
        self.size.less(self.reserved)
    }
}

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
    /// What it uses without load, MHz.
    pub idle_cpu: u32,
    /// What it uses without load, MiB.
    pub idle_memory: u32,
}

/// The load on a group.
#[derive(Debug, Clone, Default)]
pub struct GroupLoad {
    /// CPU, in MHz.
    pub cpu: Vec<Shape>,
    /// Memory, in MiB.
    pub memory: Vec<Shape>,
}

/// Answers beside the truth.
#[derive(Debug, Clone)]
pub struct OddPlan {
    /// Until when there are any.
    pub until: Millis,
    /// How many of the answers, while a kind of them has its time.
    pub share: f64,
    /// The kinds of them.
    pub kinds: Vec<OddKind>,
}

/// What a measure is expected to be.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// The measure.
    pub measure: String,
    /// When, for what changes over time.
    pub at: Option<Millis>,
    /// Within what.
    pub limit: Limit,
    /// Its line in the scenario.
    pub line: usize,
}

/// The limits of an expectation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// At least so much.
    pub at_least: f64,
    /// At most so much.
    pub at_most: f64,
}

/// Checks a file. Traces are looked for in `folder`.
pub(super) fn check(file: File, folder: &Path) -> Result<Plan, Problem> {
    let duration = file.duration.get_ref().0;
    let tick = file.tick.get_ref().0;
    if tick < SHORTEST_TICK || tick > duration {
        return Err(Problem::at(
            file.tick.span(),
            format!("tick must be at least 100ms and at most the duration, {duration}"),
        ));
    }
    if duration.0 / tick.0 > MOST_TICKS {
        let message = format!("{duration} in ticks of {tick} is more than {MOST_TICKS} ticks; take a longer tick");
        return Err(Problem::at(file.duration.span(), message));
    }
    let pools = pools(file.pools)?;
    let (jobs, groups) = jobs(file.jobs, &pools)?;
    let names = Names { pools: &pools, groups: &groups };
    let agents = agents(file.agents, &names)?;
    let loads = loads(file.load, &names, folder)?;
    let mut events = file
        .event
        .into_iter()
        .map(|event| names.event(event, agents.count, duration))
        .collect::<Result<Vec<_>, _>>()?;
    events.sort_by_key(|(at, _, _)| *at);
    let expectations = file.expect.into_iter().map(|expect| expectation(expect, duration)).collect::<Result<_, _>>()?;
    Ok(Plan {
        title: file.title,
        seed: file.seed,
        duration,
        tick,
        agents,
        pools,
        jobs,
        groups,
        loads,
        events,
        odd: file.odd.map(odd),
        expectations,
    })
}

fn odd(written: schema::WrittenOdd) -> OddPlan {
    OddPlan {
        until: written.until.0,
        share: written.percent.0 / 100.0,
        kinds: written.kinds.unwrap_or_else(|| OddKind::ALL.to_vec()),
    }
}

fn agents(written: schema::Agents, names: &Names<'_>) -> Result<AgentPlan, Problem> {
    let count = written.count.map_or(Ok(1), |count| within(&count, 0..=MOST_AGENTS, "agents"))?;
    let interval = |span: Option<Spanned<Span>>| match span {
        Some(span) if span.get_ref().0 < SHORTEST_INTERVAL => {
            Err(Problem::at(span.span(), "an interval must be at least 1s"))
        }
        span => Ok(span.map_or(Millis::secs(10), |span| span.get_ref().0)),
    };
    Ok(AgentPlan {
        count: count as usize,
        job_interval: interval(written.job_interval)?,
        cluster_interval: interval(written.cluster_interval)?,
        call_takes: written.call_takes.map_or(Millis(0), |span| span.0),
        concurrency: written
            .scaling_concurrency
            .map_or(Ok(10), |limit| within(&limit, 1..=1000, "operations at once"))? as usize,
        runs_in: written.runs_in.map(|group| names.group(&group)).transpose()?,
    })
}

fn pools(written: Spanned<BTreeMap<String, schema::Pool>>) -> Result<Vec<PoolPlan>, Problem> {
    if written.get_ref().is_empty() {
        return Err(Problem::at(written.span(), "there must be at least one pool: [pools.NAME]"));
    }
    written.into_inner().into_iter().map(|(name, pool)| self::pool(name, pool)).collect()
}

fn pool(name: String, written: schema::Pool) -> Result<PoolPlan, Problem> {
    let size = *written.instance.get_ref();
    let resources = |size: schema::Size| Resources {
        cores: size.cores,
        ..Resources::new(size.cpu.into(), size.memory.into(), size.disk.into())
    };
    if size.cpu <= written.reserved.cpu || size.memory <= written.reserved.memory {
        let message = "an instance must have more cpu (MHz) and memory (MiB) than is reserved";
        return Err(Problem::at(written.instance.span(), message));
    }
    let max = within(&written.max, 1..=MOST_NODES, "nodes")?;
    let min = within(&written.min, 0..=max, "nodes (min is at most max)")?;
    let nodes = within(&written.nodes, min.max(1)..=max, "nodes (between min and max)")?;
    let zones = match written.zones {
        Some(zones) if zones.get_ref().is_empty() => return Err(Problem::at(zones.span(), "name at least one zone")),
        Some(zones) => zones.into_inner(),
        None => vec!["a".to_owned()],
    };
    let (meta, policy) = pool_policy(&name, &written.meta)?;
    Ok(PoolPlan {
        name: name.into(),
        size: resources(size),
        reserved: resources(written.reserved),
        nodes,
        min,
        max,
        zones,
        launch: written.launch.unwrap_or(Delay::Constant(Millis::secs(10))),
        boot: written.boot,
        price_per_hour: written.price_per_hour.unwrap_or(Amount(0.0)).0,
        weighted: written.weighted,
        class: written.class,
        policy_in: match written.policy_in {
            None | Some(Home::Meta) => PolicyHome::Meta,
            Some(Home::Consul) => PolicyHome::Consul,
        },
        meta,
        policy,
    })
}

/// A pool's meta, completed with its name, and the policy that the core reads from it.
fn pool_policy(name: &str, written: &WrittenMeta) -> Result<(Meta, PoolPolicy), Problem> {
    let mut meta = plain(written);
    let named = meta.entry(POOL_KEY.to_owned()).or_insert_with(|| name.to_owned());
    if named != name {
        let message = format!("{POOL_KEY} must be the pool's name, {name:?}, or be left out");
        return Err(Problem::at(span_of(written, POOL_KEY), message));
    }
    match PoolPolicy::read(&meta) {
        Reading::Policy(policy, warnings) => refuse(written, &mistakes(warnings)).map(|()| (meta, policy)),
        Reading::Invalid(PolicyError { problems }) => refuse(written, &problems).and(Err(unnamed(written))),
        Reading::NotOurs => Err(unnamed(written)),
    }
}

fn group_policy(written: Option<WrittenMeta>) -> Result<(Meta, Option<GroupPolicy>), Problem> {
    let Some(written) = written else { return Ok((Meta::new(), None)) };
    let meta = plain(&written);
    match GroupPolicy::read(&meta) {
        Reading::Policy(policy, warnings) => refuse(&written, &mistakes(warnings)).map(|()| (meta, Some(policy))),
        Reading::Invalid(PolicyError { problems }) => refuse(&written, &problems).and(Err(unnamed(&written))),
        Reading::NotOurs => Ok((meta, None)),
    }
}

fn unnamed(written: &WrittenMeta) -> Problem {
    Problem::at(written.span(), "no policy can be read from this meta")
}

fn plain(written: &WrittenMeta) -> Meta {
    written.get_ref().iter().map(|(key, value)| (key.get_ref().clone(), value.get_ref().to_text())).collect()
}

fn span_of(written: &WrittenMeta, key: &str) -> Range<usize> {
    let found = written.get_ref().iter().find(|(written, _)| written.get_ref() == key);
    found.map_or(written.span(), |(key, value)| key.span().start..value.span().end)
}

/// The warnings without the advice: a scenario may be about what is legal and hardly wise.
fn mistakes(warnings: Vec<KeyProblem>) -> Vec<KeyProblem> {
    warnings.into_iter().filter(|warning| !warning.is_advice()).collect()
}

/// An error for the problems of a policy, at the first one's line.
fn refuse(written: &WrittenMeta, problems: &[KeyProblem]) -> Result<(), Problem> {
    let Some(first) = problems.first() else { return Ok(()) };
    let mut message = first.to_string();
    for problem in &problems[1..] {
        let _ = write!(message, "; {problem}");
    }
    Err(Problem::at(span_of(written, &first.key), message))
}

fn jobs(written: BTreeMap<String, schema::Job>, pools: &[PoolPlan]) -> Result<(Vec<JobPlan>, Vec<GroupPlan>), Problem> {
    let mut jobs = Vec::new();
    let mut groups = Vec::new();
    for (id, job) in written {
        if job.groups.get_ref().is_empty() {
            return Err(Problem::at(job.groups.span(), format!("job {id:?} needs a group: [jobs.{id}.groups.NAME]")));
        }
        let pool = home_of(&id, job.pool.as_ref(), job.groups.span(), pools)?;
        let of_job = Wants {
            constraints: constraints(job.constraint, false)?,
            job_apart: job.distinct_hosts,
            ..Wants::default()
        };
        let namespace = job.namespace.map_or_else(|| Namespace::from(Namespace::DEFAULT), Namespace::from);
        let key = JobKey { namespace, id: id.into() };
        let first = groups.len();
        for (name, group) in job.groups.into_inner() {
            let key = GroupKey { job: key.clone(), group: name.into() };
            groups.push(self::group(key, jobs.len(), group, &pools[pool], &of_job)?);
        }
        let seconds = |span: Option<Span>, default| span.map_or(Millis::secs(default), |span| span.0);
        jobs.push(JobPlan {
            key,
            kind: match job.r#type {
                JobType::Service => replicator::domain::JobKind::Service,
                JobType::Batch => replicator::domain::JobKind::Batch,
                JobType::System => replicator::domain::JobKind::System,
            },
            pool,
            update: job.update.map(|update| Update {
                min_healthy_time: seconds(update.min_healthy_time, 10),
                progress_deadline: seconds(update.progress_deadline, 600),
            }),
            groups: first..groups.len(),
        });
    }
    Ok((jobs, groups))
}

/// The pool that a job runs in. Where there is only one, it need not be said.
fn home_of(
    id: &str,
    named: Option<&Spanned<String>>,
    groups: Range<usize>,
    pools: &[PoolPlan],
) -> Result<usize, Problem> {
    match (named, pools) {
        (None, [_]) => Ok(0),
        (None, _) => {
            Err(Problem::at(groups, format!("with several pools, job {id:?} must name its own: pool = \"…\"")))
        }
        (Some(name), pools) => Names { pools, groups: &[] }.pool(name),
    }
}

fn group(
    key: GroupKey,
    job: usize,
    written: schema::Group,
    pool: &PoolPlan,
    of_job: &Wants,
) -> Result<GroupPlan, Problem> {
    let count = within(&written.count, 0..=MOST_ALLOCATIONS, "allocations")?;
    if u64::from(count) * u64::from(pool.nodes) > MOST_PLACEMENT {
        let message =
            format!("{count} allocations on {} nodes are too many; at most {MOST_PLACEMENT} pairs", pool.nodes);
        return Err(Problem::at(written.count.span(), message));
    }
    let tasks_span = written.tasks.span();
    let tasks: Vec<TaskPlan> =
        written.tasks.into_inner().into_iter().map(|(name, task)| self::task(name, &task, pool)).collect();
    if tasks.is_empty() || tasks.iter().any(|task| task.cpu == 0 || task.memory == 0) {
        let message = "a group needs a task, and a task needs cpu (MHz) and memory (MiB); cores in place of cpu where its pool has some";
        return Err(Problem::at(tasks_span, message));
    }
    let (meta, policy) = group_policy(written.meta)?;
    let group = GroupPlan {
        key,
        job,
        count,
        start: written.start.unwrap_or(Delay::Constant(Millis::secs(5))),
        kill_timeout: written.kill_timeout.map_or(Millis::secs(5), |span| span.0),
        runtime: written.runtime.unwrap_or(Delay::Constant(Millis::secs(600))),
        migrate_max_parallel: written
            .migrate_max_parallel
            .map_or(Ok(1), |count| within(&count, 1..=MOST_ALLOCATIONS, "allocations"))?,
        disk: written.disk,
        wants: Wants {
            constraints: [of_job.constraints.clone(), constraints(written.constraint, true)?].concat(),
            job_apart: of_job.job_apart,
            group_apart: written.distinct_hosts,
            ports: written.ports,
        },
        poststop: written.poststop.map(|span| span.0),
        disconnect: written.disconnect.map(|span| span.0),
        tasks,
        meta,
        policy,
        scaling: written.scaling.map(|block| scaling(block, count)).transpose()?,
    };
    if !pool.capacity().holds(group.resources()) {
        let message = format!("an allocation of this group does not fit on a node of pool {}", pool.name);
        return Err(Problem::at(tasks_span, message));
    }
    Ok(group)
}

/// A task. One that asks for cores takes their MHz, as its client works them out.
fn task(name: String, written: &schema::Task, pool: &PoolPlan) -> TaskPlan {
    let of_cores = u64::from(written.cores) * pool.size.cpu.0 / u64::from(pool.size.cores.max(1));
    let cores = if pool.size.cores > 0 { written.cores } else { 0 };
    TaskPlan {
        name: name.into(),
        cpu: if cores > 0 { u32::try_from(of_cores).unwrap_or(u32::MAX) } else { written.cpu },
        cores,
        memory: written.memory,
        idle_cpu: written.idle_cpu,
        idle_memory: written.idle_memory,
    }
}

fn constraints(written: Vec<WrittenConstraint>, of_group: bool) -> Result<Vec<Constraint>, Problem> {
    let constraint = |WrittenConstraint { attribute, operator, value }: WrittenConstraint| {
        let span = attribute.span();
        let attribute = attribute.into_inner();
        if !(attribute.starts_with("${") && attribute.ends_with('}')) {
            return Err(Problem::at(span, "an attribute is written as in a job, such as \"${meta.rack}\""));
        }
        if value.is_none() && matches!(operator, Operator::Is | Operator::IsNot) {
            return Err(Problem::at(span, "a constraint that compares needs a value"));
        }
        Ok(Constraint { attribute, operator, value: value.unwrap_or_default(), of_group })
    };
    written.into_iter().map(constraint).collect()
}

/// A `scaling` block. As in Nomad the least is the count that the group starts with, where none is given.
fn scaling(written: Spanned<schema::WrittenScaling>, count: u32) -> Result<ScalingBlock, Problem> {
    let span = written.span();
    let schema::WrittenScaling { min, max, enabled, policy } = written.into_inner();
    let min = min.unwrap_or(count);
    if !(min..=max).contains(&count) {
        return Err(Problem::at(
            span,
            format!("the group's count, {count}, must be within min, {min}, and max, {max}"),
        ));
    }
    let policy = policy.map_or(Ok(serde_json::Value::Null), serde_json::to_value);
    let policy = policy.map_err(|error| Problem::at(span, format!("policy has no form in JSON: {error}")))?;
    Ok(ScalingBlock { min, max, enabled: enabled.unwrap_or(true), policy })
}

/// Names that events, load and agents refer to.
pub(super) struct Names<'a> {
    pub(super) pools: &'a [PoolPlan],
    pub(super) groups: &'a [GroupPlan],
}

impl Names<'_> {
    pub(super) fn pool(&self, name: &Spanned<String>) -> Result<usize, Problem> {
        let found = self.pools.iter().position(|pool| pool.name.as_str() == name.get_ref());
        found.ok_or_else(|| unknown(name, "pool", self.pools.iter().map(|pool| pool.name.to_string())))
    }

    pub(super) fn group(&self, name: &Spanned<String>) -> Result<usize, Problem> {
        let found = self.groups.iter().position(|group| group.key.to_string() == *name.get_ref());
        found.ok_or_else(|| unknown(name, "group", self.groups.iter().map(|group| group.key.to_string())))
    }

    pub(super) fn agent(name: &Spanned<String>, agents: usize) -> Result<Target, Problem> {
        if name.get_ref() == "leader" {
            return Ok(Target::Leader);
        }
        let names = || (0..agents).map(agent_name);
        let found = names().position(|agent| agent == *name.get_ref()).map(Target::Agent);
        found.ok_or_else(|| unknown(name, "agent", names().chain(["leader".to_owned()])))
    }
}

/// The name of the agent of that number.
pub(crate) fn agent_name(number: usize) -> String {
    format!("agent-{number}")
}

fn loads(written: Vec<schema::Load>, names: &Names<'_>, folder: &Path) -> Result<Vec<GroupLoad>, Problem> {
    let mut loads = vec![GroupLoad::default(); names.groups.len()];
    for load in written {
        let group = &mut loads[names.group(&load.group)?];
        if !group.cpu.is_empty() || !group.memory.is_empty() {
            return Err(Problem::at(load.group.span(), "this group has a load already; put all shapes into one"));
        }
        group.cpu = shapes(load.cpu, folder)?;
        group.memory = shapes(load.memory, folder)?;
    }
    Ok(loads)
}

fn shapes(written: Vec<Spanned<WrittenShape>>, folder: &Path) -> Result<Vec<Shape>, Problem> {
    written.into_iter().map(|shape| self::shape(shape, folder)).collect()
}

fn shape(written: Spanned<WrittenShape>, folder: &Path) -> Result<Shape, Problem> {
    let span = written.span();
    let positive = |what: Millis, name: &str| match what {
        Millis(0) => Err(Problem::at(span.clone(), format!("{name} must be longer than 0s"))),
        what => Ok(what),
    };
    Ok(match written.into_inner() {
        WrittenShape::Constant(Amount(level)) => Shape::Constant(level),
        WrittenShape::Step(step) => {
            Shape::Step { at: step.at.0, by: step.by.0, until: step.until.map(|until| until.0) }
        }
        WrittenShape::Ramp(ramp) if ramp.from < ramp.to => {
            Shape::Ramp { from: ramp.from.0, to: ramp.to.0, by: ramp.by.0 }
        }
        WrittenShape::Ramp(_) => return Err(Problem::at(span, "a ramp's from must be before its to")),
        WrittenShape::Spike(spike) => Shape::Spike {
            at: spike.at.0,
            by: spike.by.0,
            rise: spike.rise.0,
            hold: spike.hold.0,
            fall: spike.fall.0,
            every: spike.every.map(|every| positive(every.0, "every")).transpose()?,
        },
        WrittenShape::Diurnal(day) if day.low <= day.high => Shape::Diurnal {
            low: day.low.0,
            high: day.high.0,
            peak_at: day.peak_at.0,
            period: day.period.map_or(Ok(DAY), |period| positive(period.0, "period"))?,
        },
        WrittenShape::Diurnal(_) => return Err(Problem::at(span, "low must be at most high")),
        WrittenShape::Noise(noise) => Shape::Noise { sigma: noise.percent.0 / 100.0 },
        WrittenShape::Trace(WrittenTrace { file, scale, column }) => {
            let column = column.unwrap_or_else(|| "value".to_owned());
            let samples = read_trace(&folder.join(file), &column)
                .map_err(|error| Problem::at(span.clone(), error.to_string()))?;
            let scale = scale.map_or(1.0, |scale| scale.0);
            Shape::Trace(samples.into_iter().map(|(at, value)| (at, value * scale)).collect())
        }
    })
}

fn expectation(written: Spanned<schema::Expect>, duration: Millis) -> Result<Expectation, Problem> {
    let span = written.span();
    let expect = written.into_inner();
    let limit = match (expect.at_least, expect.at_most, expect.equals) {
        (None, None, Some(value)) => Limit { at_least: value, at_most: value },
        (Some(at_least), Some(at_most), None) if at_least <= at_most => Limit { at_least, at_most },
        (Some(at_least), None, None) => Limit { at_least, at_most: f64::INFINITY },
        (None, Some(at_most), None) => Limit { at_least: f64::NEG_INFINITY, at_most },
        _ => {
            let message = "an expectation has at_least, at_most or both, or else equals";
            return Err(Problem::at(expect.measure.span(), message));
        }
    };
    let at = expect.at.map(|at| at.0);
    if at.is_some_and(|at| at > duration) {
        return Err(Problem::at(span, format!("at must not be after the end, {duration}")));
    }
    Ok(Expectation { measure: expect.measure.get_ref().clone(), at, limit, line: expect.measure.span().start })
}

fn within(value: &Spanned<u32>, range: std::ops::RangeInclusive<u32>, what: &str) -> Result<u32, Problem> {
    let number = *value.get_ref();
    if range.contains(&number) {
        return Ok(number);
    }
    let (low, high) = range.into_inner();
    Err(Problem::at(value.span(), format!("{number} is out of range: {low} to {high} {what}")))
}

pub(super) fn unknown(name: &Spanned<String>, what: &str, known: impl Iterator<Item = String>) -> Problem {
    let known: Vec<String> = known.collect();
    let message = format!("there is no {what} {:?}; there are: {}", name.get_ref(), known.join(", "));
    Problem::at(name.span(), message)
}

/// Checks that every expectation is about a measure that there is.
pub(super) fn measures(plan: &Plan) -> Result<(), Problem> {
    for expectation in &plan.expectations {
        let known = if expectation.at.is_some() {
            crate::measure::series_names(plan)
        } else {
            crate::measure::measure_names(plan)
        };
        if !known.contains(&expectation.measure) {
            let kind = if expectation.at.is_some() { "series (measures with at)" } else { "measures (without at)" };
            let span = expectation.line..expectation.line + expectation.measure.len() + 2;
            let message = format!("there is no {:?} among the {kind}: {}", expectation.measure, known.join(", "));
            return Err(Problem::at(span, message));
        }
    }
    Ok(())
}
