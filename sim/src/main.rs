//! The command line of the simulator.

mod hunting;
mod progress;
mod serving;

use std::fs::File;
use std::io::{self, BufReader, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Parser;
use progress::{Countdown, Progress};
use replicator::decide::Decision;
use replicator::recording::Header;
use replicator_sim::crash::{Campaign, Ending};
use replicator_sim::plot::{check_kind, plot};
use replicator_sim::replay::{Difference, Differs, replay};
use replicator_sim::report::{Paint, to_json, write_crashes, write_csv, write_events, write_text};
use replicator_sim::run::{Outcome, run_watched};
use replicator_sim::scenario::{Changes, Scenario};
use replicator_sim::stage::Side;

/// Exit code when an expectation was not met or an invariant broke.
const NOT_GOOD: u8 = 1;
/// Exit code when the input cannot be used.
const BAD_INPUT: u8 = 2;

/// Runs Replicator's scaling core against a simulated Nomad cluster, Auto Scaling groups and Consul, replays a load
/// scenario on them, and shows what came of it. The same scenario and seed give the same run, to the last bit.
///
/// Exit code: 0 when all went as expected; 1 when an expectation of the scenario was not met or an invariant broke;
/// 2 when the input cannot be used.
#[derive(Debug, Parser)]
#[command(version, after_long_help = EXAMPLES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    run: Option<RunArguments>,
}

/// What else the simulator does.
#[derive(Debug, clap::Subcommand)]
enum Command {
    Serve(serving::ServeArguments),
    Demo(serving::DemoArguments),
    Replay(ReplayArguments),
    Hunt(hunting::HuntArguments),
}

/// Repeat what an agent recorded, decisions and the moves of operations, and tell where this version decides otherwise
///
/// A recording is made by `replicator agent -record=PATH`. Exit code: 0 when everything came out the same, 1 when something did
/// not, 2 when the recording cannot be used.
#[derive(Debug, clap::Args)]
struct ReplayArguments {
    /// The recording.
    recording: PathBuf,
}

/// Running a scenario.
#[derive(Debug, clap::Args)]
struct RunArguments {
    /// The scenario file.
    scenario: PathBuf,

    /// Draw the run: a PNG, or an SVG by its extension [default: NAME.png in the current directory]
    #[arg(long, value_name = "PATH", num_args = 0..=1, default_missing_value = "-")]
    plot: Option<Destination>,

    /// Write the report as JSON, to standard output instead of the text if no path is given
    #[arg(long, value_name = "PATH", num_args = 0..=1, default_missing_value = "-")]
    json: Option<Destination>,

    /// Write all series as CSV, one row a tick, to standard output instead of the text if no path is given
    #[arg(long, value_name = "PATH", num_args = 0..=1, default_missing_value = "-")]
    csv: Option<Destination>,

    /// Write the event log, to standard output instead of the text if no path is given
    #[arg(long, value_name = "PATH", num_args = 0..=1, default_missing_value = "-")]
    events: Option<Destination>,

    /// Kill the leader at the calls of its operations, right before and right after each, and show what each run ends in
    ///
    /// The scenario is run twice for each call that a leader makes while an operation is under way, or for at most COUNT of
    /// them: those that change something first, and of each kind spread evenly. Each run goes on without load until it is at rest, and must end in the same cluster as without
    /// the crash.
    #[arg(long, value_name = "COUNT", num_args = 0..=1, default_missing_value = "1000000000",
          conflicts_with_all = ["plot", "json", "csv", "events"])]
    crash: Option<usize>,

    /// Start randomness from another seed than the scenario's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Override one value of the scenario; may be given several times
    ///
    /// KEY is the way to the value: tables by name, entries of lists by number from 0.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// Where an output goes.
#[derive(Debug, Clone)]
enum Destination {
    /// Where it goes if nothing is said: standard output, or the picture's own name.
    Usual,
    /// Into this file.
    File(PathBuf),
}

impl From<String> for Destination {
    fn from(path: String) -> Self {
        if path == "-" { Self::Usual } else { Self::File(path.into()) }
    }
}

impl Destination {
    fn path(&self) -> Option<&Path> {
        match self {
            Self::Usual => None,
            Self::File(path) => Some(path),
        }
    }
}

