//! Where things are in Consul, below the configured root: rule S1.

use crate::domain::{PoolName, Resource};

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

/// Where it stands whether everything is on hold (S17): a state that is about no resource.
#[must_use]
pub fn everything_path(root: &str) -> String {
    format!("{root}/state/everything")
}

/// The key of a resource's state: `<root>/state/nodes/<pool>` or `<root>/state/jobs/<job>/<group>`. A job outside
/// the default namespace, which the Go daemon did not know, is written `<job>@<namespace>`. No two resources have the
/// same key (S14): see [`JobKey`](crate::domain::JobKey)'s and [`GroupKey`](crate::domain::GroupKey)'s printed forms.
#[must_use]
pub fn path_of(root: &str, resource: &Resource) -> String {
    match resource {
        Resource::Pool(pool) => format!("{root}/state/nodes/{pool}"),
        Resource::Group(key) => format!("{root}/state/jobs/{key}"),
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

    #[test]
    fn s14_no_two_resources_share_a_key() {
        let key = |namespace: &str, job: &str, group: &str| {
            let job = JobKey { namespace: namespace.into(), id: job.into() };
            path_of("r", &Resource::Group(GroupKey { job, group: group.into() }))
        };
        let resources = [
            ("default", "a/b", "c"),
            ("default", "a", "b/c"),
            ("default", "a@prod", "g"),
            ("prod", "a", "g"),
            ("default", "a%40prod", "g"),
            ("default", "a", "b%2Fc"),
            ("prod", "a@prod", "g"),
        ];
        let keys: std::collections::BTreeSet<String> =
            resources.iter().map(|(namespace, job, group)| key(namespace, job, group)).collect();
        assert_eq!(keys.len(), resources.len(), "{keys:?}");
        assert_eq!(
            key("default", "billing.eu:42~x", "größe-ß"),
            "r/state/jobs/billing.eu:42~x/größe-ß",
            "ordinary names stay"
        );
    }
}
