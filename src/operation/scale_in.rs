//! Taking a node out of a pool: rules P21 to P23, P25, P26 and P31.

use std::fmt;
use std::sync::Arc;
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

/// How long after an instance was first seen to be out of its group it is looked for there once more, before it is
/// terminated.
const CONFIRM_AFTER: Duration = Duration::from_secs(3);

/// How long an instance that is ended must not be listed before it counts as gone. Providers list what is terminated for a
/// while.
const UNLISTED_AFTER: Duration = Duration::from_secs(45);

/// A scale-in under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScaleIn {
    /// The Auto Scaling group.
    pub target: PoolTarget,
    /// After how many failures in a row the pool enters failsafe.
    pub retry_threshold: u32,
    /// The node that leaves.
    pub node: NodeId,
    /// Its name, for people.
    #[serde(default)]
    pub node_name: String,
    /// The instance it runs on.
    pub instance: InstanceId,
    /// The fewest nodes that were allowed when it began. What is allowed now may be more, and what is believed less.
    #[serde(default)]
    pub floor: u32,
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
    /// What still runs there has no place elsewhere any more (P31).
    NoPlace,
    /// The instance was protected from scale-in meanwhile.
    Protected,
    /// One node fewer would now be below the pool's bounds.
    AtMinimum,
    /// Somebody took the instance out of the group, or out of service, to keep it.
    LeftGroup,
    /// Somebody put the instance back into the group.
    Rejoined,
    /// The pool's policy was disabled, or nothing is known of the pool any more.
    Withdrawn,
    /// The Auto Scaling group is gone: a failure.
    GroupVanished,
    /// Somebody called the drain off, as it seems.
    Cancelled,
}

impl fmt::Display for CallOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Overran => "it did not end by its deadline",
            Self::NotDetached => "the instance could not be detached",
            Self::DemandReturned => "the pool needs the node again",
            Self::NoPlace => "what runs there has no place elsewhere any more",
            Self::Protected => "the instance is now protected from scale-in",
            Self::AtMinimum => "the pool is at its minimum now",
            Self::LeftGroup => "somebody took the instance out of the group or out of service",
            Self::Rejoined => "somebody put the instance back into the group",
            Self::Withdrawn => "the policy was disabled, or is gone",
            Self::GroupVanished => "the Auto Scaling group is gone",
            Self::Cancelled => "somebody called it off",
        })
    }
}

/// What can be seen of the pool. Node and occupants are as the leader of the servers knows them at this moment: what is
/// about to be done rests on them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::struct_excessive_bools, reason = "each is a question with its own answer")]
pub struct ScaleInSight {
    /// The Auto Scaling group, if it still exists.
    pub group: Option<Arc<PoolSnapshot>>,
    /// Whether one node fewer would be below what policy and group allow.
    pub at_floor: bool,
    /// The node, if Nomad still knows it.
    pub node: Option<NodeSummary>,
    /// Whether the node's last drain says that it was somebody else's.
    #[serde(default)]
    pub drained_by_another: bool,
    /// How many allocations there are of which something may be alive.
    pub occupants: usize,
    /// The state of its instance, if the provider still knows it.
    pub instance: Option<InstanceState>,
    /// What became of the activity that detaches it, if the provider lists it.
    pub activity: Option<ActivityStatus>,
    /// Whether the pool, without the node, would have to scale out.
    pub demand_returned: bool,
    /// Whether something that still has to move has no place on the other nodes.
    pub no_place: bool,
    /// Whether the pool's policy does not ask for anything any more.
    pub withdrawn: bool,
    /// Whether this agent has called the drain off, and Nomad has taken that.
    #[serde(default)]
    pub called_off: bool,
    /// How often Nomad refused to.
    #[serde(default)]
    pub refusals: u32,
    /// How long the present time limit has run.
    pub in_phase: Duration,
    /// How many scale-ins of the pool failed in a row.
    pub failures: u32,
}

/// So often Nomad must refuse to call a drain off before that is given up.
const MOST_REFUSALS: u32 = 10;

impl ScaleInSight {
    fn instance_runs(&self) -> bool {
        matches!(self.instance, Some(InstanceState::Pending | InstanceState::Running))
    }

