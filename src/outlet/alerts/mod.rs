//! Alerts: what somebody has to be told of, to services that people are called by.
//!
//! Each receiver has a queue of its own, so that one that is slow, down or talks rubbish costs nothing but its own messages.
//! The core never waits: it asks how far an alert of a failsafe has got, and notes that everybody has it only then (S9).
//!
//! - `compose`: messages, from what the agent tells.
//! - `slot`: a receiver with its queue: what is due, what has been delivered. Pure.

mod compose;
mod slot;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{join, join_all, select};
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{info, warn};

use crate::adapters::clock::TokioClock;
use crate::adapters::notify::{Kind, Message, NotifySettings, Post, Receiver, Undelivered};
use crate::agent::{AlertAction, AlertNotice, Event, Leadership, Observer};
use crate::domain::{AgentName, Resource};
use crate::operation::Outcome;
use crate::ports::Clock;
use crate::state::{Delivery, Told};

use slot::{Failed, Slot};

pub use compose::Composer;
pub use slot::Standing;

/// How long nobody leads before that is told.
const LEADERLESS_FOR: Duration = Duration::from_mins(1);
/// How long what is left is sent when the agent stops.
const FAREWELL: Duration = Duration::from_millis(1500);

/// Takes what the agent tells, and passes on what somebody has to be told of.
pub struct Alerts {
    post: Post,
    clock: TokioClock,
    agent: AgentName,
    settings: RefCell<NotifySettings>,
    cluster_identifier: RefCell<String>,
    /// One for each that there can be, in the order of their names.
    slots: [RefCell<Slot>; Receiver::NAMES.len()],
    /// Wakes whoever waits for something to send.
    news: [Notify; Receiver::NAMES.len()],
    /// What failed, and has not succeeded since.
    failing: RefCell<BTreeSet<Resource>>,
    /// What is wrong with policies.
    wrong_policies: RefCell<BTreeMap<Resource, String>>,
    /// Since when nobody leads, as far as this agent knows, and whether that was told.
    leaderless: Cell<Option<(Instant, bool)>>,
    /// Wakes whoever waits for that to change.
    leadership: Notify,
}

impl Alerts {
    /// Nothing has happened yet.
    ///
    /// # Errors
    ///
    /// When no connection can be set up.
    pub fn new(agent: AgentName, cluster: &str, settings: NotifySettings) -> Result<Self, Undelivered> {
        let alerts = Self {
            post: Post::new()?,
            clock: TokioClock::start(),
            agent,
            settings: RefCell::default(),
            cluster_identifier: RefCell::default(),
            slots: Default::default(),
            news: Default::default(),
            failing: RefCell::default(),
            wrong_policies: RefCell::default(),
            leaderless: Cell::new(None),
            leadership: Notify::new(),
        };
        alerts.reconfigure(cluster, settings);
        Ok(alerts)
    }

    /// Goes on with other settings. What waits for a receiver that is still there is tried again at once.
    pub fn reconfigure(&self, cluster: &str, settings: NotifySettings) {
        for (index, name) in Receiver::NAMES.iter().enumerate() {
            let receiver = settings.receivers.iter().find(|receiver| receiver.name() == *name);
            self.slots[index].borrow_mut().set_receiver(receiver.cloned(), Instant::now());
            self.news[index].notify_one();
        }
        cluster.clone_into(&mut self.cluster_identifier.borrow_mut());
        *self.settings.borrow_mut() = settings;
    }

    /// How the receivers are doing.
    pub fn standings(&self) -> Vec<Standing> {
        self.slots.iter().filter_map(|slot| slot.borrow().standing()).collect()
    }

    /// Sends what there is to send, for ever.
    pub async fn run(&self) -> Infallible {
        let sending = join_all((0..self.slots.len()).map(|index| self.send(index)));
        let (_, never) = join(sending, self.watch_leadership()).await;
        never
    }

