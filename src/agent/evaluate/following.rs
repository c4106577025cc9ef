//! How groups' use goes, followed over time where a policy wants to know: between steps and while one is under way (J31, J32).

use std::collections::BTreeSet;

use crate::agent::tell::Observer;
use crate::agent::term::Term;
use crate::agent::watch::ManagedGroup;
use crate::decide::{Direction, GroupObservation, Step};
use crate::domain::{GroupKey, Resource};
use crate::policy::GroupStrategy;
use crate::ports::{Clock, Ports};

impl<P: Ports, O: Observer> Term<'_, P, O> {
    /// Adds to what is seen of a group how its use went and is expected to go on.
    pub(super) fn follow_use(&self, key: &GroupKey, managed: &ManagedGroup, observation: &mut GroupObservation) {
        let GroupStrategy::Target(target) = &managed.policy.strategy else { return };
        let Some(group) = managed.group(key) else { return };
        let (now, interval) = (self.ports.clock().monotonic(), self.config.borrow().job_interval);
        let mut signals = self.signals.borrow_mut();
        signals.entry(key.clone()).or_default().take(now, interval, &group.tasks, target, observation);
    }

    /// Samples a group while something is under way on it, so that nothing of how its use went is lost.
    pub(super) async fn follow_meanwhile(&self, key: &GroupKey, managed: &ManagedGroup) {
        if matches!(managed.policy.strategy, GroupStrategy::Target(_)) {
            // What is seen is kept, and nothing else is wanted of it.
            let _ = self.observe(key, managed).await;
        }
    }

    /// A step was begun: how long it takes to have effect is measured.
    pub(super) fn note_asked(&self, key: &GroupKey, step: Step) {
        if step.direction() == Direction::Out
            && let Some(signal) = self.signals.borrow_mut().get_mut(key)
        {
            signal.asked(self.ports.clock().monotonic(), step.to);
        }
    }

    /// Nothing is under way on a group any more.
    pub(super) fn note_free(&self, key: &GroupKey) {
        if let Some(signal) = self.signals.borrow_mut().get_mut(key) {
            signal.is_free(self.ports.clock().monotonic());
        }
    }

    /// Forgets how the use of groups went that are gone.
    pub(in crate::agent) fn forget_followed(&self, kept: &BTreeSet<Resource>) {
        self.signals.borrow_mut().retain(|key, _| kept.contains(&Resource::Group(key.clone())));
    }
}
