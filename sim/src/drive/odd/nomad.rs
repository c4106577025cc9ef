//! Odd answers of Nomad.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use replicator::domain::{
    Ailing, Allocation, AllocationId, AllocationStats, BlockedWork, ClientStatus, Deployment, DeploymentStatus,
    Evaluation, EvaluationId, GroupKey, InstanceId, Job, JobKey, JobSummary, MebiBytes, MegaHertz, MemoryStats, Node,
    NodeId, NodeStatus, NodeSummary, Occupant, Resources, TaskUsage,
};
use replicator::ports::{DrainOrder, Indexed, Nomad, PortError, Ports, ScaleAccepted, ScaleRequest, Service, Wait};

use super::{HUGE, OddPorts, Told};
use crate::plan::OddKind;

/// What was answered before, and what the agent is to forget.
#[derive(Default)]
pub(super) struct Earlier {
    jobs: Told<JobSummary>,
    nodes: Told<NodeSummary>,
    allocations: Told<Arc<Allocation>>,
    deployments: Told<Deployment>,
    /// Jobs that were told oddly. They are left out of the next list, so that they are read again: as on a real server, what
    /// is read stays as it is known until it changes.
    odd_jobs: RefCell<BTreeSet<JobKey>>,
    /// By how much the index of a node that was told oddly is ahead, to the same end.
    ahead: RefCell<BTreeMap<NodeId, u64>>,
}

impl<P: Ports> OddPorts<P> {
    /// A node's index, as the agent is told.
    fn index_of(&self, node: &NodeSummary) -> u64 {
        node.modify_index + self.lists.ahead.borrow().get(&node.id).copied().unwrap_or_default()
    }

    fn bend_node(&self, node: &mut Node) {
        let before = node.clone();
        if self.strikes(OddKind::Zeros) {
            node.capacity.cpu = MegaHertz(0);
        }
        if self.strikes(OddKind::Huge) {
            node.capacity.memory = MebiBytes(HUGE);
        }
        if self.strikes(OddKind::Absences) {
            (node.instance, node.address) = (None, None);
        }
        if self.strikes(OddKind::Empty) {
            node.meta = Arc::default();
        }
        if *node != before {
            *self.lists.ahead.borrow_mut().entry(node.summary.id.clone()).or_default() += 1;
        }
    }

    fn bend_job(&self, job: &mut Job) {
        let before = job.clone();
        self.bend_one(OddKind::Zeros, &mut job.groups, |group| {
            group.count = 0;
            group.tasks.iter_mut().for_each(|task| task.cpu = MegaHertz(0));
        });
        self.bend_one(OddKind::Huge, &mut job.groups, |group| {
            group.count = u32::MAX;
            group.tasks.iter_mut().for_each(|task| task.memory = MebiBytes(HUGE));
        });
        self.bend_one(OddKind::Absences, &mut job.groups, |group| group.tasks.clear());
        if *job != before {
            self.lists.odd_jobs.borrow_mut().insert(job.summary.key.clone());
        }
    }

    fn bend_allocations(&self, list: &mut [Arc<Allocation>]) {
        let with = |allocation: &mut Arc<Allocation>, bend: fn(&mut Allocation)| bend(Arc::make_mut(allocation));
        self.bend_one(OddKind::Zeros, list, |it| with(it, |it| it.resources = Resources::default()));
        self.bend_one(OddKind::Huge, list, |it| with(it, |it| it.resources.memory = MebiBytes(HUGE)));
        self.bend_one(OddKind::States, list, |it| with(it, |it| it.client = ClientStatus::Unknown));
    }

