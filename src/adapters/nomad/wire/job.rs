//! Jobs, in lists and on their pages.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::super::amount::{Amount, index};
use super::super::resources::{Flat, Lifecycle, Network};
use super::needs::{Constraint, DeviceWish, Volume};
use super::{Texts, id_of, kind_of_job, meta, namespace};
use crate::domain::{
    self, JobKey, JobKind, JobSummary, MebiBytes, Namespace, Requirements, ScalingBlock, Task, TaskGroup, TaskSpan,
};

/// A job in a list.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(in super::super) struct JobStub {
    #[serde(rename = "ID")]
    id: Option<String>,
    namespace: Option<String>,
    r#type: Option<String>,
    periodic: Option<bool>,
    parameterized_job: Option<bool>,
    stop: Option<bool>,
    job_modify_index: Option<u64>,
    job_summary: Option<SummaryStub>,
}

/// Where old servers keep a listed job's namespace.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct SummaryStub {
    namespace: Option<String>,
}

impl JobStub {
    pub(in super::super) fn into_summary(self, default: &Namespace) -> Result<JobSummary, String> {
        let id = id_of(self.id)?;
        let about = |problem: String| format!("{id}: {problem}");
        let kind = kind_of_job(self.r#type.as_deref()).map_err(about)?;
        let modify_index = index(self.job_modify_index, "modify index").map_err(about)?;
        let named = super::text(self.namespace).or(self.job_summary.and_then(|summary| summary.namespace));
        Ok(JobSummary {
            key: JobKey { namespace: namespace(named, default), id: id.into() },
            kind,
            is_parent: self.periodic == Some(true) || self.parameterized_job == Some(true),
            stopped: self.stop == Some(true),
            modify_index,
        })
    }
}

/// A job's own page, or the copy of it that an allocation carries.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(in super::super) struct Job {
    r#type: Option<String>,
    periodic: Option<Value>,
    parameterized_job: Option<Value>,
    /// A dispatched or periodic child has the parameters of its parent and runs itself.
    #[serde(rename = "ParentID")]
    parent_id: Option<String>,
    stop: Option<bool>,
    job_modify_index: Option<u64>,
    pub(super) datacenters: Option<Vec<String>>,
    pub(super) node_pool: Option<String>,
    pub(super) constraints: Option<Vec<Constraint>>,
    task_groups: Option<Vec<Group>>,
}

/// A task group of a job.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Group {
    name: Option<String>,
    count: Amount,
    meta: Option<Texts>,
    pub(super) tasks: Option<Vec<TaskPage>>,
    ephemeral_disk: Option<EphemeralDisk>,
    scaling: Option<Scaling>,
    pub(super) constraints: Option<Vec<Constraint>>,
    pub(super) networks: Option<Vec<Network>>,
    pub(super) volumes: Option<std::collections::BTreeMap<String, Option<Volume>>>,
}

/// Disk of a group.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct EphemeralDisk {
    #[serde(rename = "SizeMB")]
    size: Amount,
}

/// Bounds of a group's count.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Scaling {
    min: Amount,
    max: Amount,
    enabled: Option<bool>,
}

/// A task of a group.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct TaskPage {
    name: Option<String>,
    pub(super) driver: Option<String>,
    pub(super) resources: Option<TaskResources>,
    lifecycle: Option<Lifecycle>,
    pub(super) constraints: Option<Vec<Constraint>>,
}

/// What a task asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct TaskResources {
    #[serde(flatten)]
    pub(super) amounts: Flat,
    pub(super) devices: Option<Vec<DeviceWish>>,
    #[serde(rename = "NUMA")]
    pub(super) numa: Option<Numa>,
}

/// How a task's cores shall lie to each other.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Numa {
    pub(super) affinity: Option<String>,
}

impl Job {
    pub(in super::super) fn kind(&self) -> Result<JobKind, String> {
        kind_of_job(self.r#type.as_deref())
    }

    /// What a group asks of its node beside amounts, if the job has the group.
    pub(in super::super) fn needs_of(&self, group: &str) -> Option<Requirements> {
        let groups = self.task_groups.iter().flatten();
        groups.into_iter().find(|it| it.name.as_deref() == Some(group)).map(|group| self.needs(group))
    }

    pub(in super::super) fn into_domain(self, key: &JobKey) -> Result<domain::Job, String> {
        let is_child = self.parent_id.as_ref().is_some_and(|parent| !parent.is_empty());
        let summary = JobSummary {
            key: key.clone(),
            kind: self.kind()?,
            is_parent: !is_child && (self.periodic.is_some() || self.parameterized_job.is_some()),
            stopped: self.stop == Some(true),
            modify_index: index(self.job_modify_index, "modify index")?,
        };
        let groups: Result<_, String> = self.task_groups.iter().flatten().map(|group| self.group(group)).collect();
        Ok(domain::Job { summary, groups: groups? })
    }

    fn group(&self, group: &Group) -> Result<TaskGroup, String> {
        let name = group.name.as_deref().filter(|name| !name.is_empty()).ok_or("it has a group without a name")?;
        let needs = Arc::new(self.needs(group));
        group.to_domain(name, needs).map_err(|problem| format!("group {name:?}: {problem}"))
    }
}

impl Group {
    fn to_domain(&self, name: &str, needs: Arc<Requirements>) -> Result<TaskGroup, String> {
        let tasks: Result<_, String> = self.tasks.iter().flatten().map(TaskPage::to_domain).collect();
        Ok(TaskGroup {
            name: name.into(),
            // Nomad's own default.
            count: self.count.count("count")?.unwrap_or(1),
            meta: meta(self.meta.clone()),
            tasks: tasks?,
            disk: MebiBytes(self.ephemeral_disk.as_ref().map_or(Ok(0), |disk| disk.size.or_zero("disk"))?),
            scaling: self.scaling.as_ref().map(Scaling::to_domain).transpose()?,
            needs,
        })
    }
}

impl Scaling {
    fn to_domain(&self) -> Result<ScalingBlock, String> {
        let min = self.min.count("scaling minimum")?.unwrap_or(0);
        let max = self.max.count("scaling maximum")?;
        if let Some(max) = max.filter(|max| *max < min) {
            return Err(format!("its scaling block allows {min} at least and {max} at most"));
        }
        Ok(ScalingBlock { min, max, enabled: self.enabled.unwrap_or(true) })
    }
}

impl TaskPage {
    fn to_domain(&self) -> Result<Task, String> {
        let name = self.name.as_deref().filter(|name| !name.is_empty()).ok_or("it has a task without a name")?;
        let about = |problem: String| format!("task {name:?}: {problem}");
        let asked = self.resources.as_ref().map(|it| it.amounts.resources()).transpose().map_err(about)?;
        let asked = asked.unwrap_or_default();
        let brief = self.lifecycle.as_ref().is_some_and(Lifecycle::is_brief);
        Ok(Task {
            name: name.into(),
            cpu: asked.cpu,
            memory: asked.memory,
            cores: asked.cores,
            span: if brief { TaskSpan::Briefly } else { TaskSpan::Throughout },
        })
    }
}
