//! Nodes.

use std::collections::BTreeMap;
use std::time::Duration;

use replicator::domain::{Eligibility, NodeStatus};
use serde_json::{Map, Value, json};

use super::modern::Kind;
use super::{Extra, fields, numbered};
use crate::world::nodes::{DrainCourse, DrainDeadline, LastDrain, NodeEvent};
use crate::world::nomad::Contact;
use crate::world::orders::NodeChanged;
use crate::world::{Calendar, World};

/// How many cores a node shows whose scenario does not say.
const USUAL_CORES: u32 = 2;

impl World {
    /// `GET /v1/nodes`.
    pub(crate) fn nodes_page(&self, prefix: &str, with: Extra) -> Vec<Value> {
        let wanted = |node: &usize| self.nomad.nodes[*node].id.as_str().starts_with(prefix);
        self.known_nodes().filter(wanted).map(|node| self.node_stub(node, with).into()).collect()
    }

    fn node_stub(&self, node: usize, with: Extra) -> Map<String, Value> {
        let mut stub = self.of_version(Kind::NodeStub, self.node_head(node));
        if with.resources {
            let mut whole = self.node_of(node);
            for name in ["NodeResources", "ReservedResources"] {
                stub.insert(name.to_owned(), whole[name].take());
            }
        }
        stub
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
                "UpdateTime": self.calendar.stamp(it.joined),
            }
        });
        fields(json!({
            "ID": it.id, "Name": it.name, "Address": self.cloud.instances[it.instance].address, "Datacenter": "dc1",
            "NodeClass": self.plan.pools[it.pool].class, "Version": self.nomad_version.release(), "Drain": it.draining, "SchedulingEligibility": eligibility,
            "Status": status, "StatusDescription": "", "Drivers": driver, "HostVolumes": null,
            "LastDrain": it.last_drain.map_or(Value::Null, |drain| last_drain(&drain, &it.drain_meta, self.calendar)),
            "CreateIndex": it.create_index, "ModifyIndex": it.modify_index,
        }))
    }

    /// The numbers of the nodes that Nomad has not been told to forget.
    fn known_nodes(&self) -> impl Iterator<Item = usize> {
        (0..self.nomad.nodes.len()).filter(|node| self.nomad.nodes[*node].contact != Contact::Forgotten)
    }

    pub(crate) fn node_number(&self, id: &str) -> Option<usize> {
        numbered(id, &self.nomad.nodes, |it| it.id.as_str())
            .filter(|node| self.nomad.nodes[*node].contact != Contact::Forgotten)
    }

    /// `GET /v1/node/ID`.
    pub(crate) fn node_page(&self, id: &str) -> Option<Value> {
        Some(self.node_of(self.node_number(id)?))
    }

    pub(crate) fn node_of(&self, number: usize) -> Value {
        let (it, detail) = (&self.nomad.nodes[number], self.node_detail(number));
        let pool = &self.plan.pools[it.pool];
        let instance = &self.cloud.instances[it.instance];
        let (mut size, reserved) = (pool.size, pool.reserved);
        size.cpu = it.shown_cpu.unwrap_or(size.cpu);
        let cores = self.cores_of(number);
        let address = &instance.address;
        let drain = it.last_drain.filter(|_| it.draining);
        let networks = json!([{
            "CIDR": format!("{address}/32"), "DNS": null, "Device": "eth0", "DynamicPorts": null, "IP": address,
            "MBits": 1000, "Mode": "host", "ReservedPorts": null,
        }]);
        let mut page = self.node_head(number);
        page.remove("Address");
        page.remove("Version");
        page.extend(fields(json!({
            "HTTPAddr": self.nomad_address.clone().unwrap_or_else(|| format!("{address}:4646")), "TLSEnabled": false, "SecretID": "",
            "Attributes": {
                "nomad.version": self.nomad_version.release(), "unique.hostname": it.name, "unique.network.ip-address": address,
                "unique.platform.aws.instance-id": instance.id, "platform.aws.placement.availability-zone":
                pool.zones.get(instance.zone), "cpu.totalcompute": size.cpu.0.to_string(), "driver.mock_driver": "1",
                "kernel.name": "linux", "memory.totalbytes": (size.memory.0 * 1_048_576).to_string(),
            },
            "CSIControllerPlugins": null, "CSINodePlugins": null, "ComputedClass": format!("v1:{}", it.pool),
            "DrainStrategy": drain.map_or(Value::Null, |drain| strategy(&drain, self.calendar)),
            "Events": it.events.iter().map(|event| event_page(event, self.calendar)).collect::<Vec<Value>>(),
            "Links": {"consul": format!("dc1.{}", it.name)},
            "Meta": detail.meta,
            "NodeResources": {
                "Cpu": {"CpuShares": size.cpu.0, "ReservableCpuCores": (0..cores).collect::<Vec<u32>>(), "TotalCpuCores": cores}, "Devices": null,
                "Disk": {"DiskMB": size.disk.0}, "Memory": {"MemoryMB": size.memory.0}, "Networks": networks,
                "NodeNetworks": [{
                    "Addresses": [{
                        "Address": address, "Alias": "default", "Family": "ipv4", "Gateway": "", "ReservedPorts": "",
                    }],
                    "Device": "eth0", "MacAddress": "", "Mode": "host", "Speed": 1000,
                }],
            },
            "Reserved": {
                "CPU": reserved.cpu.0, "Cores": 0, "Devices": null, "DiskMB": reserved.disk.0, "IOPS": 0,
                "MemoryMB": reserved.memory.0, "MemoryMaxMB": 0, "Networks": null,
            },
            "ReservedResources": {
                "Cpu": {"CpuShares": reserved.cpu.0, "ReservedCpuCores": null}, "Disk": {"DiskMB": reserved.disk.0},
                "Memory": {"MemoryMB": reserved.memory.0}, "Networks": {"ReservedHostPorts": ""},
            },
            "Resources": {
                "CPU": size.cpu.0, "Cores": 0, "Devices": null, "DiskMB": size.disk.0, "IOPS": 0,
                "MemoryMB": size.memory.0, "MemoryMaxMB": 0, "Networks": networks,
            },
            "StatusUpdatedAt": self.calendar.nanos(it.changed) / 1_000_000_000,
        })));
        self.of_version(Kind::Node, page).into()
    }

    pub(super) fn cores_of(&self, node: usize) -> u32 {
        match self.plan.pools[self.nomad.nodes[node].pool].size.cores {
            0 => USUAL_CORES,
            cores => cores,
        }
    }

    /// What a change of a node is answered with. Nomad gives a node's index where its drain was changed, and 0 otherwise.
    pub(crate) fn node_changed_page(&self, changed: &NodeChanged, of_drain: bool) -> Value {
        let made: Vec<Value> =
            self.nomad.evaluations[changed.evaluations.clone()].iter().map(|it| json!(it.id)).collect();
        let first = self.nomad.evaluations[changed.evaluations.clone()].first().map_or(0, |it| it.create_index);
        json!({
            "EvalCreateIndex": first, "EvalIDs": super::list_or_null(made), "Index": changed.index,
            "NodeModifyIndex": if of_drain { changed.index } else { 0 },
        })
    }
}

