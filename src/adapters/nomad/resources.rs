//! What nodes offer and what allocations take, in the shapes of old servers (`Resources`) and of new ones
//! (`NodeResources`, `AllocatedResources`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;

use super::amount::Amount;
use crate::domain::{Holdings, MebiBytes, MegaHertz, Resources, TaskShare};

/// The old shape, of nodes, tasks and allocations alike.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Flat {
    #[serde(rename = "CPU")]
    pub(super) cpu: Amount,
    #[serde(rename = "Cores")]
    pub(super) cores: Amount,
    #[serde(rename = "MemoryMB")]
    pub(super) memory: Amount,
    #[serde(rename = "DiskMB")]
    pub(super) disk: Amount,
    #[serde(rename = "Networks")]
    pub(super) networks: Option<Vec<Network>>,
}

impl Flat {
    pub(super) fn resources(&self) -> Result<Resources, String> {
        Ok(Resources {
            cpu: MegaHertz(self.cpu.or_zero("CPU")?),
            memory: MebiBytes(self.memory.or_zero("memory")?),
            disk: MebiBytes(self.disk.or_zero("disk")?),
            cores: self.cores.count("number of cores")?.unwrap_or_default(),
        })
    }
}

/// A network of a group, a task or an allocation.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Network {
    pub(super) mode: Option<String>,
    reserved_ports: Option<Vec<Port>>,
    dynamic_ports: Option<Vec<Port>>,
}

/// A port with its number.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Port {
    value: Amount,
}

impl Network {
    /// The ports that have a number of their own.
    pub(super) fn fixed(&self) -> Result<Vec<u16>, String> {
        ports(self.reserved_ports.iter().flatten())
    }

    fn all(&self) -> Result<Vec<u16>, String> {
        ports(self.reserved_ports.iter().chain(&self.dynamic_ports).flatten())
    }
}

fn ports<'a>(ports: impl Iterator<Item = &'a Port>) -> Result<Vec<u16>, String> {
    ports.filter_map(|port| port.value.port().transpose()).collect()
}

/// An amount of memory.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Memory {
    #[serde(rename = "MemoryMB")]
    memory: Amount,
}

/// An amount of disk.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Disk {
    #[serde(rename = "DiskMB")]
    disk: Amount,
}

/// The new shape of what a node has.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Offered {
    cpu: Option<OfferedCpu>,
    processors: Option<Processors>,
    memory: Option<Memory>,
    disk: Option<Disk>,
    devices: Option<Vec<NodeDevice>>,
}

/// CPU of a node; on its way out, in favour of [`Processors`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct OfferedCpu {
    cpu_shares: Amount,
    reservable_cpu_cores: Option<Vec<u32>>,
}

/// The processors of a node.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Processors {
    topology: Option<Topology>,
}

/// The cores of a node.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Topology {
    cores: Option<Vec<Core>>,
    override_total_compute: Amount,
}

/// One core.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Core {
    #[serde(rename = "ID")]
    id: u32,
    disable: Option<bool>,
    base_speed: Amount,
    guess_speed: Amount,
}

impl Core {
    fn is_off(&self) -> bool {
        self.disable == Some(true)
    }

    fn speed(&self) -> Result<u64, String> {
        let base = self.base_speed.or_zero("core's speed")?;
        Ok(if base > 0 { base } else { self.guess_speed.or_zero("core's speed")? })
    }
}

/// A kind of device of a node.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct NodeDevice {
    vendor: Option<String>,
    r#type: Option<String>,
    name: Option<String>,
    instances: Option<Vec<DeviceInstance>>,
}

/// One device of a kind.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct DeviceInstance {
    healthy: Option<bool>,
}

/// What a node keeps for itself, in the new shape.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Kept {
    cpu: Option<KeptCpu>,
    memory: Option<Memory>,
    disk: Option<Disk>,
    networks: Option<KeptPorts>,
}

/// CPU that a node keeps for itself.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct KeptCpu {
    cpu_shares: Amount,
    reserved_cpu_cores: Option<Vec<u32>>,
}

/// Ports that a node keeps for itself: `22,8000-8010`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct KeptPorts {
    reserved_host_ports: Option<String>,
}

impl Offered {
    /// What is left for allocations. A node whose numbers are missing offers nothing of it.
    pub(super) fn less(&self, kept: &Kept) -> Result<Resources, String> {
        let mut taken = kept.resources()?;
        let told = self.cpu.as_ref().map_or(Ok(0), |cpu| cpu.cpu_shares.or_zero("CPU"))?;
        let cpu = if told > 0 {
            told
        } else {
            // Cores that are switched off may be counted as kept too.
            taken.cpu.0 = taken.cpu.0.max(self.sum(Core::is_off)?);
            self.topology_total()?
        };
        let all = Resources {
            cpu: MegaHertz(cpu),
            memory: MebiBytes(self.memory.as_ref().map_or(Ok(0), |it| it.memory.or_zero("memory"))?),
            disk: MebiBytes(self.disk.as_ref().map_or(Ok(0), |it| it.disk.or_zero("disk"))?),
            cores: self.reservable(kept),
        };
        Ok(all.less(taken))
    }

