//! Sessions.

use std::time::Duration;

use hyper::Method;
use replicator::domain::SessionId;
use replicator::ports::SessionRequest;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Shared;
use super::super::exchange::{Asked, Reply};
use super::{NODE, check_id, not_allowed, with_index};
use crate::world::{Topic, World};

/// The shortest TTL, and the longest.
const TTLS: std::ops::RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_secs(86_400);
/// Where a session does not say.
const USUAL_LOCK_DELAY: Duration = Duration::from_secs(15);

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct SessionBody {
    name: String,
    #[serde(rename = "TTL")]
    ttl: Option<String>,
    lock_delay: Option<Value>,
    behavior: String,
}

/// Answers a request about sessions.
pub(super) async fn answer(shared: &Shared, asked: &Asked, path: &[&str]) -> Result<Reply, Reply> {
    match *path {
        ["create" | "renew" | "destroy", ..] if asked.method != Method::PUT => Err(not_allowed(asked, "OPTIONS,PUT")),
        ["create"] => create_session(shared, asked),
        ["list"] | ["node", NODE] => {
            waited(shared, asked).await?;
            Ok(sessions(shared, None))
        }
        ["node", _] => Ok(with_index(Reply::json(json!([])), 1)),
        ["info", id] => {
            waited(shared, asked).await?;
            info(shared, &id.into())
        }
        ["renew", id] => renew(shared, &id.into()),
        ["destroy", id] => {
            let id = id.into();
            check_id(&id)?;
            shared.world().destroy_session(&id);
            Ok(Reply::json(true))
        }
        [verb, _] => Err(Reply::not_modelled(&format!("/v1/session/{verb}"))),
        _ => Err(Reply::bare(404)),
    }
}

/// Waits for something to change in Consul.
async fn waited(shared: &Shared, asked: &Asked) -> Result<(), Reply> {
    shared.blocking(asked, &[Topic::Consul], World::consul_index).await
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
        // A number that small is meant as seconds.
        Some(number) => match number.as_u64().unwrap_or_default() {
            seconds @ ..1000 => Duration::from_secs(seconds),
            nanoseconds => Duration::from_nanos(nanoseconds),
        },
    };
    let deletes = match body.behavior.as_str() {
        "" | "release" => false,
        "delete" => true,
        other => return Err(Reply::text(500, format!("Invalid Behavior setting '{other}'"))),
    };
    let in_world = |real: Duration| Duration::from_millis(shared.span(real).0);
    let ttl = in_world(ttl.unwrap_or_default());
    let request = SessionRequest { name: body.name, ttl, lock_delay: in_world(lock_delay) };
    let id = shared.world().new_session(&request, body.ttl.unwrap_or_default(), deletes);
    Ok(Reply::json(json!({"ID": id})))
}

/// A body that makes no sense, in Consul's words.
fn undecoded(problem: &str) -> Reply {
    Reply::text(400, format!("Request decode failed: {problem}"))
}

fn info(shared: &Shared, id: &SessionId) -> Result<Reply, Reply> {
    // A look-up that comes to nothing tells its index, too.
    check_id(id).map_err(|reply| {
        reply.with("x-consul-index", 1).with("x-consul-knownleader", false).with("x-consul-lastcontact", 0)
    })?;
    Ok(sessions(shared, Some(id)))
}

fn renew(shared: &Shared, id: &SessionId) -> Result<Reply, Reply> {
    check_id(id)?;
    let mut world = shared.world();
    if !world.renew_session(id) {
        return Err(Reply::text(404, format!("Session id '{id}' not found")));
    }
    Ok(Reply::json(world.sessions_page(Some(id), shared.options.speed)))
}

fn sessions(shared: &Shared, id: Option<&SessionId>) -> Reply {
    let world = shared.world.borrow();
    let page = world.sessions_page(id, shared.options.speed);
    with_index(Reply::json(page), world.consul_index())
}
