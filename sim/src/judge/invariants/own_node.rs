//! The leader never drains the node that it runs on itself (P21).

use super::{Act, Invariant};
use crate::kernel::time::Millis;

pub(super) struct OwnNodeStays;

impl Invariant for OwnNodeStays {
    fn name(&self) -> &'static str {
        "the leader's own node is never drained"
    }

    fn check(&mut self, _: Millis, act: &Act<'_>) -> Result<(), String> {
        match act {
            Act::Drain { pool, own: true, .. } => Err(format!("drained its own node, of pool {pool}")),
            _ => Ok(()),
        }
    }
}
