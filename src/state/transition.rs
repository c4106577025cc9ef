//! What becomes of a state when something is done: pure functions from one state to the next. Whoever acts writes what they
//! give, and nothing else.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, ToSpan};

use super::record::{Alert, AlertStage, ResourceState};
use crate::domain::{NodeId, Resource};
use crate::operation::{Failure, GroupPhase, GroupScale, Operation, Outcome, Work};

/// How many nodes whose drain failed are remembered.
const MOST_SPARED: usize = 8;
/// How long a scale-in counts towards the limit of removals (P37).
pub const COUNTED_FOR: SignedDuration = SignedDuration::from_hours(1);
/// The most scale-ins of one pool that are remembered.
const MOST_REMOVALS: usize = 1000;
/// How often the pause after failed scale-ins is doubled, at most.
const DOUBLINGS: u32 = 5;
/// The pause after a first failed scale-in, at least.
const LEAST_PAUSE: Duration = Duration::from_mins(5);

/// What is owed about a failsafe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertDue {
    /// Somebody has to be told that it was entered.
    Trigger,
    /// Somebody has to be told that it was lifted.
    Resolve,
}

/// Who has been told of a failsafe, as far as it was noted: somebody may have told others, and been unable to note it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told<'a>(&'a Alert);

impl Told<'_> {
    /// Whether a receiver was told that it was entered.
    #[must_use]
    pub fn was_entered(self, receiver: &str) -> bool {
        self.0.stage == AlertStage::Raised || self.0.told.iter().any(|it| it == receiver)
    }

    /// Whether a receiver was told that it was lifted.
    #[must_use]
    pub fn was_lifted(self, receiver: &str) -> bool {
        self.0.resolved.iter().any(|it| it == receiver)
    }
}

impl Alert {
    /// Who has been told.
    #[must_use]
    pub fn told(&self) -> Told<'_> {
        Told(self)
    }
}

/// How far an alert has got with those whom it is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Receivers that have it, or will not have it any more.
    pub done: Vec<String>,
    /// Whether there are others that are still to get it.
    pub goes_on: bool,
}

/// The time to note for something that happens now: by the wall clock, but always after the time that stands there, even
/// when the clock was put back (S10). Nothing only at the end of time.
#[must_use]
pub fn stamp(stands: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    match stands {
        Some(stands) if stands >= now => stands.checked_add(1.nanosecond()).ok(),
        _ => Some(now),
    }
}

impl ResourceState {
    /// An operation begins: what was asked for before is done with (S6).
    #[must_use]
    pub fn begun(&self, operation: Operation) -> Self {
        let mut removals = self.removals.clone();
        if let Work::ScaleIn(_) = operation.work {
            let now = operation.started;
            removals.retain(|at| now.duration_since(*at) < COUNTED_FOR);
            removals.push(now);
            removals.drain(..removals.len().saturating_sub(MOST_REMOVALS));
        }
        Self { operation: Some(operation), scalein_requests: 0, scaleout_requests: 0, removals, ..self.clone() }
    }

    /// An operation enters a phase, after a failure or not. Nothing where none is under way.
    #[must_use]
    pub fn entered(&self, work: Work, failure: Option<&Failure>, now: Timestamp) -> Option<Self> {
        let mut state = self.clone();
        let operation = state.operation.as_mut()?;
        if failure.is_some() || work.starts_timer() {
            operation.since = now;
        }
        if let Work::GroupScale(GroupScale { phase: GroupPhase::Following { .. }, .. }) = &work {
            // The count is set: the cooldown runs from here (J19).
            state.last_scaling_event = stamp(state.last_scaling_event, now);
        }
        operation.work = work;
        if failure.is_some() {
            state.count_failure();
        }
        Some(state)
    }

