//! The agent: leads where it can, watches, decides and acts through the ports.
//!
//! [`Agent::run`] is one future that never spawns: it joins and selects over futures that it owns, always in the
//! same order, so that the simulator replays it exactly. Leadership comes in terms; everything that belongs to a term
//! is dropped with it (L6).
//!
//! Separate pieces with plain data between them, each testable alone:
//!
//! - `lead`: campaigning for the lock, keeping it, giving it up.
//! - `watch`: blocking queries that keep the views current; what is known of the cluster, and the policies in it.
//! - `keep`: the resources' states in Consul, and how long ago their times were.
//! - `evaluate`: every resource at its interval: what is observed, what is decided, whether something begins.
//! - `act`: what is done about it: the writes that carry an operation from phase to phase, and the calls between them.
//! - `tell`: what the agent tells the world, and what lasts and should not go unsaid.
//! - `term`: what one term of leadership holds, and who may act.

mod act;
mod evaluate;
mod keep;
mod lead;
mod tell;
mod term;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod watch;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Poll, Waker};
use std::time::Duration;

use futures_util::future::{Either, select};

use crate::decide::Limits;
use crate::domain::{AgentName, AllocationId, SessionId};
use crate::ports::{Clock, PortError, Ports};

pub use lead::{LEASE, LOCK_DELAY, RENEW_EVERY, SESSION_TTL};
pub use tell::{
    AlertAction, AlertNotice, Both, Course, Event, Feed, Leadership, LossCause, Matter, Observer, Reason, Reasons,
    Spoken,
};

use keep::Elapsed;
use lead::{Lease, Sight, Won};
use term::Term;

/// How an agent is set up. Read anew at every round, so that it can be changed while the agent leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentConfig {
    /// The name in state and events.
    pub name: AgentName,
    /// The root of every key in Consul.
    pub root: String,
    /// How often groups are evaluated.
    pub job_interval: Duration,
    /// Whether groups are scaled at all.
    pub job_scaling: Switch,
    /// How often pools are evaluated.
    pub cluster_interval: Duration,
    /// Whether pools are scaled at all.
    pub cluster_scaling: Switch,
    /// The most operations under way at once (J21).
    pub concurrency: usize,
    /// The allocation that this agent is, so that its node is never taken (P21).
    pub own_allocation: Option<AllocationId>,
    /// The name of the cluster in alerts.
    pub cluster_identifier: String,
    /// What is allowed of all pools together (P37).
    pub limits: Limits,
}

/// Whether something is switched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// It is.
    On,
    /// It is not.
    Off,
}

impl AgentConfig {
    /// The defaults of the command line, for an agent of that name.
    #[must_use]
    pub fn named(name: impl Into<AgentName>) -> Self {
        Self {
            name: name.into(),
            root: "replicator/config".to_owned(),
            job_interval: Duration::from_secs(10),
            job_scaling: Switch::On,
            cluster_interval: Duration::from_secs(10),
            cluster_scaling: Switch::On,
            concurrency: 10,
            own_allocation: None,
            cluster_identifier: String::new(),
            limits: Limits::default(),
        }
    }
}

/// An agent, bound to its world.
pub struct Agent<P, O> {
    ports: P,
    observer: O,
    config: RefCell<AgentConfig>,
    /// The session to destroy when the agent stops.
    session: RefCell<Option<SessionId>>,
    leading: Cell<bool>,
    /// Whether it gave leadership up because it saw nothing, and since when it sees again.
    sight: Cell<Sight>,
    /// What was last told to keep it from standing for the lock.
    aside_trouble: RefCell<Option<PortError>>,
    /// Whether the agent was reconfigured, and its term has not begun afresh since.
    stale: Cell<bool>,
    /// Whoever waits for that.
    awaits_change: Cell<Option<Waker>>,
    /// What was last wrong with the lock, so that it is told once.
    lock_trouble: RefCell<Option<PortError>>,
    /// How long ago times in states were, as this agent has seen them.
    elapsed: RefCell<Elapsed>,
}

