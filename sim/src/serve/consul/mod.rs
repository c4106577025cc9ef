//! Consul's API, version 1.8.
//!
//! - `keys`: keys and their locks; `sessions`; `transaction`.

mod keys;
mod sessions;
mod transaction;

use hyper::Method;
use replicator::domain::SessionId;
use serde_json::json;

use super::Shared;
use super::exchange::{Asked, Reply};

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

/// Answers one request.
pub(super) async fn answer(shared: &Shared, asked: &Asked) -> Reply {
    let path = asked.segments();
    let Some((&"v1", path)) = path.split_first() else { return Reply::bare(404) };
    match refusal(shared, asked, path).or_else(|| nonsense(asked)) {
        Some(reply) => reply,
        None => route(shared, asked, path).await.unwrap_or_else(|reply| reply),
    }
}

/// What Consul refuses of any request.
fn nonsense(asked: &Asked) -> Option<Reply> {
    if asked.is_set("stale") && asked.is_set("consistent") {
        return Some(Reply::text(400, "Cannot specify ?stale with ?consistent, conflicting semantics."));
    }
    (!matches!(asked.param("dc"), "" | "dc1")).then(|| Reply::text(500, "No path to datacenter"))
}

/// What a server without a leader says at once: it looks for one before it says anything else.
pub(super) fn without_leader(asked: &Asked) -> Option<Reply> {
    match asked.segments()[..] {
        ["v1", "status", "leader"] => Some(Reply::json("")),
        ["v1", "status", "peers"] => Some(Reply::json(json!([RPC]))),
        ["v1", "agent", "self"] => Some(agent_self()),
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
        ["kv", key @ ..] => keys::answer(shared, asked, key).await,
        ["txn"] if asked.method == Method::PUT => transaction::carry_out(shared, asked),
        ["session", path @ ..] => sessions::answer(shared, asked, path).await,
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

/// A parameter that is a number; nothing where it is not there.
fn number(asked: &Asked, name: &str) -> Result<Option<u64>, Reply> {
    let Some(text) = asked.query.get(name) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| Reply::text(500, format!("strconv.ParseUint: parsing {text:?}: invalid syntax")))
}

fn with_index(reply: Reply, index: u64) -> Reply {
    reply.with("x-consul-index", index.max(1)).with("x-consul-knownleader", true).with("x-consul-lastcontact", 0)
}

fn check_id(id: &SessionId) -> Result<(), Reply> {
    if id.as_str().len() == UUID {
        return Ok(());
    }
    Err(Reply::text(500, "failed session lookup: index error: UUID must be 36 characters"))
}