    /// An operation is over. Nothing where none is under way.
    #[must_use]
    pub fn finished(&self, outcome: &Outcome, now: Timestamp) -> Option<Self> {
        let mut state = self.clone();
        let operation = state.operation.take()?;
        match outcome {
            Outcome::Succeeded => {
                state.failure_count = 0;
                if let Work::ScaleIn(_) = operation.work {
                    (state.scalein_failures, state.last_scalein_failure) = (0, None);
                    state.spared.clear();
                }
            }
            Outcome::Failed(failure) => state.count_last_failure(&operation, &failure.to_string(), now),
            Outcome::Abandoned(_) => {}
        }
        let refused = matches!(outcome, Outcome::Abandoned(crate::operation::Abandonment::Refused(_)));
        if refused || matches!(operation.resource, Resource::Pool(_)) {
            // A pool's cooldown runs from the end of what was done (P16); what was refused is not asked for at once again.
            state.last_scaling_event = stamp(state.last_scaling_event, now);
        }
        Some(state)
    }

    /// How often a direction was asked for in a row (P15); nothing where that is what stands there.
    #[must_use]
    pub fn asked(&self, scalein_requests: u32, scaleout_requests: u32) -> Option<Self> {
        let asked = (scalein_requests, scaleout_requests);
        let news = (self.scalein_requests, self.scaleout_requests) != asked;
        news.then(|| Self { scalein_requests, scaleout_requests, ..self.clone() })
    }

    /// What is owed about a failsafe that was entered or lifted (S9). What was begun is told to the end: a failsafe that is
    /// lifted before everybody was told is told all the same.
    #[must_use]
    pub fn alert_due(&self) -> Option<AlertDue> {
        let alert = self.alert.as_ref()?;
        match (alert.stage, self.failsafe_mode) {
            (AlertStage::Raised, true) => None,
            (AlertStage::Pending, true) => Some(AlertDue::Trigger),
            (_, false) => Some(AlertDue::Resolve),
        }
    }

    /// The state once what is owed has got so far; nothing where that is what stands there (S9).
    #[must_use]
    pub fn delivered(&self, due: AlertDue, delivery: &Delivery, now: Timestamp) -> Option<Self> {
        let mut state = self.clone();
        let alert = state.alert.as_mut()?;
        let list = if due == AlertDue::Trigger { &mut alert.told } else { &mut alert.resolved };
        let before = list.len();
        for receiver in &delivery.done {
            if !list.contains(receiver) {
                list.push(receiver.clone());
            }
        }
        if delivery.goes_on && list.len() == before {
            return None;
        }
        if !delivery.goes_on {
            alert.stage = AlertStage::Raised;
            state.alert = state.alert.filter(|_| due == AlertDue::Trigger);
            state.last_notification_event = stamp(state.last_notification_event, now);
        }
        Some(state)
    }

    /// How long no scale-in is tried after the last one failed: each time twice as long (P36).
    #[must_use]
    pub fn pause_after_scalein_failures(&self, cooldown: Duration) -> Duration {
        match self.scalein_failures.checked_sub(1) {
            None => Duration::ZERO,
            Some(more) => cooldown.max(LEAST_PAUSE).saturating_mul(2_u32.pow(more.min(DOUBLINGS))),
        }
    }

    /// How many failures in a row there were of what the operation does.
    #[must_use]
    pub fn failures_of(&self, work: &Work) -> u32 {
        if matches!(work, Work::ScaleIn(_)) { self.scalein_failures } else { self.failure_count }
    }

    /// Counts a failure of an operation that goes on.
    fn count_failure(&mut self) {
        let of_scalein = self.operation.as_ref().is_some_and(|operation| matches!(operation.work, Work::ScaleIn(_)));
        let count = if of_scalein { &mut self.scalein_failures } else { &mut self.failure_count };
        *count = count.saturating_add(1);
    }

