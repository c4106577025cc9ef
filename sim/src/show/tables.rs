//! The measures of pools and groups as tables, no wider than a screen.

use std::time::Duration;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use replicator::agent::Spoken;

use self::Column::{Gap, One, Quantiles, Range};
use crate::judge::measure::Measures;
use crate::plan::Plan;

/// How wide a table may be where nothing is known of the screen.
const WIDTH: u16 = 110;

/// What the signs mean: said once, under the tables.
pub(super) const LEGEND: &str = "\
× oracle: node hours ÷ those of the fewest whole nodes. θU, θO: too little, too much of what the load needed, on
average; τU, τO: for how much of the time; υ: how much of the time supply and demand moved apart. used: what the
load took of what could carry it, at 50, 95 and 99 % of the time; > 90: the time above 90 %.";

/// A column of a table of measures.
enum Column {
    /// One measure.
    One(&'static str, &'static str),
    /// From one measure to another.
    Range(&'static str, &'static str, &'static str),
    /// How long there was too little, at worst.
    Gap,
    /// How full it was.
    Quantiles,
}

const FIT: [Column; 6] = [
    One("θU %", "under_accuracy"),
    One("θO %", "over_accuracy"),
    One("τU %", "under_time"),
    One("τO %", "over_time"),
    One("υ %", "instability"),
    Gap,
];
const OF_POOLS: [Column; 4] = [
    Range("nodes", "ready_min", "ready_max"),
    One("node hours", "node_hours"),
    One("× oracle", "cost_ratio"),
    One("cost", "cost"),
];
const OF_GROUPS: [Column; 5] = [
    Range("count", "count_min", "count_max"),
    One("unmet CPU %", "unmet_cpu_share"),
    One("mem %", "unmet_memory_share"),
    Quantiles,
    One("> 90", "busy_time"),
];

impl Column {
    fn header(&self) -> &'static str {
        match self {
            One(header, _) | Range(header, ..) => header,
            Gap => "worst gap",
            Quantiles => "used %",
        }
    }

    fn cell(&self, measures: &Measures, prefix: &str) -> String {
        let of = |name: &str| measures.get(&format!("{prefix}.{name}")).copied().unwrap_or(f64::NAN);
        match self {
            One(_, name) => shown(of(name), name),
            Range(_, from, to) => format!("{}-{}", shown(of(from), from), shown(of(to), to)),
            Gap if of("capacity_worst") > 0.0 => Spoken(Duration::from_secs_f64(of("capacity_worst"))).to_string(),
            Gap => "-".to_owned(),
            Quantiles => {
                let [p50, p95, p99] = ["p50", "p95", "p99"].map(|quantile| of(&format!("utilisation_{quantile}")));
                format!("{p50:.0}/{p95:.0}/{p99:.0}")
            }
        }
    }
}

/// A measure, rounded for reading.
fn shown(value: f64, name: &str) -> String {
    if ["cost", "cost_ratio"].contains(&name) {
        format!("{value:.2}")
    } else if value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}

pub(super) fn pools(plan: &Plan, measures: &Measures, width: Option<u16>) -> String {
    table("pool", plan.pools.iter().map(|pool| pool.name.to_string()), &OF_POOLS, measures, width)
}

/// The groups that are scaled; nothing where none is.
pub(super) fn groups(plan: &Plan, measures: &Measures, width: Option<u16>) -> Option<String> {
    let scaled = plan.groups.iter().filter(|group| group.policy.is_some());
    let names: Vec<String> = scaled.map(|group| group.key.to_string()).collect();
    (!names.is_empty()).then(|| table("group", names.into_iter(), &OF_GROUPS, measures, width))
}

/// A row for each name, its measures in columns.
fn table(
    kind: &'static str,
    names: impl Iterator<Item = String>,
    own: &[Column],
    measures: &Measures,
    width: Option<u16>,
) -> String {
    let columns = || own.iter().chain(&FIT);
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(width.unwrap_or(WIDTH));
    table.set_header(std::iter::once(kind).chain(columns().map(Column::header)).collect::<Vec<_>>());
    for name in names {
        let prefix = format!("{kind}.{name}");
        let cells = columns().map(|column| column.cell(measures, &prefix));
        table.add_row(std::iter::once(name).chain(cells).collect::<Vec<_>>());
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let lines: Vec<String> = table.to_string().lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n") + "\n"
}
