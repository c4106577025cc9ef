//! Counts and pools stay within their bounds: the policy's and, for pools, the group's own.

use std::collections::BTreeMap;

use replicator::domain::Resource;

use super::{Act, Invariant};
use crate::scenario::Plan;
use crate::time::Millis;

pub(super) struct WithinBounds {
    bounds: BTreeMap<Resource, (u32, u32)>,
}

impl WithinBounds {
    pub(super) fn new(plan: &Plan) -> Self {
        let groups = plan.groups.iter().filter_map(|group| {
            let policy = group.policy.as_ref()?;
            Some((Resource::Group(group.key.clone()), (policy.min, policy.max)))
        });
        let pools = plan.pools.iter().map(|pool| {
            let min = pool.min.max(pool.policy.min.unwrap_or(0));
            let max = pool.max.min(pool.policy.max.unwrap_or(u32::MAX));
            (Resource::Pool(pool.name.clone()), (min, max))
        });
        Self { bounds: groups.chain(pools).collect() }
    }
}

impl Invariant for WithinBounds {
    fn name(&self) -> &'static str {
        "counts and pools stay within their bounds"
    }

    fn check(&mut self, _: Millis, act: &Act<'_>) -> Result<(), String> {
        let to = match act {
            Act::Scale { to, .. } | Act::SetDesired { to, .. } => *to,
            Act::Detach { from, .. } => from.saturating_sub(1),
            _ => return Ok(()),
        };
        let Some(resource) = act.acted_on() else { return Ok(()) };
        match self.bounds.get(&resource) {
            Some((min, max)) if (*min..=*max).contains(&to) => Ok(()),
            Some((min, max)) => Err(format!("{resource} set to {to}, outside {min} to {max}")),
            None => Err(format!("{resource} set to {to} without a policy")),
        }
    }
}
