//! The ports of an agent that is told other things than the truth now and then: zeros, absences, answers of before, twins,
//! huge numbers, errors. What people's servers do in good form and with odd content, all at once.
//!
//! Only what is read is odd. The world goes on as it is, and what an agent changes it changes there, so that the invariants
//! judge what it really does. What the core must be able to rely on is never left out: who lives on a node is asked of
//! Nomad's leader right before an act rests on it, and where that answer lacked something, no agent could do right.
//!
//! - `dice`: when an answer is odd, and in which way; the same for the same seed, as everything.
//! - `nomad`, `consul`, `cloud`: what each kind of oddity means for each answer.

mod cloud;
mod consul;
mod dice;
mod nomad;

use std::cell::{Cell, RefCell};
use std::time::Duration;

use replicator::ports::{Clock, ErrorKind, Indexed, PortError, Ports, Service};

pub use dice::Oddities;

use crate::plan::OddKind;

/// A number that no cluster has, and with which sums overflow.
const HUGE: u64 = u64::MAX / 2;
/// How seldom an answer becomes the one that is given again later, so that it is old by then.
const REMEMBERED: f64 = 0.1;
/// How often an odd list is believed for a while, rather than until the next one.
const LONG_LIVED: f64 = 0.5;
/// For how long at most, in seconds.
const LONGEST_BELIEVED: u64 = 90;
/// How long a slow answer takes at most, in seconds.
const SLOWEST: u64 = 120;
/// How calls fail.
const FAILURES: [ErrorKind; 7] = [
    ErrorKind::NotFound,
    ErrorKind::Conflict,
    ErrorKind::Refused,
    ErrorKind::Denied,
    ErrorKind::Unreachable,
    ErrorKind::RateLimited,
    ErrorKind::Other,
];

/// Ports whose answers are odd now and then.
pub struct OddPorts<P> {
    inner: P,
    dice: RefCell<Oddities>,
    lists: nomad::Earlier,
    keys: consul::Earlier,
}

impl<P: Ports> OddPorts<P> {
    /// Puts oddities between an agent and its ports.
    pub fn new(inner: P, dice: Oddities) -> Self {
        Self { inner, dice: RefCell::new(dice), lists: nomad::Earlier::default(), keys: consul::Earlier::default() }
    }

    /// Whether this answer is odd in that way.
    fn strikes(&self, kind: OddKind) -> bool {
        let now = self.inner.clock().monotonic().since_start().into();
        self.dice.borrow_mut().strike(kind, now)
    }

    /// A call that may take long, or fail.
    async fn travel(&self, service: Service, call: &'static str) -> Result<(), PortError> {
        if self.strikes(OddKind::Slow) {
            let seconds = self.dice.borrow_mut().number(1..SLOWEST);
            self.inner.clock().sleep(Duration::from_secs(seconds)).await;
        }
        if self.strikes(OddKind::Errors) {
            let kind = self.dice.borrow_mut().one_of(&FAILURES).copied().unwrap_or(ErrorKind::Other);
            return Err(PortError::new(service, call, kind, "an odd failure"));
        }
        Ok(())
    }

    /// A list as lists go wrong, whatever is in them.
    fn bend_list<T: Clone>(&self, list: &mut Vec<T>) {
        if self.strikes(OddKind::Empty) {
            list.clear();
        }
        if self.strikes(OddKind::Absences) && !list.is_empty() {
            let gone = self.dice.borrow_mut().index(list.len());
            list.remove(gone);
        }
        if self.strikes(OddKind::Twins) && !list.is_empty() {
            let twin = list[self.dice.borrow_mut().index(list.len())].clone();
            list.push(twin);
        }
    }

    /// One entry of a list, where something is wrong with one.
    fn bend_one<T>(&self, kind: OddKind, list: &mut [T], bend: impl FnOnce(&mut T)) {
        if !list.is_empty() && self.strikes(kind) {
            let index = self.dice.borrow_mut().index(list.len());
            bend(&mut list[index]);
        }
    }

    /// An agent that was told something odd does not ask again at once.
    async fn believe<T>(&self, told: &Told<T>) {
        let span = told.lasts.take();
        if span > Duration::ZERO {
            self.inner.clock().sleep(span).await;
        }
    }

    /// A list with its index: bent, or one of before. One that is bent has another index than the true one, so that the
    /// truth follows, sooner or later.
    fn bend_indexed<T: Clone + PartialEq>(
        &self,
        answer: Indexed<Vec<T>>,
        told: &Told<T>,
        bend: impl FnOnce(&mut Vec<T>),
    ) -> Indexed<Vec<T>> {
        let old = told.earlier.borrow().clone();
        if self.dice.borrow_mut().chance(REMEMBERED) {
            *told.earlier.borrow_mut() = Some(answer.value.clone());
        }
        let mut value = match old {
            Some(old) if self.strikes(OddKind::Stale) => old,
            _ => answer.value.clone(),
        };
        self.bend_list(&mut value);
        bend(&mut value);
        if value == answer.value {
            return answer;
        }
        let mut dice = self.dice.borrow_mut();
        if dice.chance(LONG_LIVED) {
            told.lasts.set(Duration::from_secs(dice.number(1..LONGEST_BELIEVED)));
        }
        Indexed { index: answer.index.saturating_sub(1), value }
    }
}

/// What an agent was told of a list.
struct Told<T> {
    /// An answer of before.
    earlier: RefCell<Option<Vec<T>>>,
    /// How long the last odd one is believed.
    lasts: Cell<Duration>,
}

impl<T> Default for Told<T> {
    fn default() -> Self {
        Self { earlier: RefCell::new(None), lasts: Cell::new(Duration::ZERO) }
    }
}

impl<P: Ports> Ports for OddPorts<P> {
    type Clock = P::Clock;
    type Nomad = Self;
    type Consul = Self;
    type Cloud = Self;

    fn clock(&self) -> &P::Clock {
        self.inner.clock()
    }

    fn nomad(&self) -> &Self {
        self
    }

    fn consul(&self) -> &Self {
        self
    }

    fn cloud(&self) -> &Self {
        self
    }
}
