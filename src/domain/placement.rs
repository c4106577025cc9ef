//! What Nomad's scheduler looks at beside amounts: where a node is and what it has, and what a group's work asks of its
//! node. Only data; whether the two go together is worked out in `decide::placement`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A node's place in the cluster and what is special about it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The datacenter.
    pub datacenter: String,
    /// The node pool; empty on servers before 1.6, which know none.
    #[serde(default)]
    pub node_pool: String,
    /// The class that its configuration gives it, if any.
    #[serde(default)]
    pub class: String,
    /// What the client found out about its machine: `cpu.arch`, `driver.docker`, `platform.aws.instance-type` …
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// How many devices it has of each kind, by Nomad's name `vendor/type/model`.
    #[serde(default)]
    pub devices: BTreeMap<String, u32>,
    /// Names of the host volumes that it offers.
    #[serde(default)]
    pub volumes: Vec<String>,
    /// Ports that it keeps from allocations.
    #[serde(default)]
    pub reserved_ports: Vec<u16>,
    /// The most allocations that it takes, where it has such a limit (`NodeMaxAllocs`).
    #[serde(default)]
    pub most_allocations: Option<u32>,
}

/// The attribute that names the machine's type on AWS.
pub const INSTANCE_TYPE: &str = "platform.aws.instance-type";

/// What the work of a group asks of its node, beside amounts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirements {
    /// The datacenters that will do, where `*` stands for any text; none named: any.
    #[serde(default)]
    pub datacenters: Vec<String>,
    /// The node pool; `all` or empty: any.
    #[serde(default)]
    pub node_pool: String,
    /// Constraints of the job, the group and its tasks.
    #[serde(default)]
    pub constraints: Vec<Constraint>,
    /// Static ports.
    #[serde(default)]
    pub ports: Vec<u16>,
    /// Devices, by a name that may leave out vendor and model, and how many.
    #[serde(default)]
    pub devices: Vec<(String, u32)>,
    /// Host volumes.
    #[serde(default)]
    pub volumes: Vec<String>,
    /// Task drivers.
    #[serde(default)]
    pub drivers: Vec<String>,
    /// What else the group asks for that is not understood here, in words. Work that asks for it fits nowhere, as far as
    /// can be told.
    #[serde(default)]
    pub unknown: Vec<String>,
}

/// A constraint as it is written in a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constraint {
    /// Its left side: `${attr.cpu.arch}`, `${meta.rack}`, `${node.class}` …
    #[serde(default)]
    pub left: String,
    /// Its operator: `=`, `regexp`, `version`, `distinct_hosts` …
    #[serde(default)]
    pub operator: String,
    /// Its right side.
    #[serde(default)]
    pub right: String,
    /// Whether it stands in the group or a task, rather than in the job: what `distinct_hosts` then counts.
    #[serde(default)]
    pub of_group: bool,
}

/// What an allocation holds on its node, beside amounts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holdings {
    /// Ports.
    #[serde(default)]
    pub ports: Vec<u16>,
    /// Devices, by Nomad's name `vendor/type/model`, and how many.
    #[serde(default)]
    pub devices: BTreeMap<String, u32>,
}

impl Holdings {
    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ports.is_empty() && self.devices.is_empty()
    }
}
