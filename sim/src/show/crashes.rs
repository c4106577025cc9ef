//! What came of killing the leader at its calls.

use std::collections::BTreeMap;
use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};

use crate::drive::crash::{Crash, Ending};
use crate::scenario::Scenario;

/// How many crashes that went wrong are told in full.
const TOLD: usize = 5;

/// Writes a table of the calls at which the leader was killed, and how the runs ended.
///
/// # Errors
///
/// When it cannot be written.
pub fn write_crashes(out: &mut dyn Write, scenario: &Scenario, crashes: &[Crash]) -> io::Result<()> {
    let mut rows: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    for crash in crashes {
        let row = rows.entry(crash.call.what).or_default();
        row[0] += 1;
        row[1] += usize::from(crash.ending == Ending::Same);
        row[2] += usize::from(crash.ending != Ending::Same);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["killed at", "runs", "ended the same", "ended otherwise"]);
    let mut total = [0; 3];
    for (what, row) in &rows {
        table.add_row([(*what).to_owned(), row[0].to_string(), row[1].to_string(), row[2].to_string()]);
        total = [total[0] + row[0], total[1] + row[1], total[2] + row[2]];
    }
    table.add_row(["all".to_owned(), total[0].to_string(), total[1].to_string(), total[2].to_string()]);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    writeln!(out, "scenario {}: the leader killed right before and right after a call", scenario.path.display())?;
    writeln!(out, "{}", table.trim_fmt())?;
    for crash in crashes.iter().filter(|crash| crash.ending != Ending::Same).take(TOLD) {
        let (call, side) = (crash.call, crash.side);
        writeln!(out, "call {} ({}), {side:?}: {:?}", call.number, call.what, crash.ending)?;
    }
    Ok(())
}
