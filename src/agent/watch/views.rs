//! What is known of the cluster, and the policies found in it: rules J2 to J4, J22, P1, P3, P4 and P34.

mod nodes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::freshness::Freshness;
use super::odd::odd_nodes;
use super::policies::{Fingerprint, Seen};
use super::retries::Retries;
use crate::agent::tell::{Event, Feed};
use crate::decide::placement::{Piece, Site};
use crate::decide::{GroupBounds, NodeLoad, OddNode, PoolObservation};
use crate::domain::{
    Allocation, AllocationId, BlockedWork, Deployment, DeploymentId, DeploymentStatus, GroupKey, Hang, Holdings,
    InstanceId, Job, JobKey, JobKind, JobSummary, Meta, Monotonic, Node, NodeId, NodeSummary, PoolName, Resource,
    Resources, TaskGroup,
};
use crate::policy::{GroupPolicy, POOL_KEY, PoolPolicy, Reading, wants_stored_policy, with_stored_policy};

/// Whether groups of a job may be scaled (J4).
pub(super) fn is_scalable(job: &JobSummary) -> bool {
    job.kind == JobKind::Service && !job.is_parent && !job.stopped
}

/// A group with a valid policy.
#[derive(Debug, Clone)]
pub(in crate::agent) struct ManagedGroup {
    pub(in crate::agent) policy: Arc<GroupPolicy>,
    pub(in crate::agent) job: Arc<Job>,
}

impl ManagedGroup {
    pub(in crate::agent) fn group(&self, key: &GroupKey) -> Option<&TaskGroup> {
        self.job.group(&key.group)
    }
}

/// A pool with a valid policy, and what it carries.
#[derive(Debug, Clone)]
pub(in crate::agent) struct ManagedPool {
    pub(in crate::agent) policy: Arc<PoolPolicy>,
    /// What else its nodes want, where they disagree (P4).
    pub(in crate::agent) others: Arc<[PoolPolicy]>,
    /// The pool's nodes (P1), with what their allocations take (P6).
    pub(in crate::agent) nodes: Arc<[NodeLoad]>,
    /// One more instance of every managed group with an allocation in the pool (P7).
    pub(in crate::agent) reserve: Resources,
    /// Nodes whose capacity is not to be believed (P34).
    pub(in crate::agent) odd: Arc<[OddNode]>,
    /// How many of its nodes do not know their instance.
    pub(in crate::agent) nameless: usize,
}

impl ManagedPool {
    /// What a decision looks at, once the group's bounds are known, and what is on its way.
    pub(in crate::agent) fn observe(&self, bounds: GroupBounds, coming: u32, waiting: u32) -> PoolObservation {
        PoolObservation {
            nodes: self.nodes.clone(),
            reserve: self.reserve,
            bounds,
            coming,
            waiting,
            odd: self.odd.to_vec(),
        }
    }

    pub(in crate::agent) fn is_odd(&self, node: &NodeId) -> bool {
        self.odd.iter().any(|odd| odd.node == *node)
    }
}

/// What a node carries.
#[derive(Debug, Clone, Default)]
struct Burden {
    used: Resources,
    system: Resources,
    opaque: bool,
    allocations: Vec<Arc<Allocation>>,
}

/// Whether these are the same allocations, in memory.
fn is_same(one: &[Arc<Allocation>], other: &[Arc<Allocation>]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| Arc::ptr_eq(one, other))
}

/// The allocations of a group.
#[derive(Debug, Clone, Default)]
struct OfGroup {
    nodes: BTreeSet<NodeId>,
    running: Arc<[Arc<Allocation>]>,
    /// The most that one of them takes.
    most: Resources,
}

