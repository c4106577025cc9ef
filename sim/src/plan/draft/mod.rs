//! A plan as a person, a program or a file writes it: what is not said has its default, names refer to names, and
//! [`Draft::plan`] says what it comes to, or what is wrong and where. The fields are the keys of a scenario file, of which
//! the book's scenario reference describes each; a test holds the two against each other.
//!
//! - `pools`, `jobs`, `loads`, `events`: the parts, what may be written in each, and what it means.
//! - `meta`: policies, as they stand in the meta of groups and nodes; read by the core's own parser.
//! - `values`: values with their own notation: spans, delays.
//! - `trace`: CSV files of load.
//! - `problem`: what is wrong, and where.

mod events;
mod jobs;
mod loads;
mod meta;
mod pools;
mod problem;
mod trace;
mod values;

use std::collections::BTreeMap;
use std::path::Path;

use replicator::decide::Limits;
use serde::{Deserialize, Serialize};

pub use events::{ClockJump, Event, Failsafe, KillNode, KillZone, NodeMeta, OddNode, OfPool, OneNode, SetCount};
pub use events::{SetDesired, SetEligibility, Yes};
pub use jobs::{Constraint, Group, Job, JobType, Scaling, Task, Update};
pub use loads::{Diurnal, Load, Noise, Ramp, Shape, Spike, Step, TraceFile};
pub use meta::MetaValue;
pub use pools::{Home, Pool, Size};
pub use problem::Problem;
pub use trace::{Samples, TraceError, read_trace};
pub use values::Span;

use self::problem::{Under, amount, within};
use super::{AgentPlan, Expectation, GroupPlan, Limit, OddKind, OddPlan, Plan, PoolPlan, Target, agent_name, measures};
use crate::kernel::time::Millis;

const SHORTEST_TICK: Millis = Millis(100);
const MOST_TICKS: u64 = 5_000_000;
const MOST_AGENTS: u32 = 9;
const SHORTEST_INTERVAL: Millis = Millis::secs(1);

/// A plan as it is written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// One line about it.
    pub title: String,
    /// What randomness starts from.
    pub seed: u64,
    /// How long it runs.
    pub duration: Span,
    /// How often load changes and is recorded.
    pub tick: Span,
    /// The agents.
    #[serde(default, skip_serializing_if = "is_default")]
    pub agents: Agents,
    /// The pools, by name; one at least.
    pub pools: BTreeMap<String, Pool>,
    /// The jobs, by ID.
    #[serde(default, skip_serializing_if = "is_default")]
    pub jobs: BTreeMap<String, Job>,
    /// The load on groups.
    #[serde(default, skip_serializing_if = "is_default")]
    pub load: Vec<Load>,
    /// What goes wrong, and what people do.
    #[serde(default, skip_serializing_if = "is_default")]
    pub event: Vec<Event>,
    /// What reads answer beside the truth.
    pub odd: Option<Odd>,
    /// What is expected in the end.
    #[serde(default, skip_serializing_if = "is_default")]
    pub expect: Vec<Expect>,
}

/// The agents of a draft.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agents {
    /// How many: 1.
    pub count: Option<u32>,
    /// How often groups are evaluated: 10 s.
    pub job_interval: Option<Span>,
    /// How often pools are evaluated: 10 s.
    pub cluster_interval: Option<Span>,
    /// How long a call takes: no time.
    pub call_takes: Option<Span>,
    /// The most operations at once: 10.
    pub scaling_concurrency: Option<u32>,
    /// What is allowed of all pools together: nothing is limited.
    pub limits: Option<Limits>,
    /// The group, as `job/group`, whose allocations the agents are.
    pub runs_in: Option<String>,
}

/// What reads answer beside the truth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Odd {
    /// Until when.
    pub until: Span,
    /// How many of the answers, in percent, while a kind has its time.
    pub percent: f64,
    /// The kinds: all of them.
    pub kinds: Option<Vec<OddKind>>,
}

/// What a measure, or a series at a moment, is expected to be.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Its name.
    pub measure: String,
    /// When, for a series.
    pub at: Option<Span>,
    /// The least that it may be.
    pub at_least: Option<f64>,
    /// The most.
    pub at_most: Option<f64>,
    /// Exactly so much.
    pub equals: Option<f64>,
}

impl Draft {
    /// A draft of nothing yet, with seed 1 and a tick of 10 s.
    #[must_use]
    pub fn new(title: impl Into<String>, duration: impl Into<Span>) -> Self {
        let tick = Span(Millis::secs(10));
        Self { title: title.into(), seed: 1, duration: duration.into(), tick, ..Self::default() }
    }

    /// With this pool.
    #[must_use]
    pub fn pool(mut self, name: &str, pool: Pool) -> Self {
        self.pools.insert(name.to_owned(), pool);
        self
    }

    /// With this job.
    #[must_use]
    pub fn job(mut self, id: &str, job: Job) -> Self {
        self.jobs.insert(id.to_owned(), job);
        self
    }

