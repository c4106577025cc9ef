//! Everything that a pool needs: Consul, a stand-in for Nomad whose nodes follow the group's instances, moto, and the
//! proxy in between.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use super::moto::{GROUP, Group, Moto, REGION};
use super::proxy::Proxy;
use crate::agent::AgentProcess;
use crate::cluster::Cluster;
use crate::stand_in::StandIn;
use crate::{block_on, eventually};

/// The servers of one test.
pub(super) struct World {
    pub(super) cluster: Cluster,
    pub(super) group: Group,
    pub(super) proxy: Proxy,
    _follower: Follower,
    _moto: Moto,
}

/// What a test's pool is like.
pub(super) struct Pool {
    /// The group's bounds and its desired capacity.
    pub(super) sizes: (i32, i32, i32),
    /// More of the nodes' `meta`, without the prefix.
    pub(super) policy: Vec<(&'static str, &'static str)>,
    /// Whether nodes know the ID of their instance; they always know their address.
    pub(super) knows_instance: bool,
}

impl Default for Pool {
    fn default() -> Self {
        Self { sizes: (1, 5, 2), policy: Vec::new(), knows_instance: true }
    }
}

impl World {
    /// A pool of two nodes of 4,000 MHz, and the job `load` with one allocation of 1,000 MHz. One node is held for its
    /// failure, and one allocation more of the job: at 3 allocations a pool of two scales out, at 2 one of three scales in.
    pub(super) fn start(pool: Pool) -> Self {
        let moto = Moto::start();
        let (min, max, desired) = pool.sizes;
        let group = moto.create_group(min, max, desired);
        let proxy = Proxy::before(moto.address());
        let cluster = Cluster::start();
        let follower = Follower::start(group.clone(), cluster.nomad.clone(), pool);
        let world = Self { cluster, group, proxy, _follower: follower, _moto: moto };
        let nodes = usize::try_from(desired).unwrap();
        eventually("the first nodes", || (world.cluster.nomad.eligible().len() == nodes).then_some(()));
        world.cluster.nomad.register("load", 1, &[("enabled", "false")], 100.0);
        world
    }

    /// Starts an agent that finds AWS behind the proxy.
    pub(super) fn agent(&self, flags: &[&str]) -> AgentProcess {
        let mut command: Command = self.cluster.replicator();
        command.env("AWS_ENDPOINT_URL", self.proxy.address());
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        AgentProcess::quick(command, flags)
    }

    /// The state of the pool in Consul.
    pub(super) fn state(&self) -> Option<Value> {
        self.cluster.consul.state(&format!("nodes/{GROUP}"))
    }

    /// Waits until the group has so many members, all of them nodes that take work, and no operation is under way.
    pub(super) fn await_size(&self, size: usize) {
        eventually(&format!("a pool of {size}: {:?}", self.state()), || {
            let (desired, members) = block_on(self.group.members())?;
            let eligible = self.cluster.nomad.eligible();
            let idle = self.state().is_some_and(|state| state.get("operation").is_none());
            let whole = members.len() == size && desired == i32::try_from(size).unwrap() && eligible.len() == size;
            (whole && idle).then_some(())
        });
    }

    /// Nothing is left over: what runs is a member, what is a member runs.
    pub(super) fn assert_tidy(&self) {
        let (_, mut members) = block_on(self.group.members()).unwrap();
        let machines = block_on(self.group.machines());
        let mut running: Vec<String> =
            machines.into_iter().filter(|machine| machine.runs).map(|machine| machine.id).collect();
        members.sort();
        running.sort();
        assert_eq!(running, members);
    }
}

/// The ID of the node of an instance.
pub(super) fn node_of(instance: &str) -> String {
    let hex = format!("{:0>32}", instance.trim_start_matches("i-"));
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// Makes the stand-in's nodes follow the instances, as booting and dying machines do.
struct Follower {
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Follower {
    fn start(group: Group, nomad: StandIn, pool: Pool) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let told = ends.clone();
        let thread = std::thread::spawn(move || {
            let mut known = BTreeMap::new();
            block_on(async {
                while !told.load(Ordering::Relaxed) {
                    for machine in group.machines().await {
                        let id = node_of(&machine.id);
                        let before = known.insert(machine.id.clone(), machine.runs);
                        if before.is_none() && machine.runs {
                            nomad.join(&id, &machine.address, pool.meta(), pool.attributes(&machine.id));
                        } else if before == Some(true) && !machine.runs {
                            nomad.lose(&id);
                        }
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            });
        });
        Self { ends, thread: Some(thread) }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().ok();
    }
}

impl Pool {
    fn meta(&self) -> Value {
        let mut meta = json!({
            "replicator_worker_pool": GROUP, "replicator_enabled": "true", "replicator_region": REGION,
            "replicator_notification_uid": "REP1", "replicator_cooldown": "1", "replicator_scaling_threshold": "2",
        });
        for (key, value) in &self.policy {
            meta[format!("replicator_{key}")] = (*value).into();
        }
        meta
    }

    fn attributes(&self, instance: &str) -> Value {
        if self.knows_instance { json!({"unique.platform.aws.instance-id": instance}) } else { json!({}) }
    }
}
