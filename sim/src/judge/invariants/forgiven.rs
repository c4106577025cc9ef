//! An operation that succeeded leaves a failure count of 0 (J18, P20).

use std::collections::{BTreeMap, BTreeSet};

use replicator::agent::Event;
use replicator::operation::Outcome;

use super::{Act, Invariant};
use crate::kernel::keys::state_key;
use crate::kernel::time::Millis;

#[derive(Default)]
pub(super) struct SuccessForgives {
    /// The failure counts of states without an operation.
    at_rest: BTreeMap<String, u32>,
    /// The states of which an operation was told to have succeeded.
    succeeded: BTreeSet<String>,
}

impl Invariant for SuccessForgives {
    fn name(&self) -> &'static str {
        "success leaves no failures counted"
    }

    fn hear(&mut self, event: &Event) {
        if let Event::Finished { resource, outcome: Outcome::Succeeded, .. } = event {
            self.succeeded.insert(state_key(resource));
        }
    }

    fn check(&mut self, _: Millis, act: &Act<'_>) -> Result<(), String> {
        // Whether the word or the write comes first is the core's own affair: the state tells once it has no operation.
        let told: Vec<String> =
            self.succeeded.iter().filter(|path| self.at_rest.contains_key(*path)).cloned().collect();
        for path in told {
            self.succeeded.remove(&path);
            let failures = self.at_rest.get(&path).copied().unwrap_or_default();
            if failures > 0 {
                return Err(format!("{path}: an operation succeeded, and {failures} failures are still counted"));
            }
        }
        if let Act::WriteState { after, .. } = act {
            let path = after.state_path.clone();
            if after.operation.is_some() {
                self.at_rest.remove(&path);
            } else {
                self.at_rest.insert(path, after.failure_count);
            }
        }
        Ok(())
    }
}
