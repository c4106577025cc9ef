//! Consul, as the core meets it here.

use replicator::domain::SessionId;
use replicator::ports::{
    Consul, Deletion, ErrorKind, Indexed, KvEntry, LockState, PortError, Service, SessionRequest, Wait, Write,
    WriteOutcome,
};

use super::super::Topic;
use super::super::World;
use super::SimPorts;
use super::not_found;
use crate::judge::invariants::Act;
use crate::kernel::keys::state_root;

impl Consul for SimPorts {
    async fn create_session(&self, request: &SessionRequest) -> Result<SessionId, PortError> {
        self.served(Service::Consul, "create session", |world| Ok(world.create_session(self.agent, request))).await
    }

    async fn renew_session(&self, session: &SessionId) -> Result<(), PortError> {
        self.served(Service::Consul, "renew session", |world| {
            world.renew_session(session).then_some(()).ok_or_else(|| not_found(Service::Consul, "renew session"))
        })
        .await
    }

    async fn destroy_session(&self, session: &SessionId) -> Result<(), PortError> {
        self.served(Service::Consul, "destroy session", |world| {
            world.destroy_session(session);
            Ok(())
        })
        .await
    }

    async fn acquire(&self, key: &str, session: &SessionId) -> Result<bool, PortError> {
        let invalid = || PortError::new(Service::Consul, "acquire lock", ErrorKind::Other, "invalid session");
        self.served(Service::Consul, "acquire lock", |world| world.acquire(key, session).ok_or_else(invalid)).await
    }

    async fn release(&self, key: &str, session: &SessionId) -> Result<(), PortError> {
        self.served(Service::Consul, "release lock", |world| {
            world.release(key, session);
            Ok(())
        })
        .await
    }

    async fn lock(&self, key: &str, wait: Option<Wait>) -> Result<Indexed<LockState>, PortError> {
        let index = |world: &World| world.consul.key_index(key);
        let read = |world: &mut World| world.consul.lock_state(key);
        self.blocking(Service::Consul, "read lock", Topic::Consul, wait, index, read).await
    }

    async fn list(&self, prefix: &str, wait: Option<Wait>) -> Result<Indexed<Vec<KvEntry>>, PortError> {
        let index = |world: &World| world.consul.prefix_index(prefix);
        let read = |world: &mut World| {
            if state_root().starts_with(prefix) {
                world.act(&Act::ReadStates { agent: self.agent });
            }
            world.consul.list(prefix)
        };
        self.blocking(Service::Consul, "list keys", Topic::Consul, wait, index, read).await
    }

    async fn write(&self, write: &Write) -> Result<WriteOutcome, PortError> {
        self.served(Service::Consul, "write key", |world| Ok(world.write(self.agent, write))).await
    }

    async fn delete(&self, deletion: &Deletion) -> Result<WriteOutcome, PortError> {
        self.served(Service::Consul, "delete key", |world| Ok(world.delete(deletion))).await
    }
}
