//! The simulated world: a discrete-event model of a Nomad region, Auto Scaling groups and Consul.
//!
//! - `happening`: what can happen.
//! - `nomad`: its tables; `allocations`, `nodes`: their lives; `evaluations`: why a job is looked at, and what came of it;
//!   `scheduler`: placement and reconciling; `classes`: nodes that are alike to it; `fitting`: what placement asks beside amounts; `rollout`: deployments; `drain`: draining nodes; `orders`: what is asked of
//!   it from outside; `stream`: its event stream; `listed`: the tables as the core's domain types.
//! - `load`: demand; `usage`: what it makes tasks use, `shares` where they share a node's CPU; `calendar`: wall time.
//! - `cloud`: Auto Scaling groups and instances.
//! - `consul`: sessions, locks, keys.
//! - `faults`: what the scenario's events do, `hands` those of people; `crash`: killing the leader at a call of its own.
//! - `settled`: what a run ended in; `sight`: what invariants see, and what must be in order in the end.
//! - `api`: the same world as the pages of real servers.
//! - `ports`: the four ports of the core, bound to this world.

mod allocations;
pub(crate) mod api;
mod calendar;
mod classes;
mod cloud;
mod consul;
mod crash;
mod drain;
mod evaluations;
mod faults;
mod fitting;
mod hands;
mod happening;
mod keys;
mod listed;
mod load;
pub(crate) mod nodes;
mod nomad;
pub(crate) mod orders;
#[cfg(test)]
mod places;
mod ports;
mod rollout;
mod scheduler;
mod settled;
mod shares;
mod sight;
mod stream;
mod usage;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::task::Waker;

use jiff::Timestamp;
use replicator::agent::Event;

use crate::judge::invariants::{Act, Invariants};
use crate::judge::record::{Record, Source};
use crate::kernel::queue::Queue;
use crate::kernel::random::{Stream, Streams};
use crate::kernel::time::Millis;
use crate::plan::Plan;

pub(crate) use calendar::Calendar;
pub(crate) use crash::TIME_PASSES;
pub use crash::{CrashPoint, LedCall, Side};
pub(crate) use happening::Happening;
pub(crate) use ports::Until;
pub use ports::{SimObserver, SimPorts};
pub use settled::Settled;
pub(crate) use stream::StreamEvent;

use cloud::Cloud;
use consul::Consul;
use evaluations::Trigger;
use load::Load;
use nomad::Nomad;
use stream::Stream as EventStream;

/// What a blocking query waits on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Topic {
    Jobs,
    Nodes,
    Allocations,
    Deployments,
    Evaluations,
    /// The event stream.
    Stream,
    Consul,
}

impl Topic {
    /// How many there are.
    const ALL: usize = Self::Consul as usize + 1;
}

/// What the driver of a run shall do to an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// Start it, as this allocation if it is one.
    Start(usize, Option<replicator::domain::AllocationId>),
    /// Drop it on the spot.
    Kill(usize),
    /// Tell it to stop.
    Stop(usize),
}

/// How many things are wrong at once with each service; faults may overlap.
#[derive(Debug, Default)]
struct Outages {
    nomad: u32,
    consul: u32,
    cloud: u32,
    /// For each group: no statistics can be had.
    statistics: Vec<u32>,
    /// For each pool: its clients collect none.
    uncollected: Vec<u32>,
}

/// The world.
pub(crate) struct World {
    pub(crate) plan: Rc<Plan>,
    pub(crate) now: Millis,
    pub(crate) calendar: Calendar,
    pub(crate) record: Record,
    pub(crate) signals: Vec<Signal>,
    pub(crate) agents: Vec<AgentSlot>,
    nomad: Nomad,
    consul: Consul,
    cloud: Cloud,
    load: Load,
    answers: usage::Answers,
    /// Counts whatever may change what agents are told: of the same version, the same is told again.
    version: u64,
    queue: Queue<Happening>,
    /// Nomad's event stream, where somebody may read it.
    stream: Option<EventStream>,
    /// Where Nomad is served: clients of it ask nodes directly, and must find them there.
    pub(crate) nomad_address: Option<String>,
    /// As which Nomad it shows itself there.
    pub(crate) nomad_version: api::NomadVersion,
    outages: Outages,
    invariants: Invariants,
    waiters: BTreeMap<Topic, Vec<Waker>>,
    /// How often each topic changed.
    revisions: [u64; Topic::ALL],
    streams: WorldStreams,
    fixed: listed::Fixed,
    pub(crate) crash: crash::Crash,
    /// What events chose, for when they are over.
    chosen: BTreeMap<usize, usize>,
    /// How long the run goes on after the scenario's end, without load.
    pub(crate) settle: Millis,
}