/// What is known of the cluster.
#[derive(Debug, Default)]
pub(in crate::agent) struct Views {
    freshness: Freshness,
    /// All jobs as they were listed.
    listed_jobs: BTreeMap<JobKey, JobSummary>,
    jobs: BTreeMap<JobKey, Arc<Job>>,
    /// Jobs that are not scaled and have work that waits for room.
    waiting_jobs: BTreeMap<JobKey, Arc<Job>>,
    pub(super) unread_jobs: Retries<JobKey>,
    /// All nodes as they were listed.
    listed_nodes: BTreeMap<NodeId, NodeSummary>,
    nodes: BTreeMap<NodeId, Arc<Node>>,
    /// The nodes that say that they run on an instance, by name.
    on_instance: BTreeMap<InstanceId, Vec<NodeId>>,
    /// Nodes that take work, as they are listed, and were never read.
    never_read: Vec<NodeId>,
    /// Counts whatever may be new about nodes.
    nodes_version: u64,
    pub(super) unread_nodes: Retries<NodeId>,
    /// When each node was first seen.
    first_seen: BTreeMap<NodeId, Monotonic>,
    pool_policies: BTreeMap<String, Vec<u8>>,
    seen_policies: Seen,
    /// What stands for each node's policy, as long as the node is the same.
    fingerprints: BTreeMap<NodeId, (Arc<Node>, Fingerprint)>,
    groups: BTreeMap<GroupKey, ManagedGroup>,
    policies: BTreeMap<PoolName, (Arc<PoolPolicy>, Arc<[PoolPolicy]>)>,
    /// The pool of each node that takes work.
    pool_of: BTreeMap<NodeId, PoolName>,
    burdens: BTreeMap<NodeId, Burden>,
    allocations: BTreeMap<GroupKey, OfGroup>,
    node_of: BTreeMap<AllocationId, NodeId>,
    deployments: BTreeMap<DeploymentId, DeploymentStatus>,
    deploying: BTreeMap<JobKey, Option<Hang>>,
    blocked: Vec<BlockedWork>,
    /// Worked out from all of the above when first asked for after a change.
    pools: Option<Arc<BTreeMap<PoolName, ManagedPool>>>,
    problems: BTreeMap<Resource, String>,
    /// Jobs and nodes that could not be read.
    unreadable: BTreeSet<String>,
}

impl Views {
    /// Marks a view as current or not. Whether that is news: a first failure is, a first answer is none.
    pub(in crate::agent) fn mark(&mut self, feed: Feed, current: bool, now: Monotonic) -> bool {
        self.freshness.mark(feed, current, now)
    }

    /// Marks a job or node as readable or not. Whether that is news.
    pub(super) fn mark_readable(&mut self, what: &str, readable: bool) -> bool {
        if readable { self.unreadable.remove(what) } else { self.unreadable.insert(what.to_owned()) }
    }

    /// The first of these views that is not current, if one is not (S4, S11). A list of nodes of which one that takes work was
    /// never read is not current either: it may be of any pool.
    pub(in crate::agent) fn blind_spot(&self, feeds: &[Feed], now: Monotonic) -> Option<Feed> {
        let unread = |feed: Feed| feed == Feed::Nodes && self.has_unread_nodes(now);
        feeds.iter().copied().find(|feed| !self.freshness.is_current(*feed, now) || unread(*feed))
    }

    fn has_unread_nodes(&self, now: Monotonic) -> bool {
        self.never_read.iter().any(|id| self.unread_nodes.holds_back(id, now))
    }

    /// Views that have become too old in silence, with how old they are; each is told once.
    pub(in crate::agent) fn grown_old(&mut self, now: Monotonic) -> Vec<(Feed, Duration)> {
        self.freshness.grown_old(now)
    }

    pub(super) fn job(&self, key: &JobKey) -> Option<&Arc<Job>> {
        self.jobs.get(key)
    }

    pub(in crate::agent) fn node(&self, id: &NodeId) -> Option<&Arc<Node>> {
        self.nodes.get(id)
    }

    pub(in crate::agent) fn group(&self, key: &GroupKey) -> Option<&ManagedGroup> {
        self.groups.get(key)
    }

    pub(in crate::agent) fn groups(&self) -> impl Iterator<Item = &GroupKey> {
        self.groups.keys()
    }

    /// Resources whose policy is wrong or dubious.
    pub(in crate::agent) fn misconfigured(&self) -> impl Iterator<Item = &Resource> {
        self.problems.keys()
    }

    /// How many service jobs are in sight.
    pub(in crate::agent) fn job_count(&self) -> usize {
        self.jobs.len()
    }

    /// The group's running allocations.
    pub(in crate::agent) fn running(&self, key: &GroupKey) -> Arc<[Arc<Allocation>]> {
        self.allocations.get(key).map(|of_group| of_group.running.clone()).unwrap_or_default()
    }

    /// Whether the job's latest deployment is active.
    pub(in crate::agent) fn is_deploying(&self, job: &JobKey) -> bool {
        self.deploying.contains_key(job)
    }

    /// Why the job's deployment will not end by itself, if that can be seen.
    pub(in crate::agent) fn hang(&self, job: &JobKey) -> Option<Hang> {
        self.deploying.get(job).copied().flatten()
    }

    pub(in crate::agent) fn deployment(&self, id: &DeploymentId) -> Option<DeploymentStatus> {
        self.deployments.get(id).copied()
    }

    pub(in crate::agent) fn node_of(&self, allocation: &AllocationId) -> Option<&NodeId> {
        self.node_of.get(allocation)
    }

