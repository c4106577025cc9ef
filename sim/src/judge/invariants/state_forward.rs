//! State never goes back: no write undoes what is newer, and only an operator lifts a failsafe.

use std::collections::BTreeMap;

use jiff::Timestamp;
use replicator::state::ResourceState;

use super::{Act, Invariant};
use crate::judge::record::Source;
use crate::kernel::time::Millis;

#[derive(Default)]
pub(super) struct StateForward {
    /// When the latest operation on each resource began.
    begun: BTreeMap<String, Timestamp>,
}

impl Invariant for StateForward {
    fn name(&self) -> &'static str {
        "state never goes back"
    }

    fn check(&mut self, _: Millis, act: &Act<'_>) -> Result<(), String> {
        let Act::WriteState { writer, before, after } = act else { return Ok(()) };
        let path = &after.state_path;
        if let Some(operation) = &after.operation {
            let latest = self.begun.entry(path.clone()).or_insert(operation.started);
            if operation.started < *latest {
                return Err(format!("{path}: an operation of {} came back", operation.started));
            }
            *latest = operation.started;
        }
        match (before, writer) {
            (Some(before), Source::Agent(_)) => compare(path, before, after),
            (None, _) | (_, Source::World) => Ok(()),
        }
    }
}

fn compare(path: &str, before: &ResourceState, after: &ResourceState) -> Result<(), String> {
    let checks = [
        (after.last_updated >= before.last_updated, "last_updated went back"),
        (after.last_scaling_event >= before.last_scaling_event, "last_scaling_event went back"),
        (after.last_notification_event >= before.last_notification_event, "last_notification_event went back"),
        (
            after.failure_count >= before.failure_count || after.failure_count == 0,
            "failures were forgotten without a success",
        ),
        (after.failsafe_mode || !before.failsafe_mode, "an agent lifted a failsafe"),
        (after.others == before.others, "fields of others were changed"),
    ];
    match checks.into_iter().find(|(holds, _)| !holds) {
        None => Ok(()),
        Some((_, problem)) => Err(format!("{path}: {problem}")),
    }
}
