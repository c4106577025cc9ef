//! The tables of the simulated Nomad, and the life of nodes and allocations.

use std::collections::BTreeSet;
use std::sync::Arc;

use replicator::domain::{
    Allocation, AllocationId, ClientStatus, DeploymentId, DeploymentStatus, DesiredStatus, Eligibility, EvaluationId,
    EvaluationStatus, Job, JobKind, JobSummary, MebiBytes, MegaHertz, Node, NodeId, NodeStatus, NodeSummary, Resources,
    Task, TaskGroup, TaskSpan,
};

use super::{Happening, Signal, Topic, World};
use crate::scenario::{Plan, PolicyHome};
use crate::time::Millis;

/// How long a running allocation of a job without `update` takes to count as healthy: Nomad's default.
const DEFAULT_HEALTHY_AFTER: Millis = Millis::secs(10);
/// Nomad's heartbeat TTL with its grace: between these, after a client dies, its node is down.
const MISSED_AFTER: (Millis, Millis) = (Millis::secs(15), Millis::secs(35));

/// Nomad's tables.
pub(super) struct Nomad {
    /// Counts every change, as Raft does.
    pub(super) index: u64,
    pub(super) nodes: Vec<SimNode>,
    pub(super) jobs: Vec<SimJob>,
    pub(super) groups: Vec<SimGroup>,
    pub(super) allocations: Vec<SimAllocation>,
    pub(super) deployments: Vec<SimDeployment>,
    pub(super) evaluations: Vec<SimEvaluation>,
    /// Jobs with work that could not be placed.
    pub(super) blocked: BTreeSet<usize>,
    /// Allocations that occupy their nodes.
    pub(super) live: BTreeSet<usize>,
    /// The index of the last change of each table.
    pub(super) indexes: TableIndexes,
    pub(super) lists: Lists,
}

#[derive(Debug, Default)]
pub(super) struct TableIndexes {
    pub(super) jobs: u64,
    pub(super) nodes: u64,
    pub(super) allocations: u64,
    pub(super) deployments: u64,
}

/// Lists as they were last asked for, until something changes.
#[derive(Default)]
pub(super) struct Lists {
    pub(super) jobs: Option<Arc<[JobSummary]>>,
    pub(super) nodes: Option<Arc<[NodeSummary]>>,
    pub(super) allocations: Option<Arc<[Arc<Allocation>]>>,
    pub(super) deployments: Option<Arc<[replicator::domain::Deployment]>>,
}

pub(super) struct SimNode {
    pub(super) id: NodeId,
    pub(super) name: String,
    pub(super) pool: usize,
    pub(super) instance: usize,
    /// Whether its instance runs, whatever Nomad believes.
    pub(super) alive: bool,
    pub(super) status: NodeStatus,
    pub(super) draining: bool,
    pub(super) eligibility: Eligibility,
    pub(super) modify_index: u64,
    pub(super) free: Resources,
    /// Allocations that occupy it.
    pub(super) allocations: BTreeSet<usize>,
}

impl SimNode {
    /// Whether the scheduler may place work on it.
    pub(super) fn takes_work(&self) -> bool {
        self.status == NodeStatus::Ready && self.eligibility == Eligibility::Eligible && !self.draining
    }
}

pub(super) struct SimJob {
    pub(super) modify_index: u64,
    /// How often it was changed.
    pub(super) version: u64,
    pub(super) deployment: Option<usize>,
    pub(super) detail: Option<Arc<Job>>,
}

pub(super) struct SimGroup {
    pub(super) count: u32,
    /// Allocations that shall run and have not ended.
    pub(super) allocations: BTreeSet<usize>,
    /// Their numbers.
    pub(super) numbers: BTreeSet<u32>,
    /// How many of them are healthy and take load.
    pub(super) serving: u32,
    /// How many batch allocations are done.
    pub(super) completed: u32,
    /// What was asked of its count through the API, the newest first.
    pub(super) scaled: Vec<ScalingEvent>,
}

