//! A scenario's world behind HTTP: Nomad, Consul and AWS on loopback, for whoever speaks their APIs.
//!
//! - `exchange`: a request as the handlers want it, and their answers.
//! - `nomad`, `consul`, `aws`: which request asks the world for what.
//! - `protocol`: what was asked and answered, as JSON lines.
//!
//! One thread, one task for each connection: the handlers ask the world directly. Its clock is the machine's, times the
//! speed. What clients measure by their own clock stays in their time: waits of blocking queries, the TTL and lock delay of
//! sessions, and the cooldowns of policies.

mod aws;
mod consul;
mod exchange;
mod nomad;
mod protocol;

use std::cell::RefCell;
use std::convert::Infallible;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
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

use crate::drive::stage::Stage;
use crate::judge::Outcome;
use crate::kernel::time::Millis;
use crate::plan::Plan;
use crate::scenario::Scenario;
pub use crate::world::api::{NomadVersion, UnknownVersion};
use crate::world::{Calendar, Topic, Until, World};
use exchange::{Asked, HttpResponse, Reply};
use protocol::Protocol;

/// How often the world catches up with the clock.
const CATCHES_UP_EVERY: Duration = Duration::from_millis(5);
/// How soon connections are taken again, after one could not be.
const ACCEPTS_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// Whatever changes, or ends an outage.
const EVERY_TOPIC: &[Topic] = &[
    Topic::Jobs,
    Topic::Nodes,
    Topic::Allocations,
    Topic::Deployments,
    Topic::Evaluations,
    Topic::Stream,
    Topic::Consul,
];
/// The policy key whose value is a time by the client's clock.
const COOLDOWN: &str = "replicator_cooldown";

/// How a scenario is served.
#[derive(Clone, Default)]
pub struct Options {
    /// How many seconds of the world pass in one of the clock; at least 1.
    pub speed: u64,
    /// The port of Nomad's API; 0 for any that is free.
    pub nomad_port: u16,
    /// The port of Consul's API.
    pub consul_port: u16,
    /// The port of AWS's API.
    pub aws_port: u16,
    /// As which Nomad it presents itself.
    pub nomad_version: NomadVersion,
    /// The only ACL token that Nomad takes; any will do where there is none.
    pub nomad_token: Option<String>,
    /// The only ACL token that Consul takes.
    pub consul_token: Option<String>,
    /// Where to write down what is asked and answered, and what happens in the world: a new file, of JSON lines.
    pub record: Option<PathBuf>,
}

impl std::fmt::Debug for Options {
    /// Tokens are left out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ports = (self.nomad_port, self.consul_port, self.aws_port);
        let record = &self.record;
        f.debug_struct("Options")
            .field("speed", &self.speed)
            .field("ports", &ports)
            .field("nomad_version", &self.nomad_version)
            .field("record", record)
            .finish_non_exhaustive()
    }
}

/// How long servers look for a leader before they say that there is none.
const NOMAD_LOOKS_FOR: Duration = Duration::from_secs(5);
const CONSUL_LOOKS_FOR: Duration = Duration::from_secs(7);

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

/// Why a scenario cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A port cannot be had.
    #[error("cannot listen on port {port} for {service}: {problem}; another port, or 0 for any that is free, would do")]
    Port {
        /// For which service.
        service: Service,
        /// Which.
        port: u16,
        /// Why.
        problem: io::Error,
    },
    /// What is asked and answered cannot be written down.
    #[error("cannot record into {}: {problem}; it must be a new file", path.display())]
    Record {
        /// Where.
        path: PathBuf,
        /// Why.
        problem: io::Error,
    },
}

/// Listens on a loopback port, and tells on which.
async fn listen(service: Service, port: u16) -> Result<(TcpListener, SocketAddr), ServeError> {
    let failed = |problem| ServeError::Port { service, port, problem };
    let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
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
    addresses: Addresses,
    protocol: Rc<Protocol>,
}

