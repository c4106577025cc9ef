//! No instance is terminated while work that can still be migrated runs on it, and none is terminated twice.

use std::collections::BTreeSet;

use replicator::domain::InstanceId;

use super::{Act, Invariant, Termination};
use crate::kernel::time::Millis;

#[derive(Default)]
pub(super) struct NoKill {
    terminated: BTreeSet<InstanceId>,
}

impl Invariant for NoKill {
    fn name(&self) -> &'static str {
        "no work is killed, and no instance terminated twice"
    }

    fn check(&mut self, _: Millis, act: &Act<'_>) -> Result<(), String> {
        let Act::Terminate(Termination { instance, again, migratable, .. }) = act else { return Ok(()) };
        if *migratable > 0 && !again {
            return Err(format!("{instance} terminated with {migratable} allocations of services on it"));
        }
        if !self.terminated.insert((*instance).clone()) && !again {
            return Err(format!("{instance} terminated twice"));
        }
        Ok(())
    }
}
