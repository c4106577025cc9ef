//! What Nomad 2.0 shows otherwise than 1.1. Pages are written as 1.1 has them; here they become today's.

use serde_json::{Map, Value, json};

use super::fields;
use super::version::NomadVersion;
use crate::world::World;

/// The Nomad node pool that every node and job of a scenario is in.
pub(super) const NODE_POOL: &str = "default";

/// What a page is of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    NodeStub,
    Node,
    JobStub,
    Job,
    AllocationStub,
    Allocation,
    Evaluation,
    /// Begun and last changed then, in nanoseconds.
    Deployment {
        created: i64,
        changed: i64,
    },
    /// What a change of a job is answered with.
    Changed,
    Statistics,
}

impl World {
    /// A page as the version has it that is shown.
    pub(super) fn of_version(&self, kind: Kind, mut page: Map<String, Value>) -> Map<String, Value> {
        if self.nomad_version == NomadVersion::V1_1 {
            return page;
        }
        match kind {
            Kind::NodeStub => node_stub(&mut page),
            Kind::Node => node(&mut page),
            Kind::JobStub => put(&mut page, json!({"Meta": null, "NodePool": NODE_POOL})),
            Kind::Job => job(&mut page),
            Kind::AllocationStub => allocation_stub(&mut page),
            Kind::Allocation => self.allocation_today(&mut page),
            Kind::Evaluation => self.evaluation_today(&mut page),
            Kind::Deployment { created, changed } => {
                put(&mut page, json!({"CreateTime": created, "EvalPriority": 50, "ModifyTime": changed}));
            }
            Kind::Changed => put(&mut page, json!({"NextToken": ""})),
            Kind::Statistics => statistics(&mut page),
        }
        page
    }

    fn allocation_today(&self, page: &mut Map<String, Value>) {
        put(page, json!({"SigningKeyID": ""}));
        each(page, "DesiredTransition", transition);
        each(page, "NetworkStatus", |status| put(status, json!({"AddressIPv6": ""})));
        each(page, "Resources", resources);
        each(page, "SharedResources", resources);
        each_value(page, "TaskResources", resources);
        each_value(page, "TaskStates", task_state);
        each(page, "Metrics", |metrics| self.metrics(metrics));
    }

    fn evaluation_today(&self, page: &mut Map<String, Value>) {
        each_value(page, "FailedTGAllocs", |failed| {
            self.metrics(failed);
            each_value(failed, "ResourcesExhausted", resources);
        });
    }

    fn metrics(&self, metrics: &mut Map<String, Value>) {
        put(metrics, json!({"NodePool": NODE_POOL, "NodesInPool": self.nomad.nodes.len()}));
    }
}

fn node_stub(page: &mut Map<String, Value>) {
    put(
        page,
        json!({
            "Attributes": null, "HostVolumes": {}, "NodePool": NODE_POOL, "NodeResources": null, "ReservedResources": null,
        }),
    );
}

fn node(page: &mut Map<String, Value>) {
    // What is gone, and was deprecated for years.
    page.remove("Reserved");
    page.remove("Resources");
    put(
        page,
        json!({
            "CSIControllerPlugins": {}, "CSINodePlugins": {}, "CgroupParent": "nomad.slice", "GCVolumesOnNodeGC": false,
            "HostNetworks": null, "HostVolumes": {}, "IdentitySigningKeyID": "", "LastAllocUpdateIndex": 0,
            "LastMissedHeartbeatIndex": 0, "NodeMaxAllocs": 0, "NodePool": NODE_POOL,
        }),
    );
    each(page, "NodeResources", |resources| {
        let cores = resources["Cpu"]["TotalCpuCores"].as_u64().unwrap_or(0);
        let total = resources["Cpu"]["CpuShares"].as_u64().unwrap_or(0);
        let core = |id: u64| {
            json!({
                "BaseSpeed": total.checked_div(cores), "Disable": false, "Grade": true, "GuessSpeed": 0, "ID": id, "MaxSpeed": 0,
                "NodeID": 0, "SocketID": 0,
            })
        };
        put(
            resources,
            json!({
                "MaxDynamicPort": 32000, "MinDynamicPort": 20000,
                "Processors": {"Topology": {
                    "Cores": (0..cores).map(core).collect::<Vec<Value>>(), "Distances": null, "Nodes": [0],
                    "OverrideTotalCompute": total, "OverrideWitholdCompute": 0,
                }},
            }),
        );
        for network in resources.get_mut("Networks").and_then(Value::as_array_mut).into_iter().flatten() {
            let Value::Object(network) = network else { continue };
            network.retain(|_, value| !value.is_null());
        }
    });
}

