//! From statistics to a group's averages: rule J7.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use crate::decide::group::{GroupObservation, TaskAverage, TaskObservation};
use crate::domain::{AllocationStats, Measure, Percent, Task, TaskGroup, TaskName, TaskShare};

/// Between which percentages of what it was given a task uses just what it may, give or take how often a client looks: one
/// beyond has no such limit (J30).
pub(super) const AT_LIMIT: RangeInclusive<f64> = 97.0..=103.0;

const BYTES_PER_MIB: f64 = 1024.0 * 1024.0;

/// What is known of a running allocation.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sample<'a> {
    /// What each of its tasks was given, where the server tells.
    pub shares: &'a [TaskShare],
    /// Its statistics, or nothing where they could not be had (J12).
    pub stats: Option<&'a AllocationStats>,
}

/// Averages each task of a group that has a say (J33) over the group's running allocations (J7), of which each has a sample.
#[must_use]
#[expect(clippy::needless_pass_by_value, reason = "an iterator is handed over")]
pub fn observe_group<'a>(
    group: &TaskGroup,
    ignored: &BTreeSet<TaskName>,
    samples: impl ExactSizeIterator<Item = Sample<'a>> + Clone,
) -> GroupObservation {
    let uncollected = |sample: &Sample<'_>| sample.stats.is_some_and(|stats| !stats.collected);
    GroupObservation {
        count: group.count,
        running: samples.len(),
        uncollected: samples.clone().filter(uncollected).count(),
        tasks: group.heard(ignored).map(|task| observe_task(task, samples.clone())).collect(),
        ..GroupObservation::default()
    }
}

fn observe_task<'a>(task: &Task, samples: impl Iterator<Item = Sample<'a>>) -> TaskObservation {
    let mut cpu = Mean::default();
    let mut memory = Mean::default();
    for Sample { shares, stats } in samples {
        let usage = stats.filter(|stats| stats.collected);
        let usage = usage.and_then(|stats| stats.tasks.iter().find(|usage| usage.task == task.name));
        // A task with whole cores asks for no MHz: what its client gave it tells.
        let given = shares.iter().find(|share| share.task == task.name);
        let cpu_given = given.map(|share| share.cpu.0).filter(|mhz| *mhz > 0).unwrap_or(task.cpu.0);
        let memory_given = given.map(|share| share.memory.0).filter(|mib| *mib > 0).unwrap_or(task.memory.0);
        match usage.and_then(|usage| usage.unmeasured) {
            Some(Measure::Cpu) => cpu.unmeasured += 1,
            Some(Measure::Memory) => memory.unmeasured += 1,
            None => {}
        }
        cpu.add(usage.and_then(|usage| usage.cpu_mhz), cpu_given);
        let resident = usage.and_then(|usage| usage.memory.resident_bytes());
        memory.add(resident.map(|bytes| bytes as f64 / BYTES_PER_MIB), memory_given);
    }
    TaskObservation { task: task.name.clone(), cpu: cpu.share(), memory: memory.share() }
}

/// A mean over what was sampled, as a share of what was given, and how many samples are missing.
#[derive(Default)]
struct Mean {
    used: f64,
    given: f64,
    sampled: usize,
    missing: usize,
    /// How many of those that were sampled use just what they may.
    saturated: usize,
    /// How many of those that are missing are so since their driver does not measure this.
    unmeasured: usize,
}

impl Mean {
    /// Takes a sample. Of a task that was given nothing, nothing can be said.
    fn add(&mut self, used: Option<f64>, given: u64) {
        match used {
            Some(value) if value.is_finite() && value >= 0.0 && given > 0 => {
                self.used += value;
                self.given += given as f64;
                self.sampled += 1;
                self.saturated += usize::from(AT_LIMIT.contains(&(100.0 * value / given as f64)));
            }
            _ => self.missing += 1,
        }
    }

