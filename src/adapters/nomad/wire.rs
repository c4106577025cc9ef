//! Nomad's JSON, translated. Only what is needed is read; what old servers lack has a default. A status that is not
//! known yet is taken for the one that makes us do least.

#![allow(clippy::struct_field_names, reason = "the names are Nomad's")]

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Number, Value};

use super::resources::{Flat, Lifecycle, Nested};
use crate::adapters::http::Answer;
use crate::domain::{
    self, AllocationStats, ClientStatus, DeploymentStatus, DesiredStatus, Eligibility, EvaluationStatus, JobKey,
    JobKind, JobSummary, MebiBytes, MegaHertz, MemoryStats, Meta, Namespace, NodeStatus, NodeSummary, Resources, Task,
    TaskGroup, TaskSpan, TaskUsage,
};
use crate::ports::PortError;

/// An amount from outside; a negative one is none.
pub(super) fn amount(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// Translates a list. An entry that makes no sense is named and left out; it never stops the others.
pub(super) fn each<W: DeserializeOwned, T>(
    answer: &Answer,
    translate: impl Fn(W) -> Result<T, String>,
) -> Result<Vec<T>, PortError> {
    let entries: Vec<Value> = match answer.json::<Vec<W>>() {
        Ok(list) => {
            let mut translated = Vec::with_capacity(list.len());
            for entry in list {
                match translate(entry) {
                    Ok(entry) => translated.push(entry),
                    Err(problem) => name_bad_entry(answer, &problem),
                }
            }
            return Ok(translated);
        }
        // Once more, entry by entry, to find the one that is wrong.
        Err(_) => answer.json()?,
    };
    let one_by_one = entries.into_iter().filter_map(|entry| {
        let id = entry.get("ID").and_then(Value::as_str).unwrap_or("without an ID").to_owned();
        let read = serde_json::from_value(entry).map_err(|error| format!("{id}: {error}"));
        read.and_then(&translate).map_err(|problem| name_bad_entry(answer, &problem)).ok()
    });
    Ok(one_by_one.collect())
}

fn name_bad_entry(answer: &Answer, problem: &str) {
    tracing::warn!(call = answer.call(), "Nomad listed something that makes no sense and is left out: {problem}");
}

fn id_of(id: String) -> Result<String, String> {
    if id.is_empty() { Err("it has no ID".to_owned()) } else { Ok(id) }
}

fn kind_of_job(text: &str) -> Result<JobKind, String> {
    match text {
        "service" => Ok(JobKind::Service),
        "batch" => Ok(JobKind::Batch),
        "system" => Ok(JobKind::System),
        "sysbatch" => Ok(JobKind::Sysbatch),
        other => Err(format!("job type {other:?} is not known")),
    }
}

/// A job in a list.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct JobStub {
    #[serde(rename = "ID")]
    id: String,
    namespace: Option<String>,
    r#type: String,
    periodic: bool,
    parameterized_job: bool,
    stop: bool,
    job_modify_index: u64,
    job_summary: Option<SummaryStub>,
}

/// Where old servers keep a listed job's namespace.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct SummaryStub {
    namespace: Option<String>,
}