const EXAMPLES: &str = "Examples:
  replicator-sim scenarios/spike.toml --plot
  replicator-sim scenarios/spike.toml --set pools.workers.meta.replicator_cooldown=300
  replicator-sim scenarios/spike.toml --seed 8 --events | less
  replicator-sim scenarios/spike.toml --crash 50
  replicator-sim hunt --runs 200 --odd
  replicator-sim demo
  replicator-sim serve scenarios/spike.toml --speed 60 --nomad-port 4646 --consul-port 8500 --aws-port 5000
  replicator-sim scenarios/spike.toml --csv spike.csv --json spike.json --plot spike.svg";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match (&arguments.command, &arguments.run) {
        (Some(Command::Serve(serve)), _) => serving::serve(serve),
        (Some(Command::Demo(demo)), _) => serving::demo(demo),
        (Some(Command::Replay(replay)), _) => repeat(&replay.recording),
        (Some(Command::Hunt(arguments)), _) => hunting::hunt(arguments),
        (None, Some(run)) => execute(run),
        (None, None) => unreachable!("clap asks for a scenario where there is no command"),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(NOT_GOOD),
        Err(error) => {
            // A reader that went away, as `head` does, is nobody's mistake.
            if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
                return ExitCode::SUCCESS;
            }
            tell(format_args!("error: {error:#}"));
            ExitCode::from(BAD_INPUT)
        }
    }
}

/// Says something beside the output, if anybody can hear it.
fn tell(words: std::fmt::Arguments<'_>) {
    writeln!(io::stderr(), "{words}").ok();
}

/// Whether all went as expected.
fn execute(arguments: &RunArguments) -> anyhow::Result<bool> {
    refuse_swallowed_scenario(arguments)?;
    refuse_shared_outputs(arguments)?;
    if let Some(path) = arguments.plot.as_ref().and_then(Destination::path) {
        check_kind(path).with_context(|| format!("cannot draw {}", path.display()))?;
    }
    let changes = Changes { seed: arguments.seed, set: arguments.set.clone() };
    let scenario = Scenario::load(&arguments.scenario, &changes)?;
    if let Some(limit) = arguments.crash {
        return crash(&scenario, limit);
    }
    let mut progress = Progress::begin(&scenario);
    let outcome = run_watched(&scenario, |now| progress.show(now));
    drop(progress);
    show(arguments, &scenario, &outcome)?;
    if let Some(destination) = &arguments.plot {
        let path = destination.path().map_or_else(|| format!("{}.png", scenario.name()).into(), Path::to_owned);
        plot(&scenario, &outcome, &path).with_context(|| format!("cannot draw {}", path.display()))?;
        tell(format_args!("plot written to {}", path.display()));
    }
    Ok(outcome.is_good())
}

/// How many decisions that came out otherwise are shown.
const MOST_DIFFERENCES: usize = 10;

/// A decision, in words that tell it from another one; as data where only a number behind the words differs.
fn in_words(decision: &Decision, other: &Decision) -> String {
    if decision.to_string() != other.to_string() {
        return decision.to_string();
    }
    serde_json::to_string(decision).unwrap_or_else(|error| error.to_string())
}

/// Whether every decision came out as it was recorded.
fn repeat(path: &Path) -> anyhow::Result<bool> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let replayed = replay(BufReader::new(file)).with_context(|| path.display().to_string())?;
    let Header { version, revision, agent, .. } = &replayed.header;
    let mut out = open(None)?;
    writeln!(out, "recorded by {agent}, Replicator {version} ({revision})")?;
    if replayed.cut_off {
        writeln!(out, "the last line is cut off, and left out")?;
    }
    for Difference { line, at, what } in replayed.differences.iter().take(MOST_DIFFERENCES) {
        let (subject, before, now) = match what {
            Differs::Decision { recorded, now } => (String::new(), in_words(recorded, now), in_words(now, recorded)),
            Differs::Move { subject, recorded, now } => (format!(", {subject}"), recorded.to_string(), now.to_string()),
        };
        writeln!(out, "line {line}, {at}{subject}:\n  recorded  {before}\n  now       {now}")?;
    }
    let (decisions, moves, others) = (replayed.decisions, replayed.moves, replayed.differences.len());
    if others > MOST_DIFFERENCES {
        writeln!(out, "… {} more", others - MOST_DIFFERENCES)?;
    }
    match others {
        0 => writeln!(out, "{decisions} decisions and {moves} moves repeated, all the same")?,
        _ => writeln!(out, "{decisions} decisions and {moves} moves repeated, {others} came out otherwise")?,
    }
    out.flush()?;
    Ok(others == 0)
}

