//! Taking a node out of a pool: rules P21 to P23 and P25.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Abandonment, Call, EFFECT_LIMIT, Failure, Move, Outcome};
use crate::domain::{
    ActivityId, ActivityStatus, Eligibility, InstanceId, InstanceState, Lifecycle, NodeId, NodeStatus, NodeSummary,
    PoolSnapshot, PoolTarget,
};

/// How long a drain may take before it is called off (P23). The limit is ours: at a limit of Nomad's own, Nomad
/// would kill what still runs.
pub const DRAIN_DEADLINE: Duration = Duration::from_mins(15);

/// A scale-in under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScaleIn {
    /// The Auto Scaling group.
    pub target: PoolTarget,
    /// After how many failures in a row the pool enters failsafe.
    pub retry_threshold: u32,
    /// The node that leaves.
    pub node: NodeId,
    /// The instance it runs on.
    pub instance: InstanceId,
    /// How far it is.
    pub phase: ScaleInPhase,
}

/// How far a scale-in is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum ScaleInPhase {
    /// About to drain the node.
    Draining,
    /// The drain has begun; waiting until nothing runs there.
    Emptying,
    /// About to detach the instance and lower the desired capacity.
    Detaching {
        /// The activity that detaches it, once the provider has named it.
        activity: Option<ActivityId>,
    },
    /// About to terminate the instance; over when it is seen terminated.
    Terminating,
    /// About to make the node eligible again.
    CallingOff {
        /// Why.
        why: CallOff,
    },
}

impl ScaleInPhase {
    /// The phase's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Draining => "draining",
            Self::Emptying => "emptying",
            Self::Detaching { .. } => "detaching",
            Self::Terminating => "terminating",
            Self::CallingOff { .. } => "calling_off",
        }
    }
}

/// Why a drain is called off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallOff {
    /// It did not end by its deadline: a failure (P23).
    Overran,
    /// The instance could not be detached: a failure.
    NotDetached,
    /// The pool needs the node again (P25).
    DemandReturned,
    /// The instance was protected from scale-in meanwhile.
    Protected,
    /// One node fewer would now be below the group's bounds.
    AtMinimum,
    /// The Auto Scaling group is gone: a failure.
    GroupVanished,
}

impl fmt::Display for CallOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Overran => "it did not end by its deadline",
            Self::NotDetached => "the instance could not be detached",
            Self::DemandReturned => "the pool needs the node again",
            Self::Protected => "the instance is now protected from scale-in",
            Self::AtMinimum => "the pool is at its minimum now",
            Self::GroupVanished => "the Auto Scaling group is gone",
        })
    }
}

/// What can be seen of the pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScaleInSight {
    /// The Auto Scaling group, if it still exists.
    pub group: Option<PoolSnapshot>,
    /// The fewest nodes that policy and group allow.
    pub floor: u32,
    /// The node, if Nomad still knows it.
    pub node: Option<NodeSummary>,
    /// How many allocations still run on it.
    pub occupants: usize,
    /// The state of its instance, if the provider still knows it.
    pub instance: Option<InstanceState>,
    /// What became of the activity that detaches it, if the provider lists it.
    pub activity: Option<ActivityStatus>,
    /// Whether the pool, without the node, would have to scale out.
    pub demand_returned: bool,
    /// How long the present time limit has run.
    pub in_phase: Duration,
    /// The resource's failure count.
    pub failures: u32,
}

impl ScaleIn {
    /// The next move.
    #[must_use]
    pub fn next(&self, sight: &ScaleInSight) -> Move<Self> {
        match &self.phase {
            ScaleInPhase::Draining => self.draining(sight),
            ScaleInPhase::Emptying => self.emptying(sight),
            ScaleInPhase::Detaching { .. } => self.detaching(sight),
            ScaleInPhase::Terminating => self.terminating(sight),
            ScaleInPhase::CallingOff { why } => self.calling_off(*why, sight),
        }
    }

    /// The same operation, with the activity that detaches the instance.
    #[must_use]
    pub fn detached_by(&self, activity: ActivityId) -> Self {
        self.at(ScaleInPhase::Detaching { activity: Some(activity) })
    }

    fn draining(&self, sight: &ScaleInSight) -> Move<Self> {
        match sight.node.as_ref() {
            None => self.node_gone(),
            Some(node) if !is_in_service(node) => Move::Enter(self.at(ScaleInPhase::Emptying), None),
            Some(_) if sight.in_phase >= DRAIN_DEADLINE => self.call_off(CallOff::Overran),
            Some(_) => Move::Call(Call::Drain(self.node.clone())),
        }
    }

