//! `replicator-sim serve` and `replicator-sim demo`.

use std::cell::Cell;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::judge::Outcome;
use crate::scenario::{Changes, Scenario};
use crate::serve::{Addresses, NomadVersion, Options, Server};
use crate::show::plot::{View, check_kind, plot};
use crate::show::{Listing, write_served};
use anyhow::{Context, bail};
use clap::Args;
use futures_util::future::select_all;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::signal::unix::{SignalKind, signal};

use super::output::{check_writable, style, tell, warn};
use super::progress::Progress;

/// The scenario of the demonstration.
const DEMO: &str = include_str!("../../../scenarios/demo.toml");

/// Serve a scenario's Nomad, Consul and AWS over HTTP on loopback, for any client that speaks their APIs
///
/// Ends with the scenario, or at Ctrl-C, with the report of the run. What is not modelled is answered with 501 and named
/// on standard error.
#[derive(Debug, Args)]
pub(super) struct ServeArguments {
    /// The scenario file.
    scenario: PathBuf,

    #[command(flatten)]
    common: Common,

    /// The port of Nomad's API; 0 for any that is free
    #[arg(long, value_name = "PORT", default_value_t = 4646)]
    nomad_port: u16,

    /// The port of Consul's API; 0 for any that is free
    #[arg(long, value_name = "PORT", default_value_t = 8500)]
    consul_port: u16,

    /// The port of AWS's API; 0 for any that is free
    #[arg(long, value_name = "PORT", default_value_t = 5000)]
    aws_port: u16,

    /// As which Nomad it presents itself: 1.1 or 2.0
    #[arg(long, value_name = "VERSION", default_value_t = NomadVersion::V1_1)]
    nomad_version: NomadVersion,

    /// Switch Nomad's ACLs on: only this token is taken
    #[arg(long, value_name = "TOKEN")]
    nomad_token: Option<String>,

    /// Switch Consul's ACLs on: only this token is taken
    #[arg(long, value_name = "TOKEN")]
    consul_token: Option<String>,

    /// Write what is asked and answered, and what happens in the world, into a new file, as JSON lines
    #[arg(long, value_name = "PATH")]
    record: Option<PathBuf>,
}

/// Try Replicator without a cluster: a served scenario, and the real agent scaling it
///
/// Starts `replicator agent` against a simulated Nomad, Consul and AWS, shows what the agent logs, and in the end the
/// report and the plot of the run.
#[derive(Debug, Args)]
pub(super) struct DemoArguments {
    /// The scenario file; a spike of load of three minutes if none is given
    scenario: Option<PathBuf>,

    #[command(flatten)]
    common: Common,

    /// Let the agent record its decisions into a new file, for `replicator-sim replay`
    #[arg(long, value_name = "PATH")]
    record: Option<PathBuf>,

    /// The agent's binary [default: `replicator` beside this one, or on the PATH]
    #[arg(long, value_name = "PATH")]
    replicator: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Common {
    /// How many seconds of the scenario pass in one of the clock
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=3600))]
    speed: u64,

    /// Start randomness from another seed than the scenario's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Override one value of the scenario; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,

    /// Draw the run in the end: a PNG, or an SVG by its extension
    #[arg(long, value_name = "PATH")]
    plot: Option<PathBuf>,
}

impl Common {
    fn check(&self) -> anyhow::Result<()> {
        let Some(path) = &self.plot else { return Ok(()) };
        check_kind(path).with_context(|| format!("cannot draw {}", path.display()))?;
        check_writable(path)
    }

    fn changes(&self) -> Changes {
        Changes { seed: self.seed, set: self.set.clone() }
    }
}

/// Serves a scenario. Always good: what is expected of the simulated agents is nothing to ask of others.
pub(super) fn serve(arguments: &ServeArguments) -> anyhow::Result<bool> {
    let common = &arguments.common;
    common.check()?;
    let scenario = Scenario::load(&arguments.scenario, &common.changes())?;
    warn(&scenario);
    let options = Options {
        speed: common.speed,
        nomad_port: arguments.nomad_port,
        consul_port: arguments.consul_port,
        aws_port: arguments.aws_port,
        nomad_version: arguments.nomad_version,
        nomad_token: arguments.nomad_token.clone(),
        consul_token: arguments.consul_token.clone(),
        record: arguments.record.clone(),
    };
    let outcome = runtime()?.block_on(async {
        let server = Server::bind(&scenario, options).await?;
        let mut out = std::io::stdout();
        writeln!(out, "{}", invitation(server.addresses()))?;
        out.flush()?;
        let mut progress = Progress::begin(&scenario);
        anyhow::Ok(server.serve(interrupted(), |now| progress.show(now)).await)
    })?;
    finish(&scenario, &outcome, common.plot.as_deref())
}