impl JobStub {
    pub(super) fn into_summary(self, default: &Namespace) -> Result<JobSummary, String> {
        let id = id_of(self.id)?;
        let namespace = self.namespace.or(self.job_summary.and_then(|summary| summary.namespace));
        let namespace = namespace.filter(|name| !name.is_empty()).map_or_else(|| default.clone(), Namespace::from);
        let kind = kind_of_job(&self.r#type).map_err(|problem| format!("{id}: {problem}"))?;
        Ok(JobSummary {
            key: JobKey { namespace, id: id.into() },
            kind,
            is_parent: self.periodic || self.parameterized_job,
            stopped: self.stop,
            modify_index: self.job_modify_index,
        })
    }
}

/// A job's own page.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Job {
    r#type: String,
    periodic: Option<Value>,
    parameterized_job: Option<Value>,
    /// A dispatched or periodic child has the parameters of its parent and runs itself.
    #[serde(rename = "ParentID")]
    parent_id: Option<String>,
    stop: bool,
    pub(super) job_modify_index: u64,
    task_groups: Option<Vec<Group>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Group {
    name: String,
    count: Option<i64>,
    meta: Option<Meta>,
    tasks: Option<Vec<TaskPage>>,
    ephemeral_disk: Option<EphemeralDisk>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct EphemeralDisk {
    #[serde(rename = "SizeMB")]
    size: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct TaskPage {
    name: String,
    resources: Option<Flat>,
    lifecycle: Option<Lifecycle>,
}

impl Job {
    pub(super) fn into_domain(self, key: &JobKey) -> Result<domain::Job, String> {
        let is_child = self.parent_id.is_some_and(|parent| !parent.is_empty());
        let summary = JobSummary {
            key: key.clone(),
            kind: kind_of_job(&self.r#type)?,
            is_parent: !is_child && (self.periodic.is_some() || self.parameterized_job.is_some()),
            stopped: self.stop,
            modify_index: self.job_modify_index,
        };
        let groups: Result<_, String> =
            self.task_groups.unwrap_or_default().into_iter().map(Group::into_domain).collect();
        Ok(domain::Job { summary, groups: groups? })
    }
}

impl Group {
    fn into_domain(self) -> Result<TaskGroup, String> {
        // Nomad's own default.
        let count = self.count.unwrap_or(1);
        let count = u32::try_from(count).map_err(|_| format!("group {:?} has a count of {count}", self.name))?;
        Ok(TaskGroup {
            name: self.name.into(),
            count,
            meta: self.meta.unwrap_or_default(),
            tasks: self.tasks.unwrap_or_default().into_iter().map(TaskPage::into_domain).collect(),
            disk: MebiBytes(self.ephemeral_disk.map_or(0, |disk| amount(disk.size))),
            scaling: None,
            needs: Arc::default(),
        })
    }
}

impl TaskPage {
    fn into_domain(self) -> Task {
        let resources = self.resources.unwrap_or_default();
        let brief = self.lifecycle.as_ref().is_some_and(Lifecycle::is_brief);
        Task {
            name: self.name.into(),
            cpu: MegaHertz(amount(resources.cpu)),
            memory: MebiBytes(amount(resources.memory)),
            cores: 0,
            span: if brief { TaskSpan::Briefly } else { TaskSpan::Throughout },
        }
    }
}

/// A node as lists show it, and the head of its own page.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct NodeHead {
    #[serde(rename = "ID")]
    id: String,
    name: String,
    status: String,
    drain: bool,
    scheduling_eligibility: String,
    modify_index: u64,
}

impl NodeHead {
    pub(super) fn into_summary(self) -> Result<NodeSummary, String> {
        Ok(NodeSummary {
            id: id_of(self.id)?.into(),
            name: self.name,
            status: match self.status.as_str() {
                "ready" => NodeStatus::Ready,
                "initializing" => NodeStatus::Initializing,
                "disconnected" => NodeStatus::Disconnected,
                // A status that we do not know takes no work.
                _ => NodeStatus::Down,
            },
            draining: self.drain,
            // Servers before 0.8 have no eligibility: what is not said is allowed.
            eligibility: match self.scheduling_eligibility.as_str() {
                "eligible" | "" => Eligibility::Eligible,
                _ => Eligibility::Ineligible,
            },
            modify_index: self.modify_index,
        })
    }
}

/// A node's own page.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Node {
    #[serde(flatten)]
    head: NodeHead,
    attributes: Option<BTreeMap<String, String>>,
    meta: Option<Meta>,
    #[serde(rename = "HTTPAddr")]
    http_address: String,
    node_resources: Option<Nested>,
    reserved_resources: Option<Nested>,
    resources: Option<Flat>,
    reserved: Option<Flat>,
}

impl Node {
    pub(super) fn into_domain(self) -> Result<domain::Node, String> {
        // `Resources` is going: it only counts where there is nothing else.
        let capacity = match self.node_resources {
            Some(offered) => Resources::from(offered).less(self.reserved_resources.unwrap_or_default().into()),
            None => Resources::from(self.resources.unwrap_or_default()).less(self.reserved.unwrap_or_default().into()),
        };
        let attribute = |name: &str| {
            let value = self.attributes.as_ref().and_then(|all| all.get(name));
            value.filter(|value| !value.is_empty()).cloned()
        };
        let of_http = self.http_address.rsplit_once(':').map(|(host, _)| host.trim_matches(['[', ']']).to_owned());
        Ok(domain::Node {
            instance: attribute("unique.platform.aws.instance-id").map(Into::into),
            address: attribute("unique.network.ip-address").or(of_http.filter(|host| !host.is_empty())),
            meta: self.meta.unwrap_or_default(),
            capacity,
            place: Arc::default(),
            summary: self.head.into_summary()?,
        })
    }
}

/// An allocation in a list, or the same fields of its own page.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct AllocationStub {
    #[serde(rename = "ID")]
    pub(super) id: String,
    pub(super) namespace: Option<String>,
    #[serde(rename = "JobID")]
    pub(super) job_id: String,
    pub(super) job_type: Option<String>,
    pub(super) task_group: String,
    #[serde(rename = "NodeID")]
    pub(super) node_id: String,
    desired_status: String,
    client_status: String,
    pub(super) allocated_resources: Option<super::resources::Allocated>,
}

impl AllocationStub {
    pub(super) fn desired(&self) -> DesiredStatus {
        match self.desired_status.as_str() {
            "stop" => DesiredStatus::Stop,
            "evict" => DesiredStatus::Evict,
            _ => DesiredStatus::Run,
        }
    }

