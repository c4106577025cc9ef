//! What a scenario means as a whole: names resolved, policies read by the core's own parser, impossible values found.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

use replicator::domain::{Meta, Resources};
use replicator::policy::{GroupPolicy, KeyProblem, POOL_KEY, PolicyError, PoolPolicy, Reading};
use toml::Spanned;

use super::error::Problem;
use super::names::no_such;
use super::schema::{self, File, Home, WrittenMeta};
use super::trace::read_trace;
use super::values::{Amount, Span, WrittenShape, WrittenTrace};
use crate::kernel::time::Millis;
use crate::plan::{
    AgentPlan, Delay, Expectation, GroupLoad, GroupPlan, Limit, OddKind, OddPlan, Plan, PolicyHome, PoolPlan, Shape,
    Target, Trace, agent_name, measures,
};

const SHORTEST_TICK: Millis = Millis(100);
const MOST_TICKS: u64 = 5_000_000;
const MOST_NODES: u32 = 10_000;
pub(super) const MOST_ALLOCATIONS: u32 = 100_000;
const MOST_AGENTS: u32 = 9;
/// Allocations of a group times nodes of its pool: placing looks at every node for every allocation.
pub(super) const MOST_PLACEMENT: u64 = 100_000_000;
const SHORTEST_INTERVAL: Millis = Millis::secs(1);
const DAY: Millis = Millis::secs(86_400);

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
    let (jobs, groups) = super::jobs::jobs(file.jobs, &pools)?;
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

pub(super) fn group_policy(written: Option<WrittenMeta>) -> Result<(Meta, Option<GroupPolicy>), Problem> {
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
        WrittenShape::Trace(written) => Shape::Trace(trace(written, folder).map_err(|word| Problem::at(span, word))?),
    })
}

fn trace(written: WrittenTrace, folder: &Path) -> Result<Trace, String> {
    let WrittenTrace { file, scale, column, repeat } = written;
    let column = column.unwrap_or_else(|| "value".to_owned());
    let (read, began) = read_trace(&folder.join(&file), &column).map_err(|error| error.to_string())?;
    let scale = scale.map_or(1.0, |scale| scale.0);
    let samples = read.into_iter().map(|(at, value)| (at, value * scale)).collect();
    let trace = Trace { name: file, samples, period: None, began };
    if repeat && trace.length() == Millis(0) {
        return Err(format!("{} has one sample only: there is nothing to repeat", trace.name));
    }
    Ok(Trace { period: repeat.then(|| trace.length()), ..trace })
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

pub(super) fn within(value: &Spanned<u32>, range: std::ops::RangeInclusive<u32>, what: &str) -> Result<u32, Problem> {
    let number = *value.get_ref();
    if range.contains(&number) {
        return Ok(number);
    }
    let (low, high) = range.into_inner();
    Err(Problem::at(value.span(), format!("{number} is out of range: {low} to {high} {what}")))
}

pub(super) fn unknown(name: &Spanned<String>, what: &str, known: impl Iterator<Item = String>) -> Problem {
    Problem::at(name.span(), no_such(name.get_ref(), what, &known.collect::<Vec<_>>()))
}

/// Checks that every expectation is about a measure that there is.
pub(super) fn expected(plan: &Plan) -> Result<(), Problem> {
    for expectation in &plan.expectations {
        let known = if expectation.at.is_some() { measures::series_names(plan) } else { measures::measure_names(plan) };
        if !known.contains(&expectation.measure) {
            let kind = if expectation.at.is_some() { "series (with at)" } else { "measure (without at)" };
            let span = expectation.line..expectation.line + expectation.measure.len() + 2;
            return Err(Problem::at(span, no_such(&expectation.measure, kind, &known)));
        }
    }
    Ok(())
}
