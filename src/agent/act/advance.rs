//! Takes an operation as far as it can be taken now: looks, makes a move, looks again.

use super::Subject;
use crate::agent::tell::Observer;
use crate::agent::term::Term;
use crate::agent::watch::ManagedPool;
use crate::domain::GroupKey;
use crate::operation::{Failure, Move, Operation, Outcome, Situation, Work};
use crate::ports::{ErrorKind, PortError, Ports, Service};

/// How many moves one evaluation may make: enough to enter a phase, call, and note the answer.
const MOVES_PER_EVALUATION: usize = 8;

/// What an operation is about, as it is watched.
#[derive(Clone, Copy)]
pub(in crate::agent) enum Ground<'a> {
    /// A task group.
    Group(&'a GroupKey),
    /// A pool, where anything is known of it.
    Pool(Option<&'a ManagedPool>),
}

impl<P: Ports, O: Observer> Term<'_, P, O> {
    pub(in crate::agent) async fn advance(&self, ground: Ground<'_>, subject: &mut Subject<'_>) {
        for _ in 0..MOVES_PER_EVALUATION {
            let Some(operation) = subject.stored.state.operation.clone() else { return };
            if self.is_frozen(subject.path, &subject.stored.state) || !self.claim(subject).await {
                return;
            }
            let next = match self.look(ground, &operation, subject).await {
                Ok(Some(situation)) => self.move_on(subject.resource, &situation),
                Ok(None) => return,
                Err(error) if is_group_gone(&operation.work, &error) => {
                    Move::Finish(Outcome::Failed(Failure::GroupVanished))
                }
                Err(error) => return self.trouble(subject.resource, error),
            };
            if !self.carry_out(subject, next).await {
                return;
            }
        }
    }

    /// What can be seen; nothing where the operation is of another kind than what it is about.
    async fn look(
        &self,
        ground: Ground<'_>,
        operation: &Operation,
        subject: &Subject<'_>,
    ) -> Result<Option<Situation>, PortError> {
        let in_phase = self.in_phase(subject.path, operation);
        let failures = subject.stored.state.failures_of(&operation.work);
        Ok(Some(match (&operation.work, ground) {
            (Work::GroupScale(work), Ground::Group(key)) => {
                let sight = self.look_at_group(key, work, in_phase).await?;
                Situation::GroupScale { work: work.clone(), sight }
            }
            (Work::ScaleOut(work), Ground::Pool(pool)) => {
                let sight = self.look_out(work, pool, operation, in_phase, failures).await?;
                Situation::ScaleOut { work: work.clone(), sight }
            }
            (Work::ScaleIn(work), Ground::Pool(pool)) => {
                let sight = self.look_in(work, pool, operation, in_phase, failures).await?;
                Situation::ScaleIn { work: work.clone(), sight }
            }
            _ => return Ok(None),
        }))
    }
}

/// Whether a pool's Auto Scaling group is not there any more. A scale-in looks for itself: it has a drain to call off.
fn is_group_gone(work: &Work, error: &PortError) -> bool {
    error.service == Service::Cloud && error.kind == ErrorKind::NotFound && matches!(work, Work::ScaleOut(_))
}
