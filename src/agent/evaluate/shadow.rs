//! The state of what is not enabled, as it would be: decisions without side effects (J5, P26).

use std::time::Duration;

use crate::agent::act::Subject;
use crate::agent::keep::Mark;
use crate::agent::tell::Observer;
use crate::agent::term::Term;
use crate::decide::{Decision, Standing, Verdict};
use crate::ports::{Clock, Ports};
use crate::state::ResourceState;

impl<P: Ports, O: Observer> Term<'_, P, O> {
    /// The standing of a resource whose policy is disabled: cooldown and requests as if it had acted, failsafe and
    /// operations as they are.
    pub(super) fn shadow_standing(&self, subject: &Subject<'_>, cooldown: Duration) -> Standing {
        let actual = &subject.stored.state;
        let shadow = self.shadows.borrow().get(subject.path).cloned().unwrap_or_else(|| ResourceState::clone(actual));
        let state = ResourceState {
            failsafe_mode: actual.failsafe_mode,
            operation: actual.operation.clone(),
            hold: actual.hold.clone(),
            ..shadow
        };
        self.standing(subject.path, &state, cooldown)
    }

    /// Notes a decision of a resource whose policy is disabled, here and nowhere else.
    pub(super) fn note_in_shadow(&self, subject: &Subject<'_>, decision: &Decision) {
        let mut shadows = self.shadows.borrow_mut();
        let shadow =
            shadows.entry(subject.path.to_owned()).or_insert_with(|| ResourceState::clone(&subject.stored.state));
        if matches!(decision.verdict, Verdict::WouldAct(_)) {
            let now = self.ports.clock().wall();
            shadow.last_scaling_event = Some(now);
            self.elapsed(subject.path, Mark::ScalingEvent, now);
            (shadow.scalein_requests, shadow.scaleout_requests) = (0, 0);
        } else {
            shadow.scalein_requests = decision.scalein_requests;
            shadow.scaleout_requests = decision.scaleout_requests;
        }
    }
}
