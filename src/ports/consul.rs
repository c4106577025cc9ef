//! What the core asks of Consul: sessions, a lock, and a key-value store with compare-and-set.
//!
//! No more is promised than a store without transactions over two keys can keep: compare-and-set of a key, a lock, values
//! below 64 KiB ([`LARGEST_VALUE`]). So a new leader claims a resource's key by a write of its own before it acts on what
//! stands there, and whatever a former leader still writes is refused by compare-and-set (S3). Consul can do more, and
//! does: it ties each write to the session that holds the lock as well, and writes the history in the same transaction.

use std::time::Duration;

use super::{Indexed, PortError, Wait};
use crate::domain::SessionId;
use crate::state::Noted;

/// The most bytes that a value may have.
pub const LARGEST_VALUE: usize = 64 * 1024;

/// Consul, one datacenter of it.
#[allow(async_fn_in_trait, reason = "the core is one task and asks no Send of its futures")]
pub trait Consul {
    /// Makes a session.
    async fn create_session(&self, request: &SessionRequest) -> Result<SessionId, PortError>;

    /// Renews a session. A session that is gone is an error of kind not found.
    async fn renew_session(&self, session: &SessionId) -> Result<(), PortError>;

    /// Destroys a session, which gives up its locks. One that is gone already is no error.
    async fn destroy_session(&self, session: &SessionId) -> Result<(), PortError>;

    /// Tries to lock `key` for `session`; false when another holds it or its lock delay runs.
    async fn acquire(&self, key: &str, session: &SessionId) -> Result<bool, PortError>;

    /// Gives up the lock on `key`, without a lock delay for the next one.
    async fn release(&self, key: &str, session: &SessionId) -> Result<(), PortError>;

    /// Who holds the lock on `key`. A blocking query where a [`Wait`] is given.
    async fn lock(&self, key: &str, wait: Option<Wait>) -> Result<Indexed<LockState>, PortError>;

    /// All entries below `prefix`, sorted by key. A blocking query where a [`Wait`] is given.
    async fn list(&self, prefix: &str, wait: Option<Wait>) -> Result<Indexed<Vec<KvEntry>>, PortError>;

    /// Writes one key, if it is still at the index expected, and, where the store can tell both at once, the guard's lock
    /// still held (S3).
    async fn write(&self, write: &Write) -> Result<WriteOutcome, PortError>;

    /// Removes one key, under the same conditions.
    async fn delete(&self, deletion: &Deletion) -> Result<WriteOutcome, PortError>;
}

/// What a session shall be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRequest {
    /// A name, for people.
    pub name: String,
    /// How long it lives without renewal. Consul may keep it up to twice as long.
    pub ttl: Duration,
    /// How long its locks stay locked to everyone after it was lost.
    pub lock_delay: Duration,
}

/// Whether a key is locked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockState {
    /// Nobody holds it, or there is no such key.
    Free,
    /// This session holds it.
    Held(SessionId),
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvEntry {
    /// The key.
    pub key: String,
    /// The value.
    pub value: Vec<u8>,
    /// Changes with every write of this key.
    pub modify_index: u64,
}

/// A write of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The key.
    pub key: String,
    /// Its new value.
    pub value: Vec<u8>,
    /// The modify index it must still have; 0: it must not exist.
    pub expected_index: u64,
    /// The lock that must be held as well.
    pub guard: Guard,
    /// Entries of the history that are written with it, or not at all (S18). Nothing in the core rests on them, so a store that
    /// writes one key at a time may write them right after.
    pub notes: Vec<Noted>,
}

/// A removal of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// The key.
    pub key: String,
    /// The modify index it must still have.
    pub expected_index: u64,
    /// The lock that must be held as well.
    pub guard: Guard,
}

/// A lock that makes writes valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// The locked key.
    pub key: String,
    /// The session that must hold it.
    pub session: SessionId,
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteOutcome {
    /// Done; the key now has this modify index.
    Written(u64),
    /// Somebody else wrote the key meanwhile; nothing was written.
    Changed,
    /// The guard's lock is not held; nothing was written.
    LockLost,
}