/// Somebody asked for another count.
#[derive(Debug, Clone)]
pub(super) struct ScalingEvent {
    pub(super) at: Millis,
    pub(super) index: u64,
    pub(super) from: u32,
    /// The count, where it was taken.
    pub(super) to: Option<u32>,
    pub(super) message: String,
    pub(super) evaluation: Option<usize>,
}

pub(super) struct SimAllocation {
    pub(super) id: AllocationId,
    pub(super) group: usize,
    /// Its number in its name.
    pub(super) number: u32,
    pub(super) node: usize,
    pub(super) desired: DesiredStatus,
    pub(super) client: ClientStatus,
    pub(super) serving: bool,
    pub(super) created: Millis,
    pub(super) create_index: u64,
    pub(super) modify_index: u64,
    /// The version of its job that it runs.
    pub(super) version: u64,
    /// As it was last listed, until it changes.
    pub(super) listed: Option<Arc<Allocation>>,
}

pub(super) struct SimDeployment {
    pub(super) id: DeploymentId,
    pub(super) job: usize,
    pub(super) job_modify_index: u64,
    pub(super) create_index: u64,
    pub(super) modify_index: u64,
    pub(super) status: DeploymentStatus,
    /// When the allocations that stay as they are have proven healthy again.
    pub(super) proven_at: Millis,
    /// When it fails, unless there is progress before.
    pub(super) progress_by: Millis,
}

pub(super) struct SimEvaluation {
    pub(super) id: EvaluationId,
    pub(super) job: usize,
    pub(super) status: EvaluationStatus,
    pub(super) deployment: Option<usize>,
    /// Whether it came from a change of the job, so that a deployment is due.
    pub(super) of_change: bool,
    pub(super) created: Millis,
    pub(super) create_index: u64,
}

/// An identifier of the form of a UUID, that holds a number.
pub(super) fn uuid(kind: u8, number: usize) -> String {
    format!("{number:08x}-{kind:04x}-4000-8000-{number:012x}")
}

/// The number that an identifier holds.
pub(super) fn number_of(id: &str) -> Option<usize> {
    usize::from_str_radix(id.get(..8)?, 16).ok()
}

impl Nomad {
    pub(super) fn new(plan: &Plan) -> Self {
        let index = 10;
        Self {
            index,
            nodes: Vec::new(),
            jobs: plan
                .jobs
                .iter()
                .map(|_| SimJob { modify_index: index, version: 0, deployment: None, detail: None })
                .collect(),
            groups: plan
                .groups
                .iter()
                .map(|group| SimGroup {
                    count: group.count,
                    allocations: BTreeSet::new(),
                    numbers: BTreeSet::new(),
                    serving: 0,
                    completed: 0,
                    scaled: Vec::new(),
                })
                .collect(),
            allocations: Vec::new(),
            deployments: Vec::new(),
            evaluations: Vec::new(),
            blocked: BTreeSet::new(),
            live: BTreeSet::new(),
            indexes: TableIndexes { jobs: index, nodes: index, allocations: index, deployments: index },
            lists: Lists::default(),
        }
    }
}

impl World {
    /// Counts a change of a table and wakes who waits for it.
    pub(super) fn nomad_changed(&mut self, topic: Topic) -> u64 {
        self.nomad.index += 1;
        let index = self.nomad.index;
        match topic {
            Topic::Jobs => {
                self.nomad.lists.jobs = None;
                self.nomad.indexes.jobs = index;
            }
            Topic::Nodes => {
                self.nomad.lists.nodes = None;
                self.nomad.indexes.nodes = index;
            }
            Topic::Allocations => {
                self.nomad.lists.allocations = None;
                self.nomad.indexes.allocations = index;
            }
            Topic::Deployments => {
                self.nomad.lists.deployments = None;
                self.nomad.indexes.deployments = index;
            }
            Topic::Consul => {}
        }
        self.changed(topic);
        index
    }

    pub(super) fn node_changed(&mut self, node: usize) {
        self.nomad.nodes[node].modify_index = self.nomad_changed(Topic::Nodes);
    }

