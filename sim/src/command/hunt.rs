//! The command `hunt`: made-up scenarios, many of them, and what was found.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::scenario::{Changes, Scenario, write};
use crate::search::hunt::{Finding, Found, Judged, Told, judge, make};
use crate::show::LAST_LINES;

use super::output::{open, warn};
use super::progress::Countdown;

/// Make up scenarios from seeds, run them, and report what must not happen
///
/// Each scenario draws its own few of all that there is: pools, jobs, loads, faults. Reported are panics, runs in which no
/// time passes, broken invariants, and what is not in order long after all faults are over. Exit code: 0 when nothing was
/// found, 1 when something was, 2 when the input cannot be used.
#[derive(Debug, clap::Args)]
pub(super) struct HuntArguments {
    /// Judge this scenario, show the end of its log where something is found, and make up none
    #[arg(conflicts_with_all = ["runs", "seed", "odd", "print"])]
    scenario: Option<PathBuf>,

    /// How many scenarios to make up
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    runs: u64,

    /// The seed of the first one; each next one has the next
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Tell agents other things than the truth now and then: zeros, absences, answers of before, twins, errors
    #[arg(long)]
    odd: bool,

    /// Run nothing, and print the scenario of the first seed
    #[arg(long)]
    print: bool,
}

/// Whether nothing was found.
pub(super) fn hunt(arguments: &HuntArguments) -> anyhow::Result<bool> {
    if let Some(path) = &arguments.scenario {
        return judge_file(path);
    }
    let told = if arguments.odd { Told::Oddities } else { Told::Truth };
    if arguments.print {
        let mut out = open(None)?;
        write!(out, "{}", write(&make(arguments.seed, told))?)?;
        out.flush()?;
        return Ok(true);
    }
    campaign(arguments, told)
}

fn judge_file(path: &Path) -> anyhow::Result<bool> {
    let scenario = Scenario::load(path, &Changes::default())?;
    warn(&scenario);
    let judged = judge(&scenario.plan);
    let mut out = open(None)?;
    match &judged {
        Judged::Found(Found { finding, log }) => {
            for line in &log[log.len().saturating_sub(LAST_LINES)..] {
                writeln!(out, "{line}")?;
            }
            writeln!(out, "{}: {finding}", path.display())?;
        }
        Judged::InOrder => writeln!(out, "{}: nothing found", path.display())?,
        Judged::NobodyLeft => {
            writeln!(out, "{}: nothing found; no agent was left that could have put things in order", path.display())?;
        }
    }
    out.flush()?;
    Ok(!matches!(judged, Judged::Found(_)))
}

fn campaign(arguments: &HuntArguments, told: Told) -> anyhow::Result<bool> {
    let mut bar = Countdown::begin(usize::try_from(arguments.runs).unwrap_or(usize::MAX), "scenarios run");
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    let mut nobody_left = 0;
    for seed in (arguments.seed..).take(usize::try_from(arguments.runs).unwrap_or(usize::MAX)) {
        match judge(&make(seed, told).plan()?) {
            Judged::InOrder => {}
            Judged::NobodyLeft => nobody_left += 1,
            Judged::Found(Found { finding, .. }) => {
                *kinds.entry(finding.kind().to_owned()).or_default() += 1;
                report(seed, told, &finding)?;
            }
        }
        bar.step();
    }
    drop(bar);
    summarize(arguments.runs, nobody_left, &kinds)?;
    Ok(kinds.is_empty())
}

/// Tells at once: a hunt is long, and may be stopped.
fn report(seed: u64, told: Told, finding: &Finding) -> anyhow::Result<()> {
    let odd = if told == Told::Oddities { " --odd" } else { "" };
    let mut out = open(None)?;
    writeln!(out, "seed {seed}: {finding}")?;
    writeln!(out, "  again: replicator-sim hunt --runs 1 --seed {seed}{odd}")?;
    writeln!(out, "  as a scenario: replicator-sim hunt --seed {seed}{odd} --print >seed-{seed}.toml")?;
    out.flush()?;
    Ok(())
}

fn summarize(runs: u64, nobody_left: u64, kinds: &BTreeMap<String, u64>) -> anyhow::Result<()> {
    let mut out = open(None)?;
    for (kind, count) in kinds {
        writeln!(out, "{count:>6}  {kind}")?;
    }
    if nobody_left > 0 {
        writeln!(out, "{nobody_left:>6}  ended without any agent, and were not judged by whether all heals")?;
    }
    writeln!(out, "hunted {runs} runs: {} violations", kinds.values().sum::<u64>())?;
    out.flush()?;
    Ok(())
}