    fn emptying(&self, sight: &ScaleInSight) -> Move<Self> {
        let Some(node) = sight.node.as_ref() else { return self.node_gone() };
        let Some(group) = sight.group.as_ref() else { return self.call_off(CallOff::GroupVanished) };
        if is_in_service(node) {
            return Move::Finish(Outcome::Abandoned(Abandonment::DrainCancelled(self.node.clone())));
        }
        if node.status == NodeStatus::Down && group.member(&self.instance).is_none() {
            return self.node_gone();
        }
        if sight.demand_returned && node.status == NodeStatus::Ready {
            self.call_off(CallOff::DemandReturned)
        } else if !node.draining && sight.occupants == 0 {
            Move::Enter(self.at(ScaleInPhase::Detaching { activity: None }), None)
        } else if sight.in_phase >= DRAIN_DEADLINE {
            self.call_off(CallOff::Overran)
        } else {
            Move::Wait
        }
    }

    fn detaching(&self, sight: &ScaleInSight) -> Move<Self> {
        let Some(group) = sight.group.as_ref() else { return self.call_off(CallOff::GroupVanished) };
        // Membership first: detaching a stranger may cost an innocent instance.
        let Some(member) = group.member(&self.instance) else {
            return Move::Enter(self.at(ScaleInPhase::Terminating), None);
        };
        if member.lifecycle == Lifecycle::Detaching {
            self.wait_for_effect(Failure::NotDetached(self.instance.clone()), sight)
        } else if sight.demand_returned && sight.node.as_ref().is_some_and(|node| node.status == NodeStatus::Ready) {
            self.call_off(CallOff::DemandReturned)
        } else if sight.node.as_ref().is_some_and(is_in_service) {
            Move::Finish(Outcome::Abandoned(Abandonment::DrainCancelled(self.node.clone())))
        } else if member.protected {
            self.call_off(CallOff::Protected)
        } else if group.desired <= sight.floor {
            self.call_off(CallOff::AtMinimum)
        } else if matches!(sight.activity, Some(ActivityStatus::Failed | ActivityStatus::NoCapacity))
            || sight.in_phase >= EFFECT_LIMIT
        {
            self.call_off(CallOff::NotDetached)
        } else {
            Move::Call(Call::TakeOut(self.instance.clone()))
        }
    }

    fn terminating(&self, sight: &ScaleInSight) -> Move<Self> {
        match sight.instance {
            None | Some(InstanceState::Terminated) => Move::Finish(Outcome::Succeeded),
            Some(InstanceState::ShuttingDown) => {
                self.wait_for_effect(Failure::NotTerminated(self.instance.clone()), sight)
            }
            // Somebody let work in again. It is not ours to kill.
            Some(_) if sight.occupants > 0 || sight.in_phase >= EFFECT_LIMIT => {
                self.wait_for_effect(Failure::NotTerminated(self.instance.clone()), sight)
            }
            Some(_) => Move::Call(Call::End(self.instance.clone())),
        }
    }

    fn calling_off(&self, why: CallOff, sight: &ScaleInSight) -> Move<Self> {
        // A node that is down now may come back, and must not come back drained.
        let still_out = sight.node.as_ref().is_some_and(|node| !is_in_service(node));
        if still_out && sight.in_phase < EFFECT_LIMIT {
            return Move::Call(Call::CancelDrain(self.node.clone()));
        }
        Move::Finish(match why {
            CallOff::Overran => Outcome::Failed(Failure::DrainOverran(self.node.clone())),
            CallOff::GroupVanished => Outcome::Failed(Failure::GroupVanished),
            CallOff::NotDetached => Outcome::Failed(Failure::NotDetached(self.instance.clone())),
            CallOff::DemandReturned | CallOff::Protected | CallOff::AtMinimum => {
                Outcome::Abandoned(Abandonment::CalledOff(why))
            }
        })
    }

    /// Waits for the effect of a call that was taken; past the limit that counts as a failure, and at the threshold it
    /// is the last one.
    fn wait_for_effect(&self, failure: Failure, sight: &ScaleInSight) -> Move<Self> {
        if sight.in_phase < EFFECT_LIMIT {
            Move::Wait
        } else if sight.failures.saturating_add(1) >= self.retry_threshold {
            Move::Finish(Outcome::Failed(failure))
        } else {
            Move::Enter(self.clone(), Some(failure))
        }
    }

