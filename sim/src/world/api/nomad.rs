//! Nomad's pages.

use replicator::domain::{
    ClientStatus, DeploymentStatus, DesiredStatus, Eligibility, EvaluationStatus, GroupKey, JobKey, JobKind,
    NodeStatus, Resource,
};
use serde_json::{Map, Value, json};

use super::{nanos, stamp};
use crate::time::Millis;
use crate::world::nomad::{ScalingEvent, number_of};
use crate::world::{Topic, World};

/// The version of Nomad whose pages these are.
const VERSION: &str = "1.1.2";
/// The index at which everything of the scenario was made.
const CREATED: u64 = 10;
/// How many scaling events of a group are kept, as Nomad does.
const EVENTS: usize = 20;

/// A change of count that somebody asks for.
pub(crate) struct ScaleOrder {
    pub(crate) job: JobKey,
    pub(crate) group: String,
    pub(crate) count: u32,
    pub(crate) message: String,
}

/// Why a count was not changed.
pub(crate) enum ScaleRefused {
    NoJob,
    NoGroup,
    Deploying,
}

/// What somebody does to a node.
#[derive(Clone, Copy)]
pub(crate) enum NodeChange {
    Drain,
    CallOff { eligible: bool },
    Eligibility(Eligibility),
}

fn kind(kind: JobKind) -> &'static str {
    match kind {
        JobKind::Service => "service",
        JobKind::Batch => "batch",
        JobKind::System => "system",
        JobKind::Sysbatch => "sysbatch",
    }
}

impl World {
    /// The index of the last change of a table; blocking queries wait for it to move.
    pub(crate) fn nomad_index(&self, topic: Topic) -> u64 {
        let indexes = &self.nomad.indexes;
        match topic {
            Topic::Jobs => indexes.jobs,
            Topic::Nodes => indexes.nodes,
            Topic::Allocations => indexes.allocations,
            Topic::Deployments => indexes.deployments,
            Topic::Consul => self.consul.index,
        }
    }

    /// The index of the last change of anything.
    pub(crate) fn nomad_last_index(&self) -> u64 {
        self.nomad.index
    }

    pub(crate) fn has_job(&self, key: &JobKey) -> bool {
        self.job_number(key).is_some()
    }

    fn job_number(&self, key: &JobKey) -> Option<usize> {
        self.plan.jobs.iter().position(|job| job.key == *key)
    }

    fn group_numbers(&self, job: usize) -> std::ops::Range<usize> {
        self.plan.jobs[job].groups.clone()
    }

    fn in_namespace(&self, job: usize, namespace: &str) -> bool {
        namespace == "*" || self.plan.jobs[job].key.namespace.as_str() == namespace
    }

    /// `GET /v1/jobs`.
    pub(crate) fn jobs_page(&self, namespace: &str, prefix: &str) -> Vec<Value> {
        let wanted = |job: &usize| {
            self.in_namespace(*job, namespace) && self.plan.jobs[*job].key.id.as_str().starts_with(prefix)
        };
        (0..self.plan.jobs.len()).filter(wanted).map(|job| self.job_stub(job)).collect()
    }

    fn job_stub(&self, job: usize) -> Value {
        let plan = &self.plan.jobs[job];
        let index = self.nomad.jobs[job].modify_index;
        json!({
            "ID": plan.key.id, "Name": plan.key.id, "Namespace": plan.key.namespace, "Type": kind(plan.kind),
            "Datacenters": ["dc1"], "Priority": 50, "Status": self.job_status(job), "StatusDescription": "",
            "Stop": false, "ParentID": "", "Periodic": false, "ParameterizedJob": false, "Multiregion": null,
            "CreateIndex": CREATED, "ModifyIndex": index, "JobModifyIndex": index, "SubmitTime": nanos(Millis(0)),
            "JobSummary": self.summary_of(job),
        })
    }

