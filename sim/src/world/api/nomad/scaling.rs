//! Scaling: a job's counts with what was asked of them, and the policies in `scaling` blocks.

use replicator::domain::{ClientStatus, JobKey};
use serde_json::{Map, Value, json};

use super::modern::Kind;
use super::{fields, numbered};
use crate::world::World;
use crate::world::nomad::{CREATED, ScalingEvent, uuid};
use crate::world::orders::Scaled;

/// The kind of policies' identifiers.
const POLICY: u8 = 7;

impl World {
    /// `GET /v1/job/ID/scale`.
    pub(crate) fn scale_page(&self, key: &JobKey) -> Option<Value> {
        let job = self.job_number(key)?;
        let groups = self.plan.jobs[job].groups.clone().map(|group| {
            let it = &self.nomad.groups[group];
            let running =
                it.allocations.iter().filter(|number| self.nomad.allocations[**number].client == ClientStatus::Running);
            let events: Vec<Value> = it.scaled.iter().map(|event| self.scaling_event(event)).collect();
            let page = json!({
                "Desired": it.count, "Placed": it.allocations.len(), "Running": running.count(),
                "Healthy": it.serving, "Unhealthy": 0, "Events": super::list_or_null(events),
            });
            (self.plan.groups[group].key.group.to_string(), page)
        });
        Some(json!({
            "JobID": key.id, "Namespace": key.namespace, "JobCreateIndex": CREATED,
            "JobModifyIndex": self.told_index(job), "JobStopped": false,
            "TaskGroups": groups.collect::<Map<_, _>>(),
        }))
    }

    /// The index of that page: of the job's last change, or of the last event of one of its groups.
    pub(crate) fn scale_index(&self, key: &JobKey) -> u64 {
        let Some(job) = self.job_number(key) else { return 0 };
        let groups = self.plan.jobs[job].groups.clone();
        let events = groups.filter_map(|group| self.nomad.groups[group].scaled.first()).map(|event| event.index);
        events.max().unwrap_or(0).max(self.told_index(job))
    }

    fn scaling_event(&self, event: &ScalingEvent) -> Value {
        let evaluation = event.evaluation.map(|number| self.nomad.evaluations[number].id.clone());
        json!({
            "Count": event.to, "PreviousCount": event.from, "CreateIndex": event.index, "Error": event.error,
            "EvalID": evaluation, "Message": event.message, "Meta": event.meta, "Time": self.calendar.nanos(event.at),
        })
    }

    /// What `POST /v1/job/ID/scale` says of a count that was changed, or a word that was taken down.
    pub(crate) fn scaled_page(&self, scaled: &Scaled) -> Value {
        let evaluation = scaled.evaluation.map(|number| &self.nomad.evaluations[number]);
        let page = json!({
            "EvalID": evaluation.map_or("", |it| it.id.as_str()),
            "EvalCreateIndex": evaluation.map_or(0, |it| it.create_index), "Index": scaled.index,
            "JobModifyIndex": scaled.job_modify_index, "KnownLeader": true, "LastContact": 0, "Warnings": "",
        });
        self.of_version(Kind::Changed, fields(page)).into()
    }

    /// The policy in a group's `scaling` block.
    pub(super) fn scaling_policy_of(&self, group: usize) -> Option<Value> {
        let plan = &self.plan.groups[group];
        let block = plan.scaling.as_ref()?;
        let job = &plan.key.job;
        Some(json!({
            "ID": uuid(POLICY, group), "Type": "horizontal", "Enabled": block.enabled, "Min": block.min,
            "Max": block.max, "Policy": block.policy, "CreateIndex": CREATED, "ModifyIndex": CREATED,
            "Target": {"Namespace": job.namespace, "Job": job.id, "Group": plan.key.group},
        }))
    }

    /// `GET /v1/scaling/policies`: of a namespace, of one job where one is named, of one type where one is.
    pub(crate) fn scaling_policies_page(&self, namespace: &str, job: &str, kind: &str, prefix: &str) -> Vec<Value> {
        let wanted = |group: &usize| {
            let key = &self.plan.groups[*group].key.job;
            self.in_namespace(self.plan.groups[*group].job, namespace)
                && (job.is_empty() || key.id.as_str() == job)
                && (kind.is_empty() || "horizontal".starts_with(kind))
                && uuid(POLICY, *group).starts_with(prefix)
        };
        let stub = |group| {
            let mut policy = super::fields(self.scaling_policy_of(group)?);
            policy.retain(|name, _| !["Min", "Max", "Policy"].contains(&name.as_str()));
            Some(policy.into())
        };
        (0..self.plan.groups.len()).filter(wanted).filter_map(stub).collect()
    }

    /// The index of that list.
    pub(crate) fn scaling_policies_index(&self) -> u64 {
        if self.plan.groups.iter().any(|group| group.scaling.is_some()) { CREATED } else { 1 }
    }

    /// `GET /v1/scaling/policy/ID`.
    pub(crate) fn scaling_policy_page(&self, id: &str) -> Option<Value> {
        let ids: Vec<String> = (0..self.plan.groups.len()).map(|group| uuid(POLICY, group)).collect();
        self.scaling_policy_of(numbered(id, &ids, String::as_str)?)
    }
}
