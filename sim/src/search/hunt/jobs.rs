//! The jobs of a scenario that is made up.

use super::making::{Feature, MadeGroup, Making, seconds, small};
use crate::kernel::random::Stream;
use crate::plan::Operator;
use crate::plan::draft::{Constraint, Group, Job, JobType, Scaling, Task, Update};

/// The group that agents run in, where they do.
pub(super) const AGENTS: &str = "replicator/agents";

/// What a job is like.
#[derive(Clone, Copy)]
struct Kind {
    of: JobType,
    pool: usize,
}

pub(super) fn make(making: &mut Making) {
    if making.has(Feature::RunsInside) {
        let pool = Some(making.pools[0].name.to_owned());
        let tasks = [("agent".to_owned(), Task::new(50, 50))].into();
        let group = Group { count: small(making.agents), tasks, ..Group::default() };
        making.draft.jobs.insert("replicator".to_owned(), Job { pool, ..Job::service("agents", group) });
    }
    for number in 0..making.dice.within(1..6) {
        let id = format!("job{number}");
        let job = job(making, &id);
        making.draft.jobs.insert(id, job);
    }
}

fn job(making: &mut Making, id: &str) -> Job {
    let of = if making.maybe(Feature::OtherKinds, 0.4) {
        making.one_of(JobType::Batch, &[JobType::System])
    } else {
        JobType::Service
    };
    let pool = usize::try_from(making.dice.within(0..making.pools.len() as u64)).unwrap_or(0);
    let mut job = Job { r#type: of, pool: Some(making.pools[pool].name.to_owned()), ..Job::default() };
    job.distinct_hosts = making.maybe(Feature::Placement, 0.1);
    if of == JobType::Service && making.maybe(Feature::Updates, 0.6) {
        let (healthy, deadline) = (making.dice.within(1..60), making.dice.within(60..900));
        let (healthy, deadline) = (seconds(healthy), seconds(deadline));
        job.update = Some(Update { min_healthy_time: Some(healthy), progress_deadline: Some(deadline) });
    }
    let groups = if making.has(Feature::ManyGroups) { making.dice.within(1..4) } else { 1 };
    for number in 0..groups {
        let name = format!("g{number}");
        let group = group(making, Kind { of, pool }, format!("{id}/{name}"));
        job.groups.insert(name, group);
    }
    job
}

fn group(making: &mut Making, kind: Kind, name: String) -> Group {
    let (whole, nodes) = ((making.pools[kind.pool].cpu, making.pools[kind.pool].memory), making.pools[kind.pool].nodes);
    let tasks = if making.maybe(Feature::ManyGroups, 0.4) { 2 } else { 1 };
    // Small work mostly, and now and then work that fills half a node or more.
    let parts = making.one_of(12, &[8, 4, 2]) * tasks;
    let (cpu, memory) = (making.dice.within(1..whole.0 / parts), making.dice.within(1..whole.1 / parts));
    let count = match kind.of {
        JobType::System => nodes,
        _ => making.dice.within(0..(nodes * parts / 2).clamp(2, 9)),
    };
    let mut group = Group { count: small(count), ..Group::default() };
    behaviour(making, kind, &mut group);
    wants(making, kind, &mut group);
    let cores = making.pools[kind.pool].cores > 1 && making.maybe(Feature::Cores, 0.3) && kind.of != JobType::System;
    for number in 0..tasks {
        let mut task = Task::new(small(cpu), small(memory));
        if cores && number == 0 {
            (task.cpu, task.cores) = (0, 1);
        }
        if making.dice.chance(0.5) {
            task.idle_cpu = small(cpu / making.dice.within(2..20));
            task.idle_memory = small(memory / making.dice.within(2..20));
        }
        group.tasks.insert(format!("t{number}"), task);
    }
    let is_service = kind.of == JobType::Service;
    let scaled = is_service && making.dice.chance(0.75);
    if scaled {
        group = policy(making, group, count);
    }
    if is_service && making.maybe(Feature::ScalingBlocks, 0.5) {
        let (min, max) = (count - making.dice.within(0..count + 1), count + making.dice.within(0..6));
        group.scaling = Some(Scaling { min: Some(small(min)), max: small(max), ..Scaling::default() });
    }
    making.groups.push(MadeGroup { name, count, cpu: cpu * tasks, memory: memory * tasks, scaled });
    group
}

fn behaviour(making: &mut Making, kind: Kind, group: &mut Group) {
    let (start, kill) = (making.delay(1..60), making.one_of(5, &[1, 60, 400]));
    (group.start, group.kill_timeout) = (Some(start), Some(seconds(kill)));
    if kind.of == JobType::Batch {
        group.runtime = Some(making.delay(60..5000));
    }
    if making.maybe(Feature::Tuning, 0.4) {
        group.migrate_max_parallel = Some(making.number(1..5));
    }
    if making.maybe(Feature::Poststop, 0.6) {
        group.poststop = Some(seconds(making.dice.within(1..300)));
    }
    if making.maybe(Feature::Disconnect, 0.6) {
        group.disconnect = Some(seconds(making.one_of(300, &[20, 3600])));
    }
}

fn wants(making: &mut Making, kind: Kind, group: &mut Group) {
    if kind.of == JobType::System || !making.has(Feature::Placement) {
        return;
    }
    match making.dice.within(0..6) {
        0 => group.distinct_hosts = true,
        1 => group.ports = vec![8000 + u16::try_from(making.groups.len()).unwrap_or(0)],
        2 => {
            let zones = making.pools[kind.pool].zones.clone();
            let zone = making.dice.pick(&zones).copied().unwrap_or("a");
            let attribute = "${attr.platform.aws.placement.availability-zone}".to_owned();
            group.constraint = vec![Constraint { attribute, value: Some(zone.to_owned()), ..Constraint::default() }];
        }
        3 => {
            let (attribute, value) = ("${meta.rack}".to_owned(), Some("r2".to_owned()));
            group.constraint = vec![Constraint { attribute, operator: Operator::IsNot, value }];
        }
        _ => {}
    }
}

fn policy(making: &mut Making, group: Group, count: u64) -> Group {
    let enabled = !making.dice.chance(0.05);
    let min = if making.dice.chance(0.2) { making.dice.within(0..count + 3) } else { making.dice.within(0..count + 1) };
    let max = min.max(count) + making.dice.within(0..15);
    let group = group.scaled(small(min), small(max.max(1)));
    let mut group = group.meta("replicator_enabled", enabled).meta("replicator_notification_uid", "G");
    let by_target = making.strategies.chance(0.35);
    for resource in ["cpu", "mem"] {
        let low = making.number(1..50);
        let high = low + making.number(5..50);
        if by_target {
            continue;
        }
        group = group
            .meta(&format!("replicator_scalein_{resource}"), low)
            .meta(&format!("replicator_scaleout_{resource}"), high);
    }
    if making.maybe(Feature::Tuning, 0.6) {
        let (cooldown, retries) = (making.number(0..600), making.number(1..5));
        group = group.meta("replicator_cooldown", cooldown).meta("replicator_retry_threshold", retries);
    }
    if by_target { target(&mut making.strategies, group) } else { group }
}

/// By what is needed, instead of by thresholds.
fn target(dice: &mut Stream, group: Group) -> Group {
    let mut group = group.meta("replicator_strategy", "target");
    let absent = ["cpu", "mem", "neither"][usize::try_from(dice.within(0..3)).unwrap_or(0)];
    for resource in ["cpu", "mem"].into_iter().filter(|resource| *resource != absent) {
        group = group.meta(&format!("replicator_target_{resource}"), small(dice.within(20..120)));
    }
    let spans = [("cooldown_in", 300), ("cooldown_out", 300), ("stabilization", 900), ("tolerance", 30)];
    for (key, most) in spans.into_iter().chain([("max_step_out", 6), ("max_step_in", 6)]) {
        if dice.chance(0.5) {
            group = group.meta(&format!("replicator_{key}"), small(dice.within(1..most)));
        }
    }
    if dice.chance(0.5) {
        let quantile = small(dice.within(50..101));
        group = group.meta("replicator_forecast", "trend").meta("replicator_forecast_quantile", quantile);
    }
    group
}
