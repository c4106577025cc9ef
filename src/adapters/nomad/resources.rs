//! What nodes offer and what allocations take, in the shapes of old servers (`Resources`) and of new ones
//! (`NodeResources`, `AllocatedResources`).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::wire::amount;
use crate::domain::Resources;

/// The old shape, of nodes, tasks and allocations alike.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct Flat {
    #[serde(rename = "CPU")]
    pub(super) cpu: i64,
    #[serde(rename = "MemoryMB")]
    pub(super) memory: i64,
    #[serde(rename = "DiskMB")]
    pub(super) disk: i64,
}

impl From<Flat> for Resources {
    fn from(flat: Flat) -> Self {
        Self::new(amount(flat.cpu), amount(flat.memory), amount(flat.disk))
    }
}

/// The new shape of one bearer: a node, what it reserves, or a task.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Nested {
    cpu: Cpu,
    memory: Memory,
    disk: Disk,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Cpu {
    cpu_shares: i64,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct Memory {
    #[serde(rename = "MemoryMB")]
    memory: i64,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct Disk {
    #[serde(rename = "DiskMB")]
    disk: i64,
}

impl From<Nested> for Resources {
    fn from(nested: Nested) -> Self {
        Self::new(amount(nested.cpu.cpu_shares), amount(nested.memory.memory), amount(nested.disk.disk))
    }
}

/// `AllocatedResources`: what an allocation takes, task by task.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Allocated {
    tasks: Option<BTreeMap<String, Nested>>,
    task_lifecycles: Option<BTreeMap<String, Option<Lifecycle>>>,
    shared: Disk,
}

/// When a task runs.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Lifecycle {
    hook: String,
    sidecar: bool,
}

impl Lifecycle {
    /// Whether the task ends before its allocation, or begins after the others ended.
    pub(super) fn is_brief(&self) -> bool {
        !self.hook.is_empty() && !self.sidecar
    }
}

impl Allocated {
    /// What the allocation takes, as Nomad counts it (`AllocatedResources.Comparable`): tasks that never run at the
    /// same time share their place. Before, during and after the main tasks are three moments, of which the largest
    /// counts; sidecars run through all of them.
    pub(super) fn total(&self) -> Resources {
        let (mut before, mut during, mut after, mut throughout) =
            (Resources::default(), Resources::default(), Resources::default(), Resources::default());
        for (name, task) in self.tasks.iter().flatten() {
            let lifecycle = self.task_lifecycles.iter().flatten().find(|(of, _)| *of == name);
            let moment = match lifecycle.and_then(|(_, lifecycle)| lifecycle.as_ref()) {
                Some(lifecycle) if lifecycle.sidecar => &mut throughout,
                Some(lifecycle) if lifecycle.hook == "prestart" => &mut before,
                Some(lifecycle) if lifecycle.hook == "poststop" => &mut after,
                _ => &mut during,
            };
            *moment += Resources::from(*task);
        }
        let mut total = largest(largest(before, during), after) + throughout;
        total.disk = Resources::new(0, 0, amount(self.shared.disk)).disk;
        total
    }
}

fn largest(a: Resources, b: Resources) -> Resources {
    Resources {
        cpu: a.cpu.max(b.cpu),
        memory: a.memory.max(b.memory),
        disk: a.disk.max(b.disk),
        cores: a.cores.max(b.cores),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p6_tasks_that_never_run_together_share_their_place() {
        let text = r#"{
            "Tasks": {
                "main": {"Cpu": {"CpuShares": 500}, "Memory": {"MemoryMB": 256, "MemoryMaxMB": 1024}},
                "fetch": {"Cpu": {"CpuShares": 800}, "Memory": {"MemoryMB": 64}},
                "proxy": {"Cpu": {"CpuShares": 100}, "Memory": {"MemoryMB": 32}},
                "tidy": {"Cpu": {"CpuShares": 50}, "Memory": {"MemoryMB": 300}}
            },
            "TaskLifecycles": {
                "main": null,
                "fetch": {"Hook": "prestart", "Sidecar": false},
                "proxy": {"Hook": "prestart", "Sidecar": true},
                "tidy": {"Hook": "poststop", "Sidecar": false}
            },
            "Shared": {"DiskMB": 300}
        }"#;
        let allocated: Allocated = serde_json::from_str(text).unwrap();
        assert_eq!(allocated.total(), Resources::new(800 + 100, 300 + 32, 300));
    }

    #[test]
    fn p6_both_shapes_of_a_node_say_the_same() {
        let flat: Flat = serde_json::from_str(r#"{"CPU": 4498, "MemoryMB": 24105, "DiskMB": 66599}"#).unwrap();
        let nested = r#"{"Cpu": {"CpuShares": 4498}, "Memory": {"MemoryMB": 24105}, "Disk": {"DiskMB": 66599}}"#;
        let nested: Nested = serde_json::from_str(nested).unwrap();
        assert_eq!(Resources::from(flat), Resources::from(nested));
        assert_eq!(Resources::from(Flat { cpu: -1, ..Flat::default() }), Resources::default(), "never below zero");
    }
}
