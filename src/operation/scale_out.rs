//! Adding a node to a pool: rules P18 to P20, P26 and P29.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::known::Known;
use super::{Abandonment, Call, EFFECT_LIMIT, Failure, Move, Outcome};
use crate::domain::{Activity, ActivityStatus, InstanceId, InstanceState, Lifecycle, PoolSnapshot, PoolTarget};

/// How long the group may take to launch an instance and its node to join, ready (P18).
pub const JOIN_DEADLINE: Duration = Duration::from_mins(5);

/// How long an instance that did not join is looked for once more, again and again, before it is terminated or detached (P19,
/// P20): one list of nodes may leave out the one that it has become.
const LOOKED_FOR: Duration = Duration::from_secs(15);

/// How often the wait for a launch is doubled, at most, where the provider lacks capacity (P29).
const DOUBLINGS: u32 = 4;

/// A scale-out under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScaleOut {
    /// The Auto Scaling group.
    pub target: PoolTarget,
    /// After how many failures in a row the pool enters failsafe.
    pub retry_threshold: u32,
    /// The desired capacity before.
    pub from: u32,
    /// The desired capacity wanted.
    pub to: u32,
    /// The instances that are not the new one: members when it began, and those that failed since.
    pub known: Known,
    /// How far it is.
    pub phase: ScaleOutPhase,
}

/// How far a scale-out is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum ScaleOutPhase {
    /// About to raise the desired capacity.
    Requesting,
    /// Waiting for the group to launch an instance.
    Launching {
        /// Whether a wait went by before, in which nothing was launched.
        #[serde(default, skip_serializing_if = "is_not")]
        again: bool,
    },
    /// Waiting for the instance's node to join Nomad.
    Joining {
        /// The new instance.
        instance: InstanceId,
        /// Whether it was launched so late that the limit which began with the request is no measure for it (P29).
        #[serde(default, skip_serializing_if = "is_not")]
        late: bool,
    },
    /// About to terminate an instance that did not join, so that the group launches another (P19).
    Replacing {
        /// The instance that did not join.
        instance: InstanceId,
    },
    /// About to detach an instance that did not join, to be kept for troubleshooting (P20).
    Detaching {
        /// The instance that did not join.
        instance: InstanceId,
    },
    /// About to lower the desired capacity again, since the group cannot launch (P20).
    Reverting,
}

impl ScaleOutPhase {
    /// The phase's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Requesting => "requesting",
            Self::Launching { .. } => "launching",
            Self::Joining { .. } => "joining",
            Self::Replacing { .. } => "replacing",
            Self::Detaching { .. } => "detaching",
            Self::Reverting => "reverting",
        }
    }

    /// The new instance, once there is one.
    #[must_use]
    pub fn instance(&self) -> Option<&InstanceId> {
        match self {
            Self::Joining { instance, .. } | Self::Replacing { instance } | Self::Detaching { instance } => {
                Some(instance)
            }
            Self::Requesting | Self::Launching { .. } | Self::Reverting => None,
        }
    }
}

/// What can be seen of the pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScaleOutSight {
    /// The Auto Scaling group.
    pub group: Arc<PoolSnapshot>,
    /// Instances that have a ready, eligible node.
    pub joined: BTreeSet<InstanceId>,
    /// New ready nodes of the pool, by name, that cannot be told to run on any member.
    #[serde(default)]
    pub unmatched: Vec<String>,
    /// Whether the pool's policy was disabled.
    #[serde(default)]
    pub withdrawn: bool,
    /// The states of the instances that the provider still knows, among those that were asked for.
    pub states: BTreeMap<InstanceId, InstanceState>,
    /// What the group tried last since the operation began, if that failed.
    pub setback: Option<Activity>,
    /// How long the present time limit has run.
    pub in_phase: Duration,
    /// The resource's failure count.
    pub failures: u32,
}

