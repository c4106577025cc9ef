//! The resources' states in Consul: what was read, and writes that undo nobody's word (S3, S4, S13).

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::Timestamp;

use crate::domain::{Resource, SessionId};
use crate::ports::{Consul, Deletion, Guard, Indexed, KvEntry, LARGEST_VALUE, PortError, Write, WriteOutcome};
use crate::state::{Noted, ResourceState};

/// A state, and the index that the next write expects.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::agent) struct Stored {
    pub(in crate::agent) state: Rc<ResourceState>,
    pub(in crate::agent) index: u64,
}

/// Why a state was not written.
#[derive(Debug, thiserror::Error)]
pub(in crate::agent) enum WriteError {
    /// Somebody else wrote it meanwhile: an operator, or a newer leader. The next evaluation reads what they wrote.
    #[error("the state was changed by somebody else meanwhile")]
    Changed,
    /// We do not hold the lock any more.
    #[error("the lock is not ours any more")]
    LockLost,
    /// It has grown beyond what every store can hold.
    #[error("it would have {0} bytes, and a store may hold {LARGEST_VALUE} only")]
    TooLarge(usize),
    /// Consul did not take the write, or took it and did not say so.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// The states that were read, and the guard of every write.
pub(in crate::agent) struct Store {
    guard: Guard,
    entries: RefCell<BTreeMap<String, Entry>>,
    /// The index of the latest listing.
    listed: Cell<u64>,
}

struct Entry {
    index: u64,
    state: Result<Rc<ResourceState>, String>,
    /// Whether a write of ours was refused since: somebody wrote what we have not seen yet.
    outdated: bool,
}

/// A failsafe that was entered or lifted by somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::agent) struct FailsafeChange {
    pub(in crate::agent) path: String,
    pub(in crate::agent) entered: bool,
    /// Who did it, where that is known.
    pub(in crate::agent) by: Option<String>,
    /// Why, where that is known.
    pub(in crate::agent) reason: Option<String>,
}

impl FailsafeChange {
    /// What changed from one state to the next, if anything did.
    fn between(path: &str, before: &ResourceState, after: &ResourceState) -> Option<Self> {
        let entered = after.failsafe_mode;
        (before.failsafe_mode != entered).then(|| Self {
            path: path.to_owned(),
            entered,
            by: after.failsafe_by().or(before.failsafe_by()).map(str::to_owned),
            reason: after.failsafe_reason().or(before.failsafe_reason()).map(str::to_owned),
        })
    }
}

impl Store {
    pub(in crate::agent) fn new(guard: Guard) -> Self {
        Self { guard, entries: RefCell::new(BTreeMap::new()), listed: Cell::new(0) }
    }

    /// The state at `path`, nothing where there is none, or why it cannot be read.
    pub(in crate::agent) fn read(&self, path: &str) -> Result<Option<Stored>, String> {
        match self.entries.borrow().get(path) {
            None => Ok(None),
            Some(Entry { outdated: true, .. }) => {
                Err("somebody else has written it, and what they wrote is not known yet".to_owned())
            }
            Some(Entry { index, state: Ok(state), .. }) => Ok(Some(Stored { state: state.clone(), index: *index })),
            Some(Entry { state: Err(problem), .. }) => Err(problem.clone()),
        }
    }

    /// Takes over a listing of all states. What we wrote after the listing was made stays. Answers the failsafes that others
    /// entered or lifted since the last one.
    pub(in crate::agent) fn accept(&self, listing: &Indexed<Vec<KvEntry>>) -> Vec<FailsafeChange> {
        let mut entries = self.entries.borrow_mut();
        let restored = listing.index < self.listed.replace(listing.index);
        if restored {
            // Consul was restored from a backup: no index from before means anything.
            entries.clear();
        }
        let listed: BTreeMap<&String, &KvEntry> = listing.value.iter().map(|entry| (&entry.key, entry)).collect();
        entries.retain(|key, entry| entry.index > listing.index || listed.contains_key(key));
        let mut changes = Vec::new();
        for (key, entry) in listed {
            let known = entries.get(key).is_some_and(|known| known.index >= entry.modify_index);
            if known {
                continue;
            }
            let mut state = ResourceState::from_json(&entry.value).map_err(|error| error.to_string());
            if let (true, Ok(state)) = (restored, &mut state) {
                // Nor does a claim: it may be an old answer, and a write tells (S13).
                state.claim = None;
            }
            let state = state.map(Rc::new);
            let before = entries.get(key).and_then(|known| known.state.as_deref().ok());
            if let (Some(before), Ok(after)) = (before, &state) {
                changes.extend(FailsafeChange::between(key, before, after));
            }
            entries.insert(key.clone(), Entry { index: entry.modify_index, state, outdated: false });
        }
        changes
    }

