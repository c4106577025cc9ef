//! The writes that carry an operation from phase to phase: always before the outside call of the phase, always
//! compare-and-set, always tied to the lock (S3, S6).

use jiff::{Timestamp, ToSpan};

use super::elapsed::Mark;
use super::event::{AlertAction, AlertNotice, Event, Observer};
use super::store::{Stored, WriteError};
use super::term::Term;
use crate::decide::Step;
use crate::domain::Resource;
use crate::operation::{Call, Failure, GroupPhase, GroupScale, Move, Operation, Outcome, ScaleIn, ScaleInPhase, Work};
use crate::ports::{Clock, Cloud, Nomad, PortError, Ports, ScaleAccepted, ScaleRequest};
use crate::state::{Alert, AlertStage, ResourceState, ResourceType};

/// How many moves one evaluation may make: enough to enter a phase, call, and note the answer.
pub(super) const MOVES_PER_EVALUATION: usize = 8;

/// A resource whose state is at hand.
pub(super) struct Subject<'a> {
    pub(super) resource: &'a Resource,
    pub(super) path: &'a str,
    pub(super) stored: Stored,
}

/// What an operation is begun for.
pub(super) struct Intent<'a> {
    pub(super) step: Step,
    pub(super) why: String,
    /// Names the resource's alerts.
    pub(super) uid: &'a str,
}

/// What an outside call answered that is worth noting in the state.
pub(super) enum Answer {
    /// Nothing.
    Done,
    /// The count was set.
    Scaled(ScaleAccepted),
    /// This activity detaches the instance.
    Detaching(crate::domain::ActivityId),
}

