//! Changing the count of a task group, and following its deployment to the end: rules J15 to J17, J25 and J26.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Abandonment, Call, Failure, Move, Outcome};
use crate::decide::Direction;
use crate::domain::{Ailing, DeploymentStatus, EvaluationId, Hang};

/// How long a deployment is followed before it counts as failed (J16).
pub const FOLLOW_LIMIT: Duration = Duration::from_mins(15);

/// A change of a group's count under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupScale {
    /// The count before.
    pub from: u32,
    /// The count wanted.
    pub to: u32,
    /// After how many failures in a row the group enters failsafe.
    pub retry_threshold: u32,
    /// Why, for Nomad's own history.
    pub message: String,
    /// The job modify index that the decision was made on. Absent in operations begun by older versions.
    #[serde(default)]
    pub decided_on: Option<u64>,
    /// How far it is.
    pub phase: GroupPhase,
}

/// How far a change of count is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum GroupPhase {
    /// About to set the count.
    Scaling,
    /// The count is set; its deployment runs.
    Following {
        /// The evaluation that carries it out. Absent when the answer that named it was lost.
        evaluation: Option<EvaluationId>,
        /// The job modify index of the change.
        modify_index: u64,
    },
}

impl GroupPhase {
    /// The phase's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Scaling => "scaling",
            Self::Following { .. } => "following",
        }
    }
}

/// What can be seen of the job, read afresh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSight {
    /// The group's count and the job's modify index; nothing if the job or the group is gone.
    pub job: Option<(u32, u64)>,
    /// Whether the job's latest deployment is active.
    pub deploying: bool,
    /// How the change is carried out, once it is made.
    pub rollout: Rollout,
    /// Why the deployment will not end by itself, if that can be seen.
    #[serde(default)]
    pub hang: Option<Hang>,
    /// Whether some of the group could not be placed for want of room.
    #[serde(default)]
    pub lacks_room: bool,
    /// An allocation of the group that does not run, once the change is seen to fail.
    #[serde(default)]
    pub ailing: Option<Ailing>,
    /// Whether the group's policy was disabled, or is gone.
    #[serde(default)]
    pub withdrawn: bool,
    /// How long the operation has been in its phase.
    pub in_phase: Duration,
}

/// How far Nomad has carried out a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rollout {
    /// Its evaluation is not done.
    Evaluating,
    /// Its evaluation failed.
    EvaluationFailed,
    /// It made this deployment.
    Deployment(DeploymentStatus),
    /// Its evaluation is done and made no deployment: a job without `update` (J17).
    NoDeployment,
}

impl GroupScale {
    /// Which way the count goes.
    #[must_use]
    pub fn direction(&self) -> Direction {
        if self.to > self.from { Direction::Out } else { Direction::In }
    }

    /// The next move.
    #[must_use]
    pub fn next(&self, sight: &GroupSight) -> Move<Self> {
        let Some((count, modify_index)) = sight.job else {
            return Move::Finish(Outcome::Abandoned(Abandonment::JobGone));
        };
        match &self.phase {
            GroupPhase::Scaling => self.scaling(count, modify_index, sight),
            GroupPhase::Following { modify_index: ours, .. } => self.following(count, modify_index > *ours, sight),
        }
    }

    /// The same operation, following the change that was made at this index.
    #[must_use]
    pub fn follow(&self, evaluation: Option<EvaluationId>, modify_index: u64) -> Self {
        Self { phase: GroupPhase::Following { evaluation, modify_index }, ..self.clone() }
    }

    fn scaling(&self, count: u32, modify_index: u64, sight: &GroupSight) -> Move<Self> {
        if count == self.to {
            // Our call took effect and its answer was lost, or the agent that made it is.
            Move::Enter(self.follow(None, modify_index), None)
        } else if count != self.from {
            Move::Finish(Outcome::Abandoned(Abandonment::Overruled { wanted: self.to, found: count }))
        } else if sight.withdrawn {
            Move::Finish(Outcome::Abandoned(Abandonment::Withdrawn))
        } else if self.decided_on.is_some_and(|decided_on| decided_on != modify_index) {
            // Its policy may be another, or none, by now (J15).
            Move::Finish(Outcome::Abandoned(Abandonment::JobChanged))
        } else if sight.deploying {
            // Nomad 0.12 to 1.3 answer a scale call during a deployment with 400, and carry it out (J15).
            Move::Finish(Outcome::Abandoned(Abandonment::DeploymentBegan))
        } else if sight.in_phase >= FOLLOW_LIMIT {
            Move::Finish(Outcome::Failed(Failure::TookTooLong(None)))
        } else {
            Move::Call(Call::Scale { count: self.to, modify_index })
        }
    }

