//! Who hears what an agent tells.

use jiff::Timestamp;

use super::event::Event;
use crate::decide::Case;
use crate::domain::Resource;
use crate::operation::{Move, Situation, Work};

/// Takes what an agent tells.
pub trait Observer {
    /// Takes one event, as of that wall time.
    fn observe(&self, at: Timestamp, event: &Event);

    /// Takes what a decision came from, right after it was made. Only who wants it has it put together.
    fn weigh(&self, _at: Timestamp, _case: &dyn Fn() -> Case) {}

    /// Takes what the next move of an operation came from, and the move.
    fn move_on(&self, _at: Timestamp, _resource: &Resource, _situation: &Situation, _next: &Move<Work>) {}
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