/// Serves a scenario to an agent of its own.
pub(super) fn demo(arguments: &DemoArguments) -> anyhow::Result<bool> {
    let common = &arguments.common;
    common.check()?;
    let scenario = match &arguments.scenario {
        Some(path) => Scenario::load(path, &common.changes())?,
        None => Scenario::parse(DEMO, Path::new("demo.toml"), &common.changes())?,
    };
    warn(&scenario);
    let picture = common.plot.clone().unwrap_or_else(|| PathBuf::from(format!("{}.png", scenario.name())));
    check_writable(&picture)?;
    let binary = agent_binary(arguments.replicator.as_deref())?;
    let lacks_provider = Cell::new(false);
    let outcome = runtime()?.block_on(async {
        let options = Options { speed: common.speed, ..Options::default() };
        let server = Server::bind(&scenario, options).await?;
        let addresses = server.addresses();
        let port = free_port()?;
        let api = format!("http://127.0.0.1:{port}");
        let looking_in = format!("{api}/ui in a browser, or {} status -api {api}", binary.display());
        writeln!(std::io::stdout(), "{}\n{}", scenario.plan.title, invitation(addresses))?;
        writeln!(std::io::stdout(), "while it runs: {looking_in}\n")?;
        let mut agent = start_agent(&binary, addresses, port, arguments.record.as_deref())?;
        let lines = agent.stderr.take().map(|stderr| BufReader::new(stderr).lines());
        let ended = async {
            tokio::select! {
                () = interrupted() => {}
                // What it said last is the reason why it ended.
                (status, ()) = async { tokio::join!(agent.wait(), show(lines, &lacks_provider)) } => {
                    let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                    writeln!(std::io::stdout(), "the agent ended: {status}").ok();
                }
            }
        };
        let outcome = server.serve(ended, |_| ()).await;
        agent.kill().await.ok();
        anyhow::Ok(outcome)
    })?;
    writeln!(std::io::stdout())?;
    let good = finish(&scenario, &outcome, Some(&picture))?;
    if lacks_provider.get() {
        tell(format_args!(
            "the agent {} was built without AWS, and left the pools alone; with it: cargo build --release",
            binary.display()
        ));
    }
    Ok(good)
}

/// In these words an agent tells that it was built without the provider of a pool.
const LACKS_PROVIDER: &str = "this build has no provider";

/// Shows what the agent says. When nobody reads it any more, it is read all the same, so that the agent goes on.
async fn show(lines: Option<Lines<BufReader<ChildStderr>>>, lacks_provider: &Cell<bool>) {
    let Some(mut lines) = lines else { return };
    while let Ok(Some(line)) = lines.next_line().await {
        lacks_provider.set(lacks_provider.get() || line.contains(LACKS_PROVIDER));
        writeln!(std::io::stdout(), "{line}").ok();
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// How to reach what is served.
fn invitation(addresses: Addresses) -> String {
    let Addresses { nomad, consul, aws } = addresses;
    format!("NOMAD_ADDR=http://{nomad}\nCONSUL_HTTP_ADDR=http://{consul}\nAWS_ENDPOINT_URL=http://{aws}")
}

/// Completes at Ctrl-C, or when somebody ends us otherwise: by closing the terminal, too.
async fn interrupted() {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()];
    let signals = kinds.map(|kind| async move {
        match signal(kind) {
            Ok(mut signal) => signal.recv().await,
            // Without it there is still the scenario's end.
            Err(_) => std::future::pending().await,
        };
    });
    select_all(signals.map(Box::pin)).await;
}

/// The agent's binary: the one named, the one beside us, or the one on the `PATH`.
fn agent_binary(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(named) = named {
        if !named.is_file() {
            bail!("there is no {}", named.display());
        }
        return Ok(named.to_owned());
    }
    let beside = std::env::current_exe()?.with_file_name("replicator");
    if beside.is_file() {
        return Ok(beside);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("replicator")).find(|path| path.is_file());
    found.with_context(|| {
        format!("there is no {}, and no replicator on the PATH; build it: cargo build --release", beside.display())
    })
}

/// A port for the agent's API. Should somebody take it first, the agent says so and goes on without.
fn free_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn start_agent(binary: &Path, addresses: Addresses, port: u16, record: Option<&Path>) -> anyhow::Result<Child> {
    let Addresses { nomad, consul, aws } = addresses;
    Command::new(binary)
        .args(["agent", "-job-scaling-interval=1", "-cluster-scaling-interval=1", &format!("-http-port={port}")])
        .args(record.iter().flat_map(|path| [OsStr::new("-record"), path.as_os_str()]))
        // Whatever else is set here is meant for other servers.
        .env_clear()
        .env("NOMAD_ADDR", format!("http://{nomad}"))
        .env("CONSUL_HTTP_ADDR", format!("http://{consul}"))
        .env("AWS_ENDPOINT_URL", format!("http://{aws}"))
        .env("AWS_ACCESS_KEY_ID", "demo")
        .env("AWS_SECRET_ACCESS_KEY", "demo")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start {}", binary.display()))
}

fn finish(scenario: &Scenario, outcome: &Outcome, picture: Option<&Path>) -> anyhow::Result<bool> {
    let mut out = std::io::stdout().lock();
    // The picture is drawn though nobody can read the report any more.
    let told = write_served(&mut out, scenario, outcome, style(Listing::Summary)).and_then(|()| out.flush());
    if let Some(path) = picture {
        plot(scenario, outcome, &View::default(), path).with_context(|| format!("cannot draw {}", path.display()))?;
        tell(format_args!("plot written to {}", path.display()));
    }
    told?;
    Ok(true)
}
