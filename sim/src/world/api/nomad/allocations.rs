//! Allocations. Those that have ended stay listed for a while, as they do in Nomad.

use replicator::domain::{ClientStatus, DesiredStatus, JobKey};
use serde_json::{Map, Value, json};

use super::jobs::kind;
use super::modern::Kind;
use super::{fields, numbered};
use crate::world::nomad::{SimAllocation, StopReason};
use crate::world::{Calendar, World};

/// What a list has beyond its usual fields.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extra {
    pub(crate) resources: bool,
    pub(crate) task_states: bool,
}

impl Extra {
    const TASK_STATES: Self = Self { resources: false, task_states: true };
    const ALL: Self = Self { resources: true, task_states: true };
}

impl World {
    /// The numbers of the allocations that are listed and wanted.
    fn listed_allocations(&self, wanted: impl Fn(&SimAllocation) -> bool) -> impl Iterator<Item = usize> {
        let all = self.nomad.allocations.iter().enumerate();
        all.filter(move |(_, it)| self.is_listed(it.ended) && wanted(it)).map(|(number, _)| number)
    }

    fn allocations_page(&self, wanted: impl Fn(&SimAllocation) -> bool, with: Extra) -> Vec<Value> {
        let stub = |number| self.of_version(Kind::AllocationStub, self.allocation_stub(number, with)).into();
        self.listed_allocations(wanted).map(stub).collect()
    }

    /// `GET /v1/allocations`, of a namespace.
    pub(crate) fn allocations_in(&self, namespace: &str, prefix: &str, with: Extra) -> Vec<Value> {
        let wanted = |it: &SimAllocation| {
            self.in_namespace(self.plan.groups[it.group].job, namespace) && it.id.as_str().starts_with(prefix)
        };
        self.allocations_page(wanted, with)
    }

    /// `GET /v1/job/ID/allocations`; none for a job that is not there.
    pub(crate) fn job_allocations_page(&self, key: &JobKey, with: Extra) -> Vec<Value> {
        let job = self.job_number(key);
        self.allocations_page(|it| Some(self.plan.groups[it.group].job) == job, with)
    }

    /// `GET /v1/evaluation/ID/allocations`: what was placed by it.
    pub(crate) fn evaluation_allocations_page(&self, id: &str) -> Vec<Value> {
        let number = self.evaluation_number(id);
        self.allocations_page(|it| Some(it.evaluation) == number, Extra::TASK_STATES)
    }

    /// `GET /v1/deployment/allocations/ID`: those of its job.
    pub(crate) fn deployment_allocations_page(&self, id: &str) -> Vec<Value> {
        let job = self.deployment_number(id).map(|number| self.nomad.deployments[number].job);
        self.allocations_page(|it| Some(self.plan.groups[it.group].job) == job, Extra::TASK_STATES)
    }

    /// `GET /v1/node/ID/allocations`: whole allocations.
    pub(crate) fn node_allocations_page(&self, id: &str) -> Vec<Value> {
        let node = self.node_number(id);
        self.listed_allocations(|it| Some(it.node) == node).map(|number| self.whole_allocation(number)).collect()
    }

    /// `GET /v1/allocation/ID`.
    pub(crate) fn allocation_page(&self, id: &str) -> Option<Value> {
        let number = numbered(id, &self.nomad.allocations, |it| it.id.as_str())?;
        Some(self.whole_allocation(number))
    }

