//! Consul's API, version 1.8: keys, locks, sessions, transactions.

use std::time::Duration;

use base64::engine::general_purpose::STANDARD;
use base64::{DecodeError, Engine};
use hyper::Method;
use replicator::domain::SessionId;
use replicator::ports::SessionRequest;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::exchange::{Asked, Reply};
use crate::world::api::KvCondition;
use crate::world::{Topic, World};

/// The shortest TTL, and the longest.
const TTLS: std::ops::RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_secs(86_400);
/// Where a session does not say.
const USUAL_TTL: Duration = Duration::from_secs(86_400);
const USUAL_LOCK_DELAY: Duration = Duration::from_secs(15);
/// The largest value of a key, bytes.
const LARGEST_VALUE: usize = 512 * 1024;
/// The address of the one server.
const RPC: &str = "127.0.0.1:8300";
/// Its name.
const NODE: &str = "testbed";
/// The length of a session's ID.
const UUID: usize = 36;
/// The first part of every path that Consul has: others it has not heard of.
const KNOWN: [&str; 18] = [
    "acl",
    "agent",
    "catalog",
    "config",
    "connect",
    "coordinate",
    "discovery-chain",
    "event",
    "health",
    "internal",
    "kv",
    "operator",
    "query",
    "session",
    "snapshot",
    "status",
    "txn",
    "validate",
];

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct SessionBody {
    name: String,
    #[serde(rename = "TTL")]
    ttl: Option<String>,
    lock_delay: Option<Value>,
    behavior: String,
}