    /// Counts the failure that ended an operation. At the threshold the resource enters failsafe, and an alert is owed (J18,
    /// P20, S9). A scale-in that failed never does: only scaling in pauses, and another node is tried next (P36).
    fn count_last_failure(&mut self, operation: &Operation, why: &str, now: Timestamp) {
        if let Work::ScaleIn(work) = &operation.work {
            self.scalein_failures = self.scalein_failures.saturating_add(1);
            self.last_scalein_failure = stamp(self.last_scalein_failure, now);
            self.spare(&work.node);
            return;
        }
        self.failure_count = self.failure_count.saturating_add(1);
        if self.failure_count >= operation.work.retry_threshold() && !self.failsafe_mode {
            self.failsafe_mode = true;
            self.alert = Some(Alert {
                stage: AlertStage::Pending,
                uid: operation.notification_uid.clone(),
                resource: operation.resource.clone(),
                since: Some(now),
                why: why.to_owned(),
                told: vec![],
                resolved: vec![],
            });
        }
    }

    fn spare(&mut self, node: &NodeId) {
        self.spared.retain(|spared| spared != node);
        self.spared.push(node.clone());
        let excess = self.spared.len().saturating_sub(MOST_SPARED);
        self.spared.drain(..excess);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::{Abandonment, CallOff, Known, ScaleIn, ScaleInPhase, ScaleOut, ScaleOutPhase};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn operating(resource: Resource, work: Work) -> ResourceState {
        let operation = Operation {
            resource,
            notification_uid: "REP2".into(),
            started: at(0),
            agent: "a".into(),
            since: at(0),
            step: None,
            work,
        };
        ResourceState { scalein_requests: 3, scaleout_requests: 3, ..ResourceState::default() }.begun(operation)
    }

    fn group_scale(phase: GroupPhase) -> Work {
        let (message, decided_on) = (String::new(), None);
        Work::GroupScale(GroupScale { from: 1, to: 2, retry_threshold: 2, message, decided_on, phase })
    }

    fn target() -> crate::domain::PoolTarget {
        crate::domain::PoolTarget { provider: "aws".into(), region: "r".into(), name: "p".into() }
    }

    fn scale_in(node: &str) -> Work {
        Work::ScaleIn(ScaleIn {
            target: target(),
            retry_threshold: 2,
            node: node.into(),
            node_name: String::new(),
            instance: "i".into(),
            floor: 0,
            phase: ScaleInPhase::Emptying,
        })
    }

    fn scale_out(phase: ScaleOutPhase) -> Work {
        let known = Known::default();
        Work::ScaleOut(ScaleOut { target: target(), retry_threshold: 2, from: 1, to: 2, known, phase })
    }

    fn group() -> Resource {
        Resource::Group(crate::testing::group_key("web", "g"))
    }

    fn pool() -> Resource {
        Resource::Pool("p".into())
    }

    fn failed() -> Outcome {
        Outcome::Failed(Failure::EvaluationFailed)
    }

    #[test]
    fn p15_an_operation_takes_the_requests_with_it() {
        let state = operating(pool(), scale_in("n"));
        assert_eq!((state.scalein_requests, state.scaleout_requests), (0, 0));
        assert_eq!(state.asked(0, 0), None, "nothing new is not written");
        let asked = state.asked(0, 2).unwrap();
        assert_eq!((asked.scalein_requests, asked.scaleout_requests), (0, 2));
    }

    #[test]
    fn j19_the_cooldown_of_a_group_runs_from_the_moment_the_count_was_set() {
        let scaling = operating(group(), group_scale(GroupPhase::Scaling));
        let following = group_scale(GroupPhase::Following { evaluation: None, modify_index: 7 });
        let state = scaling.entered(following, None, at(40)).unwrap();
        assert_eq!(state.last_scaling_event, Some(at(40)));
        assert_eq!(state.operation.as_ref().unwrap().since, at(0), "its limit runs from the beginning (J16)");
        let done = state.finished(&Outcome::Succeeded, at(99)).unwrap();
        assert_eq!((done.last_scaling_event, done.operation), (Some(at(40)), None));
        let refused = scaling.finished(&Outcome::Abandoned(Abandonment::Refused("no".into())), at(50)).unwrap();
        assert_eq!(refused.last_scaling_event, Some(at(50)), "what is refused is not asked for at every evaluation");
        let changed = scaling.finished(&Outcome::Abandoned(Abandonment::JobChanged), at(50)).unwrap();
        assert_eq!(changed.last_scaling_event, None);
    }

    #[test]
    fn p16_the_cooldown_of_a_pool_runs_from_the_end() {
        for outcome in [Outcome::Succeeded, failed(), Outcome::Abandoned(Abandonment::JobGone)] {
            let state = operating(pool(), scale_in("n")).finished(&outcome, at(70)).unwrap();
            assert_eq!(state.last_scaling_event, Some(at(70)), "{outcome}");
        }
    }

    #[test]
    fn s6_a_phase_that_starts_a_limit_starts_it_now() {
        let requesting = operating(pool(), scale_out(ScaleOutPhase::Requesting));
        let launching = requesting.entered(scale_out(ScaleOutPhase::Launching { again: false }), None, at(9)).unwrap();
        assert_eq!(launching.operation.as_ref().unwrap().since, at(9));
        let joining = scale_out(ScaleOutPhase::Joining { instance: "i".into(), late: false });
        let joined = launching.entered(joining.clone(), None, at(20)).unwrap();
        assert_eq!(joined.operation.as_ref().unwrap().since, at(9), "joining counts from the request (P18)");
        let again = joined.entered(joining, Some(&Failure::DidNotJoin("i".into())), at(30)).unwrap();
        assert_eq!((again.operation.unwrap().since, again.failure_count), (at(30), 1), "a failure starts it anew");
        assert_eq!(ResourceState::default().entered(scale_in("n"), None, at(1)), None, "no operation, no phase");
    }

    #[test]
    fn j18_p20_failsafe_at_the_threshold_owes_an_alert_once() {
        let begin = |state: &ResourceState| ResourceState {
            operation: operating(pool(), scale_out(ScaleOutPhase::Requesting)).operation,
            ..state.clone()
        };
        let first = begin(&ResourceState::default()).finished(&failed(), at(1)).unwrap();
        assert_eq!((first.failure_count, first.failsafe_mode, &first.alert), (1, false, &None));
        let second = begin(&first).finished(&failed(), at(2)).unwrap();
        let why = Failure::EvaluationFailed.to_string();
        let pending = Alert { since: Some(at(2)), why, ..alert(AlertStage::Pending, "REP2") };
        assert_eq!((second.failure_count, second.failsafe_mode, &second.alert), (2, true, &Some(pending)));
        assert_eq!(second.alert_due(), Some(AlertDue::Trigger));
        let told = second.delivered(AlertDue::Trigger, &Delivery::default(), at(3)).unwrap();
        assert_eq!(told.last_notification_event, Some(at(3)));
        assert_eq!(told.alert_due(), None, "told once");
        let third = begin(&told).finished(&failed(), at(4)).unwrap();
        assert_eq!(third.alert, told.alert, "a failure in failsafe raises no second one");
        let read = ResourceState::from_json(&third.to_json()).unwrap();
        assert_eq!(read, third, "all of it survives Consul");
        let success = begin(&first).finished(&Outcome::Succeeded, at(5)).unwrap();
        assert_eq!(success.failure_count, 0);
    }

    fn alert(stage: AlertStage, uid: &str) -> Alert {
        let (told, resolved) = (vec![], vec![]);
        Alert { stage, uid: uid.into(), resource: pool(), since: None, why: String::new(), told, resolved }
    }

    fn to(done: &[&str], goes_on: bool) -> Delivery {
        Delivery { done: done.iter().map(|name| (*name).to_owned()).collect(), goes_on }
    }

    #[test]
    fn s9_a_failsafe_that_is_lifted_owes_a_resolve() {
        let lifted = |stage| ResourceState { alert: Some(alert(stage, "U")), ..ResourceState::default() };
        for stage in [AlertStage::Raised, AlertStage::Pending] {
            assert_eq!(lifted(stage).alert_due(), Some(AlertDue::Resolve), "what was begun is told to the end");
            let state = lifted(stage).delivered(AlertDue::Resolve, &to(&["log"], false), at(8)).unwrap();
            assert_eq!((state.alert, state.last_notification_event), (None, Some(at(8))));
        }
        assert_eq!(ResourceState::default().alert_due(), None);
    }

    #[test]
    fn s9_who_has_been_told_is_noted_one_by_one() {
        let entered =
            ResourceState { alert: Some(alert(AlertStage::Pending, "U")), failsafe_mode: true, ..Default::default() };
        assert_eq!(entered.delivered(AlertDue::Trigger, &to(&[], true), at(1)), None, "nothing to note");
        let some = entered.delivered(AlertDue::Trigger, &to(&["slack"], true), at(1)).unwrap();
        assert_eq!((some.alert_due(), some.last_notification_event), (Some(AlertDue::Trigger), None));
        assert_eq!(some.alert.as_ref().unwrap().told, ["slack"]);
        assert_eq!(some.delivered(AlertDue::Trigger, &to(&["slack"], true), at(2)), None, "noted already");
        let lifted = ResourceState { failsafe_mode: false, ..some };
        let half = lifted.delivered(AlertDue::Resolve, &to(&["slack"], true), at(3)).unwrap();
        assert_eq!(half.alert.as_ref().unwrap().resolved, ["slack"]);
        assert_eq!(half.delivered(AlertDue::Resolve, &to(&["webhook"], false), at(4)).unwrap().alert, None);
    }

    #[test]
    fn p36_failed_scale_ins_never_lead_into_failsafe() {
        let mut state = ResourceState { failure_count: 1, ..ResourceState::default() };
        let overran = Outcome::Failed(Failure::DrainOverran("n".into()));
        for (number, node) in ["a", "b", "a"].into_iter().enumerate() {
            let begun = ResourceState { operation: operating(pool(), scale_in(node)).operation, ..state };
            state = begun.finished(&overran, at(10 + i64::try_from(number).unwrap())).unwrap();
        }
        assert_eq!((state.failure_count, state.failsafe_mode, state.scalein_failures), (1, false, 3));
        assert_eq!(state.spared, ["b".into(), "a".into()], "each once, the latest last");
        assert_eq!(state.last_scalein_failure, Some(at(12)));
        let minutes = |failures| {
            let state = ResourceState { scalein_failures: failures, ..ResourceState::default() };
            state.pause_after_scalein_failures(Duration::from_mins(10)).as_secs() / 60
        };
        assert_eq!([0, 1, 2, 3, 6, 60].map(minutes), [0, 10, 20, 40, 320, 320]);
        let begun = ResourceState { operation: operating(pool(), scale_in("c")).operation, ..state };
        assert_eq!(begun.failures_of(&scale_in("c")), 3);
        let called_off = Outcome::Abandoned(Abandonment::CalledOff(CallOff::DemandReturned));
        assert_eq!(begun.finished(&called_off, at(20)).unwrap().scalein_failures, 3);
        let done = begun.finished(&Outcome::Succeeded, at(20)).unwrap();
        assert_eq!((done.scalein_failures, done.failure_count, done.spared), (0, 0, vec![]));
    }

    #[test]
    fn s10_a_time_is_always_after_the_one_that_stands_there() {
        assert_eq!(stamp(None, at(5)), Some(at(5)));
        assert_eq!(stamp(Some(at(4)), at(5)), Some(at(5)));
        let after = stamp(Some(at(9)), at(5)).unwrap();
        assert!(after > at(9) && after < at(10), "{after}");
        assert_eq!(stamp(Some(Timestamp::MAX), at(5)), None);
    }
}
