//! Consul's JSON, translated.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::ports::{Deletion, ErrorKind, Guard, KvEntry, Write, WriteOutcome};

/// What some editors put before a text: it says that UTF-8 follows, and nothing else.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[derive(Debug, Deserialize)]
pub(super) struct Session {
    #[serde(rename = "ID")]
    pub(super) id: String,
}

/// What is told of a session.
#[derive(Debug, Deserialize)]
pub(super) struct SessionInfo {
    #[serde(rename = "Node", default)]
    pub(super) node: String,
}

/// A key with its value and lock. Each is read by itself, so that one which makes no sense hides no other.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Entry(Value);

/// An entry that makes no sense.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Nonsense {
    /// Which key it is about, where it says so.
    key: Option<String>,
    modify_index: u64,
    /// What makes no sense, in words that name the key.
    pub(super) problem: String,
}

/// How the value of a nonsensical entry begins. Nothing that begins so is JSON, so whoever reads it finds it unreadable.
const UNREADABLE: &str = "unreadable: ";

impl Entry {
    /// The session that holds the lock. There is none while nobody does.
    pub(super) fn holder(&self) -> Result<Option<&str>, String> {
        match self.0.get("Session") {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(session)) => Ok(Some(session.as_str()).filter(|session| !session.is_empty())),
            Some(other) => Err(format!("Session is {other}, which is no session")),
        }
    }

    pub(super) fn into_domain(self) -> Result<KvEntry, Nonsense> {
        let key = self.0.get("Key").and_then(Value::as_str).filter(|key| !key.is_empty());
        let modify_index = self.0.get("ModifyIndex").and_then(Value::as_u64).unwrap_or(0);
        let nonsense = |problem| Nonsense { key: key.map(str::to_owned), modify_index, problem };
        let key = key.ok_or_else(|| nonsense("an entry has no Key".to_owned()))?;
        // A write that expected the index 0 would be one of a key that there is not.
        if modify_index == 0 {
            let found = self.0.get("ModifyIndex").unwrap_or(&Value::Null);
            return Err(nonsense(format!("the ModifyIndex of {key} is {found}")));
        }
        let value = self.value().map_err(|problem| nonsense(format!("the value of {key} {problem}")))?;
        Ok(KvEntry { key: key.to_owned(), value, modify_index })
    }

    /// The value, without the byte order mark that some editors put before a text. An empty one is `null`.
    fn value(&self) -> Result<Vec<u8>, String> {
        let text = match self.0.get("Value") {
            None | Some(Value::Null) => "",
            Some(Value::String(text)) => text,
            Some(other) => return Err(format!("is {other}, not base64")),
        };
        let value = STANDARD.decode(text).map_err(|error| format!("is not base64: {error}"))?;
        Ok(value.strip_prefix(BYTE_ORDER_MARK).map(<[u8]>::to_vec).unwrap_or(value))
    }
}

impl Nonsense {
    /// An entry that is there and cannot be read. Left out, it would pass for a key that there is not (S4).
    pub(super) fn into_unreadable(self) -> KvEntry {
        let value = format!("{UNREADABLE}{}", self.problem).into_bytes();
        let key = self.key.unwrap_or_else(|| "(no key)".to_owned());
        KvEntry { key, value, modify_index: self.modify_index }
    }
}

/// Why a listed value cannot be read, where that is so whatever was written.
pub(super) fn unreadable(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok()?.strip_prefix(UNREADABLE)
}