    /// The session by which this leader claims what it looks after (S13).
    pub(in crate::agent) fn claim(&self) -> &SessionId {
        &self.guard.session
    }

    /// Writes a state over the one that was read, if nobody else did and the lock is still ours.
    pub(in crate::agent) async fn write(
        &self,
        consul: &impl Consul,
        path: &str,
        expected_index: u64,
        (state, notes): (ResourceState, Vec<Noted>),
    ) -> Result<Stored, WriteError> {
        let state = Rc::new(ResourceState { claim: Some(self.claim().clone()), ..state });
        let value = state.to_json();
        if value.len() >= LARGEST_VALUE {
            return Err(WriteError::TooLarge(value.len()));
        }
        let write = Write { key: path.to_owned(), value, expected_index, guard: self.guard.clone(), notes };
        match consul.write(&write).await? {
            WriteOutcome::Written(index) => {
                // A listing may have brought a newer word while the answer was on its way.
                if self.index(path) < index {
                    let entry = Entry { index, state: Ok(state.clone()), outdated: false };
                    self.entries.borrow_mut().insert(path.to_owned(), entry);
                }
                Ok(Stored { state, index })
            }
            WriteOutcome::Changed => {
                self.mark_outdated(path, expected_index);
                Err(WriteError::Changed)
            }
            WriteOutcome::LockLost => Err(WriteError::LockLost),
        }
    }

    /// Nothing is to rest on this state any more: it was refused as the latest one.
    fn mark_outdated(&self, path: &str, refused_index: u64) {
        let mut entries = self.entries.borrow_mut();
        let nothing = || Entry { index: 0, state: Err("it is not known yet".to_owned()), outdated: true };
        let entry = entries.entry(path.to_owned()).or_insert_with(nothing);
        entry.outdated = entry.outdated || entry.index <= refused_index;
    }

    /// Removes the state of something that is gone.
    pub(in crate::agent) async fn remove(
        &self,
        consul: &impl Consul,
        path: &str,
        index: u64,
    ) -> Result<(), WriteError> {
        let deletion = Deletion { key: path.to_owned(), expected_index: index, guard: self.guard.clone() };
        match consul.delete(&deletion).await? {
            WriteOutcome::Written(_) => {
                self.entries.borrow_mut().remove(path);
                Ok(())
            }
            WriteOutcome::Changed => Err(WriteError::Changed),
            WriteOutcome::LockLost => Err(WriteError::LockLost),
        }
    }

    /// Whether there is such a state.
    pub(in crate::agent) fn knows(&self, path: &str) -> bool {
        self.entries.borrow().contains_key(path)
    }

    /// States that nobody needs any more, with their index: at rest, and last written before this time.
    pub(in crate::agent) fn abandoned_since(&self, limit: Timestamp) -> Vec<(String, u64)> {
        let at_rest = |state: &ResourceState| {
            state.operation.is_none()
                && state.alert.is_none()
                && state.hold.as_ref().is_none_or(|hold| hold.is_over(limit))
                && !state.failsafe_mode
                && state.last_updated.is_some_and(|updated| updated < limit)
        };
        let entries = self.entries.borrow();
        let old = entries.iter().filter(|(_, entry)| !entry.outdated && entry.state.as_deref().is_ok_and(at_rest));
        old.map(|(path, entry)| (path.clone(), entry.index)).collect()
    }

    /// How many scale-ins of pools began after that time, as far as states can be read.
    pub(in crate::agent) fn removals_since(&self, time: Timestamp) -> u32 {
        let entries = self.entries.borrow();
        let states = entries.values().filter_map(|entry| entry.state.as_deref().ok());
        let counted = states.flat_map(|state| &state.removals).filter(|at| **at > time).count();
        counted.try_into().unwrap_or(u32::MAX)
    }

    /// Whether this is the latest state that is known of a resource, and nothing of ours was refused since.
    pub(in crate::agent) fn is_latest(&self, path: &str, index: u64) -> bool {
        self.entries.borrow().get(path).is_some_and(|entry| !entry.outdated && entry.index == index)
    }

    /// The latest index that is known of a state; 0 where there is none.
    fn index(&self, path: &str) -> u64 {
        self.entries.borrow().get(path).map_or(0, |entry| entry.index)
    }

