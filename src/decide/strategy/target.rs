//! To what is needed: as many allocations as let each use its target, at once. Rules J28 to J32.

use super::{LEAST, Wish, at_maximum, at_minimum, missing_samples};
use crate::decide::finding::{Finding, Quantity, Relation, Rule};
use crate::decide::observe::AT_LIMIT;
use crate::decide::{GroupObservation, Step, Stop, TaskAverage, Verdict, seconds_up};
use crate::domain::{Measure, Percent, TaskName};
use crate::policy::{GroupPolicy, Target};

/// By how much a group grows at least whose use is at its limit, so that nobody knows what it would be (J30).
const GROWTH_WHEN_SATURATED: f64 = 1.5;

pub(in crate::decide) fn wish(observation: &GroupObservation, policy: &GroupPolicy, target: &Target) -> Wish {
    let needs = needs(observation, target);
    let count = observation.count;
    let inside = inside(count, target);
    let findings = needs.iter().flat_map(|need| need.findings(inside)).collect();
    let most = |of: fn(&Need) -> Option<f64>| needs.iter().filter_map(of).fold(0.0, f64::max);
    let (now, ahead, lately) = (most(|need| need.now), most(|need| need.ahead), most(|need| Some(need.lately)));
    let saturated = needs.iter().any(|need| need.saturated);
    // Of those that run: what is on its way already may be all that is lacking.
    let grown = if saturated { observation.running as f64 * GROWTH_WHEN_SATURATED } else { 0.0 };
    let needed = now.max(ahead).max(grown);
    let wanted = whole(needed);
    let all_known = !needs.is_empty() && needs.iter().all(|need| need.now.is_some());
    let (step, stops) = if needed > inside.1 && wanted > count {
        let stops: Vec<Stop> = at_maximum(count, policy).into_iter().collect();
        let to = if stops.is_empty() { reach(count, wanted, policy, target) } else { wanted };
        (Some(Step { from: count, to }), stops)
    } else if all_known && needed < inside.0 && wanted < count {
        let mut stops: Vec<Stop> = at_minimum(count, policy).into_iter().chain(missing_samples(observation)).collect();
        stops.extend(unsettled(count, whole(lately), observation, target));
        let to = if stops.is_empty() { retreat(count, wanted.max(whole(lately)), policy, target) } else { wanted };
        (Some(Step { from: count, to }), stops)
    } else {
        (None, vec![])
    };
    Wish { step, otherwise: Verdict::Stay, stops, findings }
}

/// How far one step out gets.
fn reach(count: u32, wanted: u32, policy: &GroupPolicy, target: &Target) -> u32 {
    wanted.min(policy.max).min(count.saturating_add(target.max_step_out.unwrap_or(u32::MAX)))
}

/// How far one step in gets.
fn retreat(count: u32, wanted: u32, policy: &GroupPolicy, target: &Target) -> u32 {
    wanted.max(policy.min).max(LEAST).max(count.saturating_sub(target.max_step_in.unwrap_or(u32::MAX)))
}

/// What was needed lately and keeps the count from going down, or that nobody knows what was (J31).
fn unsettled(count: u32, lately: u32, observation: &GroupObservation, target: &Target) -> Option<Stop> {
    let watched = observation.watched.map(|watched| watched.span).unwrap_or_default();
    match target.stabilization.checked_sub(watched).filter(|left| !left.is_zero()) {
        Some(left) => Some(Stop::NotWatched { seconds_left: seconds_up(left) }),
        None => (lately >= count).then_some(Stop::NeededLately { most: lately }),
    }
}

/// Between which numbers of allocations needed the count is left as it is (J29).
fn inside(count: u32, target: &Target) -> (f64, f64) {
    let (count, share) = (f64::from(count), target.tolerance.0 / 100.0);
    (count * (1.0 - share), count * (1.0 + share))
}