impl ScaleOut {
    /// The next move.
    #[must_use]
    pub fn next(&self, sight: &ScaleOutSight) -> Move<Self> {
        match &self.phase {
            ScaleOutPhase::Requesting => self.requesting(sight),
            ScaleOutPhase::Launching { again } => self.launching(*again, sight),
            ScaleOutPhase::Joining { instance, .. } => self.joining(instance, sight),
            ScaleOutPhase::Replacing { instance } => self.replacing(instance, sight),
            ScaleOutPhase::Detaching { .. } | ScaleOutPhase::Reverting if sight.withdrawn => {
                Move::Finish(Outcome::Abandoned(Abandonment::Withdrawn))
            }
            ScaleOutPhase::Detaching { instance } => Self::detaching(instance, sight),
            ScaleOutPhase::Reverting => self.reverting(sight),
        }
    }

    fn requesting(&self, sight: &ScaleOutSight) -> Move<Self> {
        let found = sight.group.desired;
        if sight.withdrawn && found == self.from {
            Move::Finish(Outcome::Abandoned(Abandonment::Withdrawn))
        } else if found == self.from {
            if sight.in_phase < EFFECT_LIMIT && sight.group.serving().count() >= self.to as usize {
                // It is about to let one go, or was seen at two moments: a size from that would take members away.
                return Move::Wait;
            }
            if sight.in_phase >= EFFECT_LIMIT {
                return Move::Finish(Outcome::Failed(no_launch(sight)));
            }
            Move::Call(Call::Grow(self.to))
        } else if found == self.to {
            Move::Enter(self.at(ScaleOutPhase::Launching { again: false }), None)
        } else {
            self.overruled(found)
        }
    }

    fn launching(&self, again: bool, sight: &ScaleOutSight) -> Move<Self> {
        if let Some(instance) = self.newcomer(sight) {
            let late = again || sight.in_phase >= JOIN_DEADLINE;
            Move::Enter(self.at(ScaleOutPhase::Joining { instance, late }), None)
        } else if sight.group.desired < self.to {
            self.overruled(sight.group.desired)
        } else if let Some(process) = sight.group.launch_suspended() {
            Move::Finish(Outcome::Abandoned(Abandonment::Suspended(process.to_owned())))
        } else if sight.in_phase < launch_limit(sight) {
            Move::Wait
        } else if self.is_last_attempt(sight) {
            Move::Enter(self.at(ScaleOutPhase::Reverting), None)
        } else {
            Move::Enter(self.at(ScaleOutPhase::Launching { again: true }), Some(no_launch(sight)))
        }
    }

    fn joining(&self, instance: &InstanceId, sight: &ScaleOutSight) -> Move<Self> {
        if sight.joined.contains(instance) {
            Move::Finish(Outcome::Succeeded)
        } else if !is_alive_member(instance, &sight.group) {
            let failure = Failure::DiedBeforeJoining(instance.clone());
            if self.is_last_attempt(sight) {
                // The group replaces it by itself; whatever it launches next, we no longer wait for it.
                Move::Finish(Outcome::Failed(failure))
            } else {
                Move::Enter(self.without(instance), Some(failure))
            }
        } else if sight.in_phase < JOIN_DEADLINE {
            Move::Wait
        } else if let Some(node) = sight.unmatched.first() {
            // It may well be this one's, with work on it.
            let (instance, node) = (instance.clone(), node.clone());
            Move::Finish(Outcome::Abandoned(Abandonment::Unmatched { instance, node }))
        } else if sight.withdrawn {
            Move::Finish(Outcome::Abandoned(Abandonment::Withdrawn))
        } else if self.is_last_attempt(sight) {
            Move::Enter(self.at(ScaleOutPhase::Detaching { instance: instance.clone() }), None)
        } else {
            let phase = ScaleOutPhase::Replacing { instance: instance.clone() };
            Move::Enter(self.at(phase), Some(Failure::DidNotJoin(instance.clone())))
        }
    }

    fn replacing(&self, instance: &InstanceId, sight: &ScaleOutSight) -> Move<Self> {
        match sight.states.get(instance) {
            None | Some(InstanceState::ShuttingDown | InstanceState::Terminated) => {
                Move::Enter(self.without(instance), None)
            }
            // It came late, but it came: nothing that works is thrown away.
            Some(_) if sight.joined.contains(instance) => Move::Finish(Outcome::Succeeded),
            Some(_) if sight.withdrawn => Move::Finish(Outcome::Abandoned(Abandonment::Withdrawn)),
            Some(_) if sight.in_phase >= EFFECT_LIMIT => {
                Move::Finish(Outcome::Failed(Failure::NotTerminated(instance.clone())))
            }
            Some(_) if sight.in_phase < LOOKED_FOR => Move::Wait,
            Some(_) => Move::Call(Call::End(instance.clone())),
        }
    }

