//! Outside calls that change something: whether one may be made now, and making it.

use super::Subject;
use crate::agent::tell::{Event, Observer};
use crate::agent::term::Term;
use crate::domain::{ActivityId, Resource};
use crate::operation::{Abandonment, Call, Operation, Outcome, ScaleIn, ScaleInPhase, Work};
use crate::ports::{Cloud, DrainOrder, ErrorKind, Nomad, PortError, Ports, ScaleAccepted, ScaleRequest};

/// What an outside call answered that is worth noting in the state.
enum Answer {
    /// Nothing.
    Done,
    /// The count was set.
    Scaled(ScaleAccepted),
    /// This activity takes the instance out.
    Leaving(ActivityId),
}

impl<P: Ports, O: Observer> Term<'_, P, O> {
    /// Makes the call of the present phase. Whether there may be another move right away: never, the next evaluation looks at
    /// what came of it.
    pub(super) async fn call_and_note(&self, subject: &mut Subject<'_>, call: Call) -> bool {
        let Some(operation) = subject.stored.state.operation.clone() else { return false };
        match (self.call(subject, &operation, call).await, operation.work) {
            (Some(Ok(Answer::Scaled(accepted))), Work::GroupScale(work)) => {
                let following = work.follow(Some(accepted.evaluation), accepted.modify_index);
                self.enter(subject, Work::GroupScale(following), None).await;
            }
            (Some(Ok(Answer::Leaving(activity))), Work::ScaleIn(work)) if is_detaching_unnamed(&work) => {
                self.enter(subject, Work::ScaleIn(work.detached_by(activity)), None).await;
            }
            (Some(Err(error)), Work::GroupScale(_)) if error.kind == ErrorKind::Refused => {
                // It did not happen, and will not: nothing is gained by asking again for a quarter of an hour.
                let refused = Outcome::Abandoned(Abandonment::Refused(error.message));
                self.finish(subject, refused).await;
            }
            _ => {}
        }
        false
    }

    /// Makes an outside call, when its turn comes (J21). A failure is told and otherwise ignored: the next evaluation looks at
    /// what came of it.
    async fn call(
        &self,
        subject: &Subject<'_>,
        operation: &Operation,
        call: Call,
    ) -> Option<Result<Answer, PortError>> {
        let limit = || self.config.borrow().concurrency;
        let _place = self.calls.take(limit, subject.need).await;
        // Last of all: the turn may have been long in coming.
        if !self.permits(subject) {
            return None;
        }
        let text = describe(&call);
        let result = self.dispatch(operation, call).await?;
        let error = result.as_ref().err().cloned();
        self.tell(&Event::Called { resource: subject.resource.clone(), call: text, error });
        Some(result)
    }

    /// Whether this agent may make an outside call about a resource now: it leads (L4), what it rests on is the latest that is
    /// known of the resource, claimed by this leader (S13), and nobody has entered failsafe (S7).
    fn permits(&self, subject: &Subject<'_>) -> bool {
        let Subject { path, stored, .. } = subject;
        self.may_act()
            && self.store.is_latest(path, stored.index)
            && stored.state.claim.as_ref() == Some(self.store.claim())
            && !stored.state.failsafe_mode
    }

    async fn dispatch(&self, operation: &Operation, call: Call) -> Option<Result<Answer, PortError>> {
        let Operation { resource, work, .. } = operation;
        let (nomad, cloud) = (self.ports.nomad(), self.ports.cloud());
        let done = |()| Answer::Done;
        let leaving = |activity: Option<ActivityId>| activity.map_or(Answer::Done, Answer::Leaving);
        Some(match (call, resource, work) {
            (Call::Scale { count, modify_index }, Resource::Group(group), Work::GroupScale(work)) => {
                let message = work.message.clone();
                let request = ScaleRequest { group: group.clone(), count, modify_index, message };
                nomad.scale(&request).await.map(Answer::Scaled)
            }
            (Call::Drain(node), ..) => {
                let message = operation.words();
                let order = DrainOrder { node, operation: operation.name(), agent: operation.agent.clone(), message };
                nomad.drain(&order).await.map(done)
            }
            (Call::CancelDrain(node), ..) => {
                let cancelled = nomad.cancel_drain(&node).await;
                self.note_calling_off(node, &cancelled);
                cancelled.map(done)
            }
            (Call::Grow(desired), ..) => cloud.grow(work.target()?, desired).await.map(done),
            (Call::Ungrow(desired), ..) => cloud.ungrow(work.target()?, desired).await.map(done),
            (Call::End(instance), ..) => cloud.end(work.target()?, &instance).await.map(done),
            (Call::TakeOut(instance), ..) => cloud.take_out(work.target()?, &instance).await.map(leaving),
            (Call::LetGo(instance), ..) => cloud.let_go(work.target()?, &instance).await.map(leaving),
            (Call::Scale { .. }, ..) => return None,
        })
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
