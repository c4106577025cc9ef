//! What the jobs of a scenario mean.

use std::collections::BTreeMap;
use std::ops::Range;

use replicator::domain::{GroupKey, JobKey, Namespace};
use toml::Spanned;

use super::check::{MOST_ALLOCATIONS, MOST_PLACEMENT, Names, group_policy, within};
use super::error::Problem;
use super::schema::{self, JobType, WrittenConstraint};
use super::values::Span;
use crate::kernel::time::Millis;
use crate::plan::{Constraint, Delay, GroupPlan, JobPlan, Operator, PoolPlan, ScalingBlock, TaskPlan, Update, Wants};

pub(super) fn jobs(
    written: BTreeMap<String, schema::Job>,
    pools: &[PoolPlan],
) -> Result<(Vec<JobPlan>, Vec<GroupPlan>), Problem> {
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
