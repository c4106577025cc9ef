//! How much is asked of a server at once, and when nothing is: Nomad takes 100 connections of one client address, and
//! whoever is asked to slow down asks nothing for a while.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// How many calls may be under way at once, blocking queries aside.
const AT_ONCE: usize = 64;
/// How many of them may be such that can wait: the rest of the places is kept for what feeds and acts.
const LAST_AT_ONCE: usize = 48;
/// How long nothing is asked at least after a server asked to slow down.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// How long nothing is asked at most, whatever a server asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Which calls go first where not all can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Priority {
    /// What acts, and what is watched.
    First,
    /// What can wait, and is asked for in great numbers: statistics.
    Last,
}

/// Lets calls through to one server.
#[derive(Debug)]
pub(super) struct Gate {
    all: Semaphore,
    last: Semaphore,
    closed_until: Mutex<Option<Instant>>,
}

/// A place among the calls under way, given back when dropped.
pub(super) struct Place<'a> {
    _of_all: Option<SemaphorePermit<'a>>,
    _of_last: Option<SemaphorePermit<'a>>,
}

impl Gate {
    pub(super) fn new() -> Self {
        Self { all: Semaphore::new(AT_ONCE), last: Semaphore::new(LAST_AT_ONCE), closed_until: Mutex::new(None) }
    }

    /// Waits for a place, in the order of asking.
    pub(super) async fn enter(&self, priority: Priority) -> Place<'_> {
        // Neither is ever closed, so that a permit always comes.
        let of_last = match priority {
            Priority::First => None,
            Priority::Last => self.last.acquire().await.ok(),
        };
        let of_all = self.all.acquire().await.ok();
        self.pass().await;
        Place { _of_all: of_all, _of_last: of_last }
    }

    /// Waits until something may be asked.
    pub(super) async fn pass(&self) {
        while let Some(until) = self.closed_until() {
            tokio::time::sleep_until(until).await;
        }
    }

    /// Closes for as long as the server asks, within limits; and for a random part of a second more, so that not all
    /// come back at the same moment.
    pub(super) fn close(&self, asked: Option<Duration>) {
        let pause = asked.unwrap_or_default().clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        let until = Instant::now() + (pause + SHORTEST_PAUSE.mul_f64(fastrand::f64())).min(LONGEST_PAUSE);
        let mut closed = self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        *closed = Some(closed.map_or(until, |before| before.max(until)));
    }

    /// Until when nothing may be asked, if that is not over.
    pub(super) fn closed_until(&self) -> Option<Instant> {
        let closed = *self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        closed.filter(|until| *until > Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_as_long_as_asked_within_limits() {
        for (asked, least, most) in [(None, 1, 2), (Some(7), 7, 8), (Some(3600), 30, 30)] {
            let gate = Gate::new();
            gate.close(asked.map(Duration::from_secs));
            let began = Instant::now();
            drop(gate.enter(Priority::First).await);
            let waited = began.elapsed();
            let (least, most) = (Duration::from_secs(least), Duration::from_secs(most) + Duration::from_millis(5));
            assert!((least..=most).contains(&waited), "{asked:?}: {waited:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_can_wait_leaves_room_for_the_rest() {
        let gate = Gate::new();
        let mut places = Vec::new();
        for _ in 0..LAST_AT_ONCE {
            places.push(gate.enter(Priority::Last).await);
        }
        let soon = Duration::from_secs(1);
        assert!(tokio::time::timeout(soon, gate.enter(Priority::Last)).await.is_err(), "no place for one more");
        for _ in LAST_AT_ONCE..AT_ONCE {
            places.push(tokio::time::timeout(soon, gate.enter(Priority::First)).await.unwrap());
        }
        assert!(tokio::time::timeout(soon, gate.enter(Priority::First)).await.is_err(), "all places are taken");
        places.clear();
        gate.enter(Priority::Last).await;
    }
}