/// What the world knows of an agent.
#[derive(Debug, Default)]
pub(crate) struct AgentSlot {
    /// The allocation that it is (`runs_in`).
    allocation: Option<usize>,
    /// By how much its wall clock is off, in milliseconds.
    clock_off: i64,
    /// The last session that it made.
    session: Option<replicator::domain::SessionId>,
    /// How many calls it made on its ports.
    pub(crate) calls: u64,
    /// Whether it is about to be killed: nothing that it does counts any more.
    dying: bool,
}

/// The random streams in use.
struct WorldStreams {
    boot: Vec<Stream>,
    start: Vec<Stream>,
    heartbeat: Stream,
    session: Stream,
}

impl World {
    pub(crate) fn new(plan: &Rc<Plan>) -> Self {
        let streams = Streams::of(plan.seed);
        let mut world = Self {
            plan: plan.clone(),
            now: Millis(0),
            calendar: Calendar::usual(),
            record: Record::new(plan),
            signals: Vec::new(),
            agents: (0..plan.agents.count).map(|_| AgentSlot::default()).collect(),
            nomad: Nomad::new(plan),
            consul: Consul::new(),
            cloud: Cloud::new(plan),
            load: Load::new(plan, streams),
            answers: usage::Answers::default(),
            version: 0,
            queue: Queue::default(),
            stream: None,
            nomad_address: None,
            nomad_version: api::NomadVersion::default(),
            outages: Outages {
                statistics: vec![0; plan.groups.len()],
                uncollected: vec![0; plan.pools.len()],
                ..Outages::default()
            },
            invariants: Invariants::new(plan),
            waiters: BTreeMap::new(),
            revisions: [0; Topic::ALL],
            streams: WorldStreams {
                boot: (0..plan.pools.len()).map(|pool| streams.boot(pool)).collect(),
                start: (0..plan.groups.len()).map(|group| streams.start(group)).collect(),
                heartbeat: streams.heartbeat(),
                session: streams.session(),
            },
            fixed: listed::Fixed::of(plan),
            crash: crash::Crash::default(),
            chosen: BTreeMap::new(),
            settle: Millis(0),
        };
        world.begin();
        world
    }

    /// Sets up what is there at the start: nodes that are ready, allocations that run.
    fn begin(&mut self) {
        let plan = self.plan.clone();
        self.store_pool_policies();
        for (pool, of_pool) in plan.pools.iter().enumerate() {
            for _ in 0..of_pool.nodes {
                self.start_with_instance(pool);
            }
        }
        for job in 0..plan.jobs.len() {
            self.evaluate_now(job, Trigger::Registration);
        }
        self.start_with_allocations_running();
        self.start_with_jobs_deployed();
        self.schedule(Millis(0), Happening::Tick);
        for (number, (at, lasting, _)) in plan.events.iter().enumerate() {
            self.schedule(*at, Happening::FaultBegins(number));
            if let Some(lasting) = lasting {
                self.schedule(*at + *lasting, Happening::FaultEnds(number));
            }
        }
        if plan.agents.runs_in.is_none() {
            self.signals.extend((0..plan.agents.count).map(|agent| Signal::Start(agent, None)));
        }
    }

    /// When the next thing happens, if one does within the run.
    pub(crate) fn next(&self) -> Option<Millis> {
        self.queue.next_until(self.end())
    }