    fn bend_statistics(&self, statistics: &mut AllocationStats) {
        let tasks = &mut statistics.tasks;
        self.bend_one(OddKind::Zeros, tasks, |task| task.cpu_mhz = Some(0.0));
        self.bend_one(OddKind::Huge, tasks, |task| {
            (task.cpu_mhz, task.memory.rss) = (Some(f64::MAX), Some(HUGE));
        });
        self.bend_one(OddKind::States, tasks, |task| task.cpu_mhz = Some(f64::NAN));
        self.bend_one(OddKind::Absences, tasks, |task| {
            (task.cpu_mhz, task.memory) = (None, MemoryStats::default());
        });
        if self.strikes(OddKind::Absences) {
            tasks.pop();
        }
        if self.strikes(OddKind::Empty) {
            tasks.clear();
        }
        if self.strikes(OddKind::Twins) {
            tasks.extend(tasks.first().cloned());
        }
        if self.strikes(OddKind::Uncollected) {
            statistics.collected = false;
            tasks.iter_mut().for_each(unmeasure);
        }
    }
}

fn unmeasure(task: &mut TaskUsage) {
    (task.cpu_mhz, task.memory) = (Some(0.0), MemoryStats { rss: Some(0), usage: Some(0) });
}

fn owned<T: Clone>(answer: &Indexed<Arc<[T]>>) -> Indexed<Vec<T>> {
    Indexed { index: answer.index, value: answer.value.to_vec() }
}

fn shared<T>(answer: Indexed<Vec<T>>) -> Indexed<Arc<[T]>> {
    Indexed { index: answer.index, value: answer.value.into() }
}

impl<P: Ports> Nomad for OddPorts<P> {
    async fn is_led(&self) -> Result<(), PortError> {
        self.travel(Service::Nomad, "ask who leads").await?;
        self.inner.nomad().is_led().await
    }

    async fn jobs(&self, wait: Option<Wait>) -> Result<Indexed<Arc<[JobSummary]>>, PortError> {
        self.travel(Service::Nomad, "list jobs").await?;
        self.believe(&self.lists.jobs).await;
        let answer = self.inner.nomad().jobs(wait).await?;
        let odd = std::mem::take(&mut *self.lists.odd_jobs.borrow_mut());
        let bent =
            self.bend_indexed(owned(&answer), &self.lists.jobs, |jobs| jobs.retain(|job| !odd.contains(&job.key)));
        Ok(shared(bent))
    }

    async fn job(&self, key: &JobKey) -> Result<Arc<Job>, PortError> {
        self.travel(Service::Nomad, "read job").await?;
        let mut job = self.inner.nomad().job(key).await?;
        self.bend_job(Arc::make_mut(&mut job));
        Ok(job)
    }

    async fn nodes(&self, wait: Option<Wait>) -> Result<Indexed<Arc<[NodeSummary]>>, PortError> {
        self.travel(Service::Nomad, "list nodes").await?;
        self.believe(&self.lists.nodes).await;
        let answer = self.inner.nomad().nodes(wait).await?;
        let bent = self.bend_indexed(owned(&answer), &self.lists.nodes, |nodes| {
            for node in nodes.iter_mut() {
                node.modify_index = self.index_of(node);
            }
            self.bend_one(OddKind::States, nodes, |node| node.status = NodeStatus::Disconnected);
            self.bend_one(OddKind::States, nodes, |node| node.status = NodeStatus::Initializing);
        });
        Ok(shared(bent))
    }

    async fn node(&self, id: &NodeId) -> Result<Arc<Node>, PortError> {
        self.travel(Service::Nomad, "read node").await?;
        let mut node = self.inner.nomad().node(id).await?;
        let it = Arc::make_mut(&mut node);
        it.summary.modify_index = self.index_of(&it.summary);
        self.bend_node(it);
        Ok(node)
    }

    async fn nodes_on(&self, instance: &InstanceId) -> Result<Vec<Arc<Node>>, PortError> {
        self.travel(Service::Nomad, "list nodes").await?;
        let mut nodes = self.inner.nomad().nodes_on(instance).await?;
        self.bend_list(&mut nodes);
        for node in &mut nodes {
            self.bend_node(Arc::make_mut(node));
        }
        // Whoever forgot its instance is not found by it.
        nodes.retain(|node| node.instance.is_some());
        Ok(nodes)
    }

