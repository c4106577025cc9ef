//! The tables as the core's domain types, for the port.

use std::sync::Arc;

use replicator::domain::{
    Allocation, BlockedWork, Constraint, Job, JobSummary, MebiBytes, MegaHertz, Node, NodeSummary, Place, Requirements,
    ScalingBlock, Task, TaskGroup, TaskShare, TaskSpan,
};

use replicator::policy::POOL_KEY;

use super::World;
use crate::scenario::{Plan, PolicyHome};

/// The datacenter of all nodes and jobs.
const DATACENTER: &str = "dc1";

/// What never changes about groups and pools, as the port shows it: made once.
pub(super) struct Fixed {
    needs: Vec<Arc<Requirements>>,
    shares: Vec<Arc<[TaskShare]>>,
    places: Vec<Arc<Place>>,
}

impl Fixed {
    pub(super) fn of(plan: &Plan) -> Self {
        let needs = plan.groups.iter().map(|group| {
            let pool = &plan.pools[plan.jobs[group.job].pool];
            let in_its_pool = Constraint {
                left: format!("${{meta.{POOL_KEY}}}"),
                operator: "=".to_owned(),
                right: pool.name.to_string(),
                of_group: false,
            };
            Arc::new(Requirements {
                datacenters: vec![DATACENTER.to_owned()],
                constraints: vec![in_its_pool],
                ..Requirements::default()
            })
        });
        let share = |task: &crate::scenario::TaskPlan| TaskShare {
            task: task.name.clone(),
            cpu: MegaHertz(task.cpu.into()),
            memory: MebiBytes(task.memory.into()),
        };
        let shares = plan.groups.iter().map(|group| group.tasks.iter().map(share).collect());
        let place = || Arc::new(Place { datacenter: DATACENTER.to_owned(), ..Place::default() });
        Self { needs: needs.collect(), shares: shares.collect(), places: plan.pools.iter().map(|_| place()).collect() }
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
                        cpu: MegaHertz(task.cpu.into()),
                        memory: MebiBytes(task.memory.into()),
                        cores: 0,
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
            place: self.fixed.places[it.pool].clone(),
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
            tasks: self.fixed.shares[it.group].clone(),
            holdings: None,
            lingers: false,
            opaque: false,
        });
        self.nomad.allocations[allocation].listed = Some(listed.clone());
        listed
    }
}
