//! Running a scenario, and showing what came of it.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};

use super::arguments::{Destination, RunArguments};
use super::crash::crash;
use super::output::{open, style, tell};
use super::progress::Progress;
use crate::drive::run::run_watched;
use crate::judge::Outcome;
use crate::scenario::{Changes, Scenario};
use crate::show::plot::{check_kind, plot};
use crate::show::{Listing, to_json, write_csv, write_events, write_text};

/// Whether all went as expected.
pub(super) fn execute(arguments: &RunArguments) -> anyhow::Result<bool> {
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
    let outcome = run_watched(&scenario.plan, |now| progress.show(now));
    drop(progress);
    show(arguments, &scenario, &outcome)?;
    if let Some(destination) = &arguments.plot {
        let path = destination.path().map_or_else(|| format!("{}.png", scenario.name()).into(), Path::to_owned);
        plot(&scenario, &outcome, &path).with_context(|| format!("cannot draw {}", path.display()))?;
        tell(format_args!("plot written to {}", path.display()));
    }
    Ok(outcome.is_good())
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
        write_events(&mut out, scenario, outcome)?;
        out.flush()?;
    }
    if text_wanted {
        let mut out = open(None)?;
        let listing = if arguments.actions { Listing::All } else { Listing::Summary };
        write_text(&mut out, scenario, outcome, style(listing))?;
        out.flush()?;
    }
    Ok(())
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
