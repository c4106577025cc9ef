//! Small builders for tests: a thing with what the test is about, and the rest as usual.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::{
    Allocation, ClientStatus, Deployment, DeploymentStatus, DesiredStatus, Eligibility, GroupKey, InstanceId, JobKey,
    JobKind, Lifecycle, MebiBytes, MegaHertz, Meta, Node, NodeStatus, NodeSummary, Percent, Place, PoolInstance,
    PoolSnapshot, Resources, Task, TaskGroup, TaskSpan,
};
use crate::policy::{GroupPolicy, GroupStrategy, Thresholds};

pub(crate) fn meta(pairs: &[(&str, &str)]) -> Meta {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// A node that takes work, on an instance of its own, of 1000 MHz and 2000 MiB.
pub(crate) fn node(id: &str) -> Node {
    Node {
        summary: NodeSummary {
            id: id.into(),
            name: id.to_owned(),
            status: NodeStatus::Ready,
            draining: false,
            eligibility: Eligibility::Eligible,
            modify_index: 1,
        },
        meta: Arc::default(),
        capacity: Resources::new(1000, 2000, 0),
        instance: Some(InstanceId::from(format!("i-{id}"))),
        address: None,
        drained_by: crate::domain::DrainOwner::default(),
        place: Arc::new(Place::default()),
    }
}

pub(crate) fn group_key(job: &str, group: &str) -> GroupKey {
    GroupKey { job: JobKey::in_default(job), group: group.into() }
}

/// A running allocation of `web/g` of a service, of 300 MHz and 100 MiB.
pub(crate) fn allocation(id: &str, node: &str) -> Allocation {
    Allocation {
        id: id.into(),
        group: group_key("web", "g"),
        kind: JobKind::Service,
        node: node.into(),
        desired: DesiredStatus::Run,
        client: ClientStatus::Running,
        resources: Resources::new(300, 100, 0),
        tasks: Arc::default(),
        holdings: None,
        lingers: false,
        opaque: false,
    }
}

/// A task that runs throughout.
pub(crate) fn task(name: &str, cpu: u64, memory: u64) -> Task {
    Task { name: name.into(), cpu: MegaHertz(cpu), memory: MebiBytes(memory), cores: 0, span: TaskSpan::Throughout }
}

/// A group of two with one task of 300 MHz and 100 MiB.
pub(crate) fn task_group(name: &str, meta: Meta) -> TaskGroup {
    TaskGroup {
        name: name.into(),
        count: 2,
        meta,
        tasks: vec![task("t", 300, 100)],
        disk: MebiBytes(0),
        scaling: None,
        needs: Arc::default(),
    }
}

pub(crate) fn deployment(id: &str, create_index: u64, status: DeploymentStatus) -> Deployment {
    Deployment { id: id.into(), job: JobKey::in_default("web"), job_modify_index: 1, create_index, status, hang: None }
}

pub(crate) fn member(id: &str, lifecycle: Lifecycle) -> PoolInstance {
    PoolInstance { id: id.into(), lifecycle, protected: false, zone: None }
}

/// An Auto Scaling group of 1 to 10 with these members in service, as many as it shall have.
pub(crate) fn snapshot(members: &[&str]) -> PoolSnapshot {
    PoolSnapshot {
        min: 1,
        max: 10,
        desired: u32::try_from(members.len()).unwrap(),
        instances: members.iter().map(|id| member(id, Lifecycle::InService)).collect(),
        suspended: vec![],
        weighted: false,
        overhaul: None,
    }
}

/// From 1 to 10 allocations, in below 30 %, out above 80 %.
pub(crate) fn group_policy() -> GroupPolicy {
    GroupPolicy {
        enabled: true,
        min: 1,
        max: 10,
        strategy: GroupStrategy::Threshold(Thresholds {
            scalein_cpu: Percent(30.0),
            scalein_mem: Percent(30.0),
            scaleout_cpu: Percent(80.0),
            scaleout_mem: Percent(80.0),
        }),
        schedule: None,
        in_force: Vec::new(),
        ignore_tasks: BTreeSet::new(),
        notification_uid: "REP1".into(),
        cooldown: Duration::from_secs(60),
        cooldown_out: None,
        cooldown_in: None,
        retry_threshold: 1,
    }
}