impl<P: Ports, O: Observer> Agent<P, O> {
    /// An agent that has not begun.
    pub fn new(ports: P, observer: O, config: AgentConfig) -> Self {
        Self {
            ports,
            observer,
            config: RefCell::new(config),
            session: RefCell::new(None),
            leading: Cell::new(false),
            sight: Cell::default(),
            aside_trouble: RefCell::default(),
            stale: Cell::new(false),
            awaits_change: Cell::new(None),
            lock_trouble: RefCell::new(None),
            elapsed: RefCell::default(),
        }
    }

    /// Whether this agent leads right now.
    pub fn is_leading(&self) -> bool {
        self.leading.get()
    }

    /// Changes the configuration without losing leadership or an operation under way. What is known of the servers is asked
    /// for afresh. The name and the root of a
    /// running agent stay as they are.
    pub fn reconfigure(&self, config: AgentConfig) {
        let mut present = self.config.borrow_mut();
        *present = AgentConfig { name: present.name.clone(), root: present.root.clone(), ..config };
        drop(present);
        self.stale.set(true);
        if let Some(waker) = self.awaits_change.take() {
            waker.wake();
        }
    }

    /// Completes when the agent was reconfigured since this last completed.
    async fn reconfigured(&self) {
        poll_fn(|context| {
            if self.stale.replace(false) {
                return Poll::Ready(());
            }
            self.awaits_change.set(Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// Runs until `stop` completes, then gives up the lock, so that another takes over at once (L5).
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        loop {
            match select(stop.as_mut(), pin!(self.serve())).await {
                Either::Left(((), _)) => return self.resign().await,
                Either::Right(((), _)) => {}
            }
        }
    }

    /// Campaigns, and leads for one term.
    async fn serve(&self) {
        let won = self.campaign().await;
        self.lead(&won).await;
    }

    async fn lead(&self, won: &Won) {
        self.leading.set(true);
        self.tell(&Event::Leadership(Leadership::Won));
        let lease = Lease::from(won.renewed);
        let mut kept = pin!(self.keep(won, &lease));
        let cause = loop {
            let held = (won, &lease);
            let term = Term::new(&self.ports, &self.observer, &self.config, &self.elapsed, held, &self.sight);
            let (work, changed) = (pin!(term.work()), pin!(self.reconfigured()));
            match select(kept.as_mut(), select(work, changed)).await {
                Either::Left((cause, _)) | Either::Right((Either::Left((cause, _)), _)) => break cause,
                // The servers may be others now, or show other things: what is known of them is asked for afresh.
                Either::Right((Either::Right(((), _)), _)) => {}
            }
        };
        self.leading.set(false);
        self.tell(&Event::Leadership(Leadership::Lost(cause)));
        if cause == LossCause::Blind {
            lease.end();
            self.sight.set(Sight::StandsAside);
            self.give_back(true).await;
        }
    }

    /// Tells when something about the lock goes wrong, or right again.
    fn note_lock(&self, trouble: Option<PortError>) {
        self.note(&self.lock_trouble, trouble, |trouble| Event::Lock { trouble });
    }

    /// Tells when something keeps this agent from standing for the lock, or does not any more (L7).
    fn note_aside(&self, trouble: Option<PortError>) {
        self.note(&self.aside_trouble, trouble, |trouble| Event::Aside { trouble });
    }

    fn note(
        &self,
        told: &RefCell<Option<PortError>>,
        trouble: Option<PortError>,
        event: impl FnOnce(Option<PortError>) -> Event,
    ) {
        if *told.borrow() != trouble {
            told.borrow_mut().clone_from(&trouble);
            self.tell(&event(trouble));
        }
    }

    fn tell(&self, event: &Event) {
        self.observer.observe(self.ports.clock().wall(), event);
    }
}
