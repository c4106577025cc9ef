//! What is known of the cluster, and the policies found in it: rules J2 to J4, P1, P3 and P4.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::event::{Event, Feed};
use crate::decide::{NodeLoad, PoolObservation};
use crate::domain::{
    Allocation, AllocationId, Deployment, DeploymentId, DeploymentStatus, GroupKey, InstanceId, Job, JobKey, JobKind,
    JobSummary, Node, NodeId, PoolName, Resource, Resources, TaskGroup,
};
use crate::policy::{GroupPolicy, POOL_KEY, PoolPolicy, Reading, wants_stored_policy, with_stored_policy};

/// Whether groups of a job may be scaled (J4).
pub(super) fn is_scalable(job: &JobSummary) -> bool {
    job.kind == JobKind::Service && !job.is_parent && !job.stopped
}

/// A group with a valid policy.
#[derive(Debug, Clone)]
pub(super) struct ManagedGroup {
    pub(super) policy: Arc<GroupPolicy>,
    pub(super) job: Arc<Job>,
}

impl ManagedGroup {
    pub(super) fn group(&self, key: &GroupKey) -> Option<&TaskGroup> {
        self.job.group(&key.group)
    }
}

/// A pool with a valid policy, and what it carries.
#[derive(Debug, Clone)]
pub(super) struct ManagedPool {
    pub(super) policy: Arc<PoolPolicy>,
    /// The pool's nodes (P1), with what their allocations take (P6).
    pub(super) nodes: Arc<[NodeLoad]>,
    /// One more instance of every managed group with an allocation in the pool (P7).
    pub(super) reserve: Resources,
}

/// What a node carries.
#[derive(Debug, Clone, Copy, Default)]
struct Burden {
    used: Resources,
    occupants: usize,
}

/// What is known of the cluster.
#[derive(Debug, Default)]
pub(super) struct Views {
    current: BTreeMap<Feed, bool>,
    jobs: BTreeMap<JobKey, Arc<Job>>,
    nodes: BTreeMap<NodeId, Arc<Node>>,
    pool_policies: BTreeMap<String, Vec<u8>>,
    groups: BTreeMap<GroupKey, ManagedGroup>,
    policies: BTreeMap<PoolName, Arc<PoolPolicy>>,
    /// The pool of each node that takes work.
    pool_of: BTreeMap<NodeId, PoolName>,
    burdens: BTreeMap<NodeId, Burden>,
    running: BTreeMap<GroupKey, Arc<[AllocationId]>>,
    nodes_of: BTreeMap<GroupKey, BTreeSet<NodeId>>,
    node_of: BTreeMap<AllocationId, NodeId>,
    deployments: BTreeMap<DeploymentId, DeploymentStatus>,
    deploying: BTreeSet<JobKey>,
    /// Worked out from all of the above when first asked for after a change.
    pools: Option<Arc<BTreeMap<PoolName, ManagedPool>>>,
    problems: BTreeMap<Resource, String>,
    /// Jobs and nodes that could not be read.
    unreadable: BTreeSet<String>,
}

impl Views {
    /// Marks a view as current or not. Whether that is news: a first failure is, a first answer is none.
    pub(super) fn mark(&mut self, feed: Feed, current: bool) -> bool {
        self.current.insert(feed, current).unwrap_or(true) != current
    }

    /// Marks a job or node as readable or not. Whether that is news.
    pub(super) fn mark_readable(&mut self, what: &str, readable: bool) -> bool {
        if readable { self.unreadable.remove(what) } else { self.unreadable.insert(what.to_owned()) }
    }

    /// Whether all of these views are current (S4, S11).
    pub(super) fn are_current(&self, feeds: &[Feed]) -> bool {
        feeds.iter().all(|feed| self.current.get(feed) == Some(&true))
    }

    pub(super) fn job(&self, key: &JobKey) -> Option<&Arc<Job>> {
        self.jobs.get(key)
    }

    pub(super) fn node(&self, id: &NodeId) -> Option<&Arc<Node>> {
        self.nodes.get(id)
    }

