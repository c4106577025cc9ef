//! What a node has, less what it keeps for itself, in the shape of servers since 0.9.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{Amount, Disk, Memory};
use crate::domain::{MebiBytes, MegaHertz, Resources};

/// The new shape of what a node has.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(in super::super) struct Offered {
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
pub(in super::super) struct Kept {
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
    pub(in super::super) fn less(&self, kept: &Kept) -> Result<Resources, String> {
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
    pub(in super::super) fn devices(&self) -> BTreeMap<String, u32> {
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
    pub(in super::super) fn ports(&self) -> Result<Vec<u16>, String> {
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