    /// Whether what runs on a node cannot be told.
    pub(in crate::agent) fn is_opaque(&self, node: &NodeId) -> bool {
        self.burdens.get(node).is_some_and(|burden| burden.opaque)
    }

    /// The instances whose nodes take work, by the ID that the node knows (P18).
    pub(in crate::agent) fn joined_instances(&self) -> BTreeSet<InstanceId> {
        self.nodes.values().filter(|node| node.summary.takes_work()).filter_map(|node| node.instance.clone()).collect()
    }

    /// Whether anything may be new about nodes since this number was another.
    pub(in crate::agent) fn nodes_version(&self) -> u64 {
        self.nodes_version
    }

    /// The node of an instance, by the ID that the node knows; of several, one that takes work.
    pub(in crate::agent) fn node_on(&self, instance: &InstanceId) -> Option<&Arc<Node>> {
        let on_it = || self.on_instance.get(instance).into_iter().flatten().filter_map(|id| self.nodes.get(id));
        on_it().find(|node| node.summary.takes_work()).or_else(|| on_it().next())
    }

    /// Whether a node that takes work and does not know its instance has one of these addresses (P18).
    pub(in crate::agent) fn takes_work_at(&self, addresses: &[String]) -> bool {
        let at_one = |node: &&Arc<Node>| node.address.as_ref().is_some_and(|address| addresses.contains(address));
        let nameless = self.nodes.values().filter(|node| node.instance.is_none());
        nameless.filter(at_one).any(|node| node.summary.takes_work())
    }

    /// The nodes of a pool that take work and were first seen after this time.
    pub(in crate::agent) fn newcomers(&self, pool: &PoolName, since: Monotonic) -> Vec<Arc<Node>> {
        let is_new = |id: &NodeId| self.first_seen.get(id).is_some_and(|seen| *seen > since);
        let of_pool = self.pool_of.iter().filter(|(id, name)| *name == pool && is_new(id));
        of_pool.filter_map(|(id, _)| self.nodes.get(id).cloned()).collect()
    }

    /// All pools with a valid policy.
    pub(in crate::agent) fn pools(&mut self) -> Arc<BTreeMap<PoolName, ManagedPool>> {
        let pools = self.pools.take().unwrap_or_else(|| Arc::new(self.work_out_pools()));
        self.pools.insert(pools).clone()
    }

    /// Takes over in which order an earlier leader saw a pool's policies (P4).
    pub(in crate::agent) fn recall_policies(&mut self, pool: &PoolName, order: &[String]) -> Vec<Event> {
        self.seen_policies.recall(pool, order);
        self.discover_pools()
    }

    /// In which order a pool's policies were seen.
    pub(in crate::agent) fn policy_order(&self, pool: &PoolName) -> Vec<String> {
        self.seen_policies.order(pool)
    }

    pub(in crate::agent) fn set_allocations(&mut self, list: &[Arc<Allocation>]) {
        self.pools = None;
        self.burdens.clear();
        let before = std::mem::take(&mut self.allocations);
        let mut running: BTreeMap<&GroupKey, Vec<Arc<Allocation>>> = BTreeMap::new();
        self.node_of.clear();
        for allocation in list.iter().filter(|allocation| allocation.occupies_node()) {
            let burden = self.burdens.entry(allocation.node.clone()).or_default();
            burden.opaque |= allocation.opaque;
            self.node_of.insert(allocation.id.clone(), allocation.node.clone());
            if allocation.is_terminal() {
                continue;
            }
            burden.used += allocation.resources;
            if matches!(allocation.kind, JobKind::System | JobKind::Sysbatch) {
                burden.system += allocation.resources;
            }
            burden.allocations.push(allocation.clone());
            if !self.allocations.contains_key(&allocation.group) {
                self.allocations.insert(allocation.group.clone(), OfGroup::default());
            }
            let Some(of_group) = self.allocations.get_mut(&allocation.group) else { continue };
            of_group.nodes.insert(allocation.node.clone());
            if allocation.resources.cpu > of_group.most.cpu {
                of_group.most = allocation.resources;
            }
            if allocation.is_running() {
                running.entry(&allocation.group).or_default().push(allocation.clone());
            }
        }
        for (key, running) in running {
            if let Some(of_group) = self.allocations.get_mut(key) {
                of_group.running = before.get(key).map_or_else(Arc::default, |it| it.running.clone());
                if !is_same(&of_group.running, &running) {
                    of_group.running = running.into();
                }
            }
        }
    }

