//! One term of leadership: what it holds, and whether it may still act (L4).

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, join, join3, select};
use jiff::Timestamp;

use super::AgentConfig;
use super::act::{CallingOff, Places, Subject};
use super::evaluate::clients::SilentClients;
use super::evaluate::statistics::{DeafClients, Seen};
use super::evaluate::{housekeeping, rounds};
use super::keep::{Elapsed, Mark, Store, Stored};
use super::lead::Sight;
use super::lead::{Lease, Won, guard};
use super::tell::{Concern, Event, Feed, LossCause, Matter, Observer, Vigil};
use super::watch::{Arrivals, Views};
use crate::decide::{Case, Direction, Standing, Step, Until};
use crate::domain::{GroupKey, Monotonic, NodeId, PoolName, PoolSnapshot, Resource};
use crate::operation::{Move, Operation, Situation, Work};
use crate::ports::{Clock, PortError, Ports};
use crate::signal::GroupSignal;
use crate::state::{HISTORY_SLACK, ResourceState, everything_path, path_of};

/// Everything that belongs to one term. It is dropped with the term, so that nothing of it can act afterwards (L6).
pub(super) struct Term<'a, P, O> {
    pub(super) ports: &'a P,
    pub(super) config: &'a RefCell<AgentConfig>,
    pub(super) observer: &'a O,
    pub(super) lease: &'a Lease,
    pub(super) views: RefCell<Views>,
    pub(super) store: Store,
    /// States of resources whose policy is disabled, as they would be: never written (J5, P26).
    pub(super) shadows: RefCell<BTreeMap<String, ResourceState>>,
    /// What was last told to be wrong with each feed.
    pub(super) feed_troubles: RefCell<BTreeMap<Feed, Option<PortError>>>,
    /// How long ago times in states were. Outlives the term, as what this agent wrote itself does.
    elapsed: &'a RefCell<Elapsed>,
    pub(super) arrivals: RefCell<Arrivals>,
    vigil: RefCell<Vigil>,
    /// Alerts that this leader has told of, by ID, so that each is told once.
    pub(super) alerted: RefCell<BTreeSet<String>>,
    /// Pools of which it is known in which order an earlier leader saw their policies.
    pub(super) recalled: RefCell<BTreeSet<PoolName>>,
    /// Places for calls that change something (J21).
    pub(super) calls: Places,
    /// Places for statistics, of all groups together.
    pub(super) statistics: Places,
    /// Where the states of resources are. The root is the same for as long as an agent lives.
    paths: RefCell<BTreeMap<Resource, Rc<str>>>,
    /// Pools as they were last seen, and found to make sense.
    pub(super) believed: RefCell<BTreeMap<PoolName, Arc<PoolSnapshot>>>,
    /// Steps of pools that are about to begin, and do not stand in a state yet.
    pub(super) stepping: RefCell<BTreeMap<PoolName, Step>>,
    /// What was last seen of each group.
    pub(super) seen: RefCell<BTreeMap<GroupKey, Seen>>,
    /// How the use of groups went whose policy wants to know.
    pub(super) signals: RefCell<BTreeMap<GroupKey, GroupSignal>>,
    /// Clients that collect no statistics.
    pub(super) silent_clients: RefCell<SilentClients>,
    /// How far this agent is with calling off the drains of nodes.
    pub(super) called_off: RefCell<BTreeMap<NodeId, CallingOff>>,
    /// Those that let statistics wait.
    pub(super) deaf_clients: RefCell<DeafClients>,
    /// Where it stands whether everything is on hold.
    everything: String,
    /// When the term began.
    pub(super) began: Monotonic,
    /// How many entries of the history this leader wrote since it last looked whether there are too many.
    pub(super) noted: Cell<u32>,
    /// When something could last be evaluated.
    pub(super) saw: Cell<Monotonic>,
    /// Whether this agent gave leadership up since it last could.
    pub(super) sight: &'a Cell<Sight>,
}

