//! What happened in a run: the event log, the samples, the actions, and the digest of it all.

use std::collections::BTreeMap;
use std::fmt;

use replicator::agent::{AlertAction, Event};
use replicator::decide::{Decision, Direction, Quantity, Rule, Verdict};
use replicator::domain::{Resource, Resources};
use replicator::operation::Outcome;
use replicator::state::ResourceState;
use sha2::{Digest, Sha256};

use super::held::Holds;
use crate::judge::invariants::Violation;
use crate::kernel::keys::state_key;
use crate::kernel::time::Millis;
use crate::plan::{Plan, agent_name};

/// Who did or said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The world, or an operator in it.
    World,
    /// The agent of that number.
    Agent(usize),
}

/// A line of the event log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When.
    pub at: Millis,
    /// Who.
    pub source: Source,
    /// What.
    pub text: String,
}

/// A group at a tick.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct GroupSample {
    /// The count that the job asks for.
    pub count: u32,
    /// Allocations that take load.
    pub serving: u32,
    /// The fewest that would serve the demand.
    pub needed: u32,
    /// Demand, MHz.
    pub demand_cpu: f64,
    /// Demand, MiB.
    pub demand_memory: f64,
    /// Demand that was not served, MHz.
    pub unmet_cpu: f64,
    /// Demand that was not served, MiB.
    pub unmet_memory: f64,
}

/// A pool at a tick.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PoolSample {
    /// The desired capacity.
    pub desired: u32,
    /// Instances that run.
    pub instances: u32,
    /// Nodes that take work.
    pub ready: u32,
    /// The fewest nodes that would hold what the demand needs.
    pub needed: u32,
    /// What the ready nodes offer, MHz.
    pub capacity_cpu: u64,
    /// What the ready nodes offer, MiB.
    pub capacity_memory: u64,
    /// What is allocated on them, MHz.
    pub used_cpu: u64,
    /// What is allocated on them, MiB.
    pub used_memory: u64,
    /// The fewest whole nodes that would have carried this tick's load, known once the run is over.
    pub oracle: u32,
}

/// What an agent's latest decision said is allowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allowed {
    /// MHz.
    pub cpu: f64,
    /// MiB.
    pub memory: f64,
    /// Out of so many MHz that the nodes offered then.
    pub of_cpu: u64,
    /// Out of so many MiB that the nodes offered then.
    pub of_memory: u64,
}

/// An operation, as a report shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// When it began.
    pub at: Millis,
    /// Who began it.
    pub agent: usize,
    /// On what.
    pub resource: Resource,
    /// Which way.
    pub direction: Direction,
    /// The number before.
    pub from: u32,
    /// The number wanted.
    pub to: u32,
    /// Why.
    pub why: String,
    /// When and how it ended, if it did.
    pub ended: Option<(Millis, Outcome)>,
}

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Start.
    pub from: Millis,
    /// End.
    pub to: Millis,
}

/// Everything recorded in a run.
pub struct Record {
    /// The event log.
    pub lines: Vec<Line>,
    /// The groups' samples, one a tick.
    pub groups: Vec<Vec<GroupSample>>,
    /// The pools' samples, one a tick.
    pub pools: Vec<Vec<PoolSample>>,
    /// What was allowed in each pool at each tick, as far as a decision said so.
    pub allowed: Vec<Vec<Option<Allowed>>>,
    /// All operations, in the order in which they began.
    pub actions: Vec<Action>,
    /// When each resource was in failsafe.
    pub failsafe: BTreeMap<Resource, Vec<Stretch>>,
    /// When each resource was in a cooldown.
    pub cooldown: BTreeMap<Resource, Vec<Stretch>>,
    /// What held steps up.
    pub holds: Holds,
    /// How many alerts were raised.
    pub alerts: u32,
    /// What receivers would have been told, in words.
    pub alerted: Vec<(Millis, String)>,
    /// How many steps would have been taken if their policies were enabled.
    pub would_be: u64,
    /// How many evaluations there were.
    pub evaluations: u64,
    /// The invariant that broke, when, if one did.
    pub violation: Option<(Millis, Violation)>,
    hasher: Sha256,
    now_allowed: Vec<Option<Allowed>>,
    pool_numbers: BTreeMap<Resource, usize>,
    by_path: BTreeMap<String, (Resource, Millis)>,
    absent: BTreeMap<usize, Vec<usize>>,
    end: Millis,
}