    fn allocation_stub(&self, number: usize, with: Extra) -> Map<String, Value> {
        let it = &self.nomad.allocations[number];
        let plan = &self.plan.groups[it.group];
        let job = &self.plan.jobs[plan.job];
        let health = it.healthy.filter(|_| job.update.is_some()).map_or(
            Value::Null,
            |at| json!({"Canary": false, "Healthy": true, "ModifyIndex": it.modify_index, "Timestamp": self.calendar.stamp(at)}),
        );
        let migrates = (it.stop_reason == Some(StopReason::Migrates)).then_some(true);
        let mut stub = fields(json!({
            "ID": it.id, "EvalID": self.nomad.evaluations[it.evaluation].id,
            "Name": format!("{}.{}[{}]", job.key.id, plan.key.group, it.number),
            "Namespace": job.key.namespace, "NodeID": self.nomad.nodes[it.node].id,
            "NodeName": self.nomad.nodes[it.node].name, "JobID": job.key.id, "JobType": kind(job.kind),
            "JobVersion": it.version, "TaskGroup": plan.key.group, "DesiredStatus": desired(it.desired),
            "DesiredDescription": stop_words(it.stop_reason), "ClientStatus": client(it.client),
            "ClientDescription": client_words(it.client),
            "DesiredTransition": {"ForceReschedule": null, "Migrate": migrates, "Reschedule": null},
            "DeploymentStatus": health, "FollowupEvalID": "", "RescheduleTracker": null, "PreemptedAllocations": null,
            "PreemptedByAllocation": "", "CreateIndex": it.create_index, "ModifyIndex": it.modify_index,
            "CreateTime": self.calendar.nanos(it.created), "ModifyTime": self.calendar.nanos(it.changed),
        }));
        if with.task_states {
            let states = plan.tasks.iter().map(|task| (task.name.to_string(), task_state(it, self.calendar)));
            stub.insert("TaskStates".to_owned(), states.collect::<Map<_, _>>().into());
        }
        if with.resources {
            stub.insert("AllocatedResources".to_owned(), self.allocated(it.group));
        }
        stub
    }

    fn allocated(&self, group: usize) -> Value {
        let plan = &self.plan.groups[group];
        let tasks = plan.tasks.iter().map(|task| {
            let page = json!({
                "Cpu": {"CpuShares": task.cpu, "ReservedCores": reserved_cores(task.cores)}, "Devices": null,
                "Memory": {"MemoryMB": task.memory, "MemoryMaxMB": 0}, "Networks": null,
            });
            (task.name.to_string(), page)
        });
        let lifecycles = plan.tasks.iter().map(|task| (task.name.to_string(), Value::Null));
        json!({
            "Shared": {"DiskMB": plan.disk, "Networks": null, "Ports": ports(&plan.wants.ports)},
            "TaskLifecycles": lifecycles.collect::<Map<_, _>>(), "Tasks": tasks.collect::<Map<_, _>>(),
        })
    }

    /// All of an allocation, its job included.
    fn whole_allocation(&self, number: usize) -> Value {
        let mut page = self.allocation_of(number);
        let job = self.plan.groups[self.nomad.allocations[number].group].job;
        page.insert("Job".to_owned(), self.job_of(job));
        page.into()
    }

    /// The same without the job, as the event stream has it.
    pub(crate) fn allocation_of(&self, number: usize) -> Map<String, Value> {
        let it = &self.nomad.allocations[number];
        let group = &self.plan.groups[it.group];
        let asked = |cpu: u64, memory: u64, disk: u32| {
            json!({
                "CPU": cpu, "Cores": 0, "Devices": null, "DiskMB": disk, "IOPS": 0, "MemoryMB": memory, "MemoryMaxMB": 0,
                "Networks": null,
            })
        };
        let total = group.resources();
        let tasks =
            group.tasks.iter().map(|task| (task.name.to_string(), asked(task.cpu.into(), task.memory.into(), 0)));
        let mut page = self.allocation_stub(number, Extra::ALL);
        // Lists alone have these.
        for name in ["JobType", "JobVersion", "RescheduleTracker", "PreemptedAllocations", "PreemptedByAllocation"] {
            page.remove(name);
        }
        // And these, as long as nothing is in them.
        page.remove("FollowupEvalID");
        if it.stop_reason.is_none() {
            page.remove("DesiredDescription");
        }
        if it.stop_reason != Some(StopReason::Migrates) {
            page.remove("DesiredTransition");
        }
        let deployment =
            self.nomad.jobs[group.job].deployment.map(|number| self.nomad.deployments[number].id.to_string());
        let ready = self.nomad.nodes.iter().filter(|node| node.takes_work()).count();
        page.extend(fields(json!({
            "AllocModifyIndex": it.modify_index, "DeploymentID": deployment.unwrap_or_default(),
            "NetworkStatus": {"Address": "", "DNS": null, "InterfaceName": ""},
            "Metrics": {
                "AllocationTime": 0, "ClassExhausted": null, "ClassFiltered": null, "CoalescedFailures": 0,
                "ConstraintFiltered": null, "DimensionExhausted": null, "NodesAvailable": {"dc1": ready},
                "NodesEvaluated": ready, "NodesExhausted": 0, "NodesFiltered": 0, "QuotaExhausted": null,
                "ResourcesExhausted": null, "Scores": null,
                "ScoreMetaData": [{
                    "NodeID": self.nomad.nodes[it.node].id, "NormScore": it.score.mean(),
                    "Scores": {
                        "binpack": it.score.binpack, "job-anti-affinity": it.score.anti_affinity, "node-affinity": 0.0,
                        "node-reschedule-penalty": 0.0,
                    },
                }],
            },
            "Resources": asked(total.cpu.0, total.memory.0, group.disk), "SharedResources": asked(0, 0, group.disk),
            "TaskResources": tasks.collect::<Map<_, _>>(),
        })));
        self.of_version(Kind::Allocation, page)
    }
}