#[derive(Deserialize)]
struct Operation {
    #[serde(rename = "KV")]
    kv: Option<KvOperation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KvOperation {
    verb: String,
    key: String,
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    index: u64,
    #[serde(default)]
    session: String,
}

/// Answers one request.
pub(super) async fn answer(shared: &Shared, asked: &Asked) -> Reply {
    let path = asked.segments();
    let Some((&"v1", path)) = path.split_first() else { return Reply::bare(404) };
    match refusal(shared, asked, path) {
        Some(reply) => reply,
        None => route(shared, asked, path).await.unwrap_or_else(|reply| reply),
    }
}

/// What a server without a leader says at once: it looks for one before it says anything else.
pub(super) fn without_leader(asked: &Asked) -> Option<Reply> {
    match asked.segments()[..] {
        ["v1", "status", "leader"] => Some(Reply::json("")),
        ["v1", "status", "peers"] => Some(Reply::json(json!([RPC]))),
        ["v1", "agent", ..] => Some(agent_self()),
        _ => None,
    }
}

/// What somebody hears whose token is not the one that is taken. Without one, what may not be seen looks as if it were not
/// there.
fn refusal(shared: &Shared, asked: &Asked, path: &[&str]) -> Option<Reply> {
    let token = shared.options.consul_token.as_ref()?;
    let given = [asked.header("x-consul-token"), asked.bearer(), asked.param("token")];
    let given = given.into_iter().find(|given| !given.is_empty());
    if given == Some(token) {
        return None;
    }
    if given.is_some() {
        return Some(Reply::text(403, "ACL not found"));
    }
    let index = shared.world.borrow().consul_index();
    match path {
        ["status", ..] => None,
        ["kv", ..] if asked.method == Method::GET && (asked.is_set("recurse") || asked.is_set("keys")) => {
            Some(with_index(Reply::bare(404), 1))
        }
        ["session", "info" | "list" | "node", ..] => Some(with_index(Reply::json(json!([])), index)),
        _ => Some(Reply::text(403, "Permission denied")),
    }
}

async fn route(shared: &Shared, asked: &Asked, path: &[&str]) -> Result<Reply, Reply> {
    match path {
        ["kv", "", key @ ..] if !key.is_empty() => {
            let cleaned: Vec<&str> = key.iter().copied().filter(|part| !part.is_empty()).collect();
            Ok(Reply::bare(301).with("location", format_args!("/v1/kv/{}", cleaned.join("/"))))
        }
        ["kv", key @ ..] => {
            let key = key.join("/");
            match asked.method {
                Method::GET => read(shared, asked, &key).await,
                Method::PUT => put(shared, asked, &key),
                Method::DELETE => {
                    let index = asked.number("cas")?;
                    Ok(Reply::json(shared.world().kv_delete(&key, asked.is_set("recurse"), index)))
                }
                _ => Err(not_allowed(asked, "OPTIONS,GET,PUT,DELETE")),
            }
        }
        ["txn"] if asked.method == Method::PUT => transact(shared, &operations(asked)?),
        ["session", "create" | "renew" | "destroy", ..] if asked.method != Method::PUT => {
            Err(not_allowed(asked, "OPTIONS,PUT"))
        }
        ["session", "create"] => create_session(shared, asked),
        ["session", verb, id] => session(shared, verb, id),
        ["session", "list"] => Ok(sessions(shared, None)),
        ["status", "leader"] => Ok(Reply::json(RPC)),
        ["status", "peers"] => Ok(Reply::json(json!([RPC]))),
        ["agent", "self"] => Ok(agent_self()),
        [first, ..] if KNOWN.contains(first) => {
            Err(Reply::not_modelled(&format!("{} {}", asked.method, asked.target())))
        }
        _ => Err(Reply::bare(404)),
    }
}

fn not_allowed(asked: &Asked, allowed: &str) -> Reply {
    Reply::text(405, format!("method {} not allowed", asked.method)).with("allow", allowed)
}

fn agent_self() -> Reply {
    Reply::json(json!({
        "Config": {
            "Datacenter": "dc1", "NodeName": NODE, "NodeID": "00000000-0000-4000-8000-000000000000",
            "Revision": "", "Server": true, "Version": "1.8.7",
        },
        "Meta": {"consul-network-segment": ""},
    }))
}

fn with_index(reply: Reply, index: u64) -> Reply {
    reply.with("x-consul-index", index.max(1)).with("x-consul-knownleader", true).with("x-consul-lastcontact", 0)
}

async fn read(shared: &Shared, asked: &Asked, key: &str) -> Result<Reply, Reply> {
    let recurse = asked.is_set("recurse") || asked.is_set("keys");
    let index = |world: &World| world.kv_index(key, recurse);
    shared.blocking(asked, &[Topic::Consul], index).await?;
    let world = shared.world.borrow();
    let reply = if asked.is_set("keys") {
        let names = world.kv_names(key, asked.param("separator"));
        if names.is_empty() { Reply::bare(404) } else { Reply::json(json!(names)) }
    } else if asked.is_set("raw") {
        world.kv_raw(key).map_or_else(|| Reply::bare(404), Reply::raw)
    } else {
        let entries = world.kv_page(key, recurse);
        if entries.is_empty() { Reply::bare(404) } else { Reply::json(entries) }
    };
    Ok(with_index(reply, index(&world)))
}

fn put(shared: &Shared, asked: &Asked, key: &str) -> Result<Reply, Reply> {
    if asked.body.len() > LARGEST_VALUE {
        let words = format!(
            "Request body({} bytes) too large, max size: {LARGEST_VALUE} bytes. See \
             https://www.consul.io/docs/agent/options.html#kv_max_value_size.",
            asked.body.len()
        );
        return Err(Reply::text(413, words));
    }
    let session = |name: &str| asked.query.get(name).map(|id| SessionId::from(id.as_str()));
    if let Some(id) = session("acquire") {
        check_id(&id)?;
    }
    let condition = match (session("acquire"), session("release"), asked.number("cas")?) {
        (Some(session), ..) => KvCondition::Acquire(session),
        (None, Some(session), _) => KvCondition::Release(session),
        (None, None, Some(index)) => KvCondition::Index(index),
        (None, None, None) => KvCondition::Always,
    };
    let flags = asked.number("flags")?.unwrap_or(0);
    let written = shared.world().kv_put(key, asked.body.to_vec(), flags, &condition);
    let written = written.ok_or_else(|| {
        let named = session("acquire").map(|id| id.to_string()).unwrap_or_default();
        Reply::text(500, format!("invalid session {named:?}"))
    })?;
    Ok(Reply::json(written))
}

fn check_id(id: &SessionId) -> Result<(), Reply> {
    if id.as_str().len() == UUID {
        return Ok(());
    }
    Err(Reply::text(500, "failed session lookup: index error: UUID must be 36 characters"))
}

fn operations(asked: &Asked) -> Result<Vec<Operation>, Reply> {
    asked
        .json()
        .map_err(|reply| Reply::text(400, format!("Failed to parse body: {}", reply.words().unwrap_or_default())))
}

/// Carries out all operations, or none: those that only look come first in the check of all.
fn transact(shared: &Shared, operations: &[Operation]) -> Result<Reply, Reply> {
    let mut world = shared.world();
    let mut errors = Vec::new();
    let mut writes = 0_usize;
    for (number, operation) in operations.iter().enumerate() {
        let Some(kv) = &operation.kv else { return Err(Reply::not_modelled("transactions of other things than keys")) };
        if kv.is_write()? {
            kv.decoded()?;
            writes += 1;
        }
        errors.extend(kv.problem(&world).map(|what| json!({"OpIndex": number, "What": what})));
    }
    let mut results = Vec::new();
    for kv in operations.iter().filter_map(|operation| operation.kv.as_ref()).filter(|_| errors.is_empty()) {
        if kv.is_write()? {
            world.kv_put(&kv.key, kv.decoded()?, 0, &KvCondition::Always);
        }
        results.extend(world.kv_page(&kv.key, false).into_iter().map(|mut entry| {
            entry["Value"] = Value::Null;
            json!({"KV": entry})
        }));
    }
    let or_null = |list: Vec<Value>| if list.is_empty() { Value::Null } else { list.into() };
    let status = if errors.is_empty() { 200 } else { 409 };
    let mut page = json!({"Results": or_null(results), "Errors": or_null(errors)});
    if writes == 0 {
        // One that only looks tells how current its answer is.
        page["ConsistencyLevel"] = "".into();
        (page["Index"], page["KnownLeader"], page["LastContact"]) = (json!(0), json!(true), json!(0));
    }
    Ok(Reply::json(page).status(status))
}

impl KvOperation {
    /// Whether it changes something; a refusal where it is not modelled.
    fn is_write(&self) -> Result<bool, Reply> {
        match self.verb.as_str() {
            "cas" | "set" => Ok(true),
            "check-session" | "check-index" => Ok(false),
            other => Err(Reply::not_modelled(&format!("the verb {other:?} in a transaction"))),
        }
    }

