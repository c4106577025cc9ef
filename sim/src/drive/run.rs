//! Runs a plan: a minimal executor polls the agents until none can move, then lets the next thing happen. No real
//! time passes, and no thread takes part.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use replicator::agent::{Agent, Observer};
use replicator::domain::AllocationId;
use replicator::ports::Ports;

use super::odd::OddPorts;
use super::stage::{Signal, Stage};
use crate::judge::Outcome;
use crate::kernel::time::Millis;
use crate::plan::Plan;
use crate::world::TIME_PASSES;

/// How many rounds of polls, and happenings, there may be without time passing: more than the largest cluster asks for.
const MOST_AT_ONCE: u64 = 10_000_000;

/// How many things may happen before a watcher is told again how far the run is.
const STEPS_UNWATCHED: u64 = 1024;

/// Runs a plan from its start to its end, or until an invariant breaks.
#[must_use]
pub fn run(plan: &Plan) -> Outcome {
    run_watched(plan, |_| {})
}

/// As [`run`], and tells now and then how far it is.
#[must_use]
pub fn run_watched(plan: &Plan, watch: impl FnMut(Millis)) -> Outcome {
    let stage = Stage::of(plan);
    play(&stage, watch);
    stage.end()
}

/// Plays what is on a stage to its end.
pub(crate) fn play(stage: &Stage, watch: impl FnMut(Millis)) {
    let tasks = (0..stage.agents()).map(|_| None).collect();
    Executor { tasks, stage, moment: Millis(0), done: 0 }.run(watch);
}

/// Polls agents, and lets things happen when none can move.
struct Executor<'s> {
    stage: &'s Stage,
    tasks: Vec<Option<Task>>,
    /// The present moment, and how much was done in it.
    moment: Millis,
    done: u64,
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

impl Executor<'_> {
    fn run(&mut self, mut watch: impl FnMut(Millis)) {
        for number in 0_u64.. {
            if number.is_multiple_of(STEPS_UNWATCHED) {
                watch(self.stage.now());
            }
            self.obey_signals();
            self.poll_until_nothing_moves();
            self.count(1);
            if !self.stage.step() {
                return;
            }
        }
    }

    /// Counts what was done in this moment. Where that has no end, no time would ever pass: the run is over.
    fn count(&mut self, done: u64) {
        let now = self.stage.now();
        if std::mem::replace(&mut self.moment, now) != now {
            self.done = 0;
        }
        self.done += done;
        if self.done == MOST_AT_ONCE {
            self.stage.violate(TIME_PASSES, format!("{MOST_AT_ONCE} things happened in one moment"));
        }
    }

    fn obey_signals(&mut self) {
        for signal in self.stage.take_signals() {
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
        let (ports, observer, config) = self.stage.cast(agent, own_allocation);
        let stop = Rc::new(Stop::default());
        let future: Pin<Box<dyn Future<Output = ()>>> = match self.stage.odd(agent) {
            None => Box::pin(live(Agent::new(ports, observer, config), stop.clone())),
            Some(odd) => Box::pin(live(Agent::new(OddPorts::new(ports, odd), observer, config), stop.clone())),
        };
        let bell = Arc::new(Bell(AtomicBool::new(true)));
        let waker = Waker::from(bell.clone());
        self.tasks[agent] = Some(Task { future, bell, waker, stop });
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
            self.count(1);
            if !moved || self.done >= MOST_AT_ONCE {
                return;
            }
        }
    }
}

/// The life of an agent, until it is told to stop.
async fn live<P: Ports, O: Observer>(agent: Agent<P, O>, told: Rc<Stop>) {
    let stopped = std::future::poll_fn(|_| if told.0.get() { Poll::Ready(()) } else { Poll::Pending });
    agent.run(stopped).await;
}