    pub(super) fn group(&self, key: &GroupKey) -> Option<&ManagedGroup> {
        self.groups.get(key)
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = &GroupKey> {
        self.groups.keys()
    }

    /// The group's running allocations.
    pub(super) fn running(&self, key: &GroupKey) -> Arc<[AllocationId]> {
        self.running.get(key).cloned().unwrap_or_default()
    }

    pub(super) fn is_deploying(&self, job: &JobKey) -> bool {
        self.deploying.contains(job)
    }

    pub(super) fn deployment(&self, id: &DeploymentId) -> Option<DeploymentStatus> {
        self.deployments.get(id).copied()
    }

    pub(super) fn node_of(&self, allocation: &AllocationId) -> Option<&NodeId> {
        self.node_of.get(allocation)
    }

    /// How many allocations still run on a node.
    pub(super) fn occupants(&self, node: &NodeId) -> usize {
        self.burdens.get(node).map_or(0, |burden| burden.occupants)
    }

    /// What a node's allocations take.
    pub(super) fn used_on(&self, node: &NodeId) -> Resources {
        self.burdens.get(node).map_or(Resources::default(), |burden| burden.used)
    }

    /// The instances whose nodes take work, by the ID that the node knows (P18).
    pub(super) fn joined_instances(&self) -> BTreeSet<InstanceId> {
        self.nodes.values().filter(|node| node.summary.takes_work()).filter_map(|node| node.instance.clone()).collect()
    }

    /// Whether a node that takes work has one of these addresses (P18).
    pub(super) fn takes_work_at(&self, addresses: &[String]) -> bool {
        let at_one = |node: &&Arc<Node>| node.address.as_ref().is_some_and(|address| addresses.contains(address));
        self.nodes.values().filter(at_one).any(|node| node.summary.takes_work())
    }

    /// All pools with a valid policy.
    pub(super) fn pools(&mut self) -> Arc<BTreeMap<PoolName, ManagedPool>> {
        let pools = self.pools.take().unwrap_or_else(|| Arc::new(self.work_out_pools()));
        self.pools.insert(pools).clone()
    }

    pub(super) fn set_allocations(&mut self, list: &[Arc<Allocation>]) {
        self.pools = None;
        self.burdens.clear();
        self.nodes_of.clear();
        self.node_of.clear();
        let mut running: BTreeMap<&GroupKey, Vec<AllocationId>> = BTreeMap::new();
        for allocation in list {
            if !allocation.occupies_node() {
                continue;
            }
            let burden = self.burdens.entry(allocation.node.clone()).or_default();
            burden.occupants += 1;
            self.node_of.insert(allocation.id.clone(), allocation.node.clone());
            if !allocation.is_terminal() {
                burden.used += allocation.resources;
                self.nodes_of.entry(allocation.group.clone()).or_default().insert(allocation.node.clone());
            }
            if allocation.is_running() {
                running.entry(&allocation.group).or_default().push(allocation.id.clone());
            }
        }
        self.running = running.into_iter().map(|(key, ids)| (key.clone(), ids.into())).collect();
    }

    pub(super) fn set_deployments(&mut self, list: &[Deployment]) {
        let mut latest: BTreeMap<&JobKey, &Deployment> = BTreeMap::new();
        for deployment in list {
            let newest = latest.entry(&deployment.job).or_insert(deployment);
            if deployment.create_index > newest.create_index {
                *newest = deployment;
            }
        }
        self.deploying = latest
            .into_values()
            .filter(|deployment| deployment.status.is_active())
            .map(|deployment| deployment.job.clone())
            .collect();
        self.deployments = list.iter().map(|deployment| (deployment.id.clone(), deployment.status)).collect();
    }

    pub(super) fn set_pool_policies(&mut self, policies: BTreeMap<String, Vec<u8>>) -> Vec<Event> {
        self.pool_policies = policies;
        self.discover_pools()
    }

    /// Takes over the jobs that may be scaled: those of `keys`, as they were, or as `read` afresh.
    pub(super) fn set_jobs(&mut self, keys: &BTreeSet<JobKey>, read: BTreeMap<JobKey, Arc<Job>>) -> Vec<Event> {
        self.jobs.retain(|key, _| keys.contains(key));
        self.jobs.extend(read);
        self.pools = None;
        let mut problems = BTreeMap::new();
        let mut managed = BTreeMap::new();
        for (key, job) in &self.jobs {
            for group in &job.groups {
                let group_key = GroupKey { job: key.clone(), group: group.name.clone() };
                let (policy, problem) = settle(GroupPolicy::read(&group.meta));
                if let Some(policy) = policy {
                    let entry = ManagedGroup { policy: Arc::new(policy), job: job.clone() };
                    managed.insert(group_key.clone(), entry);
                }
                problems.extend(problem.map(|problem| (Resource::Group(group_key), problem)));
            }
        }
        self.groups = managed;
        self.replace_problems(problems, |resource| matches!(resource, Resource::Group(_)))
    }

    /// Takes over the nodes of `ids`, as they were, or as `read` afresh.
    pub(super) fn set_nodes(&mut self, ids: &BTreeSet<NodeId>, read: BTreeMap<NodeId, Arc<Node>>) -> Vec<Event> {
        self.nodes.retain(|id, _| ids.contains(id));
        self.nodes.extend(read);
        self.discover_pools()
    }

    /// Finds the pools that nodes name, and settles their policies (P1, P3, P4).
    fn discover_pools(&mut self) -> Vec<Event> {
        self.pools = None;
        self.policies.clear();
        self.pool_of.clear();
        let mut members: BTreeMap<PoolName, Vec<&Arc<Node>>> = BTreeMap::new();
        for node in self.nodes.values().filter(|node| node.summary.takes_work()) {
            if let Some(name) = node.meta.get(POOL_KEY) {
                members.entry(PoolName::from(name.as_str())).or_default().push(node);
            }
        }
        let mut problems = BTreeMap::new();
        for (name, nodes) in members {
            let (policy, problem) = self.settle_pool(&nodes);
            if let Some(policy) = policy {
                self.pool_of.extend(nodes.iter().map(|node| (node.summary.id.clone(), name.clone())));
                self.policies.insert(name.clone(), Arc::new(policy));
            }
            problems.extend(problem.map(|problem| (Resource::Pool(name), problem)));
        }
        self.replace_problems(problems, |resource| matches!(resource, Resource::Pool(_)))
    }

    /// The policy of the most recently changed node, and whether the others disagree with it (P4).
    fn settle_pool(&self, nodes: &[&Arc<Node>]) -> (Option<PoolPolicy>, Option<String>) {
        let newest = nodes.iter().max_by_key(|node| (node.summary.modify_index, &node.summary.id));
        let Some(newest) = newest else { return (None, None) };
        let (policy, mut problem) = settle(self.read_pool_policy(newest));
        let ours = |node: &Node| {
            let keys = node.meta.iter().filter(|(key, _)| key.starts_with(crate::policy::KEY_PREFIX));
            keys.map(|(key, value)| (key.clone(), value.clone())).collect::<Vec<_>>()
        };
        let dissent: Vec<&str> =
            nodes.iter().filter(|node| ours(node) != ours(newest)).map(|node| node.summary.name.as_str()).collect();
        if !dissent.is_empty() {
            let word =
                format!("{} of its nodes disagree with {}: {}", dissent.len(), newest.summary.name, dissent.join(", "));
            problem = Some(problem.map_or(word.clone(), |problem| format!("{problem}; {word}")));
        }
        (policy, problem)
    }

    fn read_pool_policy(&self, node: &Node) -> Reading<PoolPolicy> {
        match wants_stored_policy(&node.meta).and_then(|pool| self.pool_policies.get(pool)) {
            None => PoolPolicy::read(&node.meta),
            Some(stored) => match with_stored_policy(&node.meta, stored) {
                Ok(meta) => PoolPolicy::read(&meta),
                Err(error) => Reading::Invalid(error),
            },
        }
    }

    /// Events for the problems that are new or gone among the resources of one kind.
    fn replace_problems(
        &mut self,
        found: BTreeMap<Resource, String>,
        of_kind: impl Fn(&Resource) -> bool,
    ) -> Vec<Event> {
        let (before, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.problems).into_iter().partition(|(resource, _)| of_kind(resource));
        let news = found
            .iter()
            .filter(|(resource, problem)| before.get(*resource) != Some(*problem))
            .map(|(resource, problem)| (resource, Some(problem.clone())));
        let mended = before.keys().filter(|resource| !found.contains_key(*resource)).map(|resource| (resource, None));
        let events = news
            .chain(mended)
            .map(|(resource, problem)| Event::Policy { resource: resource.clone(), problem })
            .collect();
        self.problems = others;
        self.problems.extend(found);
        events
    }

    fn work_out_pools(&self) -> BTreeMap<PoolName, ManagedPool> {
        let mut loads: BTreeMap<&PoolName, Vec<NodeLoad>> = BTreeMap::new();
        for (id, name) in &self.pool_of {
            if let Some(node) = self.nodes.get(id) {
                let load = NodeLoad { node: id.clone(), capacity: node.capacity, used: self.used_on(id) };
                loads.entry(name).or_default().push(load);
            }
        }
        let pool = |(name, policy): (&PoolName, &Arc<PoolPolicy>)| {
            let nodes = loads.remove(name).unwrap_or_default().into();
            (name.clone(), ManagedPool { policy: policy.clone(), nodes, reserve: Resources::default() })
        };
        let mut pools: BTreeMap<PoolName, ManagedPool> = self.policies.iter().map(pool).collect();
        for (key, managed) in &self.groups {
            let Some(group) = managed.group(key) else { continue };
            let nodes = self.nodes_of.get(key).into_iter().flatten();
            let in_pools: BTreeSet<&PoolName> = nodes.filter_map(|node| self.pool_of.get(node)).collect();
            for name in in_pools {
                if let Some(pool) = pools.get_mut(name) {
                    pool.reserve += group.resources();
                }
            }
        }
        pools
    }
}

impl ManagedPool {
    /// What a decision looks at, once the group's bounds are known.
    pub(super) fn observe(&self, bounds: crate::decide::GroupBounds) -> PoolObservation {
        PoolObservation { nodes: self.nodes.clone(), reserve: self.reserve, bounds }
    }
}

/// The policy, if there is a valid one, and what is wrong or dubious about it.
fn settle<T>(reading: Reading<T>) -> (Option<T>, Option<String>) {
    match reading {
        Reading::NotOurs => (None, None),
        Reading::Invalid(error) => (None, Some(error.to_string())),
        Reading::Policy(policy, warnings) => {
            let words: Vec<String> = warnings.iter().map(ToString::to_string).collect();
            (Some(policy), Some(words.join("; ")).filter(|words| !words.is_empty()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{DesiredStatus, Eligibility, Meta, NodeStatus, NodeSummary};
    use crate::testing::{deployment, meta, task_group};

    fn pool_meta(cooldown: &str) -> Meta {
        meta(&[
            ("replicator_worker_pool", "workers"),
            ("replicator_enabled", "true"),
            ("replicator_region", "r"),
            ("replicator_notification_uid", "REP2"),
            ("replicator_cooldown", cooldown),
        ])
    }

    fn node(id: &str, modify_index: u64, meta: Meta) -> Arc<Node> {
        let mut node = Node { meta, ..crate::testing::node(id) };
        node.summary.modify_index = modify_index;
        Arc::new(node)
    }

    fn views(nodes: Vec<Arc<Node>>) -> (Views, Vec<Event>) {
        let mut views = Views::default();
        let ids = nodes.iter().map(|node| node.summary.id.clone()).collect();
        let read = nodes.into_iter().map(|node| (node.summary.id.clone(), node)).collect();
        let events = views.set_nodes(&ids, read);
        (views, events)
    }

    fn allocation(id: &str, node: &str, desired: DesiredStatus) -> Arc<Allocation> {
        Arc::new(Allocation { desired, ..crate::testing::allocation(id, node) })
    }

    fn service() -> Arc<Job> {
        let keys = ["min", "max", "scalein_cpu", "scalein_mem", "scaleout_cpu", "scaleout_mem"];
        let mut group_meta: Meta =
            keys.iter().enumerate().map(|(n, key)| (format!("replicator_{key}"), (n + 1).to_string())).collect();
        group_meta.extend(meta(&[("replicator_enabled", "true"), ("replicator_notification_uid", "REP1")]));
        let broken = meta(&[("replicator_enabled", "true")]);
        Arc::new(Job {
            summary: JobSummary {
                key: JobKey::in_default("web"),
                kind: JobKind::Service,
                is_parent: false,
                stopped: false,
                modify_index: 1,
            },
            groups: vec![task_group("g", group_meta), task_group("other", Meta::new()), task_group("broken", broken)],
        })
    }

    #[test]
    fn p1_a_pool_is_its_ready_eligible_nodes_that_do_not_drain() {
        let change = |id: &str, change: fn(&mut NodeSummary)| {
            let mut node = Arc::unwrap_or_clone(node(id, 1, pool_meta("60")));
            change(&mut node.summary);
            Arc::new(node)
        };
        let (mut views, _) = views(vec![
            node("a", 1, pool_meta("60")),
            change("b", |node| node.status = NodeStatus::Down),
            change("c", |node| node.eligibility = Eligibility::Ineligible),
            change("d", |node| node.draining = true),
            node("e", 1, Meta::new()),
        ]);
        let pools = views.pools();
        let nodes: Vec<&str> = pools[&"workers".into()].nodes.iter().map(|load| load.node.as_str()).collect();
        assert_eq!(nodes, ["a"]);
    }

    #[test]
    fn p4_the_most_recently_changed_node_wins_and_dissent_is_reported() {
        let (mut views, events) = views(vec![node("a", 5, pool_meta("60")), node("b", 9, pool_meta("120"))]);
        assert_eq!(views.pools()[&"workers".into()].policy.cooldown.as_secs(), 120);
        let problem = "1 of its nodes disagree with b: a".to_owned();
        assert_eq!(events, [Event::Policy { resource: Resource::Pool("workers".into()), problem: Some(problem) }]);
    }

    #[test]
    fn p3_a_pool_named_alone_takes_its_policy_from_consul() {
        let name_only = meta(&[("replicator_worker_pool", "workers")]);
        let (mut views, events) = views(vec![node("a", 1, name_only)]);
        assert!(views.pools().is_empty());
        assert!(matches!(&events[..], [Event::Policy { problem: Some(_), .. }]), "{events:?}");
        let stored = br#"{"replicator_enabled":"true","replicator_region":"r","replicator_notification_uid":"U"}"#;
        let events = views.set_pool_policies(BTreeMap::from([("workers".to_owned(), stored.to_vec())]));
        assert_eq!(views.pools()[&"workers".into()].policy.notification_uid, "U");
        assert!(matches!(&events[..], [Event::Policy { problem: None, .. }]), "in order again: {events:?}");
    }

    #[test]
    fn p6_p7_what_is_used_and_held_in_reserve() {
        let (mut views, _) = views(vec![node("a", 1, pool_meta("60")), node("b", 1, pool_meta("60"))]);
        views.set_jobs(&[JobKey::in_default("web")].into(), [(JobKey::in_default("web"), service())].into());
        views.set_allocations(&[
            allocation("1", "a", DesiredStatus::Run),
            allocation("2", "a", DesiredStatus::Run),
            allocation("3", "b", DesiredStatus::Stop),
        ]);
        let pools = views.pools();
        let pool = &pools[&"workers".into()];
        let used: Vec<u64> = pool.nodes.iter().map(|load| load.used.cpu.0).collect();
        assert_eq!(used, [600, 0], "what is stopping is not used any more");
        assert_eq!(pool.reserve, Resources::new(300, 100, 0), "one more of each managed group with work here");
        assert_eq!(views.occupants(&"b".into()), 1, "but it still occupies its node");
        views.set_allocations(&[]);
        assert_eq!(views.pools()[&"workers".into()].reserve, Resources::default(), "no work here, no reserve");
    }

    #[test]
    fn j2_j3_only_groups_with_a_whole_policy_are_managed() {
        let mut views = Views::default();
        let job = JobKey::in_default("web");
        let events = views.set_jobs(&[job.clone()].into(), [(job.clone(), service())].into());
        let managed: Vec<&str> = views.groups().map(|key| key.group.as_str()).collect();
        assert_eq!(managed, ["g"]);
        let [Event::Policy { resource, problem: Some(problem) }] = &events[..] else { panic!("{events:?}") };
        assert_eq!(resource.to_string(), "group web/broken");
        assert!(problem.contains("replicator_min is missing"), "{problem}");
        let again = views.set_jobs(&[job.clone()].into(), [(job, service())].into());
        assert_eq!(again, [], "what is known is not told again");
    }

    #[test]
    fn j4_only_service_jobs_that_run() {
        let summary = |kind, is_parent, stopped| JobSummary { kind, is_parent, stopped, ..service().summary.clone() };
        assert!(is_scalable(&summary(JobKind::Service, false, false)));
        for kind in [JobKind::Batch, JobKind::System, JobKind::Sysbatch] {
            assert!(!is_scalable(&summary(kind, false, false)), "{kind:?}");
        }
        assert!(!is_scalable(&summary(JobKind::Service, true, false)), "a periodic or parameterized parent");
        assert!(!is_scalable(&summary(JobKind::Service, false, true)));
    }

    #[test]
    fn j6_only_the_latest_deployment_of_a_job_counts() {
        let mut views = Views::default();
        let old = deployment("old", 1, DeploymentStatus::Running);
        views.set_deployments(&[deployment("new", 2, DeploymentStatus::Successful), old.clone()]);
        assert!(!views.is_deploying(&JobKey::in_default("web")));
        views.set_deployments(&[old, deployment("new", 2, DeploymentStatus::Paused)]);
        assert!(views.is_deploying(&JobKey::in_default("web")));
    }

    #[test]
    fn s4_s11_a_view_that_is_not_current_is_told_once() {
        let mut views = Views::default();
        assert!(!views.are_current(&[Feed::Jobs]), "nothing was heard yet");
        assert!(!views.mark(Feed::Jobs, true), "the first answer is no news");
        assert!(views.are_current(&[Feed::Jobs]));
        assert!(views.mark(Feed::Jobs, false));
        assert!(!views.mark(Feed::Jobs, false));
        assert!(!views.are_current(&[Feed::Jobs]));
        assert!(views.mark(Feed::Jobs, true));
        assert!(views.mark(Feed::Nodes, false), "a first failure is news");
    }
}
