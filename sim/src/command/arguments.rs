//! What can be typed, and the help.

use std::path::{Path, PathBuf};

use clap::Parser;

use super::{hunt, serve};
use crate::show::plot::WIDTH;

/// Runs Replicator's scaling core against a simulated Nomad cluster, Auto Scaling groups and Consul, replays a load
/// scenario on them, and shows what came of it. The same scenario and seed give the same run, to the last bit.
///
/// Exit code: 0 when all went as expected; 1 when an expectation of the scenario was not met or an invariant broke;
/// 2 when the input cannot be used.
#[derive(Debug, Parser)]
#[command(version, after_long_help = EXAMPLES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Option<Command>,

    #[command(flatten)]
    pub(super) run: Option<RunArguments>,
}

/// What else the simulator does.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    Serve(serve::ServeArguments),
    Demo(serve::DemoArguments),
    Replay(ReplayArguments),
    Validate(ValidateArguments),
    Explain(ExplainArguments),
    Completions(CompletionsArguments),
    Man(ManArguments),
    Hunt(hunt::HuntArguments),
}

/// Repeat what an agent recorded, decisions and the moves of operations, and tell where this version decides otherwise
///
/// A recording is made by `replicator agent -record=PATH`. Exit code: 0 when everything came out the same, 1 when something did
/// not, 2 when the recording cannot be used.
#[derive(Debug, clap::Args)]
pub(super) struct ReplayArguments {
    /// The recording.
    pub(super) recording: PathBuf,
}

/// Read scenarios without running them, and say what is in them or what is wrong
///
/// Exit code: 0 when all are in order, 2 when one cannot be used.
#[derive(Debug, clap::Args)]
pub(super) struct ValidateArguments {
    /// The scenario files; - is standard input.
    #[arg(required = true)]
    pub(super) scenarios: Vec<PathBuf>,

    /// Override one value of each; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) set: Vec<String>,
}

/// Print a rule of the book, such as P12, or a line of each
#[derive(Debug, clap::Args)]
pub(super) struct ExplainArguments {
    /// The rule, as reports and logs name it.
    pub(super) rule: Option<String>,
}

/// Write a shell's completions to standard output
#[derive(Debug, clap::Args)]
pub(super) struct CompletionsArguments {
    /// The shell.
    pub(super) shell: clap_complete::Shell,
}

/// Write the manual pages into a folder
#[derive(Debug, clap::Args)]
pub(super) struct ManArguments {
    /// The folder.
    pub(super) folder: PathBuf,
}

/// Running a scenario.
#[derive(Debug, clap::Args)]
pub(super) struct RunArguments {
    /// The scenario file; - is standard input, and traces are then looked for in the current directory.
    pub(super) scenario: PathBuf,

    /// Draw the run: a PNG, or an SVG by its extension; - is an SVG on standard output [default: NAME.png in the current
    /// directory]
    #[arg(long, value_name = "PATH", num_args = 0..=1, default_missing_value = "")]
    pub(super) plot: Option<Destination>,

    /// Draw these pools and groups alone, by name
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub(super) plot_only: Vec<String>,

    /// How wide the picture is, in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = WIDTH, value_parser = clap::value_parser!(u32).range(480..=8000))]
    pub(super) plot_width: u32,

    /// By how much the panels are higher than usual, from 0.5 to 4
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = scale)]
    pub(super) plot_scale: f64,

    /// Write the report as JSON, to standard output instead of the text if no path is given
    #[arg(long, value_name = "PATH", num_args = 0..=1, default_missing_value = "-")]
    pub(super) json: Option<Destination>,

    /// Write all series as CSV, one row a tick, to standard output instead of the text if no path is given
    #[arg(long, value_name = "PATH", num_args = 0..=1, default_missing_value = "-")]
    pub(super) csv: Option<Destination>,

    /// Write the event log, to standard output instead of the text if no path is given
    #[arg(long, value_name = "PATH", num_args = 0..=1, default_missing_value = "-")]
    pub(super) events: Option<Destination>,

    /// List every action with its reasons, in place of a word about them
    #[arg(long)]
    pub(super) actions: bool,

    /// Kill the leader at the calls of its operations, right before and right after each, and show what each run ends in
    ///
    /// The scenario is run twice for each call that a leader makes while an operation is under way, or for at most COUNT of
    /// them: those that change something first, and of each kind spread evenly. Each run goes on without load until it is at rest, and must end in the same cluster as without
    /// the crash.
    #[arg(long, value_name = "COUNT", num_args = 0..=1, default_missing_value = "1000000000",
          conflicts_with_all = ["plot", "json", "csv", "events"])]
    pub(super) crash: Option<usize>,

    /// Start randomness from another seed than the scenario's
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,

    /// Override one value of the scenario; may be given several times
    ///
    /// KEY is the way to the value: tables by name, entries of lists by number from 0.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) set: Vec<String>,
}

fn scale(text: &str) -> Result<f64, String> {
    let scale = text.parse::<f64>().ok().filter(|scale| (0.5..=4.0).contains(scale));
    scale.ok_or_else(|| format!("{text:?} is no number from 0.5 to 4"))
}

/// Where an output goes.
#[derive(Debug, Clone)]
pub(super) enum Destination {
    /// Standard output.
    Standard,
    /// A file that has its name from the scenario.
    Named,
    /// Into this file.
    File(PathBuf),
}

impl From<String> for Destination {
    fn from(path: String) -> Self {
        match path.as_str() {
            "-" => Self::Standard,
            "" => Self::Named,
            _ => Self::File(path.into()),
        }
    }
}

impl Destination {
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::Standard | Self::Named => None,
            Self::File(path) => Some(path),
        }
    }
}

pub(super) const EXAMPLES: &str = "Examples:
  replicator-sim scenarios/spike.toml --plot
  replicator-sim scenarios/spike.toml --set pools.workers.meta.replicator_cooldown=300
  replicator-sim scenarios/spike.toml --seed 8 --events | less
  replicator-sim scenarios/spike.toml --crash 50
  replicator-sim hunt --runs 200 --odd
  replicator-sim validate scenarios/*.toml
  replicator-sim explain P12
  replicator-sim demo
  replicator-sim serve scenarios/spike.toml --speed 60 --nomad-port 4646 --consul-port 8500 --aws-port 5000
  replicator-sim scenarios/spike.toml --csv spike.csv --json spike.json --plot spike.svg";
