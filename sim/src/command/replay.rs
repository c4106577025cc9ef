//! The command `replay`.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;

use anyhow::Context;
use replicator::decide::Decision;
use replicator::recording::Header;

use super::output::open;
use crate::replay::{Difference, Differs, replay};

/// How many decisions that came out otherwise are shown.
const MOST_DIFFERENCES: usize = 10;

/// A decision, in words that tell it from another one; as data where only a number behind the words differs.
fn in_words(decision: &Decision, other: &Decision) -> String {
    if decision.to_string() != other.to_string() {
        return decision.to_string();
    }
    serde_json::to_string(decision).unwrap_or_else(|error| error.to_string())
}

/// Whether every decision came out as it was recorded.
pub(super) fn repeat(path: &Path) -> anyhow::Result<bool> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let replayed = replay(BufReader::new(file)).with_context(|| path.display().to_string())?;
    let Header { version, revision, agent, .. } = &replayed.header;
    let mut out = open(None)?;
    writeln!(out, "recorded by {agent}, Replicator {version} ({revision})")?;
    if replayed.cut_off {
        writeln!(out, "the last line is cut off, and left out")?;
    }
    for Difference { line, at, what } in replayed.differences.iter().take(MOST_DIFFERENCES) {
        let (subject, before, now) = match what {
            Differs::Decision { recorded, now } => (String::new(), in_words(recorded, now), in_words(now, recorded)),
            Differs::Move { subject, recorded, now } => (format!(", {subject}"), recorded.to_string(), now.to_string()),
        };
        writeln!(out, "line {line}, {at}{subject}:\n  recorded  {before}\n  now       {now}")?;
    }
    let (decisions, moves, others) = (replayed.decisions, replayed.moves, replayed.differences.len());
    if others > MOST_DIFFERENCES {
        writeln!(out, "… {} more", others - MOST_DIFFERENCES)?;
    }
    match others {
        0 => writeln!(out, "{decisions} decisions and {moves} moves repeated, all the same")?,
        _ => writeln!(out, "{decisions} decisions and {moves} moves repeated, {others} came out otherwise")?,
    }
    out.flush()?;
    Ok(others == 0)
}