impl Record {
    pub(crate) fn new(plan: &Plan) -> Self {
        let groups = plan.groups.iter().filter_map(|group| {
            let cooldown = group.policy.as_ref()?.longest_cooldown();
            Some((Resource::Group(group.key.clone()), Millis::from(cooldown)))
        });
        let pools = plan.pools.iter().map(|pool| (Resource::Pool(pool.name.clone()), pool.policy.cooldown.into()));
        let by_path =
            groups.chain(pools).map(|(resource, cooldown)| (state_key(&resource), (resource, cooldown))).collect();
        let pool_numbers =
            plan.pools.iter().enumerate().map(|(number, pool)| (Resource::Pool(pool.name.clone()), number));
        Self {
            lines: Vec::new(),
            groups: vec![Vec::new(); plan.groups.len()],
            pools: vec![Vec::new(); plan.pools.len()],
            allowed: vec![Vec::new(); plan.pools.len()],
            actions: Vec::new(),
            failsafe: BTreeMap::new(),
            cooldown: BTreeMap::new(),
            alerts: 0,
            alerted: Vec::new(),
            would_be: 0,
            evaluations: 0,
            violation: None,
            hasher: Sha256::new(),
            now_allowed: vec![None; plan.pools.len()],
            pool_numbers: pool_numbers.collect(),
            by_path,
            holds: Holds::default(),
            absent: BTreeMap::new(),
            end: plan.duration,
        }
    }

    /// The digest of all that was recorded: its first 16 hexadecimal digits tell runs apart.
    #[must_use]
    pub fn digest(&self) -> String {
        let bytes = self.hasher.clone().finalize();
        bytes.iter().take(8).fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    }

    pub(crate) fn line(&mut self, at: Millis, source: Source, text: String) {
        let who = match source {
            Source::World => u64::MAX,
            Source::Agent(number) => number as u64,
        };
        self.hasher.update(at.0.to_le_bytes());
        self.hasher.update(who.to_le_bytes());
        self.hasher.update(text.as_bytes());
        self.lines.push(Line { at, source, text });
    }

    /// Takes what an agent tells. `offered` says what the nodes of a pool offer right now.
    pub(crate) fn event(&mut self, at: Millis, agent: usize, event: &Event, offered: impl Fn(usize) -> Resources) {
        match event {
            Event::Decided(decision) => {
                self.evaluations += 1;
                self.would_be += u64::from(matches!(decision.verdict, Verdict::WouldAct(_)));
                self.note_allowed(decision, offered);
                if !self.holds.decided(at, decision) {
                    return;
                }
            }
            Event::Began { resource, direction, from, to, why, .. } => {
                self.holds.began(at, resource);
                self.actions.push(Action {
                    at,
                    agent,
                    resource: resource.clone(),
                    direction: *direction,
                    from: *from,
                    to: *to,
                    why: why.clone(),
                    ended: None,
                });
            }
            Event::Finished { resource, outcome, .. } => {
                let open = |action: &&mut Action| action.resource == *resource && action.ended.is_none();
                if let Some(action) = self.actions.iter_mut().rev().find(open) {
                    action.ended = Some((at, outcome.clone()));
                }
            }
            Event::Alert(alert) => {
                self.alerts += u32::from(alert.action == AlertAction::Trigger);
                let of = |uid: &str| if uid.is_empty() { String::new() } else { format!(" ({uid})") };
                let words = match alert.action {
                    AlertAction::Trigger if alert.why.is_empty() => "entered failsafe".to_owned(),
                    AlertAction::Trigger => format!("entered failsafe, {} failures: {}", alert.failures, alert.why),
                    AlertAction::Resolve => "resolved: its failsafe was lifted".to_owned(),
                };
                self.alerted.push((at, format!("{}{} {words}", alert.resource, of(&alert.uid))));
            }
            _ => {}
        }
        self.line(at, Source::Agent(agent), event.to_string());
    }

