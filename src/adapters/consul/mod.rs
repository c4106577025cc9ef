//! Consul's HTTP API, as the core's port and the operator's commands want it.
//!
//! - `wire`: the JSON, translated.
//! - `refusal`: what a server means when it refuses.

mod refusal;
mod wire;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
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
    /// What made no sense in the latest listing below each prefix, so that each is told once.
    told: RefCell<BTreeMap<String, BTreeSet<String>>>,
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
        Ok(Self { connection: RefCell::new(Rc::new(Connection::new(settings)?)), told: RefCell::default() })
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
        let Some(entry) = entries(&answer)?.into_iter().next() else { return Ok(None) };
        entry.into_domain().map(Some).map_err(|nonsense| answer.error(ErrorKind::Other, nonsense.problem))
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

    /// Writes one key, whatever stands there.
    ///
    /// # Errors
    ///
    /// When Consul does not answer, or not permit it. The write may have taken effect.
    pub async fn put_unlocked(&self, key: &str, value: &[u8]) -> Result<(), PortError> {
        self.connection().kv(Method::PUT, key, format!("write {key}")).bytes(value).send().await.map(drop)
    }

    /// Removes one key, whatever stands there.
    ///
    /// # Errors
    ///
    /// As a write.
    pub async fn remove_unlocked(&self, key: &str) -> Result<(), PortError> {
        self.connection().kv(Method::DELETE, key, format!("remove {key}")).send().await.map(drop)
    }

    /// The node of Consul whose agent made a session; nothing where the session is gone.
    ///
    /// # Errors
    ///
    /// When Consul does not answer, or not permit it.
    pub async fn node_of(&self, session: &SessionId) -> Result<Option<String>, PortError> {
        let connection = self.connection();
        let path = ["v1", "session", "info", session.as_str()];
        let answer = connection.request(Method::GET, &path, format!("read session {session}")).send().await?;
        let found: Option<Vec<wire::SessionInfo>> = answer.json()?;
        Ok(found.unwrap_or_default().into_iter().next().map(|session| session.node))
    }

    fn connection(&self) -> Rc<Connection> {
        self.connection.borrow().clone()
    }

    /// Tells what makes no sense below a prefix, unless the listing before had it too.
    fn tell(&self, prefix: &str, problems: BTreeSet<String>) {
        let mut told = self.told.borrow_mut();
        let before = told.entry(prefix.to_owned()).or_default();
        for problem in problems.difference(before) {
            tracing::warn!(prefix, "Consul listed something below {prefix} that makes no sense: {problem}");
        }
        *before = problems;
    }
}

/// Why a listed value cannot be read, where what the server said of it made no sense.
#[must_use]
pub fn unreadable(entry: &KvEntry) -> Option<&str> {
    wire::unreadable(&entry.value)
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
    async fn transact(
        &self,
        operations: &serde_json::Value,
        call: String,
        outcome: impl Fn(wire::Transaction) -> Result<WriteOutcome, wire::Odd>,
    ) -> Result<WriteOutcome, PortError> {
        let put = self.request(Method::PUT, &["v1", "txn"], call).accept(&[409]);
        let answer = put.json(operations)?.send().await?;
        outcome(answer.json()?).map_err(|problem| answer.error(problem.kind, problem.message))
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
        let answer = put.json(&body)?.send().await?;
        let created: wire::Session = answer.json()?;
        if created.id.is_empty() {
            return Err(answer.error(ErrorKind::Unreachable, "Consul made a session and did not say which"));
        }
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
        let found = entries(&answer)?;
        let holder = found.first().map_or(Ok(None), wire::Entry::holder);
        let holder = holder.map_err(|problem| answer.error(ErrorKind::Other, problem))?;
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
        let (mut listed, mut problems) = (Vec::new(), BTreeSet::new());
        for entry in entries(&answer)? {
            listed.push(entry.into_domain().unwrap_or_else(|nonsense| {
                problems.insert(nonsense.problem.clone());
                nonsense.into_unreadable()
            }));
        }
        self.tell(prefix, problems);
        listed.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(Indexed { index: answer.index(), value: listed })
    }

    async fn write(&self, write: &Write) -> Result<WriteOutcome, PortError> {
        let outcome = |answer: wire::Transaction| answer.into_written(&write.key);
        self.connection().transact(&wire::guarded_write(write), format!("write {}", write.key), outcome).await
    }

    async fn delete(&self, deletion: &Deletion) -> Result<WriteOutcome, PortError> {
        let call = format!("delete {}", deletion.key);
        self.connection().transact(&wire::guarded_deletion(deletion), call, wire::Transaction::into_removed).await
    }
}

/// The entries of an answer; none where there is no such key.
fn entries(answer: &Answer) -> Result<Vec<wire::Entry>, PortError> {
    if answer.status == 404 { Ok(Vec::new()) } else { answer.json() }
}
