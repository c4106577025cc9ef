//! No count and no desired capacity moves without a recorded decision to move it.

use std::collections::BTreeMap;

use replicator::agent::Event;
use replicator::decide::{Direction, Step, Verdict};
use replicator::domain::Resource;

use super::{Act, Invariant};
use crate::kernel::keys::state_key;
use crate::kernel::time::Millis;

#[derive(Default)]
pub(super) struct NothingUndecided {
    decided: BTreeMap<Resource, Decided>,
}

/// Decisions to act on a resource.
#[derive(Default)]
struct Decided {
    /// By which an operation began.
    in_force: Option<Step>,
    /// By which one is to begin. It falls through where its first write is refused, since another is under way.
    begins: Option<Step>,
}

impl Invariant for NothingUndecided {
    fn name(&self) -> &'static str {
        "nothing moves without a recorded decision"
    }

    fn hear(&mut self, event: &Event) {
        if let Event::Decided(decision) = event
            && let Verdict::Act(step) = decision.verdict
        {
            self.decided.entry(decision.resource.clone()).or_default().begins = Some(step);
        }
    }

    fn check(&mut self, _: Millis, act: &Act<'_>) -> Result<(), String> {
        match act {
            Act::WriteState { after, .. } => {
                let operation = after.operation.as_ref();
                let decided = operation.and_then(|operation| self.decided.get_mut(&operation.resource));
                if let Some(decided) = decided {
                    decided.in_force = decided.begins.take().or(decided.in_force);
                }
            }
            Act::WriteRefused { key, .. } => {
                let refused = self.decided.iter_mut().filter(|(resource, _)| state_key(resource) == *key);
                refused.for_each(|(_, decided)| decided.begins = None);
            }
            _ => {}
        }
        let (Act::Scale { .. } | Act::SetDesired { .. } | Act::Drain { .. } | Act::Detach { .. }) = act else {
            return Ok(());
        };
        let Some(resource) = act.acted_on() else { return Ok(()) };
        let decided = self.decided.get(&resource).and_then(|decided| decided.begins.or(decided.in_force));
        let Some(step) = decided else {
            return Err(format!("{act:?} without any decision"));
        };
        let agrees = match act {
            Act::Scale { to, .. } => step.to == *to,
            // A scale-out that cannot launch is put back to where it came from (P20).
            Act::SetDesired { to, .. } => step.to == *to || step.from == *to,
            Act::Drain { .. } => step.direction() == Direction::In,
            _ => true,
        };
        if agrees { Ok(()) } else { Err(format!("{act:?}, but the decision was {step:?}")) }
    }
}