    pub(super) fn allocation_changed(&mut self, allocation: usize) {
        self.nomad.allocations[allocation].listed = None;
        self.nomad.allocations[allocation].modify_index = self.nomad_changed(Topic::Allocations);
    }

    pub(super) fn allocation_name(&self, allocation: usize) -> String {
        let it = &self.nomad.allocations[allocation];
        format!("{}[{}]", self.plan.groups[it.group].key, it.number)
    }

    /// A node joins, ready.
    pub(super) fn node_joins(&mut self, instance: usize) {
        if !self.cloud.may_join(instance) {
            return;
        }
        let pool = self.cloud.instances[instance].pool;
        let number = self.nomad.nodes.len();
        let (name, free) = (format!("{}-{number}", self.plan.pools[pool].name), self.plan.pools[pool].capacity());
        let node = SimNode {
            id: uuid(1, number).into(),
            name: name.clone(),
            pool,
            instance,
            alive: true,
            status: NodeStatus::Ready,
            draining: false,
            eligibility: Eligibility::Eligible,
            modify_index: 0,
            free,
            allocations: BTreeSet::new(),
        };
        self.cloud.instances[instance].node = Some(number);
        self.nomad.nodes.push(node);
        self.node_changed(number);
        let id = self.cloud.instances[instance].id.clone();
        self.note(|| format!("node {name} joins on {id}"));
        self.capacity_grew();
        self.run_system_jobs();
    }

    /// The client of a node is gone: what runs there serves nobody any more, though Nomad does not know yet.
    pub(super) fn client_dies(&mut self, node: usize) {
        if !std::mem::replace(&mut self.nomad.nodes[node].alive, false) {
            return;
        }
        for allocation in self.nomad.nodes[node].allocations.clone() {
            self.stops_serving(allocation);
        }
        let (soonest, latest) = MISSED_AFTER;
        let spread = crate::scenario::Delay::Uniform { min: soonest, max: latest };
        let at = self.now + self.streams.heartbeat.delay(spread);
        self.schedule(at, Happening::NodeMissed(node));
    }

    pub(super) fn node_missed(&mut self, node: usize) {
        self.nomad.nodes[node].status = NodeStatus::Down;
        self.nomad.nodes[node].draining = false;
        self.node_changed(node);
        let name = self.nomad.nodes[node].name.clone();
        self.note(|| format!("node {name} is down"));
        let mut jobs = BTreeSet::new();
        for allocation in self.nomad.nodes[node].allocations.clone() {
            jobs.insert(self.plan.groups[self.nomad.allocations[allocation].group].job);
            self.allocation_ends(allocation, ClientStatus::Lost);
        }
        for job in jobs {
            self.reconcile_job(job);
        }
    }

    pub(super) fn allocation_starts(&mut self, allocation: usize) {
        let it = &mut self.nomad.allocations[allocation];
        if it.client != ClientStatus::Pending || it.desired != DesiredStatus::Run {
            return;
        }
        if !self.nomad.nodes[it.node].alive {
            return;
        }
        it.client = ClientStatus::Running;
        let group = it.group;
        self.allocation_changed(allocation);
        let name = self.allocation_name(allocation);
        self.note(|| format!("allocation {name} runs"));
        let job = &self.plan.jobs[self.plan.groups[group].job];
        let healthy_after = job.update.map_or(DEFAULT_HEALTHY_AFTER, |update| update.min_healthy_time);
        let kind = job.kind;
        self.schedule(self.now + healthy_after, Happening::AllocationTurnsHealthy(allocation));
        if kind == JobKind::Batch {
            let runtime = self.plan.groups[group].runtime;
            let at = self.now + self.streams.start[group].delay(runtime);
            self.schedule(at, Happening::AllocationCompletes(allocation));
        }
        self.agent_may_start(allocation);
    }