fn strategy(drain: &LastDrain, calendar: Calendar) -> Value {
    let deadline = match drain.deadline {
        DrainDeadline::None => 0,
        DrainDeadline::After { asked, .. } => nanoseconds(asked),
        DrainDeadline::Force => -1,
    };
    json!({
        "Deadline": deadline, "ForceDeadline": drain.force_at.map(|at| calendar.stamp(at)), "IgnoreSystemJobs": drain.spares_system_jobs,
        "StartedAt": calendar.stamp(drain.started),
    })
}

fn nanoseconds(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}

fn last_drain(drain: &LastDrain, says: &BTreeMap<String, String>, calendar: Calendar) -> Value {
    let status = match drain.course {
        DrainCourse::Draining => "draining",
        DrainCourse::Complete => "complete",
        DrainCourse::Cancelled => "canceled",
    };
    json!({
        "AccessorID": "", "Meta": (!says.is_empty()).then_some(says), "StartedAt": calendar.stamp_to_the_second(drain.started), "Status": status,
        "UpdatedAt": calendar.stamp_to_the_second(drain.changed),
    })
}

fn event_page(event: &NodeEvent, calendar: Calendar) -> Value {
    json!({
        "CreateIndex": event.index, "Details": event.details, "Message": event.message, "Subsystem": event.subsystem,
        "Timestamp": calendar.stamp(event.at),
    })
}
