//! No count and no desired capacity moves without a recorded decision to move it.

use std::collections::BTreeMap;

use replicator::agent::Event;
use replicator::decide::{Direction, Step, Verdict};
use replicator::domain::Resource;

use super::{Act, Invariant};
use crate::kernel::time::Millis;

#[derive(Default)]
pub(super) struct NothingUndecided {
    /// The latest decision to act on each resource.
    decided: BTreeMap<Resource, Step>,
}

impl Invariant for NothingUndecided {
    fn name(&self) -> &'static str {
        "nothing moves without a recorded decision"
    }

    fn hear(&mut self, event: &Event) {
        if let Event::Decided(decision) = event
            && let Verdict::Act(step) = decision.verdict
        {
            self.decided.insert(decision.resource.clone(), step);
        }
    }

    fn check(&mut self, _: Millis, act: &Act<'_>) -> Result<(), String> {
        let (Act::Scale { .. } | Act::SetDesired { .. } | Act::Drain { .. } | Act::Detach { .. }) = act else {
            return Ok(());
        };
        let Some(resource) = act.acted_on() else { return Ok(()) };
        let Some(step) = self.decided.get(&resource) else {
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
