//! Where things are in Consul, below the configured root: rule S1.

use crate::domain::{Namespace, PoolName, Resource};

/// The key whose lock is leadership.
#[must_use]
pub fn leader_key(root: &str) -> String {
    format!("{root}/leader")
}

/// Below this prefix is the state of every resource.
#[must_use]
pub fn state_prefix(root: &str) -> String {
    format!("{root}/state/")
}

/// Below this prefix are the policies of pools whose nodes name only their pool (P3).
#[must_use]
pub fn nodes_prefix(root: &str) -> String {
    format!("{root}/nodes/")
}

/// The key of a pool's policy (P3).
#[must_use]
pub fn pool_policy_key(root: &str, pool: &PoolName) -> String {
    format!("{root}/nodes/{pool}")
}

/// The key of a resource's state: `<root>/state/nodes/<pool>` or `<root>/state/jobs/<job>/<group>`. A job outside
/// the default namespace, which the Go daemon did not know, is written `<job>@<namespace>`.
#[must_use]
pub fn path_of(root: &str, resource: &Resource) -> String {
    match resource {
        Resource::Pool(pool) => format!("{root}/state/nodes/{pool}"),
        Resource::Group(key) if key.job.namespace.as_str() == Namespace::DEFAULT => {
            format!("{root}/state/jobs/{}/{}", key.job.id, key.group)
        }
        Resource::Group(key) => format!("{root}/state/jobs/{}@{}/{}", key.job.id, key.job.namespace, key.group),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{GroupKey, JobKey};

    #[test]
    fn s1_paths_are_the_go_daemons() {
        let root = "replicator/config";
        let group = |namespace: &str| {
            let job = JobKey { namespace: namespace.into(), id: "team/burner".into() };
            path_of(root, &Resource::Group(GroupKey { job, group: "g".into() }))
        };
        assert_eq!(group("default"), "replicator/config/state/jobs/team/burner/g");
        assert_eq!(group("prod"), "replicator/config/state/jobs/team/burner@prod/g");
        assert_eq!(path_of(root, &Resource::Pool("pool-b".into())), "replicator/config/state/nodes/pool-b");
        assert_eq!(leader_key(root), "replicator/config/leader");
        assert_eq!(pool_policy_key(root, &"pool-b".into()), "replicator/config/nodes/pool-b");
    }
}
