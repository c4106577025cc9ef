//! Jobs.

use replicator::domain::{ClientStatus, DeploymentStatus, JobKey, JobKind};
use replicator::policy::POOL_KEY;
use serde_json::{Map, Value, json};

use super::fields;
use super::modern::Kind;
use super::version::NomadVersion;
use crate::plan::Constraint;
use crate::world::World;
use crate::world::nomad::CREATED;
use crate::world::orders::Registered;

pub(super) fn kind(kind: JobKind) -> &'static str {
    match kind {
        JobKind::Service => "service",
        JobKind::Batch => "batch",
        JobKind::System => "system",
        JobKind::Sysbatch => "sysbatch",
    }
}

impl World {
    pub(crate) fn job_number(&self, key: &JobKey) -> Option<usize> {
        self.plan.jobs.iter().position(|job| job.key == *key)
    }

    pub(super) fn in_namespace(&self, job: usize, namespace: &str) -> bool {
        namespace == "*" || self.plan.jobs[job].key.namespace.as_str() == namespace
    }

    /// The same for the lists of evaluations and deployments, to which `*` was a name like any other in earlier versions.
    pub(super) fn in_named_namespace(&self, job: usize, namespace: &str) -> bool {
        let is_wildcard = namespace == "*" && self.nomad_version == NomadVersion::V1_1;
        !is_wildcard && self.in_namespace(job, namespace)
    }

    /// Where a job as a whole changed last. Today's Nomad notes there, too, that a version has proven stable; what it was
    /// registered or scaled by stays the job modify index.
    pub(super) fn told_index(&self, job: usize) -> u64 {
        let it = &self.nomad.jobs[job];
        let proven = it.deployment.map(|number| &self.nomad.deployments[number]);
        let proven = proven.filter(|latest| latest.status == DeploymentStatus::Successful);
        match (self.nomad_version, proven) {
            (NomadVersion::V2_0, Some(latest)) => it.modify_index.max(latest.modify_index),
            _ => it.modify_index,
        }
    }

    /// `GET /v1/jobs`.
    pub(crate) fn jobs_page(&self, namespace: &str, prefix: &str) -> Vec<Value> {
        let wanted = |job: &usize| {
            self.in_namespace(*job, namespace) && self.plan.jobs[*job].key.id.as_str().starts_with(prefix)
        };
        (0..self.plan.jobs.len()).filter(wanted).map(|job| self.job_stub(job)).collect()
    }

    fn job_stub(&self, job: usize) -> Value {
        let (plan, it) = (&self.plan.jobs[job], &self.nomad.jobs[job]);
        let page = json!({
            "ID": plan.key.id, "Name": plan.key.id, "Namespace": plan.key.namespace, "Type": kind(plan.kind),
            "Datacenters": ["dc1"], "Priority": 50, "Status": self.job_status(job), "StatusDescription": "",
            "Stop": false, "ParentID": "", "Periodic": false, "ParameterizedJob": false, "Multiregion": null,
            "CreateIndex": CREATED, "ModifyIndex": self.told_index(job), "JobModifyIndex": it.modify_index,
            "SubmitTime": self.calendar.nanos(it.submitted), "JobSummary": self.summary_of(job),
        });
        self.of_version(Kind::JobStub, fields(page)).into()
    }

