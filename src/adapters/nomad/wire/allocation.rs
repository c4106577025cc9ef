//! Allocations: in lists, on their own pages, and on the page of their node.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::super::resources::{Allocated, Flat, Taken, taken_of_old};
use super::{Job, kind_of_job, namespace};
use crate::adapters::http::Answer;
use crate::domain::{
    Allocation, ClientStatus, DesiredStatus, GroupKey, JobKey, JobKind, Namespace, NodeId, Occupant, Requirements,
};
use crate::ports::PortError;

/// An allocation in a list, or the same fields of a page.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(in super::super) struct AllocationStub {
    #[serde(rename = "ID")]
    pub(in super::super) id: Option<String>,
    namespace: Option<String>,
    #[serde(rename = "JobID")]
    job_id: Option<String>,
    job_type: Option<String>,
    task_group: Option<String>,
    #[serde(rename = "NodeID")]
    pub(in super::super) node_id: Option<String>,
    desired_status: Option<String>,
    client_status: Option<String>,
    allocated_resources: Option<Allocated>,
    /// Why what it takes could not be read.
    #[serde(skip)]
    problem: Option<String>,
}

/// What a list or a page tells of what an allocation takes, and of its job.
pub(in super::super) type Told = Result<(Taken, JobKind), String>;

/// A list of allocations, each of which is read as far as it makes sense.
pub(in super::super) fn stubs(answer: &Answer) -> Result<Vec<AllocationStub>, PortError> {
    if let Ok(stubs) = answer.json() {
        return Ok(stubs);
    }
    Ok(answer.json::<Vec<Value>>()?.into_iter().map(AllocationStub::of_odd).collect())
}

impl AllocationStub {
    /// As much as can be read of an entry that may not be what it should.
    fn of_odd(mut entry: Value) -> Self {
        let problem = match serde_json::from_value::<Self>(entry.clone()) {
            Ok(stub) => return stub,
            Err(error) => error.to_string(),
        };
        if let Some(fields) = entry.as_object_mut() {
            fields.remove("AllocatedResources");
        }
        let text = |name: &str| entry.get(name).and_then(Value::as_str).map(str::to_owned);
        let heads = ["ID", "NodeID", "Namespace", "JobID", "TaskGroup", "DesiredStatus", "ClientStatus"].map(text);
        let [id, node_id, namespace, job_id, task_group, desired_status, client_status] = heads;
        let job_type = None;
        let (allocated_resources, problem) = (None, Some(problem));
        Self {
            id,
            namespace,
            job_id,
            job_type,
            task_group,
            node_id,
            desired_status,
            client_status,
            allocated_resources,
            problem,
        }
    }

    fn desired(&self) -> DesiredStatus {
        match self.desired_status.as_deref().unwrap_or_default() {
            "stop" => DesiredStatus::Stop,
            "evict" => DesiredStatus::Evict,
            _ => DesiredStatus::Run,
        }
    }

    fn client(&self) -> ClientStatus {
        match self.client_status.as_deref().unwrap_or_default() {
            "pending" => ClientStatus::Pending,
            "running" => ClientStatus::Running,
            "complete" => ClientStatus::Complete,
            "failed" => ClientStatus::Failed,
            "lost" => ClientStatus::Lost,
            // "unknown", and whatever later versions say: it may well run.
            _ => ClientStatus::Unknown,
        }
    }

    /// Whether it is nowhere, and nothing of it can be alive: then it can be left out.
    pub(in super::super) fn is_nothing(&self) -> bool {
        let is_empty = |id: &Option<String>| id.as_ref().is_none_or(String::is_empty);
        self.has_ended() && (is_empty(&self.id) || is_empty(&self.node_id))
    }

    fn has_ended(&self) -> bool {
        matches!(self.client(), ClientStatus::Complete | ClientStatus::Failed | ClientStatus::Lost)
    }

    /// What the list itself tells; nothing on servers whose lists do not. What has ended takes nothing.
    pub(in super::super) fn told(&self) -> Option<Told> {
        if self.has_ended() {
            return Some(Ok((Taken::default(), JobKind::Service)));
        }
        if let Some(problem) = &self.problem {
            return Some(Err(problem.clone()));
        }
        let allocated = self.allocated_resources.as_ref()?;
        // A type that we do not know is taken for work that must be moved.
        let kind = kind_of_job(Some(self.job_type.as_deref()?)).unwrap_or(JobKind::Service);
        Some(allocated.taken().map(|taken| (taken, kind)))
    }