    fn detaching(instance: &InstanceId, sight: &ScaleOutSight) -> Move<Self> {
        match sight.group.member(instance).map(|member| member.lifecycle) {
            Some(Lifecycle::Detaching) if sight.in_phase < EFFECT_LIMIT => Move::Wait,
            Some(_) if sight.joined.contains(instance) => Move::Finish(Outcome::Succeeded),
            Some(_) if sight.in_phase < LOOKED_FOR => Move::Wait,
            Some(_) if sight.in_phase < EFFECT_LIMIT => Move::Call(Call::LetGo(instance.clone())),
            // It still is a member: nobody shall be told that it is out.
            Some(_) => Move::Finish(Outcome::Failed(Failure::NotDetached(instance.clone()))),
            None => Move::Finish(Outcome::Failed(Failure::DidNotJoin(instance.clone()))),
        }
    }

    fn reverting(&self, sight: &ScaleOutSight) -> Move<Self> {
        if let Some(instance) = self.newcomer(sight) {
            // The group could launch after all.
            Move::Enter(self.at(ScaleOutPhase::Joining { instance, late: true }), None)
        } else if sight.group.desired == self.to && sight.in_phase < EFFECT_LIMIT {
            Move::Call(Call::Ungrow(self.from))
        } else {
            Move::Finish(Outcome::Failed(no_launch(sight)))
        }
    }

    /// The first member, by ID, that was not there before. One whose node is ready goes first.
    fn newcomer(&self, sight: &ScaleOutSight) -> Option<InstanceId> {
        let newcomers = || {
            let alive = |id: &&InstanceId| is_alive_member(id, &sight.group) && !self.known.contains(id);
            sight.group.instances.iter().map(|member| &member.id).filter(alive)
        };
        newcomers().filter(|id| sight.joined.contains(*id)).min().or_else(|| newcomers().min()).cloned()
    }

    fn is_last_attempt(&self, sight: &ScaleOutSight) -> bool {
        sight.failures.saturating_add(1) >= self.retry_threshold
    }

    fn overruled<W>(&self, found: u32) -> Move<W> {
        Move::Finish(Outcome::Abandoned(Abandonment::Overruled { wanted: self.to, found }))
    }

    fn at(&self, phase: ScaleOutPhase) -> Self {
        Self { phase, ..self.clone() }
    }

