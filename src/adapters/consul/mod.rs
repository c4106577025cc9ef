//! Consul's HTTP API, as the core's port and the operator's commands want it.
//!
//! - `wire`: the JSON, translated.
//! - `refusal`: what a server means when it refuses.

mod refusal;
mod wire;

use std::cell::RefCell;
use std::rc::Rc;

use reqwest::Method;
use serde_json::json;

use super::http::{Answer, ConnectError, Endpoint, Http, Request};
use crate::domain::SessionId;
use crate::ports::{
    Consul, Deletion, ErrorKind, Indexed, KvEntry, LockState, PortError, Service, SessionRequest, Wait, Write,
    WriteOutcome,
};
use refusal::kind_of;

/// How to reach Consul, and which part of it.
#[derive(Debug, Clone)]
pub struct ConsulSettings {
    /// The agent.
    pub endpoint: Endpoint,
    /// The datacenter; the agent's own where there is none.
    pub datacenter: Option<String>,
    /// The namespace (Enterprise); the token's own where there is none.
    pub namespace: Option<String>,
}

/// A client of Consul.
pub struct ConsulClient {
    connection: RefCell<Rc<Connection>>,
}

struct Connection {
    http: Http,
    datacenter: Option<String>,
    namespace: Option<String>,
}

impl ConsulClient {
    /// A client with these settings.
    ///
    /// # Errors
    ///
    /// When a certificate, a key or the token is of no use.
    pub fn new(settings: ConsulSettings) -> Result<Self, ConnectError> {
        Ok(Self { connection: RefCell::new(Rc::new(Connection::new(settings)?)) })
    }

    /// Makes later calls with other settings. Calls under way go on with those that they began with.
    ///
    /// # Errors
    ///
    /// When a certificate, a key or the token is of no use; the old settings stay then.
    pub fn reconnect(&self, settings: ConsulSettings) -> Result<(), ConnectError> {
        self.connection.replace(Rc::new(Connection::new(settings)?));
        Ok(())
    }

    /// Reads one key, for the operator's commands.
    ///
    /// # Errors
    ///
    /// When Consul does not answer, or not permit it.
    pub async fn read(&self, key: &str) -> Result<Option<KvEntry>, PortError> {
        let connection = self.connection();
        let answer = connection.kv(Method::GET, key, format!("read {key}")).accept(&[404]).send().await?;
        Ok(entries(&answer)?.into_iter().next())
    }

    /// Writes one key if its modify index is still the expected one, without holding the lock: the operator's word.
    /// Whether it was written.
    ///
    /// # Errors
    ///
    /// When Consul does not answer, or not permit it. The write may have taken effect.
    pub async fn write_unlocked(&self, key: &str, value: &[u8], expected_index: u64) -> Result<bool, PortError> {
        let connection = self.connection();
        let request = connection.kv(Method::PUT, key, format!("write {key}"));
        request.query("cas", &expected_index.to_string()).bytes(value).send().await?.json()
    }

    fn connection(&self) -> Rc<Connection> {
        self.connection.borrow().clone()
    }
}

impl Connection {
    fn new(settings: ConsulSettings) -> Result<Self, ConnectError> {
        let http = Http::new(Service::Consul, &settings.endpoint, "x-consul-token")?;
        Ok(Self { http, datacenter: settings.datacenter, namespace: settings.namespace })
    }

    fn request(&self, method: Method, path: &[&str], call: String) -> Request<'_> {
        let request = self.http.request(method, path, call, kind_of);
        request.query_some("dc", self.datacenter.as_deref()).query_some("ns", self.namespace.as_deref())
    }

    /// A call about a key. Its slashes are the path's.
    fn kv(&self, method: Method, key: &str, call: String) -> Request<'_> {
        let path: Vec<&str> = ["v1", "kv"].into_iter().chain(key.split('/')).collect();
        self.request(method, &path, call)
    }

    fn session(&self, verb: &str, session: &SessionId) -> Request<'_> {
        let path = ["v1", "session", verb, session.as_str()];
        self.request(Method::PUT, &path, format!("{verb} session {session}"))
    }

    /// Makes a guarded change of one key.
    async fn transact(&self, operations: &serde_json::Value, call: String) -> Result<WriteOutcome, PortError> {
        let put = self.request(Method::PUT, &["v1", "txn"], call).accept(&[409]);
        let answer = put.json(operations)?.send().await?;
        let outcome: wire::Transaction = answer.json()?;
        outcome.into_outcome().map_err(|problem| answer.error(problem.kind, problem.message))
    }

    /// Whether a key may be read. Consul answers a listing that the token does not permit as if nothing were there;
    /// reading a single key tells.
    async fn may_read(&self, prefix: &str) -> Result<(), PortError> {
        self.kv(Method::GET, prefix, format!("read {prefix}")).accept(&[404]).send().await.map(drop)
    }
}