    /// Takes a change that somebody asked a served API for.
    pub(crate) fn order(&mut self, at: Millis, resource: Resource, from: u32, to: u32, why: String) {
        if from != to {
            let direction = if to > from { Direction::Out } else { Direction::In };
            self.actions.push(Action { at, agent: 0, resource, direction, from, to, why, ended: None });
        }
    }

    /// Follows failsafe and cooldown through the states that are written.
    pub(crate) fn state(&mut self, at: Millis, before: Option<&ResourceState>, after: &ResourceState) {
        let Some((resource, cooldown)) = self.by_path.get(&after.state_path) else { return };
        let stretches = self.failsafe.entry(resource.clone()).or_default();
        match (before.is_some_and(|state| state.failsafe_mode), after.failsafe_mode) {
            (false, true) => stretches.push(Stretch { from: at, to: self.end }),
            (true, false) => stretches.iter_mut().for_each(|stretch| stretch.to = stretch.to.min(at)),
            _ => {}
        }
        if before.and_then(|state| state.last_scaling_event) != after.last_scaling_event {
            let stretch = Stretch { from: at, to: (at + *cooldown).min(self.end) };
            self.cooldown.entry(resource.clone()).or_default().push(stretch);
        }
    }

    pub(crate) fn violate(&mut self, at: Millis, violation: Violation) {
        if self.violation.is_none() {
            let text = format!("INVARIANT BROKEN: {}: {}", violation.invariant, violation.evidence);
            self.line(at, Source::World, text);
            self.violation = Some((at, violation));
        }
    }

    pub(crate) fn sample_group(&mut self, group: usize, sample: GroupSample) {
        for number in [sample.count, sample.serving, sample.needed] {
            self.hasher.update(number.to_le_bytes());
        }
        for number in [sample.demand_cpu, sample.demand_memory, sample.unmet_cpu, sample.unmet_memory] {
            self.hasher.update(number.round().to_le_bytes());
        }
        self.groups[group].push(sample);
    }

    pub(crate) fn sample_pool(&mut self, pool: usize, sample: PoolSample) {
        for number in [sample.desired, sample.instances, sample.ready, sample.needed] {
            self.hasher.update(number.to_le_bytes());
        }
        for number in [sample.capacity_cpu, sample.capacity_memory, sample.used_cpu, sample.used_memory] {
            self.hasher.update(number.to_le_bytes());
        }
        self.pools[pool].push(sample);
    }

    pub(crate) fn end_sample(&mut self) {
        for (series, now) in self.allowed.iter_mut().zip(&self.now_allowed) {
            series.push(*now);
        }
    }

    /// Remembers that an event of the scenario took an agent away, until it is over.
    pub(crate) fn note_absent(&mut self, event: usize, agent: usize) {
        self.absent.entry(event).or_default().push(agent);
    }

    pub(crate) fn take_absent(&mut self, event: usize) -> Vec<usize> {
        self.absent.remove(&event).unwrap_or_default()
    }

    fn note_allowed(&mut self, decision: &Decision, offered: impl Fn(usize) -> Resources) {
        let Some(number) = self.pool_numbers.get(&decision.resource) else { return };
        let limit = |quantity: &Quantity| {
            let of_pool = |rule| matches!(rule, Rule::P10 | Rule::P11);
            decision.findings.iter().find(|it| it.quantity == *quantity && of_pool(it.rule)).map(|it| it.limit)
        };
        if let (Some(cpu), Some(memory)) = (limit(&Quantity::PoolCpu), limit(&Quantity::PoolMemory)) {
            let offered = offered(*number);
            let (of_cpu, of_memory) = (offered.cpu.0, offered.memory.0);
            self.now_allowed[*number] = Some(Allowed { cpu, memory, of_cpu, of_memory });
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::World => f.write_str("world"),
            Self::Agent(number) => f.write_str(&agent_name(*number)),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:8} {}", self.at, self.source.to_string(), self.text)
    }
}
