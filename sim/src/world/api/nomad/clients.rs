//! What a node's client tells of itself: what its machine uses, and its meta.

use std::collections::BTreeMap;

use replicator::domain::NodeStatus;
use serde_json::{Value, json};

use super::numbered;
use super::version::NomadVersion;
use crate::kernel::time::Millis;
use crate::world::nomad::{Contact, SimNode};
use crate::world::{Happening, World};

const BYTES_PER_MIB: u64 = 1_048_576;

impl World {
    pub(crate) fn node_of_allocation(&self, id: &str) -> Option<usize> {
        let number = numbered(id, &self.nomad.allocations, |it| it.id.as_str())?;
        Some(self.nomad.allocations[number].node)
    }

    pub(crate) fn status_of_node(&self, node: usize) -> NodeStatus {
        self.nomad.nodes[node].status
    }

    /// The first node whose client can be asked.
    pub(crate) fn first_client(&self) -> Option<usize> {
        (0..self.nomad.nodes.len()).find(|node| self.client_answers(*node))
    }

    /// `GET /v1/client/stats`: what the allocations of a machine use, and nothing else uses anything.
    pub(crate) fn host_statistics_page(&self, node: usize) -> Value {
        let (it, size) = (&self.nomad.nodes[node], self.capacity_of(node));
        let cores = self.cores_of(node);
        let used = it.allocations.iter().flat_map(|allocation| self.statistics(*allocation).tasks);
        let (cpu, memory) = used.fold((0.0, 0), |(cpu, memory), task| {
            (cpu + task.cpu_mhz.unwrap_or(0.0), memory + task.memory.rss.unwrap_or(0))
        });
        let share = if size.cpu.0 == 0 { 0.0 } else { (100.0 * cpu / size.cpu.0 as f64).min(100.0) };
        let core = |number: u32| {
            let (name, idle, ticks) = (format!("cpu{number}"), 100.0 - share, cpu / f64::from(cores));
            match self.nomad_version {
                NomadVersion::V1_1 => json!({"CPU": name, "Idle": idle, "System": 0.0, "Total": share, "User": share}),
                NomadVersion::V2_0 => json!({
                    "CPU": name, "Idle": idle, "System": 0.0, "TotalPercent": share, "TotalTicks": ticks, "User": share,
                }),
            }
        };
        let disk = |device: &str, mountpoint: &str| {
            let size = size.disk.0 * BYTES_PER_MIB;
            json!({
                "Available": size, "Device": device, "InodesUsedPercent": 0.0, "Mountpoint": mountpoint, "Size": size,
                "Used": 0, "UsedPercent": 0.0,
            })
        };
        let total = size.memory.0 * BYTES_PER_MIB;
        let free = total.saturating_sub(memory);
        json!({
            "AllocDirStats": disk("", ""), "CPU": (0..cores).map(core).collect::<Vec<Value>>(), "CPUTicksConsumed": cpu,
            "DeviceStats": null, "DiskStats": [disk("/dev/vda", "/")],
            "Memory": {"Available": free, "Free": free, "Total": total, "Used": memory},
            "Timestamp": self.calendar.nanos(self.now), "Uptime": (self.now - it.joined).0 / 1000,
        })
    }

    /// `GET /v1/client/metadata`.
    pub(crate) fn metadata_page(&self, node: usize) -> Value {
        let dynamic = &self.nomad.nodes[node].dynamic;
        json!({
            "Meta": self.meta_with(node, dynamic), "Dynamic": dynamic, "Static": self.configured_meta_of(node),
        })
    }

    /// Changes a node's meta at its client; the servers hear of it later. Without a value a key is taken away, one of the
    /// client's own configuration, too.
    pub(crate) fn change_metadata(&mut self, node: usize, changes: BTreeMap<String, Option<String>>, heard: Millis) {
        let configured = self.configured_meta_of(node);
        let SimNode { dynamic, .. } = &mut self.nomad.nodes[node];
        for (key, value) in changes {
            if value.is_none() && !configured.contains_key(&key) {
                dynamic.remove(&key);
            } else {
                dynamic.insert(key, value);
            }
        }
        self.schedule(heard, Happening::MetadataArrives(node));
    }

    /// The servers forget a node. One whose client lives is registered again by its next heartbeat.
    pub(crate) fn purge_node(&mut self, node: usize) {
        if !self.client_answers(node) {
            self.nomad.nodes[node].contact = Contact::Forgotten;
        }
        self.node_changed(node);
    }
}
