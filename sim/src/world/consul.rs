//! The simulated Consul: sessions with TTL and lock delay, keys with indexes, locks.

use std::collections::BTreeMap;

use replicator::domain::SessionId;
use replicator::ports::{Deletion, Guard, KvEntry, LockState, SessionRequest, Write, WriteOutcome};
use replicator::state::{Failsafe, ResourceState, pool_policy_key};

use super::keys::Keys;
use super::nomad::uuid;
use super::{Happening, Topic, World};
use crate::judge::invariants::Act;
use crate::judge::record::Source;
use crate::kernel::keys::{leader, root, state_key, state_root};
use crate::kernel::time::Millis;
use crate::plan::{Delay, PolicyHome, Toggle};

/// Consul's tables.
pub(super) struct Consul {
    pub(super) index: u64,
    pub(super) sessions: BTreeMap<SessionId, Session>,
    sessions_made: usize,
    pub(super) keys: Keys,
    /// The index of the last deletion: what was deleted has no index of its own any more.
    pub(super) deleted: u64,
    /// Until when a key cannot be locked.
    delays: BTreeMap<String, Millis>,
}

pub(super) struct Session {
    pub(super) name: String,
    ttl: Millis,
    /// As it was written; empty where it has none.
    pub(super) ttl_text: String,
    pub(super) lock_delay: Millis,
    pub(super) create_index: u64,
    /// Whether the keys that it holds go with it.
    pub(super) deletes: bool,
    pub(super) expires: Millis,
}

#[derive(Default, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) value: Vec<u8>,
    pub(super) flags: u64,
    pub(super) create_index: u64,
    pub(super) modify_index: u64,
    /// How often it was locked.
    pub(super) lock_index: u64,
    pub(super) holder: Option<SessionId>,
}

impl Key {
    /// A session takes its lock, if it does not have it already.
    pub(super) fn take(&mut self, session: &SessionId) {
        if self.holder.as_ref() != Some(session) {
            self.holder = Some(session.clone());
            self.lock_index += 1;
        }
    }
}

impl Consul {
    pub(super) fn new() -> Self {
        Self {
            index: 10,
            sessions: BTreeMap::new(),
            sessions_made: 0,
            keys: Keys::default(),
            deleted: 0,
            delays: BTreeMap::new(),
        }
    }

    pub(super) fn holder(&self, key: &str) -> Option<&SessionId> {
        self.keys.get(key)?.holder.as_ref()
    }

    pub(super) fn lock_state(&self, key: &str) -> LockState {
        self.holder(key).map_or(LockState::Free, |holder| LockState::Held(holder.clone()))
    }

    /// The index of a key: that of its last change.
    pub(super) fn key_index(&self, key: &str) -> u64 {
        self.keys.get(key).map_or(1, |key| key.modify_index)
    }

    /// The index of a prefix: that of the last change below it.
    pub(super) fn prefix_index(&self, prefix: &str) -> u64 {
        self.below(prefix).map(|(_, key)| key.modify_index).max().unwrap_or(1)
    }

    pub(super) fn list(&self, prefix: &str) -> Vec<KvEntry> {
        let entry = |(key, entry): (&String, &Key)| KvEntry {
            key: key.clone(),
            value: entry.value.clone(),
            modify_index: entry.modify_index,
        };
        self.below(prefix).map(entry).collect()
    }

    pub(super) fn below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a String, &'a Key)> {
        self.keys.below(prefix)
    }

    fn guard_holds(&self, guard: &Guard) -> bool {
        self.holder(&guard.key) == Some(&guard.session)
    }
}

impl World {
    /// Whether this session holds the leader's lock, or another one does.
    pub(super) fn leader_session(&self) -> Option<&SessionId> {
        self.consul.holder(leader())
    }

    /// Makes a session of a simulated agent.
    pub(super) fn create_session(&mut self, agent: usize, request: &SessionRequest) -> SessionId {
        let id = self.make_session(request);
        self.agents[agent].session = Some(id.clone());
        id
    }

