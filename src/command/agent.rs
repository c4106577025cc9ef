//! `replicator agent`: the daemon.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::process::ExitCode;
use std::rc::Rc;

use anyhow::Context;
use futures_util::future::{Either, join, join3, select};
use futures_util::stream::{self, Stream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{error, info, warn};

use super::arguments::AgentArguments;
use super::{variable, version};
use crate::adapters::clock::TokioClock;
use crate::adapters::consul::ConsulClient;
use crate::adapters::http::{Endpoint, Verify};
use crate::adapters::nomad::NomadClient;
use crate::adapters::notify::Receiver;
use crate::adapters::ports::RealPorts;
use crate::adapters::providers::Providers;
use crate::agent::{Agent, Both, Switch};
use crate::api::peers::Presence;
use crate::api::{self, ApiSettings, Orders, Site};
use crate::config::{self, Config, ConfigError, Mode};
use crate::daemon::{Order, Signal, Signals, serve, vitals};
use crate::domain::{AgentName, AllocationId};
use crate::outlet::alerts::Alerts;
use crate::outlet::board::Board;
use crate::outlet::log::{self, LogControl, LogObserver};
use crate::outlet::meter::Meter;
use crate::outlet::record::Recorder;
use crate::ports::Clock;
use crate::recording::{self, Header};

/// How long it may take to be forgotten by the other agents.
const FAREWELL: std::time::Duration = std::time::Duration::from_secs(1);

pub(super) fn run(arguments: AgentArguments) -> anyhow::Result<ExitCode> {
    let config = load(&arguments)?;
    let log = log::start(config.log_level, config.log_format).context("cannot begin to log")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let daemon = Daemon::new(arguments, config, log)?;
        Box::pin(daemon.run()).await
    })
}

fn load(arguments: &AgentArguments) -> Result<Config, ConfigError> {
    let mode = if arguments.dev { Mode::Development } else { Mode::Production };
    config::load(arguments.settings.clone(), &arguments.config, mode, variable)
}

/// A running daemon, and what it needs to change itself.
struct Daemon {
    arguments: AgentArguments,
    config: Config,
    log: LogControl,
    nomad: Rc<NomadClient>,
    consul: Rc<ConsulClient>,
    name: AgentName,
    own_allocation: Option<AllocationId>,
    alerts: Rc<Alerts>,
    meter: Rc<Meter>,
    board: Board,
}

impl Daemon {
    fn new(arguments: AgentArguments, config: Config, log: LogControl) -> anyhow::Result<Self> {
        let name = super::agent_name();
        let alerts = Alerts::new(name.clone(), &config.cluster_identifier, config.notify.clone())?;
        Ok(Self {
            board: Board::default(),
            alerts: Rc::new(alerts),
            meter: Rc::new(meter(config.statsd.as_deref())?),
            nomad: Rc::new(NomadClient::new(config.nomad.clone())?),
            consul: Rc::new(ConsulClient::new(config.consul.clone())?),
            name,
            own_allocation: variable("NOMAD_ALLOC_ID").map(AllocationId::from),
            arguments,
            config,
            log,
        })
    }

    async fn run(self) -> anyhow::Result<ExitCode> {
        let signals = Signals::listen().context("cannot receive signals")?;
        info!("Replicator {} ({}) starts as {}", version::SHORT, version::REVISION, self.name);
        introduce(&self.config);
        let ports = RealPorts {
            clock: TokioClock::start(),
            nomad: self.nomad.clone(),
            consul: self.consul.clone(),
            cloud: Providers::built_in(),
        };
        let config = self.config.agent(&self.name, self.own_allocation.as_ref());
        let (alerts, board, consul) = (self.alerts.clone(), self.board.clone(), self.consul.clone());
        let meter = self.meter.clone();
        let observer = Both(Both(self.observer()?, alerts.clone()), Both(board.clone(), meter));
        let (orders, ordered) = mpsc::channel(api::MOST_ORDERS);
        let site = self.site(&ports.clock, board, orders)?;
        let presence = self.presence(&consul, &site);
        let agent = Agent::new(ports, observer, config);
        let serving = pin!(serve(&agent, self.orders(signals)));
        let interval = site.interval;
        let obeying = api::obey(ordered, &consul, &presence.root);
        let telling = join3(alerts.run(), show_receivers(&alerts, &site), obeying);
        let beside = pin!(join3(telling, presence.keep(), vitals::watch_over(&site.board, interval)));
        match select(serving, beside).await {
            Either::Left(((), _)) => vitals::say_farewell(),
            Either::Right(((_, never, _), _)) => match never {},
        }
        join(alerts.say_farewell(), timeout(FAREWELL, presence.leave())).await.1.ok();
        info!("stopped");
        Ok(ExitCode::SUCCESS)
    }

    /// What the API answers from.
    fn site(&self, clock: &TokioClock, board: Board, orders: Orders) -> anyhow::Result<Site> {
        let interval = self.config.job_interval.max(self.config.cluster_interval);
        let site = Site::new(self.name.clone(), (clock.wall(), interval), board, &self.config.api, orders);
        site.context("cannot count what happens")
    }

