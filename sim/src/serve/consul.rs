//! Consul's API, version 1.8: keys, locks, sessions, transactions.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
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
        ["txn"] if asked.method == Method::PUT => transact(shared, &asked.json::<Vec<Operation>>()?),
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

/// Carries out all operations, or none: those that only look come first in the check of all.
fn transact(shared: &Shared, operations: &[Operation]) -> Result<Reply, Reply> {
    let mut world = shared.world();
    let mut errors = Vec::new();
    let mut writes = Vec::new();
    for (number, operation) in operations.iter().enumerate() {
        let Some(kv) = &operation.kv else { return Err(Reply::not_modelled("transactions of other things than keys")) };
        let present = world.kv_page(&kv.key, false);
        let index = present.first().and_then(|entry| entry["ModifyIndex"].as_u64()).unwrap_or(0);
        let value = || {
            STANDARD
                .decode(kv.value.as_deref().unwrap_or_default())
                .map_err(|error| Reply::text(400, error.to_string()))
        };
        let failed = match kv.verb.as_str() {
            "check-session" if present.is_empty() => {
                Some(format!("failed to check session, key {:?} doesn't exist", kv.key))
            }
            "check-session" if !world.holds_lock(&kv.key, &SessionId::from(kv.session.as_str())) => {
                let holder = present.first().and_then(|entry| entry["Session"].as_str()).unwrap_or_default();
                let words = format!(
                    "failed session check for key {:?}, current session {holder:?} != {:?}",
                    kv.key, kv.session
                );
                Some(words)
            }
            "check-index" | "cas" if index != kv.index => {
                Some(format!("failed to set key {:?}, index is stale", kv.key))
            }
            "check-session" | "check-index" => None,
            "cas" | "set" => {
                writes.push((kv.key.clone(), value()?));
                None
            }
            other => return Err(Reply::not_modelled(&format!("the verb {other:?} in a transaction"))),
        };
        errors.extend(failed.map(|what| json!({"OpIndex": number, "What": what})));
    }
    if !errors.is_empty() {
        return Ok(Reply::json(json!({"Results": null, "Errors": errors})).status(409));
    }
    let mut results = Vec::new();
    for (key, value) in writes {
        world.kv_put(&key, value, 0, &KvCondition::Always);
        let mut entries = world.kv_page(&key, false);
        if let Some(entry) = entries.first_mut() {
            entry["Value"] = Value::Null;
        }
        results.extend(entries.into_iter().map(|entry| json!({"KV": entry})));
    }
    Ok(with_index(Reply::json(json!({"Results": results, "Errors": null})), world.consul_index()))
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