    /// Lets the next thing happen, if there is one within the run.
    pub(crate) fn step(&mut self) -> Option<()> {
        let (at, happening) = self.queue.pop_until(self.end())?;
        debug_assert!(at >= self.now, "time goes on: {happening:?} at {at}, and it is {}", self.now);
        self.now = at.max(self.now);
        if !matches!(happening, Happening::Wake(_) | Happening::SessionExpires(_)) {
            self.touch();
        }
        match happening {
            Happening::Wake(waker) => waker.wake(),
            Happening::Tick => self.tick(),
            Happening::Evaluate(evaluation) => self.evaluate(evaluation),
            Happening::AllocationStarts(allocation) => self.allocation_starts(allocation),
            Happening::AllocationTurnsHealthy(allocation) => self.allocation_turns_healthy(allocation),
            Happening::AllocationCompletes(allocation) => self.allocation_completes(allocation),
            Happening::AllocationStopped(allocation) => self.allocation_stopped(allocation),
            Happening::AllocationIsGone(allocation) => self.allocation_is_gone(allocation),
            Happening::DrainIsDue(node) => self.drain_is_due(node),
            Happening::DeploymentIsDue(deployment) => self.check_deployment(deployment),
            Happening::GroupReconciles(pool) => self.reconcile_pool(pool),
            Happening::InstanceInService(instance) => self.instance_in_service(instance),
            Happening::NodeJoins(instance) => self.node_joins(instance),
            Happening::MetadataArrives(node) => self.metadata_arrives(node),
            Happening::UnknownIsLost(allocation) => self.unknown_is_lost(allocation),
            Happening::NodeMissed(node) => self.node_missed(node),
            Happening::InstanceGone(instance) => self.instance_gone(instance),
            Happening::GroupNotices(instance) => self.group_notices(instance),
            Happening::InstanceDetached(instance) => self.instance_detached(instance),
            Happening::SessionExpires(session) => self.session_expires(&session),
            Happening::AgentStarts(agent) => self.agent_starts(agent),
            Happening::FaultBegins(number) => self.fault_begins(number),
            Happening::FaultEnds(number) => self.fault_ends(number),
        }
        Some(())
    }

    fn end(&self) -> Millis {
        self.plan.duration + self.settle
    }

    fn tick(&mut self) {
        let next = self.now + self.plan.tick;
        if self.now <= self.plan.duration {
            self.sample_load();
            self.record_sample();
        } else {
            self.end_load();
        }
        self.watch();
        self.schedule(next, Happening::Tick);
    }

    /// Something is, or may be, other than before.
    fn touch(&mut self) {
        self.version += 1;
    }

    pub(crate) fn schedule(&mut self, at: Millis, happening: Happening) {
        self.queue.push(at, happening);
    }

    /// Notes something that the world did.
    fn note(&mut self, text: impl FnOnce() -> String) {
        self.record.line(self.now, Source::World, text());
    }

    /// Takes what an agent tells.
    fn hear(&mut self, agent: usize, event: &Event) {
        self.invariants.hear(event);
        let (plan, nodes) = (&self.plan, &self.nomad.nodes);
        let offered = |pool: usize| {
            let ready = nodes.iter().filter(|node| node.pool == pool && node.takes_work());
            ready.map(|_| plan.pools[pool].capacity()).sum()
        };
        self.record.event(self.now, agent, event, offered);
    }

    /// Checks something that an agent, or an operator, does against the invariants.
    fn act(&mut self, act: &Act<'_>) {
        if let Err(violation) = self.invariants.check(self.now, act) {
            self.record.violate(self.now, violation);
        }
    }

    /// Wakes whoever waits for a change of that kind.
    fn changed(&mut self, topic: Topic) {
        self.revisions[topic as usize] += 1;
        for waker in self.waiters.remove(&topic).unwrap_or_default() {
            waker.wake();
        }
    }

    /// How often anything of these topics changed.
    fn revision(&self, topics: &[Topic]) -> u64 {
        topics.iter().map(|topic| self.revisions[*topic as usize]).sum()
    }

    fn await_change(&mut self, topic: Topic, waker: &Waker) {
        let waiting = self.waiters.entry(topic).or_default();
        if !waiting.iter().any(|known| known.will_wake(waker)) {
            waiting.push(waker.clone());
        }
    }

    /// The wall time by the clock of an agent.
    fn wall(&self, agent: usize) -> Timestamp {
        self.time_off_by(self.agents[agent].clock_off)
    }

    /// The wall time by a clock that is right.
    fn true_time(&self) -> Timestamp {
        self.time_off_by(0)
    }

    fn time_off_by(&self, off: i64) -> Timestamp {
        self.calendar.time_off_by(self.now, off)
    }
}