impl<'a, P: Ports, O: Observer> Term<'a, P, O> {
    pub(super) fn new(
        ports: &'a P,
        observer: &'a O,
        config: &'a RefCell<AgentConfig>,
        elapsed: &'a RefCell<Elapsed>,
        (won, lease): (&Won, &'a Lease),
        sight: &'a Cell<Sight>,
    ) -> Self {
        let began = ports.clock().monotonic();
        Self {
            ports,
            config,
            observer,
            lease,
            views: RefCell::default(),
            store: Store::new(guard(config, &won.session)),
            shadows: RefCell::default(),
            feed_troubles: RefCell::default(),
            elapsed,
            arrivals: RefCell::default(),
            vigil: RefCell::default(),
            alerted: RefCell::default(),
            recalled: RefCell::default(),
            calls: Places::default(),
            statistics: Places::default(),
            paths: RefCell::default(),
            believed: RefCell::default(),
            stepping: RefCell::default(),
            seen: RefCell::default(),
            signals: RefCell::default(),
            silent_clients: RefCell::default(),
            called_off: RefCell::default(),
            deaf_clients: RefCell::default(),
            everything: everything_path(&config.borrow().root),
            began,
            // A new leader looks soon: nobody knows what those before it left.
            noted: Cell::new(HISTORY_SLACK),
            saw: Cell::new(began),
            sight,
        }
    }

    /// Watches, evaluates and acts. Only ends with the term, or where nothing can be evaluated any more.
    pub(super) async fn work(&self) -> LossCause {
        let watching = join(
            join3(self.follow_jobs(), self.follow_nodes(), self.follow_allocations()),
            join3(self.follow_deployments(), self.follow_states(), self.follow_pool_policies()),
        );
        let working = join(rounds::of_groups(self), rounds::of_pools(self));
        let all = pin!(join(watching, join(self.follow_blocked(), working)));
        match select(all, pin!(housekeeping::keep(self))).await {
            Either::Left(((_, (never, _)), _)) => match never {},
            Either::Right((cause, _)) => cause,
        }
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

    /// Shows where a resource stands.
    pub(super) fn show_state(&self, subject: &Subject<'_>) {
        let Subject { resource, path, stored, .. } = subject;
        self.observer.see_state(self.ports.clock().wall(), resource, path, &stored.state);
    }

    pub(super) fn trouble(&self, resource: &Resource, problem: impl Display) {
        self.tell(&Event::Trouble { resource: resource.clone(), problem: problem.to_string() });
    }

    /// Takes all that an operator would want to know of a resource now, and tells what of it lasts (S16).
    pub(super) fn concern(&self, resource: &Resource, concerns: Vec<Concern>) {
        self.concern_about(Some(resource), concerns);
    }

    /// The same of the whole cluster, where there is no resource.
    pub(super) fn concern_about(&self, resource: Option<&Resource>, concerns: Vec<Concern>) {
        let notices = self.vigil.borrow_mut().look(resource, concerns, self.ports.clock().monotonic());
        for notice in notices {
            let (resource, matter) = (resource.cloned(), notice.matter);
            self.tell(&Event::Lasting { resource, matter, words: notice.words, course: notice.course });
        }
    }

    /// Resources that something of this kind was noted of.
    pub(super) fn concerned_by(&self, matter: Matter) -> Vec<Resource> {
        self.vigil.borrow().concerned_by(matter)
    }

    /// Forgets what is only remembered of resources and states that are gone (S15).
    pub(super) fn forget_all_but(&self, kept: &BTreeSet<Resource>) {
        self.observer.retain(kept);
        let paths: BTreeSet<Rc<str>> = kept.iter().map(|resource| self.path_of(resource)).collect();
        self.elapsed.borrow_mut().retain(|path| paths.contains(path) || self.store.knows(path));
        self.shadows.borrow_mut().retain(|path, _| paths.contains(path.as_str()));
        self.paths.borrow_mut().retain(|resource, _| kept.contains(resource));
        self.vigil.borrow_mut().retain(|resource| kept.contains(resource));
        self.forget_seen(kept);
        self.forget_followed(kept);
        self.believed.borrow_mut().retain(|pool, _| kept.contains(&Resource::Pool(pool.clone())));
        self.arrivals.borrow_mut().retain(|pool| kept.contains(&Resource::Pool(pool.clone())));
    }

    pub(super) fn path_of(&self, resource: &Resource) -> Rc<str> {
        if let Some(path) = self.paths.borrow().get(resource) {
            return path.clone();
        }
        let path: Rc<str> = path_of(&self.config.borrow().root, resource).into();
        self.paths.borrow_mut().insert(resource.clone(), path.clone());
        path
    }

    /// The resource's state, or a first one where it has none. Nothing, with a word about it, where the state cannot
    /// be read: that is not "no state" (S4).
    pub(super) fn stored(&self, resource: &Resource, path: &str) -> Option<Stored> {
        match self.store.read(path) {
            Ok(Some(stored)) => Some(stored),
            Ok(None) => Some(Stored { state: Rc::new(ResourceState::initial(resource, path)), index: 0 }),
            Err(problem) => {
                self.trouble(resource, format_args!("state at {path} cannot be read: {problem}"));
                None
            }
        }
    }

    /// What a decision needs to know of a state, as of now.
    pub(super) fn standing(&self, path: &str, state: &ResourceState, cooldown: Duration) -> Standing {
        let since = |time| self.elapsed(path, Mark::ScalingEvent, time);
        let pause = state.pause_after_scalein_failures(cooldown);
        let now = self.ports.clock().wall();
        let failed_ago = state.last_scalein_failure.map(|time| self.elapsed(path, Mark::ScaleInFailure, time));
        Standing {
            failsafe: state.failsafe_mode,
            operating: state.operation.is_some(),
            since_last_event: state.last_scaling_event.map(since),
            scalein_requests: state.scalein_requests,
            scaleout_requests: state.scaleout_requests,
            held_in: self.held(state, Direction::In, now),
            held_out: self.held(state, Direction::Out, now),
            scalein_pause: failed_ago.map_or(Duration::ZERO, |ago| pause.saturating_sub(ago)),
            fleet: None,
        }
    }

    /// Until when an operator holds a direction of a resource, or of everything (S17). Where it cannot be read whether everything
    /// is held, it is (S4).
    fn held(&self, state: &ResourceState, direction: Direction, now: Timestamp) -> Option<Until> {
        let of = |state: &ResourceState| state.hold.as_ref().and_then(|hold| hold.of(direction, now));
        let everything = match self.store.read(&self.everything) {
            Ok(stored) => stored.and_then(|stored| of(&stored.state)),
            Err(_) => Some(Until::Released),
        };
        of(state).max(everything)
    }

    pub(super) fn elapsed(&self, path: &str, mark: Mark, time: Timestamp) -> Duration {
        self.elapsed.borrow_mut().since(path, mark, time, self.ports.clock())
    }

    /// Lets times that this agent has just written count from now, whatever the wall clock does next (S10).
    pub(super) fn see_times(&self, path: &str, state: &ResourceState) {
        let phase = state.operation.as_ref().map(|operation| operation.since);
        let marks = [
            (Mark::ScalingEvent, state.last_scaling_event),
            (Mark::ScaleInFailure, state.last_scalein_failure),
            (Mark::Phase, phase),
        ];
        for (mark, time) in marks {
            if let Some(time) = time {
                self.elapsed.borrow_mut().since(path, mark, time, self.ports.clock());
            }
        }
    }

    /// How long the time limit of an operation's phase has run, as far as this leader has seen: time in which nobody led, or
    /// which another's clock tells of, does not count (S10).
    pub(super) fn in_phase(&self, path: &str, operation: &Operation) -> Duration {
        self.elapsed(path, Mark::Phase, operation.since)
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
}
