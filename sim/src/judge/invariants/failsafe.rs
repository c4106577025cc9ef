//! Nothing acts on a resource in failsafe.

use std::collections::BTreeMap;

use super::{Act, Invariant};
use crate::kernel::keys::state_key;
use crate::kernel::time::Millis;

#[derive(Default)]
pub(super) struct NothingInFailsafe {
    /// By the key of the state's resource.
    failsafe: BTreeMap<String, bool>,
}

impl Invariant for NothingInFailsafe {
    fn name(&self) -> &'static str {
        "nothing acts in failsafe"
    }

    fn check(&mut self, _: Millis, act: &Act<'_>) -> Result<(), String> {
        if let Act::WriteState { after, .. } = act {
            self.failsafe.insert(after.state_path.clone(), after.failsafe_mode);
        }
        let Some(resource) = act.acted_on() else { return Ok(()) };
        if self.failsafe.get(&state_key(&resource)) == Some(&true) {
            return Err(format!("{act:?} on {resource}, which is in failsafe"));
        }
        Ok(())
    }
}