    pub(super) fn set_deployments(&mut self, list: &[Deployment]) {
        let mut latest: BTreeMap<&JobKey, &Deployment> = BTreeMap::new();
        for deployment in list {
            let newest = latest.entry(&deployment.job).or_insert(deployment);
            if deployment.create_index > newest.create_index {
                *newest = deployment;
            }
        }
        let active = latest.into_values().filter(|deployment| deployment.status.is_active());
        self.deploying = active.map(|deployment| (deployment.job.clone(), deployment.hang)).collect();
        self.deployments = list.iter().map(|deployment| (deployment.id.clone(), deployment.status)).collect();
    }

    pub(super) fn set_pool_policies(&mut self, policies: BTreeMap<String, Vec<u8>>) -> Vec<Event> {
        self.pool_policies = policies;
        self.fingerprints.clear();
        self.discover_pools()
    }

    /// Takes over all jobs as they are listed, and those that may be scaled as they were, or as `read` afresh.
    pub(in crate::agent) fn set_jobs(&mut self, listed: &[JobSummary], read: BTreeMap<JobKey, Arc<Job>>) -> Vec<Event> {
        self.listed_jobs = listed.iter().map(|job| (job.key.clone(), job.clone())).collect();
        let listed_jobs = &self.listed_jobs;
        self.jobs.retain(|key, _| listed_jobs.get(key).is_some_and(is_scalable));
        self.jobs.extend(read);
        self.unread_jobs.retain(|key| listed_jobs.contains_key(key));
        self.pools = None;
        let mut problems = BTreeMap::new();
        let mut managed = BTreeMap::new();
        for (key, job) in &self.jobs {
            for group in &job.groups {
                let group_key = GroupKey { job: key.clone(), group: group.name.clone() };
                let (policy, problem) = settle_group(group);
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

    /// Takes over what waits for room. The jobs of it whose groups are not known, or not as they are now.
    pub(in crate::agent) fn set_blocked(&mut self, blocked: Vec<BlockedWork>) -> Vec<JobKey> {
        let jobs: BTreeSet<&JobKey> = blocked.iter().map(|work| &work.group.job).collect();
        self.waiting_jobs.retain(|key, _| jobs.contains(key));
        let is_known = |key: &JobKey| {
            let known = self.jobs.get(key).or_else(|| self.waiting_jobs.get(key));
            let listed = self.listed_jobs.get(key);
            known.is_some_and(|job| listed.is_none_or(|listed| job.summary.modify_index >= listed.modify_index))
        };
        let unknown = jobs.into_iter().filter(|key| !is_known(key)).cloned().collect();
        self.blocked = blocked;
        unknown
    }

    pub(in crate::agent) fn set_waiting_job(&mut self, job: Arc<Job>) {
        self.waiting_jobs.insert(job.summary.key.clone(), job);
    }

    /// What waits for room, piece by piece, where its group is known; at most so many of each group.
    pub(in crate::agent) fn waiting(&self) -> Vec<(BlockedWork, Piece)> {
        let piece = |work: &BlockedWork| {
            let key = &work.group;
            let job = self.jobs.get(&key.job).or_else(|| self.waiting_jobs.get(&key.job))?;
            let group = job.group(&key.group)?;
            let piece = Piece {
                group: key.clone(),
                kind: job.summary.kind,
                asks: self.asks(key, group),
                needs: group.needs.clone(),
            };
            Some((work.clone(), piece))
        };
        self.blocked.iter().filter_map(piece).collect()
    }

    /// What one more allocation of a group takes. One with cores asks for no MHz: those of it that run tell.
    fn asks(&self, key: &GroupKey, group: &TaskGroup) -> Resources {
        let asked = group.resources();
        let has_cores = group.tasks.iter().any(|task| task.cores > 0 || task.cpu.0 == 0);
        match self.allocations.get(key).filter(|_| has_cores) {
            Some(of_group) => Resources { cpu: asked.cpu.max(of_group.most.cpu), ..asked },
            None => asked,
        }
    }

    /// The nodes of a pool as places for work, those that are left out aside.
    pub(in crate::agent) fn sites(&self, pool: &ManagedPool, leave_out: impl Fn(&NodeId) -> bool) -> Vec<Site> {
        let believed = pool.nodes.iter().filter(|load| !pool.is_odd(&load.node) && !leave_out(&load.node));
        believed.filter_map(|load| self.site(load)).collect()
    }

    fn site(&self, load: &NodeLoad) -> Option<Site> {
        let node = self.nodes.get(&load.node)?;
        let none = Burden::default();
        let burden = self.burdens.get(&load.node).unwrap_or(&none);
        let mut taken = Holdings::default();
        for holdings in burden.allocations.iter().filter_map(|allocation| allocation.holdings.as_ref()) {
            taken.ports.extend(&holdings.ports);
            for (name, count) in &holdings.devices {
                *taken.devices.entry(name.clone()).or_default() += count;
            }
        }
        Some(Site {
            node: load.node.clone(),
            name: node.summary.name.clone(),
            meta: node.meta.clone(),
            place: node.place.clone(),
            free: load.capacity.less(load.used),
            taken,
            groups: burden.allocations.iter().map(|allocation| allocation.group.clone()).collect(),
            allocations: u32::try_from(burden.allocations.len()).unwrap_or(u32::MAX),
        })
    }

    /// The nodes of a pool as they would be with nothing on them but what runs on every node; one of each kind.
    pub(in crate::agent) fn empty_sites(&self, pool: &ManagedPool) -> Vec<Site> {
        let mut kinds: Vec<Site> = Vec::new();
        for load in pool.nodes.iter().filter(|load| !pool.is_odd(&load.node)) {
            let Some(site) = self.site(load) else { continue };
            let empty = site.emptied(load.capacity, load.system);
            let alike = |kind: &Site| kind.free == empty.free && kind.place == empty.place && kind.meta == empty.meta;
            if !kinds.iter().any(alike) {
                kinds.push(empty);
            }
        }
        kinds
    }

    /// Finds the pools that nodes name, and settles their policies (P1, P3, P4).
    fn discover_pools(&mut self) -> Vec<Event> {
        self.pools = None;
        self.policies.clear();
        self.pool_of.clear();
        let mut names: BTreeMap<&str, PoolName> = BTreeMap::new();
        let mut members: BTreeMap<PoolName, Vec<Arc<Node>>> = BTreeMap::new();
        for node in self.nodes.values().filter(|node| node.summary.takes_work()) {
            if let Some(name) = node.meta.get(POOL_KEY).map(String::as_str) {
                let name = names.entry(name).or_insert_with(|| PoolName::from(name)).clone();
                members.entry(name).or_default().push(node.clone());
            }
        }
        let mut problems = self.pools_out_of_work(&members);
        for (name, mut nodes) in members {
            let age = |node: &Arc<Node>| node.summary.modify_index;
            nodes.sort_by(|a, b| age(a).cmp(&age(b)).then_with(|| a.summary.id.cmp(&b.summary.id)));
            let Settled { policy, others, mut problem } = self.settle_pool(&name, &nodes);
            if let Some(policy) = policy {
                self.pool_of.extend(nodes.iter().map(|node| (node.summary.id.clone(), name.clone())));
                self.policies.insert(name.clone(), (Arc::new(policy), others.into()));
            }
            for odd in odd_nodes(&nodes.iter().map(AsRef::as_ref).collect::<Vec<_>>()) {
                let shows = nodes.iter().find(|node| node.summary.id == odd.node);
                problem = join(problem, shows.map(|node| describe_odd(node, &odd)));
            }
            problems.extend(problem.map(|problem| (Resource::Pool(name), problem)));
        }
        self.replace_problems(problems, |resource| matches!(resource, Resource::Pool(_)))
    }

    /// Pools of which there are nodes, and none that takes work: there is no policy to go by.
    fn pools_out_of_work(&self, working: &BTreeMap<PoolName, Vec<Arc<Node>>>) -> BTreeMap<Resource, String> {
        let working: BTreeSet<&str> = working.keys().map(PoolName::as_str).collect();
        let mut idle: BTreeMap<PoolName, usize> = BTreeMap::new();
        for name in self.nodes.values().filter_map(|node| node.meta.get(POOL_KEY)) {
            if !working.contains(name.as_str()) {
                *idle.entry(name.as_str().into()).or_default() += 1;
            }
        }
        let word = |nodes| format!("none of its {nodes} nodes takes work: nothing is decided about it until one does");
        idle.into_iter().map(|(name, nodes)| (Resource::Pool(name), word(nodes))).collect()
    }

    /// The policy that changed last among the nodes of a pool, and what of the others (P4).
    fn settle_pool(&mut self, name: &PoolName, nodes: &[Arc<Node>]) -> Settled {
        let prints: Vec<Fingerprint> = nodes.iter().map(|node| self.fingerprint(node)).collect();
        let said = nodes.iter().map(|node| &node.summary.id).zip(prints.iter().cloned());
        let Some(holds) = self.seen_policies.settle(name, said) else { return Settled::default() };
        let mut settled = Settled::default();
        let mut heard: BTreeSet<&Fingerprint> = BTreeSet::new();
        let mut dissent: Vec<&str> = Vec::new();
        let mut example = None;
        for (node, print) in nodes.iter().zip(&prints) {
            let is_first = heard.insert(print);
            if *print == holds {
                example = example.or(Some(node.summary.name.as_str()));
                if is_first {
                    (settled.policy, settled.problem) = settle(read_pool_policy(&self.whole_meta(node)));
                }
                continue;
            }
            dissent.push(node.summary.name.as_str());
            if is_first {
                settled.others.extend(settle(read_pool_policy(&self.whole_meta(node))).0);
            }
        }
        if let Some(example) = example.filter(|_| !dissent.is_empty()) {
            let word = format!("{} of its nodes disagree with {example}: {}", dissent.len(), named(&dissent));
            settled.problem = join(settled.problem.take(), Some(word));
        }
        settled
    }

    /// What stands for the policy of a node. One in Consul that makes no sense is one like any other: the same for all nodes that
    /// rest on it.
    fn fingerprint(&mut self, node: &Arc<Node>) -> Fingerprint {
        if let Some((_, print)) = self.fingerprints.get(&node.summary.id).filter(|(known, _)| Arc::ptr_eq(known, node))
        {
            return print.clone();
        }
        let print = Fingerprint::of(self.whole_meta(node).as_ref().unwrap_or(&node.meta));
        self.fingerprints.insert(node.summary.id.clone(), (node.clone(), print.clone()));
        print
    }

    /// A node's `meta`, completed from Consul where it leaves the rest to that (P3).
    fn whole_meta(&self, node: &Node) -> Result<Arc<Meta>, crate::policy::PolicyError> {
        match wants_stored_policy(&node.meta).and_then(|pool| self.pool_policies.get(pool)) {
            None => Ok(node.meta.clone()),
            Some(stored) => with_stored_policy(&node.meta, stored).map(Arc::new),
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
        let mut members: BTreeMap<&PoolName, Vec<&Node>> = BTreeMap::new();
        for (id, name) in &self.pool_of {
            if let Some(node) = self.nodes.get(id) {
                members.entry(name).or_default().push(node);
            }
        }
        let load = |node: &&Node| {
            let burden = self.burdens.get(&node.summary.id);
            let (used, system) = burden.map_or_else(Default::default, |burden| (burden.used, burden.system));
            NodeLoad { node: node.summary.id.clone(), capacity: node.capacity, used, system }
        };
        let pool = |(name, (policy, others)): (&PoolName, &(Arc<PoolPolicy>, Arc<[PoolPolicy]>))| {
            let nodes = members.remove(name).unwrap_or_default();
            let pool = ManagedPool {
                policy: policy.clone(),
                others: others.clone(),
                nodes: nodes.iter().map(load).collect(),
                reserve: Resources::default(),
                odd: odd_nodes(&nodes).into(),
                nameless: nodes.iter().filter(|node| node.instance.is_none()).count(),
            };
            (name.clone(), pool)
        };
        let mut pools: BTreeMap<PoolName, ManagedPool> = self.policies.iter().map(pool).collect();
        for (key, managed) in &self.groups {
            let (Some(group), Some(of_group)) = (managed.group(key), self.allocations.get(key)) else { continue };
            let mut in_pools: BTreeSet<&PoolName> = BTreeSet::new();
            for node in &of_group.nodes {
                in_pools.extend(self.pool_of.get(node));
                if in_pools.len() == pools.len() {
                    break;
                }
            }
            for name in in_pools {
                if let Some(pool) = pools.get_mut(name) {
                    pool.reserve += self.asks(key, group);
                }
            }
        }
        pools
    }
}

/// What the nodes of a pool come to.
#[derive(Default)]
struct Settled {
    policy: Option<PoolPolicy>,
    others: Vec<PoolPolicy>,
    problem: Option<String>,
}

fn read_pool_policy(meta: &Result<Arc<Meta>, crate::policy::PolicyError>) -> Reading<PoolPolicy> {
    match meta {
        Ok(meta) => PoolPolicy::read(meta),
        Err(error) => Reading::Invalid(error.clone()),
    }
}

/// How many are named, at most; of more there is a count.
const MOST_NAMED: usize = 5;

fn named(names: &[&str]) -> String {
    let more = names.len().saturating_sub(MOST_NAMED);
    let first = names[..names.len() - more].join(", ");
    if more == 0 { first } else { format!("{first} and {more} more") }
}

fn join(first: Option<String>, second: Option<String>) -> Option<String> {
    match (first, second) {
        (Some(first), Some(second)) => Some(format!("{first}; {second}")),
        (first, second) => first.or(second),
    }
}

fn describe_odd(node: &Node, odd: &OddNode) -> String {
    let (shows, expected) = (node.capacity, odd.expected);
    format!(
        "node {} shows {} and {} where its like have {} and {}: no step rests on it (P34)",
        node.summary.name, shows.cpu, shows.memory, expected.cpu, expected.memory
    )
}

/// A group's policy within the bounds of its `scaling` block (J22), and what is wrong or dubious about it.
fn settle_group(group: &TaskGroup) -> (Option<GroupPolicy>, Option<String>) {
    let (policy, mut problem) = settle(GroupPolicy::read(&group.meta));
    if let Some(policy) = &policy {
        match policy.judge_ignored(group) {
            Ok(word) => problem = join(problem, word),
            Err(error) => return (None, join(problem, Some(error))),
        }
    }
    match (policy, group.scaling) {
        (Some(policy), Some(block)) => match policy.within(block) {
            Ok((policy, word)) => (Some(policy), join(problem, word)),
            Err(error) => (None, join(problem, Some(error))),
        },
        (policy, _) => (policy, problem),
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
        let mut node = Node { meta: Arc::new(meta), ..crate::testing::node(id) };
        node.summary.modify_index = modify_index;
        Arc::new(node)
    }

    fn views(nodes: Vec<Arc<Node>>) -> (Views, Vec<Event>) {
        let mut views = Views::default();
        let events = list(&mut views, nodes);
        (views, events)
    }

    fn list(views: &mut Views, nodes: Vec<Arc<Node>>) -> Vec<Event> {
        let listed: Vec<NodeSummary> = nodes.iter().map(|node| node.summary.clone()).collect();
        let read = nodes.into_iter().map(|node| (node.summary.id.clone(), node)).collect();
        views.set_nodes(&listed, read, Monotonic::default())
    }

    fn set_jobs(views: &mut Views, jobs: Vec<Arc<Job>>) -> Vec<Event> {
        let listed: Vec<JobSummary> = jobs.iter().map(|job| job.summary.clone()).collect();
        views.set_jobs(&listed, jobs.into_iter().map(|job| (job.summary.key.clone(), job)).collect())
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
        set_jobs(&mut views, vec![service()]);
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
        views.set_allocations(&[]);
        assert_eq!(views.pools()[&"workers".into()].reserve, Resources::default(), "no work here, no reserve");
    }

    #[test]
    fn j2_j3_only_groups_with_a_whole_policy_are_managed() {
        let mut views = Views::default();
        let events = set_jobs(&mut views, vec![service()]);
        let managed: Vec<&str> = views.groups().map(|key| key.group.as_str()).collect();
        assert_eq!(managed, ["g"]);
        let [Event::Policy { resource, problem: Some(problem) }] = &events[..] else { panic!("{events:?}") };
        assert_eq!(resource.to_string(), "group web/broken");
        assert!(problem.contains("replicator_min is missing"), "{problem}");
        let again = set_jobs(&mut views, vec![service()]);
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
        assert_eq!(views.hang(&JobKey::in_default("web")), None);
    }

    #[test]
    fn j6_a_hanging_deployment_is_told_apart() {
        let mut views = Views::default();
        let hanging = Deployment { hang: Some(Hang::AwaitsPromotion), ..deployment("d", 1, DeploymentStatus::Running) };
        views.set_deployments(&[hanging]);
        assert_eq!(views.hang(&JobKey::in_default("web")), Some(Hang::AwaitsPromotion));
    }

    #[test]
    fn s4_a_node_that_is_listed_and_was_not_read_is_not_gone() {
        let now = |second| Monotonic::at(Duration::from_secs(second));
        let mut views = Views::default();
        views.mark(Feed::Nodes, true, now(0));
        let listed = [node("a", 1, pool_meta("60")).summary.clone()];
        views.unread_nodes.mark(&"a".into(), false, now(0));
        views.set_nodes(&listed, BTreeMap::new(), now(0));
        assert_eq!(views.blind_spot(&[Feed::Nodes], now(1)), Some(Feed::Nodes), "it may be of any pool");
        views.mark(Feed::Nodes, true, now(181));
        assert_eq!(views.blind_spot(&[Feed::Nodes], now(181)), None, "one that is never read holds nobody up for ever");
        views.unread_nodes.mark(&"a".into(), true, now(182));
        list(&mut views, vec![node("a", 1, pool_meta("60"))]);
        assert_eq!(views.pools().len(), 1);
        // Its page cannot be read again, and the list says that it is being drained.
        let mut drained = node("a", 2, pool_meta("60")).summary.clone();
        drained.draining = true;
        views.set_nodes(&[drained], BTreeMap::new(), now(190));
        assert!(views.node(&"a".into()).is_some_and(|node| node.summary.draining));
        assert!(views.pools().is_empty(), "what the list says of its state counts");
    }

    #[test]
    fn p4_the_policy_that_changed_last_holds_and_a_step_in_is_for_all() {
        let (mut views, _) = views(vec![node("a", 5, pool_meta("60")), node("b", 9, pool_meta("120"))]);
        list(&mut views, vec![node("a", 11, pool_meta("60")), node("b", 9, pool_meta("120"))]);
        let pools = views.pools();
        let pool = &pools[&"workers".into()];
        assert_eq!(pool.policy.cooldown.as_secs(), 120, "a drain of the older one changes nothing");
        assert_eq!(pool.others.iter().map(|other| other.cooldown.as_secs()).collect::<Vec<_>>(), [60]);
        let mut next = views_of_another_leader(&views);
        let pools = next.pools();
        assert_eq!(pools[&"workers".into()].policy.cooldown.as_secs(), 120, "the next leader goes by the same");
    }

    fn views_of_another_leader(views: &Views) -> Views {
        let (mut next, _) = self::views(views.nodes.values().cloned().collect());
        next.recall_policies(&"workers".into(), &views.policy_order(&"workers".into()));
        next
    }

    #[test]
    fn p34_an_odd_node_is_named() {
        let odd =
            Arc::new(Node { capacity: Resources::new(100, 2000, 0), ..Node::clone(&node("b", 1, pool_meta("60"))) });
        let (mut views, events) = views(vec![node("a", 1, pool_meta("60")), odd]);
        let [Event::Policy { problem: Some(problem), .. }] = &events[..] else { panic!("{events:?}") };
        let words =
            "node b shows 100 MHz and 2000 MiB where its like have 1000 MHz and 2000 MiB: no step rests on it (P34)";
        assert_eq!(problem, words);
        assert_eq!(views.pools()[&"workers".into()].odd.len(), 1);
    }

    #[test]
    fn p7_the_reserve_of_tasks_with_cores_is_what_their_clients_gave_them() {
        let (mut views, _) = views(vec![node("a", 1, pool_meta("60"))]);
        let mut job = Job::clone(&service());
        job.groups[0].tasks[0].cpu = crate::domain::MegaHertz(0);
        job.groups[0].tasks[0].cores = 1;
        set_jobs(&mut views, vec![Arc::new(job)]);
        let running = Allocation {
            resources: Resources::new(500, 100, 0),
            ..Allocation::clone(&allocation("1", "a", DesiredStatus::Run))
        };
        views.set_allocations(&[Arc::new(running)]);
        assert_eq!(views.pools()[&"workers".into()].reserve.cpu.0, 500);
    }

    #[test]
    fn p12_system_jobs_are_told_apart() {
        let (mut views, _) = views(vec![node("a", 1, pool_meta("60"))]);
        let agent =
            Allocation { kind: JobKind::System, ..Allocation::clone(&allocation("1", "a", DesiredStatus::Run)) };
        views.set_allocations(&[Arc::new(agent), allocation("2", "a", DesiredStatus::Run)]);
        let pools = views.pools();
        let load = &pools[&"workers".into()].nodes[0];
        assert_eq!((load.used.cpu.0, load.system.cpu.0), (600, 300));
    }

    #[test]
    fn p30_work_that_waits_is_known_with_what_it_asks_for() {
        let mut views = Views::default();
        let key = crate::testing::group_key("web", "g");
        let blocked = BlockedWork { group: key, count: 2, lacks: "memory exhausted on 2 nodes".into() };
        let unknown = views.set_blocked(vec![blocked.clone()]);
        assert_eq!(unknown, [JobKey::in_default("web")], "its job is to be read");
        assert!(views.waiting().is_empty());
        views.set_waiting_job(service());
        assert_eq!(views.set_blocked(vec![blocked]), []);
        let waiting = views.waiting();
        assert_eq!((waiting[0].0.count, waiting[0].1.asks), (2, Resources::new(300, 100, 0)));
    }

    #[test]
    fn j22_the_scaling_block_of_a_job_bounds_its_policy() {
        let mut job = Job::clone(&service());
        job.groups[0].scaling = Some(crate::domain::ScalingBlock { min: 1, max: Some(1), enabled: true });
        let mut views = Views::default();
        set_jobs(&mut views, vec![Arc::new(job)]);
        let key = crate::testing::group_key("web", "g");
        assert_eq!(views.group(&key).map(|managed| managed.policy.max), Some(1));
    }
}