/// A number of allocations in whole ones, rounded up. What floating point adds to a whole number is no more.
fn whole(allocations: f64) -> u32 {
    const NOTHING: f64 = 1e-9;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, which is what is meant")]
    let rounded = (allocations * (1.0 - NOTHING)).ceil() as u32;
    rounded
}

/// What one measure of one task needs, in allocations.
struct Need<'a> {
    measure: Measure,
    task: &'a TaskName,
    target: Percent,
    /// What is used of what the task asks for.
    percent: Option<Percent>,
    /// Now, by what those use that have a sample: the others are taken to use nothing (J12).
    now: Option<f64>,
    /// When a decision of now has effect (J32).
    ahead: Option<f64>,
    /// The most in the window (J31).
    lately: f64,
    /// Whether more would be used than can be (J30).
    saturated: bool,
}

/// What each measure that has a target needs, and can be known.
fn needs<'a>(observation: &'a GroupObservation, target: &Target) -> Vec<Need<'a>> {
    let of_task = |task: &'a crate::decide::TaskObservation| {
        let cpu = (Measure::Cpu, &task.cpu, target.cpu);
        let memory = (Measure::Memory, &task.memory, target.memory);
        let need = move |(measure, average, target): (Measure, &TaskAverage, Option<Percent>)| {
            let need = Need::of(measure, &task.task, average, target?, observation.running);
            (!average.unmeasured).then_some(need)
        };
        [cpu, memory].into_iter().filter_map(need)
    };
    observation.tasks.iter().flat_map(of_task).collect()
}

impl<'a> Need<'a> {
    fn of(measure: Measure, task: &'a TaskName, average: &TaskAverage, target: Percent, running: usize) -> Self {
        let sampled = average.sampled(running);
        let needs = |fills: f64| fills * 100.0 / target.0;
        let course = average.course.unwrap_or_default();
        Self {
            measure,
            task,
            target,
            percent: average.percent,
            now: average.fills(running).map(needs),
            ahead: course.expected.map(needs),
            lately: needs(course.most),
            // What a task takes beyond its limit of memory nobody sees either, but Nomad ends it for that.
            saturated: measure == Measure::Cpu && sampled > 0 && average.saturated * 2 > sampled,
        }
    }

