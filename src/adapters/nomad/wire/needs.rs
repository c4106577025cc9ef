//! What a group asks of its node beside amounts: its own words, and those of its job and its tasks.

use serde::Deserialize;

use super::super::amount::Amount;
use super::job::{Group, Job, TaskPage};
use crate::domain::{self, Requirements};

/// A constraint.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Constraint {
    #[serde(rename = "LTarget")]
    left: Option<String>,
    #[serde(rename = "RTarget")]
    right: Option<String>,
    #[serde(rename = "Operand")]
    operand: Option<String>,
}

/// A device that a task asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct DeviceWish {
    name: Option<String>,
    count: Amount,
    constraints: Option<Vec<serde_json::Value>>,
}

/// A volume that a group asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Volume {
    r#type: Option<String>,
    source: Option<String>,
    per_alloc: Option<bool>,
}

impl Constraint {
    fn to_domain(&self, of_group: bool) -> domain::Constraint {
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        let operator = Some(part(&self.operand)).filter(|operator| !operator.is_empty());
        domain::Constraint {
            left: part(&self.left),
            // Nomad's own default.
            operator: operator.unwrap_or_else(|| "=".to_owned()),
            right: part(&self.right),
            of_group,
        }
    }
}

impl Job {
    pub(super) fn needs(&self, group: &Group) -> Requirements {
        let of = |constraints: &Option<Vec<Constraint>>, of_group| {
            constraints.iter().flatten().map(|it| it.to_domain(of_group)).collect::<Vec<_>>()
        };
        let mut needs = Requirements {
            datacenters: self.datacenters.clone().unwrap_or_default(),
            node_pool: self.node_pool.clone().unwrap_or_default(),
            constraints: of(&self.constraints, false),
            ..Requirements::default()
        };
        needs.constraints.extend(of(&group.constraints, true));
        group.add_to(&mut needs);
        for task in group.tasks.iter().flatten() {
            needs.constraints.extend(of(&task.constraints, true));
            task.add_to(&mut needs);
        }
        needs
    }
}

impl Group {
    fn add_to(&self, needs: &mut Requirements) {
        for network in self.networks.iter().flatten() {
            let mode = network.mode.as_deref().unwrap_or_default();
            if !matches!(mode, "" | "none" | "host" | "bridge") {
                needs.unknown.push(format!("network mode {mode}"));
            }
            add_ports(network.fixed(), needs);
        }
        for volume in self.volumes.iter().flatten().filter_map(|(_, volume)| volume.as_ref()) {
            let source = volume.source.as_deref().unwrap_or_default();
            match volume.r#type.as_deref().unwrap_or_default() {
                "host" if volume.per_alloc != Some(true) => needs.volumes.push(source.to_owned()),
                "host" => needs.unknown.push(format!("a host volume {source:?} of each allocation's own")),
                "csi" => needs.unknown.push(format!("CSI volume {source:?}")),
                other => needs.unknown.push(format!("volume {source:?} of type {other:?}")),
            }
        }
    }
}

impl TaskPage {
    fn add_to(&self, needs: &mut Requirements) {
        if let Some(driver) = self.driver.clone().filter(|driver| !needs.drivers.contains(driver)) {
            needs.drivers.push(driver);
        }
        let Some(resources) = &self.resources else { return };
        for network in resources.amounts.networks.iter().flatten() {
            add_ports(network.fixed(), needs);
        }
        for device in resources.devices.iter().flatten() {
            device.add_to(needs);
        }
        let affinity = resources.numa.as_ref().and_then(|numa| numa.affinity.as_deref());
        if affinity == Some("require") {
            needs.unknown.push("cores of one NUMA node".to_owned());
        }
    }
}

impl DeviceWish {
    fn add_to(&self, needs: &mut Requirements) {
        let name = self.name.clone().unwrap_or_default();
        if self.constraints.as_ref().is_some_and(|constraints| !constraints.is_empty()) {
            needs.unknown.push(format!("constraints of device {name:?}"));
        }
        match self.count.count("number of devices") {
            // Nomad's own default.
            Ok(count) => needs.devices.push((name, count.unwrap_or(1))),
            Err(problem) => needs.unknown.push(format!("device {name:?}: {problem}")),
        }
    }
}

fn add_ports(ports: Result<Vec<u16>, String>, needs: &mut Requirements) {
    match ports {
        Ok(ports) => needs.ports.extend(ports),
        Err(problem) => needs.unknown.push(format!("a static port: {problem}")),
    }
}