    /// Opens the API. An agent that cannot do so scales all the same.
    fn presence<'a>(&self, consul: &'a ConsulClient, site: &Site) -> Presence<'a> {
        let ApiSettings { address, port, access } = &self.config.api;
        let scheme = if access.tls.is_some() { "https" } else { "http" };
        let opened = port.map(|port| api::serve(site.clone(), SocketAddr::new(*address, port), access));
        let address = match opened {
            None => None,
            Some(Ok(bound)) => {
                info!("HTTP API at {scheme}://{bound}");
                Some(format!("{scheme}://{}", reachable(bound)))
            }
            Some(Err(error)) => {
                let port = port.unwrap_or_default();
                warn!(
                    "no HTTP API at {address}:{port}: {error}; http_port names another port, 0 none. Scaling goes on"
                );
                None
            }
        };
        Presence {
            consul,
            root: self.config.root.clone(),
            agent: self.name.clone(),
            address,
            board: site.board.clone(),
            peers: site.peers.clone(),
        }
    }

    /// The log, and the recording where one is asked for.
    fn observer(&self) -> anyhow::Result<Recorder<LogObserver>> {
        let log = LogObserver::default();
        let Some(path) = &self.arguments.record else { return Ok(Recorder::off(log)) };
        let header = Header {
            format: recording::FORMAT,
            version: version::SHORT.to_owned(),
            revision: version::REVISION.to_owned(),
            agent: self.name.to_string(),
        };
        let recorder = Recorder::into_file(log, path, &header);
        recorder.with_context(|| format!("cannot record into {}: it must be a new file", path.display()))
    }

    /// What the process's signals order.
    fn orders(self, signals: Signals) -> impl Stream<Item = Order> {
        stream::unfold((self, signals), async |(mut daemon, mut signals)| {
            loop {
                match signals.next().await {
                    Signal::Hangup => {
                        if let Some(order) = daemon.reload() {
                            return Some((order, (daemon, signals)));
                        }
                    }
                    signal @ (Signal::Interrupt | Signal::Terminate | Signal::Quit) => {
                        info!("{signal}: stops");
                        return Some((Order::Stop, (daemon, signals)));
                    }
                }
            }
        })
    }

    /// Reads the configuration again (C7). One that makes no sense changes nothing.
    fn reload(&mut self) -> Option<Order> {
        match self.take_over() {
            Ok(()) => {
                info!("SIGHUP: configuration read again");
                introduce(&self.config);
                self.board.clear_resources();
                Some(Order::Reconfigure(Box::new(self.config.agent(&self.name, self.own_allocation.as_ref()))))
            }
            Err(error) => {
                error!("SIGHUP: the configuration stays as it was: {error:#}");
                None
            }
        }
    }

    fn take_over(&mut self) -> anyhow::Result<()> {
        let fresh = load(&self.arguments)?;
        // Both are tried before either is changed.
        NomadClient::new(fresh.nomad.clone())?;
        self.consul.reconnect(fresh.consul.clone())?;
        self.nomad.reconnect(fresh.nomad.clone())?;
        if let Err(error) = self.meter.reconfigure(fresh.statsd.as_deref()) {
            warn!("statsd_address: {error}; the old one stays");
        }
        self.alerts.reconfigure(&fresh.cluster_identifier, fresh.notify.clone());
        self.log.set_level(fresh.log_level);
        if fresh.root != self.config.root {
            warn!("consul_key_root changed to {}: that takes a restart; {} stays", fresh.root, self.config.root);
        }
        if fresh.api != self.config.api {
            warn!("bind_address or another setting of the HTTP API changed: that takes a restart");
        }
        if fresh.log_format != self.config.log_format {
            warn!("log_json changed: that takes a restart");
        }
        self.config = Config {
            root: self.config.root.clone(),
            log_format: self.config.log_format,
            api: self.config.api.clone(),
            ..fresh
        };
        Ok(())
    }
}

/// Counts, and sends by statsd where there is somebody to send to: not finding them keeps nobody from scaling.
fn meter(statsd: Option<&str>) -> io::Result<Meter> {
    Meter::new(statsd).or_else(|error| {
        warn!("nothing is sent by statsd: {}: {error}; SIGHUP tries again", statsd.unwrap_or_default());
        Meter::new(None)
    })
}

/// Lets the API see how those are doing whom alerts go to.
async fn show_receivers(alerts: &Alerts, site: &Site) -> std::convert::Infallible {
    loop {
        *site.receivers.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = alerts.standings();
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
}

/// How others reach an address: where it is all of this machine's, by the machine's name.
fn reachable(bound: SocketAddr) -> String {
    if bound.ip().is_unspecified() {
        format!("{}:{}", gethostname::gethostname().to_string_lossy(), bound.port())
    } else {
        bound.to_string()
    }
}

/// Says what the daemon works with, and what looks wrong about it.
fn introduce(config: &Config) {
    let namespace = config.nomad.namespace.as_deref().unwrap_or("default");
    let (consul, nomad) = (&config.consul.endpoint, &config.nomad.endpoint);
    info!(
        "Consul at {}, keys below {}; Nomad at {}, namespace {namespace}",
        consul.address, config.root, nomad.address
    );
    let every = |scaling: Switch, interval: std::time::Duration| match scaling {
        Switch::On => format!("every {} s", interval.as_secs()),
        Switch::Off => "never (disabled)".to_owned(),
    };
    let groups = every(config.job_scaling, config.job_interval);
    let pools = every(config.cluster_scaling, config.cluster_interval);
    info!("evaluates task groups {groups}, worker pools {pools}; at most {} operations at once", config.concurrency);
    for (name, endpoint) in [("Consul", consul), ("Nomad", nomad)] {
        warn_about(name, endpoint);
    }
    let receivers: Vec<&str> = config.notify.receivers.iter().map(Receiver::name).collect();
    if !receivers.is_empty() {
        info!("alerts go to {}", receivers.join(", "));
    }
    for unused in &config.unused {
        warn!("{} is set: {}", unused.key, unused.meaning);
    }
}

fn warn_about(name: &str, endpoint: &Endpoint) {
    if endpoint.address.is_encrypted() && endpoint.tls.verify == Verify::Skip {
        warn!(
            "{name}'s certificate is NOT verified: anybody in between can read the ACL token and answer in its place"
        );
    }
}
