//! Whether to scale a task group: rules J6 to J13, J22 to J24.

use serde::{Deserialize, Serialize};

use crate::decide::finding::{Finding, Quantity, Relation, Rule};
use crate::decide::{Decision, Standing, Step, Stop, Verdict, cooldown, verdict};
use crate::domain::{GroupKey, Hang, Percent, Resource, TaskName};
use crate::policy::GroupPolicy;

/// What is seen of a task group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TaskAverage {
    /// The average; nothing where no allocation has a sample.
    pub percent: Option<Percent>,
    /// How many running allocations have no sample (J12).
    pub missing: usize,
    /// Whether the task's driver measures nothing of the sort, so that the group is scaled by the rest (J12).
    #[serde(default)]
    pub unmeasured: bool,
}

/// The fewest that scaling in leaves, whatever the policy says: a group at 0 has no statistics, and no rule of threshold
/// leads back from there (J24).
const LEAST: u32 = 1;

/// Decides whether a group's count should change by one, or be brought back within its bounds.
pub fn decide_group(
    key: &GroupKey,
    observation: &GroupObservation,
    policy: &GroupPolicy,
    standing: &Standing,
) -> Decision {
    let ask = Ask::of(observation, policy);
    let verdict = match ask.step {
        None => ask.otherwise,
        Some(step) => {
            let mut stops = ask.stops;
            stops.extend(standing.failsafe.then_some(Stop::Failsafe));
            stops.extend(standing.hold(step.direction()));
            stops.extend(standing.operating.then_some(Stop::Operating));
            stops.extend(observation.deploying.then_some(Stop::Deploying { hang: observation.hang }));
            stops.extend(cooldown(standing, policy.cooldown));
            verdict(step, stops, policy.enabled)
        }
    };
    Decision {
        resource: Resource::Group(key.clone()),
        verdict,
        findings: ask.findings,
        scalein_requests: 0,
        scaleout_requests: 0,
    }
}

/// What the numbers ask for, before the state is looked at.
struct Ask {
    step: Option<Step>,
    /// The verdict where no step is asked for.
    otherwise: Verdict,
    stops: Vec<Stop>,
    findings: Vec<Finding>,
}

impl Ask {
    fn of(observation: &GroupObservation, policy: &GroupPolicy) -> Self {
        if observation.count == 0 && policy.max > 0 {
            return Self::at_zero(policy);
        }
        if let Some(ask) = Self::back_within_bounds(observation.count, policy) {
            return ask;
        }
        if observation.running == 0 {
            return Self { step: None, otherwise: Verdict::Undecided, stops: vec![], findings: vec![] };
        }
        let findings = compare(observation, policy);
        let count = observation.count;
        let asks_out = findings.iter().any(|finding| finding.rule == Rule::J8 && finding.holds);
        let mut idle = findings.iter().filter(|finding| finding.rule == Rule::J9).peekable();
        let asks_in = idle.peek().is_some() && idle.all(|finding| finding.holds);
        let (step, stops) = if asks_out {
            let at_maximum = (count >= policy.max).then_some(Stop::AtMaximum { max: policy.max });
            (Some(Step { from: count, to: count.saturating_add(1) }), at_maximum.into_iter().collect())
        } else if asks_in && count > 0 {
            (Some(Step { from: count, to: count - 1 }), stops_in(observation, policy))
        } else {
            (None, vec![])
        };
        Self { step, otherwise: Verdict::Stay, stops, findings }
    }

    /// J23: nothing of ours ever sets 0, so somebody else did.
    fn at_zero(policy: &GroupPolicy) -> Self {
        let step = Step { from: 0, to: policy.min.max(LEAST) };
        Self { step: Some(step), otherwise: Verdict::Stay, stops: vec![Stop::SetToZero], findings: vec![] }
    }

