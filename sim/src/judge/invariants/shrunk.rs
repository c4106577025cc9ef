//! A pool is not made so small that its work finds no room. Where some waits for long after a node was given away, and the
//! pool is still smaller than it was, that node was needed.

use std::collections::BTreeMap;

use replicator::domain::PoolName;

use super::{Act, Invariant, PoolSight, Sight};
use crate::kernel::time::Millis;

/// How long work may wait: longer than a pool takes to notice and to grow.
const AT_MOST: Millis = Millis::secs(15 * 60);
/// How long after a node was given away work that begins to wait is laid to that.
const LAID_TO_IT: Millis = Millis::secs(15 * 60);

#[derive(Default)]
pub(super) struct NotShrunkTooFar {
    pools: BTreeMap<PoolName, Watched>,
}

#[derive(Default)]
struct Watched {
    /// When a node was last given away, and what was desired before.
    shrank: Option<(Millis, u32)>,
    /// Since when work waits while nothing keeps the pool from growing.
    waits_since: Option<Millis>,
}

impl Invariant for NotShrunkTooFar {
    fn name(&self) -> &'static str {
        "no capacity is given away that work needs"
    }

    fn check(&mut self, now: Millis, act: &Act<'_>) -> Result<(), String> {
        if let Act::Detach { pool, from, .. } = act {
            self.pools.entry((*pool).clone()).or_default().shrank = Some((now, *from));
        }
        Ok(())
    }

    fn watch(&mut self, now: Millis, sight: &Sight) -> Result<(), String> {
        for pool in &sight.pools {
            let waits = sight.calm && pool.unplaced > 0 && !pool.hindered;
            let watched = self.pools.entry(pool.pool.clone()).or_default();
            watched.waits_since = if waits { watched.waits_since.or(Some(now)) } else { None };
            watched.judge(now, pool)?;
        }
        Ok(())
    }
}

impl Watched {
    fn judge(&self, now: Millis, pool: &PoolSight) -> Result<(), String> {
        let (Some((shrank, before)), Some(since)) = (self.shrank, self.waits_since) else { return Ok(()) };
        let laid_to_it = since <= shrank + LAID_TO_IT;
        if laid_to_it && pool.desired + 1 == before && now - since.max(shrank) >= AT_MOST {
            let PoolSight { pool, unplaced, desired, .. } = pool;
            return Err(format!(
                "pool {pool} went from {before} to {} at {shrank}; {unplaced} allocations have waited since {since}, and \
                 {desired} are desired",
                before.saturating_sub(1)
            ));
        }
        Ok(())
    }
}