    /// Makes a session, whoever it is for.
    pub(super) fn make_session(&mut self, request: &SessionRequest) -> SessionId {
        self.consul.sessions_made += 1;
        let id = SessionId::from(uuid(5, self.consul.sessions_made));
        let ttl = Millis::from(request.ttl);
        self.consul.index += 1;
        let create_index = self.consul.index;
        let (name, lock_delay) = (request.name.clone(), request.lock_delay.into());
        let ttl_text = format!("{}s", request.ttl.as_secs());
        let session = Session { name, ttl, ttl_text, lock_delay, create_index, deletes: false, expires: Millis(0) };
        self.consul.sessions.insert(id.clone(), session);
        self.renew_session(&id);
        id
    }

    /// Whether there is such a session. Consul may keep a session up to twice its TTL.
    pub(crate) fn renew_session(&mut self, id: &SessionId) -> bool {
        let Some(session) = self.consul.sessions.get_mut(id) else { return false };
        if session.expires == Millis(u64::MAX) {
            return true;
        }
        let (min, max) = (session.ttl, session.ttl + session.ttl);
        session.expires = self.now + Delay::Uniform { min, max }.draw(&mut self.streams.session);
        let expires = session.expires;
        self.schedule(expires, Happening::SessionExpires(id.clone()));
        true
    }

    pub(super) fn session_expires(&mut self, id: &SessionId) {
        if self.consul.sessions.get(id).is_some_and(|session| session.expires <= self.now) {
            self.note(|| format!("session {id} expires"));
            self.destroy_session(id);
        }
    }

    /// Destroys a session: its locks are free, after their lock delay.
    pub(crate) fn destroy_session(&mut self, id: &SessionId) {
        let Some(session) = self.consul.sessions.remove(id) else { return };
        let until = self.now + session.lock_delay;
        let held = |(_, key): &(&String, &Key)| key.holder.as_ref() == Some(id);
        let freed: Vec<String> = self.consul.keys.iter().filter(held).map(|(name, _)| name.clone()).collect();
        for name in freed {
            self.consul.delays.insert(name.clone(), until);
            if session.deletes {
                self.delete_key(&name);
            } else {
                self.change_key(&name, |key| key.holder = None);
            }
        }
    }

    /// Whether a session has the lock of a key, or can have it now; nothing where there is no such session.
    pub(super) fn may_hold(&self, name: &str, session: &SessionId) -> Option<bool> {
        self.consul.sessions.get(session)?;
        Some(match self.consul.holder(name) {
            Some(holder) => holder == session,
            None => self.consul.delays.get(name).is_none_or(|until| self.now >= *until),
        })
    }

    /// Whether the session holds the lock now.
    pub(super) fn acquire(&mut self, name: &str, session: &SessionId) -> Option<bool> {
        let may = self.may_hold(name, session)?;
        if may && self.consul.holder(name) != Some(session) {
            self.change_key(name, |key| key.take(session));
        }
        Some(may)
    }

    pub(super) fn release(&mut self, name: &str, session: &SessionId) {
        if self.consul.holder(name) == Some(session) {
            self.change_key(name, |key| key.holder = None);
        }
    }

    /// A write of an agent: compare-and-set, and only while its guard holds.
    pub(super) fn write(&mut self, agent: usize, write: &Write) -> WriteOutcome {
        if !self.consul.guard_holds(&write.guard) {
            return WriteOutcome::LockLost;
        }
        let present = self.consul.keys.get(&write.key).map_or(0, |key| key.modify_index);
        if present != write.expected_index {
            self.act(&Act::WriteRefused { agent, key: &write.key });
            return WriteOutcome::Changed;
        }
        self.check_state_write(Source::Agent(agent), &write.key, &write.value);
        let value = write.value.clone();
        let index = self.change_key(&write.key, |key| key.value = value);
        for note in &write.notes {
            // Of the same transaction, and so of the same index.
            let value = note.value.clone();
            self.consul
                .keys
                .insert(note.key.clone(), Key { value, create_index: index, modify_index: index, ..Key::default() });
        }
        WriteOutcome::Written(index)
    }