    /// The value that it writes.
    fn decoded(&self) -> Result<Vec<u8>, Reply> {
        let text = self.value.as_deref().unwrap_or_default();
        STANDARD.decode(text).map_err(|error| {
            let at = match error {
                DecodeError::InvalidByte(at, _) | DecodeError::InvalidLastSymbol(at, _) => at,
                DecodeError::InvalidLength(_) | DecodeError::InvalidPadding => text.len(),
            };
            Reply::text(400, format!("Failed to parse body: illegal base64 data at input byte {at}"))
        })
    }

    /// What keeps it from being carried out, in Consul's words.
    fn problem(&self, world: &World) -> Option<String> {
        let key = &self.key;
        let present = world.kv_page(key, false);
        let index = present.first().and_then(|entry| entry["ModifyIndex"].as_u64());
        let holder = present.first().and_then(|entry| entry["Session"].as_str()).unwrap_or_default();
        match (self.verb.as_str(), index) {
            ("check-session", None) => Some(format!("failed to check session, key {key:?} doesn't exist")),
            ("check-session", Some(_)) if holder != self.session => {
                Some(format!("failed session check for key {key:?}, current session {holder:?} != {:?}", self.session))
            }
            ("check-index", None) => Some(format!("failed to check index, key {key:?} doesn't exist")),
            ("check-index", Some(index)) if index != self.index => {
                Some(format!("failed index check for key {key:?}, current modify index {index} != {}", self.index))
            }
            ("cas", index) if index.unwrap_or(0) != self.index => {
                Some(format!("failed to set key {key:?}, index is stale"))
            }
            _ => None,
        }
    }
}

fn create_session(shared: &Shared, asked: &Asked) -> Result<Reply, Reply> {
    let body: SessionBody = if asked.body.is_empty() {
        SessionBody::default()
    } else {
        asked.json().map_err(|reply| undecoded(&reply.words().unwrap_or_default()))?
    };
    let span = |text: &str| humantime::parse_duration(text).map_err(|_| format!("time: invalid duration {text:?}"));
    let ttl = body.ttl.as_deref().filter(|ttl| !ttl.is_empty());
    let ttl = ttl
        .map(|ttl| span(ttl).map_err(|problem| Reply::text(500, format!("Session TTL '{ttl}' invalid: {problem}"))))
        .transpose()?;
    if let Some(ttl) = ttl.filter(|ttl| !TTLS.contains(ttl)) {
        let words = format!("Invalid Session TTL '{}', must be between [10s=24h0m0s]", ttl.as_nanos());
        return Err(Reply::text(500, words));
    }
    let lock_delay = match body.lock_delay {
        None | Some(Value::Null) => USUAL_LOCK_DELAY,
        Some(Value::String(text)) => span(&text).map_err(|problem| undecoded(&problem))?,
        Some(number) => Duration::from_nanos(number.as_u64().unwrap_or_default()),
    };
    let deletes = match body.behavior.as_str() {
        "" | "release" => false,
        "delete" => true,
        other => return Err(Reply::text(500, format!("Invalid Behavior setting '{other}'"))),
    };
    let in_world = |real: Duration| Duration::from_millis(shared.span(real).0);
    let ttl = in_world(ttl.unwrap_or(USUAL_TTL));
    let request = SessionRequest { name: body.name, ttl, lock_delay: in_world(lock_delay) };
    let id = shared.world().new_session(&request, deletes);
    Ok(Reply::json(json!({"ID": id})))
}

/// A body that makes no sense, in Consul's words.
fn undecoded(problem: &str) -> Reply {
    Reply::text(400, format!("Request decode failed: {problem}"))
}

fn session(shared: &Shared, verb: &str, id: &str) -> Result<Reply, Reply> {
    if verb == "node" {
        return Ok(if id == NODE { sessions(shared, None) } else { with_index(Reply::json(json!([])), 1) });
    }
    let id = SessionId::from(id);
    if verb == "info" {
        let nothing = |reply: Reply| reply.with("x-consul-index", 1).with("x-consul-knownleader", false);
        check_id(&id).map_err(|reply| nothing(reply).with("x-consul-lastcontact", 0))?;
    }
    match verb {
        "renew" if !shared.world().keep_session(&id) => Err(Reply::text(404, format!("Session id '{id}' not found"))),
        "renew" => Ok(Reply::json(shared.world.borrow().sessions_page(Some(&id), shared.options.speed))),
        "info" => Ok(sessions(shared, Some(&id))),
        "destroy" => {
            shared.world().end_session(&id);
            Ok(Reply::json(true))
        }
        _ => Err(Reply::not_modelled(&format!("/v1/session/{verb}"))),
    }
}

fn sessions(shared: &Shared, id: Option<&SessionId>) -> Reply {
    let world = shared.world.borrow();
    let page = world.sessions_page(id, shared.options.speed);
    with_index(Reply::json(page), world.consul_index())
}
