//! Single jobs and nodes that could not be read: each is asked for again at a growing pace, and holds up no other.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::Monotonic;

/// How long to wait before the first try again; then twice as long each time.
const FIRST: Duration = Duration::from_secs(2);
/// The longest wait.
const LONGEST: Duration = Duration::from_mins(2);
/// How long what was never read may keep back who depends on it. After that it counts as not there, named as it is.
const PATIENCE: Duration = Duration::from_mins(3);

#[derive(Debug, Clone, Copy)]
struct Missed {
    first: Monotonic,
    next: Monotonic,
    wait: Duration,
}

/// What could not be read.
#[derive(Debug)]
pub(super) struct Retries<K> {
    missed: BTreeMap<K, Missed>,
}

impl<K> Default for Retries<K> {
    fn default() -> Self {
        Self { missed: BTreeMap::new() }
    }
}

impl<K: Ord + Clone> Retries<K> {
    /// Notes that a thing could be read, or not.
    pub(super) fn mark(&mut self, key: &K, read: bool, now: Monotonic) {
        if read {
            self.missed.remove(key);
            return;
        }
        let missed = self.missed.entry(key.clone()).or_insert(Missed { first: now, next: now, wait: FIRST / 2 });
        missed.wait = (missed.wait * 2).min(LONGEST);
        missed.next = now + missed.wait;
    }

    /// Whether a thing may be asked for now: nothing is known against it, or its time has come.
    pub(super) fn is_due(&self, key: &K, now: Monotonic) -> bool {
        self.missed.get(key).is_none_or(|missed| missed.next <= now)
    }

    /// When the next one is to be asked for again.
    pub(super) fn next(&self) -> Option<Monotonic> {
        self.missed.values().map(|missed| missed.next).min()
    }

    /// Whether what could not be read keeps back who depends on it.
    pub(super) fn holds_back(&self, key: &K, now: Monotonic) -> bool {
        self.missed.get(key).is_some_and(|missed| now.since(missed.first) < PATIENCE)
    }

    /// Forgets what is not there any more.
    pub(super) fn retain(&mut self, keep: impl Fn(&K) -> bool) {
        self.missed.retain(|key, _| keep(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Monotonic {
        Monotonic::at(Duration::from_secs(second))
    }

    #[test]
    fn p27_what_cannot_be_read_is_asked_for_at_a_growing_pace() {
        let mut retries = Retries::default();
        assert!(retries.is_due(&"a", at(0)));
        let mut now = 0;
        for expected in [2, 4, 8, 16, 32, 64, 120, 120] {
            retries.mark(&"a", false, at(now));
            assert!(!retries.is_due(&"a", at(now + expected - 1)) && retries.is_due(&"a", at(now + expected)));
            assert!(retries.is_due(&"b", at(now)), "others are not held up");
            now += expected;
        }
        assert_eq!(retries.next(), Some(at(now)));
        retries.mark(&"a", true, at(now));
        assert_eq!(retries.next(), None);
    }

    #[test]
    fn s4_what_was_never_read_keeps_back_for_a_while_only() {
        let mut retries = Retries::default();
        retries.mark(&"a", false, at(10));
        retries.mark(&"a", false, at(100));
        assert!(retries.holds_back(&"a", at(189)) && !retries.holds_back(&"a", at(190)));
        assert!(!retries.holds_back(&"b", at(10)));
        retries.retain(|_| false);
        assert!(!retries.holds_back(&"a", at(20)));
    }
}
