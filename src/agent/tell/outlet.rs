//! Who hears what an agent tells.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::event::{AlertNotice, Event, Feed};
use crate::decide::Case;
use crate::domain::Resource;
use crate::operation::{Move, Situation, Work};
use crate::state::{Delivery, ResourceState, Told};

/// Takes what an agent tells.
pub trait Observer {
    /// Takes one event, as of that wall time.
    fn observe(&self, at: Timestamp, event: &Event);

    /// Takes what a decision came from, right after it was made. Only who wants it has it put together.
    fn weigh(&self, _at: Timestamp, _case: &dyn Fn() -> Case) {}

    /// Takes what the next move of an operation came from, and the move.
    fn move_on(&self, _at: Timestamp, _resource: &Resource, _situation: &Situation, _next: &Move<Work>) {}

    /// Takes the state of a resource, as it stands at the beginning of an evaluation, and where it is kept.
    fn see_state(&self, _at: Timestamp, _resource: &Resource, _path: &str, _state: &ResourceState) {}

    /// Takes that a view was answered: it is as old as that.
    fn see_view(&self, _at: Timestamp, _feed: Feed) {}

    /// Takes how long an evaluation took.
    fn evaluated(&self, _resource: &Resource, _took: Duration) {}

    /// Takes which resources there still are: what is kept of others is of no use any more (S15).
    fn retain(&self, _kept: &BTreeSet<Resource>) {}

    /// Takes an alert that is owed, again and again until everybody has it (S9): only then is it noted that they do, so that
    /// whoever leads next goes on with what was left. Answers at once how far it has got; who passes nothing on has nobody left to tell.
    fn deliver(&self, _notice: &AlertNotice, _told: Told<'_>) -> Delivery {
        Delivery::default()
    }
}

/// Two hearers of the same agent, the first of which hears first; each may be such a pair itself.
#[derive(Debug, Default, Clone, Copy)]
pub struct Both<A, B>(pub A, pub B);

impl<A: Observer, B: Observer> Observer for Both<A, B> {
    fn observe(&self, at: Timestamp, event: &Event) {
        self.0.observe(at, event);
        self.1.observe(at, event);
    }

    fn weigh(&self, at: Timestamp, case: &dyn Fn() -> Case) {
        self.0.weigh(at, case);
        self.1.weigh(at, case);
    }

    fn move_on(&self, at: Timestamp, resource: &Resource, situation: &Situation, next: &Move<Work>) {
        self.0.move_on(at, resource, situation, next);
        self.1.move_on(at, resource, situation, next);
    }

    fn see_state(&self, at: Timestamp, resource: &Resource, path: &str, state: &ResourceState) {
        self.0.see_state(at, resource, path, state);
        self.1.see_state(at, resource, path, state);
    }

    fn see_view(&self, at: Timestamp, feed: Feed) {
        self.0.see_view(at, feed);
        self.1.see_view(at, feed);
    }

    fn evaluated(&self, resource: &Resource, took: Duration) {
        self.0.evaluated(resource, took);
        self.1.evaluated(resource, took);
    }

    fn retain(&self, kept: &BTreeSet<Resource>) {
        self.0.retain(kept);
        self.1.retain(kept);
    }

    fn deliver(&self, notice: &AlertNotice, told: Told<'_>) -> Delivery {
        let (mut all, more) = (self.0.deliver(notice, told), self.1.deliver(notice, told));
        all.done.extend(more.done);
        Delivery { goes_on: all.goes_on || more.goes_on, ..all }
    }
}

/// A hearer that is shared with whoever asks it.
impl<O: Observer> Observer for std::rc::Rc<O> {
    fn observe(&self, at: Timestamp, event: &Event) {
        (**self).observe(at, event);
    }

    fn weigh(&self, at: Timestamp, case: &dyn Fn() -> Case) {
        (**self).weigh(at, case);
    }

    fn move_on(&self, at: Timestamp, resource: &Resource, situation: &Situation, next: &Move<Work>) {
        (**self).move_on(at, resource, situation, next);
    }

    fn see_state(&self, at: Timestamp, resource: &Resource, path: &str, state: &ResourceState) {
        (**self).see_state(at, resource, path, state);
    }

    fn see_view(&self, at: Timestamp, feed: Feed) {
        (**self).see_view(at, feed);
    }

    fn evaluated(&self, resource: &Resource, took: Duration) {
        (**self).evaluated(resource, took);
    }

    fn retain(&self, kept: &BTreeSet<Resource>) {
        (**self).retain(kept);
    }

    fn deliver(&self, notice: &AlertNotice, told: Told<'_>) -> Delivery {
        (**self).deliver(notice, told)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;
    use crate::agent::tell::Leadership;

    #[derive(Default)]
    struct Heard(RefCell<Vec<String>>);

    impl Observer for Heard {
        fn observe(&self, _: Timestamp, event: &Event) {
            self.0.borrow_mut().push(event.to_string());
        }
    }

    #[test]
    fn c13_everybody_hears_everything() {
        let (a, b, c) = (Rc::new(Heard::default()), Rc::new(Heard::default()), Rc::new(Heard::default()));
        let all = Both(a.clone(), Both(b.clone(), c.clone()));
        all.observe(Timestamp::UNIX_EPOCH, &Event::Leadership(Leadership::Won));
        for heard in [a, b, c] {
            assert_eq!(*heard.0.borrow(), ["leads"]);
        }
    }
}