    /// With this load.
    #[must_use]
    pub fn load(mut self, load: Load) -> Self {
        self.load.push(load);
        self
    }

    /// With this event.
    #[must_use]
    pub fn event(mut self, event: Event) -> Self {
        self.event.push(event);
        self
    }

    /// The plan that it comes to. Traces that it names are looked for in the current folder.
    ///
    /// # Errors
    ///
    /// When a value is out of its range, a name refers to nothing, a policy cannot be read, or a trace cannot.
    pub fn plan(&self) -> Result<Plan, Problem> {
        self.plan_beside(Path::new("."))
    }

    /// As [`Draft::plan`], with traces looked for in this folder.
    ///
    /// # Errors
    ///
    /// As [`Draft::plan`].
    pub fn plan_beside(&self, folder: &Path) -> Result<Plan, Problem> {
        let duration = self.duration.0;
        let tick = self.tick()?;
        let pools = pools::pools(&self.pools).under("pools")?;
        let (jobs, groups) = jobs::jobs(&self.jobs, &pools).under("jobs")?;
        let names = Names { pools: &pools, groups: &groups };
        let agents = self.agents.check(&names).under("agents")?;
        let loads = loads::loads(&self.load, &names, folder).under("load")?;
        let mut events = each(&self.event, |event| names.event(event, agents.count, duration)).under("event")?;
        events.sort_by_key(|(at, _, _)| *at);
        let odd = self.odd.as_ref().map(|odd| odd.check().under("odd")).transpose()?;
        let title = self.title.clone();
        let mut plan = Plan {
            title,
            seed: self.seed,
            duration,
            tick,
            agents,
            pools,
            jobs,
            groups,
            loads,
            events,
            odd,
            expectations: Vec::new(),
        };
        plan.expectations = each(&self.expect, |expect| expect.check(&plan)).under("expect")?;
        Ok(plan)
    }

    fn tick(&self) -> Result<Millis, Problem> {
        let (duration, tick) = (self.duration.0, self.tick.0);
        if tick < SHORTEST_TICK || tick > duration {
            let message = format!("tick must be at least 100ms and at most the duration, {duration}");
            return Err(Problem::new(message)).under("tick");
        }
        if duration.0 / tick.0 > MOST_TICKS {
            let message = format!("{duration} in ticks of {tick} is more than {MOST_TICKS} ticks; take a longer tick");
            return Err(Problem::new(message)).under("duration");
        }
        Ok(tick)
    }
}

impl Agents {
    fn check(&self, names: &Names<'_>) -> Result<AgentPlan, Problem> {
        let count = within(self.count.unwrap_or(1), 0..=MOST_AGENTS, "agents").under("count")?;
        let interval = |span: Option<Span>| match span.map_or(Millis::secs(10), |span| span.0) {
            span if span < SHORTEST_INTERVAL => Err(Problem::new("an interval must be at least 1s")),
            span => Ok(span),
        };
        let at_once = within(self.scaling_concurrency.unwrap_or(10), 1..=1000, "operations at once");
        let runs_in = self.runs_in.as_ref().map(|group| names.group(group)).transpose();
        Ok(AgentPlan {
            count: count as usize,
            job_interval: interval(self.job_interval).under("job_interval")?,
            cluster_interval: interval(self.cluster_interval).under("cluster_interval")?,
            call_takes: self.call_takes.map_or(Millis(0), |span| span.0),
            concurrency: at_once.under("scaling_concurrency")? as usize,
            limits: self.limits.unwrap_or_default(),
            runs_in: runs_in.under("runs_in")?,
        })
    }
}

impl Odd {
    fn check(&self) -> Result<OddPlan, Problem> {
        Ok(OddPlan {
            until: self.until.0,
            share: amount(self.percent).under("percent")? / 100.0,
            kinds: self.kinds.clone().unwrap_or_else(|| OddKind::ALL.to_vec()),
        })
    }
}

impl Expect {
    fn check(&self, plan: &Plan) -> Result<Expectation, Problem> {
        let limit = match (self.at_least, self.at_most, self.equals) {
            (None, None, Some(value)) => Limit { at_least: value, at_most: value },
            (Some(at_least), Some(at_most), None) if at_least <= at_most => Limit { at_least, at_most },
            (Some(at_least), None, None) => Limit { at_least, at_most: f64::INFINITY },
            (None, Some(at_most), None) => Limit { at_least: f64::NEG_INFINITY, at_most },
            _ => {
                let message = "an expectation has at_least, at_most or both, or else equals";
                return Err(Problem::new(message)).under("measure");
            }
        };
        let at = self.at.map(|at| at.0);
        if at.is_some_and(|at| at > plan.duration) {
            return Err(Problem::new(format!("at must not be after the end, {}", plan.duration))).under("at");
        }
        self.check_name(plan).under("measure")?;
        Ok(Expectation { measure: self.measure.clone(), at, limit, line: None })
    }
}