/// Whether every crash left the cluster as it would have been.
fn crash(scenario: &Scenario, limit: usize) -> anyhow::Result<bool> {
    let campaign = match Campaign::prepare(scenario, limit) {
        Ok(campaign) => campaign,
        Err(violation) => {
            bail!("an invariant breaks without any crash: {}: {}", violation.invariant, violation.evidence)
        }
    };
    let mut bar = Countdown::begin(campaign.points.len(), "calls tried");
    let mut crashes = Vec::new();
    for call in &campaign.points {
        crashes.extend([Side::Before, Side::After].map(|side| campaign.crash(*call, side)));
        bar.step();
    }
    drop(bar);
    let mut out = open(None)?;
    write_crashes(&mut out, scenario, &crashes)?;
    out.flush()?;
    Ok(crashes.iter().all(|crash| crash.ending == Ending::Same))
}

fn show(arguments: &RunArguments, scenario: &Scenario, outcome: &Outcome) -> anyhow::Result<()> {
    let mut text_wanted = true;
    if let Some(path) = arguments.json.as_ref().map(Destination::path) {
        text_wanted &= path.is_some();
        let report = serde_json::to_string_pretty(&to_json(scenario, outcome))?;
        writeln!(open(path)?, "{report}")?;
    }
    if let Some(path) = arguments.csv.as_ref().map(Destination::path) {
        text_wanted &= path.is_some();
        write_csv(open(path)?, scenario, outcome).map_err(unwrap_io)?;
    }
    if let Some(path) = arguments.events.as_ref().map(Destination::path) {
        text_wanted &= path.is_some();
        let mut out = open(path)?;
        write_events(&mut out, outcome)?;
        out.flush()?;
    }
    if text_wanted {
        let mut out = open(None)?;
        write_text(&mut out, scenario, outcome, paint())?;
        out.flush()?;
    }
    Ok(())
}

/// A file, or standard output.
pub(crate) fn open(path: Option<&Path>) -> anyhow::Result<Box<dyn Write>> {
    Ok(match path {
        Some(path) => {
            let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            Box::new(BufWriter::new(file))
        }
        None => Box::new(BufWriter::new(io::stdout().lock())),
    })
}

fn paint() -> Paint {
    #[expect(clippy::disallowed_methods, reason = "this is the command line, where the environment is read")]
    let no_color = std::env::var("NO_COLOR").is_ok_and(|value| !value.is_empty());
    if io::stdout().is_terminal() && !no_color { Paint::Coloured } else { Paint::Plain }
}

/// An option that takes a path or none swallows the scenario when it stands right before it. That would overwrite
/// the scenario with a picture.
fn refuse_swallowed_scenario(arguments: &RunArguments) -> anyhow::Result<()> {
    let outputs = [&arguments.plot, &arguments.json, &arguments.csv, &arguments.events];
    for path in outputs.into_iter().flatten().filter_map(Destination::path) {
        if path.extension().is_some_and(|extension| extension == "toml") {
            bail!("refusing to write over {}; put the scenario first, options after it", path.display());
        }
    }
    Ok(())
}

/// Two outputs in one place would overwrite each other, or come out as neither.
fn refuse_shared_outputs(arguments: &RunArguments) -> anyhow::Result<()> {
    let texts = [&arguments.json, &arguments.csv, &arguments.events].into_iter().flatten();
    let mut taken: Vec<Option<&Path>> = arguments.plot.iter().filter_map(Destination::path).map(Some).collect();
    for path in texts.map(Destination::path) {
        if taken.contains(&path) {
            let place = path.map_or("standard output".to_owned(), |path| path.display().to_string());
            bail!("two outputs cannot both go to {place}; name a file for each");
        }
        taken.push(path);
    }
    Ok(())
}

fn unwrap_io(error: csv::Error) -> anyhow::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error.into(),
        other => anyhow::anyhow!("{other:?}"),
    }
}
