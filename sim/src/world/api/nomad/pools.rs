//! Node pools, of Nomad 1.6 and newer: the two that are built in.

use serde_json::{Value, json};

use super::modern::NODE_POOL;

/// The pool that has every node.
const ALL: (&str, &str) = ("all", "Node pool with all nodes in the cluster.");
const DEFAULT: (&str, &str) = (NODE_POOL, "Default node pool.");
/// The index at which a new cluster made them.
pub(crate) const POOLS_INDEX: u64 = 1;
/// How long a node's identity lasts, in nanoseconds.
const IDENTITY_TTL: u64 = 86_400_000_000_000;

/// `GET /v1/node/pools`.
pub(crate) fn node_pools_page() -> Vec<Value> {
    [ALL, DEFAULT].into_iter().map(pool_page).collect()
}

/// `GET /v1/node/pool/NAME`.
pub(crate) fn node_pool_page(name: &str) -> Option<Value> {
    [ALL, DEFAULT].into_iter().find(|(known, _)| *known == name).map(pool_page)
}

fn pool_page((name, description): (&str, &str)) -> Value {
    json!({
        "Name": name, "Description": description, "Meta": null, "SchedulerConfiguration": null,
        "NodeIdentityTTL": IDENTITY_TTL, "Hash": null, "CreateIndex": POOLS_INDEX, "ModifyIndex": POOLS_INDEX,
    })
}
