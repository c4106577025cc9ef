//! Nomad's event stream: what changed, with the page of it, in the order of indexes. Kept only where somebody may read it,
//! and as many as Nomad keeps.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::{Topic, World};

/// How many changes are kept for readers that come later: Nomad's `event_buffer_size`.
const KEPT: usize = 100;

// What changes are called: by what brought them about.
pub(super) const JOB_REGISTERED: &str = "JobRegistered";
pub(super) const EVALUATION_UPDATED: &str = "EvaluationUpdated";
/// The scheduler placed or stopped something, or began or ended a deployment.
pub(super) const PLAN_RESULT: &str = "PlanResult";
/// A client told how an allocation is.
pub(super) const ALLOCATION_UPDATED: &str = "AllocationUpdated";
/// A drain wants an allocation elsewhere.
pub(super) const DESIRED_STATUS: &str = "AllocationUpdateDesiredStatus";
pub(super) const NODE_REGISTRATION: &str = "NodeRegistration";
pub(super) const NODE_EVENT: &str = "NodeStreamEvent";
/// A drain began or ended, or work is let in or kept out.
pub(super) const NODE_DRAIN: &str = "NodeDrain";

/// A change.
#[derive(Debug, Clone)]
pub(crate) struct StreamEvent {
    pub(crate) index: u64,
    pub(crate) topic: &'static str,
    pub(crate) namespace: String,
    /// What it is found by: the key, and others.
    pub(crate) keys: Vec<String>,
    /// As Nomad writes it.
    pub(crate) page: Value,
}

/// The latest changes.
#[derive(Debug, Default)]
pub(super) struct Stream {
    events: VecDeque<StreamEvent>,
}

/// What a change is of.
struct Subject {
    topic: &'static str,
    kind: &'static str,
    namespace: String,
    key: String,
    /// By what else it is found.
    others: Vec<String>,
    index: u64,
    page: Value,
}

impl World {
    /// From now on changes are kept.
    pub(crate) fn open_stream(&mut self) {
        self.stream.get_or_insert_default();
    }

    /// The changes that are kept, the oldest first.
    pub(crate) fn stream_events(&self) -> impl Iterator<Item = &StreamEvent> {
        self.stream.iter().flat_map(|stream| &stream.events)
    }

    /// Keeps a change, where anybody may read it; nothing is put together for nobody.
    fn publish(&mut self, change: impl FnOnce(&Self) -> Subject) {
        if self.stream.is_none() {
            return;
        }
        let Subject { topic, kind, namespace, key, others, index, page } = change(self);
        let filter_keys = if others.is_empty() { Value::Null } else { json!(others) };
        let page = json!({
            "Topic": topic, "Type": kind, "Key": key, "Namespace": namespace, "FilterKeys": filter_keys, "Index": index,
            "Payload": {topic: page},
        });
        let keys = std::iter::once(key).chain(others).collect();
        let Some(stream) = &mut self.stream else { return };
        stream.events.push_back(StreamEvent { index, topic, namespace, keys, page });
        if stream.events.len() > KEPT {
            stream.events.pop_front();
        }
        self.changed(Topic::Stream);
    }

    pub(super) fn publish_job(&mut self, job: usize, kind: &'static str) {
        self.publish(|world| {
            let key = &world.plan.jobs[job].key;
            Subject {
                topic: "Job",
                kind,
                namespace: key.namespace.to_string(),
                key: key.id.to_string(),
                others: Vec::new(),
                index: world.nomad.jobs[job].modify_index,
                page: world.job_of(job),
            }
        });
    }

    pub(super) fn publish_evaluation(&mut self, number: usize) {
        self.publish(|world| {
            let it = &world.nomad.evaluations[number];
            let job = &world.plan.jobs[it.job].key;
            Subject {
                topic: "Evaluation",
                kind: EVALUATION_UPDATED,
                namespace: job.namespace.to_string(),
                key: it.id.to_string(),
                others: vec![job.id.to_string(), world.deployment_id(it.deployment)],
                index: it.modify_index,
                page: world.evaluation_of(number),
            }
        });
    }

    pub(super) fn publish_allocation(&mut self, number: usize, kind: &'static str) {
        self.publish(|world| {
            let it = &world.nomad.allocations[number];
            let job = world.plan.groups[it.group].job;
            let key = &world.plan.jobs[job].key;
            Subject {
                topic: "Allocation",
                kind,
                namespace: key.namespace.to_string(),
                key: it.id.to_string(),
                others: vec![key.id.to_string(), world.deployment_id(world.nomad.jobs[job].deployment)],
                index: it.modify_index,
                page: world.allocation_of(number).into(),
            }
        });
    }

    pub(super) fn publish_deployment(&mut self, number: usize, kind: &'static str) {
        self.publish(|world| {
            let it = &world.nomad.deployments[number];
            let job = &world.plan.jobs[it.job].key;
            Subject {
                topic: "Deployment",
                kind,
                namespace: job.namespace.to_string(),
                key: it.id.to_string(),
                others: vec![job.id.to_string()],
                index: it.modify_index,
                page: world.deployment_of(number),
            }
        });
    }

    pub(super) fn publish_node(&mut self, node: usize, kind: &'static str) {
        self.publish(|world| {
            let it = &world.nomad.nodes[node];
            let (key, index, page) = (it.id.to_string(), it.modify_index, world.node_of(node));
            Subject { topic: "Node", kind, namespace: String::new(), key, others: Vec::new(), index, page }
        });
    }

    fn deployment_id(&self, number: Option<usize>) -> String {
        number.map(|number| self.nomad.deployments[number].id.to_string()).unwrap_or_default()
    }
}