    async fn allocations(&self, wait: Option<Wait>) -> Result<Indexed<Arc<[Arc<Allocation>]>>, PortError> {
        self.travel(Service::Nomad, "list allocations").await?;
        self.believe(&self.lists.allocations).await;
        let answer = self.inner.nomad().allocations(wait).await?;
        let bent = self.bend_indexed(owned(&answer), &self.lists.allocations, |list| self.bend_allocations(list));
        Ok(shared(bent))
    }

    /// May be slow, fail, or have something twice; it never lacks anything.
    async fn occupants(&self, node: &NodeId) -> Result<Vec<Occupant>, PortError> {
        self.travel(Service::Nomad, "read allocations of node").await?;
        let mut occupants = self.inner.nomad().occupants(node).await?;
        self.bend_one(OddKind::Huge, &mut occupants, |it| it.allocation.resources.memory = MebiBytes(HUGE));
        self.bend_one(OddKind::States, &mut occupants, |it| it.allocation.client = ClientStatus::Unknown);
        if self.strikes(OddKind::Twins) {
            occupants.extend(occupants.first().cloned());
        }
        Ok(occupants)
    }

    async fn ailing(&self, group: &GroupKey) -> Result<Option<Ailing>, PortError> {
        self.travel(Service::Nomad, "read allocations of job").await?;
        self.inner.nomad().ailing(group).await
    }

    async fn blocked(&self) -> Result<Vec<BlockedWork>, PortError> {
        self.travel(Service::Nomad, "list blocked evaluations").await?;
        let mut blocked = self.inner.nomad().blocked().await?;
        self.bend_list(&mut blocked);
        self.bend_one(OddKind::Huge, &mut blocked, |work| work.count = u32::MAX);
        self.bend_one(OddKind::Zeros, &mut blocked, |work| work.count = 0);
        Ok(blocked)
    }

    async fn allocation_stats(&self, id: &AllocationId) -> Result<AllocationStats, PortError> {
        self.travel(Service::Nomad, "read statistics").await?;
        let mut statistics = self.inner.nomad().allocation_stats(id).await?;
        self.bend_statistics(&mut statistics);
        Ok(statistics)
    }

    async fn deployments(&self, wait: Option<Wait>) -> Result<Indexed<Arc<[Deployment]>>, PortError> {
        self.travel(Service::Nomad, "list deployments").await?;
        self.believe(&self.lists.deployments).await;
        let answer = self.inner.nomad().deployments(wait).await?;
        let bent = self.bend_indexed(owned(&answer), &self.lists.deployments, |deployments| {
            self.bend_one(OddKind::States, deployments, |it| it.status = DeploymentStatus::Blocked);
        });
        Ok(shared(bent))
    }

    async fn latest_deployment(&self, key: &JobKey) -> Result<Option<Deployment>, PortError> {
        self.travel(Service::Nomad, "read deployment").await?;
        let deployment = self.inner.nomad().latest_deployment(key).await?;
        Ok(deployment.filter(|_| !self.strikes(OddKind::Absences)))
    }

    async fn evaluation(&self, job: &JobKey, id: &EvaluationId) -> Result<Evaluation, PortError> {
        self.travel(Service::Nomad, "read evaluation").await?;
        self.inner.nomad().evaluation(job, id).await
    }

    async fn scale(&self, request: &ScaleRequest) -> Result<ScaleAccepted, PortError> {
        self.inner.nomad().scale(request).await
    }

    async fn drain(&self, order: &DrainOrder) -> Result<(), PortError> {
        self.inner.nomad().drain(order).await
    }

    async fn cancel_drain(&self, node: &NodeId) -> Result<(), PortError> {
        self.inner.nomad().cancel_drain(node).await
    }
}
