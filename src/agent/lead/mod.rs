//! The lock: rules L1 to L6.

mod lease;

use std::cell::RefCell;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};

use super::tell::{Event, Leadership, LossCause, Observer};
use super::{Agent, AgentConfig};
use crate::domain::{Monotonic, SessionId};
use crate::ports::{
    Clock, Consul, ErrorKind, Guard, LockState, Nomad, PortError, Ports, Service, SessionRequest, Wait, timeout,
};
use crate::state::leader_key;
pub(super) use lease::Lease;

/// How long a session lives without renewal. Consul may keep it up to twice as long.
pub const SESSION_TTL: Duration = Duration::from_secs(15);
/// How long the lock stays locked to everyone after its session was lost.
pub const LOCK_DELAY: Duration = Duration::from_secs(5);
/// How often the session is renewed.
pub const RENEW_EVERY: Duration = Duration::from_secs(4);
/// How long after the start of its last renewal an agent may still act: well before the session can end (L2). An
/// outside call begun at the last moment has the rest of the TTL and the lock delay to come to its end.
pub const LEASE: Duration = Duration::from_secs(10);

/// How long to wait before asking again when Consul did not answer, or the lock delay runs.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How long giving up leadership may take at most (L5).
const RESIGN_LIMIT: Duration = Duration::from_secs(3);

/// How often an agent that stands aside asks whether Nomad answers.
const ASK_NOMAD_EVERY: Duration = Duration::from_secs(2);

/// Whether an agent that leads could do anything with it (L7).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Sight {
    /// It could evaluate something lately, or has not tried.
    #[default]
    Fine,
    /// It could not, gave leadership up, and stands aside until Nomad answers.
    StandsAside,
    /// It stands for the lock again, and has not evaluated anything since: it does not give leadership up a second time.
    GaveUp,
}

/// A won election.
#[derive(Debug)]
pub(super) struct Won {
    pub(super) session: SessionId,
    /// When the renewal began that the lease counts from.
    pub(super) renewed: Monotonic,
}

impl<P: Ports, O: Observer> Agent<P, O> {
    /// Returns when this agent holds the lock.
    pub(super) async fn campaign(&self) -> Won {
        if self.sight.get() == Sight::StandsAside {
            self.await_nomad().await;
        }
        loop {
            match self.stand().await {
                Ok(won) => return won,
                Err(error) => {
                    // A session that went is nothing new: the next one is made at once.
                    if error.kind != ErrorKind::NotFound {
                        self.note_lock(Some(error));
                    }
                    self.ports.clock().sleep(RETRY_AFTER).await;
                }
            }
        }
    }

    /// Campaigns with one session, until it wins or the session fails.
    async fn stand(&self) -> Result<Won, PortError> {
        let consul = self.ports.consul();
        let key = self.lock_key();
        let old = self.session.borrow_mut().take();
        if let Some(old) = old {
            consul.destroy_session(&old).await.ok();
        }
        let session = match consul.create_session(&self.session_request()).await {
            Ok(session) => session,
            Err(error) => {
                // Told here, whatever kind it is: one that is "not found" comes from something that is no Consul.
                self.note_lock(Some(error.clone()));
                return Err(error);
            }
        };
        *self.session.borrow_mut() = Some(session.clone());
        let mut index = None;
        let mut follows = false;
        loop {
            let renewed = self.ports.clock().monotonic();
            consul.renew_session(&session).await?;
            let wait = index.map(|past| Wait { past, at_most: RENEW_EVERY });
            let asked = self.ports.clock().monotonic();
            let lock = consul.lock(&key, wait).await?;
            self.not_at_once(asked, index == Some(lock.index)).await;
            let held = matches!(&lock.value, LockState::Held(holder) if *holder != session);
            let won = !held && consul.acquire(&key, &session).await?;
            self.note_lock(None);
            if won {
                return Ok(Won { session, renewed });
            }
            if held && !std::mem::replace(&mut follows, true) {
                self.tell(&Event::Leadership(Leadership::Follows));
            }
            index = Some(lock.index).filter(|index| held && *index > 0);
            if index.is_none() {
                // Free and yet not to be had: its lock delay runs (L3).
                self.ports.clock().sleep(RETRY_AFTER).await;
            }
        }
    }

    /// Keeps the lease alive; returns when leadership is lost.
    pub(super) async fn keep(&self, won: &Won, lease: &Lease) -> LossCause {
        let renewing = pin!(self.renew(won, lease));
        let watching = pin!(self.watch_lock(&won.session));
        let expiring = pin!(self.await_expiry(lease));
        let cause = match select(select(renewing, watching), expiring).await {
            Either::Left((Either::Left((cause, _)) | Either::Right((cause, _)), _)) | Either::Right((cause, _)) => {
                cause
            }
        };
        lease.end();
        cause
    }