    /// J11: whatever the metrics say.
    fn back_within_bounds(count: u32, policy: &GroupPolicy) -> Option<Self> {
        let to = count.clamp(policy.min, policy.max);
        let (relation, limit) =
            if count < policy.min { (Relation::Below, policy.min) } else { (Relation::Above, policy.max) };
        (to != count).then(|| Self {
            step: Some(Step { from: count, to }),
            otherwise: Verdict::Stay,
            stops: vec![],
            findings: vec![Finding {
                rule: Rule::J11,
                quantity: Quantity::Count,
                measured: count.into(),
                relation,
                limit: limit.into(),
                holds: true,
            }],
        })
    }
}

fn stops_in(observation: &GroupObservation, policy: &GroupPolicy) -> Vec<Stop> {
    let mut stops = Vec::new();
    let min = policy.min.max(LEAST);
    if observation.count <= min {
        stops.push(Stop::AtMinimum { min });
    }
    let missing = observation.tasks.iter().map(|task| task.cpu.missing.max(task.memory.missing)).max().unwrap_or(0);
    if missing > 0 {
        stops.push(Stop::MissingSamples { missing });
    }
    stops
}

/// Every comparison of J8 and J9. An average that is missing altogether holds for neither: it neither asks for more
/// nor shows that the task is idle (J12). What a driver does not measure is not compared.
fn compare(observation: &GroupObservation, policy: &GroupPolicy) -> Vec<Finding> {
    let mut findings = Vec::with_capacity(observation.tasks.len() * 4);
    for task in &observation.tasks {
        let cpu = (&task.cpu, policy.scaleout_cpu, policy.scalein_cpu);
        let memory = (&task.memory, policy.scaleout_mem, policy.scalein_mem);
        for ((average, out, r#in), quantity) in
            [(cpu, Quantity::TaskCpu(task.task.clone())), (memory, Quantity::TaskMemory(task.task.clone()))]
        {
            if average.unmeasured {
                continue;
            }
            let measured = average.percent;
            let finding = |rule, relation, limit: Percent, holds| Finding {
                rule,
                quantity: quantity.clone(),
                measured: measured.map_or(f64::NAN, |percent| percent.0),
                relation,
                limit: limit.0,
                holds,
            };
            let above = measured.is_some_and(|percent| percent > out);
            let below = measured.is_some_and(|percent| percent < r#in);
            findings.push(finding(Rule::J8, Relation::Above, out, above));
            findings.push(finding(Rule::J9, Relation::Below, r#in, below));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::decide::{Direction, Until};
    use crate::domain::JobKey;
    use crate::testing::group_policy as policy;

    fn key() -> GroupKey {
        GroupKey { job: JobKey::in_default("web"), group: "g".into() }
    }

    /// A group of `count` whose tasks use these shares of CPU and memory.
    fn group(count: u32, tasks: &[(f64, f64)]) -> GroupObservation {
        let average = |percent| TaskAverage { percent: Some(Percent(percent)), missing: 0, unmeasured: false };
        GroupObservation {
            count,
            running: count as usize,
            deploying: false,
            hang: None,
            uncollected: 0,
            tasks: tasks
                .iter()
                .enumerate()
                .map(|(index, &(cpu, memory))| TaskObservation {
                    task: format!("t{index}").into(),
                    cpu: average(cpu),
                    memory: average(memory),
                })
                .collect(),
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
        by_cpu_alone.tasks[0].memory = TaskAverage { percent: None, missing: 0, unmeasured: true };
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
    fn j12_missing_samples_never_scale_in_but_may_scale_out() {
        let mut idle = group(3, &[(10.0, 10.0)]);
        idle.tasks[0].cpu.missing = 1;
        let stops = vec![Stop::MissingSamples { missing: 1 }];
        assert_eq!(decided(&idle), Verdict::Hold(Step { from: 3, to: 2 }, stops));
        let mut busy = group(3, &[(90.0, 10.0)]);
        busy.tasks[0].cpu.missing = 2;
        assert_eq!(decided(&busy), act(3, 4));
        let mut blind = group(3, &[(10.0, 10.0)]);
        blind.tasks[0].cpu = TaskAverage { percent: None, missing: 3, unmeasured: false };
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
