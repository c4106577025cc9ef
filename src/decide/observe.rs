//! From statistics to a group's averages: rule J7.

use crate::decide::group::{GroupObservation, TaskAverage, TaskObservation};
use crate::domain::{AllocationStats, Percent, Task, TaskGroup, TaskSpan};

const BYTES_PER_MIB: f64 = 1024.0 * 1024.0;

/// Averages each task of a group over the group's running allocations (J7). `samples` has one entry a running
/// allocation: its statistics, or nothing where they could not be had (J12).
#[must_use]
pub fn observe_group(group: &TaskGroup, deploying: bool, samples: &[Option<AllocationStats>]) -> GroupObservation {
    let throughout = group.tasks.iter().filter(|task| task.span == TaskSpan::Throughout);
    GroupObservation {
        count: group.count,
        running: samples.len(),
        deploying,
        tasks: throughout.map(|task| observe_task(task, samples)).collect(),
    }
}

fn observe_task(task: &Task, samples: &[Option<AllocationStats>]) -> TaskObservation {
    let mut cpu = Mean::default();
    let mut memory = Mean::default();
    for sample in samples {
        let usage = sample.as_ref().and_then(|stats| stats.tasks.iter().find(|usage| usage.task == task.name));
        cpu.add(usage.and_then(|usage| usage.cpu_mhz));
        memory.add(usage.and_then(|usage| usage.memory.resident_bytes()).map(|bytes| bytes as f64 / BYTES_PER_MIB));
    }
    TaskObservation {
        task: task.name.clone(),
        cpu: cpu.as_share_of(task.cpu.0 as f64),
        memory: memory.as_share_of(task.memory.0 as f64),
    }
}

/// A mean over what was sampled, and how many samples are missing.
#[derive(Default)]
struct Mean {
    sum: f64,
    sampled: usize,
    missing: usize,
}

impl Mean {
    fn add(&mut self, sample: Option<f64>) {
        match sample {
            Some(value) if value.is_finite() && value >= 0.0 => {
                self.sum += value;
                self.sampled += 1;
            }
            _ => self.missing += 1,
        }
    }

    /// The mean in percent of what a task asks for; of a task that asks for nothing, nothing can be said.
    fn as_share_of(&self, asked_for: f64) -> TaskAverage {
        let known = self.sampled > 0 && asked_for > 0.0;
        let percent = known.then(|| Percent(100.0 * self.sum / self.sampled as f64 / asked_for));
        TaskAverage { percent, missing: self.missing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{MemoryStats, TaskUsage};

    fn group() -> TaskGroup {
        let tasks = ["web", "log"].map(|name| crate::testing::task(name, 500, 256));
        TaskGroup { count: 3, tasks: tasks.into(), ..crate::testing::task_group("g", crate::domain::Meta::new()) }
    }

    #[expect(clippy::unnecessary_wraps, reason = "a sample is what may be missing")]
    fn sample(cpu_mhz: Option<f64>, memory_mib: Option<u64>) -> Option<AllocationStats> {
        let memory = MemoryStats { rss: memory_mib.map(|mib| mib * 1024 * 1024), usage: None };
        Some(AllocationStats { tasks: vec![TaskUsage { task: "web".into(), cpu_mhz, memory }], collected: true })
    }

    fn percent(value: f64, missing: usize) -> TaskAverage {
        TaskAverage { percent: Some(Percent(value)), missing }
    }

    #[test]
    fn j7_averages_each_task_over_the_running_allocations() {
        let seen = observe_group(&group(), false, &[sample(Some(500.0), Some(128)), sample(Some(250.0), Some(64))]);
        assert_eq!((seen.count, seen.running), (3, 2));
        assert_eq!(seen.tasks[0].cpu, percent(75.0, 0));
        assert_eq!(seen.tasks[0].memory, percent(37.5, 0), "a MiB has 1,048,576 bytes");
        let nothing = TaskAverage { percent: None, missing: 2 };
        assert_eq!(seen.tasks[1].cpu, nothing, "the other task has no sample");
    }

    #[test]
    fn j12_missing_and_absurd_samples_are_counted_not_averaged() {
        let absurd = sample(Some(f64::NAN), Some(u64::MAX / (1024 * 1024)));
        let seen = observe_group(&group(), false, &[sample(Some(250.0), Some(64)), None, sample(None, None), absurd]);
        assert_eq!(seen.tasks[0].cpu, percent(50.0, 3));
        assert_eq!(seen.tasks[0].memory, percent(25.0, 3));
    }

    #[test]
    fn j12_a_task_that_runs_briefly_lacks_no_sample() {
        let mut group = group();
        group.tasks[1].span = TaskSpan::Briefly;
        let seen = observe_group(&group, false, &[sample(Some(10.0), Some(64))]);
        assert_eq!(seen.tasks.len(), 1);
    }

    #[test]
    fn j7_of_a_task_that_asks_for_nothing_nothing_can_be_said() {
        let mut group = group();
        group.tasks[0].cpu = crate::domain::MegaHertz(0);
        let seen = observe_group(&group, false, &[sample(Some(10.0), Some(64))]);
        assert_eq!(seen.tasks[0].cpu.percent, None);
    }
}
