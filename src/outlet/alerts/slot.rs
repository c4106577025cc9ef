//! A receiver with its queue: what is due, and what has been delivered. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

use crate::adapters::notify::{Kind, Message, Receiver, Undelivered};

/// How much may wait.
const MOST_WAITING: usize = 256;
/// The first pause after a failure; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest of them.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// How long a message is tried.
const PATIENCE: Duration = Duration::from_hours(24);
/// How many of those that are done with are remembered.
const MOST_DONE: usize = 1024;

/// How a receiver is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Its name.
    pub receiver: &'static str,
    /// How many messages wait.
    pub waiting: usize,
    /// How many it took.
    pub sent: u64,
    /// How often one was not taken.
    pub failed: u64,
    /// How many it will never get: nobody was there for a day, or too many waited.
    pub lost: u64,
    /// When it last took one.
    pub last_sent: Option<Timestamp>,
    /// When it last did not.
    pub last_failed: Option<Timestamp>,
    /// What was wrong then; nothing once it took one again.
    pub trouble: Option<String>,
}

/// A receiver with its queue.
#[derive(Debug, Default)]
pub(super) struct Slot {
    receiver: Option<Receiver>,
    waiting: VecDeque<Waiting>,
    /// IDs of alerts of failsafes that it has, or will never have.
    done: VecDeque<String>,
    standing: Standing,
}

#[derive(Debug)]
struct Waiting {
    message: Message,
    since: Instant,
    due: Instant,
    attempts: u32,
}

/// What a failure comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// Nothing was wrong before, or something else.
    First,
    /// As before.
    Again,
    /// This message is given up.
    ForGood(Box<Message>),
}

impl Slot {
    pub(super) fn has_receiver(&self) -> bool {
        self.receiver.is_some()
    }

    /// Another receiver, or the same with other settings: what waits is tried again at once. Without one nothing waits.
    pub(super) fn set_receiver(&mut self, receiver: Option<Receiver>, now: Instant) {
        for waiting in &mut self.waiting {
            waiting.due = now;
        }
        if receiver.is_none() {
            self.waiting.clear();
        }
        self.receiver = receiver;
    }

    pub(super) fn standing(&self) -> Option<Standing> {
        let receiver = self.receiver.as_ref()?.name();
        Some(Standing { receiver, waiting: self.waiting.len(), ..self.standing.clone() })
    }

    /// Takes a message, unless it is there already or done with. False when there is no room for it.
    pub(super) fn offer(&mut self, message: Message, now: Instant) -> bool {
        let is_known = self.is_done(&message.id) || self.waiting.iter().any(|it| it.message.id == message.id);
        if self.receiver.is_none() || is_known {
            return true;
        }
        if self.waiting.len() >= MOST_WAITING {
            // What somebody has to be called for goes before what is only told, and is offered again where it has no room.
            let is_call = message.kind == Kind::Failsafe;
            let lesser = self.waiting.iter().position(|it| it.message.kind != Kind::Failsafe).filter(|_| is_call);
            self.standing.lost += u64::from(lesser.is_some() || !is_call);
            let Some(lesser) = lesser else { return false };
            self.waiting.remove(lesser);
        }
        self.waiting.push_back(Waiting { message, since: now, due: now, attempts: 0 });
        true
    }

    /// Whether the receiver has this, or will never have it.
    pub(super) fn is_done(&self, id: &str) -> bool {
        self.done.iter().any(|done| done == id)
    }

    /// Whether something waits that was not tried yet.
    pub(super) fn has_fresh(&self) -> bool {
        self.waiting.iter().any(|waiting| waiting.attempts == 0)
    }

