//! The tables as the core's domain types, for the port.

use std::sync::Arc;

use replicator::domain::{
    Allocation, BlockedWork, Constraint, DrainOwner, Holdings, Job, JobSummary, MebiBytes, MegaHertz, Meta, Node,
    NodeSummary, Place, Requirements, ScalingBlock, Task, TaskGroup, TaskShare, TaskSpan,
};

use replicator::policy::POOL_KEY;
use replicator::ports::DRAIN_OPERATION;

use super::World;
use crate::plan::{GroupPlan, Plan, PolicyHome, PoolPlan};

/// The datacenter of all nodes and jobs.
pub(super) const DATACENTER: &str = "dc1";

/// What never changes about groups and pools, as the port shows it: made once.
pub(super) struct Fixed {
    needs: Vec<Arc<Requirements>>,
    shares: Vec<Arc<[TaskShare]>>,
    /// By pool and zone.
    places: Vec<Vec<Arc<Place>>>,
    holdings: Vec<Option<Arc<Holdings>>>,
    /// The meta of each pool's nodes, as long as nothing is changed about it.
    pub(super) metas: Vec<Arc<Meta>>,
}

impl Fixed {
    pub(super) fn of(plan: &Plan) -> Self {
        let needs = plan.groups.iter().map(|group| Arc::new(needs_of(plan, group)));
        let share = |task: &crate::plan::TaskPlan| TaskShare {
            task: task.name.clone(),
            cpu: MegaHertz(task.cpu.into()),
            memory: MebiBytes(task.memory.into()),
        };
        let shares = plan.groups.iter().map(|group| group.tasks.iter().map(share).collect());
        let places =
            plan.pools.iter().map(|pool| pool.zones.iter().map(|zone| Arc::new(place_in(zone, &pool.class))).collect());
        let holdings = plan.groups.iter().map(|group| {
            let ports = group.wants.ports.clone();
            (!ports.is_empty()).then(|| Arc::new(Holdings { ports, ..Holdings::default() }))
        });
        Self {
            needs: needs.collect(),
            shares: shares.collect(),
            places: places.collect(),
            holdings: holdings.collect(),
            metas: plan.pools.iter().map(|pool| Arc::new(shown_meta(pool))).collect(),
        }
    }
}

/// What of a pool's meta its nodes have: where the policy is in Consul they only name their pool.
fn shown_meta(pool: &PoolPlan) -> Meta {
    let is_shown = |key: &str| pool.policy_in == PolicyHome::Meta || key == POOL_KEY;
    pool.meta.iter().filter(|(key, _)| is_shown(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// What a group asks of its nodes beside amounts: its pool, first of all.
fn needs_of(plan: &Plan, group: &GroupPlan) -> Requirements {
    let pool = &plan.pools[plan.jobs[group.job].pool];
    let in_its_pool = Constraint {
        left: format!("${{meta.{POOL_KEY}}}"),
        operator: "=".to_owned(),
        right: pool.name.to_string(),
        of_group: false,
    };
    let apart = |of_group| Constraint { operator: "distinct_hosts".to_owned(), of_group, ..Constraint::default() };
    let wants = &group.wants;
    let written = wants.constraints.iter().map(|it| Constraint {
        left: it.attribute.clone(),
        operator: it.operator.as_str().to_owned(),
        right: it.value.clone(),
        of_group: it.of_group,
    });
    let of_job = wants.job_apart.then(|| apart(false));
    let of_group = wants.group_apart.then(|| apart(true));
    Requirements {
        datacenters: vec![DATACENTER.to_owned()],
        constraints: std::iter::once(in_its_pool).chain(written).chain(of_job).chain(of_group).collect(),
        ports: wants.ports.clone(),
        ..Requirements::default()
    }
}

/// A node of a zone, as its client describes it.
fn place_in(zone: &str, class: &str) -> Place {
    let attributes = [("kernel.name", "linux"), ("platform.aws.placement.availability-zone", zone)];
    let attributes = attributes.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Place {
        datacenter: DATACENTER.to_owned(),
        class: class.to_owned(),
        attributes: attributes.into(),
        ..Place::default()
    }
}

impl World {
    pub(super) fn needs_of(&self, group: usize) -> Arc<Requirements> {
        self.fixed.needs[group].clone()
    }

    /// All work that waits for room.
    pub(super) fn blocked_work(&self) -> Vec<BlockedWork> {
        let waiting = self.nomad.blocked.values().flat_map(|number| &self.nomad.evaluations[*number].shortages);
        waiting
            .map(|shortage| BlockedWork {
                group: self.plan.groups[shortage.group].key.clone(),
                count: shortage.queued,
                lacks: shortage.nodes.to_string(),
            })
            .collect()
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
                meta: self.nomad.groups[group].meta.clone(),
                tasks: plan
                    .tasks
                    .iter()
                    .map(|task| Task {
                        name: task.name.clone(),
                        // The servers do not know what cores come to: only the client that runs them does.
                        cpu: MegaHertz(if task.cores > 0 { 0 } else { task.cpu.into() }),
                        memory: MebiBytes(task.memory.into()),
                        cores: task.cores,
                        span: TaskSpan::Throughout,
                    })
                    .collect(),
                disk: MebiBytes(plan.disk.into()),
                scaling: plan.scaling.as_ref().map(|block| ScalingBlock {
                    min: block.min,
                    max: Some(block.max),
                    enabled: block.enabled,
                }),
                needs: self.needs_of(group),
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
        let instance = &self.cloud.instances[it.instance];
        Node {
            summary: self.node_summary(node),
            meta: self.meta_of(node),
            capacity: self.capacity_of(node),
            instance: Some(instance.id.clone()),
            address: Some(instance.address.clone()),
            place: self.place_of(node),
            drained_by: match (it.last_drain, it.drain_meta.get(DRAIN_OPERATION)) {
                (None, _) => DrainOwner::Untold,
                (Some(_), Some(operation)) => DrainOwner::Operation(operation.clone()),
                (Some(_), None) => DrainOwner::Another,
            },
        }
    }

    pub(super) fn place_of(&self, node: usize) -> Arc<Place> {
        let it = &self.nomad.nodes[node];
        self.fixed.places[it.pool][self.cloud.instances[it.instance].zone].clone()
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
            tasks: self.fixed.shares[it.group].clone(),
            holdings: self.fixed.holdings[it.group].clone(),
            lingers: false,
            opaque: false,
        });
        self.nomad.allocations[allocation].listed = Some(listed.clone());
        listed
    }
}
