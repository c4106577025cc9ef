//! What servers list that makes no sense: named once, not at each listing.

use std::cell::RefCell;
use std::collections::BTreeSet;

/// How many problems are remembered. Beyond that all are forgotten, and named once more where they still are.
const REMEMBERED: usize = 512;

/// The problems that were named.
#[derive(Debug, Default)]
pub(super) struct Named(RefCell<BTreeSet<String>>);

impl Named {
    /// Says that an entry is left out of what `call` listed.
    pub(super) fn left_out(&self, call: &str, problem: &str) {
        if self.is_new(call, problem) {
            tracing::warn!(call, "Nomad listed something that makes no sense and is left out: {problem}");
        }
    }

    /// Says that of an entry of what `call` listed something is not known.
    pub(super) fn doubtful(&self, call: &str, problem: &str) {
        if self.is_new(call, problem) {
            tracing::warn!(call, "Nomad listed something that cannot be relied on: {problem}");
        }
    }

    fn is_new(&self, call: &str, problem: &str) -> bool {
        let mut named = self.0.borrow_mut();
        let key = format!("{call}: {problem}");
        if named.contains(&key) {
            return false;
        }
        if named.len() >= REMEMBERED {
            named.clear();
        }
        named.insert(key)
    }
}
