//! Consul's JSON, translated.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::ports::{Deletion, ErrorKind, Guard, KvEntry, Write, WriteOutcome};

#[derive(Debug, Deserialize)]
pub(super) struct Session {
    #[serde(rename = "ID")]
    pub(super) id: String,
}

/// A key with its value and lock.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Entry {
    key: String,
    /// An empty value is `null`.
    value: Option<String>,
    /// There is none while nobody holds the lock.
    pub(super) session: Option<String>,
    modify_index: u64,
}

impl Entry {
    pub(super) fn into_domain(self) -> Result<KvEntry, String> {
        let value = STANDARD.decode(self.value.unwrap_or_default());
        let value = value.map_err(|error| format!("the value of {} is not base64: {error}", self.key))?;
        Ok(KvEntry { key: self.key, value, modify_index: self.modify_index })
    }
}

/// The operations of a write that is only made while the guard's lock is held and the key unchanged (S3). The order
/// matters: it tells which of the two failed.
pub(super) fn guarded_write(write: &Write) -> Value {
    json!([
        check(&write.guard),
        {
            "KV": {
                "Verb": "cas",
                "Key": write.key,
                "Value": STANDARD.encode(&write.value),
                "Index": write.expected_index,
            }
        },
    ])
}

/// The operations of a removal under the same conditions.
pub(super) fn guarded_deletion(deletion: &Deletion) -> Value {
    json!([
        check(&deletion.guard),
        { "KV": { "Verb": "delete-cas", "Key": deletion.key, "Index": deletion.expected_index } },
    ])
}

fn check(guard: &Guard) -> Value {
    json!({ "KV": { "Verb": "check-session", "Key": guard.key, "Session": guard.session } })
}

/// The answer to a transaction.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Transaction {
    #[serde(default)]
    results: Option<Vec<Done>>,
    #[serde(default)]
    errors: Option<Vec<Failed>>,
}

#[derive(Debug, Deserialize)]
struct Done {
    #[serde(rename = "KV")]
    kv: Option<Written>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Written {
    modify_index: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Failed {
    op_index: usize,
    what: String,
}

/// A transaction that failed for another reason than those which the core knows.
#[derive(Debug)]
pub(super) struct Odd {
    pub(super) kind: ErrorKind,
    pub(super) message: String,
}

impl Transaction {
    pub(super) fn into_outcome(self) -> Result<WriteOutcome, Odd> {
        let Some(failed) = self.errors.unwrap_or_default().into_iter().min_by_key(|failed| failed.op_index) else {
            let written = self.results.unwrap_or_default().into_iter().filter_map(|done| done.kv).next_back();
            let message = || "Consul took the write and did not say at which index".to_owned();
            let written = written.ok_or_else(|| Odd { kind: ErrorKind::Unreachable, message: message() })?;
            return Ok(WriteOutcome::Written(written.modify_index));
        };
        let says = |word: &str| failed.what.to_lowercase().contains(word);
        match failed.op_index {
            _ if says("permission denied") => Err(Odd { kind: ErrorKind::Denied, message: failed.what }),
            0 if says("session") => Ok(WriteOutcome::LockLost),
            1 if says("index") => Ok(WriteOutcome::Changed),
            _ => Err(Odd { kind: ErrorKind::Other, message: failed.what }),
        }
    }
}
