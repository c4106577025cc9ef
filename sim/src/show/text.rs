//! The report for people.

use std::io::{self, Write};

use replicator::agent::Spoken;
use replicator::operation::Outcome as Ending;

use super::made::Made;
use super::paint::Paint;
use super::{LAST_LINES, ending, summary, tables};
use crate::judge::Outcome;
use crate::judge::record::Action;
use crate::scenario::Scenario;

/// How the report is written.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// In colours or not.
    pub paint: Paint,
    /// How wide the screen is, where that is known.
    pub width: Option<u16>,
    /// Whether every action is listed.
    pub actions: Listing,
}

/// How much is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// A summary.
    Summary,
    /// All of them.
    All,
}

/// Writes the report: scenario, seed and digest, measures, actions with their reasons, expectations.
///
/// # Errors
///
/// When it cannot be written.
pub fn write_text(out: &mut impl Write, scenario: &Scenario, outcome: &Outcome, style: Style) -> io::Result<()> {
    let (plan, paint) = (&scenario.plan, style.paint);
    writeln!(out, "{}", paint.bold(&plan.title))?;
    writeln!(out, "{}", Made(scenario))?;
    let (evaluations, calls) = (outcome.record.evaluations, outcome.calls);
    let length = Spoken(outcome.ended.into());
    writeln!(out, "digest {}  {length}, {evaluations} evaluations with {calls} calls\n", outcome.record.digest())?;
    summary::write(out, plan, outcome, paint)?;
    write_failsafe(out, outcome, paint)?;
    write_tables(out, scenario, outcome, style)?;
    write_actions(out, outcome, style)?;
    write_checks(out, scenario, outcome, paint)?;
    write_violation(out, scenario, outcome, paint)
}

fn write_tables(out: &mut impl Write, scenario: &Scenario, outcome: &Outcome, style: Style) -> io::Result<()> {
    let plan = &scenario.plan;
    writeln!(out, "\n{}", tables::pools(plan, &outcome.measures, style.width))?;
    if let Some(groups) = tables::groups(plan, &outcome.measures, style.width) {
        writeln!(out, "{groups}")?;
    }
    writeln!(out, "{}\n", tables::LEGEND)
}

/// Every action, or a word on how to see them.
fn write_actions(out: &mut impl Write, outcome: &Outcome, style: Style) -> io::Result<()> {
    let actions = &outcome.record.actions;
    match (style.actions, actions.len()) {
        (_, 0) => Ok(()),
        (Listing::Summary, count) => writeln!(out, "--actions lists all {count} actions, each with its reasons\n"),
        (Listing::All, count) => {
            writeln!(out, "{}", style.paint.bold(&format!("{count} actions")))?;
            actions.iter().try_for_each(|action| write_action(out, action, style.paint))?;
            writeln!(out)
        }
    }
}

/// Writes the report of a scenario that was served to others: measures, what they asked for, expectations. Nothing of it
/// is a matter of the simulator's own agents, so it has no digest and judges nobody.
///
/// # Errors
///
/// When it cannot be written.
pub fn write_served(out: &mut impl Write, scenario: &Scenario, outcome: &Outcome, style: Style) -> io::Result<()> {
    let (plan, paint) = (&scenario.plan, style.paint);
    writeln!(out, "{}", paint.bold(&plan.title))?;
    writeln!(out, "{}", Made(scenario))?;
    let (served, whole) = (Spoken(outcome.ended.into()), Spoken(plan.duration.into()));
    writeln!(out, "served for {served} of {whole}\n")?;
    write_tables(out, scenario, outcome, style)?;
    let orders = &outcome.record.actions;
    writeln!(out, "{}", paint.bold(&format!("{} changes asked for", orders.len())))?;
    for Action { at, resource, direction, from, to, why, .. } in orders {
        let why = if why.is_empty() { String::new() } else { format!(": {why}") };
        writeln!(out, "  {at}  {resource} {direction} {from} -> {to}{why}")?;
    }
    writeln!(out)?;
    write_failsafe(out, outcome, paint)?;
    write_checks(out, scenario, outcome, paint)
}

/// Writes the event log.
///
/// # Errors
///
/// When it cannot be written.
pub fn write_events(out: &mut impl Write, scenario: &Scenario, outcome: &Outcome) -> io::Result<()> {
    writeln!(out, "# {}", Made(scenario))?;
    outcome.record.lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}

fn write_action(out: &mut impl Write, action: &Action, paint: Paint) -> io::Result<()> {
    let Action { at, resource, direction, from, to, why, .. } = action;
    let end = match &action.ended {
        Some((_, Ending::Failed(_))) => paint.bad(&ending(action)),
        _ => ending(action),
    };
    writeln!(out, "  {at}  {resource} {direction} {from} -> {to}: {why}; {end}")
}

fn write_failsafe(out: &mut impl Write, outcome: &Outcome, paint: Paint) -> io::Result<()> {
    let record = &outcome.record;
    if record.failsafe.values().all(Vec::is_empty) {
        return Ok(());
    }
    writeln!(out, "{}", paint.bold(&format!("failsafe, {} alerts", record.alerts)))?;
    for (resource, stretches) in &record.failsafe {
        for stretch in stretches {
            writeln!(out, "  {}  {resource} until {}", paint.bad(&stretch.from.to_string()), stretch.to)?;
        }
    }
    for (at, words) in &record.alerted {
        writeln!(out, "  {at}  would be alerted: {words}")?;
    }
    writeln!(out)
}

fn write_checks(out: &mut impl Write, scenario: &Scenario, outcome: &Outcome, paint: Paint) -> io::Result<()> {
    let met = outcome.checks.iter().filter(|check| check.met && check.reached).count();
    if outcome.checks.is_empty() {
        return writeln!(out, "no expectations");
    }
    writeln!(out, "{}", paint.bold(&format!("{met} of {} expectations met", outcome.checks.len())))?;
    for check in &outcome.checks {
        let value = (check.measured * 100.0).round() / 100.0;
        match (check.reached, check.expectation.at) {
            (false, Some(_)) => writeln!(out, "  not reached  {}", check.expectation)?,
            (false, None) => writeln!(out, "  not reached  {}, is {value} so far", check.expectation)?,
            (true, _) if check.met => writeln!(out, "  {} {}, is {value}", paint.good("met   "), check.expectation)?,
            (true, _) => {
                let place = check.expectation.line.map(|line| format!("  ({}:{line})", scenario.path.display()));
                writeln!(
                    out,
                    "  {} {}, is {value}{}",
                    paint.bad("NOT MET"),
                    check.expectation,
                    place.unwrap_or_default()
                )?;
            }
        }
    }
    Ok(())
}

fn write_violation(out: &mut impl Write, scenario: &Scenario, outcome: &Outcome, paint: Paint) -> io::Result<()> {
    let Some((at, violation)) = &outcome.record.violation else { return Ok(()) };
    writeln!(out, "\n{} at {at}", paint.bad("INVARIANT BROKEN"))?;
    writeln!(out, "  {}: {}\n\nthe last events:", violation.invariant, violation.evidence)?;
    let lines = &outcome.record.lines;
    for line in &lines[lines.len().saturating_sub(LAST_LINES)..] {
        writeln!(out, "  {line}")?;
    }
    writeln!(out, "\nto see it again: replicator-sim {} --seed {}", scenario.path.display(), scenario.plan.seed)
}
