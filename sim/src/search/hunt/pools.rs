//! The pools of a scenario that is made up.

use super::making::{Feature, MadePool, Making, small};
use crate::plan::draft::{Home, Pool, Size};

/// How many nodes a pool may lose, at most: fewer than any policy allows it to have.
const MOST_TOLERANCE: u64 = 2;
const NAMES: [&str; 3] = ["ants", "bees", "crabs"];
const ZONES: [&str; 3] = ["a", "b", "c"];
/// MHz of a core, where instances say how many they have.
const CORE: u64 = 1000;

pub(super) fn make(making: &mut Making) {
    let pools = if making.has(Feature::ManyPools) { making.dice.within(2..4) } else { 1 };
    for name in NAMES.into_iter().take(usize::try_from(pools).unwrap_or(1)) {
        let pool = pool(making, name);
        making.draft.pools.insert(name.to_owned(), pool);
    }
}

fn pool(making: &mut Making, name: &'static str) -> Pool {
    let (mut cpu, mut memory) = (making.one_of(4000, &[2000, 8000]), making.one_of(8192, &[4096, 16_384]));
    let cores = if making.has(Feature::Cores) { cpu / CORE } else { 0 };
    let instance = Size { cores: small(cores), ..Size::of(small(cpu), small(memory)) };
    let mut reserved = Size::default();
    if making.maybe(Feature::Reserved, 0.7) {
        let (of_cpu, of_memory) = (making.dice.within(1..cpu / 4), making.dice.within(1..memory / 4));
        reserved = Size::of(small(of_cpu), small(of_memory));
        (cpu, memory) = (cpu - of_cpu, memory - of_memory);
    }
    let nodes = making.dice.within(1..7);
    let (min, max) = (making.dice.within(0..nodes + 1), nodes + making.dice.within(0..7));
    let (launch, boot) = (making.delay(1..60), making.delay(20..240));
    let zones = zones(making);
    let policy_in = making.maybe(Feature::StoredPolicies, 0.6).then_some(Home::Consul);
    let weighted = making.maybe(Feature::Weighted, 0.2);
    let pool = Pool { reserved, launch: Some(launch), policy_in, weighted, ..Pool::new(instance, small(nodes)) };
    let pool = Pool { boot, zones: zones.clone(), ..pool.between(small(min), small(max)) };
    let zones = zones.map_or_else(|| vec!["a"], |zones| ZONES[..zones.len()].to_vec());
    making.pools.push(MadePool { name, cpu, memory, cores, nodes, max, zones });
    policy(making, pool, name, nodes)
}

fn zones(making: &mut Making) -> Option<Vec<String>> {
    let has = making.has(Feature::Zones);
    let count = has.then(|| usize::try_from(making.dice.within(1..4)).unwrap_or(1))?;
    Some(ZONES[..count].iter().map(ToString::to_string).collect())
}

fn policy(making: &mut Making, pool: Pool, name: &str, nodes: u64) -> Pool {
    let enabled = !making.dice.chance(0.1);
    let mut pool = pool
        .meta("replicator_enabled", enabled)
        .meta("replicator_region", "r")
        .meta("replicator_notification_uid", name)
        .meta("rack", "r1");
    if making.maybe(Feature::PolicyBounds, 0.7) {
        // Now and then outside of what there is.
        let min = making.number(0..nodes + 3);
        let max = min + making.number(0..7);
        pool = pool.meta("replicator_min", min).meta("replicator_max", max.max(small(MOST_TOLERANCE) + 1));
    }
    for (key, numbers) in [
        ("replicator_cooldown", 0..600),
        ("replicator_scaling_threshold", 1..6),
        ("replicator_retry_threshold", 1..5),
        ("replicator_node_fault_tolerance", 0..MOST_TOLERANCE + 1),
    ] {
        if making.maybe(Feature::Tuning, 0.6) {
            pool = pool.meta(key, making.number(numbers));
        }
    }
    pool
}