    pub(super) fn allocation_turns_healthy(&mut self, allocation: usize) {
        let it = &mut self.nomad.allocations[allocation];
        let well = it.client == ClientStatus::Running && it.desired == DesiredStatus::Run;
        if !well || it.serving || !self.nomad.nodes[it.node].alive {
            return;
        }
        it.serving = true;
        let group = it.group;
        self.nomad.groups[group].serving += 1;
        self.deployment_progresses(self.plan.groups[group].job);
        self.migrate_from_draining_nodes();
    }

    pub(super) fn allocation_completes(&mut self, allocation: usize) {
        let it = &self.nomad.allocations[allocation];
        if it.client != ClientStatus::Running || !self.nomad.nodes[it.node].alive {
            return;
        }
        let group = it.group;
        self.nomad.groups[group].completed += 1;
        let name = self.allocation_name(allocation);
        self.note(|| format!("allocation {name} is complete"));
        self.allocation_ends(allocation, ClientStatus::Complete);
    }

    /// Tells an allocation to stop.
    pub(super) fn stop_allocation(&mut self, allocation: usize) {
        let it = &mut self.nomad.allocations[allocation];
        it.desired = DesiredStatus::Stop;
        let group = it.group;
        self.leaves_group(allocation);
        self.stops_serving(allocation);
        self.allocation_changed(allocation);
        let at = self.now + self.plan.groups[group].kill_timeout;
        self.schedule(at, Happening::AllocationStopped(allocation));
        if let Some(agent) = self.agent_of(allocation) {
            self.agents[agent].allocation = None;
            self.signals.push(Signal::Stop(agent));
        }
    }

    pub(super) fn allocation_stopped(&mut self, allocation: usize) {
        if self.nomad.live.contains(&allocation) && self.nomad.nodes[self.nomad.allocations[allocation].node].alive {
            let name = self.allocation_name(allocation);
            self.note(|| format!("allocation {name} has stopped"));
            self.allocation_ends(allocation, ClientStatus::Complete);
        }
    }

    /// An allocation has ended: its resources are free, and others may take them.
    fn allocation_ends(&mut self, allocation: usize, client: ClientStatus) {
        self.stops_serving(allocation);
        let it = &mut self.nomad.allocations[allocation];
        it.client = client;
        let (group, node) = (it.group, it.node);
        self.leaves_group(allocation);
        self.nomad.live.remove(&allocation);
        let resources = self.plan.groups[group].resources();
        let node_state = &mut self.nomad.nodes[node];
        node_state.allocations.remove(&allocation);
        node_state.free += resources;
        self.allocation_changed(allocation);
        if let Some(agent) = self.agent_of(allocation) {
            self.agents[agent].allocation = None;
            self.signals.push(Signal::Kill(agent));
        }
        self.capacity_grew();
        self.finish_drain(node);
    }

    /// An allocation does not count for its group any more; its number is free.
    fn leaves_group(&mut self, allocation: usize) {
        let it = &self.nomad.allocations[allocation];
        let group = &mut self.nomad.groups[it.group];
        if group.allocations.remove(&allocation) {
            group.numbers.remove(&it.number);
        }
    }

    fn stops_serving(&mut self, allocation: usize) {
        let it = &mut self.nomad.allocations[allocation];
        if std::mem::replace(&mut it.serving, false) {
            self.nomad.groups[it.group].serving -= 1;
        }
    }

    fn agent_of(&self, allocation: usize) -> Option<usize> {
        self.agents.iter().position(|slot| slot.allocation == Some(allocation))
    }

    /// An allocation of the group that agents run in starts an agent that has none.
    fn agent_may_start(&mut self, allocation: usize) {
        let it = &self.nomad.allocations[allocation];
        if self.plan.agents.runs_in != Some(it.group) {
            return;
        }
        let id = it.id.clone();
        if let Some(agent) = self.agents.iter().position(|slot| slot.allocation.is_none()) {
            self.agents[agent].allocation = Some(allocation);
            self.signals.push(Signal::Start(agent, Some(id)));
        }
    }

