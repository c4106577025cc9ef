//! One term of leadership: what it holds, and whether it may still act (L4).

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use futures_util::future::{join, join3};
use jiff::Timestamp;

use super::elapsed::{Elapsed, Mark};
use super::event::{Event, Feed, LossCause, Observer};
use super::leadership::{Lease, Won, guard};
use super::store::{Store, Stored};
use super::views::Views;
use super::{AgentConfig, rounds};
use crate::decide::{Case, Standing};
use crate::domain::Resource;
use crate::operation::{Move, Operation, Situation, Work};
use crate::ports::{Clock, PortError, Ports};
use crate::state::{ResourceState, path_of};

/// Everything that belongs to one term. It is dropped with the term, so that nothing of it can act afterwards (L6).
pub(super) struct Term<'a, P, O> {
    pub(super) ports: &'a P,
    pub(super) config: &'a RefCell<AgentConfig>,
    pub(super) views: RefCell<Views>,
    pub(super) store: Store,
    /// States of resources whose policy is disabled, as they would be: never written (J5, P26).
    pub(super) shadows: RefCell<BTreeMap<String, ResourceState>>,
    /// What was last told to be wrong with each feed.
    pub(super) feed_troubles: RefCell<BTreeMap<Feed, Option<PortError>>>,
    observer: &'a O,
    pub(super) lease: &'a Lease,
    elapsed: RefCell<Elapsed>,
    /// How many operations are about to begin.
    reserved: Cell<usize>,
}

/// Room for one operation that is about to begin.
#[must_use]
pub(super) struct Reservation<'a>(&'a Cell<usize>);

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl<'a, P: Ports, O: Observer> Term<'a, P, O> {
    pub(super) fn new(
        ports: &'a P,
        observer: &'a O,
        config: &'a RefCell<AgentConfig>,
        won: &Won,
        lease: &'a Lease,
    ) -> Self {
        Self {
            ports,
            config,
            views: RefCell::new(Views::default()),
            store: Store::new(guard(config, &won.session)),
            shadows: RefCell::new(BTreeMap::new()),
            observer,
            feed_troubles: RefCell::default(),
            lease,
            elapsed: RefCell::new(Elapsed::default()),
            reserved: Cell::new(0),
        }
    }

    /// Watches, evaluates and acts. Only ends with the term.
    pub(super) async fn work(&self) -> LossCause {
        let watching = join(
            join3(self.follow_jobs(), self.follow_nodes(), self.follow_allocations()),
            join3(self.follow_deployments(), self.follow_states(), self.follow_pool_policies()),
        );
        let (_, (never, _)) = join(watching, join(rounds::of_groups(self), rounds::of_pools(self))).await;
        match never {}
    }

    /// Whether this agent may make an outside call that changes something (L4).
    pub(super) fn may_act(&self) -> bool {
        self.lease.holds(self.ports.clock().monotonic())
    }

    pub(super) fn tell(&self, event: &Event) {
        self.observer.observe(self.ports.clock().wall(), event);
    }

    /// Shows what a decision came from.
    pub(super) fn weigh(&self, case: &dyn Fn() -> Case) {
        self.observer.weigh(self.ports.clock().wall(), case);
    }

    /// The next move of an operation, and shows what it came from.
    pub(super) fn move_on(&self, resource: &Resource, situation: &Situation) -> Move<Work> {
        let next = situation.next();
        self.observer.move_on(self.ports.clock().wall(), resource, situation, &next);
        next
    }

    pub(super) fn trouble(&self, resource: &Resource, problem: impl Display) {
        self.tell(&Event::Trouble { resource: resource.clone(), problem: problem.to_string() });
    }

    pub(super) fn path_of(&self, resource: &Resource) -> String {
        path_of(&self.config.borrow().root, resource)
    }

    /// The resource's state, or a first one where it has none. Nothing, with a word about it, where the state cannot
    /// be read: that is not "no state" (S4).
    pub(super) fn stored(&self, resource: &Resource, path: &str) -> Option<Stored> {
        match self.store.read(path) {
            Ok(Some(stored)) => Some(stored),
            Ok(None) => Some(Stored { state: ResourceState::initial(resource, path), index: 0 }),
            Err(problem) => {
                self.trouble(resource, format_args!("state at {path} cannot be read: {problem}"));
                None
            }
        }
    }

    /// What a decision needs to know of a state, as of now.
    pub(super) fn standing(&self, path: &str, state: &ResourceState) -> Standing {
        let since = |time| self.elapsed(path, Mark::ScalingEvent, time);
        Standing {
            failsafe: state.failsafe_mode,
            operating: state.operation.is_some(),
            since_last_event: state.last_scaling_event.map(since),
            scalein_requests: state.scalein_requests,
            scaleout_requests: state.scaleout_requests,
        }
    }

    pub(super) fn elapsed(&self, path: &str, mark: Mark, time: Timestamp) -> Duration {
        self.elapsed.borrow_mut().since(path, mark, time, self.ports.clock())
    }

    /// How long the time limit of an operation's phase has run. A limit on our own calls only runs while we make
    /// them: time in which nobody led does not count.
    pub(super) fn in_phase(&self, path: &str, operation: &Operation) -> Duration {
        let mut elapsed = self.elapsed.borrow_mut();
        let since_begun = elapsed.since(path, Mark::Phase, operation.since, self.ports.clock());
        if operation.work.awaits_own_call() {
            elapsed.watched(path, Mark::Phase, self.ports.clock())
        } else {
            since_begun
        }
    }

    /// Whether an operation stands still because its resource is in failsafe (S7). Time spent so counts towards no
    /// limit.
    pub(super) fn is_frozen(&self, path: &str, state: &ResourceState) -> bool {
        if state.failsafe_mode
            && let Some(operation) = &state.operation
        {
            self.elapsed.borrow_mut().restart(path, Mark::Phase, operation.since, self.ports.clock());
        }
        state.failsafe_mode
    }

    /// Room for another operation to begin (J21), or the limit that is reached. Room is kept for as long as the answer
    /// is held: until the operation stands in the state.
    pub(super) fn reserve(&self) -> Result<Reservation<'_>, usize> {
        let limit = self.config.borrow().concurrency;
        if self.store.busy_operations() + self.reserved.get() < limit {
            self.reserved.set(self.reserved.get() + 1);
            Ok(Reservation(&self.reserved))
        } else {
            Err(limit)
        }
    }
}