    /// A removal by an agent, under the same conditions as a write.
    pub(super) fn delete(&mut self, deletion: &Deletion) -> WriteOutcome {
        if !self.consul.guard_holds(&deletion.guard) {
            return WriteOutcome::LockLost;
        }
        match self.consul.keys.get(&deletion.key) {
            Some(key) if key.modify_index == deletion.expected_index => {
                self.delete_key(&deletion.key);
                WriteOutcome::Written(self.consul.index)
            }
            _ => WriteOutcome::Changed,
        }
    }

    /// The resources' states, by their keys.
    pub(super) fn states(&self) -> impl Iterator<Item = (String, ResourceState)> {
        let below = self.consul.below(state_root());
        below.filter_map(|(key, entry)| Some((key.clone(), ResourceState::from_json(&entry.value).ok()?)))
    }

    /// Notes a state that somebody writes from outside the simulated agents.
    pub(super) fn note_state(&mut self, key: &str, value: &[u8]) {
        let before = self.consul.keys.get(key).and_then(|key| ResourceState::from_json(&key.value).ok());
        if key.starts_with(state_root())
            && let Ok(after) = ResourceState::from_json(value)
        {
            self.record.state(self.now, before.as_ref(), &after);
        }
    }

    fn check_state_write(&mut self, writer: Source, key: &str, value: &[u8]) {
        let before = self.consul.keys.get(key).and_then(|key| ResourceState::from_json(&key.value).ok());
        match ResourceState::from_json(value) {
            Ok(after) => {
                self.record.state(self.now, before.as_ref(), &after);
                self.act(&Act::WriteState { writer, before: before.as_ref(), after: &after });
            }
            Err(error) => self.note(|| format!("unreadable state written to {key}: {error}")),
        }
    }

    pub(super) fn change_key(&mut self, name: &str, change: impl FnOnce(&mut Key)) -> u64 {
        self.consul.index += 1;
        let index = self.consul.index;
        let key = self.consul.keys.made(name);
        key.modify_index = index;
        if key.create_index == 0 {
            key.create_index = index;
        }
        change(key);
        self.changed(Topic::Consul);
        index
    }

    pub(super) fn delete_key(&mut self, name: &str) {
        self.consul.index += 1;
        self.consul.deleted = self.consul.index;
        self.consul.keys.remove(name);
        self.changed(Topic::Consul);
    }

    /// Policies of pools whose nodes only name them (P3).
    pub(super) fn store_pool_policies(&mut self) {
        let plan = self.plan.clone();
        for pool in plan.pools.iter().filter(|pool| pool.policy_in == PolicyHome::Consul) {
            let policy = serde_json::to_vec(&pool.meta).unwrap_or_default();
            self.change_key(&pool_policy_key(&root(), &pool.name), |key| key.value = policy);
        }
    }

    /// What `replicator failsafe` does: sets the mode, and the failure count to 0 when lifting it (S8). Where there is
    /// no state, nothing is written.
    pub(super) fn operate_failsafe(&mut self, resource: &replicator::domain::Resource, toggle: Toggle) {
        let path = state_key(resource);
        let present = self.consul.keys.get(&path).and_then(|key| ResourceState::from_json(&key.value).ok());
        let Some(mut state) = present else {
            return self.note(|| format!("operator: no state at {path}, failsafe not changed"));
        };
        let failsafe = if toggle == Toggle::On { Failsafe::Enabled } else { Failsafe::Disabled };
        // By the operator's own clock, which is right.
        state.set_failsafe(failsafe, self.true_time());
        let value = state.to_json();
        self.check_state_write(Source::World, &path, &value);
        self.change_key(&path, |key| key.value = value);
        self.note(|| format!("operator sets failsafe of {resource} {toggle:?}").to_lowercase());
    }

    pub(super) fn destroy_session_of(&mut self, agent: usize) {
        if let Some(session) = self.agents[agent].session.clone() {
            self.destroy_session(&session);
        }
    }
}
