//! Transactions: all of it, or nothing.

use base64::engine::general_purpose::STANDARD;
use base64::{DecodeError, Engine};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Shared;
use super::super::exchange::{Asked, Reply};
use crate::world::World;
use crate::world::api::KvCondition;

/// How many operations a transaction may have.
const MOST_OPERATIONS: usize = 64;

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

fn operations(asked: &Asked) -> Result<Vec<Operation>, Reply> {
    asked
        .json()
        .map_err(|reply| Reply::text(400, format!("Failed to parse body: {}", reply.words().unwrap_or_default())))
}

/// Carries out all operations, or none: those that only look come first in the check of all.
pub(super) fn carry_out(shared: &Shared, asked: &Asked) -> Result<Reply, Reply> {
    let operations = operations(asked)?;
    if operations.len() > MOST_OPERATIONS {
        let words = format!("Transaction contains too many operations ({} > {MOST_OPERATIONS})", operations.len());
        return Err(Reply::text(413, words));
    }
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
            if kv.is_deletion() {
                world.kv_delete(&kv.key, false, None);
                continue;
            }
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
            "cas" | "set" | "delete-cas" => Ok(true),
            "check-session" | "check-index" => Ok(false),
            other => Err(Reply::not_modelled(&format!("the verb {other:?} in a transaction"))),
        }
    }

    /// Whether it removes its key, of which nothing is told afterwards.
    fn is_deletion(&self) -> bool {
        self.verb == "delete-cas"
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
            ("delete-cas", index) if index.unwrap_or(0) != self.index => {
                Some(format!("failed to delete key {key:?}, index is stale"))
            }
            ("cas", index) if index.unwrap_or(0) != self.index => {
                Some(format!("failed to set key {key:?}, index is stale"))
            }
            _ => None,
        }
    }
}
