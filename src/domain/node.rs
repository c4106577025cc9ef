//! Nomad's client nodes.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{InstanceId, Meta, NodeId, Place, Resources};

/// The state of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeStatus {
    /// Registered, not ready yet.
    Initializing,
    /// Ready for work.
    Ready,
    /// Missed its heartbeats.
    Down,
    /// Out of touch, but its allocations may go on.
    Disconnected,
}

/// Whether the scheduler may place work on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Eligibility {
    /// It may.
    Eligible,
    /// It may not.
    Ineligible,
}

/// A node as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSummary {
    /// Identity.
    pub id: NodeId,
    /// Name, for people.
    pub name: String,
    /// State.
    pub status: NodeStatus,
    /// Whether it is being drained.
    pub draining: bool,
    /// Whether work may be placed on it.
    pub eligibility: Eligibility,
    /// Changes whenever anything about the node does, its drain and its status included.
    pub modify_index: u64,
}

impl NodeSummary {
    /// Ready, eligible and not draining: whether the node counts as part of its pool (P1).
    #[must_use]
    pub fn takes_work(&self) -> bool {
        self.status == NodeStatus::Ready && self.eligibility == Eligibility::Eligible && !self.draining
    }
}

/// Whose the last drain of a node was, by what it says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum DrainOwner {
    /// There was none, or the server does not keep that (before Nomad 1.1).
    #[default]
    Untold,
    /// That of the operation of this name.
    Operation(String),
    /// A person's, or another program's.
    Another,
}

/// A node with what only its own page tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The node as lists show it.
    pub summary: NodeSummary,
    /// The client's `meta`, which names its pool.
    pub meta: Arc<Meta>,
    /// What the node offers to allocations: its resources less what it reserves for itself (P6).
    pub capacity: Resources,
    /// The instance it runs on (`unique.platform.aws.instance-id`), where the client knows it.
    pub instance: Option<InstanceId>,
    /// Its address, to find the instance by where the client does not know its ID.
    pub address: Option<String>,
    /// Where it is and what it has, for what asks for that.
    pub place: Arc<Place>,
    /// Whose its last drain was.
    pub drained_by: DrainOwner,
}
