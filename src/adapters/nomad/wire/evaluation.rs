//! Evaluations: one that is followed, and those of work that could not be placed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::super::amount::Amount;
use super::{id_of, kind_of_job, namespace, text};
use crate::domain::{self, BlockedWork, EvaluationStatus, GroupKey, JobKey, JobKind, Namespace};

/// An evaluation.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(in super::super) struct Evaluation {
    #[serde(rename = "ID")]
    id: Option<String>,
    status: Option<String>,
    #[serde(rename = "DeploymentID")]
    deployment_id: Option<String>,
    modify_time: Option<i64>,
}

impl Evaluation {
    pub(in super::super) fn into_domain(self) -> Result<domain::Evaluation, String> {
        let modified = self.modify_time.filter(|nanos| *nanos > 0);
        Ok(domain::Evaluation {
            id: id_of(self.id)?.into(),
            status: match self.status.as_deref().unwrap_or_default() {
                "complete" => EvaluationStatus::Complete,
                "failed" => EvaluationStatus::Failed,
                "canceled" | "cancelled" => EvaluationStatus::Cancelled,
                _ => EvaluationStatus::Pending,
            },
            deployment: text(self.deployment_id).map(Into::into),
            modified: modified.and_then(|nanos| Timestamp::from_nanosecond(nanos.into()).ok()),
        })
    }
}

/// An evaluation in a list, of which only those matter that wait for capacity.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(in super::super) struct BlockedEvaluation {
    namespace: Option<String>,
    r#type: Option<String>,
    #[serde(rename = "JobID")]
    job_id: Option<String>,
    status: Option<String>,
    create_index: Option<u64>,
    #[serde(rename = "FailedTGAllocs")]
    failed: Option<BTreeMap<String, Option<Metric>>>,
    queued_allocations: Option<BTreeMap<String, Amount>>,
}

/// Why allocations of a group could not be placed.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Metric {
    nodes_evaluated: Amount,
    nodes_in_pool: Amount,
    node_pool: Option<String>,
    nodes_available: Option<BTreeMap<String, Amount>>,
    constraint_filtered: Option<BTreeMap<String, Amount>>,
    class_filtered: Option<BTreeMap<String, Amount>>,
    dimension_exhausted: Option<BTreeMap<String, Amount>>,
    quota_exhausted: Option<Vec<String>>,
    coalesced_failures: Amount,
}

impl BlockedEvaluation {
    /// Whether it waits, of a job whose work a new node would help: system jobs run on every node there is.
    fn waits(&self) -> bool {
        let kind = kind_of_job(self.r#type.as_deref());
        self.status.as_deref() == Some("blocked") && !matches!(kind, Ok(JobKind::System | JobKind::Sysbatch))
    }

    /// What it waits for, group by group, with when it was made.
    pub(in super::super) fn into_work(self, default: &Namespace) -> Result<Vec<(u64, BlockedWork)>, String> {
        if !self.waits() {
            return Ok(Vec::new());
        }
        let id = text(self.job_id).ok_or("a blocked evaluation has no job")?;
        let job = JobKey { namespace: namespace(self.namespace, default), id: id.into() };
        let queued = self.queued_allocations.unwrap_or_default();
        let mut work = Vec::new();
        for (group, metric) in self.failed.into_iter().flatten() {
            let group = GroupKey { job: job.clone(), group: group.as_str().into() };
            let about = |problem| format!("blocked evaluation of {group}: {problem}");
            let metric = metric.unwrap_or_default();
            // The first failure, and those that were like it.
            let failures = metric.coalesced_failures.count("number of failures").map_err(about)?.unwrap_or(0);
            let queued = queued.get(group.group.as_str()).map_or(Ok(None), |it| it.count("queue")).map_err(about)?;
            let count = failures.saturating_add(1).max(queued.unwrap_or(0));
            let lacks = metric.lacks();
            work.push((self.create_index.unwrap_or(0), BlockedWork { group, count, lacks }));
        }
        Ok(work)
    }
}

impl Metric {
    /// What was missing, in words.
    fn lacks(&self) -> String {
        let mut parts = Vec::new();
        for (dimension, nodes) in known(self.dimension_exhausted.as_ref()) {
            parts.push(format!("{dimension} exhausted on {}", counted(nodes)));
        }
        for (constraint, nodes) in known(self.constraint_filtered.as_ref()) {
            parts.push(format!("constraint {constraint} filtered {}", counted(nodes)));
        }
        for (class, nodes) in known(self.class_filtered.as_ref()) {
            parts.push(format!("node class {class} filtered {}", counted(nodes)));
        }
        parts.extend(self.quota_exhausted.iter().flatten().map(|quota| format!("quota {quota} exhausted")));
        if parts.is_empty() { self.no_node() } else { parts.join(", ") }
    }

    fn no_node(&self) -> String {
        let pool = self.node_pool.as_deref().filter(|pool| !pool.is_empty());
        let is_none = |amount: &Amount| *amount == Amount::Known(0);
        let elsewhere = self.nodes_available.iter().flatten().all(|(_, nodes)| is_none(nodes));
        match pool {
            Some(pool) if is_none(&self.nodes_in_pool) => format!("no node in pool {pool}"),
            _ if elsewhere => "no node in its datacenters".to_owned(),
            _ if is_none(&self.nodes_evaluated) => "no node takes work".to_owned(),
            _ => "Nomad does not say what is missing".to_owned(),
        }
    }
}

fn known(amounts: Option<&BTreeMap<String, Amount>>) -> impl Iterator<Item = (&str, u64)> {
    amounts.into_iter().flatten().filter_map(|(name, amount)| match amount {
        Amount::Known(nodes) if *nodes > 0 => Some((name.as_str(), *nodes)),
        _ => None,
    })
}

fn counted(nodes: u64) -> String {
    if nodes == 1 { "1 node".to_owned() } else { format!("{nodes} nodes") }
}
