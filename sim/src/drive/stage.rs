//! A scenario's world with its agents, for whoever drives it: the executor of [`crate::drive::run`], or another clock. The driver
//! obeys the signals, polls the agents until none can move, and then lets the next thing happen.

use std::cell::RefCell;
use std::rc::Rc;

use replicator::agent::AgentConfig;
use replicator::domain::AllocationId;

use crate::drive::odd::Oddities;
use crate::judge::Outcome;
use crate::judge::expect::check;
use crate::judge::invariants::Violation;
use crate::judge::measure::measure;
use crate::judge::oracle::consult;
use crate::judge::record::{Line, Record};
use crate::kernel::random::Streams;
use crate::kernel::time::Millis;
use crate::plan::{Plan, agent_name};
use crate::world::World;

pub use crate::world::{CrashPoint, LedCall, Settled, Side, Signal, SimObserver, SimPorts};

/// A world at its beginning, or on its way.
pub struct Stage {
    plan: Rc<Plan>,
    pub(crate) world: Rc<RefCell<World>>,
}

impl Stage {
    /// The world of a plan, at its beginning.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let plan = Rc::new(plan.clone());
        let world = Rc::new(RefCell::new(World::new(&plan)));
        Self { plan, world }
    }

    /// The same, with one more thing to happen: at a call of its own the leader is killed. After the scenario's end the
    /// run goes on for `settle` without load.
    #[must_use]
    pub fn with_crash(plan: &Plan, at: Option<CrashPoint>, settle: Millis) -> Self {
        let stage = Self::with_settling(plan, settle);
        {
            let mut world = stage.world.borrow_mut();
            world.crash.at = at;
            world.crash.log = at.is_none().then(Vec::new);
        }
        stage
    }

    /// The same, that goes on after the scenario's end for `settle` without load.
    #[must_use]
    pub(crate) fn with_settling(plan: &Plan, settle: Millis) -> Self {
        let stage = Self::of(plan);
        stage.world.borrow_mut().settle = settle;
        stage
    }

    /// The invariant that broke, and when, if one did.
    #[must_use]
    pub(crate) fn violation(&self) -> Option<(Millis, Violation)> {
        self.world.borrow().record.violation.clone()
    }

    /// The log so far.
    #[must_use]
    pub(crate) fn log(&self) -> Vec<Line> {
        self.world.borrow().record.lines.clone()
    }

    /// The calls that leaders made so far, where no crash was asked for; what the cluster is like; the invariant that
    /// broke, if one did.
    #[must_use]
    pub fn survey(&self) -> (Vec<LedCall>, Settled, Option<Violation>) {
        let mut world = self.world.borrow_mut();
        let log = world.crash.log.take().unwrap_or_default();
        (log, world.settled(), world.record.violation.as_ref().map(|(_, violation)| violation.clone()))
    }

    /// How many agents there are.
    #[must_use]
    pub fn agents(&self) -> usize {
        self.plan.agents.count
    }

    /// What is to be done to agents before they are polled.
    #[must_use]
    pub fn take_signals(&self) -> Vec<Signal> {
        std::mem::take(&mut self.world.borrow_mut().signals)
    }

    /// What an agent that starts is made of.
    #[must_use]
    pub fn cast(&self, agent: usize, own_allocation: Option<AllocationId>) -> (SimPorts, SimObserver, AgentConfig) {
        let config = AgentConfig {
            job_interval: self.plan.agents.job_interval.into(),
            cluster_interval: self.plan.agents.cluster_interval.into(),
            concurrency: self.plan.agents.concurrency,
            own_allocation,
            limits: self.plan.agents.limits,
            ..AgentConfig::named(agent_name(agent))
        };
        let ports = SimPorts::new(self.world.clone(), agent);
        let observer = ports.observer();
        (ports, observer, config)
    }

    /// The answers beside the truth that an agent is given, if it is given any.
    #[must_use]
    pub fn odd(&self, agent: usize) -> Option<Oddities> {
        let plan = self.plan.odd.as_ref()?;
        Some(Oddities::of(plan, Streams::of(self.plan.seed).odd(agent)))
    }

    /// What is not in order although nothing has gone wrong for long; an operation may take `within`. Nothing
    /// where no agent is left.
    #[must_use]
    pub(crate) fn unhealed(&self, within: Millis) -> Option<Vec<String>> {
        self.world.borrow().unhealed(within)
    }

    /// Ends the run: something broke that no single act shows.
    pub(crate) fn violate(&self, invariant: &'static str, evidence: String) {
        let mut world = self.world.borrow_mut();
        let now = world.now;
        world.record.violate(now, Violation { invariant, evidence });
    }

    /// The time of the world.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.world.borrow().now
    }

    /// Lets time pass in which nothing happens, for a driver whose agents wake by a clock of its own.
    pub fn pass_until(&self, moment: Millis) {
        let mut world = self.world.borrow_mut();
        world.now = world.now.max(moment);
    }

    /// When the next thing happens; nothing once the run is over, at its end or because an invariant broke.
    #[must_use]
    pub fn next(&self) -> Option<Millis> {
        let world = self.world.borrow();
        if world.record.violation.is_some() { None } else { world.next() }
    }

    /// Lets the next thing happen. Whether there was one.
    #[must_use]
    pub fn step(&self) -> bool {
        let mut world = self.world.borrow_mut();
        world.record.violation.is_none() && world.step().is_some()
    }

    /// What the run came to. Every agent must be gone.
    #[must_use]
    pub fn end(self) -> Outcome {
        let mut world = self.world.borrow_mut();
        let ended = world.now;
        let calls = world.agents.iter().map(|slot| slot.calls).sum();
        let mut record = std::mem::replace(&mut world.record, Record::new(&self.plan));
        record.holds.end(ended);
        consult(&self.plan, &mut record);
        let measures = measure(&self.plan, &record);
        let checks = check(&self.plan, &record, &measures, ended);
        Outcome { record, measures, checks, calls, ended }
    }
}