    fn share(&self) -> TaskAverage {
        let sampled = self.sampled as f64;
        let known = self.sampled > 0;
        let percent = known.then(|| Percent(100.0 * self.used / sampled / (self.given / sampled)));
        // Where some allocations are measured and others cannot be, nobody knows what the others use.
        let unmeasured = !known && self.missing > 0 && self.missing == self.unmeasured;
        let missing = if unmeasured { 0 } else { self.missing };
        TaskAverage { percent, missing, unmeasured, saturated: self.saturated, course: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{MemoryStats, TaskSpan, TaskUsage};

    fn group() -> TaskGroup {
        let tasks = ["web", "log"].map(|name| crate::testing::task(name, 500, 256));
        TaskGroup { count: 3, tasks: tasks.into(), ..crate::testing::task_group("g", crate::domain::Meta::new()) }
    }

    /// A sample that owns what it shows.
    #[derive(Clone, Default)]
    struct Owned {
        shares: Vec<TaskShare>,
        stats: Option<AllocationStats>,
    }

    fn observe(group: &TaskGroup, samples: &[Owned]) -> GroupObservation {
        observe_group(
            group,
            &BTreeSet::new(),
            samples.iter().map(|it| Sample { shares: &it.shares, stats: it.stats.as_ref() }),
        )
    }

    fn sample(cpu_mhz: Option<f64>, memory_mib: Option<u64>) -> Owned {
        let memory = MemoryStats { rss: memory_mib.map(|mib| mib * 1024 * 1024), usage: None };
        let tasks = vec![TaskUsage { task: "web".into(), cpu_mhz, memory, unmeasured: None }];
        Owned { shares: vec![], stats: Some(AllocationStats { tasks, collected: true }) }
    }

    fn percent(value: f64, missing: usize) -> TaskAverage {
        TaskAverage { percent: Some(Percent(value)), missing, ..TaskAverage::default() }
    }

    fn unknown(missing: usize) -> TaskAverage {
        TaskAverage { missing, ..TaskAverage::default() }
    }

    #[test]
    fn j7_averages_each_task_over_the_running_allocations() {
        let seen = observe(&group(), &[sample(Some(500.0), Some(128)), sample(Some(250.0), Some(64))]);
        assert_eq!((seen.count, seen.running), (3, 2));
        assert_eq!(seen.tasks[0].cpu, TaskAverage { saturated: 1, ..percent(75.0, 0) }, "one uses all that it may");
        assert_eq!(seen.tasks[0].memory, percent(37.5, 0), "a MiB has 1,048,576 bytes");
        let nothing = unknown(2);
        assert_eq!(seen.tasks[1].cpu, nothing, "the other task has no sample");
    }

    #[test]
    fn j12_missing_and_absurd_samples_are_counted_not_averaged() {
        let absurd = sample(Some(f64::NAN), Some(u64::MAX / (1024 * 1024)));
        let seen = observe(&group(), &[sample(Some(250.0), Some(64)), Owned::default(), sample(None, None), absurd]);
        assert_eq!(seen.tasks[0].cpu, percent(50.0, 3));
        assert_eq!(seen.tasks[0].memory, percent(25.0, 3));
    }

    #[test]
    fn j12_a_task_that_runs_briefly_lacks_no_sample() {
        let mut group = group();
        group.tasks[1].span = TaskSpan::Briefly;
        let seen = observe(&group, &[sample(Some(10.0), Some(64))]);
        assert_eq!(seen.tasks.len(), 1);
    }

    #[test]
    fn j33_a_task_that_is_ignored_has_no_say() {
        let samples = [sample(Some(250.0), Some(64))];
        let samples = samples.iter().map(|it| Sample { shares: &it.shares, stats: it.stats.as_ref() });
        let seen = observe_group(&group(), &BTreeSet::from(["log".into()]), samples);
        assert_eq!(seen.tasks.iter().map(|task| task.task.as_str()).collect::<Vec<_>>(), ["web"]);
    }

    #[test]
    fn j30_who_uses_just_what_it_may_is_told_from_who_uses_more() {
        let seen = observe(&group(), &[500.0, 490.0, 600.0, 300.0].map(|mhz| sample(Some(mhz), Some(64))));
        assert_eq!(seen.tasks[0].cpu.saturated, 2);
    }

    #[test]
    fn j7_of_a_task_that_asks_for_nothing_nothing_can_be_said() {
        let mut group = group();
        group.tasks[0].cpu = crate::domain::MegaHertz(0);
        let seen = observe(&group, &[sample(Some(10.0), Some(64))]);
        assert_eq!(seen.tasks[0].cpu, unknown(1), "so nothing shows that it is idle");
    }

    #[test]
    fn j7_a_task_with_cores_is_measured_by_what_its_client_gave_it() {
        let mut group = group();
        group.tasks[0].cpu = crate::domain::MegaHertz(0);
        let share =
            |cpu| TaskShare { task: "web".into(), cpu: crate::domain::MegaHertz(cpu), memory: group.tasks[0].memory };
        let on = |mhz, given| Owned { shares: vec![share(given)], ..sample(Some(mhz), Some(64)) };
        let seen = observe(&group, &[on(480.0, 500), on(480.0, 500)]);
        assert_eq!(seen.tasks[0].cpu, percent(96.0, 0));
        let mixed = observe(&group, &[on(250.0, 500), on(1000.0, 2000)]);
        assert_eq!(mixed.tasks[0].cpu, percent(50.0, 0), "of a slow machine and a fast one");
    }

    #[test]
    fn j12_what_a_driver_does_not_measure_is_no_missing_sample() {
        let by_cpu_alone = |cpu| {
            let mut sample = sample(Some(cpu), None);
            let stats = sample.stats.as_mut().unwrap();
            stats.tasks[0].unmeasured = Some(Measure::Memory);
            sample
        };
        let mut group = group();
        group.tasks.truncate(1);
        let seen = observe(&group, &[by_cpu_alone(50.0), by_cpu_alone(150.0)]);
        let unmeasured = TaskAverage { unmeasured: true, ..TaskAverage::default() };
        assert_eq!((seen.tasks[0].cpu, seen.tasks[0].memory), (percent(20.0, 0), unmeasured));
        let mixed = observe(&group, &[by_cpu_alone(50.0), sample(Some(150.0), Some(64))]);
        assert_eq!(mixed.tasks[0].memory, percent(25.0, 1), "nobody knows what the other one takes");
        let one_unsampled = observe(&group, &[by_cpu_alone(50.0), Owned::default()]);
        assert_eq!(one_unsampled.tasks[0].memory, unknown(2));
    }

    #[test]
    fn j12_what_a_client_does_not_collect_is_missing_and_no_zero() {
        let silent = AllocationStats { tasks: vec![], collected: false };
        let seen = observe(&group(), &[Owned { shares: vec![], stats: Some(silent) }]);
        assert_eq!((seen.uncollected, seen.tasks[0].cpu), (1, unknown(1)));
    }
}