    /// Waiting for another instance in place of this one.
    fn without(&self, instance: &InstanceId) -> Self {
        let mut again = self.at(ScaleOutPhase::Launching { again: false });
        again.known.insert(instance);
        again
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_not(flag: &bool) -> bool {
    !flag
}

/// How long the group may take to launch. Where the provider lacks capacity, each wait is twice as long as the one before:
/// the group goes on trying by itself, and asking for more would help nobody (P29).
fn launch_limit(sight: &ScaleOutSight) -> Duration {
    let lacks_capacity = sight.setback.as_ref().is_some_and(|setback| setback.status == ActivityStatus::NoCapacity);
    let doublings = if lacks_capacity { sight.failures.min(DOUBLINGS) } else { 0 };
    JOIN_DEADLINE * 2_u32.pow(doublings)
}

fn no_launch(sight: &ScaleOutSight) -> Failure {
    Failure::NoLaunch(sight.setback.as_ref().map(|it| it.message.clone()).unwrap_or_default())
}

fn is_alive_member(instance: &InstanceId, group: &PoolSnapshot) -> bool {
    group.member(instance).is_some_and(|member| member.lifecycle.counts())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Work;

    /// What is seen: members of the group, who joined, how long, how many failures before.
    #[derive(Clone)]
    struct Scene {
        group: PoolSnapshot,
        setback: Option<Activity>,
        joined: BTreeSet<InstanceId>,
        unmatched: Vec<String>,
        withdrawn: bool,
        states: BTreeMap<InstanceId, InstanceState>,
        seconds: u64,
        failures: u32,
    }

    const LAUNCHING: ScaleOutPhase = ScaleOutPhase::Launching { again: false };
    const AGAIN: ScaleOutPhase = ScaleOutPhase::Launching { again: true };

    fn scene(desired: u32, members: &[&str]) -> Scene {
        Scene {
            group: PoolSnapshot { desired, ..crate::testing::snapshot(members) },
            setback: None,
            joined: BTreeSet::from(["a".into()]),
            unmatched: vec![],
            withdrawn: false,
            states: members.iter().map(|id| ((*id).into(), InstanceState::Running)).collect(),
            seconds: 0,
            failures: 0,
        }
    }

    impl Scene {
        fn joined(mut self, instance: &str) -> Self {
            self.joined.insert(instance.into());
            self
        }

        fn after(mut self, seconds: u64) -> Self {
            self.seconds = seconds;
            self
        }

        fn setback(mut self, status: ActivityStatus) -> Self {
            let began = jiff::Timestamp::UNIX_EPOCH;
            self.setback = Some(Activity { id: "x".into(), began, status, message: "none left".into() });
            self
        }

        fn failures(mut self, failures: u32) -> Self {
            self.failures = failures;
            self
        }

        fn next(&self, phase: ScaleOutPhase) -> Move<ScaleOut> {
            operation(phase).next(&ScaleOutSight {
                group: Arc::new(self.group.clone()),
                joined: self.joined.clone(),
                unmatched: self.unmatched.clone(),
                withdrawn: self.withdrawn,
                states: self.states.clone(),
                setback: self.setback.clone(),
                in_phase: Duration::from_secs(self.seconds),
                failures: self.failures,
            })
        }
    }

    fn operation(phase: ScaleOutPhase) -> ScaleOut {
        let target = PoolTarget { provider: "aws".into(), region: "r".into(), name: "p".into() };
        ScaleOut { target, retry_threshold: 3, from: 1, to: 2, known: ["a".into()].into_iter().collect(), phase }
    }

    fn entering(phase: ScaleOutPhase) -> Move<ScaleOut> {
        Move::Enter(operation(phase), None)
    }

    fn b() -> InstanceId {
        "b".into()
    }

    #[test]
    fn p18_raises_the_desired_capacity_by_one_and_once() {
        use ScaleOutPhase::Requesting;
        assert_eq!(scene(1, &["a"]).next(Requesting), Move::Call(Call::Grow(2)));
        assert_eq!(scene(2, &["a"]).next(Requesting), entering(LAUNCHING), "resumed after the call took effect");
    }

    #[test]
    fn p28_a_capacity_that_somebody_else_moved_is_not_fought() {
        let overruled = |found| Move::Finish(Outcome::Abandoned(Abandonment::Overruled { wanted: 2, found }));
        assert_eq!(scene(5, &["a"]).next(ScaleOutPhase::Requesting), overruled(5));
        assert_eq!(scene(0, &["a"]).next(ScaleOutPhase::Requesting), overruled(0));
        assert_eq!(scene(1, &["a"]).next(LAUNCHING), overruled(1));
    }

    #[test]
    fn p28_a_launch_that_somebody_suspends_is_not_waited_for() {
        let mut suspended = scene(2, &["a"]).after(10);
        suspended.group.suspended = vec!["AZRebalance".into(), "Launch".into()];
        let given_up = Move::Finish(Outcome::Abandoned(Abandonment::Suspended("Launch".into())));
        assert_eq!(suspended.next(LAUNCHING), given_up);
    }

    #[test]
    fn p18_waits_for_the_new_instance_and_then_for_its_node() {
        use ScaleOutPhase::Joining;
        assert_eq!(scene(2, &["a"]).after(299).next(LAUNCHING), Move::Wait);
        assert_eq!(scene(2, &["a", "b"]).next(LAUNCHING), entering(Joining { instance: b(), late: false }));
        assert_eq!(scene(2, &["a", "b"]).after(299).next(Joining { instance: b(), late: false }), Move::Wait);
        let joined = scene(2, &["a", "b"]).joined("b");
        assert_eq!(joined.next(Joining { instance: b(), late: false }), Move::Finish(Outcome::Succeeded));
    }

    #[test]
    fn p19_an_instance_that_does_not_join_is_terminated_and_another_awaited() {
        use ScaleOutPhase::{Joining, Replacing};
        let late = scene(2, &["a", "b"]).after(300);
        let expected = Move::Enter(operation(Replacing { instance: b() }), Some(Failure::DidNotJoin(b())));
        assert_eq!(late.next(Joining { instance: b(), late: false }), expected);
        assert_eq!(scene(2, &["a", "b"]).after(14).next(Replacing { instance: b() }), Move::Wait, "it is looked for");
        assert_eq!(scene(2, &["a", "b"]).after(15).next(Replacing { instance: b() }), Move::Call(Call::End(b())));
        let gone = scene(2, &["a"]);
        assert_eq!(
            gone.next(Replacing { instance: b() }),
            Move::Enter(operation(Replacing { instance: b() }).without(&b()), None)
        );
        let came_late = scene(2, &["a", "b"]).joined("b");
        assert_eq!(came_late.next(Replacing { instance: b() }), Move::Finish(Outcome::Succeeded));
        let stuck = scene(2, &["a", "b"]).after(EFFECT_LIMIT.as_secs()).next(Replacing { instance: b() });
        assert_eq!(stuck, Move::Finish(Outcome::Failed(Failure::NotTerminated(b()))), "not for ever");
    }

    #[test]
    fn p20_at_the_threshold_the_instance_is_detached() {
        use ScaleOutPhase::{Detaching, Joining};
        let last = scene(2, &["a", "b"]).after(300).failures(2);
        assert_eq!(last.next(Joining { instance: b(), late: false }), entering(Detaching { instance: b() }));
        assert_eq!(scene(2, &["a", "b"]).after(14).next(Detaching { instance: b() }), Move::Wait, "it is looked for");
        assert_eq!(scene(2, &["a", "b"]).after(15).next(Detaching { instance: b() }), Move::Call(Call::LetGo(b())));
        let failed = Move::Finish(Outcome::Failed(Failure::DidNotJoin(b())));
        assert_eq!(scene(1, &["a"]).next(Detaching { instance: b() }), failed);
        let stuck = scene(2, &["a", "b"]).after(EFFECT_LIMIT.as_secs()).next(Detaching { instance: b() });
        assert_eq!(stuck, Move::Finish(Outcome::Failed(Failure::NotDetached(b()))), "still a member");
    }

    #[test]
    fn p20_a_group_that_cannot_launch_is_put_back_at_the_threshold() {
        use ScaleOutPhase::Reverting;
        let none = Failure::NoLaunch(String::new());
        let again = Move::Enter(operation(AGAIN), Some(none.clone()));
        assert_eq!(scene(2, &["a"]).after(300).next(LAUNCHING), again);
        assert_eq!(scene(2, &["a"]).after(300).failures(2).next(LAUNCHING), entering(Reverting));
        assert_eq!(scene(2, &["a"]).next(Reverting), Move::Call(Call::Ungrow(1)));
        let after_all = scene(2, &["a", "b"]).after(400).next(Reverting);
        assert_eq!(after_all, entering(ScaleOutPhase::Joining { instance: b(), late: true }), "with time to join");
        assert_eq!(scene(1, &["a"]).next(Reverting), Move::Finish(Outcome::Failed(none)));
    }

    #[test]
    fn p19_an_instance_that_dies_while_we_wait_counts_as_a_failure() {
        use ScaleOutPhase::Joining;
        let failure = Failure::DiedBeforeJoining(b());
        let again = Move::Enter(operation(Joining { instance: b(), late: false }).without(&b()), Some(failure.clone()));
        assert_eq!(scene(2, &["a"]).next(Joining { instance: b(), late: false }), again);
        let last = scene(2, &["a"]).failures(2).next(Joining { instance: b(), late: false });
        assert_eq!(last, Move::Finish(Outcome::Failed(failure)));
    }

    #[test]
    fn p18_the_deadline_covers_launch_and_join_together() {
        use ScaleOutPhase::Joining;
        assert!(!Work::ScaleOut(operation(Joining { instance: b(), late: false })).starts_timer());
        assert!(Work::ScaleOut(operation(AGAIN)).starts_timer());
    }

    #[test]
    fn p29_each_wait_for_capacity_is_twice_as_long_as_the_one_before() {
        let none = Failure::NoLaunch("none left".to_owned());
        let again = || Move::Enter(operation(AGAIN), Some(none.clone()));
        let lacking = |seconds| scene(2, &["a"]).setback(ActivityStatus::NoCapacity).after(seconds);
        assert_eq!(lacking(300).next(LAUNCHING), again(), "the first wait is as long as any");
        assert_eq!(lacking(599).failures(1).next(LAUNCHING), Move::Wait);
        assert_eq!(lacking(600).failures(1).next(LAUNCHING), again());
        assert_eq!(lacking(1199).failures(2).next(LAUNCHING), Move::Wait);
        let late = scene(2, &["a", "b"]).setback(ActivityStatus::NoCapacity).after(1000);
        assert_eq!(late.next(LAUNCHING), entering(ScaleOutPhase::Joining { instance: b(), late: true }));
        let soon = scene(2, &["a", "b"]).after(290);
        assert_eq!(soon.next(AGAIN), entering(ScaleOutPhase::Joining { instance: b(), late: true }));
        assert!(matches!(lacking(1200).failures(2).next(LAUNCHING), Move::Enter(_, None)), "the last one: reverting");
        let otherwise = scene(2, &["a"]).setback(ActivityStatus::Failed).after(300).failures(1);
        assert_eq!(otherwise.next(LAUNCHING), again(), "other failures do not pass by waiting");
    }

    #[test]
    fn p18_no_size_is_set_that_would_take_members_away() {
        let shrinking = PoolSnapshot { desired: 1, ..crate::testing::snapshot(&["a", "b"]) };
        let seen = Scene { group: shrinking, ..scene(1, &["a"]) };
        assert_eq!(seen.next(ScaleOutPhase::Requesting), Move::Wait);
    }

    #[test]
    fn p19_nothing_is_terminated_while_a_new_node_may_be_its_own() {
        let joining = || ScaleOutPhase::Joining { instance: b(), late: false };
        let mut unclear = scene(2, &["a", "b"]).after(300);
        unclear.unmatched = vec!["workers-9".into()];
        for failures in 0..3 {
            let abandoned = Abandonment::Unmatched { instance: b(), node: "workers-9".into() };
            let ended = unclear.clone().failures(failures).next(joining());
            assert_eq!(ended, Move::Finish(Outcome::Abandoned(abandoned)));
        }
    }

    #[test]
    fn p26_nothing_more_is_called_once_the_policy_is_disabled() {
        use ScaleOutPhase::{Detaching, Joining, Replacing, Requesting, Reverting};
        let withdrawn = |mut scene: Scene| {
            scene.withdrawn = true;
            scene
        };
        let ended = Move::Finish(Outcome::Abandoned(Abandonment::Withdrawn));
        assert_eq!(withdrawn(scene(1, &["a"])).next(Requesting), ended);
        for phase in [Joining { instance: b(), late: false }, Replacing { instance: b() }, Detaching { instance: b() }]
        {
            assert_eq!(withdrawn(scene(2, &["a", "b"]).after(300)).next(phase), ended);
        }
        assert_eq!(withdrawn(scene(2, &["a"])).next(Reverting), ended);
        let waiting = withdrawn(scene(2, &["a", "b"])).next(Joining { instance: b(), late: false });
        assert_eq!(waiting, Move::Wait, "what was asked for is still waited for");
    }

    #[test]
    fn p18_members_out_of_service_are_no_newcomers() {
        for lifecycle in [Lifecycle::Standby, Lifecycle::Warmed, Lifecycle::Terminating] {
            let mut scene = scene(2, &["a", "b"]);
            scene.group.instances[1].lifecycle = lifecycle;
            assert_eq!(scene.next(LAUNCHING), Move::Wait, "{lifecycle:?}");
        }
    }
}
