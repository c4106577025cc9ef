//! What an allocation takes on its node.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;

use super::{Amount, Flat, Memory, Network, Port, ports};
use crate::domain::{Holdings, MebiBytes, MegaHertz, Resources, TaskShare};

/// `AllocatedResources`: what an allocation takes, task by task.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(in super::super) struct Allocated {
    tasks: Option<BTreeMap<String, TakenByTask>>,
    task_lifecycles: Option<BTreeMap<String, Option<Lifecycle>>>,
    shared: Option<Shared>,
}

/// What a task of an allocation takes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct TakenByTask {
    cpu: Option<TakenCpu>,
    memory: Option<Memory>,
    networks: Option<Vec<Network>>,
    devices: Option<Vec<TakenDevice>>,
}

/// CPU that a task takes. The client works the MHz out where the task asks for cores.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct TakenCpu {
    cpu_shares: Amount,
    reserved_cores: Option<Vec<u32>>,
}

/// Devices that a task takes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct TakenDevice {
    vendor: Option<String>,
    r#type: Option<String>,
    name: Option<String>,
    #[serde(rename = "DeviceIDs")]
    ids: Option<Vec<String>>,
}

/// What an allocation takes as a whole.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Shared {
    #[serde(rename = "DiskMB")]
    disk: Amount,
    networks: Option<Vec<Network>>,
    ports: Option<Vec<Port>>,
}

/// When a task runs.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(in super::super) struct Lifecycle {
    hook: Option<String>,
    sidecar: Option<bool>,
}

impl Lifecycle {
    /// Whether the task ends before its allocation, or begins after the others ended.
    pub(in super::super) fn is_brief(&self) -> bool {
        self.hook().is_some() && !self.is_sidecar()
    }

    fn hook(&self) -> Option<&str> {
        self.hook.as_deref().filter(|hook| !hook.is_empty())
    }

    fn is_sidecar(&self) -> bool {
        self.sidecar == Some(true)
    }
}

/// All that an allocation takes on its node.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Taken {
    pub(in super::super) resources: Resources,
    pub(in super::super) tasks: Arc<[TaskShare]>,
    pub(in super::super) holdings: Option<Arc<Holdings>>,
}

impl Taken {
    /// All of it, unless it cannot be: every allocation takes CPU and memory.
    fn new(resources: Resources, tasks: Vec<TaskShare>, holdings: Holdings) -> Result<Self, String> {
        if resources.cpu.0 == 0 || resources.memory.0 == 0 {
            return Err(format!(
                "it takes {} of CPU and {} of memory, which cannot be",
                resources.cpu, resources.memory
            ));
        }
        let holdings = (!holdings.is_empty()).then(|| Arc::new(holdings));
        Ok(Self { resources, tasks: tasks.into(), holdings })
    }
}

impl TakenByTask {
    fn resources(&self) -> Result<Resources, String> {
        let cores = self.cpu.as_ref().and_then(|cpu| cpu.reserved_cores.as_ref()).map_or(0, Vec::len);
        Ok(Resources {
            cpu: MegaHertz(self.cpu.as_ref().map_or(Ok(0), |cpu| cpu.cpu_shares.or_zero("CPU"))?),
            memory: MebiBytes(self.memory.as_ref().map_or(Ok(0), |it| it.memory.or_zero("memory"))?),
            cores: u32::try_from(cores).unwrap_or(u32::MAX),
            ..Resources::default()
        })
    }
}

impl Allocated {
    pub(in super::super) fn taken(&self) -> Result<Taken, String> {
        let mut tasks = Vec::new();
        for (name, task) in self.tasks.iter().flatten() {
            let Resources { cpu, memory, .. } = task.resources()?;
            tasks.push(TaskShare { task: name.as_str().into(), cpu, memory });
        }
        Taken::new(self.total()?, tasks, self.holdings()?)
    }

    /// What the allocation takes, as Nomad counts it (`AllocatedResources.Comparable`): tasks that never run at the
    /// same time share their place. Before, during and after the main tasks are three moments, of which the largest
    /// counts; sidecars run through all of them.
    fn total(&self) -> Result<Resources, String> {
        let (mut before, mut during, mut after, mut throughout) =
            (Resources::default(), Resources::default(), Resources::default(), Resources::default());
        for (name, task) in self.tasks.iter().flatten() {
            let lifecycle = self.task_lifecycles.iter().flatten().find(|(of, _)| *of == name);
            let moment = match lifecycle.and_then(|(_, lifecycle)| lifecycle.as_ref()) {
                Some(lifecycle) if lifecycle.is_sidecar() => &mut throughout,
                Some(lifecycle) if lifecycle.hook() == Some("prestart") => &mut before,
                Some(lifecycle) if lifecycle.hook() == Some("poststop") => &mut after,
                _ => &mut during,
            };
            *moment += task.resources()?;
        }
        let mut total = largest(largest(before, during), after) + throughout;
        total.disk = MebiBytes(self.shared.as_ref().map_or(Ok(0), |shared| shared.disk.or_zero("disk"))?);
        Ok(total)
    }

    fn holdings(&self) -> Result<Holdings, String> {
        let mut held = BTreeSet::new();
        let mut devices: BTreeMap<String, u32> = BTreeMap::new();
        for task in self.tasks.iter().flatten().map(|(_, task)| task) {
            for network in task.networks.iter().flatten() {
                held.extend(network.all()?);
            }
            for device in task.devices.iter().flatten() {
                let parts = [&device.vendor, &device.r#type, &device.name];
                let name = parts.map(|part| part.as_deref().unwrap_or_default()).join("/");
                let count = device.ids.as_ref().map_or(0, Vec::len);
                *devices.entry(name).or_default() += u32::try_from(count).unwrap_or(u32::MAX);
            }
        }
        if let Some(shared) = &self.shared {
            for network in shared.networks.iter().flatten() {
                held.extend(network.all()?);
            }
            held.extend(ports(shared.ports.iter().flatten())?);
        }
        Ok(Holdings { ports: held.into_iter().collect(), devices })
    }
}

/// What an allocation takes in the shape of old servers: as a whole, and task by task.
pub(in super::super) fn taken_of_old(whole: &Flat, tasks: &BTreeMap<String, Flat>) -> Result<Taken, String> {
    let mut shares = Vec::new();
    let mut ports = BTreeSet::new();
    for (name, task) in tasks {
        let Resources { cpu, memory, .. } = task.resources()?;
        shares.push(TaskShare { task: name.as_str().into(), cpu, memory });
    }
    for network in tasks.values().chain([whole]).flat_map(|flat| flat.networks.iter().flatten()) {
        ports.extend(network.all()?);
    }
    let holdings = Holdings { ports: ports.into_iter().collect(), devices: BTreeMap::new() };
    Taken::new(whole.resources()?, shares, holdings)
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
        let taken = allocated.taken().unwrap();
        assert_eq!(taken.resources, Resources::new(800 + 100, 300 + 32, 300));
        let names: Vec<&str> = taken.tasks.iter().map(|share| share.task.as_str()).collect();
        assert_eq!(names, ["fetch", "main", "proxy", "tidy"]);
    }
}