    pub(super) fn client(&self) -> ClientStatus {
        match self.client_status.as_str() {
            "pending" => ClientStatus::Pending,
            "running" => ClientStatus::Running,
            "complete" => ClientStatus::Complete,
            "failed" => ClientStatus::Failed,
            "lost" => ClientStatus::Lost,
            // "unknown", and whatever later versions say: it may well run.
            _ => ClientStatus::Unknown,
        }
    }
}

/// An allocation's own page, for what lists of old servers do not tell.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct AllocationPage {
    allocated_resources: Option<super::resources::Allocated>,
    resources: Option<Flat>,
    job: Option<JobOfAllocation>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct JobOfAllocation {
    r#type: String,
}

impl AllocationPage {
    /// What it takes, and the kind of its job.
    pub(super) fn into_parts(self) -> Result<(Resources, JobKind), String> {
        let flat = || self.resources.map(Resources::from);
        let resources = self.allocated_resources.map(|new| new.total()).or_else(flat);
        let kind = kind_of_job(&self.job.unwrap_or_default().r#type)?;
        Ok((resources.ok_or("it has no resources")?, kind))
    }
}

pub(super) fn kind_of_listed(text: Option<&str>) -> Option<JobKind> {
    text.and_then(|text| kind_of_job(text).ok())
}

/// The statistics of an allocation.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Statistics {
    tasks: Option<BTreeMap<String, Option<TaskStatistics>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct TaskStatistics {
    resource_usage: Option<Usage>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Usage {
    cpu_stats: Option<CpuUsage>,
    memory_stats: Option<MemoryUsage>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct CpuUsage {
    total_ticks: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MemoryUsage {
    #[serde(rename = "RSS")]
    rss: Option<Number>,
    #[serde(rename = "Usage")]
    usage: Option<Number>,
    #[serde(rename = "Measured")]
    measured: Option<Vec<String>>,
}

impl MemoryUsage {
    /// A field, where the client says that it measured it. One that says nothing of the sort is believed where it is
    /// not zero.
    fn field(&self, name: &str, value: Option<&Number>) -> Option<u64> {
        // What does not fit is far above anything real; the core takes it for missing.
        let bytes = value.map(|number| number.as_u64().unwrap_or(u64::MAX))?;
        match self.measured.as_deref() {
            Some(measured) if !measured.is_empty() => measured.iter().any(|it| it == name).then_some(bytes),
            _ => Some(bytes).filter(|bytes| *bytes > 0),
        }
    }
}

impl From<MemoryUsage> for MemoryStats {
    fn from(usage: MemoryUsage) -> Self {
        Self { rss: usage.field("RSS", usage.rss.as_ref()), usage: usage.field("Usage", usage.usage.as_ref()) }
    }
}

impl From<Statistics> for AllocationStats {
    fn from(statistics: Statistics) -> Self {
        let tasks = statistics.tasks.unwrap_or_default().into_iter().map(|(task, of_task)| {
            let usage = of_task.and_then(|of_task| of_task.resource_usage).unwrap_or_default();
            TaskUsage {
                task: task.into(),
                cpu_mhz: usage.cpu_stats.and_then(|cpu| cpu.total_ticks).filter(|ticks| ticks.is_finite()),
                memory: usage.memory_stats.map(MemoryStats::from).unwrap_or_default(),
            }
        });
        Self { tasks: tasks.collect(), collected: true }
    }
}

/// A deployment.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Deployment {
    #[serde(rename = "ID")]
    id: String,
    namespace: Option<String>,
    #[serde(rename = "JobID")]
    job_id: String,
    job_modify_index: u64,
    job_spec_modify_index: Option<u64>,
    create_index: u64,
    status: String,
}

impl Deployment {
    pub(super) fn into_domain(self) -> Result<domain::Deployment, String> {
        let namespace = self.namespace.filter(|name| !name.is_empty());
        Ok(domain::Deployment {
            id: id_of(self.id)?.into(),
            job: JobKey {
                namespace: Namespace::from(namespace.as_deref().unwrap_or(Namespace::DEFAULT)),
                id: id_of(self.job_id)?.into(),
            },
            job_modify_index: self.job_spec_modify_index.unwrap_or(self.job_modify_index),
            create_index: self.create_index,
            hang: None,
            status: match self.status.as_str() {
                "pending" | "initializing" => DeploymentStatus::Pending,
                "paused" => DeploymentStatus::Paused,
                "blocked" | "unblocking" => DeploymentStatus::Blocked,
                "successful" => DeploymentStatus::Successful,
                "failed" => DeploymentStatus::Failed,
                "cancelled" => DeploymentStatus::Cancelled,
                // "running", and whatever later versions say: the job may be moving.
                _ => DeploymentStatus::Running,
            },
        })
    }
}

/// An evaluation.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Evaluation {
    #[serde(rename = "ID")]
    id: String,
    status: String,
    #[serde(rename = "DeploymentID")]
    deployment_id: Option<String>,
    modify_time: Option<i64>,
}

impl Evaluation {
    pub(super) fn into_domain(self) -> Result<domain::Evaluation, String> {
        let modified = self.modify_time.filter(|nanos| *nanos > 0);
        Ok(domain::Evaluation {
            id: id_of(self.id)?.into(),
            status: match self.status.as_str() {
                "complete" => EvaluationStatus::Complete,
                "failed" => EvaluationStatus::Failed,
                "canceled" | "cancelled" => EvaluationStatus::Cancelled,
                _ => EvaluationStatus::Pending,
            },
            deployment: self.deployment_id.filter(|id| !id.is_empty()).map(Into::into),
            modified: modified.and_then(|nanos| Timestamp::from_nanosecond(nanos.into()).ok()),
        })
    }
}
