//! The cluster of a stand-in: jobs of one group, nodes, and who runs where.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Scaled;

/// The node that is there from the start. It is in no pool.
pub(super) const NODE: &str = "08b03c90-4f15-337c-8e23-25a653aa66fe";
/// How long a deployment runs.
pub(super) const DEPLOYS_FOR: Duration = Duration::from_millis(300);

/// A job of one group, `front`.
pub(super) struct Job {
    pub(super) count: u64,
    pub(super) modify_index: u64,
    pub(super) meta: Value,
    /// What each allocation uses, in MHz of the 1000 that it asks for.
    pub(super) uses: f64,
    pub(super) deployed: Option<(u64, Instant)>,
    /// Its deployments fail.
    pub(super) fails: bool,
    /// Its allocations, and the node of each.
    pub(super) allocations: Vec<(String, String)>,
}

/// A node of 4,000 MHz and 8,000 MiB, and as much as anybody likes where it is the first one.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "Nomad has them apart, and they go together in every way")]
pub(super) struct Node {
    pub(super) meta: Value,
    pub(super) attributes: Value,
    pub(super) address: String,
    pub(super) down: bool,
    pub(super) draining: bool,
    pub(super) ineligible: bool,
    /// A drain of it does not end.
    pub(super) stuck: bool,
    pub(super) modify_index: u64,
}

impl Node {
    fn takes_work(&self) -> bool {
        !self.down && !self.draining && !self.ineligible
    }

    /// The entry in the list of nodes.
    pub(super) fn head(&self, id: &str) -> Value {
        json!({
            "ID": id, "Name": id, "Status": if self.down { "down" } else { "ready" }, "Drain": self.draining,
            "SchedulingEligibility": if self.ineligible { "ineligible" } else { "eligible" },
            "ModifyIndex": self.modify_index,
        })
    }

    pub(super) fn page(&self, id: &str) -> Value {
        let (cpu, memory) = if id == NODE { (40_000, 64_000) } else { (4_000, 8_000) };
        let mut page = self.head(id);
        page["HTTPAddr"] = format!("{}:4646", self.address).into();
        page["Attributes"] = self.attributes.clone();
        page["Meta"] = self.meta.clone();
        page["NodeResources"] =
            json!({"Cpu": {"CpuShares": cpu}, "Memory": {"MemoryMB": memory}, "Disk": {"DiskMB": 90_000}});
        page["ReservedResources"] = json!({"Cpu": {"CpuShares": 0}, "Memory": {"MemoryMB": 0}, "Disk": {"DiskMB": 0}});
        page
    }
}

pub(super) struct Cluster {
    pub(super) index: u64,
    pub(super) jobs: BTreeMap<String, Job>,
    pub(super) nodes: BTreeMap<String, Node>,
    pub(super) scaled: Vec<Scaled>,
    pub(super) calls: BTreeMap<String, u64>,
    placed: u64,
}

impl Default for Cluster {
    fn default() -> Self {
        let first = Node {
            meta: json!({}),
            attributes: json!({}),
            address: "127.0.0.1".to_owned(),
            modify_index: 7,
            ..Node::default()
        };
        Self {
            index: 10,
            jobs: BTreeMap::new(),
            nodes: BTreeMap::from([(NODE.to_owned(), first)]),
            scaled: Vec::new(),
            calls: BTreeMap::new(),
            placed: 0,
        }
    }
}

impl Cluster {
    /// Places and moves allocations, at once, and ends drains of nodes where nothing runs.
    pub(super) fn settle(&mut self) {
        let leaves = |node: &Node| node.down || (!node.takes_work() && !node.stuck);
        let gone: Vec<String> = self.nodes.iter().filter(|(_, node)| leaves(node)).map(|(id, _)| id.clone()).collect();
        let mut load: BTreeMap<String, usize> =
            self.nodes.iter().filter(|(_, node)| node.takes_work()).map(|(id, _)| (id.clone(), 0)).collect();
        // Where there are pools, the first node is left alone.
        if load.len() > 1 {
            load.remove(NODE);
        }
        for job in self.jobs.values_mut() {
            job.allocations.retain(|(_, node)| !gone.contains(node));
            job.allocations.truncate(usize::try_from(job.count).unwrap());
            for (_, node) in &job.allocations {
                if let Some(here) = load.get_mut(node) {
                    *here += 1;
                }
            }
        }
        for (id, job) in &mut self.jobs {
            while (job.allocations.len() as u64) < job.count {
                let Some((node, here)) = load.iter_mut().min_by_key(|(_, here)| **here) else { break };
                *here += 1;
                self.placed += 1;
                job.allocations.push((format!("a.{id}.{}", self.placed), node.clone()));
            }
        }
        let busy: Vec<&String> =
            self.jobs.values().flat_map(|job| job.allocations.iter().map(|(_, node)| node)).collect();
        for (id, node) in &mut self.nodes {
            if node.draining && !node.stuck && !busy.contains(&id) {
                node.draining = false;
            }
        }
    }
}

impl Job {
    pub(super) fn page(&self, id: &str) -> Value {
        json!({
            "ID": id, "Name": id, "Namespace": "default", "Type": "service", "Stop": false, "ParentID": "",
            "Periodic": null, "ParameterizedJob": null, "JobModifyIndex": self.modify_index,
            "TaskGroups": [{
                "Name": "front", "Count": self.count, "Meta": self.meta, "EphemeralDisk": {"SizeMB": 10},
                "Tasks": [{"Name": "server", "Resources": {"CPU": 1000, "MemoryMB": 100}, "Lifecycle": null}],
            }],
        })
    }

    pub(super) fn deployment(&self, id: &str) -> Option<Value> {
        let (index, began) = self.deployed?;
        let end = if self.fails { "failed" } else { "successful" };
        let status = if began.elapsed() < DEPLOYS_FOR { "running" } else { end };
        Some(json!({
            "ID": format!("d-{id}-{index}"), "JobID": id, "Namespace": "default", "Status": status,
            "JobModifyIndex": index, "JobSpecModifyIndex": index, "CreateIndex": index,
        }))
    }

    /// The entries in the list of allocations.
    pub(super) fn stubs(&self, id: &str) -> Vec<Value> {
        let stub = |(allocation, node): &(String, String)| {
            json!({
                "ID": allocation, "JobID": id, "Namespace": "default", "JobType": "service",
                "TaskGroup": "front", "NodeID": node, "DesiredStatus": "run", "ClientStatus": "running",
                "AllocatedResources": {
                    "Tasks": {"server": {"Cpu": {"CpuShares": 1000}, "Memory": {"MemoryMB": 100}}},
                    "TaskLifecycles": {"server": null}, "Shared": {"DiskMB": 10},
                },
            })
        };
        self.allocations.iter().map(stub).collect()
    }
}