    /// Waits until Nomad answers the cheapest question there is (L7). Whether somebody else leads meanwhile is looked at and
    /// told all the same.
    async fn await_nomad(&self) {
        let key = self.lock_key();
        let mut vacant = None;
        while let Err(error) = self.ports.nomad().is_led().await {
            self.note_aside(Some(error));
            match self.ports.consul().lock(&key, None).await {
                Ok(lock) => {
                    self.note_lock(None);
                    let is_vacant = !matches!(lock.value, LockState::Held(_));
                    if vacant.replace(is_vacant) != Some(is_vacant) {
                        let leadership = if is_vacant { Leadership::Vacant } else { Leadership::Follows };
                        self.tell(&Event::Leadership(leadership));
                    }
                }
                Err(error) => self.note_lock(Some(error)),
            }
            self.ports.clock().sleep(ASK_NOMAD_EVERY).await;
        }
        self.sight.set(Sight::GaveUp);
        self.note_aside(None);
    }

    /// Gives the lock up and destroys the session, so that another agent takes over at once (L5).
    pub(super) async fn resign(&self) {
        let was_leading = self.leading.replace(false);
        self.give_back(was_leading).await;
        if was_leading {
            self.tell(&Event::Leadership(Leadership::Resigned));
        }
    }

    /// Gives back the lock, where it is held, and the session.
    pub(super) async fn give_back(&self, held: bool) {
        let Some(session) = self.session.borrow_mut().take() else { return };
        let consul = self.ports.consul();
        let key = self.lock_key();
        let giving_up = async {
            if held {
                // Releasing first spares the next leader the lock delay.
                consul.release(&key, &session).await.ok();
            }
            consul.destroy_session(&session).await.ok();
        };
        timeout(self.ports.clock(), RESIGN_LIMIT, giving_up).await;
    }

    async fn renew(&self, won: &Won, lease: &Lease) -> LossCause {
        let clock = self.ports.clock();
        let mut next = won.renewed + RENEW_EVERY;
        loop {
            clock.sleep_until(next).await;
            let began = clock.monotonic();
            next = match timeout(clock, RENEW_EVERY, self.ports.consul().renew_session(&won.session)).await {
                Some(Ok(())) => {
                    lease.extend(began);
                    self.note_lock(None);
                    began + RENEW_EVERY
                }
                Some(Err(error)) if error.kind == ErrorKind::NotFound => return LossCause::SessionGone,
                Some(Err(error)) => {
                    self.note_lock(Some(error));
                    clock.monotonic() + RETRY_AFTER
                }
                None => {
                    let message = format!("no answer within {} seconds", RENEW_EVERY.as_secs());
                    let call = format!("renew session {}", won.session);
                    self.note_lock(Some(PortError::new(Service::Consul, call, ErrorKind::Unreachable, message)));
                    clock.monotonic() + RETRY_AFTER
                }
            };
        }
    }

    async fn watch_lock(&self, session: &SessionId) -> LossCause {
        let key = self.lock_key();
        let mut index = None;
        loop {
            let wait = index.map(|past| Wait { past, at_most: SESSION_TTL });
            let asked = self.ports.clock().monotonic();
            let answer = self.ports.consul().lock(&key, wait).await;
            let unchanged = answer.as_ref().is_ok_and(|lock| index == Some(lock.index));
            self.not_at_once(asked, unchanged).await;
            match answer {
                Ok(lock) if lock.value != LockState::Held(session.clone()) => return LossCause::LockGone,
                Ok(lock) if lock.index > 0 => index = Some(lock.index),
                Ok(_) | Err(_) => {
                    index = None;
                    self.ports.clock().sleep(RETRY_AFTER).await;
                }
            }
        }
    }

    /// Pauses where a blocking query that found nothing new did not wait, as behind a proxy that drops its parameters.
    async fn not_at_once(&self, asked: Monotonic, unchanged: bool) {
        let clock = self.ports.clock();
        if unchanged && clock.monotonic().since(asked) < RETRY_AFTER {
            clock.sleep(RETRY_AFTER).await;
        }
    }

    async fn await_expiry(&self, lease: &Lease) -> LossCause {
        let clock = self.ports.clock();
        while let Some(until) = lease.until() {
            if !lease.holds(clock.monotonic()) {
                return LossCause::NotRenewed;
            }
            select(pin!(lease.ended()), pin!(clock.sleep_until(until))).await;
        }
        LossCause::LockGone
    }

    fn lock_key(&self) -> String {
        leader_key(&self.config.borrow().root)
    }

    fn session_request(&self) -> SessionRequest {
        let name = format!("replicator {}", self.config.borrow().name);
        SessionRequest { name, ttl: SESSION_TTL, lock_delay: LOCK_DELAY }
    }
}

/// The guard that ties a write to leadership (S3).
pub(super) fn guard(config: &RefCell<AgentConfig>, session: &SessionId) -> Guard {
    Guard { key: leader_key(&config.borrow().root), session: session.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l2_the_lease_ends_before_the_session_can() {
        assert!(LEASE < SESSION_TTL);
        assert!(RENEW_EVERY * 2 < LEASE, "one renewal may fail");
    }
}