    fn job_status(&self, job: usize) -> &'static str {
        let live = self.group_numbers(job).any(|group| !self.nomad.groups[group].allocations.is_empty());
        if live { "running" } else { "pending" }
    }

    fn summary_of(&self, job: usize) -> Value {
        let plan = &self.plan.jobs[job];
        let groups = self.group_numbers(job).map(|group| {
            let it = &self.nomad.groups[group];
            let of = |status: ClientStatus| {
                it.allocations.iter().filter(|number| self.nomad.allocations[**number].client == status).count()
            };
            let placed = u32::try_from(it.allocations.len()).unwrap_or(u32::MAX);
            let page = json!({
                "Complete": it.completed, "Failed": 0, "Lost": 0,
                "Queued": it.count.saturating_sub(placed).saturating_sub(it.completed),
                "Running": of(ClientStatus::Running), "Starting": of(ClientStatus::Pending),
            });
            (self.plan.groups[group].key.group.to_string(), page)
        });
        json!({
            "JobID": plan.key.id, "Namespace": plan.key.namespace, "Summary": groups.collect::<Map<_, _>>(),
            "Children": {"Dead": 0, "Pending": 0, "Running": 0},
            "CreateIndex": CREATED, "ModifyIndex": self.nomad.indexes.allocations,
        })
    }

    /// `GET /v1/job/ID/summary`.
    pub(crate) fn summary_page(&self, key: &JobKey) -> Option<Value> {
        Some(self.summary_of(self.job_number(key)?))
    }

    /// `GET /v1/job/ID`.
    pub(crate) fn job_page(&self, key: &JobKey) -> Option<Value> {
        let job = self.job_number(key)?;
        let (plan, it) = (&self.plan.jobs[job], &self.nomad.jobs[job]);
        let update = plan.update.map_or(Value::Null, |update| {
            json!({
                "AutoPromote": false, "AutoRevert": false, "Canary": 0, "HealthCheck": "task_states",
                "HealthyDeadline": 300_000_000_000_u64, "MaxParallel": 1,
                "MinHealthyTime": update.min_healthy_time.0 * 1_000_000,
                "ProgressDeadline": update.progress_deadline.0 * 1_000_000, "Stagger": 30_000_000_000_u64,
            })
        });
        let groups: Vec<Value> = self.group_numbers(job).map(|group| self.task_group_page(group, &update)).collect();
        Some(json!({
            "ID": plan.key.id, "Name": plan.key.id, "Namespace": plan.key.namespace, "Type": kind(plan.kind),
            "Region": "global", "Datacenters": ["dc1"], "Priority": 50, "AllAtOnce": false, "Affinities": null,
            "Constraints": null, "ConsulNamespace": "", "ConsulToken": "", "Dispatched": false, "Meta": null,
            "Multiregion": null, "NomadTokenID": "", "ParameterizedJob": null, "ParentID": "", "Payload": null,
            "Periodic": null, "Spreads": null, "Stable": self.active_deployment(job).is_none(),
            "Status": self.job_status(job), "StatusDescription": "", "Stop": false, "TaskGroups": groups,
            "Update": {
                "AutoPromote": false, "AutoRevert": false, "Canary": 0, "HealthCheck": "", "HealthyDeadline": 0,
                "MaxParallel": 1, "MinHealthyTime": 0, "ProgressDeadline": 0, "Stagger": 30_000_000_000_u64,
            },
            "VaultNamespace": "", "VaultToken": "", "SubmitTime": nanos(Millis(0)), "Version": it.version,
            "CreateIndex": CREATED, "ModifyIndex": it.modify_index, "JobModifyIndex": it.modify_index,
        }))
    }

    fn task_group_page(&self, group: usize, update: &Value) -> Value {
        let plan = &self.plan.groups[group];
        let restart =
            json!({"Attempts": 2, "Delay": 15_000_000_000_u64, "Interval": 1_800_000_000_000_u64, "Mode": "fail"});
        let tasks: Vec<Value> = plan
            .tasks
            .iter()
            .map(|task| {
                json!({
                    "Name": task.name, "Driver": "mock_driver", "Config": {"run_for": "10000h"}, "Affinities": null,
                    "Artifacts": null, "CSIPluginConfig": null, "Constraints": null, "DispatchPayload": null,
                    "Env": null, "KillSignal": "", "KillTimeout": 5_000_000_000_u64, "Kind": "", "Leader": false,
                    "Lifecycle": null, "LogConfig": {"MaxFileSizeMB": 10, "MaxFiles": 10}, "Meta": null,
                    "Resources": {
                        "CPU": task.cpu, "Cores": 0, "Devices": null, "DiskMB": 0, "IOPS": 0, "MemoryMB": task.memory,
                        "MemoryMaxMB": 0, "Networks": null,
                    },
                    "RestartPolicy": restart, "ScalingPolicies": null, "Services": null, "ShutdownDelay": 0,
                    "Templates": null, "User": "", "Vault": null, "VolumeMounts": null,
                })
            })
            .collect();
        json!({
            "Name": plan.key.group, "Count": self.nomad.groups[group].count,
            "Meta": if plan.meta.is_empty() { Value::Null } else { json!(plan.meta) }, "Tasks": tasks, "Update": update,
            "Affinities": null, "Constraints": null, "Consul": {"Namespace": ""},
            "EphemeralDisk": {"Migrate": false, "SizeMB": plan.disk, "Sticky": false},
            "Migrate": {
                "HealthCheck": "checks", "HealthyDeadline": 300_000_000_000_u64, "MaxParallel": plan.migrate_max_parallel,
                "MinHealthyTime": 10_000_000_000_u64,
            },
            "Networks": null,
            "ReschedulePolicy": {
                "Attempts": 0, "Delay": 30_000_000_000_u64, "DelayFunction": "exponential", "Interval": 0,
                "MaxDelay": 3_600_000_000_000_u64, "Unlimited": true,
            },
            "RestartPolicy": restart, "Scaling": null, "Services": null, "ShutdownDelay": null, "Spreads": null,
            "StopAfterClientDisconnect": null, "Volumes": null,
        })
    }

    /// `GET /v1/job/ID/scale`.
    pub(crate) fn scale_page(&self, key: &JobKey) -> Option<Value> {
        let job = self.job_number(key)?;
        let groups = self.group_numbers(job).map(|group| {
            let it = &self.nomad.groups[group];
            let running =
                it.allocations.iter().filter(|number| self.nomad.allocations[**number].client == ClientStatus::Running);
            let events: Vec<Value> = it.scaled.iter().map(|event| self.scaling_event(event)).collect();
            let page = json!({
                "Desired": it.count, "Placed": it.allocations.len(), "Running": running.count(),
                "Healthy": it.serving, "Unhealthy": 0,
                "Events": if events.is_empty() { Value::Null } else { events.into() },
            });
            (self.plan.groups[group].key.group.to_string(), page)
        });
        Some(json!({
            "JobID": key.id, "Namespace": key.namespace, "JobCreateIndex": CREATED,
            "JobModifyIndex": self.nomad.jobs[job].modify_index, "JobStopped": false,
            "TaskGroups": groups.collect::<Map<_, _>>(),
        }))
    }

    fn scaling_event(&self, event: &ScalingEvent) -> Value {
        let evaluation = event.evaluation.map(|number| self.nomad.evaluations[number].id.clone());
        json!({
            "Count": event.to, "PreviousCount": event.from, "CreateIndex": event.index, "Error": event.to.is_none(),
            "EvalID": evaluation, "Message": event.message, "Meta": {}, "Time": nanos(event.at),
        })
    }

    /// `POST /v1/job/ID/scale`. A refusal because of a deployment leaves an event behind, as Nomad does.
    pub(crate) fn scale_by_order(&mut self, order: &ScaleOrder) -> Result<Value, ScaleRefused> {
        let job = self.job_number(&order.job).ok_or(ScaleRefused::NoJob)?;
        let key = GroupKey { job: order.job.clone(), group: order.group.as_str().into() };
        let mut groups = self.group_numbers(job);
        let group = groups.find(|group| self.plan.groups[*group].key == key).ok_or(ScaleRefused::NoGroup)?;
        let from = self.nomad.groups[group].count;
        let refused = self.active_deployment(job).is_some();
        let (evaluation, to, message) = if refused {
            (None, None, "job scaling blocked due to active deployment".to_owned())
        } else {
            let resource = Resource::Group(self.plan.groups[group].key.clone());
            self.record.order(self.now, resource, from, order.count, order.message.clone());
            self.set_count(group, order.count);
            (Some(self.evaluate_soon(job, true)), Some(order.count), order.message.clone())
        };
        let index = self.nomad.index;
        let events = &mut self.nomad.groups[group].scaled;
        events.insert(0, ScalingEvent { at: self.now, index, from, to, message, evaluation });
        events.truncate(EVENTS);
        let Some(evaluation) = evaluation else { return Err(ScaleRefused::Deploying) };
        Ok(json!({
            "EvalID": self.nomad.evaluations[evaluation].id, "EvalCreateIndex": index, "Index": index,
            "JobModifyIndex": self.nomad.jobs[job].modify_index, "KnownLeader": true, "LastContact": 0, "Warnings": "",
        }))
    }

    /// `GET /v1/nodes`.
    pub(crate) fn nodes_page(&self, prefix: &str) -> Vec<Value> {
        let wanted = |node: &usize| self.nomad.nodes[*node].id.as_str().starts_with(prefix);
        (0..self.nomad.nodes.len()).filter(wanted).map(|node| Value::Object(self.node_head(node))).collect()
    }

    fn node_head(&self, node: usize) -> Map<String, Value> {
        let it = &self.nomad.nodes[node];
        let status = match it.status {
            NodeStatus::Initializing => "initializing",
            NodeStatus::Ready => "ready",
            NodeStatus::Down => "down",
            NodeStatus::Disconnected => "disconnected",
        };
        let eligibility = if it.eligibility == Eligibility::Eligible { "eligible" } else { "ineligible" };
        let driver = json!({
            "mock_driver": {
                "Attributes": {"driver.mock": "true"}, "Detected": true, "HealthDescription": "Healthy", "Healthy": true,
                "UpdateTime": stamp(Millis(0)),
            }
        });
        let head = json!({
            "ID": it.id, "Name": it.name, "Address": self.cloud.instances[it.instance].address, "Datacenter": "dc1",
            "NodeClass": "", "Version": VERSION, "Drain": it.draining, "SchedulingEligibility": eligibility,
            "Status": status, "StatusDescription": "", "Drivers": driver, "HostVolumes": null, "LastDrain": null,
            "CreateIndex": CREATED, "ModifyIndex": it.modify_index,
        });
        let Value::Object(head) = head else { unreachable!("an object is written above") };
        head
    }

    fn node_number(&self, id: &str) -> Option<usize> {
        numbered(id, &self.nomad.nodes, |it| it.id.as_str())
    }

    /// `GET /v1/node/ID`.
    pub(crate) fn node_page(&self, id: &str) -> Option<Value> {
        let number = self.node_number(id)?;
        let (it, detail) = (&self.nomad.nodes[number], self.node_detail(number));
        let pool = &self.plan.pools[it.pool];
        let instance = &self.cloud.instances[it.instance];
        let (cpu, memory, disk) = (detail.capacity.cpu.0, detail.capacity.memory.0, detail.capacity.disk.0);
        let strategy = if it.draining {
            json!({"Deadline": 0, "ForceDeadline": "0001-01-01T00:00:00Z", "IgnoreSystemJobs": false, "StartedAt": stamp(self.now)})
        } else {
            Value::Null
        };
        let mut page = self.node_head(number);
        page.remove("Address");
        page.remove("Version");
        let more = json!({
            "HTTPAddr": format!("{}:4646", instance.address), "TLSEnabled": false, "SecretID": "",
            "Attributes": {
                "nomad.version": VERSION, "unique.hostname": it.name, "unique.network.ip-address": instance.address,
                "unique.platform.aws.instance-id": instance.id, "platform.aws.placement.availability-zone":
                pool.zones.get(instance.zone), "cpu.totalcompute": cpu.to_string(), "driver.mock_driver": "1",
                "kernel.name": "linux", "memory.totalbytes": (memory * 1_048_576).to_string(),
            },
            "CSIControllerPlugins": null, "CSINodePlugins": null, "ComputedClass": format!("v1:{}", it.pool),
            "DrainStrategy": strategy,
            "Events": [{
                "CreateIndex": 0, "Details": null, "Message": "Node registered", "Subsystem": "Cluster",
                "Timestamp": stamp(Millis(0)),
            }],
            "Links": {"consul": format!("dc1.{}", it.name)},
            "Meta": detail.meta,
            "NodeResources": {
                "Cpu": {"CpuShares": cpu, "ReservableCpuCores": null, "TotalCpuCores": 2}, "Devices": null,
                "Disk": {"DiskMB": disk}, "Memory": {"MemoryMB": memory}, "Networks": [], "NodeNetworks": [],
            },
            "Reserved": {
                "CPU": 0, "Cores": 0, "Devices": null, "DiskMB": 0, "IOPS": 0, "MemoryMB": 0, "MemoryMaxMB": 0,
                "Networks": null,
            },
            "ReservedResources": {
                "Cpu": {"CpuShares": 0, "ReservedCpuCores": null}, "Disk": {"DiskMB": 0}, "Memory": {"MemoryMB": 0},
                "Networks": {"ReservedHostPorts": ""},
            },
            "Resources": {
                "CPU": cpu, "Cores": 0, "Devices": null, "DiskMB": disk, "IOPS": 0, "MemoryMB": memory,
                "MemoryMaxMB": 0, "Networks": [],
            },
            "StatusUpdatedAt": nanos(Millis(0)) / 1_000_000_000,
        });
        if let Value::Object(more) = more {
            page.extend(more);
        }
        Some(page.into())
    }

    /// `POST /v1/node/ID/drain` and `/eligibility`. Whether there is such a node.
    pub(crate) fn change_node(&mut self, id: &str, change: NodeChange) -> Option<u64> {
        let node = self.node_number(id)?;
        match change {
            NodeChange::Drain => self.start_drain(node),
            NodeChange::CallOff { eligible: true } => self.cancel_drain(node),
            NodeChange::CallOff { eligible: false } => self.end_drain(node),
            NodeChange::Eligibility(eligibility) => self.set_eligibility(node, eligibility),
        }
        Some(self.nomad.index)
    }

    fn end_drain(&mut self, node: usize) {
        if std::mem::take(&mut self.nomad.nodes[node].draining) {
            self.node_changed(node);
        }
    }

    fn set_eligibility(&mut self, node: usize, eligibility: Eligibility) {
        if self.nomad.nodes[node].eligibility == eligibility {
            return;
        }
        self.nomad.nodes[node].eligibility = eligibility;
        self.node_changed(node);
        if eligibility == Eligibility::Eligible {
            self.capacity_grew();
            self.run_system_jobs();
        }
    }

    /// `GET /v1/allocations`, of all jobs or of one, on all nodes or on one.
    pub(crate) fn allocations_page(&self, filter: impl Fn(usize, usize) -> bool, with: Extra) -> Vec<Value> {
        let wanted = |number: &&usize| {
            let it = &self.nomad.allocations[**number];
            filter(self.plan.groups[it.group].job, it.node)
        };
        self.nomad.live.iter().filter(wanted).map(|number| self.allocation_stub(*number, with).into()).collect()
    }

    fn allocation_stub(&self, number: usize, with: Extra) -> Map<String, Value> {
        let it = &self.nomad.allocations[number];
        let plan = &self.plan.groups[it.group];
        let job = &self.plan.jobs[plan.job];
        let (desired, client) = (desired(it.desired), client(it.client));
        let running = it.client == ClientStatus::Running;
        let states = plan.tasks.iter().map(|task| {
            let state = json!({
                "Events": [], "Failed": false, "FinishedAt": null, "LastRestart": null, "Restarts": 0,
                "StartedAt": if running { stamp(it.created).into() } else { Value::Null },
                "State": if running { "running" } else { "pending" }, "TaskHandle": null,
            });
            (task.name.to_string(), state)
        });
        let stub = json!({
            "ID": it.id, "EvalID": "", "Name": format!("{}.{}[{}]", job.key.id, plan.key.group, it.number),
            "Namespace": job.key.namespace, "NodeID": self.nomad.nodes[it.node].id,
            "NodeName": self.nomad.nodes[it.node].name, "JobID": job.key.id, "JobType": kind(job.kind),
            "JobVersion": it.version, "TaskGroup": plan.key.group, "DesiredStatus": desired, "DesiredDescription": "",
            "ClientStatus": client, "ClientDescription": if running { "Tasks are running" } else { "" },
            "DesiredTransition": {"ForceReschedule": null, "Migrate": null, "Reschedule": null},
            "DeploymentStatus": {
                "Canary": false, "Healthy": it.serving, "ModifyIndex": it.modify_index, "Timestamp": stamp(it.created),
            },
            "FollowupEvalID": "", "RescheduleTracker": null, "PreemptedAllocations": null, "PreemptedByAllocation": "",
            "CreateIndex": it.create_index, "ModifyIndex": it.modify_index, "CreateTime": nanos(it.created),
            "ModifyTime": nanos(it.created),
        });
        let Value::Object(mut stub) = stub else { unreachable!("an object is written above") };
        if with.task_states {
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
                "Cpu": {"CpuShares": task.cpu, "ReservedCores": null}, "Devices": null,
                "Memory": {"MemoryMB": task.memory, "MemoryMaxMB": 0}, "Networks": null,
            });
            (task.name.to_string(), page)
        });
        let lifecycles = plan.tasks.iter().map(|task| (task.name.to_string(), Value::Null));
        json!({
            "Shared": {"DiskMB": plan.disk, "Networks": null, "Ports": null},
            "TaskLifecycles": lifecycles.collect::<Map<_, _>>(), "Tasks": tasks.collect::<Map<_, _>>(),
        })
    }

    /// The allocations of a namespace.
    pub(crate) fn allocations_in(&self, namespace: &str, prefix: &str, with: Extra) -> Vec<Value> {
        let all = self.allocations_page(|job, _| self.in_namespace(job, namespace), with);
        all.into_iter().filter(|stub| stub["ID"].as_str().is_some_and(|id| id.starts_with(prefix))).collect()
    }

    /// `GET /v1/job/ID/allocations`; none for a job that is not there.
    pub(crate) fn job_allocations_page(&self, key: &JobKey, with: Extra) -> Vec<Value> {
        let job = self.job_number(key);
        self.allocations_page(|of, _| Some(of) == job, with)
    }

    /// `GET /v1/node/ID/allocations`: whole allocations.
    pub(crate) fn node_allocations_page(&self, id: &str) -> Vec<Value> {
        let node = self.node_number(id);
        let on_node = |number: &&usize| Some(self.nomad.allocations[**number].node) == node;
        self.nomad.live.iter().filter(on_node).map(|number| self.whole_allocation(*number)).collect()
    }

    /// `GET /v1/allocation/ID`.
    pub(crate) fn allocation_page(&self, id: &str) -> Option<Value> {
        let number = numbered(id, &self.nomad.allocations, |it| it.id.as_str())?;
        Some(self.whole_allocation(number))
    }

    fn whole_allocation(&self, number: usize) -> Value {
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
        let mut page = self.allocation_stub(number, Extra { resources: true, task_states: true });
        // Lists alone have the job's type and version.
        page.remove("JobType");
        page.remove("JobVersion");
        let deployment =
            self.nomad.jobs[group.job].deployment.map(|number| self.nomad.deployments[number].id.to_string());
        let more = json!({
            "AllocModifyIndex": it.modify_index, "DeploymentID": deployment.unwrap_or_default(),
            "Job": self.job_page(&self.plan.jobs[group.job].key), "NetworkStatus": null,
            "Metrics": {
                "AllocationTime": 0, "ClassExhausted": null, "ClassFiltered": null, "CoalescedFailures": 0,
                "ConstraintFiltered": null, "DimensionExhausted": null, "NodesAvailable": {}, "NodesEvaluated": 1,
                "NodesExhausted": 0, "NodesFiltered": 0, "QuotaExhausted": null, "ResourcesExhausted": null,
                "ScoreMetaData": null, "Scores": null,
            },
            "Resources": asked(total.cpu.0, total.memory.0, group.disk), "SharedResources": asked(0, 0, group.disk),
            "TaskResources": tasks.collect::<Map<_, _>>(),
        });
        if let Value::Object(more) = more {
            page.extend(more);
        }
        page.into()
    }

    /// `GET /v1/client/allocation/ID/stats`; nothing where there is no such allocation or it does not run.
    pub(crate) fn statistics_page(&self, id: &str) -> Option<Value> {
        let number = numbered(id, &self.nomad.allocations, |it| it.id.as_str())?;
        let it = &self.nomad.allocations[number];
        let reachable = self.nomad.nodes[it.node].alive && self.outages.statistics[it.group] == 0;
        if !reachable || it.client != ClientStatus::Running {
            return None;
        }
        let usage = |cpu: f64, rss: u64| {
            json!({
                "CpuStats": {
                    "Measured": ["System Mode", "User Mode", "Percent"], "Percent": cpu / 25.0, "SystemMode": 0.0,
                    "ThrottledPeriods": 0, "ThrottledTime": 0, "TotalTicks": cpu, "UserMode": cpu / 25.0,
                },
                "DeviceStats": [],
                "MemoryStats": {
                    "Cache": 0, "KernelMaxUsage": 0, "KernelUsage": 0, "MaxUsage": 0, "Measured": ["RSS", "Swap"],
                    "RSS": rss, "Swap": 0, "Usage": 0,
                },
            })
        };
        let now = nanos(self.now);
        let used = self.statistics(number).tasks;
        let total = |of: fn(&replicator::domain::TaskUsage) -> f64| used.iter().map(of).sum::<f64>();
        let cpu = total(|task| task.cpu_mhz.unwrap_or(0.0));
        let rss = used.iter().map(|task| task.memory.rss.unwrap_or(0)).sum();
        let tasks = used.iter().map(|task| {
            let usage = usage(task.cpu_mhz.unwrap_or(0.0), task.memory.rss.unwrap_or(0));
            (task.task.to_string(), json!({"Pids": null, "ResourceUsage": usage, "Timestamp": now}))
        });
        Some(json!({"ResourceUsage": usage(cpu, rss), "Tasks": tasks.collect::<Map<_, _>>(), "Timestamp": now}))
    }

    /// `GET /v1/deployments`: the latest of every job.
    pub(crate) fn deployments_page(&self, namespace: &str) -> Vec<Value> {
        let jobs = (0..self.plan.jobs.len()).filter(|job| self.in_namespace(*job, namespace));
        jobs.filter_map(|job| self.nomad.jobs[job].deployment).map(|number| self.deployment_of(number)).collect()
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
        let number = numbered(id, &self.nomad.deployments, |it| it.id.as_str())?;
        Some(self.deployment_of(number))
    }

    fn deployment_of(&self, number: usize) -> Value {
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
        let groups = self.group_numbers(it.job).map(|group| {
            let of = &self.nomad.groups[group];
            let page = json!({
                "AutoPromote": false, "AutoRevert": false, "DesiredCanaries": 0, "DesiredTotal": of.count,
                "HealthyAllocs": of.serving, "PlacedAllocs": of.allocations.len(), "PlacedCanaries": null,
                "ProgressDeadline": progress, "Promoted": false, "RequireProgressBy": stamp(it.progress_by),
                "UnhealthyAllocs": 0,
            });
            (self.plan.groups[group].key.group.to_string(), page)
        });
        let job = &self.plan.jobs[it.job].key;
        json!({
            "ID": it.id, "JobID": job.id, "Namespace": job.namespace, "JobCreateIndex": CREATED,
            "JobModifyIndex": it.job_modify_index, "JobSpecModifyIndex": it.job_modify_index,
            "JobVersion": self.nomad.jobs[it.job].version, "IsMultiregion": false, "Status": status,
            "StatusDescription": description, "TaskGroups": groups.collect::<Map<_, _>>(),
            "CreateIndex": it.create_index, "ModifyIndex": it.modify_index,
        })
    }

    /// `GET /v1/evaluation/ID`.
    pub(crate) fn evaluation_page(&self, id: &str) -> Option<Value> {
        let number = numbered(id, &self.nomad.evaluations, |it| it.id.as_str())?;
        Some(self.evaluation_of(number))
    }

    /// `GET /v1/evaluation/ID/allocations`: what was placed from this evaluation of the job to its next.
    pub(crate) fn evaluation_allocations_page(&self, id: &str) -> Vec<Value> {
        let Some(number) = number_of(id).filter(|number| *number < self.nomad.evaluations.len()) else {
            return Vec::new();
        };
        let of_job = |it: &&crate::world::nomad::SimEvaluation| it.job == self.nomad.evaluations[number].job;
        let next = self.nomad.evaluations[number + 1..].iter().find(of_job).map_or(u64::MAX, |next| next.create_index);
        let (job, first) = (self.nomad.evaluations[number].job, self.nomad.evaluations[number].create_index);
        let all = self.allocations_page(|of, _| of == job, Extra { resources: false, task_states: true });
        let placed = |stub: &Value| stub["CreateIndex"].as_u64().is_some_and(|index| (first..next).contains(&index));
        all.into_iter().filter(placed).collect()
    }

    /// `GET /v1/deployment/allocations/ID`: those of its job.
    pub(crate) fn deployment_allocations_page(&self, id: &str) -> Vec<Value> {
        let job = number_of(id).and_then(|number| self.nomad.deployments.get(number)).map(|it| it.job);
        self.allocations_page(|of, _| Some(of) == job, Extra { resources: false, task_states: true })
    }

    /// `GET /v1/job/ID/evaluations`, the newest first.
    pub(crate) fn job_evaluations_page(&self, key: &JobKey) -> Vec<Value> {
        let job = self.job_number(key);
        let of_job = |number: &usize| Some(self.nomad.evaluations[*number].job) == job;
        (0..self.nomad.evaluations.len()).rev().filter(of_job).map(|number| self.evaluation_of(number)).collect()
    }

    fn evaluation_of(&self, number: usize) -> Value {
        let it = &self.nomad.evaluations[number];
        let plan = &self.plan.jobs[it.job];
        let status = match it.status {
            EvaluationStatus::Complete => "complete",
            EvaluationStatus::Failed => "failed",
            EvaluationStatus::Pending => "pending",
        };
        let deployment = it.deployment.map(|number| self.nomad.deployments[number].id.clone());
        let mut page = json!({
            "ID": it.id, "JobID": plan.key.id, "Namespace": plan.key.namespace, "Type": kind(plan.kind), "Priority": 50,
            "TriggeredBy": if it.of_change { "job-scaling" } else { "node-drain" }, "Status": status,
            "JobModifyIndex": self.nomad.jobs[it.job].modify_index, "QueuedAllocations": {},
            "CreateIndex": it.create_index, "ModifyIndex": it.create_index, "SnapshotIndex": it.create_index,
            "CreateTime": nanos(it.created), "ModifyTime": nanos(it.created),
        });
        // A field that there is only with a deployment.
        if let Some(deployment) = deployment {
            page["DeploymentID"] = deployment.as_str().into();
        }
        page
    }
}

/// What a list of allocations has beyond its usual fields.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extra {
    pub(crate) resources: bool,
    pub(crate) task_states: bool,
}

/// The number of an entry, by its ID, which holds it.
fn numbered<T>(id: &str, table: &[T], id_of: impl Fn(&T) -> &str) -> Option<usize> {
    number_of(id).filter(|number| table.get(*number).is_some_and(|entry| id_of(entry) == id))
}

fn desired(status: DesiredStatus) -> &'static str {
    match status {
        DesiredStatus::Run => "run",
        DesiredStatus::Stop => "stop",
        DesiredStatus::Evict => "evict",
    }
}

fn client(status: ClientStatus) -> &'static str {
    match status {
        ClientStatus::Pending => "pending",
        ClientStatus::Running => "running",
        ClientStatus::Complete => "complete",
        ClientStatus::Failed => "failed",
        ClientStatus::Lost => "lost",
        ClientStatus::Unknown => "unknown",
    }
}
