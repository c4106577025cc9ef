//! The shell of the daemon is the simulator's: the daemon's own loop and clock, on tokio's paused clock against the
//! simulated world, decide and act as the simulator's executor does, in the same order, on every shipped scenario.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake};
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::stream;
use futures_util::task::AtomicWaker;
use jiff::Timestamp;
use replicator::adapters::clock::TokioClock;
use replicator::agent::Agent;
use replicator::daemon::{Order, serve};
use replicator::domain::{AllocationId, Monotonic};
use replicator::ports::{Clock, Ports};
use replicator_sim::drive::run::run;
use replicator_sim::drive::stage::{Signal, SimPorts, Stage};
use replicator_sim::judge::Outcome;
use replicator_sim::judge::record::Source;
use replicator_sim::scenario::{Changes, Scenario};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::shipped;

/// The daemon's clock, with the dates of the simulated world.
struct ShellClock {
    tokio: TokioClock,
    world: Rc<SimPorts>,
}

impl Clock for ShellClock {
    fn wall(&self) -> Timestamp {
        self.world.wall()
    }

    fn monotonic(&self) -> Monotonic {
        self.tokio.monotonic()
    }

    async fn sleep_until(&self, deadline: Monotonic) {
        self.tokio.sleep_until(deadline).await;
    }
}

/// The daemon's clock and the simulated servers.
struct ShellPorts {
    clock: ShellClock,
    servers: Rc<SimPorts>,
}

impl Ports for ShellPorts {
    type Clock = ShellClock;
    type Nomad = SimPorts;
    type Consul = SimPorts;
    type Cloud = SimPorts;

    fn clock(&self) -> &ShellClock {
        &self.clock
    }

    fn nomad(&self) -> &SimPorts {
        &self.servers
    }

    fn consul(&self) -> &SimPorts {
        &self.servers
    }

    fn cloud(&self) -> &SimPorts {
        &self.servers
    }
}

/// An agent that runs under tokio.
struct Daemon {
    future: Pin<Box<dyn Future<Output = ()>>>,
    bell: Arc<Bell>,
    stop: Rc<Notify>,
}

/// Rings when an agent can move, and wakes the driver.
struct Bell {
    rung: AtomicBool,
    driver: Arc<AtomicWaker>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.store(true, Ordering::Relaxed);
        self.driver.wake();
    }
}

/// Drives a stage by tokio's clock. Agents that can move at the same moment do so in the order of their numbers, which is
/// what the simulator's executor chose; a real scheduler may choose any.
struct Driver {
    stage: Stage,
    clock: TokioClock,
    daemons: Vec<Option<Daemon>>,
    waker: Arc<AtomicWaker>,
}

impl Driver {
    async fn drive(&mut self) {
        let start = Instant::now();
        loop {
            self.obey_signals();
            self.let_agents_move();
            let Some(next) = self.stage.next() else { break };
            let due = pin!(tokio::time::sleep_until(start + Duration::from(next)));
            // An agent that wakes by its own timer may make something happen earlier.
            let is_due = matches!(select(due, pin!(self.one_can_move())).await, Either::Left(_));
            if is_due {
                self.let_agents_move();
                let stepped = self.stage.step();
                assert!(stepped, "what is due happens");
            }
        }
        self.daemons.clear();
    }

    fn obey_signals(&mut self) {
        for signal in self.stage.take_signals() {
            match signal {
                Signal::Start(agent, allocation) => self.daemons[agent] = Some(self.start(agent, allocation)),
                Signal::Kill(agent) => self.daemons[agent] = None,
                Signal::Stop(agent) => {
                    if let Some(daemon) = &self.daemons[agent] {
                        daemon.stop.notify_one();
                    }
                }
            }
        }
    }

    fn start(&self, agent: usize, own_allocation: Option<AllocationId>) -> Daemon {
        let (ports, observer, config) = self.stage.cast(agent, own_allocation);
        let servers = Rc::new(ports);
        let ports = ShellPorts { clock: ShellClock { tokio: self.clock, world: servers.clone() }, servers };
        let stop = Rc::new(Notify::new());
        let told = stop.clone();
        let future = async move {
            let agent = Agent::new(ports, observer, config);
            let orders = stream::once(async move {
                told.notified().await;
                Order::Stop
            });
            serve(&agent, orders).await;
        };
        let bell = Arc::new(Bell { rung: AtomicBool::new(true), driver: self.waker.clone() });
        Daemon { future: Box::pin(future), bell, stop }
    }

    /// Polls the agents until none can move.
    fn let_agents_move(&mut self) {
        while self.daemons.iter().flatten().any(|daemon| daemon.bell.rung.load(Ordering::Relaxed)) {
            for slot in &mut self.daemons {
                let Some(daemon) = slot.as_mut().filter(|it| it.bell.rung.swap(false, Ordering::Relaxed)) else {
                    continue;
                };
                // Whenever an agent moves, the world's time is tokio's.
                self.stage.pass_until(self.clock.monotonic().since_start().into());
                let waker = daemon.bell.clone().into();
                if daemon.future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                    *slot = None;
                }
            }
        }
    }

    /// Completes when an agent can move.
    async fn one_can_move(&self) {
        poll_fn(|context| {
            self.waker.register(context.waker());
            let can = self.daemons.iter().flatten().any(|daemon| daemon.bell.rung.load(Ordering::Relaxed));
            if can { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// Runs a scenario under tokio's paused clock.
fn run_under_tokio(scenario: &Scenario) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let stage = Stage::of(&scenario.plan);
    let daemons = (0..stage.agents()).map(|_| None).collect();
    runtime.block_on(async {
        let mut driver = Driver { stage, clock: TokioClock::start(), daemons, waker: Arc::default() };
        driver.drive().await;
        driver.stage.end()
    })
}

/// What the agents told, in order: decisions, operations, leadership.
fn told(outcome: &Outcome) -> Vec<String> {
    let by_agents = outcome.record.lines.iter().filter(|line| matches!(line.source, Source::Agent(_)));
    by_agents.map(|line| format!("{} {:?} {}", line.at, line.source, line.text)).collect()
}

#[test]
fn the_daemons_loop_decides_as_the_simulators_executor_does() {
    let mut compared = 0;
    for entry in std::fs::read_dir(shipped()).unwrap() {
        let path = entry.unwrap().path();
        let scenario = Scenario::load(&path, &Changes::default()).unwrap();
        let (simulated, served) = (run(&scenario.plan), run_under_tokio(&scenario));
        let (expected, found) = (told(&simulated), told(&served));
        let first = expected.iter().zip(&found).position(|(a, b)| a != b);
        let at = first.unwrap_or(expected.len().min(found.len()));
        let around = |lines: &[String]| lines[at.saturating_sub(2)..(at + 3).min(lines.len())].join("\n");
        assert!(
            expected == found,
            "{}: line {at}\n-- simulator\n{}\n-- daemon\n{}",
            path.display(),
            around(&expected),
            around(&found)
        );
        assert!(!expected.is_empty(), "{}", path.display());
        assert_eq!(simulated.record.digest(), served.record.digest(), "{}: what came of it", path.display());
        compared += 1;
    }
    assert!(compared >= 10);
}
