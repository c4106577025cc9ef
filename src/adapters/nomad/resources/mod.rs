//! What nodes offer and what allocations take, in the shapes of old servers (`Resources`) and of new ones.
//!
//! - `offered`: `NodeResources` and `ReservedResources`.
//! - `taken`: `AllocatedResources`.

mod offered;
mod taken;

pub(super) use offered::{Kept, Offered};
pub(super) use taken::{Allocated, Lifecycle, Taken, taken_of_old};

use serde::Deserialize;

use super::amount::Amount;
use crate::domain::{MebiBytes, MegaHertz, Resources};

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

#[cfg(test)]
mod tests {
    use super::*;

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
