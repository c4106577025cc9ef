//! A scenario's world behind HTTP: Nomad, Consul and AWS on loopback, for whoever speaks their APIs.
//!
//! - `exchange`: a request as the handlers want it, and their answers.
//! - `nomad`, `consul`, `aws`: which request asks the world for what.
//!
//! One thread, one task for each connection: the handlers ask the world directly. Its clock is the machine's, times the
//! speed. What clients measure by their own clock stays in their time: waits of blocking queries, the TTL and lock delay of
//! sessions, and the cooldowns of policies.

mod aws;
mod consul;
mod exchange;
mod nomad;

use std::cell::RefCell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use replicator::domain::Meta;
use replicator::ports::Service;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, LocalSet, spawn_local};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::run::Outcome;
use crate::scenario::Scenario;
use crate::stage::Stage;
use crate::time::Millis;
use crate::world::{Topic, Until, World};
use exchange::{Asked, Reply};

/// How often the world catches up with the clock.
const CATCHES_UP_EVERY: Duration = Duration::from_millis(5);
/// How soon connections are taken again, after one could not be.
const ACCEPTS_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// The policy key whose value is a time by the client's clock.
const COOLDOWN: &str = "replicator_cooldown";

/// How a scenario is served.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How many seconds of the world pass in one of the clock; at least 1.
    pub speed: u64,
    /// The port of Nomad's API; 0 for any that is free.
    pub nomad_port: u16,
    /// The port of Consul's API.
    pub consul_port: u16,
    /// The port of AWS's API.
    pub aws_port: u16,
    /// The only ACL token that Nomad takes; any will do where there is none.
    pub nomad_token: Option<String>,
    /// The only ACL token that Consul takes.
    pub consul_token: Option<String>,
}

/// Where the three APIs are.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// Nomad's.
    pub nomad: SocketAddr,
    /// Consul's.
    pub consul: SocketAddr,
    /// AWS's.
    pub aws: SocketAddr,
}

/// A world that is served: ports are bound, and time has not begun yet.
pub struct Server {
    stage: Stage,
    shared: Shared,
    listeners: [(Service, TcpListener); 3],
    addresses: Addresses,
}

/// What the handlers share.
#[derive(Clone)]
struct Shared {
    world: Rc<RefCell<World>>,
    options: Rc<Options>,
}

impl Server {
    /// Binds the ports.
    ///
    /// # Errors
    ///
    /// When a port is taken.
    pub async fn bind(scenario: &Scenario, options: Options) -> std::io::Result<Self> {
        let options = Options { speed: options.speed.max(1), ..options };
        let listen = async |port: u16| TcpListener::bind(("127.0.0.1", port)).await;
        let (nomad, consul) = (listen(options.nomad_port).await?, listen(options.consul_port).await?);
        let aws = listen(options.aws_port).await?;
        let addresses = Addresses { nomad: nomad.local_addr()?, consul: consul.local_addr()?, aws: aws.local_addr()? };
        let stage = Stage::of(&in_client_time(scenario, options.speed));
        let shared = Shared { world: stage.world.clone(), options: Rc::new(options) };
        let listeners = [(Service::Nomad, nomad), (Service::Consul, consul), (Service::Cloud, aws)];
        Ok(Self { stage, shared, listeners, addresses })
    }

    /// Where the APIs are.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Serves until the scenario is over or `ended` is, and tells what came of it. `watch` sees the world's time.
    pub async fn serve(self, ended: impl Future<Output = ()>, mut watch: impl FnMut(Millis)) -> Outcome {
        let Self { stage, shared, listeners, .. } = self;
        let local = LocalSet::new();
        local
            .run_until(async {
                let accepting: Vec<JoinHandle<()>> = listeners
                    .into_iter()
                    .map(|(service, listener)| spawn_local(accept(service, listener, shared.clone())))
                    .collect();
                tokio::select! {
                    () = drive(&stage, shared.options.speed, &mut watch) => {}
                    () = ended => {}
                }
                for task in accepting {
                    task.abort();
                }
            })
            .await;
        // Connections hold the world, too.
        drop(local);
        drop(shared);
        stage.end()
    }
}

