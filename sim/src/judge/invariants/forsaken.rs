//! Every node that an agent drained has an operation that sees to it. One without would stay as it is, paid for and of no
//! use, for ever.

use std::collections::BTreeMap;

use replicator::domain::NodeId;

use super::{Act, Invariant, Sight};
use crate::kernel::time::Millis;

/// How long a node may be without one while somebody leads who could see to it.
const AT_MOST: Millis = Millis::secs(5 * 60);

#[derive(Default)]
pub(super) struct NoNodeForsaken {
    since: BTreeMap<NodeId, Millis>,
}

impl Invariant for NoNodeForsaken {
    fn name(&self) -> &'static str {
        "every drained node has an operation"
    }

    fn check(&mut self, _: Millis, _: &Act<'_>) -> Result<(), String> {
        Ok(())
    }

    fn watch(&mut self, now: Millis, sight: &Sight) -> Result<(), String> {
        self.since.retain(|node, _| sight.calm && sight.forsaken.contains(node));
        for node in sight.forsaken.iter().filter(|_| sight.calm) {
            let since = *self.since.entry(node.clone()).or_insert(now);
            if now - since >= AT_MOST {
                return Err(format!("{node} was drained, and no operation has been about it since {since}"));
            }
        }
        Ok(())
    }
}
