//! Until when an agent may act (L2).

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Poll, Waker};

use super::LEASE;
use crate::domain::Monotonic;

/// Until when this agent may act, by its own monotonic clock.
#[derive(Debug)]
pub(in crate::agent) struct Lease {
    /// Nothing once the lease was ended: no renewal brings it back.
    until: Cell<Option<Monotonic>>,
    /// Whoever waits for the lease to end.
    waiting: RefCell<Option<Waker>>,
}

impl Lease {
    pub(in crate::agent) fn from(renewal_began: Monotonic) -> Self {
        Self { until: Cell::new(Some(renewal_began + LEASE)), waiting: RefCell::new(None) }
    }

    /// Whether the lease still runs (L2).
    pub(in crate::agent) fn holds(&self, now: Monotonic) -> bool {
        self.until.get().is_some_and(|until| now < until)
    }

    /// When it ends, unless it did.
    pub(super) fn until(&self) -> Option<Monotonic> {
        self.until.get()
    }

    /// Ends the lease now, and for good: the lock was seen to be another's.
    pub(in crate::agent) fn end(&self) {
        self.until.set(None);
        if let Some(waker) = self.waiting.borrow_mut().take() {
            waker.wake();
        }
    }

    pub(super) fn extend(&self, renewal_began: Monotonic) {
        self.until.set(self.until.get().map(|_| renewal_began + LEASE));
    }

    /// Completes when the lease was ended.
    pub(super) async fn ended(&self) {
        poll_fn(|context| {
            if self.until.get().is_none() {
                return Poll::Ready(());
            }
            *self.waiting.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(second: u64) -> Monotonic {
        Monotonic::at(Duration::from_secs(second))
    }

    #[test]
    fn l2_a_lease_runs_from_the_start_of_a_renewal_and_never_comes_back() {
        let lease = Lease::from(at(100));
        assert!(lease.holds(at(109)) && !lease.holds(at(110)));
        lease.extend(at(104));
        assert!(lease.holds(at(113)) && !lease.holds(at(114)));
        lease.end();
        lease.extend(at(105));
        assert!(!lease.holds(at(106)), "no renewal brings it back");
    }
}