    /// `changed`: somebody changed the job after us, so that what becomes of it is not our doing (P28).
    fn following(&self, count: u32, changed: bool, sight: &GroupSight) -> Move<Self> {
        use DeploymentStatus::{Blocked, Cancelled, Failed, Paused, Pending, Running, Successful};
        match sight.rollout {
            Rollout::Deployment(Successful) | Rollout::NoDeployment => Move::Finish(Outcome::Succeeded),
            Rollout::Deployment(Failed) if sight.lacks_room => give_up(Abandonment::NoRoom),
            Rollout::Deployment(Failed) => fail(Failure::DeploymentFailed(sight.ailing.clone())),
            _ if changed && count != self.to => give_up(Abandonment::Overruled { wanted: self.to, found: count }),
            _ if changed => give_up(Abandonment::JobChanged),
            Rollout::Deployment(Cancelled) => fail(Failure::DeploymentFailed(None)),
            Rollout::EvaluationFailed => fail(Failure::EvaluationFailed),
            Rollout::Evaluating | Rollout::Deployment(Pending | Running | Paused | Blocked) => {
                if sight.in_phase < FOLLOW_LIMIT {
                    Move::Wait
                } else if sight.lacks_room {
                    give_up(Abandonment::NoRoom)
                } else if let Some(hang) = sight.hang {
                    give_up(Abandonment::Hanging(hang))
                } else {
                    fail(Failure::TookTooLong(sight.ailing.clone()))
                }
            }
        }
    }
}

fn fail<W>(failure: Failure) -> Move<W> {
    Move::Finish(Outcome::Failed(failure))
}

fn give_up<W>(why: Abandonment) -> Move<W> {
    Move::Finish(Outcome::Abandoned(why))
}

