//! The report for people.

use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};
use replicator::operation::Outcome as Ending;

use super::ending;
use crate::measure::Measures;
use crate::record::Action;
use crate::run::{LAST_LINES, Outcome};
use crate::scenario::Scenario;

/// How many actions a report lists before it leaves some out.
const MOST_ACTIONS: usize = 60;

/// Whether to colour what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// Plain, as on a pipe.
    Plain,
    /// With ANSI colours.
    Coloured,
}

impl Paint {
    fn good(self, text: &str) -> String {
        self.paint(text, "32")
    }

    fn bad(self, text: &str) -> String {
        self.paint(text, "31;1")
    }

    fn bold(self, text: &str) -> String {
        self.paint(text, "1")
    }

    fn paint(self, text: &str, code: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Coloured => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}

/// Writes the report: scenario, seed and digest, measures, actions with their reasons, expectations.
///
/// # Errors
///
/// When it cannot be written.
pub fn write_text(out: &mut impl Write, scenario: &Scenario, outcome: &Outcome, paint: Paint) -> io::Result<()> {
    let plan = &scenario.plan;
    writeln!(out, "{}", paint.bold(&plan.title))?;
    writeln!(out, "scenario {}  seed {}  duration {}", scenario.path.display(), plan.seed, plan.duration)?;
    writeln!(out, "digest   {}", outcome.record.digest())?;
    let evaluations = outcome.record.evaluations;
    writeln!(out, "made     {evaluations} evaluations with {} calls\n", outcome.calls)?;
    writeln!(out, "{}", pools(scenario, outcome))?;
    if plan.groups.iter().any(|group| group.policy.is_some()) {
        writeln!(out, "{}", groups(scenario, outcome))?;
    }
    write_actions(out, outcome, paint)?;
    write_checks(out, scenario, outcome, paint)?;
    write_violation(out, scenario, outcome, paint)
}

/// Writes the event log.
///
/// # Errors
///
/// When it cannot be written.
pub fn write_events(out: &mut impl Write, outcome: &Outcome) -> io::Result<()> {
    outcome.record.lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}

fn table(header: Vec<&str>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}

fn align(table: &mut Table) -> String {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let lines: Vec<String> = table.to_string().lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n") + "\n"
}

/// A measure, rounded for reading.
fn shown(measures: &Measures, prefix: &str, name: &str) -> String {
    let value = measures.get(&format!("{prefix}.{name}")).copied().unwrap_or(f64::NAN);
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

fn pools(scenario: &Scenario, outcome: &Outcome) -> String {
    let mut rows = table(vec![
        "pool",
        "θU %",
        "θO %",
        "τU %",
        "τO %",
        "υ %",
        "node hours",
        "cost",
        "nodes",
        "out",
        "in",
        "failed",
        "reversals",
        "time to capacity",
    ]);
    for pool in &scenario.plan.pools {
        let prefix = format!("pool.{}", pool.name);
        let get = |name: &str| shown(&outcome.measures, &prefix, name);
        rows.add_row(vec![
            pool.name.to_string(),
            get("under_accuracy"),
            get("over_accuracy"),
            get("under_time"),
            get("over_time"),
            get("instability"),
            get("node_hours"),
            get("cost"),
            format!("{}-{}", get("ready_min"), get("ready_max")),
            get("actions_out"),
            get("actions_in"),
            get("failed"),
            get("reversals"),
            to_capacity(&outcome.measures, &prefix),
        ]);
    }
    align(&mut rows)
}

fn groups(scenario: &Scenario, outcome: &Outcome) -> String {
    let mut rows = table(vec![
        "group",
        "θU %",
        "θO %",
        "τU %",
        "τO %",
        "υ %",
        "unmet CPU %",
        "unmet mem %",
        "count",
        "out",
        "in",
        "failed",
        "reversals",
        "time to capacity",
    ]);
    for group in scenario.plan.groups.iter().filter(|group| group.policy.is_some()) {
        let prefix = format!("group.{}", group.key);
        let get = |name: &str| shown(&outcome.measures, &prefix, name);
        rows.add_row(vec![
            group.key.to_string(),
            get("under_accuracy"),
            get("over_accuracy"),
            get("under_time"),
            get("over_time"),
            get("instability"),
            get("unmet_cpu_share"),
            get("unmet_memory_share"),
            format!("{}-{}", get("count_min"), get("count_max")),
            get("actions_out"),
            get("actions_in"),
            get("failed"),
            get("reversals"),
            to_capacity(&outcome.measures, &prefix),
        ]);
    }
    align(&mut rows)
}

fn to_capacity(measures: &Measures, prefix: &str) -> String {
    let (mean, worst) = (shown(measures, prefix, "capacity_mean"), shown(measures, prefix, "capacity_worst"));
    if worst == "0" { "-".to_owned() } else { format!("{mean} s, worst {worst} s") }
}

fn write_actions(out: &mut impl Write, outcome: &Outcome, paint: Paint) -> io::Result<()> {
    let actions = &outcome.record.actions;
    writeln!(out, "{}", paint.bold(&format!("{} actions", actions.len())))?;
    let left_out = actions.len().saturating_sub(MOST_ACTIONS);
    for (number, action) in actions.iter().enumerate() {
        if left_out > 0 && number == MOST_ACTIONS / 2 {
            writeln!(out, "  … {left_out} more; --events shows all")?;
        }
        if left_out == 0 || number < MOST_ACTIONS / 2 || number >= MOST_ACTIONS / 2 + left_out {
            write_action(out, action, paint)?;
        }
    }
    writeln!(out)
}

fn write_action(out: &mut impl Write, action: &Action, paint: Paint) -> io::Result<()> {
    let Action { at, resource, direction, from, to, why, .. } = action;
    let end = match &action.ended {
        Some((_, Ending::Failed(_))) => paint.bad(&ending(action)),
        _ => ending(action),
    };
    writeln!(out, "  {at}  {resource} {direction} {from} -> {to}: {why}; {end}")
}

fn write_checks(out: &mut impl Write, scenario: &Scenario, outcome: &Outcome, paint: Paint) -> io::Result<()> {
    let met = outcome.checks.iter().filter(|check| check.met).count();
    if outcome.checks.is_empty() {
        return writeln!(out, "no expectations");
    }
    writeln!(out, "{}", paint.bold(&format!("{met} of {} expectations met", outcome.checks.len())))?;
    for check in &outcome.checks {
        let mark = if check.met { paint.good("met   ") } else { paint.bad("NOT MET") };
        let value = check.measured;
        write!(out, "  {mark} {}, is {}", check.expectation, (value * 100.0).round() / 100.0)?;
        if !check.met {
            write!(out, "  ({}:{})", scenario.path.display(), check.expectation.line)?;
        }
        writeln!(out)?;
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