impl<P: Ports, O: Observer> Term<'_, P, O> {
    /// Begins an operation: from now on it survives us (S6).
    pub(super) async fn begin(&self, subject: &mut Subject<'_>, work: Work, intent: Intent<'_>) -> bool {
        let Intent { step, why, .. } = intent;
        let mut state = subject.stored.state.clone();
        // Always after what was written before, so that operations can be told apart by when they began.
        let Some(now) = self.stamp(state.last_updated) else { return false };
        let direction = work.direction();
        state.operation = Some(Operation {
            resource: subject.resource.clone(),
            notification_uid: intent.uid.to_owned(),
            started: now,
            agent: self.config.borrow().name.clone(),
            since: now,
            work,
        });
        state.scalein_requests = 0;
        state.scaleout_requests = 0;
        let begun = self.write(subject, state).await;
        if begun {
            let resource = subject.resource.clone();
            self.tell(&Event::Began { resource, direction, from: step.from, to: step.to, why });
        }
        begun
    }

    /// Gives a resource that is scaled its first state, so that an operator can enter failsafe before anything was done
    /// (S12). Whether it has one now.
    pub(super) async fn introduce(&self, subject: &mut Subject<'_>) -> bool {
        if subject.stored.index > 0 {
            return true;
        }
        let state = subject.stored.state.clone();
        self.write(subject, state).await
    }

    /// Carries out one move of an operation. Whether there may be another one right away.
    pub(super) async fn carry_out(&self, subject: &mut Subject<'_>, step: Move<Work>) -> bool {
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

    async fn enter(&self, subject: &mut Subject<'_>, work: Work, failure: Option<Failure>) -> bool {
        let mut state = subject.stored.state.clone();
        let Some(operation) = state.operation.as_mut() else { return false };
        if failure.is_some() || work.starts_timer() {
            operation.since = self.ports.clock().wall();
        }
        if let Work::GroupScale(GroupScale { phase: GroupPhase::Following { .. }, .. }) = &work {
            // The count is set: the cooldown runs from here (J19).
            state.last_scaling_event = self.stamp(state.last_scaling_event);
        }
        let phase = work.phase_name();
        operation.work = work;
        if failure.is_some() {
            state.count_failure();
        }
        let entered = self.write(subject, state).await;
        if entered {
            self.tell(&Event::Entered { resource: subject.resource.clone(), phase, failure });
        }
        entered
    }

    async fn finish(&self, subject: &mut Subject<'_>, outcome: Outcome) {
        let mut state = subject.stored.state.clone();
        let Some(operation) = state.operation.take() else { return };
        match &outcome {
            Outcome::Succeeded => state.failure_count = 0,
            Outcome::Failed(_) => state.count_last_failure(&operation),
            Outcome::Abandoned(_) => {}
        }
        if matches!(subject.resource, Resource::Pool(_)) {
            // A pool's cooldown runs from the end of what was done (P16).
            state.last_scaling_event = self.stamp(state.last_scaling_event);
        }
        let direction = operation.work.direction();
        if self.write(subject, state).await {
            self.tell(&Event::Finished { resource: subject.resource.clone(), direction, outcome });
        }
    }

    async fn call_and_note(&self, subject: &mut Subject<'_>, call: Call) -> bool {
        let Some(Operation { work, .. }) = subject.stored.state.operation.clone() else { return false };
        match (self.call(subject, &work, call).await, work) {
            (Some(Answer::Scaled(accepted)), Work::GroupScale(work)) => {
                let following = work.follow(Some(accepted.evaluation), accepted.modify_index);
                self.enter(subject, Work::GroupScale(following), None).await;
            }
            (Some(Answer::Detaching(activity)), Work::ScaleIn(work)) if is_detaching_unnamed(&work) => {
                self.enter(subject, Work::ScaleIn(work.detached_by(activity)), None).await;
            }
            _ => {}
        }
        false
    }

    /// Makes an outside call, if this agent still may (L4), and the state that it rests on is still the latest that is
    /// known: an operator may have entered failsafe meanwhile (S7). A failure is told and otherwise ignored: the next
    /// evaluation looks at what came of it.
    async fn call(&self, subject: &Subject<'_>, work: &Work, call: Call) -> Option<Answer> {
        let resource = subject.resource;
        if !self.may_act() || self.store.index(subject.path) != subject.stored.index {
            return None;
        }
        let text = describe(&call);
        let result = self.dispatch(resource, work, call).await?;
        let error = result.as_ref().err().cloned();
        self.tell(&Event::Called { resource: resource.clone(), call: text, error });
        result.ok()
    }

    async fn dispatch(&self, resource: &Resource, work: &Work, call: Call) -> Option<Result<Answer, PortError>> {
        let (nomad, cloud) = (self.ports.nomad(), self.ports.cloud());
        let done = |()| Answer::Done;
        let leaving = |activity: Option<crate::domain::ActivityId>| activity.map_or(Answer::Done, Answer::Detaching);
        Some(match (call, resource, work) {
            (Call::Scale { count, modify_index }, Resource::Group(group), Work::GroupScale(work)) => {
                let message = work.message.clone();
                let request = ScaleRequest { group: group.clone(), count, modify_index, message };
                nomad.scale(&request).await.map(Answer::Scaled)
            }
            (Call::Drain(node), ..) => nomad.drain(&node).await.map(done),
            (Call::CancelDrain(node), ..) => nomad.cancel_drain(&node).await.map(done),
            (Call::Grow(desired), ..) => cloud.grow(work.target()?, desired).await.map(done),
            (Call::Ungrow(desired), ..) => cloud.ungrow(work.target()?, desired).await.map(done),
            (Call::End(instance), ..) => cloud.end(work.target()?, &instance).await.map(done),
            (Call::TakeOut(instance), ..) => cloud.take_out(work.target()?, &instance).await.map(leaving),
            (Call::LetGo(instance), ..) => cloud.let_go(work.target()?, &instance).await.map(leaving),
            (Call::Scale { .. }, ..) => return None,
        })
    }

    /// Writes how often a direction was asked for in a row, where that changed (P15).
    pub(super) async fn note_requests(&self, subject: &mut Subject<'_>, scalein: u32, scaleout: u32) {
        let state = &subject.stored.state;
        if (state.scalein_requests, state.scaleout_requests) != (scalein, scaleout) {
            let state = ResourceState { scalein_requests: scalein, scaleout_requests: scaleout, ..state.clone() };
            self.write(subject, state).await;
        }
    }

    /// Tells about a failsafe that was entered, or lifted, since the last look (S9). First told, then noted: a crash
    /// in between repeats the alert, with the same state path, rather than losing it.
    pub(super) async fn tend_alert(&self, subject: &mut Subject<'_>) {
        let Some(alert) = subject.stored.state.alert.clone() else { return };
        let mut state = subject.stored.state.clone();
        let action = match (alert.stage, state.failsafe_mode) {
            (AlertStage::Pending, true) => Some(AlertAction::Trigger),
            (AlertStage::Raised, false) => Some(AlertAction::Resolve),
            (AlertStage::Pending, false) => None,
            (AlertStage::Raised, true) => return,
        };
        let uid = &alert.uid;
        state.alert = match action {
            Some(AlertAction::Trigger) => Some(Alert { stage: AlertStage::Raised, ..alert.clone() }),
            Some(AlertAction::Resolve) | None => None,
        };
        if let Some(action) = action {
            state.last_notification_event = self.stamp(state.last_notification_event);
            self.tell(&Event::Alert(self.notice(subject, action, uid)));
        }
        self.write(subject, state).await;
    }

    fn notice(&self, subject: &Subject<'_>, action: AlertAction, uid: &str) -> AlertNotice {
        let (resource_type, reason) = match subject.resource {
            Resource::Pool(_) => (ResourceType::WorkerPool, "cluster_failsafe_mode"),
            Resource::Group(_) => (ResourceType::JobGroup, "job_group_failsafe_mode"),
        };
        AlertNotice {
            action,
            uid: uid.to_owned(),
            cluster_identifier: self.config.borrow().cluster_identifier.clone(),
            resource: subject.resource.clone(),
            resource_type,
            reason,
            state_path: subject.path.to_owned(),
        }
    }

    /// Lets times that were just written count from now, whatever the wall clock does next (S10).
    fn see_times(&self, subject: &Subject<'_>) {
        let state = &subject.stored.state;
        let phase = state.operation.as_ref().map(|operation| operation.since);
        for (mark, time) in [(Mark::ScalingEvent, state.last_scaling_event), (Mark::Phase, phase)] {
            if let Some(time) = time {
                self.elapsed(subject.path, mark, time);
            }
        }
    }

    /// The time to note for something that happens now: by the wall clock, but always after the time that stands
    /// there, even when the clock was put back (S10).
    fn stamp(&self, stands: Option<Timestamp>) -> Option<Timestamp> {
        let now = self.ports.clock().wall();
        match stands {
            Some(stands) if stands >= now => stands.checked_add(1.nanosecond()).ok(),
            _ => Some(now),
        }
    }

    /// Writes a state over the one at hand (S3). Whether it was written; if not, what is there now is read by the
    /// next evaluation.
    async fn write(&self, subject: &mut Subject<'_>, mut state: ResourceState) -> bool {
        if !self.may_act() {
            return false;
        }
        state.last_updated = self.stamp(state.last_updated);
        let written = self.store.write(self.ports.consul(), subject.path, subject.stored.index, state).await;
        match written {
            Ok(stored) => {
                subject.stored = stored;
                self.see_times(subject);
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

fn is_detaching_unnamed(work: &ScaleIn) -> bool {
    matches!(work.phase, ScaleInPhase::Detaching { activity: None })
}

fn describe(call: &Call) -> String {
    match call {
        Call::Scale { count, .. } => format!("set count to {count}"),
        Call::Grow(desired) | Call::Ungrow(desired) => format!("set desired capacity to {desired}"),
        Call::End(instance) => format!("terminate {instance}"),
        Call::TakeOut(instance) | Call::LetGo(instance) => format!("detach {instance}"),
        Call::Drain(node) => format!("drain {node}"),
        Call::CancelDrain(node) => format!("call off the drain of {node}"),
    }
}