fn job(page: &mut Map<String, Value>) {
    page.remove("ConsulToken");
    page.remove("VaultToken");
    put(page, json!({"DispatchIdempotencyToken": "", "NodePool": NODE_POOL, "UI": null, "VersionTag": null}));
    each_listed(page, "TaskGroups", |group| {
        put(
            group,
            json!({
                "Consul": null, "Disconnect": null, "MaxClientDisconnect": null, "MaxRunDuration": null,
                "PreventRescheduleOnLost": false,
            }),
        );
        each(group, "RestartPolicy", |policy| put(policy, json!({"RenderTemplates": false})));
        each_listed(group, "Tasks", |task| {
            put(
                task,
                json!({
                    "Actions": null, "Consul": null, "Identities": null, "Schedule": null, "Secrets": null,
                    "Identity": {
                        "Audience": ["nomadproject.io"], "ChangeMode": "", "ChangeSignal": "", "Env": false,
                        "ExtraClaims": null, "File": false, "Filepath": "", "Name": "default", "ServiceName": "", "TTL": 0,
                    },
                }),
            );
            each(task, "LogConfig", |log| put(log, json!({"Disabled": false})));
            each(task, "RestartPolicy", |policy| put(policy, json!({"RenderTemplates": false})));
            each(task, "Resources", resources);
        });
    });
}

fn allocation_stub(page: &mut Map<String, Value>) {
    put(page, json!({"NextAllocation": ""}));
    page.entry("AllocatedResources").or_insert(Value::Null);
    each(page, "DesiredTransition", transition);
    each_value(page, "TaskStates", task_state);
}

fn transition(wanted: &mut Map<String, Value>) {
    put(wanted, json!({"MigrateDisablePlacement": null, "NoShutdownDelay": null}));
}

fn task_state(state: &mut Map<String, Value>) {
    state.remove("TaskHandle");
    put(state, json!({"Paused": ""}));
}

fn resources(of: &mut Map<String, Value>) {
    put(of, json!({"NUMA": null, "SecretsMB": 0}));
}

fn statistics(page: &mut Map<String, Value>) {
    let usage = |usage: &mut Map<String, Value>| {
        each(usage, "MemoryStats", |memory| put(memory, json!({"MappedFile": 0})));
    };
    each(page, "ResourceUsage", usage);
    each_value(page, "Tasks", |task| {
        each(task, "ResourceUsage", usage);
        each_value(task, "Pids", usage);
    });
}

fn put(page: &mut Map<String, Value>, more: Value) {
    page.extend(fields(more));
}

/// Changes the object in a field, if there is one.
fn each(page: &mut Map<String, Value>, name: &str, change: impl FnOnce(&mut Map<String, Value>)) {
    if let Some(Value::Object(of)) = page.get_mut(name) {
        change(of);
    }
}

/// Changes every object of a map.
fn each_value(page: &mut Map<String, Value>, name: &str, change: impl Fn(&mut Map<String, Value>)) {
    each(page, name, |map| map.values_mut().filter_map(Value::as_object_mut).for_each(change));
}

/// Changes every object of a list.
fn each_listed(page: &mut Map<String, Value>, name: &str, change: impl Fn(&mut Map<String, Value>)) {
    let list = page.get_mut(name).and_then(Value::as_array_mut);
    list.into_iter().flatten().filter_map(Value::as_object_mut).for_each(change);
}
