//! What is measured of a run, by name.

use super::Plan;

/// Measures of every pool and group.
pub(crate) const OF_BOTH: [&str; 12] = [
    "under_accuracy",
    "over_accuracy",
    "under_time",
    "over_time",
    "instability",
    "actions_out",
    "actions_in",
    "failed",
    "reversals",
    "capacity_mean",
    "capacity_worst",
    "failsafe_time",
];
pub(crate) const OF_POOLS: [&str; 11] = [
    "node_hours",
    "cost",
    "oracle_node_hours",
    "cost_ratio",
    "static_nodes",
    "static_node_hours",
    "static_ratio",
    "ready_min",
    "ready_max",
    "ready_mean",
    "desired_max",
];
pub(crate) const OF_GROUPS: [&str; 11] = [
    "unmet_cpu",
    "unmet_cpu_share",
    "unmet_memory",
    "unmet_memory_share",
    "utilisation_p50",
    "utilisation_p95",
    "utilisation_p99",
    "busy_time",
    "count_min",
    "count_max",
    "serving_min",
];
pub(crate) const OF_ALL: [&str; 10] = [
    "node_hours",
    "oracle_node_hours",
    "cost_ratio",
    "unmet_cpu",
    "unmet_cpu_share",
    "unmet_memory",
    "unmet_memory_share",
    "alerts",
    "leaders",
    "evaluations",
];

pub(crate) const POOL_SERIES: [&str; 9] =
    ["desired", "instances", "ready", "needed", "capacity_cpu", "capacity_memory", "used_cpu", "used_memory", "oracle"];
pub(crate) const GROUP_SERIES: [&str; 7] =
    ["count", "serving", "needed", "demand_cpu", "demand_memory", "unmet_cpu", "unmet_memory"];

/// The names of all measures of a plan.
pub(crate) fn measure_names(plan: &Plan) -> Vec<String> {
    let pools = plan
        .pools
        .iter()
        .flat_map(|pool| OF_BOTH.iter().chain(&OF_POOLS).map(move |name| format!("pool.{}.{name}", pool.name)));
    let groups = plan
        .groups
        .iter()
        .flat_map(|group| OF_BOTH.iter().chain(&OF_GROUPS).map(move |name| format!("group.{}.{name}", group.key)));
    OF_ALL.iter().map(|name| format!("run.{name}")).chain(pools).chain(groups).collect()
}

/// The names of all series of a plan.
pub(crate) fn series_names(plan: &Plan) -> Vec<String> {
    let pools =
        plan.pools.iter().flat_map(|pool| POOL_SERIES.iter().map(move |name| format!("pool.{}.{name}", pool.name)));
    let groups =
        plan.groups.iter().flat_map(|group| GROUP_SERIES.iter().map(move |name| format!("group.{}.{name}", group.key)));
    pools.chain(groups).collect()
}