    fn node_is_ready(&self) -> bool {
        self.node.as_ref().is_some_and(|node| node.status == NodeStatus::Ready)
    }
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
        let Some(node) = sight.node.as_ref() else { return self.node_missing(sight) };
        if !is_in_service(node) && sight.drained_by_another {
            self.left_to_another()
        } else if !is_in_service(node) {
            Move::Enter(self.at(ScaleInPhase::Emptying), None)
        } else if let Some(why) = self.reason_to_keep(node, sight) {
            self.call_off(why)
        } else if sight.in_phase >= DRAIN_DEADLINE {
            self.call_off(CallOff::Overran)
        } else {
            Move::Call(Call::Drain(self.node.clone()))
        }
    }

    fn emptying(&self, sight: &ScaleInSight) -> Move<Self> {
        let Some(node) = sight.node.as_ref() else { return self.node_missing(sight) };
        let Some(group) = sight.group.as_ref() else { return self.group_missing(sight) };
        if is_in_service(node) {
            return self.call_off(CallOff::Cancelled);
        }
        if sight.drained_by_another {
            return self.left_to_another();
        }
        if node.status == NodeStatus::Down && group.member(&self.instance).is_none() {
            return self.node_gone();
        }
        if let Some(why) = self.reason_to_keep(node, sight) {
            self.call_off(why)
        } else if !node.draining && sight.occupants == 0 {
            Move::Enter(self.at(ScaleInPhase::Detaching { activity: None }), None)
        } else if sight.in_phase >= DRAIN_DEADLINE {
            self.call_off(CallOff::Overran)
        } else {
            Move::Wait
        }
    }

    fn detaching(&self, sight: &ScaleInSight) -> Move<Self> {
        let Some(group) = sight.group.as_ref() else { return self.group_missing(sight) };
        // Membership first: detaching a stranger may cost an innocent instance.
        let Some(member) = group.member(&self.instance) else {
            return if lists_nobody(group) && sight.in_phase < EFFECT_LIMIT {
                Move::Wait
            } else {
                Move::Enter(self.at(ScaleInPhase::Terminating), None)
            };
        };
        if member.lifecycle == Lifecycle::Detaching {
            return self.wait_for_effect(Failure::NotDetached(self.instance.clone()), sight);
        }
        if sight.node.as_ref().is_some_and(is_in_service) {
            return self.call_off(CallOff::Cancelled);
        }
        if sight.drained_by_another {
            return self.left_to_another();
        }
        let kept = sight.node.as_ref().and_then(|node| self.reason_to_keep(node, sight));
        if let Some(why) = kept {
            self.call_off(why)
        } else if matches!(sight.activity, Some(ActivityStatus::Failed | ActivityStatus::NoCapacity))
            || sight.in_phase >= EFFECT_LIMIT
        {
            self.call_off(CallOff::NotDetached)
        } else if sight.occupants > 0 {
            // Something started there after all, or has not quite ended.
            Move::Wait
        } else {
            Move::Call(Call::TakeOut(self.instance.clone()))
        }
    }

    /// Why the node is to stay, whatever was decided before; nothing: it may go.
    fn reason_to_keep(&self, node: &NodeSummary, sight: &ScaleInSight) -> Option<CallOff> {
        let member = sight.group.as_ref().and_then(|group| group.member(&self.instance));
        let leaves_by_itself = |lifecycle| matches!(lifecycle, Lifecycle::Terminating | Lifecycle::Detaching);
        // A node that is down or out of touch serves nobody, wanted or not.
        let is_ready = node.status == NodeStatus::Ready;
        match member {
            None if is_ready => Some(CallOff::LeftGroup),
            Some(member) if !member.lifecycle.counts() && !leaves_by_itself(member.lifecycle) => {
                Some(CallOff::LeftGroup)
            }
            _ if sight.withdrawn => Some(CallOff::Withdrawn),
            _ if is_ready && sight.demand_returned => Some(CallOff::DemandReturned),
            _ if is_ready && sight.no_place => Some(CallOff::NoPlace),
            Some(member) if member.protected => Some(CallOff::Protected),
            _ if sight.at_floor => Some(CallOff::AtMinimum),
            _ => None,
        }
    }

    fn terminating(&self, sight: &ScaleInSight) -> Move<Self> {
        let not_terminated = || Failure::NotTerminated(self.instance.clone());
        match sight.instance {
            Some(InstanceState::Terminated) => return Move::Finish(Outcome::Succeeded),
            Some(InstanceState::ShuttingDown) => return self.wait_for_effect(not_terminated(), sight),
            // One that is not listed may only have been left out: the servers must miss its node, too.
            None if sight.in_phase >= UNLISTED_AFTER && !sight.node_is_ready() => {
                return Move::Finish(Outcome::Succeeded);
            }
            None | Some(_) => {}
        }
        let rejoined = sight.group.as_ref().and_then(|group| group.member(&self.instance));
        if rejoined.is_some_and(|member| member.lifecycle != Lifecycle::Detaching) {
            self.call_off(CallOff::Rejoined)
        } else if sight.node.as_ref().is_some_and(is_in_service) {
            // Somebody let work in again. It is not ours to kill.
            Move::Finish(Outcome::Abandoned(Abandonment::DrainCancelled(self.node.clone())))
        } else if sight.in_phase < CONFIRM_AFTER
            || sight.in_phase < UNLISTED_AFTER && sight.group.as_deref().is_some_and(lists_nobody)
        {
            // That it is no member any more is to be seen twice.
            Move::Wait
        } else if sight.occupants > 0 || sight.in_phase >= EFFECT_LIMIT {
            self.wait_for_effect(not_terminated(), sight)
        } else {
            Move::Call(Call::End(self.instance.clone()))
        }
    }

    fn calling_off(&self, why: CallOff, sight: &ScaleInSight) -> Move<Self> {
        if why == CallOff::GroupVanished && sight.group.is_some() {
            return Move::Enter(self.at(ScaleInPhase::Emptying), None);
        }
        // A node that is down now may come back, and must not come back drained. What we drained is called off by a call, and
        // not by a look that finds it in service: an old answer would.
        let may_be_out = sight.node.as_ref().is_some_and(|node| !sight.called_off || !is_in_service(node));
        // Where nothing could be asked for so long, it is asked for all the same: given up is only what is refused.
        let is_time = sight.in_phase < EFFECT_LIMIT || !sight.called_off && sight.refusals < MOST_REFUSALS;
        if may_be_out && !sight.drained_by_another && is_time {
            return Move::Call(Call::CancelDrain(self.node.clone()));
        }
        if sight.node.is_none() && sight.instance_runs() && sight.in_phase < EFFECT_LIMIT {
            return Move::Wait;
        }
        Move::Finish(match why {
            CallOff::Overran => Outcome::Failed(Failure::DrainOverran(self.node.clone())),
            CallOff::GroupVanished => Outcome::Failed(Failure::GroupVanished),
            CallOff::Cancelled => Outcome::Abandoned(Abandonment::DrainCancelled(self.node.clone())),
            CallOff::NotDetached => Outcome::Failed(Failure::NotDetached(self.instance.clone())),
            CallOff::DemandReturned
            | CallOff::NoPlace
            | CallOff::Protected
            | CallOff::AtMinimum
            | CallOff::LeftGroup
            | CallOff::Rejoined
            | CallOff::Withdrawn => Outcome::Abandoned(Abandonment::CalledOff(why)),
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

    /// The servers do not know the node. One answer may leave something out: the provider must miss the instance, too.
    fn node_missing(&self, sight: &ScaleInSight) -> Move<Self> {
        let member = sight.group.as_ref().and_then(|group| group.member(&self.instance));
        let is_there = member.is_some() || sight.instance_runs();
        if !is_there {
            self.node_gone()
        } else if sight.in_phase < DRAIN_DEADLINE {
            Move::Wait
        } else {
            self.call_off(CallOff::Overran)
        }
    }

    /// The provider does not know the group. A group that goes takes its instances with it: as long as this one runs, the
    /// answer may be wrong.
    fn group_missing(&self, sight: &ScaleInSight) -> Move<Self> {
        if let ScaleInPhase::Detaching { activity: Some(_) } = self.phase {
            // It was taken out before: nobody but us ends it.
            Move::Enter(self.at(ScaleInPhase::Terminating), None)
        } else if sight.instance_runs() && sight.in_phase < EFFECT_LIMIT {
            Move::Wait
        } else {
            self.call_off(CallOff::GroupVanished)
        }
    }

    /// Somebody else drains the node, for reasons of their own: it is theirs to end, and to call off (P28).
    fn left_to_another(&self) -> Move<Self> {
        Move::Finish(Outcome::Abandoned(Abandonment::DrainedByAnother(self.node.clone())))
    }

    fn node_gone(&self) -> Move<Self> {
        Move::Finish(Outcome::Abandoned(Abandonment::NodeGone(self.node.clone())))
    }

    fn at(&self, phase: ScaleInPhase) -> Self {
        Self { phase, ..self.clone() }
    }
}

/// A group that wants members and lists none: the list may be a lie.
fn lists_nobody(group: &PoolSnapshot) -> bool {
    group.desired > 0 && group.instances.is_empty()
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
    #[allow(clippy::struct_excessive_bools, reason = "each is a question with its own answer")]
    struct Scene {
        group: Option<PoolSnapshot>,
        node: Option<NodeSummary>,
        drained_by_another: bool,
        occupants: usize,
        instance: Option<InstanceState>,
        activity: Option<ActivityStatus>,
        demand_returned: bool,
        no_place: bool,
        withdrawn: bool,
        at_floor: bool,
        called_off: bool,
        refusals: u32,
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
            drained_by_another: false,
            occupants: 0,
            instance: Some(InstanceState::Running),
            activity: None,
            demand_returned: false,
            no_place: false,
            withdrawn: false,
            at_floor: false,
            called_off: false,
            refusals: 0,
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
                drained_by_another: self.drained_by_another,
                group: self.group.clone().map(Arc::new),
                at_floor: self.at_floor,
                node: self.node.clone(),
                occupants: self.occupants,
                instance: self.instance,
                activity: self.activity,
                demand_returned: self.demand_returned,
                no_place: self.no_place,
                withdrawn: self.withdrawn,
                called_off: self.called_off,
                refusals: self.refusals,
                in_phase: Duration::from_secs(self.seconds),
                failures: self.failures,
            })
        }
    }

    fn operation(phase: ScaleInPhase) -> ScaleIn {
        let target = PoolTarget { provider: "aws".into(), region: "r".into(), name: "p".into() };
        ScaleIn {
            target,
            retry_threshold: 3,
            node: "n".into(),
            node_name: "workers-1".into(),
            instance: "i".into(),
            floor: 1,
            phase,
        }
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
        assert_eq!(alone.next(Terminating), Move::Wait, "that it is out is to be seen twice");
        let later = alone.clone().with(|s| s.seconds = CONFIRM_AFTER.as_secs());
        assert_eq!(later.next(Terminating), Move::Call(Call::End("i".into())));
        let shutting_down = alone.clone().with(|s| s.instance = Some(InstanceState::ShuttingDown));
        assert_eq!(shutting_down.next(Terminating), Move::Wait);
        let terminated = alone.with(|s| s.instance = Some(InstanceState::Terminated));
        assert_eq!(terminated.next(Terminating), Move::Finish(Outcome::Succeeded));
    }

    #[test]
    fn p22_a_node_is_not_empty_while_anything_still_runs_there() {
        let stopping = drained().with(|s| s.occupants = 1);
        assert_eq!(stopping.next(ScaleInPhase::Emptying), Move::Wait);
        let out = stopping.with(|s| s.group = Some(snapshot(&["j"])));
        assert_eq!(out.next(ScaleInPhase::Terminating), Move::Wait);
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
        assert_eq!(called.clone().next(calling.clone()), Move::Call(Call::CancelDrain("n".into())));
        let back = scene(false, Eligibility::Eligible);
        assert_eq!(back.next(calling.clone()), Move::Call(Call::CancelDrain("n".into())), "an old answer says so, too");
        let late = called.with(|s| s.seconds = EFFECT_LIMIT.as_secs());
        assert_eq!(late.next(calling.clone()), Move::Call(Call::CancelDrain("n".into())), "nobody could ask before");
        let refused = late.with(|s| s.refusals = MOST_REFUSALS);
        let given_up = Move::Finish(Outcome::Failed(Failure::DrainOverran("n".into())));
        assert_eq!(refused.next(calling.clone()), given_up);
        let back = back.with(|s| s.called_off = true);
        assert_eq!(back.next(calling), Move::Finish(Outcome::Failed(Failure::DrainOverran("n".into()))));
    }

    #[test]
    fn p25_a_drain_is_called_off_when_the_pool_needs_the_node_again() {
        let busy = scene(true, Eligibility::Ineligible).with(|s| {
            s.occupants = 1;
            s.demand_returned = true;
        });
        assert_eq!(busy.next(ScaleInPhase::Emptying), calling_off(CallOff::DemandReturned));
        let back = scene(false, Eligibility::Eligible).with(|s| s.called_off = true);
        let back = back.next(ScaleInPhase::CallingOff { why: CallOff::DemandReturned });
        let outcome = Outcome::Abandoned(Abandonment::CalledOff(CallOff::DemandReturned));
        assert_eq!(back, Move::Finish(outcome));
    }

    #[test]
    fn p28_what_others_did_is_not_fought() {
        let eligible_again = scene(false, Eligibility::Eligible);
        let cancelled = calling_off(CallOff::Cancelled);
        assert_eq!(eligible_again.next(ScaleInPhase::Emptying), cancelled);
        assert_eq!(eligible_again.next(DETACHING), cancelled);
        let called = eligible_again.with(|s| s.called_off = true);
        let abandoned = Move::Finish(Outcome::Abandoned(Abandonment::DrainCancelled("n".into())));
        assert_eq!(called.next(ScaleInPhase::CallingOff { why: CallOff::Cancelled }), abandoned);
        let missing = drained().with(|s| s.node = None);
        assert_eq!(missing.next(ScaleInPhase::Emptying), Move::Wait, "its instance runs, and is a member");
        let overdue = missing.clone().with(|s| s.seconds = DRAIN_DEADLINE.as_secs());
        assert_eq!(overdue.next(ScaleInPhase::Emptying), calling_off(CallOff::Overran));
        let called_off = ScaleInPhase::CallingOff { why: CallOff::Overran };
        assert_eq!(missing.next(called_off), Move::Wait, "it is let in again as soon as it is seen");
        let gone = missing.with(|s| {
            s.group = Some(snapshot(&["j"]));
            s.instance = Some(InstanceState::ShuttingDown);
        });
        let node_gone = Move::Finish(Outcome::Abandoned(Abandonment::NodeGone("n".into())));
        assert_eq!(gone.next(ScaleInPhase::Emptying), node_gone);
        let lowered = drained().with(|s| s.at_floor = true);
        assert_eq!(lowered.next(DETACHING), calling_off(CallOff::AtMinimum));
        assert_eq!(lowered.next(ScaleInPhase::Emptying), calling_off(CallOff::AtMinimum), "as soon as it is seen");
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
        assert_eq!(no_group.next(ScaleInPhase::Emptying), Move::Wait, "its instance runs");
        let no_group = no_group.with(|s| s.seconds = EFFECT_LIMIT.as_secs());
        assert_eq!(no_group.next(ScaleInPhase::Emptying), calling_off(CallOff::GroupVanished));
        let later = no_group.with(|s| s.seconds = CONFIRM_AFTER.as_secs());
        assert_eq!(later.next(ScaleInPhase::Terminating), Move::Call(Call::End("i".into())));
    }

    #[test]
    fn p28_what_somebody_else_drains_is_left_to_them() {
        use ScaleInPhase::{CallingOff, Draining, Emptying};
        let left = Move::Finish(Outcome::Abandoned(Abandonment::DrainedByAnother("n".into())));
        let theirs = scene(true, Eligibility::Ineligible).with(|s| s.drained_by_another = true);
        for phase in [Draining, Emptying, DETACHING] {
            assert_eq!(theirs.clone().next(phase), left);
        }
        let called_off = theirs.next(CallingOff { why: CallOff::DemandReturned });
        assert_eq!(called_off, Move::Finish(Outcome::Abandoned(Abandonment::CalledOff(CallOff::DemandReturned))));
        let before = scene(false, Eligibility::Eligible).with(|s| s.drained_by_another = true);
        assert_eq!(before.next(Draining), Move::Call(Call::Drain("n".into())), "an old drain, long over");
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
        let stuck = drained().with(|s| {
            s.group = Some(snapshot(&["j"]));
            s.seconds = EFFECT_LIMIT.as_secs();
        });
        let failure = Failure::NotTerminated("i".into());
        let again = Move::Enter(operation(ScaleInPhase::Terminating), Some(failure.clone()));
        assert_eq!(stuck.next(ScaleInPhase::Terminating), again);
        let last = stuck.with(|s| s.failures = 2);
        assert_eq!(last.next(ScaleInPhase::Terminating), Move::Finish(Outcome::Failed(failure)));
    }

    #[test]
    fn p22_an_instance_that_somebody_took_out_to_keep_it_is_not_terminated() {
        let detached = drained().with(|s| {
            s.group.as_mut().unwrap().instances.remove(0);
        });
        assert_eq!(detached.next(ScaleInPhase::Emptying), calling_off(CallOff::LeftGroup));
        let standby = drained().with(|s| s.group.as_mut().unwrap().instances[0].lifecycle = Lifecycle::Standby);
        assert_eq!(standby.next(ScaleInPhase::Emptying), calling_off(CallOff::LeftGroup));
        assert_eq!(standby.next(DETACHING), calling_off(CallOff::LeftGroup));
        let back = drained().next(ScaleInPhase::Terminating);
        assert_eq!(back, calling_off(CallOff::Rejoined), "a member is never terminated");
        let in_use = scene(false, Eligibility::Eligible).with(|s| {
            s.group.as_mut().unwrap().instances.remove(0);
        });
        let cancelled = Move::Finish(Outcome::Abandoned(Abandonment::DrainCancelled("n".into())));
        assert_eq!(in_use.next(ScaleInPhase::Terminating), cancelled, "somebody lets work in");
    }

    #[test]
    fn p22_an_instance_that_is_not_listed_is_ended_before_it_counts_as_gone() {
        let unlisted = drained().with(|s| {
            s.group = Some(snapshot(&["j"]));
            s.instance = None;
            s.seconds = CONFIRM_AFTER.as_secs();
        });
        assert_eq!(unlisted.next(ScaleInPhase::Terminating), Move::Call(Call::End("i".into())));
        let later = unlisted.with(|s| s.seconds = UNLISTED_AFTER.as_secs());
        assert_eq!(later.next(ScaleInPhase::Terminating), Move::Call(Call::End("i".into())), "its node is there");
        let gone = later.with(|s| s.node.as_mut().unwrap().status = NodeStatus::Down);
        assert_eq!(gone.next(ScaleInPhase::Terminating), Move::Finish(Outcome::Succeeded));
    }

    #[test]
    fn p22_a_group_that_lists_nobody_is_not_believed_at_once() {
        let nobody = drained().with(|s| s.group.as_mut().unwrap().instances.clear());
        assert_eq!(nobody.next(DETACHING), Move::Wait);
        let confirmed = nobody.clone().with(|s| s.seconds = CONFIRM_AFTER.as_secs());
        assert_eq!(confirmed.next(ScaleInPhase::Terminating), Move::Wait);
        let later = nobody.clone().with(|s| s.seconds = UNLISTED_AFTER.as_secs());
        assert_eq!(later.next(ScaleInPhase::Terminating), Move::Call(Call::End("i".into())));
        let taken_out = ScaleInPhase::Detaching { activity: Some("a".into()) };
        let no_group = nobody.with(|s| s.group = None);
        assert_eq!(
            no_group.next(taken_out),
            Move::Enter(operation(ScaleInPhase::Terminating), None),
            "it is ours to end"
        );
        let back = scene(true, Eligibility::Ineligible);
        let vanished = ScaleInPhase::CallingOff { why: CallOff::GroupVanished };
        assert_eq!(back.next(vanished), Move::Enter(operation(ScaleInPhase::Emptying), None), "the group is there");
    }

    #[test]
    fn p22_nothing_is_taken_out_while_something_is_alive_there() {
        let lingering = drained().with(|s| s.occupants = 1);
        assert_eq!(lingering.next(DETACHING), Move::Wait);
        let for_long = lingering.with(|s| s.seconds = EFFECT_LIMIT.as_secs());
        assert_eq!(for_long.next(DETACHING), calling_off(CallOff::NotDetached));
    }

    #[test]
    fn p31_room_that_vanishes_calls_the_drain_off() {
        for phase in [ScaleInPhase::Emptying, DETACHING] {
            let cramped = drained().with(|s| s.no_place = true);
            assert_eq!(cramped.next(phase), calling_off(CallOff::NoPlace));
        }
        let not_yet = scene(false, Eligibility::Eligible).with(|s| s.no_place = true);
        assert_eq!(not_yet.next(ScaleInPhase::Draining), calling_off(CallOff::NoPlace), "before it is drained");
        let back = not_yet.with(|s| s.called_off = true).next(ScaleInPhase::CallingOff { why: CallOff::NoPlace });
        assert_eq!(back, Move::Finish(Outcome::Abandoned(Abandonment::CalledOff(CallOff::NoPlace))));
    }

    #[test]
    fn p26_an_operation_ends_when_its_policy_does() {
        let in_service = scene(false, Eligibility::Eligible).with(|s| s.withdrawn = true);
        assert_eq!(in_service.next(ScaleInPhase::Draining), calling_off(CallOff::Withdrawn));
        for phase in [ScaleInPhase::Emptying, DETACHING] {
            assert_eq!(drained().with(|s| s.withdrawn = true).next(phase), calling_off(CallOff::Withdrawn));
        }
        let out = drained().with(|s| {
            s.group.as_mut().unwrap().instances.remove(0);
            s.withdrawn = true;
            s.seconds = CONFIRM_AFTER.as_secs();
        });
        let terminating = out.next(ScaleInPhase::Terminating);
        assert_eq!(terminating, Move::Call(Call::End("i".into())), "what is out already is not left behind");
    }
}
