//! The pools of a scenario that is made up.

use super::draft::{Draft, DraftPool, Feature};

/// How many nodes a pool may lose, at most: fewer than any policy allows it to have.
const MOST_TOLERANCE: u64 = 2;
const NAMES: [&str; 3] = ["ants", "bees", "crabs"];
const ZONES: [&str; 3] = ["a", "b", "c"];
/// MHz of a core, where instances say how many they have.
const CORE: u64 = 1000;

pub(super) fn write(draft: &mut Draft) {
    let pools = if draft.has(Feature::ManyPools) { draft.dice.within(2..4) } else { 1 };
    for name in NAMES.into_iter().take(usize::try_from(pools).unwrap_or(1)) {
        pool(draft, name);
    }
}

fn pool(draft: &mut Draft, name: &'static str) {
    let (mut cpu, mut memory) = (draft.one_of(4000, &[2000, 8000]), draft.one_of(8192, &[4096, 16_384]));
    let cores = if draft.has(Feature::Cores) { cpu / CORE } else { 0 };
    let of_cores = if cores > 0 { format!(", cores = {cores}") } else { String::new() };
    draft.line(format_args!("[pools.{name}]\ninstance = {{ cpu = {cpu}, memory = {memory}{of_cores} }}"));
    if draft.maybe(Feature::Reserved, 0.7) {
        let (of_cpu, of_memory) = (draft.dice.within(1..cpu / 4), draft.dice.within(1..memory / 4));
        draft.line(format_args!("reserved = {{ cpu = {of_cpu}, memory = {of_memory} }}"));
        (cpu, memory) = (cpu - of_cpu, memory - of_memory);
    }
    let nodes = draft.dice.within(1..7);
    let (min, max) = (draft.dice.within(0..nodes + 1), nodes + draft.dice.within(0..7));
    draft.line(format_args!("nodes = {nodes}\nmin = {min}\nmax = {max}"));
    let (launch, boot) = (draft.delay(1..60), draft.delay(20..240));
    draft.line(format_args!("launch = {launch}\nboot = {boot}"));
    let zones = zones(draft);
    if draft.maybe(Feature::StoredPolicies, 0.6) {
        draft.line(format_args!("policy_in = \"consul\""));
    }
    if draft.maybe(Feature::Weighted, 0.2) {
        draft.line(format_args!("weighted = true"));
    }
    policy(draft, name, nodes);
    draft.pools.push(DraftPool { name, cpu, memory, cores, nodes, max, zones });
}

fn zones(draft: &mut Draft) -> Vec<&'static str> {
    if !draft.has(Feature::Zones) {
        return vec!["a"];
    }
    let zones = ZONES[..usize::try_from(draft.dice.within(1..4)).unwrap_or(1)].to_vec();
    draft.line(format_args!("zones = {zones:?}"));
    zones
}

fn policy(draft: &mut Draft, name: &str, nodes: u64) {
    let enabled = !draft.dice.chance(0.1);
    draft.line(format_args!("[pools.{name}.meta]\nreplicator_enabled = {enabled}\nreplicator_region = \"r\""));
    draft.line(format_args!("replicator_notification_uid = \"{name}\""));
    if draft.maybe(Feature::PolicyBounds, 0.7) {
        // Now and then outside of what there is.
        let min = draft.dice.within(0..nodes + 3);
        let max = min + draft.dice.within(0..7);
        draft.line(format_args!("replicator_min = {min}\nreplicator_max = {}", max.max(MOST_TOLERANCE + 1)));
    }
    for (key, numbers) in [
        ("replicator_cooldown", 0..600),
        ("replicator_scaling_threshold", 1..6),
        ("replicator_retry_threshold", 1..5),
        ("replicator_node_fault_tolerance", 0..MOST_TOLERANCE + 1),
    ] {
        if draft.maybe(Feature::Tuning, 0.6) {
            let number = draft.dice.within(numbers);
            draft.line(format_args!("{key} = {number}"));
        }
    }
    draft.line(format_args!("rack = \"r1\"\n"));
}
