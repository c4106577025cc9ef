//! Odd answers of Consul. Sessions, locks and writes are what they are: what rests on them is safety itself.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use replicator::domain::SessionId;
use replicator::ports::{
    Consul, Deletion, Indexed, KvEntry, LockState, PortError, Ports, Service, SessionRequest, Wait, Write, WriteOutcome,
};

use super::{OddPorts, Told};

/// What was listed before, by prefix.
#[derive(Default)]
pub(super) struct Earlier {
    lists: RefCell<BTreeMap<String, Rc<Told<KvEntry>>>>,
}

impl<P: Ports> Consul for OddPorts<P> {
    async fn create_session(&self, request: &SessionRequest) -> Result<SessionId, PortError> {
        self.inner.consul().create_session(request).await
    }

    async fn renew_session(&self, session: &SessionId) -> Result<(), PortError> {
        self.inner.consul().renew_session(session).await
    }

    async fn destroy_session(&self, session: &SessionId) -> Result<(), PortError> {
        self.inner.consul().destroy_session(session).await
    }

    async fn acquire(&self, key: &str, session: &SessionId) -> Result<bool, PortError> {
        self.inner.consul().acquire(key, session).await
    }

    async fn release(&self, key: &str, session: &SessionId) -> Result<(), PortError> {
        self.inner.consul().release(key, session).await
    }

    async fn lock(&self, key: &str, wait: Option<Wait>) -> Result<Indexed<LockState>, PortError> {
        self.travel(Service::Consul, "read lock").await?;
        self.inner.consul().lock(key, wait).await
    }

    async fn list(&self, prefix: &str, wait: Option<Wait>) -> Result<Indexed<Vec<KvEntry>>, PortError> {
        self.travel(Service::Consul, "list keys").await?;
        let told = self.keys.lists.borrow_mut().entry(prefix.to_owned()).or_default().clone();
        self.believe(&told).await;
        let answer = self.inner.consul().list(prefix, wait).await?;
        Ok(self.bend_indexed(answer, &told, |_| {}))
    }

    async fn write(&self, write: &Write) -> Result<WriteOutcome, PortError> {
        self.inner.consul().write(write).await
    }

    async fn delete(&self, deletion: &Deletion) -> Result<WriteOutcome, PortError> {
        self.inner.consul().delete(deletion).await
    }
}