impl Consul for ConsulClient {
    async fn create_session(&self, request: &SessionRequest) -> Result<SessionId, PortError> {
        let connection = self.connection();
        let seconds = |span: std::time::Duration| format!("{}s", span.as_secs());
        let body = json!({
            "Name": request.name,
            "TTL": seconds(request.ttl),
            "LockDelay": seconds(request.lock_delay),
            "Behavior": "release",
        });
        let put = connection.request(Method::PUT, &["v1", "session", "create"], "create session".to_owned());
        let created: wire::Session = put.json(&body)?.send().await?.json()?;
        Ok(created.id.into())
    }

    async fn renew_session(&self, session: &SessionId) -> Result<(), PortError> {
        self.connection().session("renew", session).send().await.map(drop)
    }

    async fn destroy_session(&self, session: &SessionId) -> Result<(), PortError> {
        self.connection().session("destroy", session).send().await.map(drop)
    }

    async fn acquire(&self, key: &str, session: &SessionId) -> Result<bool, PortError> {
        let connection = self.connection();
        let request = connection.kv(Method::PUT, key, format!("acquire lock {key}"));
        request.query("acquire", session.as_str()).bytes(b"").send().await?.json()
    }

    async fn release(&self, key: &str, session: &SessionId) -> Result<(), PortError> {
        let connection = self.connection();
        let request = connection.kv(Method::PUT, key, format!("release lock {key}"));
        request.query("release", session.as_str()).bytes(b"").send().await.map(drop)
    }

    async fn lock(&self, key: &str, wait: Option<Wait>) -> Result<Indexed<LockState>, PortError> {
        let connection = self.connection();
        let request = connection.kv(Method::GET, key, format!("read lock {key}")).accept(&[404]);
        let answer = request.wait(wait).send().await?;
        let found = if answer.status == 404 { Vec::new() } else { answer.json::<Vec<wire::Entry>>()? };
        let holder = found.into_iter().next().and_then(|entry| entry.session).filter(|holder| !holder.is_empty());
        let value = holder.map_or(LockState::Free, |holder| LockState::Held(holder.into()));
        Ok(Indexed { index: answer.index(), value })
    }

    async fn list(&self, prefix: &str, wait: Option<Wait>) -> Result<Indexed<Vec<KvEntry>>, PortError> {
        let connection = self.connection();
        let request = connection.kv(Method::GET, prefix, format!("list {prefix}")).accept(&[404]);
        let answer = request.query("recurse", "").wait(wait).send().await?;
        if answer.status == 404 {
            connection.may_read(prefix).await?;
        }
        Ok(Indexed { index: answer.index(), value: entries(&answer)? })
    }

    async fn write(&self, write: &Write) -> Result<WriteOutcome, PortError> {
        self.connection().transact(&wire::guarded_write(write), format!("write {}", write.key)).await
    }

    async fn delete(&self, deletion: &Deletion) -> Result<WriteOutcome, PortError> {
        self.connection().transact(&wire::guarded_deletion(deletion), format!("delete {}", deletion.key)).await
    }
}

/// The entries of an answer; none where there is no such key.
fn entries(answer: &Answer) -> Result<Vec<KvEntry>, PortError> {
    if answer.status == 404 {
        return Ok(Vec::new());
    }
    let found: Vec<wire::Entry> = answer.json()?;
    let mut entries = found
        .into_iter()
        .map(|entry| entry.into_domain().map_err(|problem| answer.error(ErrorKind::Other, problem)))
        .collect::<Result<Vec<_>, _>>()?;
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(entries)
}
