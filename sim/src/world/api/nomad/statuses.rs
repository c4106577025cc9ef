//! `/v1/jobs/statuses`, of Nomad 1.8 and newer: jobs with their allocations and latest deployments.

use replicator::domain::{ClientStatus, JobKey};
use serde_json::{Value, json};

use super::jobs::kind;
use super::modern::NODE_POOL;
use crate::world::World;

impl World {
    /// The jobs of a namespace, the newest first; of those that are named, where some are.
    pub(crate) fn statuses_page(&self, namespace: &str, named: &[JobKey]) -> Vec<Value> {
        let wanted = |job: &usize| {
            let key = &self.plan.jobs[*job].key;
            if named.is_empty() { self.in_namespace(*job, namespace) } else { named.contains(key) }
        };
        let mut jobs: Vec<usize> = (0..self.plan.jobs.len()).filter(wanted).collect();
        jobs.sort_by_key(|job| std::cmp::Reverse(self.told_index(*job)));
        jobs.into_iter().map(|job| self.job_statuses(job)).collect()
    }

    fn job_statuses(&self, job: usize) -> Value {
        let (plan, it) = (&self.plan.jobs[job], &self.nomad.jobs[job]);
        let all = self.nomad.allocations.iter();
        let of_job = all.filter(|allocation| self.plan.groups[allocation.group].job == job);
        let live = of_job.filter(|allocation| {
            matches!(allocation.client, ClientStatus::Pending | ClientStatus::Running | ClientStatus::Unknown)
        });
        let allocations: Vec<Value> = live
            .map(|allocation| {
                let health = allocation.healthy.filter(|_| plan.update.is_some());
                json!({
                    "ID": allocation.id, "Group": self.plan.groups[allocation.group].key.group,
                    "ClientStatus": super::allocations::client(allocation.client),
                    "NodeID": self.nomad.nodes[allocation.node].id,
                    "DeploymentStatus": {"Canary": false, "Healthy": health.map(|_| true)},
                    "JobVersion": allocation.version, "FollowupEvalID": "", "HasPausedTask": false,
                })
            })
            .collect();
        let count: u32 = plan.groups.clone().map(|group| self.nomad.groups[group].count).sum();
        let latest = it.deployment.map(|number| self.deployment_of(number));
        let latest = latest.map(|page| {
            json!({
                "ID": page["ID"], "IsActive": page["Status"] == "running", "JobVersion": page["JobVersion"],
                "Status": page["Status"], "StatusDescription": page["StatusDescription"], "AllAutoPromote": false,
                "RequiresPromotion": false,
            })
        });
        json!({
            "ID": plan.key.id, "Namespace": plan.key.namespace, "Name": plan.key.id, "Type": kind(plan.kind),
            "NodePool": NODE_POOL, "Datacenters": ["dc1"], "Priority": 50, "Version": it.version,
            "SubmitTime": self.calendar.nanos(it.submitted), "ModifyIndex": self.told_index(job), "Allocs": allocations,
            "GroupCountSum": count, "ChildStatuses": null, "ParentID": "", "LatestDeployment": latest, "Stop": false,
            "IsPack": false, "Status": self.job_status(job),
        })
    }
}
