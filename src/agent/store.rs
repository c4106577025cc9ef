//! The resources' states in Consul: what was read, and writes that undo nobody's word (S3, S4).

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use crate::domain::Resource;
use crate::operation::{GroupPhase, Operation, Work};
use crate::ports::{Consul, Guard, Indexed, KvEntry, PortError, Write, WriteOutcome};
use crate::state::ResourceState;

/// A state, and the index that the next write expects.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stored {
    pub(super) state: ResourceState,
    pub(super) index: u64,
}

/// Why a state was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    /// Somebody else wrote it meanwhile: an operator, or a newer leader. The next evaluation reads what they wrote.
    #[error("the state was changed by somebody else meanwhile")]
    Changed,
    /// We do not hold the lock any more.
    #[error("the lock is not ours any more")]
    LockLost,
    /// Consul did not take the write, or took it and did not say so.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// The states that were read, and the guard of every write.
pub(super) struct Store {
    guard: Guard,
    entries: RefCell<BTreeMap<String, Entry>>,
    /// The index of the latest listing.
    listed: Cell<u64>,
}

struct Entry {
    index: u64,
    state: Result<ResourceState, String>,
}

impl Store {
    pub(super) fn new(guard: Guard) -> Self {
        Self { guard, entries: RefCell::new(BTreeMap::new()), listed: Cell::new(0) }
    }

    /// The state at `path`, nothing where there is none, or why it cannot be read.
    pub(super) fn read(&self, path: &str) -> Result<Option<Stored>, String> {
        match self.entries.borrow().get(path) {
            None => Ok(None),
            Some(Entry { index, state: Ok(state) }) => Ok(Some(Stored { state: state.clone(), index: *index })),
            Some(Entry { state: Err(problem), .. }) => Err(problem.clone()),
        }
    }

    /// Takes over a listing of all states. What we wrote after the listing was made stays.
    pub(super) fn accept(&self, listing: Indexed<Vec<KvEntry>>) {
        let mut entries = self.entries.borrow_mut();
        if listing.index < self.listed.replace(listing.index) {
            // Consul was restored from a backup: no index from before means anything.
            entries.clear();
        }
        let listed: BTreeMap<String, KvEntry> =
            listing.value.into_iter().map(|entry| (entry.key.clone(), entry)).collect();
        entries.retain(|key, entry| entry.index > listing.index || listed.contains_key(key));
        for (key, entry) in listed {
            let known = entries.get(&key).is_some_and(|known| known.index >= entry.modify_index);
            if !known {
                let state = ResourceState::from_json(&entry.value).map_err(|error| error.to_string());
                entries.insert(key, Entry { index: entry.modify_index, state });
            }
        }
    }

    /// Writes a state over the one that was read, if nobody else did and the lock is still ours.
    pub(super) async fn write(
        &self,
        consul: &impl Consul,
        path: &str,
        expected_index: u64,
        state: ResourceState,
    ) -> Result<Stored, WriteError> {
        let write = Write { key: path.to_owned(), value: state.to_json(), expected_index, guard: self.guard.clone() };
        match consul.write(&write).await? {
            WriteOutcome::Written(index) => {
                // A listing may have brought a newer word while the answer was on its way.
                if self.index(path) < index {
                    let entry = Entry { index, state: Ok(state.clone()) };
                    self.entries.borrow_mut().insert(path.to_owned(), entry);
                }
                Ok(Stored { state, index })
            }
            WriteOutcome::Changed => Err(WriteError::Changed),
            WriteOutcome::LockLost => Err(WriteError::LockLost),
        }
    }

    /// The latest index that is known of a state; 0 where there is none.
    pub(super) fn index(&self, path: &str) -> u64 {
        self.entries.borrow().get(path).map_or(0, |entry| entry.index)
    }

    /// Resources that must be looked after even where no policy of theirs is known: those with an operation under way
    /// or an alert owed.
    pub(super) fn unfinished(&self) -> Vec<Resource> {
        let entries = self.entries.borrow();
        let states = entries.values().filter_map(|entry| entry.state.as_ref().ok());
        states
            .filter_map(|state| {
                let operating = state.operation.as_ref().map(|operation| &operation.resource);
                operating.or(state.alert.as_ref().map(|alert| &alert.resource)).cloned()
            })
            .collect()
    }

    /// How many operations are under way, those that only follow a deployment left out: they wait for Nomad, and
    /// a job that cannot be placed must not hold up all the others (J21).
    pub(super) fn busy_operations(&self) -> usize {
        let follows = |operation: &Operation| matches!(&operation.work, Work::GroupScale(work) if matches!(work.phase, GroupPhase::Following { .. }));
        self.operations(|operation| (!follows(operation)).then_some(())).len()
    }

    fn operations<T>(&self, pick: impl Fn(&Operation) -> Option<T>) -> Vec<T> {
        let entries = self.entries.borrow();
        entries.values().filter_map(|entry| entry.state.as_ref().ok()?.operation.as_ref()).filter_map(pick).collect()
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
        store.accept(listing(5, &[("a", 5, "{"), ("b", 4, "{}")]));
        assert!(store.read("a").is_err());
        assert_eq!(store.read("b").unwrap().unwrap().index, 4);
        assert!(store.read("c").unwrap().is_none());
    }

    #[test]
    fn s3_a_listing_does_not_undo_what_was_written_after_it() {
        let store = store();
        let written = ResourceState { failure_count: 7, ..ResourceState::default() };
        for key in ["a", "b"] {
            let entry = Entry { index: 9, state: Ok(written.clone()) };
            store.entries.borrow_mut().insert(key.into(), entry);
        }
        store.accept(listing(8, &[("a", 4, "{}")]));
        assert_eq!(store.read("a").unwrap().unwrap().state.failure_count, 7);
        assert!(store.read("b").unwrap().is_some());
        store.accept(listing(12, &[("a", 12, "{}")]));
        assert_eq!(store.read("a").unwrap().unwrap().state.failure_count, 0, "somebody wrote after us");
        assert!(store.read("b").unwrap().is_none(), "somebody deleted it");
        store.accept(listing(3, &[("a", 2, "{\"failure_count\": 1}")]));
        assert_eq!(store.read("a").unwrap().unwrap().state.failure_count, 1, "Consul was restored");
    }
}