impl Expect {
    /// Whether there is such a measure or, at a moment, such a series.
    fn check_name(&self, plan: &Plan) -> Result<(), Problem> {
        let (measures, series) = (measures::measure_names(plan), measures::series_names(plan));
        let name = &self.measure;
        match self.at {
            None if measures.contains(name) => Ok(()),
            Some(_) if series.contains(name) => Ok(()),
            None if series.contains(name) => {
                Err(Problem::new(format!("{name} changes over time: say of which moment it is, by at = \"…\"")))
            }
            Some(_) if measures.contains(name) => {
                Err(Problem::new(format!("{name} is of the whole run, and of no moment: leave at out")))
            }
            None => Err(Problem::unknown(name, "measure (without at)", measures.into_iter())),
            Some(_) => Err(Problem::unknown(name, "series (with at)", series.into_iter())),
        }
    }
}

/// Names that events, load and agents refer to.
struct Names<'a> {
    pools: &'a [PoolPlan],
    groups: &'a [GroupPlan],
}

impl Names<'_> {
    fn pool(&self, name: &str) -> Result<usize, Problem> {
        let found = self.pools.iter().position(|pool| pool.name.as_str() == name);
        found.ok_or_else(|| Problem::unknown(name, "pool", self.pools.iter().map(|pool| pool.name.to_string())))
    }

    fn group(&self, name: &str) -> Result<usize, Problem> {
        let found = self.groups.iter().position(|group| group.key.to_string() == name);
        found.ok_or_else(|| Problem::unknown(name, "group", self.groups.iter().map(|group| group.key.to_string())))
    }

    fn agent(name: &str, agents: usize) -> Result<Target, Problem> {
        if name == "leader" {
            return Ok(Target::Leader);
        }
        let names = || (0..agents).map(agent_name);
        let found = names().position(|agent| agent == name).map(Target::Agent);
        found.ok_or_else(|| Problem::unknown(name, "agent", names().chain(["leader".to_owned()])))
    }
}

/// Every entry of a list checked, each under its number.
fn each<W, C>(written: &[W], check: impl Fn(&W) -> Result<C, Problem>) -> Result<Vec<C>, Problem> {
    written.iter().enumerate().map(|(number, entry)| check(entry).under(number)).collect()
}

/// Whether a value need not be written.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::plan::Delay;

    fn draft() -> Draft {
        Draft::new("Small", Duration::from_secs(3600))
            .pool("workers", Pool::new(Size::of(4000, 8192), 3).between(2, 6))
            .job("web", Job::service("front", Group::new(4, Task::new(500, 512))))
    }

    #[test]
    fn what_is_not_said_has_its_default() {
        let plan = draft().plan().unwrap();
        assert_eq!((plan.seed, plan.tick, plan.agents.count), (1, Millis::secs(10), 1));
        assert_eq!(plan.pools[0].boot, Delay::Constant(Millis::secs(90)));
        assert!(plan.pools[0].policy.enabled, "a new pool has a policy that the core reads");
        assert_eq!(plan.groups[0].policy, None, "and a group has none of its own");
    }

    #[test]
    fn what_is_wrong_is_said_with_the_way_to_it() {
        type Spoil = fn(&mut Draft);
        let cases: [(Spoil, &str); 8] = [
            (|it| it.tick = Span(Millis(1)), "tick: tick must be at least 100ms"),
            (|it| it.pools.clear(), "pools: there must be at least one pool"),
            (|it| it.pools.get_mut("workers").unwrap().nodes = 9, "pools.workers.nodes: 9 is out of range: 2 to 6"),
            (
                |it| it.pools.get_mut("workers").unwrap().boot = Delay::Uniform { min: Millis(9), max: Millis(1) },
                "pools.workers.boot: min must be at most max",
            ),
            (
                |it| *it = it.clone().load(Load::cpu("web/front", [Shape::Constant(5.0), Shape::Constant(f64::NAN)])),
                "load.0.cpu.1: NaN is out of range: a number from 0 to 1e12",
            ),
            (
                |it| *it = it.clone().event(Event { protect: Some("w".to_owned()), ..Event::default() }),
                "event.0.protect: there is no pool \"w\"; there are: workers",
            ),
            (
                |it| {
                    *it = it
                        .clone()
                        .job("b", Job::service("c", Group::new(1, Task::new(1, 1)).meta("replicator_min", "x")));
                },
                "jobs.b.groups.c.meta.replicator_enabled: replicator_enabled",
            ),
            (
                |it| it.expect.push(Expect { measure: "run.alert".to_owned(), equals: Some(0.0), ..Expect::default() }),
                "expect.0.measure: there is no measure (without at) \"run.alert\"; did you mean run.alerts?",
            ),
        ];
        for (spoil, expected) in cases {
            let mut draft = draft();
            spoil(&mut draft);
            let words = draft.plan().unwrap_err().to_string();
            assert!(words.starts_with(expected), "{expected}\n{words}");
        }
    }
}