    /// When the next message is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.in_turn().map(|waiting| waiting.due).min()
    }

    /// The first message that is due.
    pub(super) fn first(&self, now: Instant) -> Option<(Receiver, Message)> {
        let receiver = self.receiver.clone()?;
        let waiting = self.in_turn().find(|waiting| waiting.due <= now)?;
        Some((receiver, waiting.message.clone()))
    }

    /// Those whose turn it is: a message waits for earlier ones about the same thing, and for no others.
    fn in_turn(&self) -> impl Iterator<Item = &Waiting> {
        let is_first = |(index, waiting): &(usize, &Waiting)| {
            self.waiting.iter().take(*index).all(|before| before.message.key != waiting.message.key)
        };
        self.waiting.iter().enumerate().filter(is_first).map(|(_, waiting)| waiting)
    }

    /// The receiver took it. Whether something was wrong before.
    pub(super) fn succeeded(&mut self, id: &str, now: Timestamp) -> bool {
        self.standing.sent += 1;
        self.standing.last_sent = Some(now);
        self.finish(id);
        self.standing.trouble.take().is_some()
    }

    /// The receiver did not take it.
    pub(super) fn failed(&mut self, id: &str, error: &Undelivered, now: Instant, wall: Timestamp) -> Failed {
        self.standing.failed += 1;
        self.standing.last_failed = Some(wall);
        let is_news = self.standing.trouble.as_ref() != Some(&error.why);
        self.standing.trouble = Some(error.why.clone());
        let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.message.id == id) else {
            return Failed::Again;
        };
        if now.duration_since(waiting.since) >= PATIENCE {
            let lost = Box::new(waiting.message.clone());
            self.standing.lost += 1;
            self.finish(id);
            return Failed::ForGood(lost);
        }
        let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(waiting.attempts.min(16))).min(LONGEST_PAUSE);
        // Some of it at random, so that agents do not all come at once.
        let pause = pause.mul_f64(0.75 + fastrand::f64() / 4.0);
        waiting.attempts += 1;
        waiting.due = now + error.retry_after.map_or(pause, |asked| asked.max(pause));
        if is_news { Failed::First } else { Failed::Again }
    }

    /// Forgets what was owed about failsafes: another leads, and tells it anew.
    pub(super) fn withdraw_failsafes(&mut self) {
        self.waiting.retain(|waiting| waiting.message.kind != Kind::Failsafe);
        self.done.clear();
    }

    fn finish(&mut self, id: &str) {
        let Some(index) = self.waiting.iter().position(|waiting| waiting.message.id == id) else { return };
        let kind = self.waiting.remove(index).map(|waiting| waiting.message.kind);
        if kind == Some(Kind::Failsafe) {
            self.done.push_back(id.to_owned());
            let excess = self.done.len().saturating_sub(MOST_DONE);
            self.done.drain(..excess);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::notify::{Action, Severity, Slack};
    use crate::outlet::alerts::compose::Composer;

    fn slot() -> (Slot, Instant) {
        let now = Instant::now();
        let mut slot = Slot::default();
        slot.set_receiver(Some(Receiver::Slack(Slack { url: "https://h.example/x".into() })), now);
        (slot, now)
    }

    fn message(key: &str, id: &str, kind: Kind) -> Message {
        let composer =
            Composer { agent: "a".into(), cluster: String::new(), uid: String::new(), severity: Severity::Info };
        let test = composer.test(Timestamp::UNIX_EPOCH, Action::Trigger);
        Message { id: id.to_owned(), key: key.to_owned(), kind, ..test }
    }

    fn away() -> Undelivered {
        Undelivered { why: "away".to_owned(), retry_after: None }
    }

    fn first(slot: &Slot, now: Instant) -> Option<String> {
        slot.first(now).map(|(_, message)| message.id)
    }

    #[test]
    fn s9_a_resolve_waits_for_its_trigger_and_nothing_else_does() {
        let (mut slot, now) = slot();
        for (key, id) in [("p", "p/trigger"), ("p", "p/resolve"), ("q", "q/trigger"), ("p", "p/trigger")] {
            assert!(slot.offer(message(key, id, Kind::Failsafe), now));
        }
        assert_eq!(slot.standing().unwrap().waiting, 3, "each once");
        assert_eq!(first(&slot, now).as_deref(), Some("p/trigger"));
        assert_eq!(slot.failed("p/trigger", &away(), now, Timestamp::UNIX_EPOCH), Failed::First);
        assert_eq!(first(&slot, now).as_deref(), Some("q/trigger"), "another's trouble is not its own");
        assert!(slot.succeeded("q/trigger", Timestamp::UNIX_EPOCH) && slot.is_done("q/trigger"));
        assert_eq!(first(&slot, now), None, "the resolve waits");
        let later = slot.next_due().unwrap();
        assert!(later > now && later <= now + FIRST_PAUSE);
        slot.succeeded("p/trigger", Timestamp::UNIX_EPOCH);
        assert_eq!(first(&slot, now).as_deref(), Some("p/resolve"));
    }

    #[test]
    fn s9_pauses_grow_and_end_and_a_service_may_ask_for_longer_ones() {
        let (mut slot, mut now) = slot();
        slot.offer(message("p", "p", Kind::Failsafe), now);
        let mut pauses = Vec::new();
        for _ in 0..12 {
            slot.failed("p", &away(), now, Timestamp::UNIX_EPOCH);
            let due = slot.next_due().unwrap();
            pauses.push(due - now);
            now = due;
        }
        assert!(
            pauses[0] <= FIRST_PAUSE && pauses[11] <= LONGEST_PAUSE && pauses[11] > LONGEST_PAUSE / 2,
            "{pauses:?}"
        );
        let asked = Undelivered { retry_after: Some(Duration::from_mins(10)), ..away() };
        slot.failed("p", &asked, now, Timestamp::UNIX_EPOCH);
        assert_eq!(slot.next_due(), Some(now + Duration::from_mins(10)));
        let lost = slot.failed("p", &away(), now + PATIENCE, Timestamp::UNIX_EPOCH);
        assert!(matches!(lost, Failed::ForGood(_)) && slot.is_done("p"), "nobody waits for ever");
        assert_eq!(slot.standing().unwrap().lost, 1);
    }

    #[test]
    fn s9_what_waits_is_bounded_and_an_alert_goes_before_a_note() {
        let (mut slot, now) = slot();
        for number in 0..MOST_WAITING {
            assert!(slot.offer(message("k", &number.to_string(), Kind::Scaling), now));
        }
        assert!(!slot.offer(message("k", "one more", Kind::Scaling), now));
        assert!(slot.offer(message("p", "alert", Kind::Failsafe), now));
        let standing = slot.standing().unwrap();
        assert_eq!((standing.waiting, standing.lost), (MOST_WAITING, 2));
        slot.withdraw_failsafes();
        assert_eq!(slot.standing().unwrap().waiting, MOST_WAITING - 1, "the next leader tells it");
        slot.set_receiver(None, now);
        assert!(slot.standing().is_none() && slot.offer(message("k", "x", Kind::Scaling), now));
        assert_eq!(slot.next_due(), None);
    }
}