impl GroupSight {
    /// Whether the change is about to be given up or counted as failed, so that it is worth knowing why.
    #[must_use]
    pub fn looks_bad(&self) -> bool {
        matches!(self.rollout, Rollout::Deployment(DeploymentStatus::Failed))
            || self.in_phase >= FOLLOW_LIMIT
                && !matches!(self.rollout, Rollout::Deployment(DeploymentStatus::Successful) | Rollout::NoDeployment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaling() -> GroupScale {
        GroupScale {
            from: 2,
            to: 3,
            retry_threshold: 1,
            message: String::new(),
            decided_on: Some(7),
            phase: GroupPhase::Scaling,
        }
    }

    fn sight() -> GroupSight {
        GroupSight {
            job: Some((2, 7)),
            deploying: false,
            rollout: Rollout::Evaluating,
            hang: None,
            lacks_room: false,
            ailing: None,
            withdrawn: false,
            in_phase: Duration::ZERO,
        }
    }

    #[test]
    fn j15_a_job_that_changed_since_the_decision_is_left_alone() {
        let sight = |modify_index| GroupSight { job: Some((2, modify_index)), ..sight() };
        assert_eq!(scaling().next(&sight(7)), Move::Call(Call::Scale { count: 3, modify_index: 7 }));
        assert_eq!(scaling().next(&sight(8)), Move::Finish(Outcome::Abandoned(Abandonment::JobChanged)));
        let ours = GroupSight { job: Some((3, 8)), ..sight(8) };
        assert!(matches!(scaling().next(&ours), Move::Enter(..)), "our own change, whose answer was lost");
        let old: GroupScale = GroupScale { decided_on: None, ..scaling() };
        assert!(matches!(old.next(&sight(8)), Move::Call(_)), "begun by a version that did not note it");
    }

    #[test]
    fn j15_scales_the_job_it_has_seen() {
        assert_eq!(scaling().next(&sight()), Move::Call(Call::Scale { count: 3, modify_index: 7 }));
    }

    #[test]
    fn j15_never_scales_during_a_deployment() {
        let seen = GroupSight { deploying: true, ..sight() };
        assert_eq!(scaling().next(&seen), Move::Finish(Outcome::Abandoned(Abandonment::DeploymentBegan)));
    }

    #[test]
    fn s6_a_call_whose_answer_was_lost_is_followed_not_repeated() {
        let seen = GroupSight { job: Some((3, 9)), deploying: true, ..sight() };
        assert_eq!(scaling().next(&seen), Move::Enter(scaling().follow(None, 9), None));
    }

    #[test]
    fn p28_a_count_that_somebody_else_set_is_not_fought() {
        let seen = GroupSight { job: Some((8, 9)), ..sight() };
        let overruled = Abandonment::Overruled { wanted: 3, found: 8 };
        assert_eq!(scaling().next(&seen), Move::Finish(Outcome::Abandoned(overruled)));
        let gone = GroupSight { job: None, ..sight() };
        assert_eq!(scaling().next(&gone), Move::Finish(Outcome::Abandoned(Abandonment::JobGone)));
    }

    #[test]
    fn j16_j17_follows_the_change_to_its_end() {
        use DeploymentStatus::{Blocked, Cancelled, Failed, Paused, Pending, Running, Successful};
        let failed = |failure| Move::Finish(Outcome::Failed(failure));
        let table = [
            (Rollout::Deployment(Successful), Move::Finish(Outcome::Succeeded)),
            (Rollout::NoDeployment, Move::Finish(Outcome::Succeeded)),
            (Rollout::Deployment(Failed), failed(Failure::DeploymentFailed(None))),
            (Rollout::Deployment(Cancelled), failed(Failure::DeploymentFailed(None))),
            (Rollout::EvaluationFailed, failed(Failure::EvaluationFailed)),
            (Rollout::Evaluating, Move::Wait),
            (Rollout::Deployment(Pending), Move::Wait),
            (Rollout::Deployment(Running), Move::Wait),
            (Rollout::Deployment(Paused), Move::Wait),
            (Rollout::Deployment(Blocked), Move::Wait),
        ];
        let following = scaling().follow(Some("e".into()), 9);
        for (rollout, expected) in table {
            let just_before = FOLLOW_LIMIT.saturating_sub(Duration::from_secs(1));
            let seen = GroupSight { rollout, in_phase: just_before, ..sight() };
            assert_eq!(following.next(&seen), expected, "{rollout:?}");
            if expected == Move::Wait {
                let late = GroupSight { in_phase: FOLLOW_LIMIT, ..seen };
                assert!(late.looks_bad());
                assert_eq!(following.next(&late), failed(Failure::TookTooLong(None)), "{rollout:?} after 15 minutes");
            }
        }
    }

    fn following(sight: &GroupSight) -> Move<GroupScale> {
        scaling().follow(Some("e".into()), 9).next(sight)
    }

    #[test]
    fn p28_a_deployment_that_somebody_elses_took_the_place_of_is_nobodys_failure() {
        let cancelled = Rollout::Deployment(DeploymentStatus::Cancelled);
        let changed = |count, rollout| following(&GroupSight { job: Some((count, 12)), rollout, ..sight() });
        let overruled = Abandonment::Overruled { wanted: 3, found: 4 };
        for rollout in [cancelled, Rollout::Evaluating, Rollout::EvaluationFailed] {
            assert_eq!(changed(4, rollout), give_up(overruled.clone()), "{rollout:?}");
            assert_eq!(changed(3, rollout), give_up(Abandonment::JobChanged), "{rollout:?}");
        }
        let failed = changed(3, Rollout::Deployment(DeploymentStatus::Failed));
        assert_eq!(failed, fail(Failure::DeploymentFailed(None)), "ours failed first, and was reverted");
    }

    #[test]
    fn j25_want_of_room_is_no_failure_of_the_group() {
        let cramped = |rollout, in_phase| {
            following(&GroupSight { job: Some((3, 9)), rollout, lacks_room: true, in_phase, ..sight() })
        };
        let given_up = give_up(Abandonment::NoRoom);
        assert_eq!(cramped(Rollout::Deployment(DeploymentStatus::Failed), Duration::ZERO), given_up);
        assert_eq!(cramped(Rollout::Deployment(DeploymentStatus::Running), FOLLOW_LIMIT), given_up);
        assert_eq!(cramped(Rollout::Deployment(DeploymentStatus::Running), Duration::ZERO), Move::Wait);
    }

    #[test]
    fn j26_a_deployment_that_nomad_leaves_hanging_is_named_and_not_counted() {
        let rollout = Rollout::Deployment(DeploymentStatus::Running);
        for hang in [Hang::AwaitsPromotion, Hang::AllHealthy] {
            let seen = GroupSight { job: Some((3, 9)), rollout, hang: Some(hang), in_phase: FOLLOW_LIMIT, ..sight() };
            assert_eq!(following(&seen), give_up(Abandonment::Hanging(hang)));
        }
    }

    #[test]
    fn j16_a_failure_names_the_allocation_that_does_not_run() {
        let event = "Failed to pull `web:2`".to_owned();
        let ailing = Ailing { allocation: "a1".into(), node: "n1".into(), event };
        let rollout = Rollout::Deployment(DeploymentStatus::Failed);
        let seen = GroupSight { job: Some((3, 9)), rollout, ailing: Some(ailing), ..sight() };
        assert!(seen.looks_bad());
        let Move::Finish(outcome) = following(&seen) else { panic!("it failed") };
        let words = "failed: the deployment failed: allocation a1 on node n1: Failed to pull `web:2`";
        assert_eq!(outcome.to_string(), words);
    }

    #[test]
    fn j5_an_operation_is_given_up_when_its_policy_is() {
        let withdrawn = GroupSight { withdrawn: true, ..sight() };
        assert_eq!(scaling().next(&withdrawn), give_up(Abandonment::Withdrawn));
        let made = GroupSight { withdrawn: true, job: Some((3, 9)), ..sight() };
        assert_eq!(following(&made), Move::Wait, "what is made is still followed");
    }
}
