//! The tables as the core's domain types, for the port.

use std::sync::Arc;

use replicator::domain::{
    Allocation, Job, JobSummary, MebiBytes, MegaHertz, Node, NodeSummary, Task, TaskGroup, TaskSpan,
};

use super::World;
use crate::scenario::PolicyHome;

impl World {
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