    /// The allocation. Where it is not known what it takes, it is opaque, with the reason.
    ///
    /// # Errors
    ///
    /// When it has no ID or no node, and may be alive: one left out would make a node look emptier than it is.
    pub(in super::super) fn into_domain(
        self,
        told: Told,
        default: &Namespace,
    ) -> Result<(Allocation, Option<String>), String> {
        let (Some(id), Some(node)) = (super::text(self.id.clone()), super::text(self.node_id.clone())) else {
            return Err(format!("allocation {:?} on node {:?}: one of the two has no ID", self.id, self.node_id));
        };
        let (desired, client) = (self.desired(), self.client());
        let job = JobKey { namespace: namespace(self.namespace, default), id: self.job_id.unwrap_or_default().into() };
        let group = GroupKey { job, group: self.task_group.unwrap_or_default().into() };
        let problem = told.as_ref().err().map(|problem| format!("allocation {id} of {group}: {problem}"));
        let (Taken { resources, tasks, holdings }, kind) =
            told.unwrap_or_else(|_| (Taken::default(), JobKind::Service));
        let allocation = Allocation {
            id: id.into(),
            group,
            kind,
            node: node.into(),
            desired,
            client,
            resources,
            tasks,
            holdings,
            lingers: false,
            opaque: problem.is_some(),
        };
        Ok((allocation, problem))
    }
}

/// An allocation's own page, or an entry of its node's.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(in super::super) struct AllocationPage {
    #[serde(flatten)]
    stub: AllocationStub,
    resources: Option<Flat>,
    task_resources: Option<BTreeMap<String, Flat>>,
    task_states: Option<BTreeMap<String, Option<TaskState>>>,
    job: Option<Value>,
}

/// What became of a task.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct TaskState {
    state: Option<String>,
}

impl TaskState {
    fn is_dead(&self) -> bool {
        self.state.as_deref() == Some("dead")
    }
}

impl AllocationPage {
    /// What it takes, and the kind of its job.
    pub(in super::super) fn told(&self) -> Told {
        let kind = self.job()?.kind()?;
        Ok((self.taken()?, kind))
    }

    fn taken(&self) -> Result<Taken, String> {
        match (&self.stub.allocated_resources, &self.resources) {
            (Some(allocated), _) => allocated.taken(),
            (None, Some(whole)) => taken_of_old(whole, self.task_resources.as_ref().unwrap_or(&BTreeMap::new())),
            (None, None) => Err("it has no resources".to_owned()),
        }
    }

    fn job(&self) -> Result<Job, String> {
        let job = self.job.clone().ok_or("it comes without its job")?;
        serde_json::from_value(job).map_err(|error| format!("its job: {error}"))
    }

    /// Whether something of it may be alive on its node: it has not ended, or a task of it has not (`poststop`).
    fn is_alive(&self) -> bool {
        !self.stub.has_ended() || self.lingers()
    }

    fn lingers(&self) -> bool {
        let states = self.task_states.iter().flatten().filter_map(|(_, state)| state.as_ref());
        self.stub.has_ended() && states.into_iter().any(|state| !state.is_dead())
    }

    /// The occupant of `node` that this is, with what is odd about it; nothing where nothing of it is alive.
    ///
    /// # Errors
    ///
    /// When it has no ID, or is on another node.
    pub(in super::super) fn into_occupant(
        mut self,
        node: &NodeId,
        default: &Namespace,
    ) -> Result<Option<(Occupant, Option<String>)>, String> {
        if !self.is_alive() {
            return Ok(None);
        }
        let listed = self.stub.node_id.get_or_insert_with(|| node.to_string());
        if listed != node.as_str() {
            return Err(format!("allocation {:?} is on node {listed:?}", self.stub.id));
        }
        let (lingers, taken, job) = (self.lingers(), self.taken(), self.job());
        let kind = job.as_ref().ok().and_then(|job| job.kind().ok()).unwrap_or(JobKind::Service);
        let group = self.stub.task_group.clone().unwrap_or_default();
        let needs = job.and_then(|job| job.needs_of(&group).ok_or_else(|| format!("its job has no group {group:?}")));
        let needs = needs.unwrap_or_else(|problem| Requirements { unknown: vec![problem], ..Requirements::default() });
        let (allocation, problem) = self.stub.into_domain(taken.map(|taken| (taken, kind)), default)?;
        Ok(Some((Occupant { allocation: Allocation { lingers, ..allocation }, needs: Arc::new(needs) }, problem)))
    }
}
