//! The report for people.

use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};
use replicator::operation::Outcome as Ending;

use self::Column::{One, Range, ToCapacity};
use super::LAST_LINES;
use super::ending;
use crate::judge::Outcome;
use crate::judge::measure::Measures;
use crate::judge::record::Action;
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
    write_failsafe(out, outcome, paint)?;
    write_checks(out, scenario, outcome, paint)?;
    write_violation(out, scenario, outcome, paint)
}

/// Writes the report of a scenario that was served to others: measures, what they asked for, expectations. Nothing of it
/// is a matter of the simulator's own agents, so it has no digest and judges nobody.
///
/// # Errors
///
/// When it cannot be written.
pub fn write_served(out: &mut impl Write, scenario: &Scenario, outcome: &Outcome, paint: Paint) -> io::Result<()> {
    let plan = &scenario.plan;
    writeln!(out, "{}", paint.bold(&plan.title))?;
    let path = scenario.path.display();
    writeln!(out, "scenario {path}  seed {}  served for {} of {}\n", plan.seed, outcome.ended, plan.duration)?;
    writeln!(out, "{}", pools(scenario, outcome))?;
    if plan.groups.iter().any(|group| group.policy.is_some()) {
        writeln!(out, "{}", groups(scenario, outcome))?;
    }
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
    if name == "cost" {
        format!("{value:.2}")
    } else if value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}

/// A column of a table of measures.
enum Column {
    /// One measure.
    One(&'static str, &'static str),
    /// From one measure to another.
    Range(&'static str, &'static str, &'static str),
    /// How long it took to have capacity.
    ToCapacity,
}

const ELASTICITY: [Column; 5] = [
    One("θU %", "under_accuracy"),
    One("θO %", "over_accuracy"),
    One("τU %", "under_time"),
    One("τO %", "over_time"),
    One("υ %", "instability"),
];
const OF_POOLS: [Column; 3] =
    [One("node hours", "node_hours"), One("cost", "cost"), Range("nodes", "ready_min", "ready_max")];
const OF_GROUPS: [Column; 3] = [
    One("unmet CPU %", "unmet_cpu_share"),
    One("unmet mem %", "unmet_memory_share"),
    Range("count", "count_min", "count_max"),
];
const OF_ACTIONS: [Column; 5] = [
    One("out", "actions_out"),
    One("in", "actions_in"),
    One("failed", "failed"),
    One("reversals", "reversals"),
    ToCapacity,
];

impl Column {
    fn header(&self) -> &'static str {
        match self {
            One(header, _) | Range(header, ..) => header,
            ToCapacity => "time to capacity",
        }
    }

    fn cell(&self, measures: &Measures, prefix: &str) -> String {
        match self {
            One(_, name) => shown(measures, prefix, name),
            Range(_, from, to) => format!("{}-{}", shown(measures, prefix, from), shown(measures, prefix, to)),
            ToCapacity => to_capacity(measures, prefix),
        }
    }
}

fn pools(scenario: &Scenario, outcome: &Outcome) -> String {
    let names = scenario.plan.pools.iter().map(|pool| pool.name.to_string());
    measures_table("pool", names, &OF_POOLS, &outcome.measures)
}

fn groups(scenario: &Scenario, outcome: &Outcome) -> String {
    let managed = scenario.plan.groups.iter().filter(|group| group.policy.is_some());
    measures_table("group", managed.map(|group| group.key.to_string()), &OF_GROUPS, &outcome.measures)
}

/// A row for each name, its measures in columns.
fn measures_table(
    kind: &'static str,
    names: impl Iterator<Item = String>,
    own: &[Column],
    measures: &Measures,
) -> String {
    let columns = || ELASTICITY.iter().chain(own).chain(&OF_ACTIONS);
    let mut rows = table(std::iter::once(kind).chain(columns().map(Column::header)).collect());
    for name in names {
        let prefix = format!("{kind}.{name}");
        let cells = columns().map(|column| column.cell(measures, &prefix));
        rows.add_row(std::iter::once(name).chain(cells).collect::<Vec<_>>());
    }
    align(&mut rows)
}

fn to_capacity(measures: &Measures, prefix: &str) -> String {
    let (mean, worst) = (shown(measures, prefix, "capacity_mean"), shown(measures, prefix, "capacity_worst"));
    if worst == "0" { "-".to_owned() } else { format!("{mean} s, worst {worst} s") }
}

fn write_actions(out: &mut impl Write, outcome: &Outcome, paint: Paint) -> io::Result<()> {
    let actions = &outcome.record.actions;
    let would = outcome.record.would_be;
    let dry = if would > 0 { format!(", and {would} that would have been taken if enabled") } else { String::new() };
    writeln!(out, "{}", paint.bold(&format!("{} actions{dry}", actions.len())))?;
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
    writeln!(out)
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
