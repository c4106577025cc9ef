//! At most one agent acts: never one while the lock is another's.

use super::{Act, Invariant};
use crate::kernel::time::Millis;

pub(super) struct OneActor;

impl Invariant for OneActor {
    fn name(&self) -> &'static str {
        "at most one agent acts"
    }

    fn check(&mut self, _: Millis, act: &Act<'_>) -> Result<(), String> {
        match act {
            Act::WhileAnotherLeads { leader: Some(leader), .. } => Err(format!("acted while agent-{leader} led")),
            Act::WhileAnotherLeads { leader: None, .. } => Err("acted while another led".to_owned()),
            _ => Ok(()),
        }
    }
}
