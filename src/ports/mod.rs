//! The four ports: everything that the core asks of the world. See ARCHITECTURE.md for who binds them.
//!
//! Futures of the ports need not be `Send`: the core is one task that joins and selects over futures it owns, and
//! never spawns. Every call may fail after it took effect; nothing in the core takes an error for "did not happen".

mod clock;
mod cloud;
mod consul;
mod error;
mod nomad;

pub use clock::{Clock, timeout};
pub use cloud::{Cloud, Offer};
pub use consul::{Consul, Deletion, Guard, KvEntry, LARGEST_VALUE, LockState, SessionRequest, Write, WriteOutcome};
pub use error::{ErrorKind, PortError, Service};
pub use nomad::{DRAIN_OPERATION, DrainOrder, InTurn, Nomad, ScaleAccepted, ScaleRequest, StatsAnswer};

use std::time::Duration;

/// The four ports of one world, bound together.
pub trait Ports {
    /// Time.
    type Clock: Clock;
    /// The cluster.
    type Nomad: Nomad;
    /// The lock and the state.
    type Consul: Consul;
    /// The machines.
    type Cloud: Cloud;

    /// Time.
    fn clock(&self) -> &Self::Clock;
    /// The cluster.
    fn nomad(&self) -> &Self::Nomad;
    /// The lock and the state.
    fn consul(&self) -> &Self::Consul;
    /// The machines.
    fn cloud(&self) -> &Self::Cloud;
}

/// Asks a read to wait until something changes: a blocking query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// Answer when the index is no longer this one. Never 0: a server would answer at once, for ever.
    pub past: u64,
    /// Answer after this long in any case.
    pub at_most: Duration,
}

/// An answer with the index that a later [`Wait`] continues from. The index may go back, when a server lost its
/// state or was restored; whoever waits starts afresh then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indexed<T> {
    /// The index.
    pub index: u64,
    /// The answer.
    pub value: T,
}
