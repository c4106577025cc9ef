//! The writes that carry an operation from phase to phase (S3, S6). What a state becomes is worked out in `state`; here it is
//! written, and told.

use std::time::Duration;

use super::Need;
use crate::agent::keep::{Stored, WriteError};
use crate::agent::tell::{AlertAction, AlertNotice, Event, Observer};
use crate::agent::term::Term;
use crate::decide::Step;
use crate::domain::Resource;
use crate::operation::{Failure, Move, Operation, Outcome, Work};
use crate::ports::{Clock, Ports};
use crate::state::{Alert, AlertDue, HistoryEntry, Noted, ResourceState, ResourceType, stamp};

/// A resource whose state is at hand.
pub(in crate::agent) struct Subject<'a> {
    pub(in crate::agent) resource: &'a Resource,
    pub(in crate::agent) path: &'a str,
    pub(in crate::agent) stored: Stored,
    /// How much what is done about it is needed.
    pub(in crate::agent) need: Need,
}

/// What an operation is begun for.
pub(in crate::agent) struct Intent<'a> {
    pub(in crate::agent) step: Step,
    pub(in crate::agent) why: String,
    /// Names the resource's alerts.
    pub(in crate::agent) uid: &'a str,
}

impl<P: Ports, O: Observer> Term<'_, P, O> {
    /// Begins an operation: from now on it survives us (S6).
    pub(in crate::agent) async fn begin(&self, subject: &mut Subject<'_>, work: Work, intent: Intent<'_>) -> bool {
        let Intent { step, why, uid } = intent;
        // Always after what was written before, so that operations can be told apart by when they began.
        let Some(now) = stamp(subject.stored.state.last_updated, self.ports.clock().wall()) else { return false };
        let direction = work.direction();
        let operation = Operation {
            resource: subject.resource.clone(),
            notification_uid: uid.to_owned(),
            started: now,
            agent: self.config.borrow().name.clone(),
            since: now,
            step: Some(step),
            work,
        };
        let (resource, uid) = (subject.resource.clone(), uid.to_owned());
        let event = Event::Began { resource, direction, from: step.from, to: step.to, why, uid };
        let notes = vec![self.note_of(&event, subject, "began")];
        let begun = self.write_with(subject, subject.stored.state.begun(operation), notes).await;
        if begun {
            self.tell(&event);
        }
        begun
    }

    /// Gives a resource that is scaled its first state, so that an operator can enter failsafe before anything was done
    /// (S12). Whether it has one now.
    pub(in crate::agent) async fn introduce(&self, subject: &mut Subject<'_>, policies: Vec<String>) -> bool {
        if subject.stored.index > 0 && subject.stored.state.policies == policies {
            return true;
        }
        let state = ResourceState { policies, ..ResourceState::clone(&subject.stored.state) };
        self.write(subject, state).await
    }

    /// Claims what another leader began, before anything rests on it: whatever that one still writes is refused then (S13).
    /// Whether it is ours now.
    pub(in crate::agent) async fn claim(&self, subject: &mut Subject<'_>) -> bool {
        if subject.stored.state.claim.as_ref() == Some(self.store.claim()) {
            return true;
        }
        let state = ResourceState::clone(&subject.stored.state);
        self.write(subject, state).await
    }

    /// Carries out one move of an operation. Whether there may be another one right away.
    pub(in crate::agent) async fn carry_out(&self, subject: &mut Subject<'_>, step: Move<Work>) -> bool {
        match step {
            Move::Wait => false,
            Move::Enter(work, failure) => self.enter(subject, work, failure).await,
            Move::Call(call) => self.call_and_note(subject, call).await,
            Move::Finish(outcome) => {
                self.finish(subject, outcome).await;
                false
            }
        }
    }

    pub(super) async fn enter(&self, subject: &mut Subject<'_>, work: Work, failure: Option<Failure>) -> bool {
        let phase = work.phase_name();
        let now = self.ports.clock().wall();
        let Some(state) = subject.stored.state.entered(work, failure.as_ref(), now) else { return false };
        let event = Event::Entered { resource: subject.resource.clone(), phase, failure };
        let notes = vec![self.note_of(&event, subject, phase)];
        let entered = self.write_with(subject, state, notes).await;
        if entered {
            self.tell(&event);
        }
        entered
    }

    pub(super) async fn finish(&self, subject: &mut Subject<'_>, outcome: Outcome) {
        let now = self.ports.clock().wall();
        let Some(operation) = subject.stored.state.operation.clone() else { return };
        let Some(state) = subject.stored.state.finished(&outcome, now) else { return };
        let enters_failsafe = state.failsafe_mode && !subject.stored.state.failsafe_mode;
        let took = Duration::try_from(now.duration_since(operation.started)).unwrap_or_default();
        let resource = subject.resource.clone();
        let direction = operation.work.direction();
        let (about, step) = (operation.work.about(), operation.step);
        let reason = outcome.to_string();
        let uid = operation.notification_uid;
        let mut events = vec![Event::Finished { resource, direction, outcome, step, about, took, uid }];
        if enters_failsafe {
            let (subject, by) = (subject.resource.to_string(), Some("the agent itself".to_owned()));
            events.push(Event::Failsafe { subject, entered: true, by, reason: Some(reason) });
        }
        let names = ["finished", "failsafe"];
        let notes = events.iter().zip(names).map(|(event, name)| self.note_of(event, subject, name)).collect();
        if self.write_with(subject, state, notes).await {
            for event in &events {
                self.tell(event);
            }
        }
    }

    /// Writes how often a direction was asked for in a row, where that changed (P15).
    pub(in crate::agent) async fn note_requests(&self, subject: &mut Subject<'_>, scalein: u32, scaleout: u32) {
        if let Some(state) = subject.stored.state.asked(scalein, scaleout) {
            self.write(subject, state).await;
        }
    }

    /// Hands on what is owed about a failsafe that was entered, or lifted, until everybody has it (S9). First told, then
    /// noted: a crash in between repeats the alert, by the same ID, rather than losing it.
    pub(in crate::agent) async fn tend_alert(&self, subject: &mut Subject<'_>) {
        let Some(due) = subject.stored.state.alert_due() else { return };
        let Some(alert) = subject.stored.state.alert.clone() else { return };
        let notice = self.notice(subject, due, &alert);
        if self.alerted.borrow_mut().insert(notice.id()) {
            self.tell(&Event::Alert(notice.clone()));
        }
        let delivery = self.observer.deliver(&notice, alert.told());
        let Some(state) = subject.stored.state.delivered(due, &delivery, self.ports.clock().wall()) else { return };
        if self.write(subject, state).await && !delivery.goes_on {
            self.alerted.borrow_mut().remove(&notice.id());
        }
    }

    fn notice(&self, subject: &Subject<'_>, due: AlertDue, alert: &Alert) -> AlertNotice {
        let (resource_type, reason) = match subject.resource {
            Resource::Pool(_) => (ResourceType::WorkerPool, "cluster_failsafe_mode"),
            Resource::Group(_) => (ResourceType::JobGroup, "job_group_failsafe_mode"),
        };
        AlertNotice {
            action: match due {
                AlertDue::Trigger => AlertAction::Trigger,
                AlertDue::Resolve => AlertAction::Resolve,
            },
            uid: alert.uid.clone(),
            cluster_identifier: self.config.borrow().cluster_identifier.clone(),
            resource: subject.resource.clone(),
            resource_type,
            reason,
            state_path: subject.path.to_owned(),
            since: alert.since,
            failures: subject.stored.state.failure_count,
            why: alert.why.clone(),
        }
    }

    /// What is told of a change, for the history (S18).
    fn note_of(&self, event: &Event, subject: &Subject<'_>, name: &str) -> Noted {
        let config = self.config.borrow();
        let entry = HistoryEntry {
            at: self.ports.clock().wall(),
            by: config.name.to_string(),
            resource: Some(subject.resource.to_string()),
            kind: event.change().map_or(name, |(kind, _)| kind).to_owned(),
            words: event.to_string(),
        };
        entry.noted(&config.root, &format!("{}/{name}", subject.resource))
    }

    async fn write(&self, subject: &mut Subject<'_>, state: ResourceState) -> bool {
        self.write_with(subject, state, vec![]).await
    }

    /// Writes a state over the one at hand (S3), and what is to be remembered of the change (S18). Whether it was written; if
    /// not, what is there now is read by the next evaluation.
    async fn write_with(&self, subject: &mut Subject<'_>, mut state: ResourceState, notes: Vec<Noted>) -> bool {
        if !self.may_act() {
            return false;
        }
        state.last_updated = stamp(state.last_updated, self.ports.clock().wall());
        // In a box of its own: writes are rare, and every evaluation would carry the room for one.
        let (consul, index) = (self.ports.consul(), subject.stored.index);
        let noted = u32::try_from(notes.len()).unwrap_or(u32::MAX);
        let written = Box::pin(self.store.write(consul, subject.path, index, (state, notes))).await;
        match written {
            Ok(stored) => {
                self.see_times(subject.path, &stored.state);
                self.noted.set(self.noted.get().saturating_add(noted));
                subject.stored = stored;
                true
            }
            Err(error) => {
                if matches!(error, WriteError::LockLost) {
                    self.lease.end();
                }
                self.trouble(subject.resource, format_args!("state at {} not written: {error}", subject.path));
                false
            }
        }
    }
}