/// Which cores a task has; which of its node's does not matter here.
fn reserved_cores(cores: u32) -> Value {
    if cores == 0 { Value::Null } else { (0..cores).collect::<Vec<u32>>().into() }
}

fn ports(ports: &[u16]) -> Value {
    let port = |port: &u16| json!({"HostIP": "", "Label": format!("p{port}"), "To": 0, "Value": port});
    if ports.is_empty() { Value::Null } else { ports.iter().map(port).collect::<Vec<Value>>().into() }
}

fn task_state(it: &SimAllocation, calendar: Calendar) -> Value {
    let stamp = |at| calendar.stamp(at);
    let event = |kind: &str, words: &str, at| event(kind, words, calendar.nanos(at));
    let began = it.started.map(|at| event("Started", "Task started by client", at));
    let ended = it.ended.map(|at| event("Killed", "Task successfully killed", at));
    let received = event("Received", "Task received by client", it.created);
    let events: Vec<Value> = [Some(received), began, ended].into_iter().flatten().collect();
    let state = match (it.client, it.started, it.ended) {
        (_, _, Some(_)) => "dead",
        (ClientStatus::Running, ..) => "running",
        _ => "pending",
    };
    json!({
        "Events": events, "Failed": false, "FinishedAt": it.ended.map(stamp), "LastRestart": null, "Restarts": 0,
        "StartedAt": it.started.map(stamp), "State": state, "TaskHandle": null,
    })
}

fn event(kind: &str, words: &str, nanos: i64) -> Value {
    json!({
        "Type": kind, "DisplayMessage": words, "Time": nanos, "Details": {}, "Message": "", "DiskLimit": 0,
        "DownloadError": "", "DriverError": "", "DriverMessage": "", "ExitCode": 0, "FailedSibling": "",
        "FailsTask": false, "GenericSource": "", "KillError": "", "KillReason": "", "KillTimeout": 0,
        "RestartReason": "", "SetupError": "", "Signal": 0, "StartDelay": 0, "TaskSignal": "", "TaskSignalReason": "",
        "ValidationError": "", "VaultError": "",
    })
}

fn stop_words(reason: Option<StopReason>) -> &'static str {
    match reason {
        None => "",
        Some(StopReason::NotNeeded) => "alloc not needed due to job update",
        Some(StopReason::Migrates) => "alloc is being migrated",
        Some(StopReason::Lost) => "alloc is lost since its node is down",
    }
}

fn desired(status: DesiredStatus) -> &'static str {
    match status {
        DesiredStatus::Run => "run",
        DesiredStatus::Stop => "stop",
        DesiredStatus::Evict => "evict",
    }
}

pub(super) fn client(status: ClientStatus) -> &'static str {
    match status {
        ClientStatus::Pending => "pending",
        ClientStatus::Running => "running",
        ClientStatus::Complete => "complete",
        ClientStatus::Failed => "failed",
        ClientStatus::Lost => "lost",
        ClientStatus::Unknown => "unknown",
    }
}

fn client_words(status: ClientStatus) -> &'static str {
    match status {
        ClientStatus::Running => "Tasks are running",
        ClientStatus::Complete => "All tasks have completed",
        ClientStatus::Pending | ClientStatus::Failed | ClientStatus::Lost | ClientStatus::Unknown => "",
    }
}