/// The operations of a write that is only made while the guard's lock is held and the key unchanged (S3). The order
/// matters: it tells which of the two failed.
pub(super) fn guarded_write(write: &Write) -> Value {
    let change = json!({
        "KV": {
            "Verb": "cas",
            "Key": write.key,
            "Value": STANDARD.encode(&write.value),
            "Index": write.expected_index,
        }
    });
    // Last, so that what fails is told by its place.
    let notes = write
        .notes
        .iter()
        .map(|note| json!({ "KV": { "Verb": "set", "Key": note.key, "Value": STANDARD.encode(&note.value) } }));
    [check(&write.guard), change].into_iter().chain(notes).collect()
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
    #[serde(default)]
    key: String,
    #[serde(default)]
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
    /// What became of a write of this key.
    pub(super) fn into_written(self, key: &str) -> Result<WriteOutcome, Odd> {
        if let Some(failed) = self.failure()? {
            return Ok(failed);
        }
        let index = self.done().find(|written| written.key == key).map_or(0, |written| written.modify_index);
        let message = || "Consul took the write and did not say at which index".to_owned();
        if index == 0 {
            return Err(Odd { kind: ErrorKind::Unreachable, message: message() });
        }
        Ok(WriteOutcome::Written(index))
    }

    /// What became of a removal. A key that is gone has no index: Consul only answers the check of the lock.
    pub(super) fn into_removed(self) -> Result<WriteOutcome, Odd> {
        if let Some(failed) = self.failure()? {
            return Ok(failed);
        }
        let message = || "Consul did not say what it did".to_owned();
        self.done().next().ok_or_else(|| Odd { kind: ErrorKind::Unreachable, message: message() })?;
        Ok(WriteOutcome::Written(0))
    }

    fn done(&self) -> impl Iterator<Item = &Written> {
        self.results.iter().flatten().filter_map(|done| done.kv.as_ref())
    }

    /// The first operation that failed, where one did.
    fn failure(&self) -> Result<Option<WriteOutcome>, Odd> {
        let failures = self.errors.iter().flatten();
        let Some(failed) = failures.min_by_key(|failed| failed.op_index) else { return Ok(None) };
        let says = |word: &str| failed.what.to_lowercase().contains(word);
        match failed.op_index {
            _ if says("permission denied") => Err(Odd { kind: ErrorKind::Denied, message: failed.what.clone() }),
            0 if says("session") => Ok(Some(WriteOutcome::LockLost)),
            1 if says("index") => Ok(Some(WriteOutcome::Changed)),
            _ => Err(Odd { kind: ErrorKind::Other, message: failed.what.clone() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(entry: Value) -> Result<KvEntry, Nonsense> {
        Entry(entry).into_domain()
    }

    #[test]
    fn s4_an_entry_that_makes_no_sense_is_named_and_still_there() {
        let cases = [
            (json!({"Key": "a", "Value": "e30=", "ModifyIndex": 0}), "a", "the ModifyIndex of a is 0"),
            (json!({"Key": "a", "Value": "e30="}), "a", "the ModifyIndex of a is null"),
            (json!({"Key": "a", "Value": "e30=", "ModifyIndex": -1}), "a", "the ModifyIndex of a is -1"),
            (json!({"Key": "a", "Value": "e30=", "ModifyIndex": "7"}), "a", "the ModifyIndex of a is \"7\""),
            (
                json!({"Key": "a", "Value": "{}", "ModifyIndex": 7}),
                "a",
                "the value of a is not base64: Invalid symbol 123, offset 0.",
            ),
            (json!({"Key": "a", "Value": {}, "ModifyIndex": 7}), "a", "the value of a is {}, not base64"),
            (json!({"Value": "e30=", "ModifyIndex": 7}), "(no key)", "an entry has no Key"),
            (json!({"Key": "", "ModifyIndex": 7}), "(no key)", "an entry has no Key"),
            (json!({"Key": 7, "ModifyIndex": 7}), "(no key)", "an entry has no Key"),
            (json!(null), "(no key)", "an entry has no Key"),
            (json!("e30="), "(no key)", "an entry has no Key"),
        ];
        for (entry, key, problem) in cases {
            let nonsense = read(entry).unwrap_err();
            assert_eq!(nonsense.problem, problem);
            let there = nonsense.into_unreadable();
            assert_eq!((there.key.as_str(), unreadable(&there.value)), (key, Some(problem)));
            assert!(crate::state::ResourceState::from_json(&there.value).is_err(), "nobody takes it for a state");
        }
    }

    #[test]
    fn empty_values_and_byte_order_marks_are_read() {
        let entry = |value: Value| read(json!({"Key": "a", "Value": value, "ModifyIndex": 7})).unwrap();
        assert_eq!((entry(json!(null)).value, entry(json!("")).value), (vec![], vec![]));
        assert_eq!(entry(STANDARD.encode("\u{feff}{}").into()).value, b"{}");
        assert_eq!(entry(STANDARD.encode("{}").into()).modify_index, 7);
        assert_eq!(read(json!({"Key": "a", "ModifyIndex": 7})).unwrap().value, b"", "no value is an empty one");
    }

    #[test]
    fn l1_a_lock_is_held_by_a_session_that_has_a_name() {
        for free in [json!({}), json!({"Session": null}), json!({"Session": ""})] {
            assert_eq!(Entry(free).holder(), Ok(None));
        }
        assert_eq!(Entry(json!({"Session": "s-1"})).holder(), Ok(Some("s-1")));
        assert_eq!(Entry(json!({"Session": 7})).holder(), Err("Session is 7, which is no session".to_owned()));
    }

    #[test]
    fn s3_a_write_is_believed_with_the_index_of_its_own_key() {
        let answered = |answer: Value| {
            let outcome = serde_json::from_value::<Transaction>(answer).unwrap().into_written("state");
            outcome.map_err(|odd| odd.kind)
        };
        let lock = json!({"KV": {"Key": "leader", "ModifyIndex": 52}});
        let state = |index: u64| json!({"KV": {"Key": "state", "ModifyIndex": index}});
        assert_eq!(answered(json!({"Results": [lock, state(53)]})), Ok(WriteOutcome::Written(53)));
        for odd in [
            json!({"Results": [lock]}),
            json!({"Results": [lock, state(0)]}),
            json!({"Results": [lock, {"KV": {"Key": "state"}}]}),
            json!({"Results": null, "Errors": []}),
            json!({}),
        ] {
            assert_eq!(answered(odd.clone()), Err(ErrorKind::Unreachable), "{odd}");
        }
    }

    #[test]
    fn a_removal_leaves_no_index() {
        let removed = |answer: Value| serde_json::from_value::<Transaction>(answer).unwrap().into_removed();
        let lock = json!({"KV": {"Key": "leader", "ModifyIndex": 52}});
        assert_eq!(removed(json!({"Results": [lock]})).unwrap(), WriteOutcome::Written(0));
        assert_eq!(removed(json!({})).unwrap_err().kind, ErrorKind::Unreachable);
        let stale = json!({"Errors": [{"OpIndex": 1, "What": "failed to delete key, index is stale"}]});
        assert_eq!(removed(stale).unwrap(), WriteOutcome::Changed);
    }
}
