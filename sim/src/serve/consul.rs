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

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct SessionBody {
    name: String,
    #[serde(rename = "TTL")]
    ttl: Option<String>,
    lock_delay: Option<Value>,
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
    if let Some(token) = &shared.options.consul_token {
        let bearer = asked.header("authorization").strip_prefix("Bearer ").unwrap_or_default();
        let given = [asked.header("x-consul-token"), bearer, asked.param("token")];
        let given = given.into_iter().find(|given| !given.is_empty());
        if given != Some(token) {
            return Reply::text(403, if given.is_none() { "Permission denied" } else { "ACL not found" });
        }
    }
    route(shared, asked).await.unwrap_or_else(|reply| reply)
}

async fn route(shared: &Shared, asked: &Asked) -> Result<Reply, Reply> {
    let path = asked.segments();
    match path.as_slice() {
        ["v1", "kv", key @ ..] => {
            let key = key.join("/");
            match asked.method {
                Method::GET => read(shared, asked, &key).await,
                Method::PUT => put(shared, asked, &key),
                Method::DELETE => {
                    let index = number(asked, "cas")?;
                    Ok(Reply::json(&shared.world().kv_delete(&key, asked.is_set("recurse"), index).into()))
                }
                _ => Err(Reply::text(405, format!("method {} not allowed", asked.method))),
            }
        }
        ["v1", "txn"] if asked.method == Method::PUT => transact(shared, &asked.json::<Vec<Operation>>()?),
        ["v1", "session", "create"] => create_session(shared, asked),
        ["v1", "session", verb, id] => session(shared, verb, id),
        ["v1", "session", "list"] => Ok(sessions(shared, None)),
        ["v1", "status", "leader"] => Ok(Reply::json(&json!("127.0.0.1:8300"))),
        ["v1", "status", "peers"] => Ok(Reply::json(&json!(["127.0.0.1:8300"]))),
        ["v1", "agent", "self"] => {
            let config = json!({
                "Datacenter": "dc1", "NodeName": "testbed", "NodeID": "00000000-0000-4000-8000-000000000000",
                "Revision": "", "Server": true, "Version": "1.8.7",
            });
            Ok(Reply::json(&json!({"Config": config})))
        }
        _ => Err(Reply::not_modelled(&format!("{} {}", asked.method, asked.target()))),
    }
}

fn with_index(reply: Reply, index: u64) -> Reply {
    reply.with("x-consul-index", index.max(1)).with("x-consul-knownleader", true).with("x-consul-lastcontact", 0)
}

async fn read(shared: &Shared, asked: &Asked, key: &str) -> Result<Reply, Reply> {
    let recurse = asked.is_set("recurse") || asked.is_set("keys");
    let index = |world: &World| world.kv_index(key, recurse);
    shared.blocking(asked, Topic::Consul, index).await?;
    let world = shared.world.borrow();
    let reply = if asked.is_set("keys") {
        let names = world.kv_names(key, asked.param("separator"));
        if names.is_empty() { Reply::text(404, "") } else { Reply::json(&json!(names)) }
    } else if asked.is_set("raw") {
        world.kv_raw(key).map_or_else(|| Reply::text(404, ""), Reply::bytes)
    } else {
        let entries = world.kv_page(key, recurse);
        if entries.is_empty() { Reply::text(404, "") } else { Reply::json(&entries.into()) }
    };
    Ok(with_index(reply, index(&world)))
}

fn number(asked: &Asked, name: &str) -> Result<Option<u64>, Reply> {
    match asked.query.get(name) {
        None => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| Reply::text(400, format!("Invalid {name}"))),
    }
}

fn put(shared: &Shared, asked: &Asked, key: &str) -> Result<Reply, Reply> {
    if asked.body.len() > LARGEST_VALUE {
        let words = format!("Request body({} bytes) too large, max size: {LARGEST_VALUE} bytes.", asked.body.len());
        return Err(Reply::text(413, words));
    }
    let session = |name: &str| asked.query.get(name).map(|id| SessionId::from(id.as_str()));
    let condition = match (session("acquire"), session("release"), number(asked, "cas")?) {
        (Some(session), ..) => KvCondition::Acquire(session),
        (None, Some(session), _) => KvCondition::Release(session),
        (None, None, Some(index)) => KvCondition::Index(index),
        (None, None, None) => KvCondition::Always,
    };
    let flags = number(asked, "flags")?.unwrap_or(0);
    let written = shared.world().kv_put(key, asked.body.to_vec(), flags, &condition);
    let written = written.ok_or_else(|| {
        let named = session("acquire").map(|id| id.to_string()).unwrap_or_default();
        Reply::text(500, format!("invalid session {named:?}"))
    })?;
    Ok(Reply::json(&written.into()))
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
                Some(format!("failed session check for key {:?}, current session is not {:?}", kv.key, kv.session))
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
        return Ok(Reply::json(&json!({"Results": null, "Errors": errors})).status(409));
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
    Ok(with_index(Reply::json(&json!({"Results": results, "Errors": null})), world.consul_index()))
}

fn create_session(shared: &Shared, asked: &Asked) -> Result<Reply, Reply> {
    if asked.method != Method::PUT {
        return Err(Reply::text(405, format!("method {} not allowed", asked.method)));
    }
    let body: SessionBody = if asked.body.is_empty() { SessionBody::default() } else { asked.json()? };
    let span = |text: &str| {
        humantime::parse_duration(text)
            .map_err(|_| Reply::text(400, format!("Request decode failed: invalid duration {text:?}")))
    };
    let ttl = body.ttl.as_deref().filter(|ttl| !ttl.is_empty()).map(span).transpose()?;
    if let Some(ttl) = ttl.filter(|ttl| !TTLS.contains(ttl)) {
        let words = format!("Invalid Session TTL '{}', must be between [10s=24h0m0s]", ttl.as_nanos());
        return Err(Reply::text(500, words));
    }
    let lock_delay = match body.lock_delay {
        None | Some(Value::Null) => USUAL_LOCK_DELAY,
        Some(Value::String(text)) => span(&text)?,
        Some(number) => Duration::from_nanos(number.as_u64().unwrap_or_default()),
    };
    let (ttl, lock_delay) = (ttl.unwrap_or(USUAL_TTL), lock_delay);
    let in_world = |real: Duration| Duration::from_millis(shared.span(real).0);
    let request = SessionRequest { name: body.name, ttl: in_world(ttl), lock_delay: in_world(lock_delay) };
    let id = shared.world().new_session(&request);
    Ok(Reply::json(&json!({"ID": id})))
}

fn session(shared: &Shared, verb: &str, id: &str) -> Result<Reply, Reply> {
    let id = SessionId::from(id);
    match verb {
        "renew" if !shared.world().keep_session(&id) => Err(Reply::text(404, format!("Session id '{id}' not found"))),
        "renew" | "info" => Ok(sessions(shared, Some(&id))),
        "destroy" => {
            shared.world().end_session(&id);
            Ok(Reply::json(&true.into()))
        }
        _ => Err(Reply::not_modelled(&format!("/v1/session/{verb}"))),
    }
}

fn sessions(shared: &Shared, id: Option<&SessionId>) -> Reply {
    let world = shared.world.borrow();
    let page = world.sessions_page(id, shared.options.speed);
    with_index(Reply::json(&page.into()), world.consul_index())
}