    /// At the start of a run, what was placed runs already.
    pub(super) fn start_with_allocations_running(&mut self) {
        for allocation in 0..self.nomad.allocations.len() {
            self.allocation_starts(allocation);
            self.allocation_turns_healthy(allocation);
        }
    }

    pub(super) fn set_count(&mut self, group: usize, count: u32) -> u64 {
        let job = self.plan.groups[group].job;
        self.nomad.groups[group].count = count;
        let index = self.nomad_changed(Topic::Jobs);
        self.nomad.jobs[job].modify_index = index;
        self.nomad.jobs[job].version += 1;
        self.nomad.jobs[job].detail = None;
        let key = self.plan.groups[group].key.clone();
        self.note(|| format!("group {key} shall have {count}"));
        index
    }

    pub(super) fn job_summary(&self, job: usize) -> JobSummary {
        JobSummary {
            key: self.plan.jobs[job].key.clone(),
            kind: self.plan.jobs[job].kind,
            is_parent: false,
            stopped: false,
            modify_index: self.nomad.jobs[job].modify_index,
        }
    }

    pub(super) fn job_detail(&mut self, job: usize) -> Arc<Job> {
        if let Some(detail) = &self.nomad.jobs[job].detail {
            return detail.clone();
        }
        let groups = self.plan.jobs[job].groups.clone().map(|group| {
            let plan = &self.plan.groups[group];
            TaskGroup {
                name: plan.key.group.clone(),
                count: self.nomad.groups[group].count,
                meta: plan.meta.clone(),
                tasks: plan
                    .tasks
                    .iter()
                    .map(|task| Task {
                        name: task.name.clone(),
                        cpu: MegaHertz(task.cpu.into()),
                        memory: MebiBytes(task.memory.into()),
                        span: TaskSpan::Throughout,
                    })
                    .collect(),
                disk: MebiBytes(plan.disk.into()),
            }
        });
        let detail = Arc::new(Job { summary: self.job_summary(job), groups: groups.collect() });
        self.nomad.jobs[job].detail = Some(detail.clone());
        detail
    }

    pub(super) fn node_summary(&self, node: usize) -> NodeSummary {
        let it = &self.nomad.nodes[node];
        NodeSummary {
            id: it.id.clone(),
            name: it.name.clone(),
            status: it.status,
            draining: it.draining,
            eligibility: it.eligibility,
            modify_index: it.modify_index,
        }
    }

    pub(super) fn node_detail(&self, node: usize) -> Node {
        let it = &self.nomad.nodes[node];
        let pool = &self.plan.pools[it.pool];
        let named = |(key, _): &(&String, &String)| {
            pool.policy_in == PolicyHome::Meta || key.as_str() == replicator::policy::POOL_KEY
        };
        let instance = &self.cloud.instances[it.instance];
        Node {
            summary: self.node_summary(node),
            meta: pool.meta.iter().filter(named).map(|(key, value)| (key.clone(), value.clone())).collect(),
            capacity: pool.capacity(),
            instance: Some(instance.id.clone()),
            address: Some(instance.address.clone()),
        }
    }

    pub(super) fn listed_allocation(&mut self, allocation: usize) -> Arc<Allocation> {
        if let Some(listed) = &self.nomad.allocations[allocation].listed {
            return listed.clone();
        }
        let it = &self.nomad.allocations[allocation];
        let plan = &self.plan.groups[it.group];
        let listed = Arc::new(Allocation {
            id: it.id.clone(),
            group: plan.key.clone(),
            kind: self.plan.jobs[plan.job].kind,
            node: self.nomad.nodes[it.node].id.clone(),
            desired: it.desired,
            client: it.client,
            resources: plan.resources(),
        });
        self.nomad.allocations[allocation].listed = Some(listed.clone());
        listed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_hold_their_number() {
        assert_eq!(uuid(2, 42), "0000002a-0002-4000-8000-00000000002a");
        assert_eq!(number_of(&uuid(2, 42)), Some(42));
        assert_eq!(number_of("short"), None);
    }
}
