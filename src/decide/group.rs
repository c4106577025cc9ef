//! Whether to scale a task group: what its strategy wishes for, and what stands against it. Rules J6 to J13, J19 to J27.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::decide::finding::{Finding, Quantity, Relation, Rule};
use crate::decide::strategy::{LEAST, Wish, target, threshold};
use crate::decide::{Decision, Direction, Standing, Step, Stop, Verdict, cooldown, verdict};
use crate::domain::{GroupKey, Hang, Percent, Resource, TaskName};
use crate::policy::{GroupPolicy, GroupStrategy};

/// What is seen of a task group.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GroupObservation {
    /// The count that the job asks for.
    pub count: u32,
    /// How many of its allocations run.
    pub running: usize,
    /// Whether the job's latest deployment is active (J6).
    pub deploying: bool,
    /// Why that deployment will not end by itself, if that can be seen.
    #[serde(default)]
    pub hang: Option<Hang>,
    /// How many running allocations are on clients that collect no statistics (J12).
    #[serde(default)]
    pub uncollected: usize,
    /// What each task uses.
    pub tasks: Vec<TaskObservation>,
    /// How the use went, where the policy wants to know (J31, J32).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watched: Option<Watched>,
}

/// For how long a group's use has been followed, and how far ahead it is looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// For how long without a gap.
    pub span: Duration,
    /// How long it takes until a decision has effect, as measured.
    pub horizon: Duration,
}

/// What a task uses on average.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskObservation {
    /// The task.
    pub task: TaskName,
    /// CPU, in percent of what the task asks for.
    pub cpu: TaskAverage,
    /// Memory, in percent of what the task asks for.
    pub memory: TaskAverage,
}

/// An average over the allocations that have a sample.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskAverage {
    /// The average; nothing where no allocation has a sample.
    pub percent: Option<Percent>,
    /// How many running allocations have no sample (J12).
    pub missing: usize,
    /// Whether the task's driver measures nothing of the sort, so that the group is scaled by the rest (J12).
    #[serde(default)]
    pub unmeasured: bool,
    /// How many of those sampled use just what they may, so that nobody knows what they would use (J30).
    #[serde(default, skip_serializing_if = "is_none_of_them")]
    pub saturated: usize,
    /// How the use went, and goes on, where the policy wants to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub course: Option<Course>,
}

impl TaskAverage {
    /// How many of so many running allocations have a sample.
    #[must_use]
    pub fn sampled(&self, running: usize) -> usize {
        running.saturating_sub(self.missing)
    }

    /// How many allocations would be filled by what those use that have a sample.
    #[must_use]
    pub fn fills(&self, running: usize) -> Option<f64> {
        self.percent.map(|percent| self.sampled(running) as f64 * percent.0 / 100.0)
    }
}

/// How a use went, and goes on, in allocations that it would fill.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// The most in the policy's window (J31).
    pub most: f64,
    /// What is expected when a decision of now has effect, its margin included (J32).
    pub expected: Option<f64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_none_of_them(count: &usize) -> bool {
    *count == 0
}

/// Decides whether a group's count should change: as its strategy asks for, or to bring it back within its bounds.
pub fn decide_group(
    key: &GroupKey,
    observation: &GroupObservation,
    policy: &GroupPolicy,
    standing: &Standing,
) -> Decision {
    let wish = wish(observation, policy);
    let verdict = match wish.step {
        None => wish.otherwise,
        Some(step) => {
            let mut stops = wish.stops;
            stops.extend(standing.failsafe.then_some(Stop::Failsafe));
            stops.extend(standing.hold(step.direction()));
            stops.extend(standing.operating.then_some(Stop::Operating));
            stops.extend(observation.deploying.then_some(Stop::Deploying { hang: observation.hang }));
            stops.extend(cooldown(standing, policy.cooldown_before(step.direction())));
            verdict(step, stops, policy.enabled)
        }
    };
    Decision {
        resource: Resource::Group(key.clone()),
        verdict,
        findings: wish.findings,
        scalein_requests: 0,
        scaleout_requests: 0,
    }
}

impl GroupPolicy {
    /// How long the group is left alone before a step in that direction, after its count was set (J19, J27).
    #[must_use]
    pub fn cooldown_before(&self, direction: Direction) -> Duration {
        let of_direction = match direction {
            Direction::In => self.cooldown_in,
            Direction::Out => self.cooldown_out,
        };
        of_direction.unwrap_or(self.cooldown)
    }

