//! What goes wrong in a run, and what people do.

use serde::{Deserialize, Serialize};

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Toggle {
    /// On.
    On,
    /// Off.
    Off,
}

/// Which agent an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Whichever leads then.
    Leader,
    /// The one of this number, from 0.
    Agent(usize),
}

/// Something that goes wrong, or that somebody does.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// Nodes of a pool die, the first by name.
    KillNode {
        /// Index of the pool.
        pool: usize,
        /// How many.
        count: u32,
    },
    /// All nodes of a zone die, and none can be launched there while it lasts.
    KillZone {
        /// Index of the pool.
        pool: usize,
        /// The zone.
        zone: String,
    },
    /// An agent dies; it is back when the event is over.
    KillAgent(Target),
    /// An agent is told to stop; it is back when the event is over.
    StopAgent(Target),
    /// An agent's session is destroyed behind its back.
    DestroySession(Target),
    /// An agent's wall clock jumps, by so many milliseconds.
    ClockJump(Target, i64),
    /// Nomad does not answer.
    NomadOutage,
    /// Consul does not answer.
    ConsulOutage,
    /// The cloud provider does not answer.
    CloudOutage,
    /// No statistics of a group can be had.
    StatisticsOutage(usize),
    /// A pool's group cannot launch.
    NoCapacity(usize),
    /// Instances launched meanwhile never join Nomad.
    NeverJoin(usize),
    /// All instances that a pool has now are protected from scale-in.
    Protect(usize),
    /// An operator enters or lifts failsafe.
    Failsafe(replicator::domain::Resource, Toggle),
    /// An operator sets a group's count.
    SetCount(usize, u32),
    /// An operator sets a pool's desired capacity.
    SetDesired(usize, u32),
    /// An operator lets work on a node, or keeps it off.
    SetEligibility {
        /// Which node.
        node: NodeChoice,
        /// Whether work may be placed on it.
        eligible: bool,
    },
    /// An operator drains a node.
    DrainNode(NodeChoice),
    /// An operator calls off all drains of a pool.
    CancelDrain(usize),
    /// Somebody detaches an instance of a pool, and keeps it.
    DetachInstance(usize),
    /// Somebody puts an instance of a pool into standby.
    Standby(usize),
    /// A node shows another CPU than its like.
    OddNode {
        /// Which node.
        node: NodeChoice,
        /// What it shows, MHz.
        cpu: u32,
    },
    /// The meta of one node changes.
    SetMeta {
        /// Index of the pool.
        pool: usize,
        /// Which of its nodes.
        node: u32,
        /// The key.
        key: String,
        /// Its value.
        value: String,
    },
    /// The clients of a pool collect no statistics.
    NoStatistics(usize),
    /// A node's client is cut off from Nomad's servers.
    SilenceNode(NodeChoice),
}

/// A node of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeChoice {
    /// Index of the pool.
    pub pool: usize,
    /// Which of its living nodes, by when they joined, from 0.
    pub number: u32,
}
