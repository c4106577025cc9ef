//! Runs a scenario: a minimal executor polls the agents until none can move, then lets the next thing happen. No real
//! time passes, and no thread takes part.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use replicator::agent::{Agent, AgentConfig};
use replicator::domain::AllocationId;

use crate::expect::{Check, check};
use crate::measure::{Measures, measure};
use crate::record::Record;
use crate::scenario::{AgentPlan, Scenario, agent_name};
use crate::time::Millis;
use crate::world::{Signal, SimPorts, World};

/// How many lines of the log are shown with a broken invariant.
pub const LAST_LINES: usize = 20;

/// How many things may happen before a watcher is told again how far the run is.
const STEPS_UNWATCHED: u64 = 1024;

/// What a run came to.
pub struct Outcome {
    /// What happened.
    pub record: Record,
    /// The measures.
    pub measures: Measures,
    /// The expectations, met or not.
    pub checks: Vec<Check>,
    /// How many calls the agents made on their ports.
    pub calls: u64,
    /// When the run ended: at its end, or when an invariant broke.
    pub ended: Millis,
}

impl Outcome {
    /// Whether every invariant held and every expectation was met.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.record.violation.is_none() && self.checks.iter().all(|check| check.met)
    }
}

/// Runs a scenario from its start to its end, or until an invariant breaks.
#[must_use]
pub fn run(scenario: &Scenario) -> Outcome {
    run_watched(scenario, |_| {})
}

/// As [`run`], and tells now and then how far it is.
#[must_use]
pub fn run_watched(scenario: &Scenario, watch: impl FnMut(Millis)) -> Outcome {
    let plan = Rc::new(scenario.plan.clone());
    let world = Rc::new(RefCell::new(World::new(&plan)));
    let mut executor = Executor::new(&world, &plan.agents);
    executor.run(watch);
    drop(executor);
    let mut world = world.borrow_mut();
    let ended = world.now;
    let calls = world.agents.iter().map(|slot| slot.calls).sum();
    let record = std::mem::replace(&mut world.record, Record::new(&plan));
    let measures = measure(&plan, &record);
    let checks = check(&plan, &record, &measures);
    Outcome { record, measures, checks, calls, ended }
}

/// Polls agents, and lets things happen when none can move.
struct Executor {
    world: Rc<RefCell<World>>,
    plan: AgentPlan,
    tasks: Vec<Option<Task>>,
}

/// An agent that runs.
struct Task {
    future: Pin<Box<dyn Future<Output = ()>>>,
    bell: Arc<Bell>,
    waker: Waker,
    stop: Rc<Stop>,
}

/// Rings when a task can move.
struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Tells an agent to stop.
#[derive(Default)]
struct Stop(std::cell::Cell<bool>);

impl Executor {
    fn new(world: &Rc<RefCell<World>>, plan: &AgentPlan) -> Self {
        Self { world: world.clone(), plan: plan.clone(), tasks: (0..plan.count).map(|_| None).collect() }
    }

    fn run(&mut self, mut watch: impl FnMut(Millis)) {
        for number in 0_u64.. {
            if number.is_multiple_of(STEPS_UNWATCHED) {
                watch(self.world.borrow().now);
            }
            self.obey_signals();
            self.poll_until_nothing_moves();
            let mut world = self.world.borrow_mut();
            if world.record.violation.is_some() || world.step().is_none() {
                return;
            }
        }
    }

    fn obey_signals(&mut self) {
        let signals = std::mem::take(&mut self.world.borrow_mut().signals);
        for signal in signals {
            match signal {
                Signal::Start(agent, allocation) => self.start(agent, allocation),
                Signal::Kill(agent) => self.tasks[agent] = None,
                Signal::Stop(agent) => {
                    if let Some(task) = &self.tasks[agent] {
                        task.stop.0.set(true);
                        task.waker.wake_by_ref();
                    }
                }
            }
        }
    }

    fn start(&mut self, agent: usize, own_allocation: Option<AllocationId>) {
        let config = AgentConfig {
            job_interval: self.plan.job_interval.into(),
            cluster_interval: self.plan.cluster_interval.into(),
            concurrency: self.plan.concurrency,
            own_allocation,
            ..AgentConfig::named(agent_name(agent))
        };
        let ports = SimPorts::new(self.world.clone(), agent);
        let observer = ports.observer();
        let stop = Rc::new(Stop::default());
        let told = stop.clone();
        let future = async move {
            let stopped = std::future::poll_fn(|_| if told.0.get() { Poll::Ready(()) } else { Poll::Pending });
            Agent::new(ports, observer, config).run(stopped).await;
        };
        let bell = Arc::new(Bell(AtomicBool::new(true)));
        let waker = Waker::from(bell.clone());
        self.tasks[agent] = Some(Task { future: Box::pin(future), bell, waker, stop });
    }

    fn poll_until_nothing_moves(&mut self) {
        loop {
            let mut moved = false;
            for slot in &mut self.tasks {
                let Some(task) = slot else { continue };
                if task.bell.0.swap(false, Ordering::Relaxed) {
                    moved = true;
                    if task.future.as_mut().poll(&mut Context::from_waker(&task.waker)).is_ready() {
                        *slot = None;
                    }
                }
            }
            if !moved {
                return;
            }
        }
    }
}