    pub(super) fn job_status(&self, job: usize) -> &'static str {
        let mut groups = self.plan.jobs[job].groups.clone();
        let live = groups.any(|group| !self.nomad.groups[group].allocations.is_empty());
        if live { "running" } else { "pending" }
    }

    fn summary_of(&self, job: usize) -> Value {
        let plan = &self.plan.jobs[job];
        let groups = plan.groups.clone().map(|group| {
            let it = &self.nomad.groups[group];
            let of = |status: ClientStatus| {
                it.allocations.iter().filter(|number| self.nomad.allocations[**number].client == status).count()
            };
            let placed = u32::try_from(it.allocations.len()).unwrap_or(u32::MAX);
            let mut page = json!({
                "Complete": it.completed + it.stopped, "Failed": 0, "Lost": it.lost,
                "Queued": it.count.saturating_sub(placed).saturating_sub(it.completed),
                "Running": of(ClientStatus::Running), "Starting": of(ClientStatus::Pending),
            });
            if self.nomad_version == NomadVersion::V2_0 {
                page["Unknown"] = self.unknown_of(group).into();
            }
            (self.plan.groups[group].key.group.to_string(), page)
        });
        json!({
            "JobID": plan.key.id, "Namespace": plan.key.namespace, "Summary": groups.collect::<Map<_, _>>(),
            "Children": {"Dead": 0, "Pending": 0, "Running": 0},
            "CreateIndex": CREATED, "ModifyIndex": self.nomad.indexes.allocations,
        })
    }

    /// How many allocations of a group nobody has heard of for a while.
    fn unknown_of(&self, group: usize) -> usize {
        let live = self.nomad.live.iter().map(|number| &self.nomad.allocations[*number]);
        live.filter(|it| it.group == group && it.client == ClientStatus::Unknown).count()
    }

    /// `GET /v1/job/ID/summary`.
    pub(crate) fn summary_page(&self, key: &JobKey) -> Option<Value> {
        Some(self.summary_of(self.job_number(key)?))
    }

    /// `GET /v1/job/ID`.
    pub(crate) fn job_page(&self, key: &JobKey) -> Option<Value> {
        Some(self.job_of(self.job_number(key)?))
    }

    pub(crate) fn job_of(&self, job: usize) -> Value {
        let (plan, it) = (&self.plan.jobs[job], &self.nomad.jobs[job]);
        // A service without `update` says so by updating none at a time.
        let (at_once, healthy_time, deadline) = match plan.update {
            Some(update) => (1, update.min_healthy_time.0, update.progress_deadline.0),
            None => (0, 10_000, 600_000),
        };
        let update = if plan.kind == JobKind::Service {
            json!({
                "AutoPromote": false, "AutoRevert": false, "Canary": 0, "HealthCheck": "task_states",
                "HealthyDeadline": 300_000_000_000_u64, "MaxParallel": at_once,
                "MinHealthyTime": healthy_time * 1_000_000, "ProgressDeadline": deadline * 1_000_000,
                "Stagger": 30_000_000_000_u64,
            })
        } else {
            Value::Null
        };
        let groups: Vec<Value> = plan.groups.clone().map(|group| self.task_group_page(group, &update)).collect();
        let stable = it.deployment.map(|number| &self.nomad.deployments[number]).is_some_and(|latest| {
            latest.status == DeploymentStatus::Successful && latest.job_modify_index == it.modify_index
        });
        let page = json!({
            "ID": plan.key.id, "Name": plan.key.id, "Namespace": plan.key.namespace, "Type": kind(plan.kind),
            "Region": "global", "Datacenters": ["dc1"], "Priority": 50, "AllAtOnce": false, "Affinities": null,
            "Constraints": self.constraints(job), "ConsulNamespace": "", "ConsulToken": "", "Dispatched": false,
            "Meta": null, "Multiregion": null, "NomadTokenID": "", "ParameterizedJob": null, "ParentID": "",
            "Payload": null, "Periodic": null, "Spreads": null, "Stable": stable, "Status": self.job_status(job),
            "StatusDescription": "", "Stop": false, "TaskGroups": groups,
            "Update": {
                "AutoPromote": false, "AutoRevert": false, "Canary": 0, "HealthCheck": "", "HealthyDeadline": 0,
                "MaxParallel": at_once, "MinHealthyTime": 0, "ProgressDeadline": 0,
                "Stagger": at_once * 30_000_000_000_u64,
            },
            "VaultNamespace": "", "VaultToken": "", "SubmitTime": self.calendar.nanos(it.submitted), "Version": it.version,
            "CreateIndex": CREATED, "ModifyIndex": self.told_index(job), "JobModifyIndex": it.modify_index,
        });
        self.of_version(Kind::Job, fields(page)).into()
    }

    /// What a registration is answered with.
    pub(crate) fn registered_page(&self, registered: &Registered) -> Value {
        let evaluation = &self.nomad.evaluations[registered.evaluation];
        let page = json!({
            "EvalID": evaluation.id, "EvalCreateIndex": evaluation.create_index, "Index": evaluation.create_index,
            "JobModifyIndex": registered.job_modify_index, "KnownLeader": false, "LastContact": 0, "Warnings": "",
        });
        self.of_version(Kind::Changed, fields(page)).into()
    }

    /// A job goes on the nodes of its pool; where there is only one, nothing needs to say so.
    fn constraints(&self, job: usize) -> Value {
        let plan = &self.plan.jobs[job];
        let pool = &self.plan.pools[plan.pool].name;
        let in_its_pool = (self.plan.pools.len() > 1)
            .then(|| json!({"LTarget": format!("${{meta.{POOL_KEY}}}"), "Operand": "=", "RTarget": pool}));
        let wants = &self.plan.groups[plan.groups.start].wants;
        constraint_pages(in_its_pool, wants.constraints.iter().filter(|it| !it.of_group), wants.job_apart)
    }

    fn task_group_page(&self, group: usize, update: &Value) -> Value {
        let (plan, it) = (&self.plan.groups[group], &self.nomad.groups[group]);
        let of_group = plan.wants.constraints.iter().filter(|it| it.of_group);
        let constraints = constraint_pages(None, of_group, plan.wants.group_apart);
        let restart =
            json!({"Attempts": 2, "Delay": 15_000_000_000_u64, "Interval": 1_800_000_000_000_u64, "Mode": "fail"});
        let tasks: Vec<Value> = plan
            .tasks
            .iter()
            .map(|task| {
                json!({
                    "Name": task.name, "Driver": "mock_driver", "Config": {"run_for": "10000h"}, "Affinities": null,
                    "Artifacts": null, "CSIPluginConfig": null, "Constraints": null, "DispatchPayload": null,
                    "Env": null, "KillSignal": "", "KillTimeout": plan.kill_timeout.0 * 1_000_000, "Kind": "",
                    "Leader": false, "Lifecycle": null, "LogConfig": {"MaxFileSizeMB": 10, "MaxFiles": 10},
                    "Meta": null,
                    "Resources": {
                        "CPU": if task.cores > 0 { 0 } else { task.cpu }, "Cores": task.cores, "Devices": null, "DiskMB": 0, "IOPS": 0, "MemoryMB": task.memory,
                        "MemoryMaxMB": 0, "Networks": null,
                    },
                    "RestartPolicy": restart, "ScalingPolicies": null, "Services": null, "ShutdownDelay": 0,
                    "Templates": null, "User": "", "Vault": null, "VolumeMounts": null,
                })
            })
            .collect();
        let migrate = json!({
            "HealthCheck": "checks", "HealthyDeadline": 300_000_000_000_u64, "MaxParallel": plan.migrate_max_parallel,
            "MinHealthyTime": 10_000_000_000_u64,
        });
        let service = self.plan.jobs[plan.job].kind == JobKind::Service;
        json!({
            "Name": plan.key.group, "Count": it.count,
            "Meta": if it.meta.is_empty() { Value::Null } else { json!(it.meta) }, "Tasks": tasks, "Update": update,
            "Affinities": null, "Constraints": constraints, "Consul": {"Namespace": ""},
            "EphemeralDisk": {"Migrate": false, "SizeMB": plan.disk, "Sticky": false},
            "Migrate": if service { migrate } else { Value::Null },
            "Networks": networks(&plan.wants.ports),
            "ReschedulePolicy": {
                "Attempts": 0, "Delay": 30_000_000_000_u64, "DelayFunction": "exponential", "Interval": 0,
                "MaxDelay": 3_600_000_000_000_u64, "Unlimited": true,
            },
            "RestartPolicy": restart, "Scaling": self.scaling_policy_of(group).unwrap_or_default(), "Services": null,
            "ShutdownDelay": null, "Spreads": null, "StopAfterClientDisconnect": null, "Volumes": null,
        })
    }
}

/// Constraints, as a job shows them; null where there are none.
fn constraint_pages<'c>(first: Option<Value>, written: impl Iterator<Item = &'c Constraint>, apart: bool) -> Value {
    let page = |it: &Constraint| json!({"LTarget": it.attribute, "Operand": it.operator.as_str(), "RTarget": it.value});
    let distinct = apart.then(|| json!({"LTarget": "", "Operand": "distinct_hosts", "RTarget": "true"}));
    let pages: Vec<Value> = first.into_iter().chain(written.map(page)).chain(distinct).collect();
    if pages.is_empty() { Value::Null } else { pages.into() }
}

/// A group's network, where it has static ports.
fn networks(ports: &[u16]) -> Value {
    if ports.is_empty() {
        return Value::Null;
    }
    let port = |port: &u16| json!({"HostNetwork": "default", "Label": format!("p{port}"), "To": 0, "Value": port});
    json!([{
        "CIDR": "", "DNS": null, "Device": "", "DynamicPorts": null, "Hostname": "", "IP": "", "MBits": 0, "Mode": "host",
        "ReservedPorts": ports.iter().map(port).collect::<Vec<Value>>(),
    }])
}