    /// Sends what is left when the agent stops, for a moment at most. What is owed about a failsafe is in its state, and
    /// the next leader's.
    pub async fn say_farewell(&self) {
        let emptied = async {
            while self.slots.iter().any(|slot| slot.borrow().has_fresh()) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let (run, emptied) = (pin!(self.run()), pin!(emptied));
        timeout(FAREWELL, select(run, emptied)).await.ok();
    }

    async fn send(&self, index: usize) -> Infallible {
        loop {
            let due = self.slots[index].borrow().next_due();
            match due {
                None => self.news[index].notified().await,
                Some(due) if due > Instant::now() => {
                    select(pin!(self.news[index].notified()), pin!(sleep_until(due))).await;
                }
                Some(_) => self.send_next(index).await,
            }
        }
    }

    async fn send_next(&self, index: usize) {
        let now = Instant::now();
        let Some((receiver, message)) = self.slots[index].borrow().first(now) else { return };
        let sent = self.post.send(&receiver, &message, self.clock.wall()).await;
        let name = receiver.name();
        let mut slot = self.slots[index].borrow_mut();
        match sent {
            Ok(()) => {
                if slot.succeeded(&message.id, self.clock.wall()) {
                    info!(receiver = name, id = message.id, "{name} takes alerts again");
                }
            }
            Err(error) => match slot.failed(&message.id, &error, Instant::now(), self.clock.wall()) {
                Failed::First => {
                    let summary = &message.summary;
                    warn!(receiver = name, id = message.id, "cannot tell {name} of {summary:?}: {error}; tries again");
                }
                Failed::Again => {}
                Failed::ForGood(lost) => {
                    let summary = &lost.summary;
                    warn!(receiver = name, id = message.id, "gives up to tell {name} of {summary:?}: {error}");
                }
            },
        }
    }

    /// Tells that nobody leads, once that has lasted, and that somebody does again.
    async fn watch_leadership(&self) -> Infallible {
        loop {
            match self.leaderless.get() {
                Some((since, false)) => {
                    let due = since + LEADERLESS_FOR;
                    if due <= Instant::now() {
                        self.leaderless.set(Some((since, true)));
                        self.tell(&self.composer().leaderless(self.clock.wall(), LEADERLESS_FOR));
                    } else {
                        select(pin!(self.leadership.notified()), pin!(sleep_until(due))).await;
                    }
                }
                _ => self.leadership.notified().await,
            }
        }
    }

    fn composer(&self) -> Composer {
        let settings = self.settings.borrow();
        Composer {
            agent: self.agent.clone(),
            cluster: self.cluster_identifier.borrow().clone(),
            uid: settings.uid.clone(),
            severity: settings.severity,
        }
    }

    /// Passes a message on to all receivers, where this kind is asked for.
    fn tell(&self, message: &Message) {
        if !self.settings.borrow().kinds.contains(&message.kind) {
            return;
        }
        for index in 0..self.slots.len() {
            self.offer(index, message.clone());
        }
    }

    fn offer(&self, index: usize, message: Message) {
        let (id, kind) = (message.id.clone(), message.kind);
        if self.slots[index].borrow_mut().offer(message, Instant::now()) {
            self.news[index].notify_one();
        } else if kind != Kind::Failsafe {
            warn!(id, "too much waits for {}: this is not told", Receiver::NAMES[index]);
        }
    }

    fn hear_of_leadership(&self, leadership: Leadership, at: Timestamp) {
        match leadership {
            Leadership::Lost(_) | Leadership::Vacant => {
                self.withdraw();
                if self.leaderless.get().is_none() {
                    self.leaderless.set(Some((Instant::now(), false)));
                    self.leadership.notify_one();
                }
            }
            Leadership::Resigned => self.withdraw(),
            Leadership::Won | Leadership::Follows => self.note_leader(at),
        }
    }

    /// What is owed about failsafes is the next leader's: sent later by us it could come after what that one said. So is what
    /// becomes of failures and policies.
    fn withdraw(&self) {
        for slot in &self.slots {
            slot.borrow_mut().withdraw_failsafes();
        }
        self.failing.borrow_mut().clear();
        self.wrong_policies.borrow_mut().clear();
    }

    fn note_leader(&self, at: Timestamp) {
        if let Some((_, true)) = self.leaderless.take() {
            self.tell(&self.composer().led_again(at));
        }
    }

    fn hear_of_policy(&self, at: Timestamp, resource: &Resource, problem: Option<&str>) {
        let mut wrong = self.wrong_policies.borrow_mut();
        match problem {
            Some(problem) if wrong.get(resource).is_none_or(|before| before != problem) => {
                wrong.insert(resource.clone(), problem.to_owned());
                self.tell(&self.composer().policy(at, resource, Some(problem)));
            }
            None if wrong.remove(resource).is_some() => self.tell(&self.composer().policy(at, resource, None)),
            _ => {}
        }
    }
}

impl Observer for Alerts {
    fn observe(&self, at: Timestamp, event: &Event) {
        match event {
            Event::Leadership(leadership) => self.hear_of_leadership(*leadership, at),
            Event::Lock { trouble: Some(_) } if self.leaderless.get().is_none() => {
                self.leaderless.set(Some((Instant::now(), false)));
                self.leadership.notify_one();
            }
            Event::Lock { trouble: None } => self.note_leader(at),
            Event::Began { resource, direction, from, to, why, uid } => {
                self.tell(&self.composer().named(uid).scaling(at, resource, *direction, (*from, *to), why));
            }
            Event::Finished { resource, direction, outcome: Outcome::Failed(failure), step, uid, .. } => {
                self.failing.borrow_mut().insert(resource.clone());
                let failure = failure.to_string();
                self.tell(&self.composer().named(uid).failure(at, resource, *direction, *step, &failure));
            }
            Event::Finished { resource, outcome: Outcome::Succeeded, uid, .. }
                if self.failing.borrow_mut().remove(resource) =>
            {
                self.tell(&self.composer().named(uid).failure_is_over(at, resource));
            }
            Event::Policy { resource, problem } => self.hear_of_policy(at, resource, problem.as_deref()),
            _ => {}
        }
    }

    fn deliver(&self, notice: &AlertNotice, told: Told<'_>) -> Delivery {
        let mut delivery = Delivery::default();
        let composer = self.composer().named(&notice.uid);
        let now = self.clock.wall();
        for (index, name) in Receiver::NAMES.iter().enumerate() {
            if !self.slots[index].borrow().has_receiver() {
                continue;
            }
            let (was_noted, entered) = match notice.action {
                AlertAction::Trigger => (told.was_entered(name), None),
                AlertAction::Resolve => {
                    let missed = !told.was_entered(name);
                    let entered = || AlertNotice { action: AlertAction::Trigger, ..notice.clone() };
                    (told.was_lifted(name), missed.then(entered))
                }
            };
            let message = composer.failsafe(now, notice);
            if was_noted || self.slots[index].borrow().is_done(&message.id) {
                delivery.done.push((*name).to_owned());
                continue;
            }
            delivery.goes_on = true;
            // What was begun is told to the end.
            for message in entered.map(|entered| composer.failsafe(now, &entered)).into_iter().chain([message]) {
                self.offer(index, message);
            }
        }
        delivery
    }
}
