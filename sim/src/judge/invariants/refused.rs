//! Nothing is done on a state that is known to be old: after a write of it was refused because somebody else had written,
//! its agent acts on that resource only once it has read, or written, something newer (S3, S7).

use std::collections::BTreeSet;

use super::{Act, Invariant};
use crate::judge::record::Source;
use crate::kernel::keys::state_key;
use crate::kernel::time::Millis;

#[derive(Default)]
pub(super) struct NothingOnOldState {
    /// By agent and key, the refusals after which nothing newer was read or written.
    refused: BTreeSet<(usize, String)>,
}

impl Invariant for NothingOnOldState {
    fn name(&self) -> &'static str {
        "nothing is done on a state that is known to be old"
    }

    fn check(&mut self, _: Millis, act: &Act<'_>) -> Result<(), String> {
        match act {
            Act::WriteRefused { agent, key } => {
                self.refused.insert((*agent, (*key).to_owned()));
            }
            Act::ReadStates { agent } => self.refused.retain(|(refused, _)| refused != agent),
            Act::WriteState { writer: Source::Agent(agent), after, .. } => {
                self.refused.remove(&(*agent, after.state_path.clone()));
            }
            _ => {}
        }
        let (Some(resource), Some(agent)) = (act.acted_on(), act.agent()) else { return Ok(()) };
        if self.refused.contains(&(agent, state_key(&resource))) {
            return Err(format!("{act:?} after a write was refused, with nothing read since"));
        }
        Ok(())
    }
}
