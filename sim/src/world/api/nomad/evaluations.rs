//! Evaluations, with what could not be placed.

use replicator::domain::JobKey;
use replicator::policy::POOL_KEY;
use serde_json::{Map, Value, json};

use super::jobs::kind;
use super::modern::Kind;
use super::numbered;
use crate::world::World;
use crate::world::evaluations::{Course, Shortage, SimEvaluation, Trigger};

impl World {
    pub(super) fn evaluation_number(&self, id: &str) -> Option<usize> {
        numbered(id, &self.nomad.evaluations, |it| it.id.as_str())
    }

    /// `GET /v1/evaluations`.
    pub(crate) fn evaluations_page(&self, namespace: &str, prefix: &str) -> Vec<Value> {
        let wanted =
            |it: &SimEvaluation| self.in_named_namespace(it.job, namespace) && it.id.as_str().starts_with(prefix);
        self.listed_evaluations(wanted)
    }

    /// `GET /v1/job/ID/evaluations`, the newest first.
    pub(crate) fn job_evaluations_page(&self, key: &JobKey) -> Vec<Value> {
        let job = self.job_number(key);
        let mut pages = self.listed_evaluations(|it| Some(it.job) == job);
        pages.reverse();
        pages
    }

    fn listed_evaluations(&self, wanted: impl Fn(&SimEvaluation) -> bool) -> Vec<Value> {
        let ended =
            |it: &SimEvaluation| matches!(it.course, Course::Complete | Course::Cancelled).then_some(it.changed);
        let all = self.nomad.evaluations.iter().enumerate();
        let listed = all.filter(|(_, it)| self.is_listed(ended(it)) && wanted(it));
        listed.map(|(number, _)| self.evaluation_of(number)).collect()
    }

    /// `GET /v1/evaluation/ID`.
    pub(crate) fn evaluation_page(&self, id: &str) -> Option<Value> {
        Some(self.evaluation_of(self.evaluation_number(id)?))
    }

    pub(crate) fn evaluation_of(&self, number: usize) -> Value {
        let it = &self.nomad.evaluations[number];
        let plan = &self.plan.jobs[it.job];
        let trigger = match it.trigger {
            Trigger::Registration => "job-register",
            Trigger::Scaling => "job-scaling",
            Trigger::DeploymentWatcher => "deployment-watcher",
            Trigger::Drain => "node-drain",
            Trigger::NodeUpdate => "node-update",
            Trigger::QueuedAllocations => "queued-allocs",
            Trigger::Reconnect => "reconnect",
        };
        let status = match it.course {
            Course::Pending => "pending",
            Course::Complete => "complete",
            Course::Blocked => "blocked",
            Course::Cancelled => "canceled",
        };
        let mut page = super::fields(json!({
            "ID": it.id, "JobID": plan.key.id, "Namespace": plan.key.namespace, "Type": kind(plan.kind), "Priority": 50,
            "TriggeredBy": trigger, "Status": status, "JobModifyIndex": it.job_modify_index,
            "CreateIndex": it.create_index, "ModifyIndex": it.modify_index, "SnapshotIndex": it.create_index,
            "CreateTime": self.calendar.nanos(it.created), "ModifyTime": self.calendar.nanos(it.changed),
        }));
        // Fields that are only there where there is something in them.
        let mut put = |name: &str, value: Value| page.insert(name.to_owned(), value);
        if it.course == Course::Complete {
            let groups = plan.groups.clone().map(|group| {
                let short = it.shortages.iter().find(|shortage| shortage.group == group);
                (self.plan.groups[group].key.group.to_string(), short.map_or(0, |short| short.queued).into())
            });
            put("QueuedAllocations", groups.collect::<Map<_, _>>().into());
        }
        if let Some(deployment) = it.deployment.filter(|_| it.course != Course::Blocked) {
            put("DeploymentID", self.nomad.deployments[deployment].id.as_str().into());
        }
        if let Some(next) = it.next {
            put("BlockedEval", self.nomad.evaluations[next].id.as_str().into());
        }
        if let Some(previous) = it.previous {
            put("PreviousEval", self.nomad.evaluations[previous].id.as_str().into());
        }
        if it.course == Course::Blocked {
            put("StatusDescription", "created to place remaining allocations".into());
            put("ClassEligibility", json!({format!("v1:{}", plan.pool): true}));
        }
        if !it.shortages.is_empty() {
            let failed = it.shortages.iter().map(|shortage| {
                (self.plan.groups[shortage.group].key.group.to_string(), self.failed_placement(shortage))
            });
            put("FailedTGAllocs", failed.collect::<Map<_, _>>().into());
        }
        self.of_version(Kind::Evaluation, page).into()
    }

    fn failed_placement(&self, shortage: &Shortage) -> Value {
        let plan = &self.plan.groups[shortage.group];
        let nodes = shortage.nodes;
        let exhausted: Map<String, Value> = nodes
            .lacks()
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| (name.to_owned(), count.into()))
            .collect();
        let or_null = |map: Map<String, Value>| if map.is_empty() { Value::Null } else { map.into() };
        let asked = plan.tasks.iter().map(|task| {
            let (cpu, memory) = (
                u64::from(task.cpu) * u64::from(nodes.lack_cpu),
                u64::from(task.memory) * u64::from(nodes.lack_memory),
            );
            let page = json!({
                "CPU": cpu, "Cores": 0, "Devices": null, "DiskMB": 0, "IOPS": 0, "MemoryMB": memory, "MemoryMaxMB": 0,
                "Networks": null,
            });
            (task.name.to_string(), page)
        });
        let pool = &self.plan.pools[self.plan.jobs[plan.job].pool].name;
        let filtered = if nodes.filtered == 0 {
            Value::Null
        } else {
            json!({format!("${{meta.{POOL_KEY}}} = {pool}"): nodes.filtered})
        };
        let available = nodes.filtered + nodes.exhausted();
        json!({
            "AllocationTime": 0, "ClassExhausted": null, "ClassFiltered": null,
            "CoalescedFailures": shortage.queued.saturating_sub(1), "ConstraintFiltered": filtered,
            "DimensionExhausted": or_null(exhausted), "NodesAvailable": {"dc1": available},
            "NodesEvaluated": available, "NodesExhausted": nodes.exhausted(), "NodesFiltered": nodes.filtered,
            "QuotaExhausted": null, "ResourcesExhausted": or_null(asked.collect()), "ScoreMetaData": null, "Scores": null,
        })
    }
}
