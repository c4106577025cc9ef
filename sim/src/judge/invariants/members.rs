//! A scale-in ends no instance that its group still has as a member: the group would launch another for it.

use std::collections::BTreeSet;

use replicator::decide::Direction;

use super::{Act, Invariant, Termination};
use crate::kernel::keys::state_key;
use crate::kernel::time::Millis;
use replicator::domain::Resource;

#[derive(Default)]
pub(super) struct NoMemberEnded {
    /// The states whose operation takes a node out.
    scaling_in: BTreeSet<String>,
}

impl Invariant for NoMemberEnded {
    fn name(&self) -> &'static str {
        "no member is terminated by a scale-in"
    }

    fn check(&mut self, _: Millis, act: &Act<'_>) -> Result<(), String> {
        match act {
            Act::WriteState { after, .. } => {
                let goes_in = after.operation.as_ref().is_some_and(|it| it.work.direction() == Direction::In);
                if goes_in {
                    self.scaling_in.insert(after.state_path.clone());
                } else {
                    self.scaling_in.remove(&after.state_path);
                }
                Ok(())
            }
            Act::Terminate(Termination { pool, instance, again: false, member: true, .. })
                if self.scaling_in.contains(&state_key(&Resource::Pool((*pool).clone()))) =>
            {
                Err(format!("{instance} terminated, and pool {pool} still has it as a member"))
            }
            _ => Ok(()),
        }
    }
}
