//! The command `validate`.

use std::io::Write;

use replicator::agent::Spoken;

use super::arguments::ValidateArguments;
use super::output::{open, tell};
use crate::plan::Plan;
use crate::scenario::{Changes, Scenario};

/// Whether all could be read. What is wrong with one is said, and the others are read all the same.
pub(super) fn validate(arguments: &ValidateArguments) -> anyhow::Result<bool> {
    let changes = Changes { seed: None, set: arguments.set.clone() };
    let mut out = open(None)?;
    let mut wrong = 0;
    for path in &arguments.scenarios {
        match Scenario::load(path, &changes) {
            Ok(scenario) => {
                writeln!(out, "ok: {}: {}", path.display(), contents(&scenario.plan))?;
                for warning in scenario.warnings() {
                    writeln!(out, "    {warning}")?;
                }
            }
            Err(error) => {
                out.flush()?;
                // With what is behind it: that a file is not there, say.
                tell(format_args!("error: {:#}", anyhow::Error::from(error)));
                wrong += 1;
            }
        }
    }
    out.flush()?;
    if wrong > 0 {
        anyhow::bail!("{wrong} of {} scenarios cannot be used", arguments.scenarios.len());
    }
    Ok(true)
}

fn contents(plan: &Plan) -> String {
    let some = |count: usize, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    [
        Spoken(plan.duration.into()).to_string(),
        some(plan.pools.len(), "pool", "pools"),
        some(plan.groups.len(), "group", "groups"),
        some(plan.events.len(), "event", "events"),
        some(plan.expectations.len(), "expectation", "expectations"),
    ]
    .join(", ")
}
