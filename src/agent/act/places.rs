//! Places for what may go on at once: a fair queue, by need and then by age (J21). Whoever holds a place gives it back by
//! dropping it.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::task::{Poll, Waker};

use super::Need;

/// Who waits, the next one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ticket {
    need: Reverse<Need>,
    number: u64,
}

/// Places, and who waits for one.
#[derive(Debug, Default)]
pub(in crate::agent) struct Places {
    taken: Cell<usize>,
    issued: Cell<u64>,
    waiting: RefCell<BTreeMap<Ticket, Option<Waker>>>,
}

/// A place that is held.
#[must_use]
#[derive(Debug)]
pub(in crate::agent) struct Place<'a>(&'a Places);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.taken.set(self.0.taken.get() - 1);
        self.0.wake_next();
    }
}

/// A place in the queue, given up when dropped.
struct Queued<'a> {
    places: &'a Places,
    ticket: Ticket,
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        if self.places.waiting.borrow_mut().remove(&self.ticket).is_some() {
            self.places.wake_next();
        }
    }
}

impl Places {
    /// A place, once one of so many is free and nobody waits with greater need, or as great and for longer.
    pub(in crate::agent) async fn take(&self, limit: impl Fn() -> usize, need: Need) -> Place<'_> {
        let number = self.issued.replace(self.issued.get() + 1);
        let ticket = Ticket { need: Reverse(need), number };
        self.waiting.borrow_mut().insert(ticket, None);
        let queued = Queued { places: self, ticket };
        poll_fn(|context| {
            let mut waiting = self.waiting.borrow_mut();
            let is_next = waiting.first_key_value().is_some_and(|(first, _)| *first == ticket);
            if is_next && self.taken.get() < limit().max(1) {
                waiting.remove(&ticket);
                return Poll::Ready(());
            }
            waiting.insert(ticket, Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
        drop(queued);
        self.taken.set(self.taken.get() + 1);
        // There may be a place for the next one as well.
        self.wake_next();
        Place(self)
    }

    fn wake_next(&self) {
        if let Some((_, Some(waker))) = self.waiting.borrow().first_key_value() {
            waker.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::{Pin, pin};
    use std::task::Context;

    use super::*;

    fn poll<'a>(future: Pin<&mut impl Future<Output = Place<'a>>>) -> Option<Place<'a>> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(place) => Some(place),
            Poll::Pending => None,
        }
    }

    #[test]
    fn j21_places_are_given_by_need_and_then_by_age() {
        let places = Places::default();
        let mut first = pin!(places.take(|| 1, Need(5)));
        let held = poll(first.as_mut()).unwrap();
        let (mut old, mut young, mut needy) =
            (pin!(places.take(|| 1, Need(1))), pin!(places.take(|| 1, Need(1))), pin!(places.take(|| 1, Need(9))));
        assert!(poll(old.as_mut()).is_none() && poll(young.as_mut()).is_none() && poll(needy.as_mut()).is_none());
        drop(held);
        assert!(poll(young.as_mut()).is_none() && poll(old.as_mut()).is_none());
        let held = poll(needy.as_mut()).unwrap();
        drop(held);
        assert!(poll(young.as_mut()).is_none());
        let held = poll(old.as_mut()).unwrap();
        drop(held);
        assert!(poll(young.as_mut()).is_some());
    }

    #[test]
    fn j21_no_more_than_the_limit_and_whoever_gives_up_holds_up_nobody() {
        let places = Places::default();
        let (mut a, mut b, mut c) =
            (pin!(places.take(|| 2, Need(1))), pin!(places.take(|| 2, Need(1))), pin!(places.take(|| 2, Need(1))));
        let held = (poll(a.as_mut()).unwrap(), poll(b.as_mut()).unwrap());
        {
            let mut gives_up = Box::pin(places.take(|| 2, Need(9)));
            assert!(poll(gives_up.as_mut()).is_none());
        }
        assert!(poll(c.as_mut()).is_none());
        drop(held.0);
        assert!(poll(c.as_mut()).is_some());
        assert!(places.waiting.borrow().is_empty());
    }

    #[test]
    fn j21_a_limit_of_nothing_still_lets_one_through() {
        let places = Places::default();
        let mut only = pin!(places.take(|| 0, Need(0)));
        assert!(poll(only.as_mut()).is_some());
    }
}
