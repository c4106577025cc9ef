//! The pools of a draft.

use std::collections::BTreeMap;

use replicator::domain::Resources;
use serde::{Deserialize, Serialize};

use super::is_default;
use super::meta::{MetaValue, pool_policy};
use super::problem::{Problem, Under, amount, within};
use crate::kernel::time::Millis;
use crate::plan::{Delay, PolicyHome, PoolPlan};

const MOST_NODES: u32 = 10_000;

/// A pool of worker nodes: an Auto Scaling group of Nomad clients.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// What an instance has.
    pub instance: Size,
    /// What its node keeps for itself.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reserved: Size,
    /// How many nodes there are at the start.
    pub nodes: u32,
    /// `MinSize`.
    pub min: u32,
    /// `MaxSize`.
    pub max: u32,
    /// The zones that instances are spread over: one, `a`.
    pub zones: Option<Vec<String>>,
    /// From the change of the desired capacity to the instance: 10 s.
    pub launch: Option<Delay>,
    /// From the instance to the node that is ready.
    pub boot: Delay,
    /// What an instance costs an hour: nothing.
    pub price_per_hour: Option<f64>,
    /// Where its policy stands: in the nodes' meta.
    pub policy_in: Option<Home>,
    /// Whether members count with weights of their own towards the desired capacity.
    #[serde(default, skip_serializing_if = "is_default")]
    pub weighted: bool,
    /// The class of its nodes; none where it is empty.
    #[serde(default, skip_serializing_if = "is_default")]
    pub class: String,
    /// Its policy, and whatever else its nodes have for meta.
    pub meta: BTreeMap<String, MetaValue>,
}

/// An amount of resources.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Size {
    /// MHz.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cpu: u32,
    /// MiB.
    #[serde(default, skip_serializing_if = "is_default")]
    pub memory: u32,
    /// MiB.
    #[serde(default, skip_serializing_if = "is_default")]
    pub disk: u32,
    /// Cores, for tasks that ask for whole ones.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cores: u32,
}

/// Where a pool's policy stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Home {
    /// In the nodes' meta.
    Meta,
    /// In Consul.
    Consul,
}

impl Size {
    /// So much CPU, in MHz, and memory, in MiB.
    #[must_use]
    pub fn of(cpu: u32, memory: u32) -> Self {
        Self { cpu, memory, ..Self::default() }
    }

    fn resources(self) -> Resources {
        Resources { cores: self.cores, ..Resources::new(self.cpu.into(), self.memory.into(), self.disk.into()) }
    }
}

impl Pool {
    /// A pool of so many nodes, which may be neither more nor fewer, boot in 90 s, and have a policy that is enabled.
    #[must_use]
    pub fn new(instance: Size, nodes: u32) -> Self {
        let meta = [
            ("replicator_enabled", true.into()),
            ("replicator_region", "simulated".into()),
            ("replicator_notification_uid", "nobody".into()),
        ];
        Self {
            instance,
            reserved: Size::default(),
            nodes,
            min: nodes,
            max: nodes,
            zones: None,
            launch: None,
            boot: Delay::Constant(Millis::secs(90)),
            price_per_hour: None,
            policy_in: None,
            weighted: false,
            class: String::new(),
            meta: meta.map(|(key, value)| (key.to_owned(), value)).into(),
        }
    }

    /// With so many nodes at least, and at most.
    #[must_use]
    pub fn between(self, min: u32, max: u32) -> Self {
        Self { min, max, ..self }
    }

    /// With so long a boot.
    #[must_use]
    pub fn boot(self, boot: impl Into<Delay>) -> Self {
        Self { boot: boot.into(), ..self }
    }

    /// With this key in its meta.
    #[must_use]
    pub fn meta(mut self, key: &str, value: impl Into<MetaValue>) -> Self {
        self.meta.insert(key.to_owned(), value.into());
        self
    }

    fn check(&self, name: &str) -> Result<PoolPlan, Problem> {
        if self.instance.cpu <= self.reserved.cpu || self.instance.memory <= self.reserved.memory {
            let message = "an instance must have more cpu (MHz) and memory (MiB) than is reserved";
            return Err(Problem::new(message)).under("instance");
        }
        let max = within(self.max, 1..=MOST_NODES, "nodes").under("max")?;
        let min = within(self.min, 0..=max, "nodes (min is at most max)").under("min")?;
        let nodes = within(self.nodes, min.max(1)..=max, "nodes (between min and max)").under("nodes")?;
        let zones = self.zones.clone().unwrap_or_else(|| vec!["a".to_owned()]);
        if zones.is_empty() {
            return Err(Problem::new("name at least one zone")).under("zones");
        }
        let (meta, policy) = pool_policy(name, &self.meta).under("meta")?;
        let launch = self.launch.unwrap_or(Delay::Constant(Millis::secs(10)));
        Ok(PoolPlan {
            name: name.into(),
            size: self.instance.resources(),
            reserved: self.reserved.resources(),
            nodes,
            min,
            max,
            zones,
            launch: launch.sound().map_err(Problem::new).under("launch")?,
            boot: self.boot.sound().map_err(Problem::new).under("boot")?,
            price_per_hour: amount(self.price_per_hour.unwrap_or(0.0)).under("price_per_hour")?,
            weighted: self.weighted,
            class: self.class.clone(),
            policy_in: match self.policy_in {
                None | Some(Home::Meta) => PolicyHome::Meta,
                Some(Home::Consul) => PolicyHome::Consul,
            },
            meta,
            policy,
        })
    }
}

pub(super) fn pools(written: &BTreeMap<String, Pool>) -> Result<Vec<PoolPlan>, Problem> {
    if written.is_empty() {
        return Err(Problem::new("there must be at least one pool: [pools.NAME]"));
    }
    written.iter().map(|(name, pool)| pool.check(name).under(name)).collect()
}
