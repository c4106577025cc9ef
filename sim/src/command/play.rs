//! Running a scenario, and showing what came of it.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::arguments::{Destination, RunArguments};
use super::crash::crash;
use super::output::{check_writable, open, style, tell, warn};
use super::progress::Progress;
use crate::drive::run::run_watched;
use crate::judge::Outcome;
use crate::plan::{Plan, no_such};
use crate::scenario::{Changes, Scenario};
use crate::show::plot::{View, check_kind, plot, svg};
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
    let picture = arguments.plot.as_ref().and_then(|destination| match destination {
        Destination::Standard => None,
        Destination::Named => Some(PathBuf::from(format!("{}.png", scenario.name()))),
        Destination::File(path) => Some(path.clone()),
    });
    let view = view(arguments, &scenario.plan)?;
    let texts = [&arguments.json, &arguments.csv, &arguments.events].into_iter().flatten();
    for path in texts.filter_map(Destination::path).chain(picture.as_deref()) {
        check_writable(path)?;
    }
    warn(&scenario);
    if let Some(limit) = arguments.crash {
        return crash(&scenario, limit);
    }
    let mut progress = Progress::begin(&scenario);
    let outcome = run_watched(&scenario.plan, |now| progress.show(now));
    drop(progress);
    show(arguments, &scenario, &outcome)?;
    if let Some(path) = &picture {
        plot(&scenario, &outcome, &view, path).with_context(|| format!("cannot draw {}", path.display()))?;
        tell(format_args!("plot written to {}", path.display()));
    } else if arguments.plot.is_some() {
        let mut out = open(None)?;
        out.write_all(svg(&scenario, &outcome, &view).context("cannot draw")?.as_bytes())?;
        out.flush()?;
    }
    Ok(outcome.is_good())
}

/// What of the run is drawn: names that there are.
fn view(arguments: &RunArguments, plan: &Plan) -> anyhow::Result<View> {
    let pools = plan.pools.iter().map(|pool| pool.name.to_string());
    let known: Vec<String> = pools.chain(plan.groups.iter().map(|group| group.key.to_string())).collect();
    if let Some(unknown) = arguments.plot_only.iter().find(|name| !known.contains(name)) {
        bail!("--plot-only: {}", no_such(unknown, "pool or group", &known));
    }
    Ok(View { only: arguments.plot_only.clone(), width: arguments.plot_width, scale: arguments.plot_scale })
}

fn show(arguments: &RunArguments, scenario: &Scenario, outcome: &Outcome) -> anyhow::Result<()> {
    let mut text_wanted = !matches!(arguments.plot, Some(Destination::Standard));
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
    let plot = arguments.plot.iter().filter(|plot| !matches!(plot, Destination::Named));
    let mut taken: Vec<Option<&Path>> = plot.map(Destination::path).collect();
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
