//! The series of a run as a table: one row a tick, one column a series.

use std::io::Write;

use super::made::Made;
use crate::judge::Outcome;
use crate::judge::measure::{group_values, pool_values};
use crate::plan::measures::series_names;
use crate::scenario::Scenario;

/// Writes the series as CSV. The first column is the time in seconds since the start of the run; `allowed` columns
/// are empty until the first decision about their pool.
///
/// # Errors
///
/// When it cannot be written.
pub fn write_csv(out: impl Write, scenario: &Scenario, outcome: &Outcome) -> Result<(), csv::Error> {
    let plan = &scenario.plan;
    let record = &outcome.record;
    let mut writer = csv::Writer::from_writer(out);
    let allowed = plan
        .pools
        .iter()
        .flat_map(|pool| ["allowed_cpu", "allowed_memory"].map(|series| format!("pool.{}.{series}", pool.name)));
    // What made it stands in the header, as a column without values: a comment would be no CSV.
    let made = std::iter::once(Made(scenario).to_string());
    writer.write_record(std::iter::once("seconds".to_owned()).chain(series_names(plan)).chain(allowed).chain(made))?;
    let ticks = record.pools.first().map_or(0, Vec::len);
    for tick in 0..ticks {
        let seconds = tick as f64 * plan.tick.as_secs_f64();
        let mut row = vec![seconds.to_string()];
        for samples in &record.pools {
            row.extend(pool_values(&samples[tick]).map(rounded));
        }
        for samples in &record.groups {
            row.extend(group_values(&samples[tick]).map(rounded));
        }
        for samples in &record.allowed {
            let allowed = samples[tick];
            row.push(allowed.map_or_else(String::new, |allowed| rounded(allowed.cpu)));
            row.push(allowed.map_or_else(String::new, |allowed| rounded(allowed.memory)));
        }
        row.push(String::new());
        writer.write_record(row)?;
    }
    writer.flush().map_err(csv::Error::from)
}

fn rounded(value: f64) -> String {
    ((value * 100.0).round() / 100.0).to_string()
}
