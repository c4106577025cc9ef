//! Consul's keys and sessions.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use replicator::domain::SessionId;
use replicator::ports::SessionRequest;
use serde_json::{Value, json};

use crate::kernel::time::Millis;
use crate::world::World;
use crate::world::consul::{Key, Session};

/// On what a write of a key depends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KvCondition {
    /// On nothing.
    Always,
    /// That its modify index is still this; 0: that it is not there.
    Index(u64),
    /// That this session gets its lock.
    Acquire(SessionId),
    /// That this session holds its lock, which it gives up.
    Release(SessionId),
}

impl World {
    /// The index of one key, or of all below a prefix: it moves when a blocking query on it is to come back.
    pub(crate) fn kv_index(&self, key: &str, recurse: bool) -> u64 {
        let found = if recurse {
            self.consul.below(key).map(|(_, key)| key.modify_index).max()
        } else {
            self.consul.keys.get(key).map(|key| key.modify_index)
        };
        found.map_or(self.consul.index, |index| index.max(if recurse { self.consul.deleted } else { 0 }))
    }

    /// The entries of a key, or of all below a prefix.
    pub(crate) fn kv_page(&self, key: &str, recurse: bool) -> Vec<Value> {
        let entries = self.consul.below(key).filter(|(name, _)| recurse || *name == key);
        entries.map(|(name, entry)| kv_entry(name, entry)).collect()
    }

    /// The value of a key.
    pub(crate) fn kv_raw(&self, key: &str) -> Option<Vec<u8>> {
        self.consul.keys.get(key).map(|entry| entry.value.clone())
    }

    /// The names below a prefix, up to and with the next separator.
    pub(crate) fn kv_names(&self, prefix: &str, separator: &str) -> Vec<String> {
        let cut = |name: &String| match name[prefix.len()..].find(separator) {
            Some(end) if !separator.is_empty() => name[..prefix.len() + end + separator.len()].to_owned(),
            _ => name.clone(),
        };
        let mut names: Vec<String> = self.consul.below(prefix).map(|(name, _)| cut(name)).collect();
        names.dedup();
        names
    }

    /// Writes a key. Whether its condition held; nothing where it names a session that there is not.
    pub(crate) fn kv_put(&mut self, name: &str, value: Vec<u8>, flags: u64, condition: &KvCondition) -> Option<bool> {
        let present = self.consul.keys.get(name);
        let holds = match condition {
            KvCondition::Always => true,
            KvCondition::Index(index) => present.map_or(0, |key| key.modify_index) == *index,
            KvCondition::Acquire(session) => self.may_hold(name, session)?,
            KvCondition::Release(session) => self.consul.holder(name) == Some(session),
        };
        if holds {
            self.write_key(name, value, flags, condition);
        }
        Some(holds)
    }

    fn write_key(&mut self, name: &str, value: Vec<u8>, flags: u64, condition: &KvCondition) {
        let mut key = self.consul.keys.get(name).cloned().unwrap_or_default();
        (key.value, key.flags) = (value, flags);
        match condition {
            KvCondition::Acquire(session) => key.take(session),
            KvCondition::Release(_) => key.holder = None,
            // A write that has nothing to do with the lock leaves its holder, and forgets how often it was taken.
            KvCondition::Always | KvCondition::Index(_) => key.lock_index = 0,
        }
        // What changes nothing moves no index.
        if self.consul.keys.get(name) != Some(&key) {
            self.note_state(name, &key.value);
            self.change_key(name, |present| {
                let (create_index, modify_index) = (present.create_index, present.modify_index);
                *present = Key { create_index, modify_index, ..key };
            });
        }
    }

    /// Deletes a key, or all below a prefix. Whether its condition held.
    pub(crate) fn kv_delete(&mut self, name: &str, recurse: bool, index: Option<u64>) -> bool {
        let present = self.consul.keys.get(name).map_or(0, |key| key.modify_index);
        // What is not there is deleted, whatever its index.
        if index.is_some_and(|index| present != 0 && index != present) {
            return false;
        }
        let gone: Vec<String> =
            self.consul.below(name).map(|(found, _)| found.clone()).filter(|found| recurse || found == name).collect();
        for key in gone {
            self.delete_key(&key);
        }
        true
    }

    /// `PUT /v1/session/create`.
    pub(crate) fn new_session(&mut self, request: &SessionRequest, ttl: String, deletes: bool) -> SessionId {
        let id = self.make_session(request);
        if let Some(session) = self.consul.sessions.get_mut(&id) {
            session.deletes = deletes;
            if ttl.is_empty() {
                // It has no end.
                session.expires = Millis(u64::MAX);
            }
            session.ttl_text = ttl;
        }
        id
    }

    /// `GET /v1/session/info/ID` and `/list`. `speed` turns the world's time into the client's.
    pub(crate) fn sessions_page(&self, id: Option<&SessionId>, speed: u64) -> Vec<Value> {
        let wanted = self.consul.sessions.iter().filter(|(found, _)| id.is_none_or(|id| *found == id));
        wanted.map(|(id, session)| session_entry(id, session, speed)).collect()
    }

    pub(crate) fn consul_index(&self) -> u64 {
        self.consul.index
    }
}

fn kv_entry(name: &str, entry: &Key) -> Value {
    let value = if entry.value.is_empty() { Value::Null } else { STANDARD.encode(&entry.value).into() };
    let mut page = json!({
        "LockIndex": entry.lock_index, "Key": name, "Flags": entry.flags, "Value": value,
        "CreateIndex": entry.create_index, "ModifyIndex": entry.modify_index,
    });
    // A field that there is only while somebody holds the lock.
    if let Some(holder) = &entry.holder {
        page["Session"] = holder.as_str().into();
    }
    page
}

fn session_entry(id: &SessionId, session: &Session, speed: u64) -> Value {
    let real = |span: Millis| span.0 / speed.max(1);
    json!({
        "ID": id, "Name": session.name, "Node": "testbed", "LockDelay": real(session.lock_delay).saturating_mul(1_000_000),
        "Behavior": if session.deletes { "delete" } else { "release" }, "TTL": session.ttl_text, "NodeChecks": ["serfHealth"],
        "ServiceChecks": null, "CreateIndex": session.create_index, "ModifyIndex": session.create_index,
    })
}