    /// Resources that must be looked after even where no policy of theirs is known: those with an operation under way
    /// or an alert owed.
    pub(in crate::agent) fn unfinished(&self) -> Vec<Resource> {
        let entries = self.entries.borrow();
        let states = entries.values().filter_map(|entry| entry.state.as_deref().ok());
        states
            .filter_map(|state| {
                let operating = state.operation.as_ref().map(|operation| &operation.resource);
                operating.or(state.alert.as_ref().map(|alert| &alert.resource)).cloned()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> Store {
        Store::new(Guard { key: "leader".into(), session: "s".into() })
    }

    fn listing(index: u64, entries: &[(&str, u64, &str)]) -> Indexed<Vec<KvEntry>> {
        let entry = |&(key, modify_index, value): &(&str, u64, &str)| KvEntry {
            key: key.into(),
            value: value.into(),
            modify_index,
        };
        Indexed { index, value: entries.iter().map(entry).collect() }
    }

    #[test]
    fn s4_a_state_that_cannot_be_read_is_not_no_state() {
        let store = store();
        store.accept(&listing(5, &[("a", 5, "{"), ("b", 4, "{}")]));
        assert!(store.read("a").is_err());
        assert_eq!(store.read("b").unwrap().unwrap().index, 4);
        assert!(store.read("c").unwrap().is_none());
    }

    #[test]
    fn s3_a_listing_does_not_undo_what_was_written_after_it() {
        let store = store();
        let written = ResourceState { failure_count: 7, ..ResourceState::default() };
        for key in ["a", "b"] {
            let entry = Entry { index: 9, state: Ok(Rc::new(written.clone())), outdated: false };
            store.entries.borrow_mut().insert(key.into(), entry);
        }
        store.accept(&listing(8, &[("a", 4, "{}")]));
        assert_eq!(store.read("a").unwrap().unwrap().state.failure_count, 7);
        assert!(store.read("b").unwrap().is_some());
        store.accept(&listing(12, &[("a", 12, "{}")]));
        assert_eq!(store.read("a").unwrap().unwrap().state.failure_count, 0, "somebody wrote after us");
        assert!(store.read("b").unwrap().is_none(), "somebody deleted it");
        store.accept(&listing(3, &[("a", 2, "{\"failure_count\": 1, \"claim\": \"s\"}")]));
        let restored = store.read("a").unwrap().unwrap().state;
        assert_eq!(restored.failure_count, 1, "Consul was restored");
        assert_eq!(restored.claim, None, "S13: it is to be claimed anew, by a write");
    }

    #[test]
    fn s3_nothing_rests_on_a_state_that_was_refused_as_the_latest() {
        let store = store();
        store.accept(&listing(5, &[("a", 5, "{}")]));
        assert!(store.is_latest("a", 5) && !store.is_latest("a", 4) && !store.is_latest("b", 0));
        store.mark_outdated("a", 5);
        assert!(!store.is_latest("a", 5));
        assert!(store.read("a").unwrap_err().contains("somebody else"));
        store.accept(&listing(6, &[("a", 5, "{}")]));
        assert!(store.read("a").is_err(), "a listing of before is no news");
        store.accept(&listing(7, &[("a", 7, "{}")]));
        assert!(store.is_latest("a", 7));
        store.mark_outdated("a", 5);
        assert!(store.is_latest("a", 7), "what was refused was older");
        store.mark_outdated("new", 0);
        assert!(store.read("new").is_err(), "somebody made it first");
    }

    #[test]
    fn s9_failsafes_that_others_enter_and_lift_are_noticed() {
        let store = store();
        assert_eq!(store.accept(&listing(5, &[("a", 5, r#"{"failsafe_mode": true}"#)])), [], "it was so before");
        let lifted = store.accept(&listing(6, &[("a", 6, "{}")]));
        let change = FailsafeChange { path: "a".into(), entered: false, by: None, reason: None };
        assert_eq!(lifted, std::slice::from_ref(&change));
        let said = r#"{"failsafe_mode": true, "failsafe_by": "kim@host", "failsafe_reason": "a sale"}"#;
        let entered = store.accept(&listing(7, &[("a", 7, said)]));
        let (by, reason) = (Some("kim@host".into()), Some("a sale".into()));
        assert_eq!(entered, [FailsafeChange { entered: true, by, reason, ..change }]);
    }

    #[test]
    fn s15_states_at_rest_for_long_are_told() {
        let store = store();
        let state = |rest: &str| format!(r#"{{"last_updated": "2026-01-01T00:00:00Z"{rest}}}"#);
        let (old, held) = (state(""), state(r#", "failsafe_mode": true"#));
        store.accept(&listing(9, &[("old", 4, &old), ("held", 5, &held), ("never", 6, "{}")]));
        let limit = |day: &str| format!("2026-01-{day}T00:00:00Z").parse().unwrap();
        assert_eq!(store.abandoned_since(limit("02")), [("old".to_owned(), 4)]);
        assert_eq!(store.abandoned_since(limit("01")), []);
    }
}
