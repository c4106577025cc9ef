//! Keys, and their locks.

use hyper::Method;
use replicator::domain::SessionId;
use serde_json::json;

use super::super::Shared;
use super::super::exchange::{Asked, Reply};
use super::{check_id, not_allowed, number, with_index};
use crate::world::api::KvCondition;
use crate::world::{Topic, World};

/// The largest value of a key, bytes.
const LARGEST_VALUE: usize = 512 * 1024;

/// Answers a request about a key. One that begins with a slash is elsewhere.
pub(super) async fn answer(shared: &Shared, asked: &Asked, path: &[&str]) -> Result<Reply, Reply> {
    if let ["", rest @ ..] = path
        && !rest.is_empty()
    {
        let rest = asked.target().trim_start_matches("/v1/kv").trim_start_matches('/');
        return Ok(Reply::bare(301).with("location", format_args!("/v1/kv/{rest}{}", asked.query_text())));
    }
    let key = path.join("/");
    if key.is_empty() && asked.method != Method::GET && !asked.is_set("recurse") {
        return Err(Reply::text(400, "Missing key name"));
    }
    let given: Vec<String> = ["cas", "acquire", "release"]
        .iter()
        .filter_map(|flag| Some(format!("{flag}={}", asked.query.get(*flag)?)))
        .collect();
    if given.len() > 1 {
        return Err(Reply::text(400, format!("Conflicting flags: {}", given.join("&"))));
    }
    match asked.method {
        Method::GET => read(shared, asked, &key).await,
        Method::PUT => put(shared, asked, &key),
        Method::DELETE => {
            let index = number(asked, "cas")?;
            Ok(Reply::json(shared.world().kv_delete(&key, asked.is_set("recurse"), index)))
        }
        _ => Err(not_allowed(asked, "OPTIONS,GET,PUT,DELETE")),
    }
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
    Ok(Reply::json(written))
}
