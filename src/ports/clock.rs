//! Time, injected as two things: wall time for state and reports, a monotonic reading for leases and time-outs.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use jiff::Timestamp;

use crate::domain::Monotonic;

/// A source of time.
#[allow(async_fn_in_trait, reason = "the core is one task and asks no Send of its futures")]
pub trait Clock {
    /// The date and time. May jump, forwards and backwards (S10).
    fn wall(&self) -> Timestamp;

    /// A reading that never jumps.
    fn monotonic(&self) -> Monotonic;

    /// Completes when the monotonic clock has reached `deadline`.
    async fn sleep_until(&self, deadline: Monotonic);

    /// Completes after `span`.
    async fn sleep(&self, span: Duration) {
        self.sleep_until(self.monotonic() + span).await;
    }
}

/// The result of `work`, or nothing if it takes longer than `span`. An answer that is already there wins.
pub async fn timeout<T>(clock: &impl Clock, span: Duration, work: impl Future<Output = T>) -> Option<T> {
    match select(pin!(work), pin!(clock.sleep(span))).await {
        Either::Left((result, _)) => Some(result),
        Either::Right(((), _)) => None,
    }
}