    fn call_off(&self, why: CallOff) -> Move<Self> {
        Move::Enter(self.at(ScaleInPhase::CallingOff { why }), None)
    }

    fn node_gone(&self) -> Move<Self> {
        Move::Finish(Outcome::Abandoned(Abandonment::NodeGone(self.node.clone())))
    }

    fn at(&self, phase: ScaleInPhase) -> Self {
        Self { phase, ..self.clone() }
    }
}

/// Neither draining nor kept from new work.
fn is_in_service(node: &NodeSummary) -> bool {
    !node.draining && node.eligibility == Eligibility::Eligible
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{node, snapshot};

    #[derive(Clone)]
    struct Scene {
        group: Option<PoolSnapshot>,
        node: Option<NodeSummary>,
        occupants: usize,
        instance: Option<InstanceState>,
        activity: Option<ActivityStatus>,
        demand_returned: bool,
        seconds: u64,
        failures: u32,
    }

    /// The pool has members `i` and `j`; node `n` runs on `i`.
    fn scene(draining: bool, eligibility: Eligibility) -> Scene {
        let group = snapshot(&["i", "j"]);
        let node = NodeSummary { draining, eligibility, ..node("n").summary };
        Scene {
            group: Some(group),
            node: Some(node),
            occupants: 0,
            instance: Some(InstanceState::Running),
            activity: None,
            demand_returned: false,
            seconds: 0,
            failures: 0,
        }
    }

    fn drained() -> Scene {
        scene(false, Eligibility::Ineligible)
    }

    impl Scene {
        fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
            change(&mut self);
            self
        }

        fn next(&self, phase: ScaleInPhase) -> Move<ScaleIn> {
            operation(phase).next(&ScaleInSight {
                group: self.group.clone(),
                floor: 1,
                node: self.node.clone(),
                occupants: self.occupants,
                instance: self.instance,
                activity: self.activity,
                demand_returned: self.demand_returned,
                in_phase: Duration::from_secs(self.seconds),
                failures: self.failures,
            })
        }
    }

    fn operation(phase: ScaleInPhase) -> ScaleIn {
        let target = PoolTarget { provider: "aws".into(), region: "r".into(), name: "p".into() };
        ScaleIn { target, retry_threshold: 3, node: "n".into(), instance: "i".into(), phase }
    }

    fn entering(phase: ScaleInPhase) -> Move<ScaleIn> {
        Move::Enter(operation(phase), None)
    }

    fn calling_off(why: CallOff) -> Move<ScaleIn> {
        entering(ScaleInPhase::CallingOff { why })
    }

    const DETACHING: ScaleInPhase = ScaleInPhase::Detaching { activity: None };

    #[test]
    fn p22_drains_then_detaches_then_terminates() {
        use ScaleInPhase::{Draining, Emptying, Terminating};
        let in_service = scene(false, Eligibility::Eligible);
        let draining = scene(true, Eligibility::Ineligible).with(|s| s.occupants = 2);
        let alone = drained().with(|s| {
            let group = s.group.as_mut().unwrap();
            group.instances.remove(0);
            group.desired = 1;
        });
        assert_eq!(in_service.next(Draining), Move::Call(Call::Drain("n".into())));
        assert_eq!(draining.next(Draining), entering(Emptying), "resumed after the call took effect");
        assert_eq!(draining.next(Emptying), Move::Wait);
        assert_eq!(drained().next(Emptying), entering(DETACHING));
        assert_eq!(drained().next(DETACHING), Move::Call(Call::TakeOut("i".into())));
        assert_eq!(alone.next(DETACHING), entering(Terminating), "no stranger is ever detached");
        assert_eq!(alone.next(Terminating), Move::Call(Call::End("i".into())));
        let shutting_down = alone.clone().with(|s| s.instance = Some(InstanceState::ShuttingDown));
        assert_eq!(shutting_down.next(Terminating), Move::Wait);
        let terminated = alone.with(|s| s.instance = Some(InstanceState::Terminated));
        assert_eq!(terminated.next(Terminating), Move::Finish(Outcome::Succeeded));
    }

    #[test]
    fn p22_a_node_is_not_empty_while_anything_still_runs_there() {
        let stopping = drained().with(|s| s.occupants = 1);
        assert_eq!(stopping.next(ScaleInPhase::Emptying), Move::Wait);
        assert_eq!(stopping.next(ScaleInPhase::Terminating), Move::Wait);
    }

    #[test]
    fn p23_a_drain_that_overruns_is_called_off_and_nothing_is_terminated() {
        let overdue = scene(true, Eligibility::Ineligible).with(|s| {
            s.occupants = 1;
            s.seconds = DRAIN_DEADLINE.as_secs();
        });
        let calling = ScaleInPhase::CallingOff { why: CallOff::Overran };
        assert_eq!(overdue.next(ScaleInPhase::Emptying), calling_off(CallOff::Overran));
        let called = overdue.with(|s| s.seconds = 0);
        assert_eq!(called.next(calling.clone()), Move::Call(Call::CancelDrain("n".into())));
        let back = scene(false, Eligibility::Eligible);
        assert_eq!(back.next(calling), Move::Finish(Outcome::Failed(Failure::DrainOverran("n".into()))));
    }

    #[test]
    fn p25_a_drain_is_called_off_when_the_pool_needs_the_node_again() {
        let busy = scene(true, Eligibility::Ineligible).with(|s| {
            s.occupants = 1;
            s.demand_returned = true;
        });
        assert_eq!(busy.next(ScaleInPhase::Emptying), calling_off(CallOff::DemandReturned));
        let back = scene(false, Eligibility::Eligible).next(ScaleInPhase::CallingOff { why: CallOff::DemandReturned });
        let outcome = Outcome::Abandoned(Abandonment::CalledOff(CallOff::DemandReturned));
        assert_eq!(back, Move::Finish(outcome));
    }

    #[test]
    fn p28_what_others_did_is_not_fought() {
        let eligible_again = scene(false, Eligibility::Eligible);
        let cancelled = Move::Finish(Outcome::Abandoned(Abandonment::DrainCancelled("n".into())));
        assert_eq!(eligible_again.next(ScaleInPhase::Emptying), cancelled);
        assert_eq!(eligible_again.next(DETACHING), cancelled);
        let gone = drained().with(|s| s.node = None);
        let node_gone = Move::Finish(Outcome::Abandoned(Abandonment::NodeGone("n".into())));
        assert_eq!(gone.next(ScaleInPhase::Emptying), node_gone);
        let lowered = drained().with(|s| s.group.as_mut().unwrap().desired = 1);
        assert_eq!(lowered.next(DETACHING), calling_off(CallOff::AtMinimum));
    }

    #[test]
    fn p21_a_member_protected_meanwhile_is_kept() {
        let protected = drained().with(|s| s.group.as_mut().unwrap().instances[0].protected = true);
        assert_eq!(protected.next(DETACHING), calling_off(CallOff::Protected));
    }

    #[test]
    fn p23_nothing_stays_drained_when_the_node_is_down_or_the_group_gone() {
        let calling = ScaleInPhase::CallingOff { why: CallOff::Overran };
        let down = scene(true, Eligibility::Ineligible).with(|s| s.node.as_mut().unwrap().status = NodeStatus::Down);
        assert_eq!(down.next(calling), Move::Call(Call::CancelDrain("n".into())));
        let no_group = drained().with(|s| s.group = None);
        assert_eq!(no_group.next(ScaleInPhase::Emptying), calling_off(CallOff::GroupVanished));
        assert_eq!(no_group.next(ScaleInPhase::Terminating), Move::Call(Call::End("i".into())));
    }

    #[test]
    fn p25_demand_is_looked_at_once_more_before_the_instance_is_detached() {
        let busy = drained().with(|s| s.demand_returned = true);
        assert_eq!(busy.next(ScaleInPhase::Emptying), calling_off(CallOff::DemandReturned));
        assert_eq!(busy.next(DETACHING), calling_off(CallOff::DemandReturned));
    }

    #[test]
    fn p22_the_activity_is_followed() {
        let detaching = drained().with(|s| s.group.as_mut().unwrap().instances[0].lifecycle = Lifecycle::Detaching);
        assert_eq!(detaching.next(DETACHING), Move::Wait);
        let failed = drained().with(|s| s.activity = Some(ActivityStatus::Failed));
        assert_eq!(failed.next(DETACHING), calling_off(CallOff::NotDetached));
    }

    #[test]
    fn p22_a_termination_that_is_not_confirmed_counts_as_a_failure() {
        let stuck = drained().with(|s| s.seconds = EFFECT_LIMIT.as_secs());
        let failure = Failure::NotTerminated("i".into());
        let again = Move::Enter(operation(ScaleInPhase::Terminating), Some(failure.clone()));
        assert_eq!(stuck.next(ScaleInPhase::Terminating), again);
        let last = stuck.with(|s| s.failures = 2);
        assert_eq!(last.next(ScaleInPhase::Terminating), Move::Finish(Outcome::Failed(failure)));
    }
}