    fn cores(&self) -> &[Core] {
        let topology = self.processors.as_ref().and_then(|it| it.topology.as_ref());
        topology.and_then(|topology| topology.cores.as_deref()).unwrap_or_default()
    }

    fn sum(&self, of: impl Fn(&Core) -> bool) -> Result<u64, String> {
        self.cores().iter().filter(|core| of(core)).map(Core::speed).sum()
    }

    fn topology_total(&self) -> Result<u64, String> {
        let topology = self.processors.as_ref().and_then(|it| it.topology.as_ref());
        let given = topology.map_or(Ok(0), |it| it.override_total_compute.or_zero("total of CPU"))?;
        if given > 0 { Ok(given) } else { self.sum(|_| true) }
    }

    /// How many cores a task can have for itself.
    fn reservable(&self, kept: &Kept) -> u32 {
        let told = self.cpu.as_ref().and_then(|cpu| cpu.reservable_cpu_cores.clone());
        let on = || self.cores().iter().filter(|core| !core.is_off()).map(|core| core.id).collect();
        let mut cores: BTreeSet<u32> = told.unwrap_or_else(on).into_iter().collect();
        for core in kept.cpu.iter().filter_map(|cpu| cpu.reserved_cpu_cores.as_ref()).flatten() {
            cores.remove(core);
        }
        u32::try_from(cores.len()).unwrap_or(u32::MAX)
    }

    /// How many devices of each kind work.
    pub(super) fn devices(&self) -> BTreeMap<String, u32> {
        let mut devices = BTreeMap::new();
        for device in self.devices.iter().flatten() {
            let healthy = device.instances.iter().flatten().filter(|instance| instance.healthy == Some(true));
            let parts = [&device.vendor, &device.r#type, &device.name].map(|part| part.as_deref().unwrap_or_default());
            *devices.entry(parts.join("/")).or_default() += u32::try_from(healthy.count()).unwrap_or(u32::MAX);
        }
        devices
    }
}

impl Kept {
    fn resources(&self) -> Result<Resources, String> {
        Ok(Resources::new(
            self.cpu.as_ref().map_or(Ok(0), |cpu| cpu.cpu_shares.or_zero("reserved CPU"))?,
            self.memory.as_ref().map_or(Ok(0), |it| it.memory.or_zero("reserved memory"))?,
            self.disk.as_ref().map_or(Ok(0), |it| it.disk.or_zero("reserved disk"))?,
        ))
    }

    /// The ports that allocations cannot have.
    pub(super) fn ports(&self) -> Result<Vec<u16>, String> {
        let text = self.networks.as_ref().and_then(|it| it.reserved_host_ports.as_deref()).unwrap_or_default();
        let mut ports = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (first.trim().parse::<u16>(), last.trim().parse::<u16>());
            let (Ok(first), Ok(last)) = (first, last) else {
                return Err(format!("its reserved ports {text:?} are no ports"));
            };
            ports.extend(first..=last);
        }
        Ok(ports)
    }
}

/// `AllocatedResources`: what an allocation takes, task by task.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Allocated {
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
pub(super) struct Lifecycle {
    hook: Option<String>,
    sidecar: Option<bool>,
}

impl Lifecycle {
    /// Whether the task ends before its allocation, or begins after the others ended.
    pub(super) fn is_brief(&self) -> bool {
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
pub(super) struct Taken {
    pub(super) resources: Resources,
    pub(super) tasks: Arc<[TaskShare]>,
    pub(super) holdings: Option<Arc<Holdings>>,
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
    pub(super) fn taken(&self) -> Result<Taken, String> {
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
        let mut ports = BTreeSet::new();
        let mut devices: BTreeMap<String, u32> = BTreeMap::new();
        for task in self.tasks.iter().flatten().map(|(_, task)| task) {
            for network in task.networks.iter().flatten() {
                ports.extend(network.all()?);
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
                ports.extend(network.all()?);
            }
            ports.extend(self::ports(shared.ports.iter().flatten())?);
        }
        Ok(Holdings { ports: ports.into_iter().collect(), devices })
    }
}

/// What an allocation takes in the shape of old servers: as a whole, and task by task.
pub(super) fn taken_of_old(whole: &Flat, tasks: &BTreeMap<String, Flat>) -> Result<Taken, String> {
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

    #[test]
    fn p6_both_shapes_of_a_node_say_the_same() {
        let flat: Flat = serde_json::from_str(r#"{"CPU": 4498, "MemoryMB": 24105, "DiskMB": 66599}"#).unwrap();
        let offered = r#"{"Cpu": {"CpuShares": 4498}, "Memory": {"MemoryMB": 24105}, "Disk": {"DiskMB": 66599}}"#;
        let offered: Offered = serde_json::from_str(offered).unwrap();
        assert_eq!(flat.resources(), offered.less(&Kept::default()));
        let negative: Flat = serde_json::from_str(r#"{"CPU": -1}"#).unwrap();
        assert!(negative.resources().is_err(), "no number is made of it");
    }
}
