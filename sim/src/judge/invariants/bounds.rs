//! Counts and pools stay within their bounds: the policy's, for groups those of the `scaling` block too, for pools the
//! Auto Scaling group's. What somebody else left outside of them may be taken back towards them, and no step leads
//! further out.

use std::collections::BTreeMap;

use replicator::domain::Resource;

use super::{Act, Invariant};
use crate::kernel::time::Millis;
use crate::plan::{Fault, GroupPlan, Plan, PoolPlan};

/// The keys of a pool's bounds in its nodes' meta.
const BOUNDS_KEYS: (&str, &str) = ("replicator_min", "replicator_max");

pub(super) struct WithinBounds {
    bounds: BTreeMap<Resource, Bounds>,
}

#[derive(Debug, Clone, Copy)]
struct Bounds {
    min: u32,
    max: u32,
}

impl WithinBounds {
    pub(super) fn new(plan: &Plan) -> Self {
        let groups =
            plan.groups.iter().filter_map(|group| Some((Resource::Group(group.key.clone()), of_group(group)?)));
        let pools = plan.pools.iter().enumerate();
        let pools = pools.map(|(number, pool)| (Resource::Pool(pool.name.clone()), of_pool(plan, number, pool)));
        Self { bounds: groups.chain(pools).collect() }
    }
}

fn of_group(group: &GroupPlan) -> Option<Bounds> {
    let policy = group.policy.as_ref()?;
    let (low, high) = group.scaling.as_ref().map_or((0, u32::MAX), |block| (block.min, block.max));
    Some(Bounds { min: policy.min.max(low), max: policy.max.min(high) })
}

/// A pool's bounds; as wide as the policy may become where the scenario changes nodes' meta.
fn of_pool(plan: &Plan, number: usize, pool: &PoolPlan) -> Bounds {
    let (mut min, mut max) = (pool.policy.min.unwrap_or(0), pool.policy.max.unwrap_or(u32::MAX));
    for (_, _, fault) in &plan.events {
        let Fault::SetMeta { pool: of, key, value, .. } = fault else { continue };
        let Some(bound) = value.parse::<u32>().ok().filter(|_| *of == number) else { continue };
        if key == BOUNDS_KEYS.0 {
            min = min.min(bound);
        } else if key == BOUNDS_KEYS.1 {
            max = max.max(bound);
        }
    }
    Bounds { min: pool.min.max(min), max: pool.max.min(max) }
}

impl Bounds {
    /// Whether a step may be made: it ends within the bounds, or comes nearer to them without passing them.
    fn allow(self, from: u32, to: u32) -> bool {
        let comes_down = from > self.max && to < from && to >= self.min;
        let comes_up = from < self.min && to > from && to <= self.max;
        (self.min..=self.max).contains(&to) || comes_down || comes_up
    }
}

impl Invariant for WithinBounds {
    fn name(&self) -> &'static str {
        "counts and pools stay within their bounds"
    }

    fn check(&mut self, _: Millis, act: &Act<'_>) -> Result<(), String> {
        let (from, to) = match act {
            // What is taken back may have come from outside the bounds (P20).
            Act::SetDesired { undoes: true, .. } | Act::Detach { undoes: true, .. } => return Ok(()),
            Act::Scale { from, to, .. } | Act::SetDesired { from, to, .. } => (*from, *to),
            Act::Detach { from, .. } => (*from, from.saturating_sub(1)),
            _ => return Ok(()),
        };
        let Some(resource) = act.acted_on() else { return Ok(()) };
        match self.bounds.get(&resource) {
            Some(bounds) if bounds.allow(from, to) => Ok(()),
            Some(Bounds { min, max }) => Err(format!("{resource} set from {from} to {to}, outside {min} to {max}")),
            None => Err(format!("{resource} set to {to} without a policy")),
        }
    }
}