    /// The longer of both.
    #[must_use]
    pub fn longest_cooldown(&self) -> Duration {
        self.cooldown_before(Direction::In).max(self.cooldown_before(Direction::Out))
    }
}

/// What the numbers ask for, before the state is looked at.
fn wish(observation: &GroupObservation, policy: &GroupPolicy) -> Wish {
    if observation.count == 0 && policy.max > 0 {
        return at_zero(policy);
    }
    if let Some(wish) = back_within_bounds(observation.count, policy) {
        return wish;
    }
    if observation.running == 0 {
        return Wish::undecided();
    }
    match &policy.strategy {
        GroupStrategy::Threshold(thresholds) => threshold::wish(observation, policy, thresholds),
        GroupStrategy::Target(target) => target::wish(observation, policy, target),
    }
}

/// J23: nothing of ours ever sets 0, so somebody else did.
fn at_zero(policy: &GroupPolicy) -> Wish {
    let step = Step { from: 0, to: policy.min.max(LEAST) };
    Wish { step: Some(step), otherwise: Verdict::Stay, stops: vec![Stop::SetToZero], findings: vec![] }
}

/// J11, J34: whatever the metrics say.
fn back_within_bounds(count: u32, policy: &GroupPolicy) -> Option<Wish> {
    let to = count.clamp(policy.min, policy.max);
    let (relation, limit) =
        if count < policy.min { (Relation::Below, policy.min) } else { (Relation::Above, policy.max) };
    (to != count).then(|| Wish {
        step: Some(Step { from: count, to }),
        otherwise: Verdict::Stay,
        stops: vec![],
        findings: vec![Finding {
            rule: if policy.in_force.is_empty() { Rule::J11 } else { Rule::J34 },
            quantity: Quantity::Count,
            measured: count.into(),
            relation,
            limit: limit.into(),
            holds: true,
        }],
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decide::Until;
    use crate::domain::JobKey;
    use crate::testing::group_policy as policy;

    fn key() -> GroupKey {
        GroupKey { job: JobKey::in_default("web"), group: "g".into() }
    }

    /// A group of `count` whose tasks use these shares of CPU and memory.
    fn group(count: u32, tasks: &[(f64, f64)]) -> GroupObservation {
        let average = |percent| TaskAverage { percent: Some(Percent(percent)), ..TaskAverage::default() };
        GroupObservation {
            count,
            running: count as usize,
            tasks: tasks
                .iter()
                .enumerate()
                .map(|(index, &(cpu, memory))| TaskObservation {
                    task: format!("t{index}").into(),
                    cpu: average(cpu),
                    memory: average(memory),
                })
                .collect(),
            ..GroupObservation::default()
        }
    }

    fn decided(observation: &GroupObservation) -> Verdict {
        decide_group(&key(), observation, &policy(), &Standing::default()).verdict
    }

    fn act(from: u32, to: u32) -> Verdict {
        Verdict::Act(Step { from, to })
    }

    #[test]
    fn j8_any_task_above_its_share_asks_for_one_more() {
        for tasks in [[(81.0, 0.0)], [(0.0, 81.0)], [(80.1, 80.1)]] {
            assert_eq!(decided(&group(3, &tasks)), act(3, 4), "{tasks:?}");
        }
        assert_eq!(decided(&group(3, &[(10.0, 10.0), (10.0, 81.0)])), act(3, 4), "any task of several");
        assert_eq!(decided(&group(3, &[(80.0, 80.0)])), Verdict::Stay, "the share itself is not above it");
    }

    #[test]
    fn j12_what_a_driver_does_not_measure_decides_nothing() {
        let mut by_cpu_alone = group(3, &[(10.0, 0.0)]);
        by_cpu_alone.tasks[0].memory = TaskAverage { unmeasured: true, ..TaskAverage::default() };
        assert_eq!(decided(&by_cpu_alone), act(3, 2), "the CPU is idle, and nothing else is known");
        by_cpu_alone.tasks[0].cpu.percent = Some(Percent(50.0));
        assert_eq!(decided(&by_cpu_alone), Verdict::Stay);
        by_cpu_alone.tasks[0].cpu.percent = Some(Percent(81.0));
        assert_eq!(decided(&by_cpu_alone), act(3, 4));
    }

    #[test]
    fn j9_every_task_below_its_share_asks_for_one_fewer() {
        assert_eq!(decided(&group(3, &[(29.9, 29.9)])), act(3, 2));
        for tasks in [[(30.0, 0.0)], [(0.0, 30.0)]] {
            assert_eq!(decided(&group(3, &tasks)), Verdict::Stay, "{tasks:?}");
        }
        assert_eq!(decided(&group(3, &[(10.0, 10.0), (10.0, 31.0)])), Verdict::Stay, "one busy task of several");
    }

    #[test]
    fn j10_never_beyond_min_and_max() {
        let held = |from, to, stop| Verdict::Hold(Step { from, to }, vec![stop]);
        assert_eq!(decided(&group(10, &[(99.0, 0.0)])), held(10, 11, Stop::AtMaximum { max: 10 }));
        assert_eq!(decided(&group(1, &[(1.0, 1.0)])), held(1, 0, Stop::AtMinimum { min: 1 }));
    }

    #[test]
    fn j11_a_count_outside_is_brought_back_whatever_the_metrics_say() {
        assert_eq!(decided(&group(14, &[(99.0, 99.0)])), act(14, 10));
    }

    #[test]
    fn j34_a_count_outside_of_what_the_schedule_says_names_the_schedule() {
        let policy = GroupPolicy { min: 4, in_force: vec!["daily min=4".into()], ..policy() };
        let decision = decide_group(&key(), &group(2, &[(1.0, 1.0)]), &policy, &Standing::default());
        assert_eq!(decision.to_string(), "group web/g: out 2 -> 4; count 2 < 4 (J34)");
    }

    #[test]
    fn j12_missing_samples_never_scale_in_but_may_scale_out() {
        let mut idle = group(3, &[(10.0, 10.0)]);
        idle.tasks[0].cpu.missing = 1;
        let stops = vec![Stop::MissingSamples { missing: 1 }];
        assert_eq!(decided(&idle), Verdict::Hold(Step { from: 3, to: 2 }, stops));
        let mut busy = group(3, &[(90.0, 10.0)]);
        busy.tasks[0].cpu.missing = 2;
        assert_eq!(decided(&busy), act(3, 4));
        let mut blind = group(3, &[(10.0, 10.0)]);
        blind.tasks[0].cpu = TaskAverage { missing: 3, ..TaskAverage::default() };
        assert_eq!(decided(&blind), Verdict::Stay, "no sample is not zero");
    }

    #[test]
    fn j13_nothing_running_nothing_decided() {
        let mut pending = group(3, &[(0.0, 0.0)]);
        pending.running = 0;
        assert_eq!(decided(&pending), Verdict::Undecided);
        assert_eq!(decided(&group(3, &[])), Verdict::Stay, "no task, no reason");
    }

    #[test]
    fn j6_s7_j19_what_stops_a_step() {
        let mut observation = group(3, &[(90.0, 0.0)]);
        let step = Step { from: 3, to: 4 };
        let with = |observation: &GroupObservation, standing: Standing| {
            decide_group(&key(), observation, &policy(), &standing).verdict
        };
        let after = |seconds| Standing { since_last_event: Some(Duration::from_secs(seconds)), ..Standing::default() };
        assert_eq!(with(&observation, after(59)), Verdict::Hold(step, vec![Stop::Cooldown { seconds_left: 1 }]));
        assert_eq!(with(&observation, after(60)), Verdict::Act(step));
        let failsafe = Standing { failsafe: true, ..Standing::default() };
        assert_eq!(with(&observation, failsafe), Verdict::Hold(step, vec![Stop::Failsafe]));
        let operating = Standing { operating: true, ..Standing::default() };
        assert_eq!(with(&observation, operating), Verdict::Hold(step, vec![Stop::Operating]));
        let until = Until::Time(jiff::Timestamp::UNIX_EPOCH);
        let held = Standing { held_out: Some(until), ..Standing::default() };
        assert_eq!(with(&observation, held), Verdict::Hold(step, vec![Stop::OnHold { until }]));
        let other_way = Standing { held_in: Some(until), ..Standing::default() };
        assert_eq!(with(&observation, other_way), Verdict::Act(step), "the other direction is free");
        observation.deploying = true;
        assert_eq!(with(&observation, Standing::default()), Verdict::Hold(step, vec![Stop::Deploying { hang: None }]));
    }

    #[test]
    fn j5_disabled_reports_what_would_be_done() {
        let disabled = GroupPolicy { enabled: false, ..policy() };
        let decision = decide_group(&key(), &group(3, &[(90.0, 0.0)]), &disabled, &Standing::default());
        assert_eq!(decision.verdict, Verdict::WouldAct(Step { from: 3, to: 4 }));
    }

    #[test]
    fn j8_the_reasons_are_data_and_read_as_words() {
        let decision = decide_group(&key(), &group(3, &[(90.0, 10.0)]), &policy(), &Standing::default());
        assert_eq!(decision.findings.len(), 4, "every comparison is there, not only those that hold");
        assert_eq!(decision.to_string(), "group web/g: out 3 -> 4; CPU of task t0 90 % > 80 % (J8)");
    }

    #[test]
    fn j23_a_count_of_0_is_somebodys_wish() {
        let stays = Verdict::Hold(Step { from: 0, to: 2 }, vec![Stop::SetToZero]);
        let two = GroupPolicy { min: 2, ..policy() };
        let decide = |policy| decide_group(&key(), &group(0, &[]), policy, &Standing::default()).verdict;
        assert_eq!(decide(&two), stays);
        let none = Verdict::Hold(Step { from: 0, to: 1 }, vec![Stop::SetToZero]);
        assert_eq!(decide(&GroupPolicy { min: 0, ..policy() }), none, "a minimum of 0 makes no difference");
    }

    #[test]
    fn j24_nothing_is_scaled_in_to_0() {
        let none = GroupPolicy { min: 0, ..policy() };
        let decide = |count| decide_group(&key(), &group(count, &[(1.0, 1.0)]), &none, &Standing::default()).verdict;
        assert_eq!(decide(1), Verdict::Hold(Step { from: 1, to: 0 }, vec![Stop::AtMinimum { min: 1 }]));
        assert_eq!(decide(2), Verdict::Act(Step { from: 2, to: 1 }));
    }

    #[test]
    fn j6_a_deployment_that_will_not_end_by_itself_is_told_apart() {
        let busy = GroupObservation { deploying: true, hang: Some(Hang::AwaitsPromotion), ..group(2, &[(95.0, 1.0)]) };
        let Verdict::Hold(_, stops) = decided(&busy) else { panic!("a deployment is active") };
        assert_eq!(stops[0].to_string(), "a deployment is active and waits to be promoted (J6)");
    }

    proptest! {
        /// Monotone in load: more load never turns a wish for more into a wish for fewer.
        #[test]
        fn j8_j9_are_monotone_in_load(cpu in 0.0..200.0, memory in 0.0..200.0, more in 0.0..100.0, count in 1u32..12) {
            let wish = |cpu, memory| match decided(&group(count, &[(cpu, memory)])).step().map(Step::direction) {
                Some(Direction::In) => -1,
                None => 0,
                Some(Direction::Out) => 1,
            };
            // Outside the bounds the metrics don't matter (J11).
            prop_assert!(wish(cpu + more, memory) >= wish(cpu, memory));
            prop_assert!(wish(cpu, memory + more) >= wish(cpu, memory));
        }

        /// Never out of bounds, never more than one step inside them.
        #[test]
        fn j10_j11_acts_stay_within_bounds(
            cpu in 0.0..200.0, memory in 0.0..200.0, count in 0u32..20, min in 0u32..6, span in 0u32..6,
        ) {
            let policy = GroupPolicy { min, max: min + span, ..policy() };
            let decision = decide_group(&key(), &group(count, &[(cpu, memory)]), &policy, &Standing::default());
            if let Verdict::Act(step) = decision.verdict {
                prop_assert!((policy.min..=policy.max).contains(&step.to));
                prop_assert_eq!(step.from, count);
                prop_assert_ne!(step.from, step.to);
                if (policy.min..=policy.max).contains(&count) {
                    prop_assert_eq!(step.from.abs_diff(step.to), 1);
                }
            }
        }

        /// Never both directions: where J8 holds for a task, J9 does not hold for the same quantity.
        #[test]
        fn j8_j9_never_both(cpu in 0.0..200.0, memory in 0.0..200.0) {
            let decision = decide_group(&key(), &group(3, &[(cpu, memory)]), &policy(), &Standing::default());
            for quantity in [Quantity::TaskCpu("t0".into()), Quantity::TaskMemory("t0".into())] {
                let holding = decision.findings.iter().filter(|f| f.quantity == quantity && f.holds).count();
                prop_assert!(holding <= 1);
            }
        }
    }
}