    /// What it is held against: the target, and the count within its tolerance.
    fn findings(&self, (least, most): (f64, f64)) -> Vec<Finding> {
        let named = |of: fn(Measure, TaskName) -> Quantity| of(self.measure, self.task.clone());
        let finding = |rule, quantity, measured: Option<f64>, relation, limit: f64| {
            let holds = measured.is_some_and(|measured| match relation {
                Relation::Above => measured > limit,
                Relation::Below => measured < limit,
                Relation::AtLeast => measured >= limit,
            });
            Finding { rule, quantity, measured: measured.unwrap_or(f64::NAN), relation, limit, holds }
        };
        let used = self.percent.map(|percent| percent.0);
        let share = named(Quantity::of_task);
        let mut findings = vec![
            finding(Rule::J28, share.clone(), used, Relation::Above, self.target.0),
            finding(Rule::J29, named(Quantity::Needed), self.now, Relation::Above, most),
        ];
        if let Some(ahead) = self.ahead {
            findings.push(finding(Rule::J32, named(Quantity::Expected), Some(ahead), Relation::Above, most));
        }
        if self.saturated {
            findings.push(finding(Rule::J30, share, used, Relation::AtLeast, *AT_LIMIT.start()));
        }
        let lately = self.now.map(|now| now.max(self.lately));
        findings.push(finding(Rule::J31, named(Quantity::Lately), lately, Relation::Below, least));
        findings
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::decide::{Course, Standing, TaskObservation, Watched, decide_group};
    use crate::policy::{Forecast, GroupStrategy};
    use crate::testing::{group_key, group_policy};

    const LONG: Duration = Duration::from_hours(1);

    fn target(cpu: f64) -> Target {
        Target {
            cpu: Some(Percent(cpu)),
            memory: None,
            tolerance: Percent(5.0),
            max_step_out: None,
            max_step_in: None,
            stabilization: Duration::from_mins(5),
            forecast: Forecast::Off,
            forecast_quantile: Percent(95.0),
        }
    }

    fn group(count: u32, cpu: f64) -> GroupObservation {
        let average = TaskAverage { percent: Some(Percent(cpu)), ..TaskAverage::default() };
        let task = TaskObservation { task: "t".into(), cpu: average, memory: average };
        let watched = Some(Watched { span: LONG, horizon: Duration::from_secs(30) });
        GroupObservation { count, running: count as usize, tasks: vec![task], watched, ..GroupObservation::default() }
    }

    fn decided(observation: &GroupObservation, target: &Target) -> Verdict {
        let policy = GroupPolicy { strategy: GroupStrategy::Target(target.clone()), ..group_policy() };
        decide_group(&group_key("web", "g"), observation, &policy, &Standing::default()).verdict
    }

    fn act(from: u32, to: u32) -> Verdict {
        Verdict::Act(Step { from, to })
    }

    #[test]
    fn j28_to_what_is_needed_at_once_in_either_direction() {
        assert_eq!(decided(&group(3, 200.0), &target(80.0)), act(3, 8), "600 % at 80 % each are 7.5");
        assert_eq!(decided(&group(8, 20.0), &target(80.0)), act(8, 2), "160 % at 80 % each are exactly 2");
        assert_eq!(decided(&group(3, 20.0), &target(200.0)), act(3, 1), "never to none");
    }

    #[test]
    fn j28_whoever_needs_the_most_decides() {
        let mut two = group(4, 10.0);
        two.tasks.push(TaskObservation { task: "u".into(), ..group(4, 90.0).tasks.remove(0) });
        assert_eq!(decided(&two, &target(60.0)), act(4, 6));
        let by_memory = Target { cpu: None, memory: Some(Percent(45.0)), ..target(1.0) };
        assert_eq!(decided(&two, &by_memory), act(4, 8));
        two.tasks[1].memory = TaskAverage { unmeasured: true, ..TaskAverage::default() };
        assert_eq!(decided(&two, &by_memory), act(4, 1), "what a driver does not measure decides nothing");
    }

    #[test]
    fn j29_within_the_tolerance_nothing_is_done() {
        assert_eq!(decided(&group(10, 83.9), &target(80.0)), Verdict::Stay, "10.49 of 10");
        assert_eq!(decided(&group(9, 84.1), &target(80.0)), act(9, 10));
        assert_eq!(decided(&group(10, 76.1), &target(80.0)), Verdict::Stay, "9.51 of 10");
        let strict = Target { tolerance: Percent(0.0), ..target(80.0) };
        assert_eq!(decided(&group(9, 80.1), &strict), act(9, 10));
    }

    #[test]
    fn j28_a_step_has_its_most_and_the_bounds_hold() {
        let short = Target { max_step_out: Some(2), max_step_in: Some(3), ..target(80.0) };
        assert_eq!(decided(&group(3, 200.0), &short), act(3, 5));
        assert_eq!(decided(&group(9, 10.0), &short), act(9, 6));
        assert_eq!(decided(&group(3, 900.0), &target(80.0)), act(3, 10), "34 are needed, 10 allowed");
        let at_most = Verdict::Hold(Step { from: 10, to: 34 }, vec![Stop::AtMaximum { max: 10 }]);
        assert_eq!(decided(&group(10, 270.0), &target(80.0)), at_most);
        let at_least = Verdict::Hold(Step { from: 1, to: 0 }, vec![Stop::AtMinimum { min: 1 }]);
        assert_eq!(decided(&group(1, 0.0), &target(80.0)), at_least);
    }

    #[test]
    fn j30_a_use_at_its_limit_is_not_taken_at_its_word() {
        let mut full = group(4, 100.0);
        full.tasks[0].cpu.saturated = 3;
        assert_eq!(decided(&full, &target(95.0)), act(4, 6), "half as many again, not the 4.2 that 400 % need");
        full.tasks[0].cpu.saturated = 2;
        assert_eq!(decided(&full, &target(95.0)), act(4, 5), "half of them do not speak for all");
        let mut starting = group(6, 100.0);
        (starting.running, starting.tasks[0].cpu.saturated) = (4, 4);
        assert_eq!(decided(&starting, &target(95.0)), Verdict::Stay, "two are on their way");
    }

    #[test]
    fn j31_in_only_to_the_most_that_was_needed_lately() {
        let mut falling = group(8, 10.0);
        let mut course = |most| falling.tasks[0].cpu.course = Some(Course { most, expected: None });
        course(3.0);
        assert_eq!(decided(&falling.clone(), &target(80.0)), act(8, 4), "3 at 80 % each were 3.75");
        falling.tasks[0].cpu.course = Some(Course { most: 6.0, expected: None });
        let held = |stop| Verdict::Hold(Step { from: 8, to: 1 }, vec![stop]);
        assert_eq!(decided(&falling, &target(80.0)), held(Stop::NeededLately { most: 8 }));
        falling.watched = Some(Watched { span: Duration::from_secs(30), horizon: Duration::ZERO });
        assert_eq!(decided(&falling, &target(80.0)), held(Stop::NotWatched { seconds_left: 270 }));
        falling.watched = None;
        assert_eq!(decided(&falling, &target(80.0)), held(Stop::NotWatched { seconds_left: 300 }));
    }

    #[test]
    fn j32_a_forecast_brings_more_and_never_takes_what_is_needed_now() {
        let mut rising = group(4, 78.0);
        rising.tasks[0].cpu.course = Some(Course { most: 3.1, expected: Some(5.0) });
        assert_eq!(decided(&rising, &target(80.0)), act(4, 7), "5 at 80 % each are 6.25");
        rising.tasks[0].cpu.course = Some(Course { most: 3.1, expected: Some(0.0) });
        assert_eq!(decided(&rising, &target(80.0)), Verdict::Stay);
    }

    #[test]
    fn j12_what_is_not_known_uses_nothing_for_out_and_keeps_from_in() {
        let mut blind = group(6, 100.0);
        blind.tasks[0].cpu.missing = 3;
        let verdict = decided(&blind, &target(80.0));
        assert_eq!(verdict, Verdict::Hold(Step { from: 6, to: 4 }, vec![Stop::MissingSamples { missing: 3 }]));
        blind.tasks[0].cpu = TaskAverage { missing: 6, ..TaskAverage::default() };
        assert_eq!(decided(&blind, &target(80.0)), Verdict::Stay, "no sample is not zero");
    }

    #[test]
    fn j29_the_reasons_read_as_words() {
        let policy = GroupPolicy { strategy: GroupStrategy::Target(target(80.0)), ..group_policy() };
        let decision = decide_group(&group_key("web", "g"), &group(3, 200.0), &policy, &Standing::default());
        let words = "group web/g: out 3 -> 8; CPU of task t 200 % > 80 % (J28), allocations that the CPU of task t needs 7.5 > 3.2 \
                     (J29)";
        assert_eq!(decision.to_string(), words);
    }

    proptest! {
        #[test]
        fn j28_after_a_step_the_same_load_asks_for_no_other(
            count in 1_u32..60, cpu in 0.0_f64..400.0, goal in 20.0_f64..120.0, tolerance in 0.0_f64..20.0
        ) {
            let target = Target { tolerance: Percent(tolerance), ..target(goal) };
            let policy = GroupPolicy { max: 4_000, strategy: GroupStrategy::Target(target), ..group_policy() };
            let verdict = |observation: &GroupObservation| {
                decide_group(&group_key("web", "g"), observation, &policy, &Standing::default()).verdict
            };
            if let Verdict::Act(step) = verdict(&group(count, cpu)) {
                let after = group(step.to, cpu * f64::from(count) / f64::from(step.to));
                prop_assert_eq!(verdict(&after).step().filter(|step| step.to > 0), None);
            }
        }
    }
}
