//! Deployments.

use replicator::domain::{DeploymentStatus, JobKey};
use serde_json::{Map, Value, json};

use super::modern::Kind;
use super::{fields, numbered};
use crate::world::World;
use crate::world::nomad::CREATED;

impl World {
    pub(super) fn deployment_number(&self, id: &str) -> Option<usize> {
        numbered(id, &self.nomad.deployments, |it| it.id.as_str())
    }

    /// `GET /v1/deployments`.
    pub(crate) fn deployments_page(&self, namespace: &str, prefix: &str) -> Vec<Value> {
        let all = self.nomad.deployments.iter().enumerate();
        let wanted = all.filter(|(number, it)| {
            let is_latest = self.nomad.jobs[it.job].deployment == Some(*number);
            (is_latest || self.is_listed(Some(it.proven_at)))
                && self.in_named_namespace(it.job, namespace)
                && it.id.as_str().starts_with(prefix)
        });
        wanted.map(|(number, _)| self.deployment_of(number)).collect()
    }

    /// `GET /v1/job/ID/deployment`: `null` where there is none.
    pub(crate) fn latest_deployment_page(&self, key: &JobKey) -> Value {
        let latest = self.job_number(key).and_then(|job| self.nomad.jobs[job].deployment);
        latest.map_or(Value::Null, |number| self.deployment_of(number))
    }

    /// `GET /v1/job/ID/deployments`.
    pub(crate) fn job_deployments_page(&self, key: &JobKey) -> Vec<Value> {
        let job = self.job_number(key);
        let of_job = |number: &usize| Some(self.nomad.deployments[*number].job) == job;
        (0..self.nomad.deployments.len()).rev().filter(of_job).map(|number| self.deployment_of(number)).collect()
    }

    /// `GET /v1/deployment/ID`.
    pub(crate) fn deployment_page(&self, id: &str) -> Option<Value> {
        Some(self.deployment_of(self.deployment_number(id)?))
    }

    pub(crate) fn deployment_of(&self, number: usize) -> Value {
        let it = &self.nomad.deployments[number];
        let (status, description) = match it.status {
            DeploymentStatus::Running => ("running", "Deployment is running"),
            DeploymentStatus::Successful => ("successful", "Deployment completed successfully"),
            DeploymentStatus::Failed => ("failed", "Failed due to progress deadline"),
            DeploymentStatus::Cancelled => ("cancelled", "Cancelled due to newer version of job"),
            DeploymentStatus::Pending | DeploymentStatus::Paused | DeploymentStatus::Blocked => {
                ("paused", "Deployment is paused")
            }
        };
        let progress = self.plan.jobs[it.job].update.map_or(0, |update| update.progress_deadline.0 * 1_000_000);
        let groups = self.plan.jobs[it.job].groups.clone().zip(self.deployed_groups(number)).map(|(group, of)| {
            let page = json!({
                "AutoPromote": false, "AutoRevert": false, "DesiredCanaries": 0, "DesiredTotal": of.desired,
                "HealthyAllocs": of.healthy, "PlacedAllocs": of.placed, "PlacedCanaries": null,
                "ProgressDeadline": progress, "Promoted": false, "RequireProgressBy": self.calendar.stamp(it.progress_by),
                "UnhealthyAllocs": 0,
            });
            (self.plan.groups[group].key.group.to_string(), page)
        });
        let job = &self.plan.jobs[it.job].key;
        let page = json!({
            "ID": it.id, "JobID": job.id, "Namespace": job.namespace, "JobCreateIndex": CREATED,
            "JobModifyIndex": it.job_modify_index, "JobSpecModifyIndex": it.job_modify_index,
            "JobVersion": it.job_version, "IsMultiregion": false, "Status": status,
            "StatusDescription": description, "TaskGroups": groups.collect::<Map<_, _>>(),
            "CreateIndex": it.create_index, "ModifyIndex": it.modify_index,
        });
        let (created, changed) = (self.calendar.nanos(it.created), self.calendar.nanos(it.changed));
        self.of_version(Kind::Deployment { created, changed }, fields(page)).into()
    }
}