impl Server {
    /// Binds the ports.
    ///
    /// # Errors
    ///
    /// When a port cannot be had, or the file to record into is there already or cannot be written.
    pub async fn bind(scenario: &Scenario, options: Options) -> Result<Self, ServeError> {
        let options = Options { speed: options.speed.max(1), ..options };
        let (nomad, nomad_at) = listen(Service::Nomad, options.nomad_port).await?;
        let (consul, consul_at) = listen(Service::Consul, options.consul_port).await?;
        let (aws, aws_at) = listen(Service::Cloud, options.aws_port).await?;
        let addresses = Addresses { nomad: nomad_at, consul: consul_at, aws: aws_at };
        let stage = Stage::of(&in_client_time(&scenario.plan, options.speed));
        {
            let mut world = stage.world.borrow_mut();
            world.open_stream();
            world.nomad_address = Some(nomad_at.to_string());
            world.nomad_version = options.nomad_version;
            #[expect(clippy::disallowed_methods, reason = "clients compare what they are told with their own clock")]
            let now = jiff::Timestamp::now();
            world.calendar = Calendar::from(now);
        }
        let protocol = Protocol::begin(options.record.as_deref(), scenario, options.speed)
            .map_err(|problem| ServeError::Record { path: options.record.clone().unwrap_or_default(), problem })?;
        let protocol = Rc::new(protocol);
        let shared = Shared { world: stage.world.clone(), options: Rc::new(options), addresses, protocol };
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
                    () = drive(&stage, &shared, &mut watch) => {}
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
fn in_client_time(plan: &Plan, speed: u64) -> Plan {
    let mut plan = plan.clone();
    let shorten = |meta: &mut Meta| {
        if let Some(cooldown) = meta.get_mut(COOLDOWN)
            && let Ok(seconds) = cooldown.parse::<u64>()
        {
            *cooldown = seconds.div_ceil(speed).to_string();
        }
    };
    plan.pools.iter_mut().for_each(|pool| shorten(&mut pool.meta));
    plan.groups.iter_mut().for_each(|group| shorten(&mut group.meta));
    plan
}

/// Lets the world keep up with the clock, to the end of the scenario.
async fn drive(stage: &Stage, shared: &Shared, watch: &mut impl FnMut(Millis)) {
    let began = Instant::now();
    let mut ticks = interval(CATCHES_UP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let real = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let target = Millis(real.saturating_mul(shared.options.speed));
        // Nobody plays the simulated agents.
        drop(stage.take_signals());
        while stage.next().is_some_and(|at| at <= target) {
            if !stage.step() {
                return;
            }
        }
        shared.protocol.world(&stage.world.borrow().record);
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
                async move { Ok::<_, Infallible>(answer(service, &shared, request).await) }
            });
            let mut builder = http1::Builder::new();
            // A client that hangs up in the middle ends its connection, and that is all.
            builder.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), handle).await.ok();
        });
    }
}

async fn answer(service: Service, shared: &Shared, request: exchange::HttpRequest) -> HttpResponse {
    let asked = match Asked::read(request).await {
        Ok(asked) => asked,
        Err(problem) => return Reply::text(400, problem).into_http(),
    };
    let reply = match out_of_order(service, shared, &asked).await {
        Some(reply) => reply,
        None => match service {
            Service::Nomad => nomad::answer(shared, &asked).await,
            Service::Consul => consul::answer(shared, &asked).await,
            Service::Cloud => aws::answer(shared, &asked),
        },
    };
    if reply.status == 501 {
        let words = reply.words().unwrap_or_default();
        tell(format_args!("not modelled: {service}: {} {}: {words}", asked.method, asked.target()));
    }
    shared.protocol.exchange(shared.world.borrow().now, service, &asked, &reply);
    if service == Service::Cloud { reply.into_http() } else { reply.fit(&asked).into_http() }
}

/// Says something to whoever serves. When nobody can hear it, serving goes on.
fn tell(words: std::fmt::Arguments<'_>) {
    writeln!(io::stderr(), "{words}").ok();
}

/// What a service that is out says; nothing if it is not, or was not for as long as it looks for a leader.
async fn out_of_order(service: Service, shared: &Shared, asked: &Asked) -> Option<Reply> {
    if !shared.world.borrow().is_out(service) {
        return None;
    }
    let (at_once, patience) = match service {
        Service::Nomad => (nomad::without_leader(shared, asked), NOMAD_LOOKS_FOR),
        Service::Consul => (consul::without_leader(asked), CONSUL_LOOKS_FOR),
        Service::Cloud => return Some(aws::unavailable()),
    };
    if at_once.is_some() {
        return at_once;
    }
    let deadline = shared.world.borrow().now + shared.span(patience);
    let done = |world: &World| !world.is_out(service);
    Until::new(&shared.world, EVERY_TOPIC, deadline, done).await;
    shared.world.borrow().is_out(service).then(|| no_leader(service, asked))
}

fn no_leader(service: Service, asked: &Asked) -> Reply {
    match service {
        Service::Nomad if asked.segments() == ["v1", "agent", "health"] => {
            Reply::text(500, r#"{"server":{"ok":false,"message":"No cluster leader"}}"#)
        }
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
    async fn blocking(&self, asked: &Asked, topics: &[Topic], index: impl Fn(&World) -> u64) -> Result<(), Reply> {
        let Some((past, wait)) = asked.blocking()? else { return Ok(()) };
        let deadline = self.world.borrow().now + self.span(wait + CATCHES_UP_EVERY);
        let service = if topics == [Topic::Consul] { Service::Consul } else { Service::Nomad };
        let done = |world: &World| index(world) > past || world.is_out(service);
        Until::new(&self.world, topics, deadline, &done).await;
        if self.world.borrow().is_out(service) { Err(no_leader(service, asked)) } else { Ok(()) }
    }
}