/// The scenario, with cooldowns by the clock of clients.
fn in_client_time(scenario: &Scenario, speed: u64) -> Scenario {
    let mut scenario = scenario.clone();
    let shorten = |meta: &mut Meta| {
        if let Some(cooldown) = meta.get_mut(COOLDOWN)
            && let Ok(seconds) = cooldown.parse::<u64>()
        {
            *cooldown = seconds.div_ceil(speed).to_string();
        }
    };
    scenario.plan.pools.iter_mut().for_each(|pool| shorten(&mut pool.meta));
    scenario.plan.groups.iter_mut().for_each(|group| shorten(&mut group.meta));
    scenario
}

/// Lets the world keep up with the clock, to the end of the scenario.
async fn drive(stage: &Stage, speed: u64, watch: &mut impl FnMut(Millis)) {
    let began = Instant::now();
    let mut ticks = interval(CATCHES_UP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let real = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let target = Millis(real.saturating_mul(speed));
        // Nobody plays the simulated agents.
        drop(stage.take_signals());
        while stage.next().is_some_and(|at| at <= target) {
            if !stage.step() {
                return;
            }
        }
        if stage.next().is_none() {
            return;
        }
        stage.pass_until(target);
        watch(target);
    }
}

async fn accept(service: Service, listener: TcpListener, shared: Shared) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Perhaps too many are open: some may end meanwhile.
            sleep(ACCEPTS_AGAIN_AFTER).await;
            continue;
        };
        let shared = shared.clone();
        spawn_local(async move {
            let handle = service_fn(move |request| {
                let shared = shared.clone();
                async move { Ok::<_, Infallible>(answer(service, &shared, request).await.into_http()) }
            });
            let mut builder = http1::Builder::new();
            // A client that hangs up in the middle ends its connection, and that is all.
            builder.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), handle).await.ok();
        });
    }
}

async fn answer(service: Service, shared: &Shared, request: exchange::HttpRequest) -> Reply {
    let asked = match Asked::read(request).await {
        Ok(asked) => asked,
        Err(problem) => return Reply::text(400, problem),
    };
    if shared.world.borrow().is_out(service) {
        return unavailable(service);
    }
    let reply = match service {
        Service::Nomad => nomad::answer(shared, &asked).await,
        Service::Consul => consul::answer(shared, &asked).await,
        Service::Cloud => aws::answer(shared, &asked),
    };
    if reply.status == 501 {
        eprintln!("not modelled: {service}: {} {}", asked.method, asked.target());
    }
    reply
}

/// What a service says while it is out.
fn unavailable(service: Service) -> Reply {
    match service {
        Service::Nomad | Service::Consul => Reply::text(500, "No cluster leader"),
        Service::Cloud => aws::unavailable(),
    }
}

impl Shared {
    fn world(&self) -> std::cell::RefMut<'_, World> {
        self.world.borrow_mut()
    }

    /// A span of the client's clock, in the world's time.
    fn span(&self, real: Duration) -> Millis {
        Millis(Millis::from(real).0.saturating_mul(self.options.speed))
    }

    /// Waits, as a blocking query does, until an index has gone past the one that the client knows.
    async fn blocking(&self, asked: &Asked, topic: Topic, index: impl Fn(&World) -> u64 + Unpin) -> Result<(), Reply> {
        let Some((past, wait)) = asked.blocking()? else { return Ok(()) };
        let deadline = self.world.borrow().now + self.span(wait + CATCHES_UP_EVERY);
        let service = if topic == Topic::Consul { Service::Consul } else { Service::Nomad };
        let done = |world: &World| index(world) > past || world.is_out(service);
        Until { world: &self.world, topic: Some(topic), deadline, done, timer_set: false }.await;
        if self.world.borrow().is_out(service) { Err(unavailable(service)) } else { Ok(()) }
    }
}
